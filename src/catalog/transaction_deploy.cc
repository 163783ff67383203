// SPDX-License-Identifier: Apache-2.0
// Deployments: resources, their tokens and the record change together.
#include "base/check.h"
#include "catalog/store.h"
#include "catalog/transaction.h"

namespace kinglet::catalog {

using internal::ResourceKind;
using internal::ResourceRow;

namespace {

/// Id and created_at follow the name; a new name gets new ones. Notes the change for the deployment's lists.
template <class T>
void inherit(T& next, const std::shared_ptr<const T>& former, Time now, ChangeNames& names) {
  if (next.id.empty()) next.id = former ? former->id : new_resource_id();
  next.created_at = former ? former->created_at : now;
  next.updated_at = now;
  (former ? names.changed : names.created).push_back(next.name);
}

template <class T>
ResourceRow row_of(ResourceKind kind, const T& resource, std::vector<std::string> physical) {
  return {.kind = kind,
          .name = resource.name,
          .id = resource.id,
          .file = resource.file,
          .text = resource.text,
          .physical = std::move(physical),
          .created_at = resource.created_at,
          .updated_at = resource.updated_at};
}

/// A name or an id leads to one resource of the workspace, whatever its kind.
Status check_unique(const Resources& resources, ResourceKind kind, const std::string& name, const std::string& id) {
  const auto clash = [&](ResourceKind other, const auto& found, std::string_view word) -> Status {
    if (found && (other != kind || found->name != name))
      return fail(Code::conflict, "'{}' is already the name or id of a {}", name, word);
    return {};
  };
  for (const std::string& text : {name, id}) {
    TRY_VOID(clash(ResourceKind::data_source, resources.data_sources.find(text), "data source"));
    TRY_VOID(clash(ResourceKind::pipe, resources.pipes.find(text), "pipe"));
  }
  return {};
}

std::shared_ptr<const Deployment> with(const Deployment& deployment, DeploymentStatus status, bool live, Time now) {
  auto next = std::make_shared<Deployment>(deployment);
  next->status = status;
  next->live = live;
  next->updated_at = now;
  return next;
}

Error no_deployment(std::string_view id) {
  return {.code = Code::not_found, .message = fmt::format("There is no deployment with id '{}'", id)};
}

}  // namespace

Status Transaction::put_data_source(Draft& draft, DataSource source, ChangeNames& names) {
  auto& all = draft.edit_resources().data_sources;
  inherit(source, all.find(source.name), now_, names);
  TRY_VOID(check_unique(*draft.workspace->resources, ResourceKind::data_source, source.name, source.id));
  if (source.table.empty() || source.quarantine_table.empty())
    return fail(Code::internal, "the data source '{}' came without physical table names", source.name);
  TRY_VOID(store_.put_resource(draft.workspace->id,
                               row_of(ResourceKind::data_source, source, {source.table, source.quarantine_table})));
  all.put(std::make_shared<const DataSource>(std::move(source)));
  return {};
}

Status Transaction::put_pipe(Draft& draft, Pipe pipe, ChangeNames& names) {
  auto& all = draft.edit_resources().pipes;
  const auto former = all.find(pipe.name);
  inherit(pipe, former, now_, names);
  TRY_VOID(check_unique(*draft.workspace->resources, ResourceKind::pipe, pipe.name, pipe.id));
  if (pipe.definition.nodes.empty() || pipe.definition.output_node >= pipe.definition.nodes.size())
    return fail(Code::internal, "the pipe '{}' came without nodes", pipe.name);
  std::map<std::string_view, std::string_view> ids;
  if (former)
    for (std::size_t i = 0; i < former->definition.nodes.size(); ++i)
      ids[former->definition.nodes[i].name] = former->node_ids[i];
  pipe.node_ids.clear();
  for (const datafile::Node& node : pipe.definition.nodes) {
    const auto known = ids.find(node.name);
    pipe.node_ids.push_back(known != ids.end() ? std::string(known->second) : new_resource_id());
  }
  std::vector<std::string> physical{pipe.view};
  physical.insert(physical.end(), pipe.node_ids.begin(), pipe.node_ids.end());
  TRY_VOID(store_.put_resource(draft.workspace->id, row_of(ResourceKind::pipe, pipe, std::move(physical))));
  all.put(std::make_shared<const Pipe>(std::move(pipe)));
  return {};
}

Status Transaction::put_connection(Draft& draft, Connection connection, ChangeNames& names) {
  auto& all = draft.edit_resources().connections;
  inherit(connection, all.find(connection.name), now_, names);
  TRY_VOID(store_.put_resource(draft.workspace->id, row_of(ResourceKind::connection, connection, {})));
  all.put(std::make_shared<const Connection>(std::move(connection)));
  return {};
}

Status Transaction::put_deployment(Draft& draft, std::shared_ptr<const Deployment> deployment) {
  TRY_VOID(store_.put_deployment(draft.workspace->id, *deployment));
  DeploymentList& list = draft.edit_deployments();
  const auto same = std::ranges::find_if(list, [&](const auto& one) { return one->id == deployment->id; });
  if (same != list.end())
    *same = std::move(deployment);
  else
    list.push_back(std::move(deployment));
  auto deleted = std::ranges::count_if(list, [](const auto& one) { return one->status == DeploymentStatus::deleted; });
  for (auto it = list.begin();
       deleted > static_cast<std::ptrdiff_t>(Limits::deployments_kept_max) && it != list.end();) {
    if ((*it)->status != DeploymentStatus::deleted) {
      ++it;
      continue;
    }
    TRY_VOID(store_.remove_deployment(draft.workspace->id, (*it)->id));
    it = list.erase(it);
    --deleted;
  }
  return {};
}

Result<std::shared_ptr<const Deployment>> Transaction::record_deployment(std::string_view workspace_id,
                                                                         Deployment deployment,
                                                                         std::vector<File> files) {
  TRY(Draft* const draft, edit(workspace_id));
  // The newest record is never forgotten, so this never repeats an id.
  std::uint64_t newest = 0;
  for (const auto& one : *draft->workspace->deployments) {
    std::uint64_t number = 0;
    std::from_chars(one->id.data(), one->id.data() + one->id.size(), number);
    newest = std::max(newest, number);
  }
  deployment.id = std::to_string(newest + 1);
  deployment.live = false;
  deployment.created_at = deployment.updated_at = now_;
  TRY_VOID(store_.put_files(draft->workspace->id, deployment.id, files));
  auto made = std::make_shared<const Deployment>(std::move(deployment));
  TRY_VOID(put_deployment(*draft, made));
  return made;
}

Result<std::shared_ptr<const Deployment>> Transaction::set_deployment_status(std::string_view workspace_id,
                                                                             std::string_view deployment_id,
                                                                             DeploymentStatus status,
                                                                             std::vector<Feedback> feedback) {
  TRY(Draft* const draft, edit(workspace_id));
  const auto former = draft->workspace->deployment(deployment_id);
  if (!former) return fail(no_deployment(deployment_id));
  if (former->live) return fail(Code::conflict, "deployment '{}' is live", deployment_id);
  auto next = std::make_shared<Deployment>(*former);
  next->status = status;
  next->updated_at = now_;
  next->feedback.insert(next->feedback.end(), std::make_move_iterator(feedback.begin()),
                        std::make_move_iterator(feedback.end()));
  TRY_VOID(put_deployment(*draft, next));
  return next;
}

Result<std::vector<File>> Transaction::deployment_files(std::string_view workspace_id, std::string_view deployment_id) {
  TRY(const auto found, workspace(workspace_id));
  if (!found->deployment(deployment_id)) return fail(no_deployment(deployment_id));
  return store_.files(found->id, std::string(deployment_id));
}

Result<std::shared_ptr<const Deployment>> Transaction::apply_deployment(std::string_view workspace_id,
                                                                        DeploymentChange change) {
  TRY(Draft* const draft, edit(workspace_id));
  Deployment record;
  record.is_build = change.is_build;
  record.feedback = std::move(change.feedback);
  if (!change.deployment_id.empty()) {
    const auto former = draft->workspace->deployment(change.deployment_id);
    if (!former) return fail(no_deployment(change.deployment_id));
    if (former->live || (former->status != DeploymentStatus::pending && former->status != DeploymentStatus::data_ready))
      return fail(Code::conflict, "deployment '{}' cannot become live: it is {}", former->id,
                  former->live ? "live already" : deployment_status_name(former->status));
    std::vector<Feedback> feedback = std::move(record.feedback);
    record = *former;
    record.feedback.insert(record.feedback.end(), feedback.begin(), feedback.end());
    // The lists are made anew from what changes below.
    record.data_sources = record.pipes = record.connections = ChangeNames{};
  }

  const std::string& id = draft->workspace->id;
  const auto remove = [&](auto& map, ResourceKind kind, std::vector<std::string>& names, ChangeNames& lists) -> Status {
    for (std::string& name : names) {
      if (!map.by_name().contains(name)) return fail(Code::conflict, "'{}' cannot be removed: it does not exist", name);
      TRY_VOID(store_.remove_resource(id, kind, name));
      map.remove(name);
      lists.deleted.push_back(std::move(name));
    }
    return {};
  };
  Resources& resources = draft->edit_resources();
  resources.version = next_->version;
  // Removals first: a name may move from a pipe to a data source.
  TRY_VOID(remove(resources.data_sources, ResourceKind::data_source, change.removed_data_sources, record.data_sources));
  TRY_VOID(remove(resources.pipes, ResourceKind::pipe, change.removed_pipes, record.pipes));
  TRY_VOID(remove(resources.connections, ResourceKind::connection, change.removed_connections, record.connections));
  for (DataSource& one : change.data_sources) TRY_VOID(put_data_source(*draft, std::move(one), record.data_sources));
  for (Pipe& one : change.pipes) TRY_VOID(put_pipe(*draft, std::move(one), record.pipes));
  for (Connection& one : change.connections) TRY_VOID(put_connection(*draft, std::move(one), record.connections));
  TRY_VOID(follow_file_tokens(*draft));

  if (const auto former = draft->workspace->live_deployment())
    TRY_VOID(put_deployment(*draft, with(*former, DeploymentStatus::deleted, false, now_)));
  if (record.id.empty()) {
    TRY(const auto made, record_deployment(id, std::move(record), std::move(change.files)));
    record = *made;
  }
  auto live = with(record, DeploymentStatus::data_ready, true, now_);
  TRY_VOID(put_deployment(*draft, live));
  return live;
}

}  // namespace kinglet::catalog
