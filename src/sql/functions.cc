// SPDX-License-Identifier: Apache-2.0
// Look-ups in the frozen list of the engine's functions, and the verdicts on them.
#include "sql/functions.h"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "sql/hints.h"

namespace kinglet::sql {
namespace {

using Set = std::unordered_set<std::string_view>;

struct Row {
  std::string_view name;
  std::string_view alias_to;
  bool aggregate;
  bool any_case;
  bool higher_order;
};

constexpr auto rows_of_engine = std::to_array<Row>({
#define F(name, flags, alias)                                                \
  {name, alias, std::string_view(flags).find('a') != std::string_view::npos, \
   std::string_view(flags).find('c') != std::string_view::npos,              \
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

// Why each group is refused: docs/design/0002-sql-front-end.md.
const Set& denied_names() {
  static const Set names = {
      // host files, other tables, code
      "file",
      "hasColumnInTable",
      "getMaxTableNameLengthForDatabase",
      "catboostEvaluate",
      "evalMLMethod",
      "nested",
      "_CAST",
      "generateSerialID",
      "fuzzQuery",
      "fuzzBits",
      "generateRandomStructure",
      "chdb",
      // configuration
      "getServerSetting",
      "getMergeTreeSetting",
      "getMacro",
      "getServerPort",
      "tcpPort",
      "getClientHTTPHeader",
      "globalVariable",
      "showCertificate",
      "shardNum",
      "shardCount",
      // machine
      "hostName",
      "hostname",
      "FQDN",
      "fullHostName",
      "displayName",
      "serverUUID",
      "buildId",
      "getOSKernelVersion",
      "uptime",
      "zookeeperSessionUptime",
      "revision",
      "connectionId",
      "connection_id",
      "tid",
      "hasThreadFuzzer",
      // identity and physical names
      "currentUser",
      "user",
      "authenticatedUser",
      "session_user",
      "currentRoles",
      "enabledRoles",
      "defaultRoles",
      "currentDatabase",
      "database",
      "DATABASE",
      "SCHEMA",
      "currentSchemas",
      "initialQueryID",
      "queryID",
      "query_id",
      "currentQueryID",
      "initialQueryStartTime",
      "authUser",
      // threads
      "sleep",
      "sleepEachRow",
      // introspection
      "demangle",
      "logTrace",
      "dumpColumnStructure",
      "blockSerializedSize",
      "getTypeSerializationStreams",
  };
  return names;
}

bool is_denied(std::string_view name) {
  if (denied_names().contains(name)) return true;
  for (const std::string_view prefix :
       {"__",          "joinGet",       "dictGet",        "dictHas",          "dictIsIn",     "naiveBayes",
        "region",      "aiGenerate",    "aiClassify",     "aiExtract",        "aiTranslate",  "aiEmbed",
        "AI",          "getSetting",    "filesystem",     "transaction",      "addressTo",    "obfuscateQuery",
        "structureTo", "current_query", "current_schema", "current_database", "current_user", "initial_query"})
    if (name.starts_with(prefix)) return true;
  return name.ends_with("Profiles") || name.find("MergeTreePart") != std::string_view::npos ||
         name.find("mergeTreePart") != std::string_view::npos;
}

const Set& in_names() {
  static const Set names = {"in",
                            "notIn",
                            "globalIn",
                            "globalNotIn",
                            "nullIn",
                            "notNullIn",
                            "globalNullIn",
                            "globalNotNullIn",
                            "inIgnoreSet",
                            "notInIgnoreSet",
                            "globalInIgnoreSet",
                            "globalNotInIgnoreSet",
                            "nullInIgnoreSet",
                            "notNullInIgnoreSet",
                            "globalNullInIgnoreSet",
                            "globalNotNullInIgnoreSet"};
  return names;
}

void set_code_argument(std::string_view canonical, Function& function) {
  using enum CodeArgument;
  struct Rule {
    CodeArgument kind;
    int index;
  };
  static const std::unordered_map<std::string_view, Rule> rules = {
      {"CAST", {type, 1}},
      {"accurateCast", {type, 1}},
      {"accurateCastOrNull", {type, 1}},
      {"accurateCastOrDefault", {type, 1}},
      {"reinterpret", {type, 1}},
      {"defaultValueOfTypeName", {type, 0}},
      {"JSONExtract", {type, -1}},
      {"JSONExtractCaseInsensitive", {type, -1}},
      {"JSONExtractKeysAndValues", {type, -1}},
      {"JSONExtractKeysAndValuesCaseInsensitive", {type, -1}},
      {"arrayReduce", {aggregate, 0}},
      {"arrayReduceInRanges", {aggregate, 0}},
      {"initializeAggregation", {aggregate, 0}},
  };
  if (const auto found = rules.find(canonical); found != rules.end()) {
    function.code_argument = found->second.kind;
    function.code_index = found->second.index;
  }
}

bool equals_any_case(std::string_view a, std::string_view b) {
  const auto small = [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return small(x) == small(y); });
}

/// The list with our verdicts: a hash table over a few letters of each name, in small. Built once.
class FunctionTable {
 public:
  FunctionTable() {
    functions_.reserve(rows_of_engine.size());
    for (const Row& row : rows_of_engine) {
      const std::string_view canonical = row.alias_to.empty() ? row.name : row.alias_to;
      Function function{.name = row.name,
                        .alias_to = row.alias_to,
                        .aggregate = row.aggregate,
                        .any_case = row.any_case,
                        .higher_order = row.higher_order};
      function.denied = is_denied(row.name) || is_denied(canonical);
      function.is_in = in_names().contains(canonical);
      set_code_argument(canonical, function);
      functions_.push_back(function);
    }
    for (Function& function : functions_) {  // an alias takes a lambda where its function does
      const auto target = std::find_if(rows_of_engine.begin(), rows_of_engine.end(),
                                       [&](const Row& row) { return row.name == function.alias_to; });
      if (target != rows_of_engine.end()) function.higher_order |= target->higher_order;
    }
    for (const Function& function : functions_) {
      std::size_t slot = first_slot(function.name);
      while (slots_[slot] != nullptr) slot = (slot + 1) % slots;
      slots_[slot] = &function;
    }
  }

  [[nodiscard]] std::span<const Function> functions() const { return functions_; }

  /// The one spelled so, else the first one that any case may spell.
  [[nodiscard]] const Function* find(std::string_view name) const {
    if (name.empty()) return nullptr;
    const Function* other_case = nullptr;
    for (std::size_t slot = first_slot(name); slots_[slot] != nullptr; slot = (slot + 1) % slots) {
      const Function& one = *slots_[slot];
      if (one.name == name) return &one;
      if (other_case == nullptr && one.any_case && equals_any_case(one.name, name)) other_case = &one;
    }
    return other_case;
  }

 private:
  static constexpr std::size_t slots = 4096;
  static_assert(rows_of_engine.size() < slots / 2, "long chains: take more slots");

  static std::size_t first_slot(std::string_view name) {
    const std::size_t size = name.size();
    std::size_t hash = size;
    for (const std::size_t at : {std::size_t{0}, size / 4, size / 2, size * 3 / 4, size - 1})
      hash = hash * 37 + (static_cast<unsigned char>(name[at]) | 0x20u);
    return (hash * 0x9E3779B1u >> 20) % slots;
  }

  std::vector<Function> functions_;
  std::array<const Function*, slots> slots_ = {};
};

const FunctionTable& function_table() {
  static const FunctionTable table;
  return table;
}

const Function* find_exact(std::string_view name) {
  return function_table().find(name);
}

}  // namespace

std::span<const std::string_view> available_functions() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> out;
    for (const Function& one : function_table().functions())
      if (!one.denied) out.push_back(one.name);
    return out;
  }();
  return names;
}

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

Result<const Function*> check_function(std::string_view name, const Position& where) {
  const Function* function = find_function(name);
  if (function == nullptr)
    return fail(
        Error{.code = Code::invalid,
              .message = fmt::format("line {}, column {}: unknown function {}()", where.line, where.column, name),
              .hint = function_hint(name)});
  if (function->denied)
    return fail(Error{
        .code = Code::forbidden,
        .message = fmt::format("line {}, column {}: function {}() is not available", where.line, where.column, name),
        .hint = name.starts_with("dict") ? "a workspace has no dictionaries: join the data source that holds the values"
                                         : ""});
  return function;
}

std::span<const std::string_view> type_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> out;
    for (const Type& type : types)
      if (type.name.find("AggregateFunction") == std::string_view::npos) out.push_back(type.name);
    return out;
  }();
  return names;
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
      {"numbers", rows},
      {"numbers_mt", rows},
      {"generateSeries", rows},
      {"generate_series", rows},
      {"primes", rows},
      {"SQLStandardValues", rows},
      {"values", structure},
      {"null", structure},
      {"generateRandom", structure},
      {"s3", external},
      {"gcs", external},
      {"url", external},
      {"azureBlobStorage", external},
      {"postgresql", external},
      {"mysql", external},
      {"mongodb", external},
      {"iceberg", external},
      {"icebergS3", external},
      {"icebergAzure", external},
      {"deltaLake", external},
      {"deltaLakeS3", external},
      {"deltaLakeAzure", external},
  };
  const auto found = table.find(name);
  return found == table.end() ? denied : found->second;
}

