// SPDX-License-Identifier: Apache-2.0
// The types of columns by name, and the aliases of other databases.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace kinglet::datafile::internal {

/// What stands in the parentheses of a type.
enum class Arguments : std::uint8_t {
  none,
  fixed_string,   // (N)
  date_time,      // [('TZ')]
  date_time64,    // (p[, 'TZ'])
  time64,         // (p)
  decimal,        // (P[, S])
  decimal_scale,  // (S)
  enumeration,    // ('a' = 1, …)
  one_type,
  two_types,
  elements,        // types, or names and types
  named_elements,  // names and types
  some_types,      // Variant
  json,            // [(name = n, path Type, SKIP path, SKIP REGEXP 'x')]
  dynamic,         // [(max_types = n)]
  aggregate,       // (function[(parameters)][, T…])
  simple_aggregate,
};

struct TypeRule {
  std::string_view name;
  Arguments arguments = Arguments::none;
  int max = 0;  // of the first number: precision, scale
};

/// Aliases, found without regard to case. Source: ClickHouse's system.data_type_families.
struct Alias {
  std::string_view upper_case, name;
};
/// Nothing for a name that is no type.
const TypeRule* find_rule(std::string_view name);
const Alias* find_alias(std::string_view name);
std::span<const TypeRule> type_rules();

}  // namespace kinglet::datafile::internal
