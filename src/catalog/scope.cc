// SPDX-License-Identifier: Apache-2.0
#include "catalog/scope.h"

#include "base/check.h"

namespace kinglet::catalog {

namespace {
struct Row {
  ScopeKind kind;
  std::string_view name;
  bool resource;
};
constexpr Row rows[] = {
    {ScopeKind::admin, "ADMIN", false},
    {ScopeKind::tokens, "TOKENS", false},
    {ScopeKind::workspace_read_all, "WORKSPACE:READ_ALL", false},
    {ScopeKind::workspace_deploy, "WORKSPACE:DEPLOY", false},
    {ScopeKind::org_data_sources_read, "ORG_DATASOURCES:READ", false},
    {ScopeKind::data_sources_create, "DATASOURCES:CREATE", false},
    {ScopeKind::data_sources_append, "DATASOURCES:APPEND", true},
    {ScopeKind::data_sources_read, "DATASOURCES:READ", true},
    {ScopeKind::data_sources_drop, "DATASOURCES:DROP", true},
    {ScopeKind::pipes_create, "PIPES:CREATE", false},
    {ScopeKind::pipes_read, "PIPES:READ", true},
    {ScopeKind::pipes_drop, "PIPES:DROP", true},
};
const Row& row_of(ScopeKind kind) {
  for (const Row& row : rows)
    if (row.kind == kind) return row;
  check_failed("row_of(kind)", "every ScopeKind has a row", __FILE_NAME__, __LINE__);
}
}  // namespace

std::string_view scope_kind_name(ScopeKind kind) {
  return row_of(kind).name;
}

std::optional<ScopeKind> scope_kind_from(std::string_view name) {
  for (const Row& row : rows)
    if (row.name == name) return row.kind;
  return std::nullopt;
}

bool has_resource(ScopeKind kind) {
  return row_of(kind).resource;
}

}  // namespace kinglet::catalog
