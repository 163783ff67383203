// SPDX-License-Identifier: Apache-2.0
#include "auth/access.h"

#include "auth/jwt.h"
#include "base/check.h"

namespace kinglet::auth {

using catalog::DataSource;
using catalog::Pipe;
using catalog::ScopeKind;

Access::Access(Identity identity) : identity_(std::move(identity)) {
  CHECK(identity_.workspace != nullptr || identity_.kind == TokenKind::user || identity_.kind == TokenKind::admin,
        "only account tokens are without a workspace");
}

const catalog::Workspace& Access::workspace() const {
  CHECK(identity_.workspace != nullptr, "callers ask require_workspace() first");
  return *identity_.workspace;
}

Status Access::require_workspace() const {
  if (identity_.workspace) return {};
  return fail(Code::forbidden, "This token belongs to an account, not to a workspace; use a token of the workspace");
}

bool Access::has(ScopeKind kind) const {
  return std::ranges::any_of(identity_.grants, [&](const Grant& grant) { return grant.scope.kind == kind; });
}

bool Access::has(ScopeKind kind, std::string_view name, std::string_view id) const {
  return std::ranges::any_of(identity_.grants, [&](const Grant& grant) {
    return grant.scope.kind == kind && (grant.scope.resource == name || grant.scope.resource == id);
  });
}

bool Access::names(ScopeKind kind, std::string_view text) const {
  return has(kind, text, text);
}

// ---- yes or no --------------------------------------------------------------------------------------------------

bool Access::is_admin() const {
  return has(ScopeKind::admin);
}
bool Access::reads_all() const {
  return is_admin() || has(ScopeKind::workspace_read_all);
}
bool Access::reads(const Pipe& pipe) const {
  return reads_all() || has(ScopeKind::pipes_read, pipe.name, pipe.id);
}
bool Access::reads(const DataSource& source) const {
  return reads_all() || has(ScopeKind::data_sources_read, source.name, source.id);
}
bool Access::reads_quarantine(const DataSource& source) const {
  // A JWT's filter speaks of columns that the quarantine twin has as raw text: it could not be kept there.
  return identity_.kind != TokenKind::jwt && reads(source);
}
bool Access::appends(const DataSource& source) const {
  return is_admin() || has(ScopeKind::data_sources_create) ||
         has(ScopeKind::data_sources_append, source.name, source.id);
}

// ---- with an answer ---------------------------------------------------------------------------------------------

namespace {

Status decide(bool allowed, std::string_view action, std::string_view scopes) {
  if (allowed) return {};
  return fail(Code::forbidden, "The token may not {}: it needs the scope {}", action, scopes);
}

// One text for each look-up, whether the thing exists or not (A5).
std::unexpected<Error> no_pipe(std::string_view name) {
  return fail(Code::forbidden, "The token may not read the pipe '{}': it needs the scope PIPES:READ:{}", name, name);
}
std::unexpected<Error> no_read(std::string_view name) {
  return fail(Code::forbidden, "The token may not read the data source '{}': it needs the scope DATASOURCES:READ:{}",
              name, name);
}
std::unexpected<Error> no_append(std::string_view name) {
  return fail(Code::forbidden,
              "The token may not append to the data source '{}': it needs the scope DATASOURCES:APPEND:{}", name, name);
}

}  // namespace

Status Access::may_append(const DataSource& source) const {
  if (appends(source)) return {};
  return no_append(source.name);
}
Status Access::may_read_data_source(const DataSource& source) const {
  if (reads(source)) return {};
  return no_read(source.name);
}
Status Access::may_read_quarantine(const DataSource& source) const {
  if (reads_quarantine(source)) return {};
  return no_read(source.name + "_quarantine");
}
Status Access::may_read_pipe(const Pipe& pipe) const {
  if (reads(pipe)) return {};
  return no_pipe(pipe.name);
}
Status Access::may_drop_data_source(const DataSource& source) const {
  return decide(is_admin() || has(ScopeKind::data_sources_drop, source.name, source.id), "delete this data source",
                "DATASOURCES:DROP");
}
Status Access::may_create_data_sources() const {
  return decide(is_admin() || has(ScopeKind::data_sources_create), "do this", "DATASOURCES:CREATE");
}
Status Access::may_create_pipes() const {
  return decide(is_admin() || has(ScopeKind::pipes_create), "do this", "PIPES:CREATE");
}
Status Access::may_manage_tokens() const {
  return decide(is_admin() || has(ScopeKind::tokens), "manage tokens", "TOKENS or ADMIN");
}
Status Access::may_grant(const catalog::Scope& scope) const {
  TRY_VOID(may_manage_tokens());
  const bool strong = scope.kind == ScopeKind::admin || scope.kind == ScopeKind::tokens ||
                      scope.kind == ScopeKind::workspace_deploy || scope.kind == ScopeKind::org_data_sources_read;
  return decide(is_admin() || !strong, fmt::format("hand out {}", catalog::scope_kind_name(scope.kind)), "ADMIN");
}
Status Access::may_deploy() const {
  return decide(is_admin() || has(ScopeKind::workspace_deploy), "deploy", "WORKSPACE:DEPLOY or ADMIN");
}
Status Access::may_read_workspace() const {
  if (identity_.kind == TokenKind::workspace) return {};
  return fail(Code::forbidden, "This needs a static token of the workspace");
}
Status Access::may_read_service_data_sources() const {
  return decide(reads_all(), "read service data sources", "WORKSPACE:READ_ALL or ADMIN");
}
Status Access::may_read_organization() const {
  return decide(has(ScopeKind::org_data_sources_read), "read organization data sources", "ORG_DATASOURCES:READ");
}
Status Access::may_manage_variables() const {
  return decide(is_admin(), "manage variables", "ADMIN");
}
Status Access::may_manage_workspaces() const {
  if (identity_.kind == TokenKind::user) return {};
  return fail(Code::forbidden, "This needs the user token");
}
Status Access::may_list_workspaces() const {
  if (identity_.kind == TokenKind::user || identity_.kind == TokenKind::admin || is_admin()) return {};
  return fail(Code::forbidden, "This needs the user token or an admin token");
}

// ---- look-ups ---------------------------------------------------------------------------------------------------

Result<std::shared_ptr<const Pipe>> Access::readable_pipe(std::string_view name_or_id) const {
  TRY_VOID(require_workspace());
  auto found = workspace().pipe(name_or_id);
  if (found && reads(*found)) return found;
  if (!found && (reads_all() || names(ScopeKind::pipes_read, name_or_id)))
    return fail(Code::not_found, "The pipe '{}' does not exist", name_or_id);
  return no_pipe(name_or_id);
}

Result<std::shared_ptr<const DataSource>> Access::readable_data_source(std::string_view name_or_id) const {
  TRY_VOID(require_workspace());
  auto found = workspace().data_source(name_or_id);
  if (found && reads(*found)) return found;
  if (!found && (reads_all() || names(ScopeKind::data_sources_read, name_or_id)))
    return fail(Code::not_found, "The data source '{}' does not exist", name_or_id);
  return no_read(name_or_id);
}

Result<std::shared_ptr<const DataSource>> Access::appendable_data_source(std::string_view name_or_id) const {
  TRY_VOID(require_workspace());
  auto found = workspace().data_source(name_or_id);
  if (found && appends(*found)) return found;
  if (!found &&
      (is_admin() || has(ScopeKind::data_sources_create) || names(ScopeKind::data_sources_append, name_or_id)))
    return fail(Code::not_found, "The data source '{}' does not exist", name_or_id);
  return no_append(name_or_id);
}

std::vector<std::string> Access::filters(const DataSource& source) const {
  if (reads_all()) return {};
  std::vector<std::string> out;
  for (const Grant& grant : identity_.grants) {
    if (grant.scope.kind != ScopeKind::data_sources_read) continue;
    if (grant.scope.resource != source.name && grant.scope.resource != source.id) continue;
    if (grant.scope.filter.empty()) return {};
    out.push_back(grant.scope.filter);
  }
  return out;
}

std::map<std::string, json::value, std::less<>> Access::fixed_params(const Pipe& pipe) const {
  std::map<std::string, json::value, std::less<>> out;
  for (const Grant& grant : identity_.grants) {
    if (grant.scope.kind != ScopeKind::pipes_read) continue;
    if (grant.scope.resource != pipe.name && grant.scope.resource != pipe.id) continue;
    for (const auto& [name, value] : grant.fixed_params) out.emplace(name, value);
  }
  return out;
}

// ---- authenticate -----------------------------------------------------------------------------------------------

Result<Access> authenticate(const catalog::Snapshot& snapshot, std::string_view token, catalog::Time now) {
  if (token.empty())
    return fail(Code::unauthenticated,
                "No token: send it as `Authorization: Bearer <token>` or in the query parameter `token`");
  // Values fixed by configuration may have any form, so the look-up comes first.
  if (token.size() <= JwtLimits::token_size_max) {
    if (const catalog::TokenPlace* place = snapshot.find_token(token); place != nullptr) {
      Identity identity;
      identity.token_id = place->token->id;
      identity.token_name = place->token->name;
      if (place->workspace_id.empty()) {
        identity.kind = place->token->id == snapshot.account->user_token->id ? TokenKind::user : TokenKind::admin;
      } else {
        identity.workspace = snapshot.workspaces.find(place->workspace_id)->second;
        for (catalog::Scope& scope : place->token->all_scopes()) identity.grants.push_back({.scope = std::move(scope)});
      }
      return Access(std::move(identity));
    }
  }
  TRY(Identity identity, verify_jwt(snapshot, token, now));
  return Access(std::move(identity));
}

}  // namespace kinglet::auth
