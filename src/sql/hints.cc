// SPDX-License-Identifier: Apache-2.0
// Misspelt keywords, and the functions of other databases.
#include "sql/hints.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/spelling.h"
#include "sql/functions.h"

namespace kinglet::sql {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool same(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

/// What other databases call it, in lower case, and how to write it here.
constexpr auto other_names = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"to_char", "formatDateTime()"},
    {"strftime", "formatDateTime()"},
    {"to_timestamp", "parseDateTimeBestEffort()"},
    {"strptime", "parseDateTime()"},
    {"getdate", "now()"},
    {"sysdate", "now()"},
    {"unix_timestamp", "toUnixTimestamp()"},
    {"nvl", "ifNull()"},
    {"len", "length()"},
    {"string_agg", "arrayStringConcat(groupArray(x), ',')"},
    {"listagg", "arrayStringConcat(groupArray(x), ',')"},
    {"array_length", "length()"},
    {"cardinality", "length()"},
    {"array_contains", "has()"},
    {"unnest", "arrayJoin()"},
    {"explode", "arrayJoin()"},
    {"generate_subscripts", "arrayEnumerate()"},
    {"charindex", "position()"},
    {"instr", "position()"},
    {"split_part", "splitByString(separator, text)[n]"},
    {"regexp_matches", "extractAll()"},
    {"regexp_like", "match()"},
    {"regexp_extract_all", "extractAll()"},
    {"json_value", "JSON_VALUE() or JSONExtractString()"},
    {"json_extract", "JSONExtract()"},
    {"json_extract_path_text", "JSONExtractString()"},
    {"percentile_cont", "quantile(level)(x)"},
    {"percentile_disc", "quantileExact(level)(x)"},
    {"percentile", "quantile(level)(x)"},
    {"approx_count_distinct", "uniq()"},
    {"approx_quantiles", "quantiles(level, …)(x)"},
    {"count_distinct", "uniqExact()"},
    {"safe_divide", "if(b = 0, NULL, a / b)"},
    {"try_cast", "toTypeOrNull() or accurateCastOrNull()"},
    {"safe_cast", "toTypeOrNull() or accurateCastOrNull()"},
    {"iff", "if()"},
    {"decode", "transform()"},
    {"md5_number", "sipHash64()"},
    {"uuid", "generateUUIDv4()"},
    {"gen_random_uuid", "generateUUIDv4()"},
    {"median_cont", "median()"},
});

constexpr auto clause_words = std::to_array<std::string_view>(
    {"SELECT",  "FROM",   "WHERE",  "GROUP",    "ORDER", "HAVING", "LIMIT",   "OFFSET",    "JOIN",     "LEFT",
     "RIGHT",   "INNER",  "OUTER",  "CROSS",    "UNION", "EXCEPT", "BETWEEN", "INTERSECT", "DISTINCT", "PREWHERE",
     "QUALIFY", "WINDOW", "FORMAT", "SETTINGS", "USING", "ARRAY",  "FINAL",   "SAMPLE",    "INTERVAL", "PARTITION",
     "VALUES",  "WHEN",   "THEN",   "ELSE",     "LIKE",  "ILIKE",  "WITH",    "TOTALS"});

}  // namespace

std::string function_hint(std::string_view name) {
  for (const auto& [other, here] : other_names)
    if (same(name, other)) return fmt::format("here that is {}", here);
  const std::string_view near = nearest(name, available_functions());
  return near.empty() ? std::string() : fmt::format("did you mean {}()?", near);
}

std::string clause_hint(std::string_view word, std::string_view next) {
  const bool by = same(next, "BY");
  if (same(word, "ORDER")) return by ? "ORDER BY stands once, before LIMIT" : "write ORDER BY";
  if (same(word, "GROUP")) return by ? "GROUP BY stands once, before HAVING, ORDER BY and LIMIT" : "write GROUP BY";
  if (same(word, "WHERE")) return "WHERE stands once, before GROUP BY, ORDER BY and LIMIT; AND joins conditions";
  if (same(word, "HAVING")) return "HAVING stands once, after GROUP BY and before ORDER BY";
  if (same(word, "FETCH")) return "write LIMIT";
  return {};
}

std::string keyword_hint(std::string_view word) {
  constexpr std::size_t shortest = 3;
  if (word.size() < shortest) return {};
  const std::string_view near = nearest(word, clause_words);
  return near.empty() || same(near, word) ? std::string() : fmt::format("did you mean {}?", near);
}

std::string unit_hint(std::string_view word) {
  constexpr auto units = std::to_array<std::string_view>({"NANOSECOND", "MICROSECOND", "MILLISECOND", "SECOND",
                                                          "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"});
  constexpr auto short_names = std::to_array<std::pair<std::string_view, std::string_view>>({{"SEC", "SECOND"},
                                                                                             {"SECS", "SECOND"},
                                                                                             {"MIN", "MINUTE"},
                                                                                             {"MINS", "MINUTE"},
                                                                                             {"HR", "HOUR"},
                                                                                             {"HRS", "HOUR"},
                                                                                             {"MON", "MONTH"},
                                                                                             {"YR", "YEAR"},
                                                                                             {"YRS", "YEAR"}});
  for (const auto& [written, unit] : short_names)
    if (same(word, written)) return fmt::format("write {}", unit);
  return did_you_mean(word, units);
}

}  // namespace kinglet::sql
