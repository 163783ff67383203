// SPDX-License-Identifier: Apache-2.0
// What a token may do: scopes as the catalog stores them. Parsing user text and checking rights is auth/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

namespace kinglet::catalog {

enum class ScopeKind : std::uint8_t {
  admin,
  tokens,
  workspace_read_all,
  workspace_deploy,
  org_data_sources_read,
  data_sources_create,
  data_sources_append,
  data_sources_read,
  data_sources_drop,
  pipes_create,
  pipes_read,
  pipes_drop,
};
inline constexpr ScopeKind all_scope_kinds[] = {ScopeKind::admin,
                                                ScopeKind::tokens,
                                                ScopeKind::workspace_read_all,
                                                ScopeKind::workspace_deploy,
                                                ScopeKind::org_data_sources_read,
                                                ScopeKind::data_sources_create,
                                                ScopeKind::data_sources_append,
                                                ScopeKind::data_sources_read,
                                                ScopeKind::data_sources_drop,
                                                ScopeKind::pipes_create,
                                                ScopeKind::pipes_read,
                                                ScopeKind::pipes_drop};

/// "DATASOURCES:READ" and so on.
std::string_view scope_kind_name(ScopeKind kind);
std::optional<ScopeKind> scope_kind_from(std::string_view name);
/// Whether the kind is about one data source or pipe.
bool has_resource(ScopeKind kind);

struct Scope {
  ScopeKind kind = ScopeKind::admin;
  std::string resource = {};  // name or id; empty when the kind has none
  std::string filter = {};    // SQL condition; only in JWTs
  bool operator==(const Scope&) const = default;
  auto operator<=>(const Scope& o) const {
    return std::tie(kind, resource, filter) <=> std::tie(o.kind, o.resource, o.filter);
  }
};

}  // namespace kinglet::catalog
