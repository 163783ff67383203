// SPDX-License-Identifier: Apache-2.0
// Workspaces of this server, and the side questions that clients ask before they work (http-api.md 11, tb-client.md
// 2-4).
#include "api/reply.h"
#include "api/services.h"
#include "deploy/deployer.h"

namespace kinglet::api {
namespace {

json::object show(const catalog::Snapshot& snapshot, const catalog::Workspace& workspace, bool with_token) {
  const auto& account = *snapshot.account;
  json::object o{
      {"id", workspace.id},
      {"name", workspace.name},
      {"role", "admin"},
      {"owner", account.user_id},
      {"plan", "Custom"},
      {"is_branch", false},
      {"main", nullptr},
      {"created_at", catalog::format_time(workspace.created_at)},
      {"members", json::array{json::object{{"id", account.user_id}, {"email", account.email}, {"role", "admin"}}}}};
  if (with_token) o["token"] = workspace.admin_token->value;
  return o;
}

/// The workspace of the token.
Task<Result<http::Response>> current(Call& call) {
  CO_TRY(const auto access, call.authenticate());
  if (access.identity().workspace == nullptr) CO_TRY_VOID(access.may_list_workspaces());
  const auto workspace = access.identity().workspace ? access.identity().workspace : call.snapshot->default_workspace();
  if (access.identity().kind == auth::TokenKind::workspace) CO_TRY_VOID(access.may_read_workspace());
  if (access.identity().kind == auth::TokenKind::jwt)
    co_return fail(Code::forbidden, "a JWT reads endpoints and data sources only");
  const auto& account = *call.snapshot->account;
  co_return json_reply(json::object{{"id", workspace->id},
                                    {"name", workspace->name},
                                    {"user_id", account.user_id},
                                    {"user_email", account.email},
                                    {"scope", access.identity().kind == auth::TokenKind::workspace ? "admin" : "user"},
                                    {"main", nullptr},
                                    {"releases", json::array{}}});
}

Task<Result<http::Response>> list(Call& call) {
  CO_TRY(const auto access, call.authenticate());
  CO_TRY_VOID(access.may_list_workspaces());
  const auto& account = *call.snapshot->account;
  json::array workspaces;
  for (const auto& [id, workspace] : call.snapshot->workspaces) {
    const auto& own = access.identity().workspace;
    if (own && own->id != id) continue;
    if (call.request.query.get("only_environments") == "true") continue;  // branches; there are none
    workspaces.push_back(show(*call.snapshot, *workspace, true));
  }
  co_return json_reply(json::object{{"organization_id", account.organization_id},
                                    {"organization_name", account.organization_name},
                                    {"workspaces", std::move(workspaces)}});
}

Task<Result<http::Response>> create(Call& call) {
  CO_TRY(const auto access, call.authenticate());
  CO_TRY_VOID(access.may_manage_workspaces());
  CO_TRY(const auto fields, co_await read_fields(call.request));
  const std::string name(fields.get("name").value_or(""));
  if (name.empty()) co_return fail(Code::invalid, "the field `name` is missing: the workspace's name");
  auto change = [name](catalog::Transaction& t) { return t.create_workspace(name); };
  CO_TRY(const auto workspace, co_await call.services.catalog.update(std::move(change)));
  CO_TRY_VOID(co_await call.services.deployer.create_database(workspace->database));
  co_return json_reply(show(*call.services.catalog.snapshot(), *workspace, true));
}

Task<Result<http::Response>> get(Call& call) {
  CO_TRY(const auto access, call.authenticate());
  CO_TRY_VOID(access.may_manage_workspaces());
  const auto workspace = call.snapshot->workspace(call.path[0]);
  if (!workspace) co_return fail(Code::not_found, "there is no such workspace");
  co_return json_reply(show(*call.snapshot, *workspace, call.request.query.get("with_token") == "true"));
}

Task<Result<http::Response>> remove(Call& call) {
  CO_TRY(const auto access, call.authenticate());
  CO_TRY_VOID(access.may_manage_workspaces());
  const auto workspace = call.snapshot->workspace(call.path[0]);
  if (!workspace) co_return fail(Code::not_found, "there is no such workspace");
  auto change = [id = workspace->id](catalog::Transaction& t) { return t.delete_workspace(id); };
  CO_TRY(const auto deleted, co_await call.services.catalog.update(std::move(change)));
  CO_TRY_VOID(co_await call.services.deployer.drop_database(deleted->database));
  co_return json_reply(show(*call.snapshot, *deleted, false));
}

/// Whether the token is good, and whose it is (tb-client.md 4.9).
Task<Result<http::Response>> check_token(Call& call) {
  const auto access = call.authenticate();
  const bool user = access && access->identity().kind == auth::TokenKind::user;
  co_return json_reply(json::object{{"is_valid", access.has_value()}, {"is_user", user}});
}

Task<Result<http::Response>> regions(Call& call) {
  co_return json_reply(json::object{{"regions", json::array{json::object{{"name", "local"},
                                                                         {"api_host", call.services.public_url},
                                                                         {"host", call.services.public_url},
                                                                         {"provider", "local"}}}}});
}

Task<Result<http::Response>> no_branches(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_read_workspace());
  co_return json_reply(json::object{{"environments", json::array{}}});
}

Task<Result<http::Response>> connectors(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_read_workspace());
  json::array list;
  for (const auto& [name, connection] : access.workspace().resources->connections.by_name())
    list.push_back(json::object{{"id", connection->id},
                                {"name", name},
                                {"service", connection->definition.type},
                                {"settings", json::object{}},
                                {"linkers", json::array{}}});
  co_return json_reply(json::object{{"connectors", std::move(list)}});
}

}  // namespace

void add_workspace_routes(Router& router, Services& services) {
  using http::Method;
  router.add(Method::get, "/v1/workspace", handle(services, current));
  router.add(Method::get, "/v0/workspace", handle(services, current));
  router.add(Method::get, "/v1/user/workspaces", handle(services, list));
  router.add(Method::get, "/v0/user/workspaces", handle(services, list));
  router.add(Method::post, "/v1/workspaces", handle(services, create));
  router.add(Method::get, "/v1/workspaces/{workspace}", handle(services, get));
  router.add(Method::delete_, "/v1/workspaces/{workspace}", handle(services, remove));
  router.add(Method::get, "/v0/auth", handle(services, check_token));
  router.add(Method::get, "/v0/regions", handle(services, regions));
  router.add(Method::get, "/v1/environments", handle(services, no_branches));
  router.add(Method::get, "/v0/connectors", handle(services, connectors));
}

}  // namespace kinglet::api
