// SPDX-License-Identifier: Apache-2.0
// /v0/tokens: static tokens and JWTs (http-api.md 7, tb-client.md 4.5).
#include <charconv>

#include "api/reply.h"
#include "api/services.h"
#include "auth/jwt.h"
#include "auth/scope_text.h"
#include "base/clock.h"

namespace kinglet::api {
namespace {

json::object show(const catalog::Token& token) {
  json::array scopes;
  for (const auto& scope : token.all_scopes()) {
    json::object o{{"type", catalog::scope_kind_name(scope.kind)}};
    if (!scope.resource.empty()) o["resource"] = scope.resource;
    if (!scope.filter.empty()) o["filter"] = scope.filter;
    scopes.push_back(std::move(o));
  }
  return {{"id", token.id},
          {"name", token.name},
          {"description", token.description},
          {"scopes", std::move(scopes)},
          {"token", token.value},
          {"origin", token.origin == catalog::TokenOrigin::datafile ? "DATAFILE" : "C"}};
}

/// A token that can do more than the caller may hand out is not the caller's to see or change (platform.md 2.3).
bool within_reach(const auth::Access& access, const catalog::Token& token) {
  return access.is_admin() || std::ranges::all_of(token.all_scopes(), [&](const auto& scope) {
           return access.may_grant(scope).has_value();
         });
}

/// By id, name or value (platform.md 2.6).
Result<std::shared_ptr<const catalog::Token>> reachable_token(const Call& call, const auth::Access& access,
                                                              std::string_view reference) {
  auto token = call.snapshot->token(access.workspace(), reference);
  if (!token || !within_reach(access, *token))
    return fail(Code::not_found, "there is no token with this id, name or value");
  return token;
}

/// The scopes of a request, each allowed to be granted by the caller.
Result<std::vector<catalog::Scope>> granted_scopes(const auth::Access& access, const Fields& fields) {
  std::vector<std::string> texts;
  for (const auto text : fields.values.get_all("scope")) texts.emplace_back(text);
  TRY(auto scopes, auth::parse_scopes(texts));
  for (const auto& scope : scopes) TRY_VOID(access.may_grant(scope));
  TRY_VOID(auth::check_resources_exist(access.workspace(), scopes));
  return scopes;
}

Task<Result<http::Response>> list(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_manage_tokens());
  json::array tokens;
  for (const auto& [id, token] : access.workspace().tokens->by_id())
    if (within_reach(access, *token)) tokens.push_back(show(*token));
  co_return json_reply(json::object{{"tokens", std::move(tokens)}});
}

Task<Result<http::Response>> create_jwt(const auth::Access& access, const Fields& fields, std::string_view expiration) {
  auth::JwtClaims claims;
  const auto [end, error] =
      std::from_chars(expiration.data(), expiration.data() + expiration.size(), claims.expires_at);
  if (error != std::errc() || end != expiration.data() + expiration.size())
    co_return fail(Code::invalid, "expiration_time is a Unix time in seconds, not '{}'", expiration);
  claims.workspace_id = access.workspace().id;
  claims.name = fields.get("name").value_or("");
  const auto* document = fields.document.if_object();
  const auto* scopes = document == nullptr ? nullptr : document->if_contains("scopes");
  if (scopes == nullptr) co_return fail(Code::invalid, "the body of a JWT request is a JSON object with `scopes`");
  CO_TRY(claims.grants, auth::parse_jwt_scopes(*scopes));
  if (const auto* limits = document->if_contains("limits"); limits != nullptr && limits->is_object())
    if (const auto* rps = limits->get_object().if_contains("rps"); rps != nullptr && rps->is_number())
      claims.requests_per_second = rps->to_number<double>();
  CO_TRY(auto token, auth::create_jwt(access.workspace(), claims, wall_now()));
  co_return json_reply(json::object{{"token", std::move(token)}});
}

Task<Result<http::Response>> create(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_manage_tokens());
  CO_TRY(const auto fields, co_await read_fields(call.request));
  if (const auto expiration = fields.get("expiration_time")) {
    auto reply = co_await create_jwt(access, fields, *expiration);
    co_return reply;
  }
  catalog::NewToken token;
  token.name = fields.get("name").value_or("");
  token.description = fields.get("description").value_or("");
  if (token.name.empty()) co_return fail(Code::invalid, "the field `name` is missing: the token's name");
  CO_TRY(token.scopes, granted_scopes(access, fields));
  if (token.scopes.empty())
    co_return fail(Code::invalid, "the field `scope` is missing: at least one, such as PIPES:READ:my_endpoint");
  auto change = [workspace = access.workspace().id, token](catalog::Transaction& t) {
    return t.create_token(workspace, token);
  };
  CO_TRY(const auto made, co_await call.services.catalog.update(std::move(change)));
  co_return json_reply(show(*made));
}

Task<Result<http::Response>> get(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_manage_tokens());
  CO_TRY(const auto token, reachable_token(call, access, call.path[0]));
  co_return json_reply(show(*token));
}

Task<Result<http::Response>> put(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_manage_tokens());
  CO_TRY(const auto known, reachable_token(call, access, call.path[0]));
  CO_TRY(const auto fields, co_await read_fields(call.request));
  catalog::TokenUpdate update;
  if (const auto name = fields.get("name")) update.name = std::string(*name);
  if (const auto description = fields.get("description")) update.description = std::string(*description);
  if (fields.values.contains("scope")) {
    CO_TRY(update.scopes, granted_scopes(access, fields));
  }
  auto change = [workspace = access.workspace().id, reference = known->id, update](catalog::Transaction& t) {
    return t.update_token(workspace, reference, update);
  };
  CO_TRY(const auto token, co_await call.services.catalog.update(std::move(change)));
  co_return json_reply(show(*token));
}

Task<Result<http::Response>> refresh(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_manage_tokens());
  CO_TRY(const auto known, reachable_token(call, access, call.path[0]));
  auto change = [workspace = access.workspace().id, reference = known->id](catalog::Transaction& t) {
    return t.refresh_token(workspace, reference);
  };
  CO_TRY(const auto token, co_await call.services.catalog.update(std::move(change)));
  co_return json_reply(show(*token));
}

Task<Result<http::Response>> remove(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_manage_tokens());
  CO_TRY(const auto known, reachable_token(call, access, call.path[0]));
  auto change = [workspace = access.workspace().id, reference = known->id](catalog::Transaction& t) -> Result<bool> {
    TRY_VOID(t.delete_token(workspace, reference));
    return true;
  };
  CO_TRY(const bool ok, co_await call.services.catalog.update(std::move(change)));
  co_return json_reply(json::object{{"ok", ok}});
}

}  // namespace

void add_token_routes(Router& router, Services& services) {
  router.add(http::Method::get, "/v0/tokens", handle(services, list));
  router.add(http::Method::post, "/v0/tokens", handle(services, create));
  router.add(http::Method::get, "/v0/tokens/{token}", handle(services, get));
  router.add(http::Method::put, "/v0/tokens/{token}", handle(services, put));
  router.add(http::Method::delete_, "/v0/tokens/{token}", handle(services, remove));
  router.add(http::Method::post, "/v0/tokens/{token}/refresh", handle(services, refresh));
}

}  // namespace kinglet::api
