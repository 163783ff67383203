// SPDX-License-Identifier: Apache-2.0
// /v1/build, /v1/deploy, /v1/deployments (http-api.md 14, 15; tb-client.md 3 wins).
#include "api/reply.h"
#include "api/services.h"
#include "deploy/deployer.h"
#include "http/multipart.h"
#include "jobs/job_records.h"

namespace kinglet::api {
namespace {

constexpr std::size_t parts_max = 10'000;

struct Sent {
  std::vector<datafile::SourceFile> files;
  /// The published command line client takes part: it does not understand `no_changes` of a build (tb-client.md 3.2).
  bool from_tb = false;
};

Task<Result<Sent>> read_project(http::Request& request) {
  Sent sent;
  sent.from_tb = request.query.contains("cli_version");
  const std::string type(request.headers.get("Content-Type").value_or(""));
  if (http::media_type(type) != "multipart/form-data")
    co_return fail(
        Code::unsupported,
        "send the project as multipart/form-data: one part named data_project:// for each file, with its file name");
  CO_TRY(auto parts,
         co_await http::read_all_parts(*request.body, type, Limits::project_bytes_max, {.parts_max = parts_max}));
  for (auto& part : parts) {
    if (part.head.name == "context://") sent.from_tb = true;
    if (part.head.name != "data_project://") continue;
    if (!part.head.filename || part.head.filename->empty())
      co_return fail(Code::invalid, "a part named data_project:// has no file name");
    sent.files.push_back({.name = std::move(*part.head.filename), .text = std::move(part.body)});
  }
  co_return sent;
}

std::string_view kind_of(std::string_view file) {
  if (file.ends_with(".datasource")) return "datasource";
  if (file.ends_with(".pipe")) return "pipe";
  if (file.ends_with(".connection")) return "connection";
  return "file";
}

std::string text_of(const datafile::Diagnostic& d) {
  std::string text;
  if (d.position.line != 0) text = fmt::format("{}:{}: ", d.position.line, d.position.column);
  text += d.message;
  if (!d.hint.empty()) text += fmt::format(" ({})", d.hint);
  return text;
}

json::array errors_of(const deploy::Outcome& outcome) {
  json::array errors;
  for (const auto& d : outcome.diagnostics)
    if (d.severity == datafile::Severity::error)
      errors.push_back(json::object{{"filename", d.file},
                                    {"type", kind_of(d.file)},
                                    {"error", text_of(d)},
                                    {"line", d.position.line},
                                    {"column", d.position.column}});
  return errors;
}

json::array feedback_of(const deploy::Outcome& outcome, bool with_errors) {
  json::array feedback;
  for (const auto& d : outcome.diagnostics) {
    const bool error = d.severity == datafile::Severity::error;
    if (error && !with_errors) continue;
    const auto slash = d.file.rfind('/');
    const auto base = slash == d.file.npos ? d.file : d.file.substr(slash + 1);
    const auto kind = kind_of(d.file);
    const auto label = kind == "datasource" ? "Datasource" : kind == "pipe" ? "Pipe" : "Connection";
    feedback.push_back(json::object{{"resource", fmt::format("{} {}", label, base)},
                                    {"level", error ? "ERROR" : "WARNING"},
                                    {"message", text_of(d)}});
  }
  return feedback;
}

void add_names(json::object& o, const catalog::ChangeNames& names, std::string_view kind) {
  const auto list = [](const std::vector<std::string>& v) { return json::array(v.begin(), v.end()); };
  o[fmt::format("new_{}_names", kind)] = list(names.created);
  o[fmt::format("changed_{}_names", kind)] = list(names.changed);
  o[fmt::format("deleted_{}_names", kind)] = list(names.deleted);
}

void add_changes(json::object& o, const catalog::ChangeNames& data_sources, const catalog::ChangeNames& pipes,
                 const catalog::ChangeNames& connections) {
  add_names(o, data_sources, "datasource");
  add_names(o, pipes, "pipe");
  add_names(o, connections, "data_connector");
}

json::object show(const catalog::Deployment& d) {
  json::array feedback;
  for (const auto& f : d.feedback)
    feedback.push_back(json::object{{"resource", f.resource}, {"level", f.level}, {"message", f.message}});
  json::object o{{"id", d.id},
                 {"status", catalog::deployment_status_name(d.status)},
                 {"live", d.live},
                 {"created_at", catalog::format_time(d.created_at).substr(0, 19)},
                 {"updated_at", catalog::format_time(d.updated_at).substr(0, 19)},
                 {"feedback", std::move(feedback)},
                 {"errors", json::array{}}};
  add_changes(o, d.data_sources, d.pipes, d.connections);
  return o;
}

/// Build and deploy answer JSON with `result` in every case, or clients hide the message (http-api.md 14.3).
http::Response failed_reply(const Error& error, bool build) {
  auto response = error_reply(error);
  const auto text = error.hint.empty() ? error.message : error.message + ". " + error.hint;
  json::object body{{"result", "failed"}, {"error", text}};
  body["errors"] = json::array{json::object{{"error", text}}};
  if (!build) body["deployment"] = json::object{{"errors", body["errors"]}, {"feedback", json::array{}}};
  response.body = json::write(body);
  return response;
}

/// What a deployment that is live now did to data sources, for `tinybird.datasources_ops_log`. `since`: when it began.
void record_changes(const Call& call, const catalog::Workspace& before, const deploy::Outcome& outcome,
                    WallTime since) {
  if (outcome.result != deploy::Outcome::Result::success || !outcome.deployment || !outcome.deployment->live) return;
  const auto now = call.services.catalog.snapshot()->workspace(before.id);
  const auto record = [&](const std::vector<std::string>& names, const catalog::Workspace* in, const char* event) {
    for (const auto& name : names) {
      const auto source = in == nullptr ? nullptr : in->resources->data_sources.find(name);
      if (!source) continue;
      auto operation = jobs::operation_record(before, *source, event, since);
      operation.operation_id = fmt::format("deployment_{}", outcome.deployment->id);
      operation.request_id = call.request.id;
      call.services.observer.record(std::move(operation));
    }
  };
  record(outcome.data_sources.created, now.get(), "create");
  record(outcome.data_sources.changed, now.get(), "alter");
  record(outcome.data_sources.deleted, &before, "drop");
}

Task<Result<http::Response>> build_now(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_deploy());
  CO_TRY(auto sent, co_await read_project(call.request));
  deploy::Request request{.workspace_id = access.workspace().id,
                          .files = std::move(sent.files),
                          .mode = deploy::Mode::build,
                          .allow_destructive = true,
                          .deployment_id = {}};
  const auto since = wall_now();
  CO_TRY(const auto outcome, co_await call.services.deployer.deploy(std::move(request)));
  record_changes(call, access.workspace(), outcome, since);
  using Kind = deploy::Outcome::Result;
  if (outcome.result == Kind::failed)
    co_return json_reply(
        json::object{{"result", "failed"}, {"error", "the project has errors"}, {"errors", errors_of(outcome)}});
  json::object build{
      {"feedback", feedback_of(outcome, false)}, {"datasources", json::array{}}, {"pipes", json::array{}}};
  build["id"] = outcome.deployment ? outcome.deployment->id : "";
  const auto resources = call.services.catalog.snapshot()->workspace(access.workspace().id)->resources;
  for (const auto& [name, source] : resources->data_sources.by_name())
    build["datasources"].as_array().push_back(json::object{{"name", name}, {"type", "datasource"}});
  for (const auto& [name, pipe] : resources->pipes.by_name())
    build["pipes"].as_array().push_back(json::object{
        {"name", name}, {"type", pipe->definition.type == datafile::PipeType::endpoint ? "endpoint" : "pipe"}});
  add_changes(build, outcome.data_sources, outcome.pipes, outcome.connections);
  const bool same = outcome.result == Kind::no_changes && !sent.from_tb;
  co_return json_reply(json::object{{"result", same ? "no_changes" : "success"}, {"build", std::move(build)}});
}

Task<Result<http::Response>> build(Call& call) {
  auto reply = co_await build_now(call);
  if (!reply) co_return failed_reply(reply.error(), true);
  co_return reply;
}

Task<Result<http::Response>> deploy_now(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_deploy());
  const auto flag = [&](std::string_view name) { return call.request.query.get(name) == "true"; };
  const bool check = flag("check"), promote = flag("auto_promote");
  if (!check) {
    for (const auto& d : *access.workspace().deployments)
      if (!d->live && d->status != catalog::DeploymentStatus::deleted && d->status != catalog::DeploymentStatus::failed)
        co_return fail(Code::conflict,
                       "there is already a deployment in progress: #{} waits to be promoted or discarded", d->id);
  }
  CO_TRY(auto sent, co_await read_project(call.request));
  deploy::Request request{.workspace_id = access.workspace().id,
                          .files = std::move(sent.files),
                          .mode = check     ? deploy::Mode::check
                                  : promote ? deploy::Mode::live
                                            : deploy::Mode::stage,
                          .allow_destructive = flag("allow_destructive_operations"),
                          .deployment_id = {}};
  const auto since = wall_now();
  CO_TRY(const auto outcome, co_await call.services.deployer.deploy(std::move(request)));
  record_changes(call, access.workspace(), outcome, since);
  using Kind = deploy::Outcome::Result;
  const bool failed = outcome.result == Kind::failed;
  json::object deployment;
  if (outcome.deployment) deployment = show(*outcome.deployment);
  deployment["feedback"] = feedback_of(outcome, true);
  deployment["errors"] = errors_of(outcome);
  if (!outcome.deployment) {
    deployment["status"] = failed ? "failed" : "data_ready";
    deployment["live"] = false;
    add_changes(deployment, outcome.data_sources, outcome.pipes, outcome.connections);
  }
  json::object body{{"result", failed ? "failed" : outcome.result == Kind::no_changes ? "no_changes" : "success"}};
  if (failed) body["errors"] = deployment["errors"];
  body["deployment"] = std::move(deployment);
  co_return json_reply(body);
}

