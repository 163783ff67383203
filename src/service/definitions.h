// SPDX-License-Identifier: Apache-2.0
// The service data sources: names, columns and lifetimes, in one table that creator, writer and resolver read.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace kinglet::service {

struct ColumnDefinition {
  std::string_view name;
  std::string_view type;
};

/// A table `tinybird.NAME` of each workspace. Columns are only ever added, at the end: rows of before keep their place.
struct Table {
  std::string_view name;
  std::span<const ColumnDefinition> columns;
  std::string_view engine;
  std::string_view partition_key;
  std::string_view sorting_key;
  std::string_view ttl;
  /// The row with the same key that came last counts alone: read with FINAL.
  bool newest_only = false;
};

/// Source: the public pages of the service data sources; docs/service-data-sources.md lists them.
std::span<const Table> tables();
/// By the name after `tinybird.`; null for an unknown one.
const Table* find_table(std::string_view name);

/// `organization.NAME` reads `tinybird.NAME` of the caller's workspace with its id in front, or one of these. `select`
/// reads tables of the same workspace by their own names; `{workspace_id}`, `{workspace_name}` and `{organization_id}`
/// stand for literals.
struct OrganizationTable {
  std::string_view name;
  std::string_view select;
};
std::span<const OrganizationTable> organization_tables();

/// Rows put into `source` are aggregated into `target` as they come.
struct Aggregation {
  std::string_view view;
  std::string_view source;
  std::string_view target;
  std::string_view select;  // `{source}` stands for the table
};
std::span<const Aggregation> aggregations();

inline constexpr std::string_view workspace_prefix = "tinybird.";
inline constexpr std::string_view organization_prefix = "organization.";

/// The database that holds the service data sources of the workspace whose rows are in `database`.
std::string database_of(std::string_view database);

}  // namespace kinglet::service
