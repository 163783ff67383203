// SPDX-License-Identifier: Apache-2.0
#include "catalog/load.h"

#include "datafile/parse.h"

namespace kinglet::catalog::internal {

namespace {

Error damaged(std::string_view what) {
  return {.code = Code::unavailable, .message = fmt::format("the catalog is damaged: {}", what)};
}

template <class T, class Definition>
Result<T> fill(ResourceRow& row, datafile::Parsed<Definition> parsed) {
  for (const datafile::Diagnostic& one : parsed.diagnostics)
    if (one.severity == datafile::Severity::error)
      return fail(Code::unavailable, "a datafile stored in the catalog cannot be read by this version: {}",
                  datafile::to_string(one));
  T out;
  out.id = std::move(row.id);
  out.name = std::move(row.name);
  out.file = std::move(row.file);
  out.text = std::move(row.text);
  out.definition = std::move(parsed.resource);
  out.created_at = row.created_at;
  out.updated_at = row.updated_at;
  return out;
}

Result<std::shared_ptr<Resources>> load_resources(Store& store, const std::string& workspace_id) {
  TRY(std::vector<ResourceRow> rows, store.resources(workspace_id));
  auto out = std::make_shared<Resources>();
  for (ResourceRow& row : rows) {
    const datafile::SourceFile file{.name = row.file, .text = row.text};
    switch (row.kind) {
      case ResourceKind::data_source: {
        TRY(DataSource source, fill<DataSource>(row, datafile::parse_data_source(file)));
        if (row.physical.size() != 2) return fail(damaged("a data source has no table"));
        source.table = row.physical[0];
        source.quarantine_table = row.physical[1];
        out->data_sources.put(std::make_shared<const DataSource>(std::move(source)));
        break;
      }
      case ResourceKind::pipe: {
        TRY(Pipe pipe, fill<Pipe>(row, datafile::parse_pipe(file)));
        if (row.physical.size() != pipe.definition.nodes.size() + 1 || pipe.definition.nodes.empty())
          return fail(damaged("a pipe has other nodes than its text"));
        pipe.view = row.physical[0];
        pipe.node_ids.assign(row.physical.begin() + 1, row.physical.end());
        out->pipes.put(std::make_shared<const Pipe>(std::move(pipe)));
        break;
      }
      case ResourceKind::connection: {
        TRY(Connection connection, fill<Connection>(row, datafile::parse_connection(file)));
        out->connections.put(std::make_shared<const Connection>(std::move(connection)));
        break;
      }
    }
  }
  return out;
}

Status load_account(Store& store, Snapshot& snapshot, TokenIndex& index) {
  TRY(const auto settings, store.settings());
  const auto value = [&](const char* key) {
    const auto it = settings.find(key);
    return it == settings.end() ? std::string() : it->second;
  };
  auto account = std::make_shared<Account>();
  account->user_id = value("user_id");
  account->email = value("email");
  account->organization_id = value("organization_id");
  account->organization_name = value("organization_name");
  snapshot.default_workspace_id = value("default_workspace_id");
  TRY(std::vector<Token> tokens, store.tokens(""));
  for (Token& one : tokens) {
    auto token = std::make_shared<const Token>(std::move(one));
    index[hash_token(token->value)] = TokenPlace{.workspace_id = "", .token = token};
    (token->name == "user token" ? account->user_token : account->admin_token) = token;
  }
  snapshot.account = std::move(account);
  return {};
}

Result<std::shared_ptr<Workspace>> load_workspace(Store& store, WorkspaceRow row, TokenIndex& index) {
  auto out = std::make_shared<Workspace>();
  out->id = std::move(row.id);
  out->name = std::move(row.name);
  out->database = std::move(row.database);
  out->created_at = row.created_at;

  TRY(std::vector<Token> tokens, store.tokens(out->id));
  auto set = std::make_shared<TokenSet>();
  for (Token& one : tokens) {
    auto token = std::make_shared<const Token>(std::move(one));
    index[hash_token(token->value)] = TokenPlace{.workspace_id = out->id, .token = token};
    if (token->id == row.admin_token_id) out->admin_token = token;
    set->put(std::move(token));
  }
  if (!out->admin_token) return fail(damaged("a workspace has no admin token"));
  out->tokens = std::move(set);

  TRY(out->resources, load_resources(store, out->id));

  auto deployments = std::make_shared<DeploymentList>();
  TRY(std::vector<Deployment> deployment_rows, store.deployments(out->id));
  for (Deployment& one : deployment_rows) deployments->push_back(std::make_shared<const Deployment>(std::move(one)));
  out->deployments = std::move(deployments);

  auto jobs = std::make_shared<JobList>();
  TRY(std::vector<Job> job_rows, store.jobs(out->id));
  for (Job& one : job_rows) jobs->push_back(std::make_shared<const Job>(std::move(one)));
  out->jobs = std::move(jobs);

  auto variables = std::make_shared<VariableMap>();
  TRY(std::vector<Variable> variable_rows, store.variables(out->id));
  for (Variable& one : variable_rows) {
    std::string name = one.name;
    variables->emplace(std::move(name), std::move(one));
  }
  out->variables = std::move(variables);
  return out;
}

}  // namespace

Result<std::shared_ptr<Snapshot>> load_snapshot(Store& store) {
  auto snapshot = std::make_shared<Snapshot>();
  auto index = std::make_shared<TokenIndex>();
  TRY_VOID(load_account(store, *snapshot, *index));
  TRY(std::vector<WorkspaceRow> rows, store.workspaces());
  for (WorkspaceRow& row : rows) {
    TRY(auto workspace, load_workspace(store, std::move(row), *index));
    std::string id = workspace->id;
    snapshot->workspaces.emplace(std::move(id), std::move(workspace));
  }
  if (!snapshot->default_workspace_id.empty() && !snapshot->default_workspace())
    return fail(damaged("the default workspace is missing"));
  snapshot->token_index = std::move(index);
  return snapshot;
}

}  // namespace kinglet::catalog::internal