namespace {

// The first ones may only tighten what the connection has.
constexpr auto settings = std::to_array<std::string_view>({"max_execution_time",
                                                           "max_memory_usage",
                                                           "max_rows_to_read",
                                                           "max_bytes_to_read",
                                                           "max_result_rows",
                                                           "max_threads",
                                                           "join_algorithm",
                                                           "join_use_nulls",
                                                           "any_join_distinct_right_table_keys",
                                                           "transform_null_in",
                                                           "group_by_use_nulls",
                                                           "aggregate_functions_null_for_empty",
                                                           "union_default_mode",
                                                           "totals_mode",
                                                           "final",
                                                           "do_not_merge_across_partitions_select_final",
                                                           "use_skip_indexes",
                                                           "optimize_read_in_order",
                                                           "optimize_aggregation_in_order",
                                                           "optimize_move_to_prewhere",
                                                           "short_circuit_function_evaluation",
                                                           "session_timezone",
                                                           "output_format_json_quote_64bit_integers",
                                                           "output_format_json_quote_denormals",
                                                           "date_time_output_format"});
constexpr std::size_t lower_only_settings = 5;

}  // namespace

std::span<const std::string_view> setting_names() {
  return settings;
}

SettingRule setting_rule(std::string_view name) {
  const auto found = std::find(settings.begin(), settings.end(), name);
  if (found == settings.end()) return SettingRule::refused;
  return found < settings.begin() + lower_only_settings ? SettingRule::lower_only : SettingRule::allowed;
}

