// SPDX-License-Identifier: Apache-2.0
// Look-ups in the frozen list of the engine's functions, and the verdicts on them.
#include "sql/functions.h"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace kinglet::sql {
namespace {

using Set = std::unordered_set<std::string_view>;

constexpr auto functions = std::to_array<Function>({
#define F(name, flags, alias)                                                          \
  {name, alias, std::string_view(flags).find('a') != std::string_view::npos,           \
   std::string_view(flags).find('c') != std::string_view::npos,                        \
   std::string_view(flags).find('h') != std::string_view::npos},
#include "sql/functions.inc"
#undef F
    // Known to the engine's analyzer, absent from system.functions.
    {"exists", "", false, false, false},
    {"grouping", "", false, true, false},
    {"untuple", "", false, false, false},
});

struct Type {
  std::string_view name;
  bool any_case;
};
constexpr auto types = std::to_array<Type>({
#define T(name, any_case) {name, (any_case) != 0},
#include "sql/functions.inc"
#undef T
});

constexpr auto combinators =
    std::to_array<std::string_view>({"SimpleState", "OrDefault", "Distinct", "Resample", "ForEach", "ArgMax", "ArgMin",
                                     "OrNull", "Tuple", "Merge", "State", "Array", "Map", "If"});
constexpr int combinators_max = 8;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

const Function* find_exact(std::string_view name) {
  static const auto by_name = [] {
    std::unordered_map<std::string_view, const Function*> table;
    for (const Function& function : functions) table.emplace(function.name, &function);
    return table;
  }();
  static const auto any_case = [] {
    std::unordered_map<std::string, const Function*> table;
    for (const Function& function : functions)
      if (function.any_case) table.emplace(lower(function.name), &function);
    return table;
  }();
  if (const auto found = by_name.find(name); found != by_name.end()) return found->second;
  if (const auto found = any_case.find(lower(name)); found != any_case.end()) return found->second;
  return nullptr;
}

/// The canonical function behind an alias.
const Function& canonical(const Function& function) {
  if (function.alias_to.empty()) return function;
  const Function* target = find_exact(function.alias_to);
  return target == nullptr ? function : *target;
}

// Why each group is refused: docs/design/0002-sql-front-end.md.
const Set& denied_names() {
  static const Set names = {
      // host files, other tables, code
      "file", "hasColumnInTable", "getMaxTableNameLengthForDatabase", "catboostEvaluate", "evalMLMethod",
      "nested", "_CAST", "generateSerialID", "fuzzQuery", "fuzzBits", "generateRandomStructure", "chdb",
      // configuration
      "getServerSetting", "getMergeTreeSetting", "getMacro", "getServerPort", "tcpPort", "getClientHTTPHeader",
      "globalVariable", "showCertificate", "shardNum", "shardCount",
      // machine
      "hostName", "hostname", "FQDN", "fullHostName", "displayName", "serverUUID", "buildId", "getOSKernelVersion",
      "uptime", "zookeeperSessionUptime", "revision", "connectionId", "connection_id", "tid", "hasThreadFuzzer",
      // identity and physical names
      "currentUser", "user", "authenticatedUser", "session_user", "currentRoles", "enabledRoles", "defaultRoles",
      "currentDatabase", "database", "DATABASE", "SCHEMA", "currentSchemas", "initialQueryID", "queryID", "query_id",
      "currentQueryID", "initialQueryStartTime", "authUser",
      // threads
      "sleep", "sleepEachRow",
      // introspection
      "demangle", "logTrace", "dumpColumnStructure", "blockSerializedSize", "getTypeSerializationStreams",
  };
  return names;
}

bool is_denied(std::string_view name) {
  if (denied_names().contains(name)) return true;
  for (const std::string_view prefix :
       {"__", "joinGet", "dictGet", "dictHas", "dictIsIn", "naiveBayes", "region", "aiGenerate", "aiClassify", "aiExtract",
        "aiTranslate", "aiEmbed", "AI", "getSetting", "filesystem", "transaction", "addressTo", "obfuscateQuery",
        "structureTo", "current_query", "current_schema", "current_database", "current_user", "initial_query"})
    if (name.starts_with(prefix)) return true;
  return name.ends_with("Profiles") || name.find("MergeTreePart") != std::string_view::npos ||
         name.find("mergeTreePart") != std::string_view::npos;
}

}  // namespace

const Function* find_function(std::string_view name) {
  if (const Function* found = find_exact(name)) return found;
  for (int round = 0; round < combinators_max; ++round) {
    const auto suffix = std::find_if(combinators.begin(), combinators.end(), [&](std::string_view combinator) {
      return name.size() > combinator.size() && name.ends_with(combinator);
    });
    if (suffix == combinators.end()) return nullptr;
    name.remove_suffix(suffix->size());
    if (const Function* found = find_exact(name)) return found->aggregate ? found : nullptr;
  }
  return nullptr;
}

Status check_function(std::string_view name, const Position& where) {
  const Function* function = find_function(name);
  if (function == nullptr) return fail(Code::invalid, "line {}, column {}: unknown function {}()", where.line, where.column, name);
  if (is_denied(name) || is_denied(function->name) || is_denied(canonical(*function).name))
    return fail(Code::forbidden, "line {}, column {}: function {}() is not available", where.line, where.column, name);
  return {};
}

