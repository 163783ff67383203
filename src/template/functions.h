// SPDX-License-Identifier: Apache-2.0
// The functions and methods a template may call: the whole list, with their arguments. There is no other.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "template/types.h"

namespace kinglet::templates::internal {

enum class FunctionId : std::uint8_t {
  typed,
  array,
  column,
  columns,
  symbol,
  defined,
  split_to_array,
  enumerate_with_last,
  sql_and,
  error,
  custom_error,
  tb_secret,
  length,
  range,
  day_diff,
  date_diff,
  max_threads,
  ignored,
};

struct Function {
  FunctionId id = FunctionId::typed;
  std::string_view name;
  int positional_min = 1;
  int positional_max = 1;
  std::span<const std::string_view> keywords = {};
  const TypeInfo* type = nullptr;  // typed
  std::int64_t unit_seconds = 1;   // date_diff
  bool declares_parameter() const {
    return id == FunctionId::typed || id == FunctionId::array || id == FunctionId::column || id == FunctionId::columns;
  }
};

enum class Method : std::uint8_t {
  split,
  join,
  lower,
  upper,
  strip,
  lstrip,
  rstrip,
  replace,
  startswith,
  endswith,
  get,
  keys,
  values,
  items,
};
struct MethodInfo {
  Method id;
  std::string_view name;
  int arguments_min;
  int arguments_max;
  bool of_dictionary;
};

const Function* find_function(std::string_view name);
const MethodInfo* find_method(std::string_view name);

/// "did you mean 'String'?" for the nearest known word, or empty when none is near.
std::string suggest_function(std::string_view name);
std::string suggest_method(std::string_view name);
std::string suggest(std::string_view name, std::span<const std::string_view> known);

}  // namespace kinglet::templates::internal