Task<Result<http::Response>> deploy_project(Call& call) {
  auto reply = co_await deploy_now(call);
  if (!reply) co_return failed_reply(reply.error(), false);
  co_return reply;
}

/// Live first, staging last: `deployment promote` of the published client relies on it (tb-client.md 3.7).
Task<Result<http::Response>> list(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_deploy());
  const bool deleted = call.request.query.get("include_deleted") == "true";
  json::array live, others;
  for (const auto& d : *access.workspace().deployments) {
    const bool gone =
        d->status == catalog::DeploymentStatus::deleted || d->status == catalog::DeploymentStatus::deleting;
    if (gone && !deleted) continue;
    (d->live ? live : others).push_back(show(*d));
  }
  for (auto& d : others) live.push_back(std::move(d));
  co_return json_reply(json::object{{"deployments", std::move(live)}});
}

Task<Result<http::Response>> get(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_deploy());
  const auto d = access.workspace().deployment(call.path[0]);
  if (!d) co_return fail(Code::not_found, "there is no deployment #{}", call.path[0].substr(0, 32));
  co_return json_reply(json::object{{"result", "success"}, {"deployment", show(*d)}});
}

Task<Result<http::Response>> set_live(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_deploy());
  const auto d = access.workspace().deployment(call.path[0]);
  if (!d) co_return fail(Code::not_found, "there is no deployment #{}", call.path[0].substr(0, 32));
  if (d->live) co_return json_reply(json::object{{"result", "success"}, {"deployment", show(*d)}});
  if (d->status != catalog::DeploymentStatus::data_ready)
    co_return fail(Code::conflict, "deployment #{} is {}, so it cannot become live", d->id,
                   catalog::deployment_status_name(d->status));
  const auto since = wall_now();
  CO_TRY(const auto outcome, co_await call.services.deployer.promote(access.workspace().id, d->id));
  record_changes(call, access.workspace(), outcome, since);
  if (outcome.result == deploy::Outcome::Result::failed)
    co_return json_reply(json::object{{"result", "failed"},
                                      {"error", "the project no longer fits the workspace"},
                                      {"errors", errors_of(outcome)}},
                         400);
  const auto after = call.services.catalog.snapshot()->workspace(access.workspace().id)->deployment(d->id);
  co_return json_reply(json::object{{"result", "success"}, {"deployment", show(after ? *after : *d)}});
}