std::optional<TextArgument> text_argument(std::string_view name) {
  const Function* function = find_function(name);
  if (function == nullptr) return std::nullopt;
  const std::string_view base = canonical(*function).name;
  using Kind = TextArgument::Kind;
  static const std::unordered_map<std::string_view, TextArgument> table = {
      {"CAST", {Kind::type, 1}},
      {"accurateCast", {Kind::type, 1}},
      {"accurateCastOrNull", {Kind::type, 1}},
      {"accurateCastOrDefault", {Kind::type, 1}},
      {"reinterpret", {Kind::type, 1}},
      {"defaultValueOfTypeName", {Kind::type, 0}},
      {"JSONExtract", {Kind::type, -1}},
      {"JSONExtractCaseInsensitive", {Kind::type, -1}},
      {"JSONExtractKeysAndValues", {Kind::type, -1}},
      {"JSONExtractKeysAndValuesCaseInsensitive", {Kind::type, -1}},
      {"arrayReduce", {Kind::aggregate, 0}},
      {"arrayReduceInRanges", {Kind::aggregate, 0}},
      {"initializeAggregation", {Kind::aggregate, 0}},
  };
  const auto found = table.find(base);
  if (found == table.end()) return std::nullopt;
  return found->second;
}

bool is_in_function(std::string_view name) {
  static const Set names = {"in", "notIn", "globalIn", "globalNotIn", "nullIn", "notNullIn", "globalNullIn",
                            "globalNotNullIn", "inIgnoreSet", "notInIgnoreSet", "globalInIgnoreSet",
                            "globalNotInIgnoreSet", "nullInIgnoreSet", "notNullInIgnoreSet", "globalNullInIgnoreSet",
                            "globalNotNullInIgnoreSet"};
  return names.contains(name);
}

bool is_type(std::string_view name) {
  static const auto exact = [] {
    Set set;
    for (const Type& type : types) set.insert(type.name);
    return set;
  }();
  static const auto any_case = [] {
    std::unordered_set<std::string> set;
    for (const Type& type : types)
      if (type.any_case) set.insert(lower(type.name));
    return set;
  }();
  return exact.contains(name) || any_case.contains(lower(name));
}

TableFunctionKind table_function_kind(std::string_view name) {
  using enum TableFunctionKind;
  static const std::unordered_map<std::string_view, TableFunctionKind> table = {
      {"numbers", rows}, {"numbers_mt", rows}, {"generateSeries", rows}, {"generate_series", rows}, {"primes", rows},
      {"SQLStandardValues", rows},
      {"values", structure}, {"null", structure}, {"generateRandom", structure},
      {"s3", external}, {"gcs", external}, {"url", external}, {"azureBlobStorage", external}, {"postgresql", external},
      {"mysql", external}, {"mongodb", external}, {"iceberg", external}, {"icebergS3", external},
      {"icebergAzure", external}, {"deltaLake", external}, {"deltaLakeS3", external}, {"deltaLakeAzure", external},
  };
  const auto found = table.find(name);
  return found == table.end() ? denied : found->second;
}

SettingRule setting_rule(std::string_view name) {
  using enum SettingRule;
  static const std::unordered_map<std::string_view, SettingRule> table = [] {
    std::unordered_map<std::string_view, SettingRule> rules;
    for (const std::string_view one :
         {"max_threads", "join_algorithm", "join_use_nulls", "any_join_distinct_right_table_keys", "transform_null_in",
          "group_by_use_nulls", "aggregate_functions_null_for_empty", "union_default_mode", "totals_mode", "final",
          "do_not_merge_across_partitions_select_final", "use_skip_indexes", "optimize_read_in_order",
          "optimize_aggregation_in_order", "optimize_move_to_prewhere", "short_circuit_function_evaluation",
          "session_timezone", "output_format_json_quote_64bit_integers", "output_format_json_quote_denormals",
          "date_time_output_format"})
      rules.emplace(one, allowed);
    for (const std::string_view one :
         {"max_execution_time", "max_memory_usage", "max_rows_to_read", "max_bytes_to_read", "max_result_rows"})
      rules.emplace(one, lower_only);
    return rules;
  }();
  const auto found = table.find(name);
  return found == table.end() ? refused : found->second;
}

std::string_view find_format(std::string_view name) {
  static const std::unordered_map<std::string, std::string_view> table = [] {
    std::unordered_map<std::string, std::string_view> formats;
    for (const std::string_view one :
         {"JSON", "JSONCompact", "JSONStrings", "JSONCompactStrings", "JSONEachRow", "JSONStringsEachRow",
          "JSONCompactEachRow", "JSONCompactEachRowWithNames", "JSONCompactEachRowWithNamesAndTypes", "CSV", "CSVWithNames",
          "CSVWithNamesAndTypes", "TSV", "TSVWithNames", "TSVWithNamesAndTypes", "TSVRaw", "TabSeparated",
          "TabSeparatedWithNames", "TabSeparatedWithNamesAndTypes", "TabSeparatedRaw", "Parquet", "Prometheus",
          "PrettyCompact", "PrettyCompactMonoBlock", "Pretty", "PrettyMonoBlock", "PrettyNoEscapes",
          "PrettyCompactNoEscapes", "PrettySpace", "Vertical", "Markdown", "Arrow", "ArrowStream", "Native", "RowBinary",
          "RowBinaryWithNames", "RowBinaryWithNamesAndTypes"})
      formats.emplace(lower(one), one);
    formats.emplace("ndjson", "JSONEachRow");
    return formats;
  }();
  const auto found = table.find(lower(name));
  return found == table.end() ? std::string_view() : found->second;
}

}  // namespace kinglet::sql
