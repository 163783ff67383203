// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/profile.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "engine/embedded/errors.h"

namespace kinglet::embedded {
namespace {

constexpr std::size_t value_bytes_max = 256u << 10;  // a map of row filters; longer: 72

// A request cannot loosen these.
constexpr std::array fixed_for_users{"readonly",
                                     "implicit_select",
                                     "allow_introspection_functions",
                                     "allow_get_client_http_header",
                                     "max_expanded_ast_elements",
                                     "max_query_size",
                                     "function_range_max_elements_in_block",
                                     "function_sleep_max_microseconds_per_block",
                                     "max_recursive_cte_evaluation_depth",
                                     "max_subquery_depth",
                                     "timeout_overflow_mode",
                                     "allow_ddl"};

// Projects group, sort and join by paths of JSON columns, as the engine allowed before it asked for these.
constexpr std::array allowed_types{"allow_suspicious_types_in_group_by", "allow_suspicious_types_in_order_by",
                                   "allow_dynamic_type_in_join_keys"};

bool is_whole_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// A number that libchdb would read back as it stands. It wraps numbers beyond 64 bits around silently.
Status check_value(std::string_view name, std::string_view value) {
  if (value.size() > value_bytes_max || value.find('\0') != std::string_view::npos) {
    return refuse(number::cannot_parse_number, fmt::format("The value of setting {} is too long or holds a NUL", name));
  }
  if (is_whole_number(value)) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{})
      return refuse(number::cannot_parse_number, fmt::format("The value of setting {} does not fit in 64 bits", name));
  }
  return {};
}

Result<double> seconds_of(std::string_view value) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error != std::errc{} || end != value.data() + value.size() || !(seconds >= 0) || seconds > 86'400) {
    return refuse(number::cannot_parse_number, "max_execution_time is not a number of seconds from 0 to 86400");
  }
  return seconds;
}

std::string seconds_text(double seconds) {
  std::array<char, 32> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), seconds);
  return {buffer.data(), end};
}

using Lines = std::map<std::string, std::string, std::less<>>;

Profile finish(const std::string& engine_path, const Lines& lines) {
  Profile profile;
  profile.arguments.push_back("--path=" + engine_path);
  for (const auto& [name, value] : lines) {
    profile.arguments.push_back(fmt::format("--{}={}", name, value));
    profile.key += fmt::format("{}={}:{};", name, value.size(), value);
    if (is_whole_number(value) || name == "additional_table_filters") profile.to_verify.emplace_back(name, value);
  }
  return profile;
}

}  // namespace

Status Profiles::check_name(std::string_view name) const {
  if (known_.contains(name)) return {};
  return refuse(number::unknown_setting, fmt::format("Unknown setting '{}'", name.substr(0, 100)));
}

Result<Profile> Profiles::user(const Settings& settings) const {
  Lines lines{
      // The reader's file() makes a temporary table, which readonly=1 refuses.
      {"readonly", options_.role == Role::reader ? "2" : "1"},
      {"implicit_select", "0"},
      {"allow_introspection_functions", "0"},
      {"allow_get_client_http_header", "0"},
      {"max_expanded_ast_elements", "50000"},
      {"max_query_size", "1048576"},
      {"function_range_max_elements_in_block", "10000000"},
      {"function_sleep_max_microseconds_per_block", "1"},  // 0 would mean no limit
      {"max_recursive_cte_evaluation_depth", "1000"},
      {"max_subquery_depth", "100"},
      {"max_execution_time", "0"},
  };
  for (const char* name : allowed_types) lines[name] = "1";
  if (options_.query_memory_max != 0) lines["max_memory_usage"] = fmt::format("{}", options_.query_memory_max);
  if (options_.role == Role::reader) lines["max_threads"] = "1";
  for (const auto& [name, value] : settings) {
    TRY_VOID(check_name(name));
    TRY_VOID(check_value(name, value));
    if (std::ranges::find(fixed_for_users, name) != fixed_for_users.end()) {
      return refuse(number::setting_constraint,
                    fmt::format("Setting {} cannot be changed by a read-only request", name));
    }
    lines[name] = value;
  }
  TRY(double seconds, seconds_of(lines["max_execution_time"]));
  if (seconds == 0) seconds = options_.seconds_default;
  lines["max_execution_time"] = seconds_text(seconds);
  std::uint64_t result_bytes_max = 0;
  if (const auto it = lines.find("max_result_bytes"); it != lines.end()) {
    std::from_chars(it->second.data(), it->second.data() + it->second.size(), result_bytes_max);
  }
  Profile profile = finish(options_.engine_path, lines);
  profile.seconds_max = seconds;
  profile.result_bytes_max = result_bytes_max;
  return profile;
}

Result<Profile> Profiles::own(const Settings& settings) const {
  Lines lines{{"async_insert", "0"}, {"implicit_select", "0"}};
  for (const char* name : allowed_types) lines[name] = "1";
  double seconds = 0;
  for (const auto& [name, value] : settings) {
    TRY_VOID(check_name(name));
    TRY_VOID(check_value(name, value));
    if (name == "max_execution_time") {
      TRY(seconds, seconds_of(value));
    }
    lines[name] = value;
  }
  Profile profile = finish(options_.engine_path, lines);
  profile.user = false;
  profile.seconds_max = seconds;
  return profile;
}

Profile Profiles::admin() const {
  Profile profile = finish(options_.engine_path, {});
  profile.user = false;
  return profile;
}

}  // namespace kinglet::embedded
