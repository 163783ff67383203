// SPDX-License-Identifier: Apache-2.0
#include "template/functions.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "base/spelling.h"

namespace kinglet::templates::internal {
namespace {

using namespace std::string_view_literals;

constexpr std::array type_keywords = {"default"sv, "description"sv, "required"sv, "example"sv,
                                      "enum"sv,    "format"sv,      "defined"sv};
constexpr std::array column_keywords = {"default"sv, "description"sv, "required"sv, "example"sv, "enum"sv};
constexpr std::array split_keywords = {"default"sv, "separator"sv};
constexpr std::array date_keywords = {"date_format"sv, "backup_date_format"sv, "none_if_error"sv};
constexpr std::array secret_keywords = {"default"sv};

constexpr std::array named = {
    Function{FunctionId::array, "Array", 1, 3, type_keywords},
    Function{FunctionId::column, "column", 1, 2, column_keywords},
    Function{FunctionId::columns, "columns", 1, 2, column_keywords},
    Function{FunctionId::symbol, "symbol", 1, 2, column_keywords},
    Function{FunctionId::defined, "defined"},
    Function{FunctionId::split_to_array, "split_to_array", 1, 2, split_keywords},
    Function{FunctionId::enumerate_with_last, "enumerate_with_last"},
    Function{FunctionId::sql_and, "sql_and", 0, 0},  // any keyword of the form column__operator
    Function{FunctionId::error, "error"},
    Function{FunctionId::custom_error, "custom_error", 1, 2},
    Function{FunctionId::tb_secret, "tb_secret", 1, 2, secret_keywords},
    Function{FunctionId::length, "len"},
    Function{FunctionId::range, "range", 1, 3},
    Function{FunctionId::day_diff, "day_diff", 2, 2},
    Function{FunctionId::date_diff, "date_diff_in_seconds", 2, 5, date_keywords, nullptr, 1},
    Function{FunctionId::date_diff, "date_diff_in_minutes", 2, 5, date_keywords, nullptr, 60},
    Function{FunctionId::date_diff, "date_diff_in_hours", 2, 5, date_keywords, nullptr, 3600},
    Function{FunctionId::date_diff, "date_diff_in_days", 2, 5, date_keywords, nullptr, 86'400},
    Function{FunctionId::max_threads, "max_threads"},
    Function{FunctionId::ignored, "backend_hint", 0, 9},
    Function{FunctionId::ignored, "cache_ttl", 0, 9},
    Function{FunctionId::ignored, "activate", 0, 9},
    Function{FunctionId::ignored, "disable", 0, 9},
};

constexpr std::array methods = {
    MethodInfo{Method::split, "split", 0, 2, false},
    MethodInfo{Method::join, "join", 1, 1, false},
    MethodInfo{Method::lower, "lower", 0, 0, false},
    MethodInfo{Method::upper, "upper", 0, 0, false},
    MethodInfo{Method::strip, "strip", 0, 1, false},
    MethodInfo{Method::lstrip, "lstrip", 0, 1, false},
    MethodInfo{Method::rstrip, "rstrip", 0, 1, false},
    MethodInfo{Method::replace, "replace", 2, 2, false},
    MethodInfo{Method::startswith, "startswith", 1, 1, false},
    MethodInfo{Method::endswith, "endswith", 1, 1, false},
    MethodInfo{Method::get, "get", 1, 2, true},
    MethodInfo{Method::keys, "keys", 0, 0, true},
    MethodInfo{Method::values, "values", 0, 0, true},
    MethodInfo{Method::items, "items", 0, 0, true},
};

const std::unordered_map<std::string_view, Function>& functions() {
  static const std::unordered_map<std::string_view, Function> table = [] {
    std::unordered_map<std::string_view, Function> made;
    for (const auto& function : named) made.emplace(function.name, function);
    for (const auto name : type_names())
      made.emplace(name, Function{FunctionId::typed, name, 1, 2, type_keywords, find_type(name)});
    return made;
  }();
  return table;
}

char lower(char c) {
  return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

}  // namespace

const Function* find_function(std::string_view name) {
  const auto found = functions().find(name);
  return found == functions().end() ? nullptr : &found->second;
}

const MethodInfo* find_method(std::string_view name) {
  for (const auto& method : methods)
    if (method.name == name) return &method;
  return nullptr;
}

std::string suggest(std::string_view name, std::span<const std::string_view> known) {
  const auto near = nearest(name, known);
  return near.empty() ? std::string() : fmt::format("did you mean '{}'?", near);
}

namespace {
/// SQL functions that people try as defaults: the tag cannot call them (templates.md 6.2).
bool is_sql_function(std::string_view name) {
  static constexpr std::array known = {"now"sv, "now64"sv,    "today"sv, "yesterday"sv, "concat"sv,   "count"sv,
                                       "sum"sv, "min"sv,      "max"sv,   "avg"sv,       "dateDiff"sv, "dateTrunc"sv,
                                       "if"sv,  "coalesce"sv, "tuple"sv, "array"sv,     "has"sv,      "uniq"sv};
  const bool conversion = name.size() > 2 && name.starts_with("to") && name[2] >= 'A' && name[2] <= 'Z';
  return conversion || std::find(known.begin(), known.end(), name) != known.end();
}
}  // namespace

std::string suggest_function(std::string_view name) {
  if (is_sql_function(name)) return "SQL functions stand outside the tag; a tag calls template functions only";
  if (const auto* method = find_method(name)) return fmt::format("write x.{}()", method->name);
  std::vector<std::string_view> names;
  for (const auto& [known, function] : functions()) names.push_back(known);
  std::sort(names.begin(), names.end());
  if (auto near = suggest(name, names); !near.empty()) return near;
  constexpr std::size_t prefix_min = 3;  // `Str`, `split`
  if (name.size() < prefix_min) return {};
  for (const auto known : names)
    if (std::equal(name.begin(), name.end(), known.begin(),
                   known.begin() + static_cast<std::ptrdiff_t>(std::min(name.size(), known.size())),
                   [](char a, char b) { return lower(a) == lower(b); }))
      return fmt::format("did you mean '{}'?", known);
  return {};
}

std::string suggest_method(std::string_view name) {
  std::vector<std::string_view> names;
  for (const auto& method : methods) names.push_back(method.name);
  // Before the rest: `length` is near to none of the methods, and what texts have elsewhere.
  const auto words = std::array{"length"sv, "size"sv, "count"sv};
  if (name.size() > 2 && !suggest(name, words).empty() && find_function("len") != nullptr) return "write len(x)";
  if (auto near = suggest(name, names); !near.empty()) return near;
  return fmt::format("there are {}", fmt::join(names, ", "));
}

}  // namespace kinglet::templates::internal
