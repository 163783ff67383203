// SPDX-License-Identifier: Apache-2.0
// What a query may call: the engine's functions, table functions, types, settings and formats, each with our verdict.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "sql/lexer.h"

namespace kinglet::sql {

struct Function {
  std::string_view name;
  std::string_view alias_to;  // the name that it stands for; empty when it is no alias
  bool aggregate = false;
  bool any_case = false;
  bool higher_order = false;  // its first argument may be a lambda or the bare name of a function
};

/// Finds a function as the engine does: exact, else in any case where it allows that, else without its aggregate
/// combinators (sumIf, uniqStateArray). Null when the engine has no such function.
const Function* find_function(std::string_view name);

/// Whether `name` may be called. Errors: invalid for an unknown function; forbidden for one that reads hosts, files,
/// other tables, configuration or identity, or holds threads.
Status check_function(std::string_view name, const Position& where);

/// What a function takes as its text-typed argument, where that text is code.
struct TextArgument {
  enum class Kind : std::uint8_t { type, aggregate };
  Kind kind = Kind::type;
  int index = 0;  // from the end when negative
};
std::optional<TextArgument> text_argument(std::string_view function);

/// Whether `name` is one of in, notIn, globalIn …: their second argument may name a table.
bool is_in_function(std::string_view name);

bool is_type(std::string_view name);

enum class TableFunctionKind : std::uint8_t {
  denied,    // reads any table, the host or the network, or is of no use
  rows,      // numbers, generateSeries …: makes rows of its arguments
  structure, // values, null, generateRandom: the first argument may hold columns
  external,  // s3, url, postgresql …: only where a job allows it
};
TableFunctionKind table_function_kind(std::string_view name);

enum class SettingRule : std::uint8_t {
  refused,
  allowed,
  lower_only,  // may only tighten what the connection has
};
SettingRule setting_rule(std::string_view name);

/// The one spelling of a format that a reply may have ("JSONCompact"); empty when it is not offered.
/// Which formats are offered: http-api, "Other formats".
std::string_view find_format(std::string_view name);

}  // namespace kinglet::sql
