// SPDX-License-Identifier: Apache-2.0
// What a query may call: the engine's functions, table functions, types, settings and formats, each with our verdict.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "sql/lexer.h"

namespace kinglet::sql {

/// An argument that is a text but means code.
enum class CodeArgument : std::uint8_t { none, type, aggregate };

struct Function {
  std::string_view name;
  std::string_view alias_to;  // the name that it stands for; empty when it is no alias
  bool aggregate = false;
  bool any_case = false;
  bool higher_order = false;  // its first argument may be a lambda or the bare name of a function
  bool denied = false;        // known, and never available
  bool is_in = false;         // in, notIn, globalIn …: the second argument may name a table
  CodeArgument code_argument = CodeArgument::none;
  int code_index = 0;  // of that argument; from the end when negative
};

/// Finds a function as the engine does: exact, else in any case where it allows that, else without its aggregate
/// combinators (sumIf, uniqStateArray). Null when the engine has no such function.
const Function* find_function(std::string_view name);

/// The names of all functions that may be called, for hints.
std::span<const std::string_view> available_functions();

/// The function if it may be called. Errors: invalid for an unknown function; forbidden for one that reads hosts,
/// files, other tables, configuration or identity, or holds threads.
Result<const Function*> check_function(std::string_view name, const Position& where);

bool is_type(std::string_view name);
/// For hints: types, settings that may be set, formats of replies.
std::span<const std::string_view> type_names();
std::span<const std::string_view> setting_names();
std::span<const std::string_view> format_names();

enum class TableFunctionKind : std::uint8_t {
  denied,     // reads any table, the host or the network, or is of no use
  rows,       // numbers, generateSeries …: makes rows of its arguments
  structure,  // values, null, generateRandom: the first argument may hold columns
  external,   // s3, url, postgresql …: only where a job allows it
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
