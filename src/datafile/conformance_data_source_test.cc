// SPDX-License-Identifier: Apache-2.0
// The datafiles page, sections 3.1 to 3.8, 3.11 to 3.13 and 5.1: data sources, their columns, types, engines and
// tokens.
#include "datafile/column_type.h"
#include "datafile/conformance_testing.h"

namespace kinglet::datafile {
namespace {

using namespace testing;  // NOLINT: the test kit of this module

TEST(Conformance, Section31Instructions) {
  data_source_rows({
      {"3.1 DESCRIPTION", "DESCRIPTION text", {"= DESCRIPTION >\n    text"}},
      {"3.1 DESCRIPTION", "DESCRIPTION >\n    text\n    more", {"= DESCRIPTION >\n    text\n    more"}},
      {"3.1 TAGS", "TAGS \"a\"", {"= TAGS \"a\""}},
      {"3.1 TAGS", "TAGS \"a, b\"", {"= TAGS \"a, b\""}},
      {"3.1 TAGS", "TAGS \"a\", \"b\"", {"= TAGS \"a, b\""}},
      {"3.1 TOKEN", "TOKEN name READ\nTOKEN name APPEND", {"= TOKEN \"name\" READ\nTOKEN \"name\" APPEND"}},
      {"3.1 ENGINE", "ENGINE_SORTING_KEY id", {"= ENGINE \"MergeTree\""}},
      {"3.1 ENGINE_SORTING_KEY", "ENGINE_SORTING_KEY \"org, cityHash64(id, org)\"", {"= \"org, cityHash64(id, org)\""}},
      {"3.1 ENGINE_PARTITION_KEY",
       "ENGINE_PARTITION_KEY \"toYYYYMM(at)\"",
       {"= ENGINE_PARTITION_KEY \"toYYYYMM(at)\""}},
      {"3.1 ENGINE_PARTITION_KEY", "ENGINE_PARTITION_KEY \"\""},
      {"3.1 ENGINE_PRIMARY_KEY",
       "ENGINE_SORTING_KEY org, id\nENGINE_PRIMARY_KEY org",
       {"= ENGINE_PRIMARY_KEY \"org\""}},
      {"3.1 ENGINE_PRIMARY_KEY",
       "ENGINE_SORTING_KEY org, id\nENGINE_PRIMARY_KEY id",
       {"ENGINE_PRIMARY_KEY must be a beginning of"}},
      {"3.1 ENGINE_SAMPLING_KEY", "ENGINE_SORTING_KEY id\nENGINE_SAMPLING_KEY id", {"= ENGINE_SAMPLING_KEY \"id\""}},
      {"3.1 ENGINE_TTL", "ENGINE_TTL \"\""},
      {"3.1 ENGINE_TTL", "ENGINE_TTL"},
      {"3.1 ENGINE_VER", "ENGINE ReplacingMergeTree\nENGINE_VER ver", {"= ENGINE_VER \"ver\""}},
      {"3.1 ENGINE_VER", "ENGINE ReplacingMergeTree\nENGINE_SORTING_KEY id"},
      {"3.1 ENGINE_VER",
       "ENGINE ReplacingMergeTree\nENGINE_VER org",
       {"the ENGINE_VER column 'org' must be a number, date or time"}},
      {"3.1 ENGINE_VER", "ENGINE ReplacingMergeTree\nENGINE_VER n", {"the ENGINE_VER column 'n' must be"}},
      {"3.1 ENGINE_VER",
       "ENGINE ReplacingMergeTree\nENGINE_VER vers",
       {"which is not a column of the SCHEMA (did you mean ver?)"}},
      {"3.1 ENGINE_IS_DELETED",
       "ENGINE ReplacingMergeTree\nENGINE_VER ver\nENGINE_IS_DELETED gone",
       {"= ENGINE_IS_DELETED \"gone\""}},
      {"3.1 ENGINE_IS_DELETED", "ENGINE ReplacingMergeTree\nENGINE_VER ver\nENGINE_IS_DELETED id", {"must be UInt8"}},
      {"3.1 ENGINE_IS_DELETED",
       "ENGINE ReplacingMergeTree\nENGINE_IS_DELETED gone",
       {"ENGINE_IS_DELETED needs ENGINE_VER"}},
      {"3.1 ENGINE_SIGN", "ENGINE CollapsingMergeTree\nENGINE_SIGN sign", {"= ENGINE_SIGN \"sign\""}},
      {"3.1 ENGINE_SIGN", "ENGINE CollapsingMergeTree", {"CollapsingMergeTree needs ENGINE_SIGN"}},
      {"3.1 ENGINE_SIGN", "ENGINE CollapsingMergeTree\nENGINE_SIGN ver", {"the ENGINE_SIGN column 'ver' must be Int8"}},
      {"3.1 ENGINE_VERSION",
       "ENGINE VersionedCollapsingMergeTree\nENGINE_SIGN sign\nENGINE_VERSION ver",
       {"= ENGINE_VERSION \"ver\""}},
      {"3.1 ENGINE_VERSION", "ENGINE VersionedCollapsingMergeTree\nENGINE_SIGN sign", {"needs ENGINE_VERSION"}},
      {"3.1 ENGINE_SUMMING_COLUMNS",
       "ENGINE SummingMergeTree\nENGINE_SORTING_KEY id\nENGINE_SUMMING_COLUMNS ver, gone",
       {"= \"ver, gone\""}},
      {"3.1 ENGINE_SUMMING_COLUMNS", "ENGINE SummingMergeTree\nENGINE_SORTING_KEY id"},
      {"3.1 ENGINE_SETTINGS",
       "ENGINE_SETTINGS index_granularity=256, a='s'",
       {"= \"index_granularity = 256, a = 's'\""}},
      {"3.1 INDEXES", "INDEXES >\n    i org TYPE minmax GRANULARITY 1", {"= i org TYPE minmax GRANULARITY 1"}},
      {"3.1 INDEXES", "INDICES >\n    i org TYPE minmax GRANULARITY 1", {"= INDEXES >\n    i org"}},
      {"3.1 BACKFILL", "BACKFILL skip", {"= BACKFILL skip"}},
      {"3.1 BACKFILL", "BACKFILL skipp", {"BACKFILL is skip, not 'skipp' (did you mean skip?)"}},
      {"3.1 FORWARD_QUERY",
       "FORWARD_QUERY >\n    SELECT id, toString(id) AS org",
       {"= SELECT id, toString(id) AS org"}},
      {"3.1 SHARED_WITH", "SHARED_WITH >\n    one,\n    two", {"= SHARED_WITH >\n    one,\n    two"}},
      {"3.1 SCHEMA", "SCHEMA >\n    a String", {"warning: SCHEMA is given twice"}},
  });
  file_rows({{"3.1 SCHEMA", "ENGINE MergeTree\n", {"a data source needs a SCHEMA"}}});
}

TEST(Conformance, Section32Columns) {
  const auto columns = [](const std::string& lines) { return "SCHEMA >\n    " + lines + "\n"; };
  file_rows({
      {"3.2",
       columns("a String `json:$.a` DEFAULT '' CODEC(ZSTD(1))"),
       {"= `a` String `json:$.a` DEFAULT '' CODEC(ZSTD(1))"}},
      {"3.2",
       columns("t DateTime64(3) DEFAULT now64() `json:$.inserted_at`"),
       {"= `json:$.inserted_at` DEFAULT now64()"}},
      {"3.2", columns("a String `json:$.a` CODEC(ZSTD(1))"), {"= `json:$.a` CODEC(ZSTD(1))"}},
      {"3.2", columns("`a` String, \"b\" Int8, c Date,"), {"= `a` String,\n    `b` Int8,\n    `c` Date\n"}},
      {"3.2",
       columns("p Tuple(\n      x Float64,\n      y Float64\n    ),\n    b Int8"),
       {"= `p` Tuple(x Float64, y Float64),"}},
      {"3.2", columns("a String `json:$.a`, b String"), {"= `b` String"}},
      {"3.2", columns("a"), {"column 'a' has no type"}},
      {"3.2", columns("a String\n    b String"), {"a comma is missing after column 'a'"}},
      {"3.2",
       columns("a String DEFUALT 1"),
       {"unexpected 'DEFUALT' after the type of column 'a' (did you mean DEFAULT?)"}},
      {"3.2", columns("a String MATERIALIZED 1"), {"MATERIALIZED is not possible on a column"}},
      {"3.2", columns("a UInt8, a UInt8"), {"the column 'a' is already defined in line 2"}},
  });
  for (const std::string value :
       {"''", "0", "-1", "1", "12", "'text'", "now()", "toUUID('00000000-0000-0000-0000-000000000000')", "'{}'",
        "false", "true", "toDateTime64(0, 3)", "now64(3)", "created"})
    file_rows({{"3.2 DEFAULT", columns("created String, a String DEFAULT " + value), {"= DEFAULT " + value}}});
  for (const std::string codec : {"ZSTD(1)", "Delta(8), ZSTD(1)", "DoubleDelta, ZSTD(1)", "LZ4", "NONE"})
    file_rows({{"3.2 CODEC", columns("a DateTime CODEC(" + codec + ")"), {"= CODEC(" + codec + ")"}}});
  file_rows({{"3.2 CODEC",
              columns("a DateTime CODEC(DoubelDelta)"),
              {"there is no codec 'DoubelDelta' (did you mean DoubleDelta?)"}}});
}

TEST(Conformance, Section32DefaultsFitTheirTypes) {
  struct Default {
    std::string type, value, expected;
  };
  const std::vector<Default> rows = {
      {"UInt8", "'abc'",
       "the DEFAULT 'abc' of column 'a' is no UInt8 (write a number without quotes, for example DEFAULT 0)"},
      {"UInt8", "''", "is no UInt8"},
      {"UInt8", "'5'", ""},
      {"UInt8", "255", ""},
      {"UInt8", "256", "the DEFAULT 256 of column 'a' is no UInt8 (the number is out of the range of UInt8)"},
      {"UInt8", "-1", "is no UInt8"},
      {"Int8", "-128", ""},
      {"Int8", "-129", "is no Int8"},
      {"UInt64", "18446744073709551615", ""},
      {"UInt64", "18446744073709551616", "is no UInt64"},
      {"UInt256", "99999999999999999999999", ""},
      {"UInt8", "true", ""},
      {"UInt8", "NULL", "column 'a' is UInt8 and cannot be NULL (write Nullable(UInt8), or another DEFAULT)"},
      {"Nullable(UInt8)", "NULL", ""},
      {"Nullable(UInt8)", "'x'", "warning: the DEFAULT 'x' of column 'a' is no UInt8: it counts as NULL"},
      {"Float64", "'x'", "is no Float64"},
      {"Float64", "1.5", ""},
      {"Decimal(10, 2)", "'x'", "is no Decimal(10, 2)"},
      {"Date", "''", "the DEFAULT '' of column 'a' is no Date (write a date such as '2020-01-31', or now())"},
      {"Date", "'2020-01-31'", ""},
      {"DateTime", "'abc'", "is no DateTime"},
      {"DateTime", "0", ""},
      {"DateTime64(3)", "'1970-01-01 00:00:00.000'", ""},
      {"UUID", "''", "is no UUID"},
      {"UUID", "0", "is no UUID"},
      {"UUID", "'00000000-0000-0000-0000-000000000000'", ""},
      {"Bool", "'x'", "is no Bool (write true or false)"},
      {"Bool", "1", ""},
      {"Array(String)", "[]", ""},
      {"Array(String)", "'[]'", ""},
      {"Array(String)", "''", "is no Array(String) (the empty array is [])"},
      {"Array(String)", "1", "is no Array(String) (an array is written [1, 2])"},
      {"Array(UInt8)", "['a']", "(its element 'a' is no UInt8)"},
      {"Enum8('red' = 1, 'blue' = -2)", "'red'", ""},
      {"Enum8('red' = 1, 'blue' = -2)", "-2", ""},
      {"Enum8('red' = 1, 'blue' = -2)", "'bleu'", "(did you mean blue?)"},
      {"Enum8('red' = 1, 'blue' = -2)", "2", "its names: 'red', 'blue'"},
      {"Map(String, String)", "'{}'", "(the empty map is map())"},
      {"Map(String, String)", "map()", ""},
      {"IPv4", "'x'", "is no IPv4 (for example '0.0.0.0')"},
      {"JSON", "'{}'", ""},
      {"JSON", "''", "is no JSON (for example '{}')"},
      {"FixedString(2)", "'abc'", "is no FixedString(2) (the text has 3 bytes)"},
      {"LowCardinality(String)", "5", ""},
  };
  for (const auto& row : rows) {
    const Row line{"3.2 DEFAULT", "SCHEMA >\n    k UInt8,\n    a " + row.type + " DEFAULT " + row.value + "\n",
                   row.expected.empty() ? std::vector<std::string>{} : std::vector<std::string>{row.expected}};
    file_rows({line});
  }
}

TEST(Conformance, Section33Types) {
  const std::vector<std::string> known = {"String",
                                          "FixedString(16)",
                                          "UUID",
                                          "Int8",
                                          "Int16",
                                          "Int32",
                                          "Int64",
                                          "Int128",
                                          "Int256",
                                          "UInt8",
                                          "UInt16",
                                          "UInt32",
                                          "UInt64",
                                          "UInt128",
                                          "UInt256",
                                          "Float32",
                                          "Float64",
                                          "Decimal(10, 2)",
                                          "Decimal32(2)",
                                          "Decimal64(3)",
                                          "Decimal128(4)",
                                          "Decimal256(5)",
                                          "Bool",
                                          "Date",
                                          "Date32",
                                          "DateTime",
                                          "DateTime('Europe/Madrid')",
                                          "DateTime64(0)",
                                          "DateTime64(9)",
                                          "DateTime64(3, 'UTC')",
                                          "Array(String)",
                                          "Tuple(String, UInt8)",
                                          "Map(String, UInt64)",
                                          "Nullable(Int8)",
                                          "LowCardinality(String)",
                                          "LowCardinality(Nullable(String))",
                                          "JSON",
                                          "JSON(max_dynamic_paths=8, max_dynamic_types=4)",
                                          "Enum8('a' = 1, 'b' = 2)",
                                          "Enum16('a' = 1000)",
                                          "IPv4",
                                          "IPv6",
                                          "SimpleAggregateFunction(sum, UInt64)",
                                          "SimpleAggregateFunction(groupUniqArrayArray, Array(String))",
                                          "AggregateFunction(count)",
                                          "AggregateFunction(count, UInt64)",
                                          "AggregateFunction(countIf, UInt8)",
                                          "AggregateFunction(argMax, String, UInt32)",
                                          "AggregateFunction(topK(10), String)",
                                          "AggregateFunction(uniqCombined, String)",
                                          "AggregateFunction(quantile(0.95), Float64)",
                                          "AggregateFunction(groupArrayDistinct, String)",
                                          "AggregateFunction(countDistinct, String)"};
  for (const auto& type : known) EXPECT_EQ(normalise_type(type).value_or("refused"), type);
  file_rows({
      {"3.3", "SCHEMA >\n    a Boolean\n", {"= `a` Bool"}},
      {"3.3", "SCHEMA >\n    a Int\n", {"= `a` Int32"}},
      {"3.3", "SCHEMA >\n    a Enum8('x', 'y')\n", {"= Enum8('x' = 1, 'y' = 2)"}},
      {"3.3", "SCHEMA >\n    a DateTime64\n", {"DateTime64 needs a precision"}},
      {"3.3", "SCHEMA >\n    a DateTime64(10)\n", {"the precision of DateTime64 is a number from 0 to 9"}},
      {"3.3", "SCHEMA >\n    a Nullable(LowCardinality(String))\n", {"the other way round it works"}},
      {"3.3", "SCHEMA >\n    a Nullable(Array(String))\n", {"Array cannot be inside Nullable"}},
      {"3.3", "SCHEMA >\n    a string\n", {"there is no type 'string' (did you mean String?)"}},
      {"3.3", "SCHEMA >\n    a UInt65\n", {"there is no type 'UInt65' (did you mean"}},
      {"3.3", "SCHEMA >\n    a LowCardinalty(String)\n", {"(did you mean LowCardinality?)"}},
  });
}

TEST(Conformance, Section34Engines) {
  for (const std::string engine :
       {"MergeTree", "ReplacingMergeTree", "SummingMergeTree", "AggregatingMergeTree", "Null"})
    for (const std::string& written : {engine, "\"" + engine + "\"", "'" + engine + "'"})
      data_source_rows({{"3.4", "ENGINE " + written, {"= ENGINE \"" + engine + "\""}}});
  data_source_rows({
      {"3.4", "ENGINE mergetree", {"= ENGINE \"MergeTree\""}},
      {"3.4", "ENGINE REPLACINGMERGETREE", {"= ENGINE \"ReplacingMergeTree\""}},
      {"3.4", "ENGINE MergTree", {"there is no engine 'MergTree' (did you mean MergeTree?)"}},
      {"3.4", "ENGINE Memory", {"there is no engine 'Memory' (engines: MergeTree, "}},
      {"3.4", "ENGINE ReplicatedMergeTree", {"without Replicated"}},
      {"3.4", "ENGINE ReplacingMergeTree(ver)", {"they do not stand in parentheses"}},
      {"3.4 Join",
       "ENGINE Join\nENGINE_JOIN_STRICTNESS ANY\nENGINE_JOIN_TYPE LEFT\nENGINE_KEY_COLUMNS id",
       {"the engine Join of older projects is not supported", "warning: ENGINE_JOIN_TYPE belongs to older projects"}},
      {"3.4 Null",
       "ENGINE Null\nENGINE_SORTING_KEY id",
       {"warning: ENGINE_SORTING_KEY has no effect with ENGINE Null"}},
      {"3.4 Null",
       "ENGINE Null\nINDEXES >\n    i id TYPE minmax GRANULARITY 1",
       {"ENGINE Null stores nothing and has no INDEXES"}},
      {"3.4", "ENGINE_PARTITION_KEY d", {"= ENGINE \"MergeTree\""}},
      {"3.4", "ENGINE MergeTree", {"= ENGINE_SORTING_KEY \"at, at64\""}},
      {"3.4",
       "ENGINE ReplacingMergeTree\nENGINE_VERSION ver",
       {"warning: ENGINE_VERSION has no effect with ENGINE ReplacingMergeTree"}},
      {"3.4 settings", "ENGINE_SETTINGS index_granularity = 256", {"= index_granularity = 256"}},
      {"3.4 settings",
       "ENGINE_SETTINGS a=true, b=false, c='x', d=1.5, e=-1",
       {"= a = true, b = false, c = 'x', d = 1.5, e = -1"}},
      {"3.4 settings", "ENGINE_SETTINGS index_granularity", {"expected name = value in ENGINE_SETTINGS"}},
      {"3.4 settings", "ENGINE_SETTINGS a=b", {"the value of the setting a is a number, true, false or a text"}},
  });
}

TEST(Conformance, Section35To37KeysTtlIndexes) {
  data_source_rows({
      {"3.5", "ENGINE_SORTING_KEY \"tuple()\"", {"= ENGINE_SORTING_KEY \"tuple()\""}},
      {"3.5", "ENGINE_SORTING_KEY n", {"ENGINE_SORTING_KEY holds 'n', which is Nullable"}},
      {"3.5", "ENGINE_SORTING_KEY n\nENGINE_SETTINGS allow_nullable_key=1"},
      {"3.5", "ENGINE_SORTING_KEY orgg", {"which is not a column of the SCHEMA (did you mean org?)"}},
      {"3.5", "ENGINE_PARTITION_KEY toYear(at)"},
      {"3.5", "ENGINE_PARTITION_KEY toDate(at)"},
      {"3.5", "ENGINE_PARTITION_KEY toYYYYMMDD(at)"},
      {"3.5", "ENGINE_PARTITION_KEY org"},
      {"3.5", "ENGINE_PARTITION_KEY tuple()"},
      {"3.5", "ENGINE_PARTITION_KEY \"toYYYYMM(toDateTime64(at64, 3))\""},
      {"3.5", "ENGINE_PARTITION_KEY at", {"warning: a partition for every value of at makes very many"}},
      {"3.5",
       "KAFKA_CONNECTION_NAME c\nKAFKA_TOPIC t\nENGINE_PARTITION_KEY toYYYYMM(__timestamp)\nENGINE_SORTING_KEY "
       "__timestamp"},
      {"3.6", "ENGINE_TTL at"},
      {"3.6", "ENGINE_TTL d + INTERVAL 3 MONTH"},
      {"3.6", "ENGINE_TTL \"at + toIntervalDay(90)\""},
      {"3.6", "ENGINE_TTL \"toDateTime(at64) + toIntervalHour(2)\""},
      {"3.6", "ENGINE_TTL toDate(at64) + INTERVAL 1 YEAR"},
      {"3.6", "ENGINE_TTL org", {"ENGINE_TTL must give a Date or DateTime, column 'org' is String"}},
      {"3.6",
       "ENGINE_TTL ver + INTERVAL 1 DAY",
       {"column 'ver' is UInt32 (for example toDateTime(ver) + INTERVAL 90 DAY)"}},
      {"3.6", "ENGINE_TTL n + toIntervalDay(1)", {"column 'n' is Nullable(UInt8)"}},
      {"3.6", "ENGINE_TTL at TO DISK 'x'", {"ENGINE_TTL can only delete rows"}},
      {"3.7",
       "INDEXES >\n    i org type set(100) granularity 4,\n    j lower(org) TYPE bloom_filter(0.01) GRANULARITY 1",
       {"= i org TYPE set(100) GRANULARITY 4\n    j lower(org) TYPE bloom_filter(0.01) GRANULARITY 1"}},
      {"3.7",
       "INDEXES >\n    i org TYPE ngrambf_v1(3, 256, 2, 0) GRANULARITY 1\n    j org TYPE tokenbf_v1(256, 2, 0) "
       "GRANULARITY 1"},
      {"3.7", "INDEXES >\n    i org TYPE MINMAX GRANULARITY 1", {"= i org TYPE minmax GRANULARITY 1"}},
      {"3.7",
       "INDEXES >\n    i org TYPE minmx GRANULARITY 1",
       {"there is no index type 'minmx' (did you mean minmax?)"}},
      {"3.7", "INDEXES >\n    i org TYPE minmax GRANULARITY 0", {"is a positive whole number"}},
      {"3.7", "INDEXES >\n    i org TYPE minmax", {"index 'i' has no GRANULARITY"}},
      {"3.7", "INDEXES >\n    i org GRANULARITY 1", {"index 'i' has no TYPE"}},
  });
}

TEST(Conformance, Section38ClassicLeftovers) {
  data_source_rows({
      {"3.8", "VERSION 3", {"warning: VERSION belongs to older projects and is ignored"}},
      {"3.8",
       "SORTING_KEY id",
       {"warning: SORTING_KEY belongs to older projects; write ENGINE_SORTING_KEY", "= ENGINE_SORTING_KEY \"id\""}},
      {"3.8", "KEY id", {"warning: KEY belongs to older projects"}},
      {"3.8", "TYPE replacing", {"warning: TYPE belongs to older projects"}},
      {"3.8", "TOKEN t CREATE", {"warning: the token scope CREATE belongs to older projects", "= TOKEN \"t\" APPEND"}},
      {"3.8",
       "KAFKA_BOOTSTRAP_SERVERS b:1\nKAFKA_KEY k\nKAFKA_SECRET s\nKAFKA_SECURITY_PROTOCOL "
       "PLAINTEXT\nKAFKA_SASL_MECHANISM PLAIN\n"
       "KAFKA_SCHEMA_REGISTRY_URL http://r",
       {"warning: KAFKA_BOOTSTRAP_SERVERS belongs to older projects", "warning: KAFKA_SECRET belongs"}},
      {"3.8", "INCLUDE \"x.incl\" \"A=1\"", {"there is no file 'x.incl' to INCLUDE; tried x.incl"}},
  });
}

TEST(Conformance, Section311To313TokensForwardQuerySharing) {
  data_source_rows({
      {"3.11", "TOKEN \"with blanks\" READ", {"= TOKEN \"with blanks\" READ"}},
      {"3.11", "TOKEN 'single' append", {"= TOKEN \"single\" APPEND"}},
      {"3.11", "TOKEN name", {"the token 'name' needs a scope: READ or APPEND"}},
      {"3.11", "TOKEN with blanks READ", {"a token name with blanks needs quotes (write TOKEN \"with blanks\" READ)"}},
      {"3.11",
       "TOKEN name REED",
       {"unknown token scope 'REED'; a data source knows READ and APPEND (did you mean READ?)"}},
      {"3.11",
       "TOKEN name DROP",
       {"unknown token scope 'DROP'; a data source knows READ and APPEND (write TOKEN name READ or"}},
      {"3.12", "FORWARD_QUERY >\n    id, org", {"a FORWARD_QUERY starts with SELECT"}},
      {"3.12",
       "FORWARD_QUERY >\n    SELECT id FROM t",
       {"a FORWARD_QUERY has no FROM: it runs over every row of the table itself"}},
      {"3.12", "FORWARD_QUERY >\n    SELECT id WHERE id > 1", {"a FORWARD_QUERY has no WHERE"}},
      {"3.12", "FORWARD_QUERY >\n    SELECT extract(YEAR FROM at) AS id", {"= extract(YEAR FROM at)"}},
      {"3.12", "BACKFILL skip", {"= BACKFILL skip"}},
      {"3.13", "SHARED_WITH >\n    one\n    two", {"= one,\n    two"}},
  });
  pipe_rows({
      {"3.11", "TYPE endpoint\nTOKEN name\n", {"= TOKEN \"name\" READ"}},
      {"3.11", "TYPE endpoint\nTOKEN name APPEND\n", {"a pipe knows only READ"}},
  });
}

TEST(Conformance, Section51JsonPaths) {
  const auto column = [](const std::string& rest) { return "SCHEMA >\n    a " + rest + "\n"; };
  file_rows({
      {"5.1", column("String `json:$`"), {"= `json:$`"}},
      {"5.1", column("JSON `json:$` DEFAULT '{}'"), {"= `json:$` DEFAULT '{}'"}},
      {"5.1", column("String `json:$.a`")},
      {"5.1", column("String `json:$.a.b.c.d`")},
      {"5.1", column("Array(String) `json:$.a[:]`")},
      {"5.1", column("Array(String) `json:$.a.b[:]`")},
      {"5.1", column("Array(String) `json:$.a[:].b`")},
      {"5.1", column("Array(Map(String, String)) `json:$.a[:]`")},
      {"5.1", column("Array(Tuple(x String)) `json:$.a[:]`")},
      {"5.1", column("Map(String, String) `json:$.a`")},
      {"5.1", column("String `json:$.a-b.c`")},
      {"5.1", column("String `json:$.a`, b String `json:$.a.b`")},
      {"5.1", column("String `json:$.a[:]`"), {"its type must be an Array, not String"}},
      {"5.1", column("String `json:$.a[0]`"), {"one element by its number is not possible"}},
      {"5.1", column("String `json:$..a`"), {"search at every depth"}},
      {"5.1", column("String `json:$.a[?(@.b)]`"), {"expected [:] or ['key'] in the JSONPath"}},
      {"5.1", column("String `json:a`"), {"does not start with $ (write $.a)"}},
  });
}

}  // namespace
}  // namespace kinglet::datafile
