// SPDX-License-Identifier: Apache-2.0
#include "auth/scope_text.h"

namespace kinglet::auth {

using catalog::Scope;
using catalog::ScopeKind;

Result<Scope> parse_scope(std::string_view text) {
  // Kinds hold one colon themselves, so the longest kind that fits is the one.
  std::optional<ScopeKind> kind;
  std::string_view rest;
  bool has_rest = false;
  for (const ScopeKind one : catalog::all_scope_kinds) {
    const std::string_view name = catalog::scope_kind_name(one);
    if (!text.starts_with(name) || (text.size() > name.size() && text[name.size()] != ':')) continue;
    if (kind && catalog::scope_kind_name(*kind).size() > name.size()) continue;
    kind = one;
    has_rest = text.size() > name.size();
    rest = has_rest ? text.substr(name.size() + 1) : std::string_view();
  }
  if (!kind) return fail(Code::invalid, "Invalid scope type");
  const std::string_view name = catalog::scope_kind_name(*kind);
  if (!catalog::has_resource(*kind)) {
    if (has_rest) return fail(Code::invalid, "Invalid scope type: {} does not take a resource", name);
    return Scope{.kind = *kind};
  }
  const std::size_t colon = rest.find(':');
  if (colon != rest.npos)
    return fail(Code::invalid, "{}: static tokens cannot have a SQL filter; create a JWT with a `filter` instead",
                name);
  if (rest.empty()) return fail(Code::invalid, "{} needs a resource: {}:<name>", name, name);
  if (rest.size() > catalog::Limits::name_size_max)
    return fail(Code::invalid, "{}: the resource's name is longer than {} bytes", name, catalog::Limits::name_size_max);
  return Scope{.kind = *kind, .resource = std::string(rest)};
}

Result<std::vector<Scope>> parse_scopes(std::span<const std::string> texts) {
  if (texts.size() > catalog::Limits::token_scopes_max)
    return fail(Code::invalid, "a token holds at most {} scopes", catalog::Limits::token_scopes_max);
  std::vector<Scope> out;
  for (const std::string& text : texts) {
    TRY(Scope scope, parse_scope(text));
    if (std::ranges::find(out, scope) == out.end()) out.push_back(std::move(scope));
  }
  return out;
}

std::string print_scope(const Scope& scope) {
  std::string out(catalog::scope_kind_name(scope.kind));
  if (!scope.resource.empty()) out.append(":").append(scope.resource);
  if (!scope.filter.empty()) out.append(":").append(scope.filter);
  return out;
}

Status check_resources_exist(const catalog::Workspace& workspace, std::span<const Scope> scopes) {
  for (const Scope& scope : scopes) {
    switch (scope.kind) {
      case ScopeKind::data_sources_append:
      case ScopeKind::data_sources_read:
      case ScopeKind::data_sources_drop:
        if (!workspace.data_source(scope.resource))
          return fail(Code::not_found, "{}: the data source '{}' does not exist", catalog::scope_kind_name(scope.kind),
                      scope.resource);
        break;
      case ScopeKind::pipes_read:
      case ScopeKind::pipes_drop:
        if (!workspace.pipe(scope.resource))
          return fail(Code::not_found, "{}: the pipe '{}' does not exist", catalog::scope_kind_name(scope.kind),
                      scope.resource);
        break;
      case ScopeKind::admin:
      case ScopeKind::tokens:
      case ScopeKind::workspace_read_all:
      case ScopeKind::workspace_deploy:
      case ScopeKind::org_data_sources_read:
      case ScopeKind::data_sources_create:
      case ScopeKind::pipes_create:
        break;
    }
  }
  return {};
}

}  // namespace kinglet::auth
