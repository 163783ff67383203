// SPDX-License-Identifier: Apache-2.0
// The type functions' types: what text each accepts, and how its values print as SQL.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "template/value.h"

namespace kinglet::templates::internal {

enum class TypeClass : std::uint8_t {
  text,
  uuid,
  boolean,
  integer,
  wide_integer,
  real,
  decimal,
  date,
  date_time,
  date_time64,
  json
};

struct TypeInfo {
  std::string_view name;
  TypeClass kind;
  int bits = 0;  // integers and reals; for decimals the digits that fit
  bool is_signed = true;
};

/// A type by its exact name, or null. Array, column and columns are functions of their own.
const TypeInfo* find_type(std::string_view name);
const std::vector<std::string_view>& type_names();

/// Turns a value into one of `type`. On failure `expected` says what the type accepts: "an integer from 0 to 255".
bool convert(const TypeInfo& type, const Value& from, Value& to, std::string& expected);
/// A value valid for the type, where nobody sent one (templates.md 11).
Value stand_in(const TypeInfo& type);
inline constexpr std::string_view stand_in_text = "__no_value__";

/// Appends the SQL of a value. `nested`: inside an array, where a minus needs no parentheses.
/// False for what cannot be printed: undefined names, NUL in text, lists that nest too deep or never end.
bool append_sql(std::string& out, const Value& value, std::uint32_t& budget, bool nested = false, int depth = 0);

}  // namespace kinglet::templates::internal