namespace {

constexpr auto formats = std::to_array<std::string_view>({"JSON",
                                                          "JSONCompact",
                                                          "JSONStrings",
                                                          "JSONCompactStrings",
                                                          "JSONEachRow",
                                                          "JSONStringsEachRow",
                                                          "JSONCompactEachRow",
                                                          "JSONCompactEachRowWithNames",
                                                          "JSONCompactEachRowWithNamesAndTypes",
                                                          "CSV",
                                                          "CSVWithNames",
                                                          "CSVWithNamesAndTypes",
                                                          "TSV",
                                                          "TSVWithNames",
                                                          "TSVWithNamesAndTypes",
                                                          "TSVRaw",
                                                          "TabSeparated",
                                                          "TabSeparatedWithNames",
                                                          "TabSeparatedWithNamesAndTypes",
                                                          "TabSeparatedRaw",
                                                          "Parquet",
                                                          "Prometheus",
                                                          "PrettyCompact",
                                                          "PrettyCompactMonoBlock",
                                                          "Pretty",
                                                          "PrettyMonoBlock",
                                                          "PrettyNoEscapes",
                                                          "PrettyCompactNoEscapes",
                                                          "PrettySpace",
                                                          "Vertical",
                                                          "Markdown",
                                                          "Arrow",
                                                          "ArrowStream",
                                                          "Native",
                                                          "RowBinary",
                                                          "RowBinaryWithNames",
                                                          "RowBinaryWithNamesAndTypes"});

}  // namespace

std::span<const std::string_view> format_names() {
  return formats;
}

std::string_view find_format(std::string_view name) {
  const std::string wanted = lower(name);
  if (wanted == "ndjson") return "JSONEachRow";
  const auto found = std::find_if(formats.begin(), formats.end(), [&](auto format) { return lower(format) == wanted; });
  return found == formats.end() ? std::string_view() : *found;
}

}  // namespace kinglet::sql