Task<Result<http::Response>> discard(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_deploy());
  const auto d = access.workspace().deployment(call.path[0]);
  if (!d) co_return fail(Code::not_found, "there is no deployment #{}", call.path[0].substr(0, 32));
  if (d->live) co_return fail(Code::conflict, "deployment #{} is live; deploy another one first", d->id);
  if (d->status != catalog::DeploymentStatus::deleted) {
    auto change = [workspace = access.workspace().id, id = d->id](catalog::Transaction& t) {
      return t.set_deployment_status(workspace, id, catalog::DeploymentStatus::deleted);
    };
    CO_TRY(const auto after, co_await call.services.catalog.update(std::move(change)));
  }
  co_return json_reply(json::object{{"result", "success"}});
}

}  // namespace

void add_deploy_routes(Router& router, Services& services) {
  using http::Method;
  router.add(Method::post, "/v1/build", handle(services, build));
  router.add(Method::post, "/v1/deploy", handle(services, deploy_project));
  router.add(Method::get, "/v1/deployments", handle(services, list));
  router.add(Method::get, "/v1/deployments/{id}", handle(services, get));
  router.add(Method::post, "/v1/deployments/{id}/set-live", handle(services, set_live));
  router.add(Method::delete_, "/v1/deployments/{id}", handle(services, discard));
}

}  // namespace kinglet::api
