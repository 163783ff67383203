// SPDX-License-Identifier: Apache-2.0
// One type, one JSONPath, one value with secrets; and the tables they end up in.
#include <gtest/gtest.h>

#include "datafile/check.h"
#include "datafile/column_type.h"
#include "datafile/ddl.h"
#include "datafile/json_path.h"
#include "datafile/limits.h"
#include "datafile/parse.h"
#include "datafile/secret.h"

namespace kinglet::datafile {
namespace {

std::string type(std::string_view text) {
  const auto found = normalise_type(text);
  return found ? *found : "error: " + found.error().message;
}

TEST(ColumnType, OneSpellingForEveryType) {
  EXPECT_EQ(type(" Array ( Nullable( Int32 ) ) "), "Array(Nullable(Int32))");
  EXPECT_EQ(type("int"), "Int32");
  EXPECT_EQ(type("INT UNSIGNED"), "UInt32");
  EXPECT_EQ(type("double precision"), "Float64");
  EXPECT_EQ(type("varchar(20)"), "String");
  EXPECT_EQ(type("Boolean"), "Bool");
  EXPECT_EQ(type("datetime"), "DateTime");
  EXPECT_EQ(type("DateTime('Europe/Paris')"), "DateTime('Europe/Paris')");
  EXPECT_EQ(type("DateTime64(3,'UTC')"), "DateTime64(3, 'UTC')");
  EXPECT_EQ(type("Decimal(10,2)"), "Decimal(10, 2)");
  EXPECT_EQ(type("Decimal"), "Decimal(10, 0)");
  EXPECT_EQ(type("Enum8('a','b'=5,'c')"), "Enum8('a' = 1, 'b' = 5, 'c' = 6)");
  EXPECT_EQ(type("Tuple(Int8,Tuple(a String,b Array(UInt8)))"), "Tuple(Int8, Tuple(a String, b Array(UInt8)))");
  EXPECT_EQ(type("Nested(id UInt32, name String)"), "Nested(id UInt32, name String)");
  EXPECT_EQ(type("Variant(String, Array(Int8))"), "Variant(String, Array(Int8))");
  EXPECT_EQ(type("JSON(max_dynamic_paths=8, a.b UInt32, SKIP c, SKIP REGEXP 'd.*')"),
            "JSON(max_dynamic_paths=8, a.b UInt32, SKIP c, SKIP REGEXP 'd.*')");
  EXPECT_EQ(type("AggregateFunction(count)"), "AggregateFunction(count)");
  EXPECT_EQ(type("AggregateFunction(topK(10), String)"), "AggregateFunction(topK(10), String)");
  EXPECT_EQ(type("AggregateFunction(argMax,String,UInt32)"), "AggregateFunction(argMax, String, UInt32)");
  EXPECT_EQ(type("SimpleAggregateFunction(groupUniqArrayArray, Array(String))"),
            "SimpleAggregateFunction(groupUniqArrayArray, Array(String))");
}

TEST(ColumnType, WrongTypesSayWhatIsWrong) {
  EXPECT_EQ(type(""), "error: expected a type, found the end (at character 1 of the type)");
  EXPECT_EQ(type("string"), "error: there is no type 'string' (at character 1 of the type)");
  EXPECT_EQ(type("DateTime64"), "error: DateTime64 needs a precision (at character 1 of the type)");
  EXPECT_EQ(type("DateTime64(10)"),
            "error: the precision of DateTime64 is a number from 0 to 9, found '10' (at character 12 of the type)");
  EXPECT_EQ(type("Nullable(LowCardinality(String))"),
            "error: Nullable cannot hold LowCardinality (at character 1 of the type)");
  EXPECT_EQ(type("Map(Nullable(String), Int8)"),
            "error: the key of a Map cannot be Nullable (at character 5 of the type)");
  EXPECT_EQ(type("Array(String"), "error: Array has a '(' that is never closed (at character 1 of the type)");
  EXPECT_EQ(type("String) ENGINE = Memory"), "error: unexpected ')' after the type (at character 7 of the type)");
  EXPECT_EQ(type("Enum8('a' = 200)"),
            "error: the number of Enum8 is a number from 0 to 127, found '200' (at character 13 of the type)");
  EXPECT_EQ(type("Int32(5)"), "error: Int32 takes no arguments (at character 6 of the type)");
  EXPECT_EQ(type("DateTime('UTC"),
            "error: the time zone of DateTime is a text in single quotes, found ''UTC' (at character 10 of the type)");
  EXPECT_EQ(type(std::string(limits::type_bytes_max + 1, ' ')), "error: the type is longer than 65536 bytes");
}

TEST(ColumnType, Questions) {
  EXPECT_TRUE(is_nullable("LowCardinality(Nullable(String))"));
  EXPECT_FALSE(is_nullable("Array(Nullable(String))"));
  EXPECT_EQ(without_wrappers("LowCardinality(Nullable(String))"), "String");
  EXPECT_TRUE(is_numeric("Nullable(Decimal(9, 2))"));
  EXPECT_FALSE(is_numeric("Array(Int8)"));
}

std::string path(std::string_view text) {
  std::size_t at = 0;
  const auto found = parse_json_path(text, &at);
  if (!found) return fmt::format("{}: {}", at, found.error().message);
  std::string out;
  for (const auto& step : found->steps) out += step.each ? "[:]" : fmt::format("<{}>", step.key);
  return out;
}

TEST(JsonPathText, StepsOfPaths) {
  EXPECT_EQ(path("$"), "");
  EXPECT_EQ(path("$.a.b_c.d-e"), "<a><b_c><d-e>");
  EXPECT_EQ(path("$.a[:]"), "<a>[:]");
  EXPECT_EQ(path("$.a[:].b[:]"), "<a>[:]<b>[:]");
  EXPECT_EQ(path("$[:].a"), "[:]<a>");
  EXPECT_EQ(path("$.['a b'].c"), "<a b><c>");
  EXPECT_EQ(path("$[\"a.b\"]"), "<a.b>");
  EXPECT_EQ(path("$.$set.ключ"), "<$set><ключ>");
  EXPECT_EQ(path("#.__value"), "<__value>");
}

TEST(JsonPathText, WrongPathsSayWhere) {
  EXPECT_EQ(path("a.b"), "0: the JSONPath 'a.b' does not start with $");
  EXPECT_EQ(path(""), "0: the JSONPath '' does not start with $");
  EXPECT_EQ(path("$.a..b"), "4: '..' (search at every depth) is not possible in a JSONPath of a column");
  EXPECT_EQ(path("$.a[0]"), "3: one element by its number is not possible in a JSONPath of a column");
  EXPECT_EQ(path("$.a[*]"), "3: [*] is not possible in a JSONPath of a column");
  EXPECT_EQ(path("$.a[?(@.x)]"), "3: expected [:] or ['key'] in the JSONPath");
  EXPECT_EQ(path("$.['a]"), "2: a quoted key of the JSONPath is not closed by a quote and ']'");
  EXPECT_EQ(path("$a"), "1: unexpected 'a' in the JSONPath");
  std::string deep = "$";
  for (std::size_t i = 0; i < limits::path_steps_max; ++i) deep += ".a";
  EXPECT_EQ(parse_json_path(deep)->steps.size(), limits::path_steps_max);
  EXPECT_EQ(path(deep + ".a"), "129: the JSONPath has more than 64 steps");
}

TEST(Secrets, AreFoundAndReplaced) {
  const auto found = secrets_of("{{tb_secret('A')}}:{{ tb_secret(\"B\", \"b d\") }}");
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ(found->at(0).name, "A");
  EXPECT_EQ(found->at(1).default_value, "b d");
  const auto find = [](std::string_view name) {
    return name == "A" ? std::optional<std::string>("{{ tb_secret('B') }}") : std::nullopt;
  };
  EXPECT_EQ(resolve_secrets("x{{tb_secret('A')}}:{{ tb_secret(\"B\", \"b\") }}", find), "x{{ tb_secret('B') }}:b")
      << "a secret's value is not read again";
  EXPECT_EQ(resolve_secrets("{{ tb_secret('C') }}", find).error().message,
            "the secret 'C' is not set and has no default");
  EXPECT_FALSE(secrets_of("{{ tb_secret(C) }}"));
  EXPECT_FALSE(secrets_of("{{ tb_secret('C')"));
  EXPECT_FALSE(secrets_of("{{ env('C') }}"));
}

DataSource source(const std::string& text) {
  auto parsed = parse_data_source({.name = "t.datasource", .text = text});
  for (const auto& d : parsed.diagnostics) EXPECT_EQ(d.severity, Severity::warning) << to_string(d);
  return std::move(parsed.resource);
}

TEST(Ddl, EveryEngineGetsItsArguments) {
  const std::string schema = "SCHEMA >\n    k UInt64,\n    v UInt32,\n    gone UInt8,\n    sign Int8\n";
  const auto engine = [&](const std::string& lines) {
    const auto ddl = create_table_ddl(source(schema + lines), "t");
    const auto start = ddl.find("ENGINE = ") + 9;
    return ddl.substr(start, ddl.find('\n', start) - start);
  };
  EXPECT_EQ(engine("ENGINE ReplacingMergeTree\nENGINE_VER v\nENGINE_IS_DELETED gone\n"), "ReplacingMergeTree(v, gone)");
  EXPECT_EQ(engine("ENGINE SummingMergeTree\nENGINE_SORTING_KEY k\nENGINE_SUMMING_COLUMNS v, gone\n"),
            "SummingMergeTree((v, gone))");
  EXPECT_EQ(engine("ENGINE CollapsingMergeTree\nENGINE_SIGN sign\n"), "CollapsingMergeTree(sign)");
  EXPECT_EQ(engine("ENGINE VersionedCollapsingMergeTree\nENGINE_SIGN sign\nENGINE_VERSION v\n"),
            "VersionedCollapsingMergeTree(sign, v)");
  EXPECT_EQ(engine("ENGINE Null\n"), "Null");
  EXPECT_EQ(create_table_ddl(source("SCHEMA >\n    `a b` String\nENGINE Null\n"), "`x`.`y`", {.if_not_exists = true}),
            "CREATE TABLE IF NOT EXISTS `x`.`y`\n(\n    `a b` String\n)\nENGINE = Null");
}

TEST(Ddl, SettingsOfTheFileWin) {
  const auto ddl =
      create_table_ddl(source("SCHEMA >\n    k UInt64\nENGINE_SETTINGS fsync_after_insert = 1, fsync_part_directory = "
                              "1, min_level_for_wide_part = 3, index_granularity = 64\n"),
                       "t", {.deduplication_window = 0});
  EXPECT_TRUE(
      ddl.ends_with("\nSETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_level_for_wide_part = 3, "
                    "index_granularity = 64"))
      << ddl;
}

TEST(Ddl, QuarantineHoldsEveryColumnAsText) {
  EXPECT_EQ(
      quarantine_ddl(source("SCHEMA >\n    k UInt64,\n    tags Array(String)\n"), "`q`", {.deduplication_window = 5}),
      "CREATE TABLE `q`\n(\n    `c__error_column` Array(String),\n    `c__error` Array(String),\n    `c__import_id` "
      "Nullable(String),\n"
      "    `k` Nullable(String),\n    `tags` Nullable(String),\n    `insertion_date` DateTime\n)\nENGINE = MergeTree\n"
      "PARTITION BY toYYYYMM(insertion_date)\nORDER BY insertion_date\nTTL insertion_date + INTERVAL 30 DAY\n"
      "SETTINGS non_replicated_deduplication_window = 5, min_level_for_wide_part = 1, fsync_after_insert = 1, "
      "fsync_part_directory = 1");
}

TEST(Ddl, IdentifiersCannotEndEarly) {
  EXPECT_EQ(quote_identifier("a`b\\"), "`a\\`b\\\\`");
}

std::vector<std::string> checked(std::vector<SourceFile> files) {
  std::vector<std::string> out;
  const auto parsed = parse_project(std::move(files));
  for (const auto& d : parsed.diagnostics) out.push_back(to_string(d));
  for (const auto& d : check_project(parsed.project)) out.push_back(to_string(d));
  return out;
}

// S6, S8, S12: what a table computes by itself obeys the same lists as queries.
TEST(CheckProject, ExpressionsOfTablesCallOnlyAllowedFunctions) {
  for (const std::string function : {"file('/etc/passwd')", "getServerPort('tcp_port')", "hostName()"}) {
    EXPECT_FALSE(
        checked({{"t.datasource", "SCHEMA >\n    a String,\n    b String DEFAULT " + function + "\n"}}).empty())
        << function;
    EXPECT_FALSE(
        checked({{"t.datasource", "SCHEMA >\n    a String\nENGINE_SORTING_KEY a, " + function + "\n"}}).empty())
        << function;
    EXPECT_FALSE(checked({{"t.datasource",
                           "SCHEMA >\n    a DateTime,\n    b String\nENGINE_TTL a + INTERVAL 1 DAY DELETE WHERE b = " +
                               function + "\n"}})
                     .empty())
        << function;
  }
  EXPECT_EQ(checked({{"t.datasource",
                      "SCHEMA >\n    a DateTime,\n    b String DEFAULT toString(now())\nENGINE_TTL a + INTERVAL 1 DAY "
                      "DELETE WHERE b = 'x'\n"}}),
            std::vector<std::string>{});
}

TEST(CheckProject, PositionsArePlacesInTheFile) {
  EXPECT_EQ(checked({{"p.pipe", "NODE a\nSQL >\n\n        SELECT\n          *\n        FRM t\n"}}),
            (std::vector<std::string>{
                "p.pipe:6:9: node 'a': expected the end of the query, found FRM (did you mean FROM?)"}));
}

TEST(CheckProject, FaultsOfRenderedSqlStandInTheTextThatTheAuthorWrote) {
  const auto faults = [](const std::string& sql) { return checked({{"p.pipe", "NODE a\nSQL >\n    " + sql + "\n"}}); };
  using Lines = std::vector<std::string>;
  EXPECT_EQ(faults("%\n    SELECT 1\n    {% if not defined(x) %}\n      WERE a = 1\n    {% end %}"),
            Lines{"p.pipe:6:12: node 'a': expected the end of the query, found a (did you mean WHERE?)"});
  EXPECT_EQ(faults("%\n    SELECT {{String(x, 'long\nvalue')}} AS x\n    FROM t WERE a = 1"),
            Lines{"p.pipe:6:17: node 'a': expected the end of the query, found a (did you mean WHERE?)"});
  EXPECT_EQ(faults("%\n    SELECT a FROM t {% if defined(x) %} WERE x = {{String(x)}} {% end %}"),
            Lines{"p.pipe:4:46: node 'a': expected the end of the query, found x (did you mean WHERE?)"});
  EXPECT_EQ(faults("%\n    SELECT a\n    FROM t WHERE a = 1 {{String(x)}}"),
            Lines{"p.pipe:5:24: node 'a', in the rendered SQL near 'FROM t WHERE a = 1 '__no_value__'': expected the "
                  "end of the query, found '__no_value__'"});
}

TEST(CheckProject, FaultsOfKeysAndDefaultsStandAtTheirValues) {
  EXPECT_EQ(checked({{"t.datasource",
                      "SCHEMA >\n    a DateTime,\n    b String DEFAULT lowr(a),\n    c String\n\nENGINE "
                      "MergeTree\nENGINE_PARTITION_KEY toYYYYMN(a)\nENGINE_SORTING_KEY \"a, b c\"\n"
                      "ENGINE_TTL a + nosuch(1)\n"}}),
            (std::vector<std::string>{
                "t.datasource:3:22: the DEFAULT of column 'b': unknown function lowr() (did you mean lower()?)",
                "t.datasource:7:22: ENGINE_PARTITION_KEY: unknown function toYYYYMN() (did you mean toYYYYMM()?)",
                "t.datasource:8:21: ENGINE_SORTING_KEY: expected an operator or the end of the expression, found c "
                "(commas part the expressions of a key)",
                "t.datasource:9:12: ENGINE_TTL: unknown function nosuch()"}));
}

}  // namespace
}  // namespace kinglet::datafile
