// SPDX-License-Identifier: Apache-2.0
// The tables of the datafiles page, row by row: what each row allows is read, what it excludes is refused. The first
// column is the section of the page.
#include <gtest/gtest.h>

#include "datafile/column_type.h"
#include "datafile/ddl.h"
#include "datafile/parse.h"
#include "datafile/print.h"

namespace kinglet::datafile {
namespace {

/// A line or file, and what must come of it: "" for no finding at all; "warning: …" or another text for a finding that
/// contains it; "= …" for a part of the printed model, without errors.
struct Row {
  std::string_view section;
  std::string text;
  std::vector<std::string> expected = {};
};

struct Outcome {
  std::vector<std::string> findings;
  std::string model;
  bool ok = false;
};

template <class T>
Outcome outcome(const Parsed<T>& parsed) {
  Outcome out{.findings = {}, .model = {}, .ok = parsed.ok()};
  for (const auto& d : parsed.diagnostics) out.findings.push_back(to_string(d));
  if (out.ok) out.model = print(parsed.resource);
  return out;
}

void expect(const Row& row, const Outcome& found) {
  const auto all = fmt::format("{}", fmt::join(found.findings, "\n"));
  SCOPED_TRACE(
      fmt::format("section {}:\n{}\n--- findings:\n{}\n--- model:\n{}", row.section, row.text, all, found.model));
  if (row.expected.empty()) EXPECT_EQ(all, "");
  bool error = false;
  for (const std::string_view wanted : row.expected) {
    if (wanted.starts_with("= ")) {
      EXPECT_TRUE(found.ok);
      EXPECT_NE(found.model.find(wanted.substr(2)), std::string::npos) << wanted;
    } else {
      error = error || !wanted.starts_with("warning");
      EXPECT_NE(all.find(wanted), std::string::npos) << wanted;
    }
  }
  EXPECT_EQ(found.ok, !error);
}

/// A SCHEMA that the keys of the rows can name; then the line.
const std::string schema =
    "SCHEMA >\n    id UInt64,\n    org String,\n    at DateTime,\n    at64 DateTime64(3),\n    gone UInt8,\n    sign "
    "Int8,\n"
    "    ver UInt32,\n    n Nullable(UInt8),\n    d Date\n";

void data_source_rows(const std::vector<Row>& rows) {
  for (const auto& row : rows) expect(row, outcome(parse_data_source({"t.datasource", schema + row.text + "\n"})));
}
void file_rows(const std::vector<Row>& rows) {
  for (const auto& row : rows) expect(row, outcome(parse_data_source({"t.datasource", row.text})));
}
void pipe_rows(const std::vector<Row>& rows, const std::string& before = "NODE n\nSQL >\n    SELECT 1\n") {
  for (const auto& row : rows) expect(row, outcome(parse_pipe({"p.pipe", before + row.text})));
}
void connection_rows(const std::vector<Row>& rows) {
  for (const auto& row : rows) expect(row, outcome(parse_connection({"c.connection", row.text})));
}

TEST(Conformance, Section1Names) {
  expect({"1.2", "a connection", {"= TYPE kafka"}},
         outcome(parse_connection(
             {"connections/lfx-oracle-kafka-streaming.connection", "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS b\n"})));
  for (const auto& [file, message] : std::vector<std::pair<std::string, std::string>>{
           {"1st.datasource", "'1st' is no name for a resource"}, {"a-b.datasource", "'a-b' is no name for"}})
    expect({"1.2", file, {message}}, outcome(parse_data_source({file, "SCHEMA >\n    a String\n"})));
  expect({"1.2", "_a1.pipe", {"= NODE n"}}, outcome(parse_pipe({"_a1.pipe", "NODE n\nSQL >\n    SELECT 1\n"})));
  data_source_rows({{"1.2",
                     "KAFKA_CONNECTION_NAME lfx-oracle-kafka-streaming\nKAFKA_TOPIC t",
                     {"= KAFKA_CONNECTION_NAME lfx-oracle-kafka-streaming"}}});
}

TEST(Conformance, Section2Lines) {
  file_rows({
      {"2.1.1", "SCHEMA >\r\n    a String\r\n", {"= `a` String"}},
      {"2.1.2", "SCHEMA >\n    a String\nENGINE MergeTree\n"},
      {"2.1.3", "schema >\n    a String\n", {"keywords are written in upper case: SCHEMA instead of schema"}},
      {"2.1.4", "  SCHEMA >\n    a String\n", {"SCHEMA is indented; a keyword starts in the first column"}},
      {"2.1.5", "", {"the file is empty"}},
      {"2.1.5", " \n\t\n", {"the file is empty"}},
      {"2.1.6",
       "# first\n  # second\nSCHEMA >\n    # third\n    a String\nINDEXES >\n    # fourth\n    i a TYPE minmax "
       "GRANULARITY 1\n"},
      {"2.1.7",
       "SCHEMA >\n    a String\nENGINE \"MergeTree\" # why\nENGINE_SORTING_KEY 'a' # b\n",
       {"= ENGINE_SORTING_KEY \"a\""}},
      {"2.1.8",
       "SCHEMA >\n    a String\nENGINE   MergeTree  \t\nENGINE_SORTING_KEY \"a\" \n",
       {"= ENGINE_SORTING_KEY \"a\"\n"}},
  });
  pipe_rows({{"2.1.6", "NODE m\nSQL >\n    SELECT 1\n    # in the SQL\n", {"= # in the SQL"}}}, "");
}

TEST(Conformance, Section2Values) {
  data_source_rows({
      {"2.2", "ENGINE_SORTING_KEY \"org, id\"", {"= ENGINE_SORTING_KEY \"org, id\""}},
      {"2.2", "ENGINE_SORTING_KEY 'org, id'", {"= ENGINE_SORTING_KEY \"org, id\""}},
      {"2.2", "ENGINE_SORTING_KEY org, id", {"= ENGINE_SORTING_KEY \"org, id\""}},
      {"2.2", "ENGINE_TTL at + INTERVAL 90 DAY", {"= ENGINE_TTL \"at + INTERVAL 90 DAY\""}},
      {"2.2", "ENGINE \"MergeTree", {"the value of ENGINE opens a quote that is never closed"}},
      {"2.2",
       "KAFKA_CONNECTION_NAME k\nKAFKA_TOPIC t\nKAFKA_GROUP_ID {{ tb_secret(\"NAME\") }}",
       {"= {{ tb_secret(\"NAME\") }}"}},
      {"2.2",
       "KAFKA_CONNECTION_NAME k\nKAFKA_TOPIC t\nKAFKA_GROUP_ID {{tb_secret('N', 'd')}}",
       {"= {{tb_secret('N', 'd')}}"}},
      {"2.2",
       "IMPORT_SERVICE bigquery\nIMPORT_QUERY > \n    \"select *\n    from x\"",
       {"warning: IMPORT_QUERY reads BigQuery"}},
  });
  pipe_rows({{"2.2", "TYPE copy\nTARGET_DATASOURCE t\nCOPY_SCHEDULE 0 * * * *\n", {"= COPY_SCHEDULE 0 * * * *"}}});
  pipe_rows({{"2.2", "NODE \"quoted_name\"\nSQL >\n    SELECT 1\n", {"= NODE quoted_name"}}}, "");
}

TEST(Conformance, Section2Blocks) {
  pipe_rows(
      {
          {"2.3",
           "NODE n\nSQL >\nSELECT a\nFROM t\nWHERE b\nGROUP BY a\nORDER BY a\nUNION ALL\nSELECT 1\n",
           {"= UNION ALL\n    SELECT 1"}},
          {"2.3", "NODE n\nSQL >\n\n\t%\n\tSELECT 1\n", {"= %\n    SELECT 1"}},
          {"2.3", "NODE n\nSQL >\n%\n  SELECT 1\n", {"= %\n      SELECT 1"}},
          {"2.3",
           "NODE n\nSQL >\n    SELECT\n        TYPE,\n        ENGINE AS DESCRIPTION\n    FROM t\n    SETTINGS x = 1\n",
           {"= ENGINE AS DESCRIPTION"}},
          {"2.3", "NODE n\nSQL >\n    SELECT 1\nTYPE endpoint\n", {"= TYPE endpoint"}},
          {"2.3",
           "DESCRIPTION generated from agents.csv\nNODE n\nSQL >\n    SELECT 1\n",
           {"= generated from agents.csv"}},
          {"2.3", "DESCRIPTION >\nNODE n\nSQL >\n    SELECT 1\n"},
          {"2.3", "DESCRIPTION\nNODE n\nSQL >\n    SELECT 1\n"},
          {"2.3",
           "DESCRIPTION >\n    # *Title*\n    {% if defined %}\nNODE n\nSQL >\n    SELECT 1\n",
           {"= {% if defined %}"}},
          {"2.3", "NODE n\n\nDESCRIPTION >\n    of n\n\nSQL >\n    SELECT 1\n", {"= of n"}},
          {"2.3", "NODE n\nSQL >\n\n", {"the SQL of node 'n' is empty"}},
          {"2.3", "NODE n\nSQL >\n    %\n", {"the SQL of node 'n' is only a %"}},
      },
      "");
  file_rows({
      {"2.3", "SCHEMA >\n", {"the SCHEMA has no column"}},
      {"2.3", "SCHEMA >\n    a String\nINDEXES >\n", {"INDEXES has no index"}},
      {"2.3", "SCHEMA >\n    a String\nFORWARD_QUERY >\n\n", {"the FORWARD_QUERY is empty"}},
  });
}

TEST(Conformance, Section2OrderAndRepetition) {
  file_rows({
      {"2.4",
       "TOKEN a READ\nENGINE MergeTree\nSCHEMA >\n    a String\nDESCRIPTION last\n",
       {"= DESCRIPTION >\n    last"}},
      {"2.4", "TOKEN a READ\nTOKEN b READ\nTOKEN a APPEND\nSCHEMA >\n    a String\n"},
      {"2.4",
       "SCHEMA >\n    a String,\n    b String\nENGINE_SORTING_KEY a\nENGINE_SORTING_KEY b\n",
       {"warning: ENGINE_SORTING_KEY is given twice; the last one counts", "= ENGINE_SORTING_KEY \"b\""}},
      {"2.4", "SCHEMA >\n    a String\nENGIN MergeTree\n", {"unknown keyword 'ENGIN' (did you mean ENGINE?)"}},
      {"2.4", "SCHEMA >\n    a String\nNODE x\n", {"NODE belongs in a .pipe file"}},
  });
  pipe_rows(
      {{"2.4",
        "DESCRIPTION of p\nNODE a\nDESCRIPTION of a\nSQL >\n    SELECT 1\nTYPE endpoint\nNODE b\nSQL >\n    SELECT 2\n",
        {"= DESCRIPTION >\n    of p\n\nNODE a\nDESCRIPTION >\n    of a\n\nSQL >\n    SELECT 1\n\nTYPE endpoint\n\nNODE "
         "b"}}},
      "");
}

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

TEST(Conformance, Section39Kafka) {
  const std::string base = "KAFKA_CONNECTION_NAME c\nKAFKA_TOPIC t\n";
  data_source_rows({
      {"3.9", base, {"= KAFKA_CONNECTION_NAME c\nKAFKA_TOPIC t"}},
      {"3.9", "KAFKA_TOPIC t", {"KAFKA_CONNECTION_NAME is missing"}},
      {"3.9", "KAFKA_CONNECTION_NAME c", {"KAFKA_TOPIC is missing"}},
      {"3.9", base + "KAFKA_GROUP_ID g", {"= KAFKA_GROUP_ID g"}},
      {"3.9", base + "KAFKA_AUTO_OFFSET_RESET earliest", {"= KAFKA_AUTO_OFFSET_RESET earliest"}},
      {"3.9", base + "KAFKA_AUTO_OFFSET_RESET Latest", {"= KAFKA_AUTO_OFFSET_RESET latest"}},
      {"3.9", base + "KAFKA_AUTO_OFFSET_RESET newest", {"KAFKA_AUTO_OFFSET_RESET is earliest or latest, not 'newest'"}},
      {"3.9", base + "KAFKA_AUTO_OFFSET_RESET earlyest", {"(did you mean earliest?)"}},
      {"3.9", base + "KAFKA_STORE_RAW_VALUE \"true\"", {"= KAFKA_STORE_RAW_VALUE True"}},
      {"3.9", base + "KAFKA_STORE_RAW_VALUE 0", {"= KAFKA_STORE_RAW_VALUE 0"}},
      {"3.9", base + "KAFKA_STORE_RAW_VALUE yes", {"KAFKA_STORE_RAW_VALUE is True, False, 1 or 0, not 'yes'"}},
      {"3.9", base + "KAFKA_STORE_HEADERS FALSE", {"= KAFKA_STORE_HEADERS False"}},
      {"3.9", base + "KAFKA_STORE_BINARY_HEADERS True", {"= KAFKA_STORE_BINARY_HEADERS True"}},
      {"3.9", base + "KAFKA_TARGET_PARTITIONS 'auto'", {"= KAFKA_TARGET_PARTITIONS auto"}},
      {"3.9", base + "KAFKA_KEY_AVRO_DESERIALIZATION ''"},
      {"3.9", base + "KAFKA_VALUE_FORMAT avro\nKAFKA_KEY_FORMAT json_with_schema", {"= KAFKA_VALUE_FORMAT avro"}},
      {"3.9", base + "KAFKA_VALUE_FORMAT arvo", {"(did you mean avro?)"}},
      {"3.9",
       base + "IMPORT_CONNECTION_NAME c\nIMPORT_BUCKET_URI s3://b/x",
       {"fed by Kafka or by an import, not by both"}},
  });
  const auto parsed =
      parse_data_source({"t.datasource", "SCHEMA >\n    a String\n" + base + "KAFKA_STORE_HEADERS true\n"});
  std::string columns;
  for (const auto& c : table_columns(parsed.resource)) columns += fmt::format("{} {}; ", c.name, c.type);
  EXPECT_EQ(columns,
            "a String; __value String; __topic LowCardinality(String); __partition Int16; __offset Int64; __timestamp "
            "DateTime; "
            "__key String; __headers Map(String, String); ");
}

/// The columns of a table that a connector fills, `name type` each.
std::string filled_columns(const std::string& text) {
  const auto parsed = parse_data_source({"t.datasource", text});
  EXPECT_TRUE(parsed.ok()) << text;
  std::string columns;
  for (const auto& c : table_columns(parsed.resource)) columns += fmt::format("{} {}; ", c.name, c.type);
  return columns;
}

TEST(Conformance, Section39And310ColumnsOfConnectors) {
  EXPECT_EQ(filled_columns("SCHEMA >\n    __timestamp DateTime64(3),\n    a String\nKAFKA_CONNECTION_NAME c\n"
                           "KAFKA_TOPIC t\n"),
            "__timestamp DateTime64(3); a String; __value String; __topic LowCardinality(String); __partition Int16; "
            "__offset Int64; __key String; ")
      << "what is declared is not added again";
  EXPECT_EQ(
      filled_columns("SCHEMA >\n    a String `json:$.Item.a`,\n    _old_record Nullable(String) `json:$.OldImage`\n"
                     "ENGINE ReplacingMergeTree\nENGINE_PARTITION_KEY toYYYYMM(_timestamp)\nENGINE_SORTING_KEY a\n"
                     "ENGINE_VER _timestamp\nENGINE_IS_DELETED _is_deleted\nIMPORT_CONNECTION_NAME c\n"
                     "IMPORT_TABLE_ARN arn:aws:dynamodb:x\nIMPORT_EXPORT_BUCKET b\n"),
      "a String; _old_record Nullable(String); _timestamp DateTime64(3); _event_type LowCardinality(String); "
      "_is_deleted UInt8; _record Nullable(String); ");
}

TEST(Conformance, Section310Imports) {
  const std::string s3 = "IMPORT_CONNECTION_NAME c\nIMPORT_BUCKET_URI s3://b/path/*.csv\n";
  data_source_rows({
      {"3.10", s3, {"= IMPORT_BUCKET_URI s3://b/path/*.csv"}},
      {"3.10", "IMPORT_CONNECTION_NAME c\nIMPORT_BUCKET_URI gs://b/x", {"= gs://b/x"}},
      {"3.10", "IMPORT_BUCKET_URI s3://b/x", {"IMPORT_CONNECTION_NAME is missing"}},
      {"3.10", "IMPORT_CONNECTION_NAME c", {"IMPORT_BUCKET_URI is missing"}},
      {"3.10",
       "IMPORT_CONNECTION_NAME c\nIMPORT_BUCKET_URI http://b/x",
       {"IMPORT_BUCKET_URI starts with s3:// or gs://"}},
      {"3.10", s3 + "IMPORT_SCHEDULE @auto", {"= IMPORT_SCHEDULE @auto"}},
      {"3.10", s3 + "IMPORT_SCHEDULE @on-demand"},
      {"3.10", s3 + "IMPORT_SCHEDULE \"@once\""},
      {"3.10", s3 + "IMPORT_SCHEDULE 0 */2 * * *"},
      {"3.10",
       s3 + "IMPORT_SCHEDULE @ondemand",
       {"there is no schedule '@ondemand'; there are @auto, @on-demand, @once and cron lines (did "
        "you mean @on-demand?)"}},
      {"3.10",
       "IMPORT_CONNECTION_NAME c\nIMPORT_BUCKET_URI gs://b/x\nIMPORT_SCHEDULE @auto",
       {"warning: Google Cloud Storage does not announce"}},
      {"3.10", s3 + "IMPORT_FROM_TIMESTAMP 2024-01-01T00:00:00Z", {"= IMPORT_FROM_TIMESTAMP 2024-01-01T00:00:00Z"}},
      {"3.10", s3 + "IMPORT_FORMAT NDJSON", {"= IMPORT_FORMAT ndjson"}},
      {"3.10", s3 + "IMPORT_FORMAT json", {"IMPORT_FORMAT is csv, ndjson or parquet, not 'json'"}},
      {"3.10", s3 + "IMPORT_FORMAT parqet", {"(did you mean parquet?)"}},
      {"3.10",
       "IMPORT_CONNECTION_NAME c\nIMPORT_TABLE_ARN arn:aws:dynamodb:x\nIMPORT_EXPORT_BUCKET b",
       {"= IMPORT_EXPORT_BUCKET b"}},
      {"3.10", "IMPORT_CONNECTION_NAME c\nIMPORT_TABLE_ARN arn", {"IMPORT_EXPORT_BUCKET is missing"}},
      {"3.10", "IMPORT_CONNECTION_NAME c\nIMPORT_EXPORT_BUCKET b", {"IMPORT_TABLE_ARN is missing"}},
      {"3.10", s3 + "IMPORT_SERVICE s3", {"warning: IMPORT_SERVICE belongs to older projects"}},
      {"3.10", s3 + "IMPORT_SERVICE s3_iamrole", {"warning: IMPORT_SERVICE belongs to older projects"}},
      {"3.10", "IMPORT_SERVICE snowflake", {"warning: IMPORT_SERVICE reads BigQuery or Snowflake"}},
      {"3.10",
       s3 + "IMPORT_SERVICE s4",
       {"IMPORT_SERVICE is s3, s3_iamrole, gcs, dynamodb, bigquery or snowflake, not 's4'"}},
      {"3.10", s3 + "IMPORT_STRATEGY APPEND", {"warning: IMPORT_STRATEGY belongs to older projects"}},
      {"3.10",
       s3 + "IMPORT_STRATEGY replace",
       {"warning: IMPORT_STRATEGY replace belongs to older projects; imports append here"}},
      {"3.10",
       "IMPORT_EXTERNAL_DATASOURCE a.b.c\nIMPORT_QUERY select 1",
       {"warning: IMPORT_EXTERNAL_DATASOURCE reads BigQuery"}},
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

TEST(Conformance, Section41Pipes) {
  pipe_rows({
      {"4.1 TAGS", "TAGS \"a\", b\n", {"= TAGS \"a, b\""}},
      {"4.1 TYPE", "TYPE ENDPOINT\n", {"= TYPE endpoint"}},
      {"4.1 TYPE", "TYPE \"endpoint\"\n", {"= TYPE endpoint"}},
      {"4.1 TYPE", "TYPE COPY\nTARGET_DATASOURCE t\n", {"= TYPE copy"}},
      {"4.1 TYPE", "TYPE MATERIALIZED\nDATASOURCE t\n", {"= TYPE materialized\nDATASOURCE t"}},
      {"4.1 TYPE",
       "TYPE endpont\n",
       {"there is no pipe type 'endpont'; there are endpoint, materialized, copy and sink (did you mean endpoint?)"}},
      {"4.1 TYPE", "TYPE\n", {"TYPE needs a value"}},
      {"4.1 CACHE", "TYPE endpoint\nCACHE 0\n", {"= CACHE 0"}},
      {"4.1 CACHE", "TYPE endpoint\nCACHE -1\n", {"CACHE is a whole number of seconds"}},
      {"4.1 CACHE", "TYPE copy\nTARGET_DATASOURCE t\nCACHE 5\n", {"CACHE goes with TYPE endpoint"}},
      {"4.1 DATASOURCE", "TYPE materialized\n", {"TYPE materialized needs DATASOURCE"}},
      {"4.1 DATASOURCE", "TYPE copy\nDATASOURCE t\n", {"the target of a copy is TARGET_DATASOURCE"}},
      {"4.1 DEPLOYMENT_METHOD",
       "TYPE materialized\nDATASOURCE t\nDEPLOYMENT_METHOD alter\n",
       {"= DEPLOYMENT_METHOD alter"}},
      {"4.1 DEPLOYMENT_METHOD", "TYPE materialized\nDATASOURCE t\nDEPLOYMENT_METHOD altr\n", {"(did you mean alter?)"}},
      {"4.1 TARGET_DATASOURCE", "TYPE copy\n", {"TYPE copy needs TARGET_DATASOURCE"}},
      {"4.1 COPY_SCHEDULE",
       "TYPE copy\nTARGET_DATASOURCE t\nCOPY_SCHEDULE \"0 * * * *\"\n",
       {"= COPY_SCHEDULE 0 * * * *"}},
      {"4.1 COPY_SCHEDULE",
       "TYPE copy\nTARGET_DATASOURCE t\nCOPY_SCHEDULE @on-demand\n",
       {"= COPY_SCHEDULE @on-demand"}},
      {"4.1 COPY_SCHEDULE", "TYPE copy\nTARGET_DATASOURCE t\nCOPY_SCHEDULE @once\n", {"= COPY_SCHEDULE @once"}},
      {"4.1 COPY_SCHEDULE", "TYPE copy\nTARGET_DATASOURCE t\nCOPY_SCHEDULE @auto\n", {"there is no schedule '@auto'"}},
      {"4.1 COPY_SCHEDULE",
       "TYPE copy\nTARGET_DATASOURCE t\nCOPY_SCHEDULE 0 0 30 2 *\n",
       {"this cron line never runs"}},
      {"4.1 COPY_SCHEDULE",
       "TYPE copy\nTARGET_DATASOURCE t\nCOPY_SCHEDULE {{ tb_secret('S') }}\n",
       {"COPY_SCHEDULE cannot read a secret"}},
      {"4.1 COPY_MODE", "TYPE copy\nTARGET_DATASOURCE t\nCOPY_MODE REPLACE\n", {"= COPY_MODE replace"}},
      {"4.1 COPY_MODE",
       "TYPE copy\nTARGET_DATASOURCE t\nCOPY_MODE overwrite\n",
       {"COPY_MODE is append or replace, not 'overwrite'"}},
      {"4.1 ON_DEMAND_COMPUTE",
       "TYPE copy\nTARGET_DATASOURCE t\nON_DEMAND_COMPUTE true\n",
       {"warning: ON_DEMAND_COMPUTE has no effect"}},
      {"4.1 ENGINE",
       "TYPE materialized\nDATASOURCE t\nENGINE MergeTree\nENGINE_SORTING_KEY a\n",
       {"= DATASOURCE t\nENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"a\""}},
      {"4.1 ENGINE",
       "TYPE endpoint\nENGINE MergeTree\n",
       {"warning: ENGINE in a pipe describes the target of TYPE materialized"}},
      {"4.1 VERSION", "VERSION 2\n", {"warning: VERSION belongs to older projects"}},
      {"4.1", "", {"= NODE n"}},
      {"4.1",
       "TOKEN t READ\n",
       {"warning: a pipe with TOKEN … READ and no TYPE has its last node published", "= TYPE endpoint"}},
      {"4.7", "CACHE 5\n", {"CACHE needs TYPE endpoint, but the pipe has no TYPE"}},
      {"4.7", "TYPE endpoint\nEXPORT_FORMAT csv\n", {"EXPORT_FORMAT goes with TYPE sink"}},
  });
  pipe_rows({{"4.1 NODE", "DESCRIPTION x\n", {"a pipe needs at least one node"}},
             {"4.1 NODE", "NODE\nSQL >\n    SELECT 1\n", {"NODE needs a name"}},
             {"4.1 NODE", "NODE 1a\nSQL >\n    SELECT 1\n", {"'1a' is no name for a node"}},
             {"4.1 SQL", "NODE n\n", {"the node 'n' has no SQL"}}},
            "");
}

TEST(Conformance, Section46Sinks) {
  const std::string kafka = "TYPE sink\nEXPORT_CONNECTION_NAME c\nEXPORT_KAFKA_TOPIC t\n";
  const std::string bucket =
      "TYPE SINK\nEXPORT_CONNECTION_NAME c\nEXPORT_BUCKET_URI s3://b/x\nEXPORT_FILE_TEMPLATE events_{date}\n";
  pipe_rows({
      {"4.6", kafka, {"= TYPE sink\nEXPORT_CONNECTION_NAME c\nEXPORT_KAFKA_TOPIC t"}},
      {"4.6", bucket, {"= EXPORT_FILE_TEMPLATE events_{date}"}},
      {"4.6", "TYPE sink\nEXPORT_KAFKA_TOPIC t\n", {"TYPE sink needs EXPORT_CONNECTION_NAME"}},
      {"4.6", "TYPE sink\nEXPORT_CONNECTION_NAME c\n", {"TYPE sink needs EXPORT_KAFKA_TOPIC, or EXPORT_BUCKET_URI"}},
      {"4.6", bucket + "EXPORT_KAFKA_TOPIC t\n", {"a sink writes to Kafka or to a bucket, not to both"}},
      {"4.6",
       "TYPE sink\nEXPORT_CONNECTION_NAME c\nEXPORT_BUCKET_URI s3://b\n",
       {"TYPE sink needs EXPORT_FILE_TEMPLATE"}},
      {"4.6 SERVICE", bucket + "EXPORT_SERVICE s3_iamrole\n", {"= EXPORT_SERVICE s3_iamrole"}},
      {"4.6 SERVICE", bucket + "EXPORT_SERVICE gcs_hmac\n"},
      {"4.6 SERVICE", kafka + "EXPORT_SERVICE kafka\n"},
      {"4.6 SERVICE", kafka + "EXPORT_SERVICE kafkaa\n", {"(did you mean kafka?)"}},
      {"4.6 SCHEDULE", bucket + "EXPORT_SCHEDULE */5 * * * *\n", {"= EXPORT_SCHEDULE */5 * * * *"}},
      {"4.6 SCHEDULE", bucket + "EXPORT_SCHEDULE @on-demand\n"},
      {"4.6 SCHEDULE", bucket + "EXPORT_SCHEDULE @once\n"},
      {"4.6 SCHEDULE", bucket + "EXPORT_SCHEDULE {{ tb_secret('S') }}\n", {"EXPORT_SCHEDULE cannot read a secret"}},
      {"4.6 URI",
       "TYPE sink\nEXPORT_CONNECTION_NAME c\nEXPORT_BUCKET_URI ftp://x\nEXPORT_FILE_TEMPLATE x\n",
       {"EXPORT_BUCKET_URI starts with s3:// or gs://"}},
      {"4.6 FORMAT", bucket + "EXPORT_FORMAT CSV\n"},
      {"4.6 FORMAT", bucket + "EXPORT_FORMAT ndjson\n"},
      {"4.6 FORMAT", bucket + "EXPORT_FORMAT json\n"},
      {"4.6 FORMAT", bucket + "EXPORT_FORMAT parquet\n"},
      {"4.6 FORMAT", bucket + "EXPORT_FORMAT parket\n", {"(did you mean parquet?)"}},
      {"4.6 COMPRESSION", bucket + "EXPORT_COMPRESSION none\n"},
      {"4.6 COMPRESSION", bucket + "EXPORT_COMPRESSION gzip\n"},
      {"4.6 COMPRESSION", bucket + "EXPORT_COMPRESSION gz\n"},
      {"4.6 COMPRESSION", bucket + "EXPORT_COMPRESSION snappy\n"},
      {"4.6 COMPRESSION", bucket + "EXPORT_COMPRESSION snapy\n", {"(did you mean snappy?)"}},
      {"4.6 STRATEGY", bucket + "EXPORT_STRATEGY \"replace\" \n", {"= EXPORT_STRATEGY replace"}},
      {"4.6 STRATEGY", bucket + "EXPORT_STRATEGY @new\n"},
      {"4.6 STRATEGY", bucket + "EXPORT_STRATEGY create_new\n"},
      {"4.6 STRATEGY", bucket + "EXPORT_WRITE_STRATEGY truncate\n"},
      {"4.6 STRATEGY", bucket + "EXPORT_STRATEGY replase\n", {"(did you mean replace?)"}},
      {"4.6",
       kafka + "EXPORT_FORMAT csv\nEXPORT_STRATEGY @new\n",
       {"warning: EXPORT_FORMAT has no effect on a Kafka sink", "warning: EXPORT_STRATEGY has no effect"}},
      {"9", kafka + "EXPORT_SERVICE kafka\n"},
      {"9",
       "TYPE sink\nEXPORT_CONNECTION_NAME c\nEXPORT_KAFKA_TOPIC {{ tb_secret('T', 't') }}\n",
       {"= EXPORT_KAFKA_TOPIC {{ tb_secret('T', 't') }}"}},
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

TEST(Conformance, Section6Connections) {
  const std::string kafka = "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS a:9092,b:9092\n";
  connection_rows({
      {"6 all", "TYPE \"kafka\"\nKAFKA_BOOTSTRAP_SERVERS b\n", {"= TYPE kafka"}},
      {"6 all", "TYPE Kafka\nKAFKA_BOOTSTRAP_SERVERS b\n", {"= TYPE kafka"}},
      {"6 all", "KAFKA_BOOTSTRAP_SERVERS b\n", {"a connection needs a TYPE"}},
      {"6 all",
       "TYPE kafak\n",
       {"there is no connection type 'kafak'; there are kafka, s3, gcs and dynamodb (did you mean kafka?)"}},
      {"6 all", "TYPE bigquery\n", {"connections to bigquery are not supported"}},
      {"6 all", "TYPE snowflake\n", {"connections to snowflake are not supported"}},
      {"6 all",
       "TYPE s3_iamrole\nS3_REGION r\nS3_ARN a\n",
       {"warning: the type 's3_iamrole' belongs to older projects; write s3", "= TYPE s3"}},
      {"6 all",
       "TYPE gcs_hmac\nGCS_HMAC_ACCESS_ID i\nGCS_HMAC_SECRET s\n",
       {"warning: the type 'gcs_hmac'", "= TYPE gcs"}},
      {"6 kafka", kafka, {"= KAFKA_BOOTSTRAP_SERVERS a:9092,b:9092"}},
      {"6 kafka", "TYPE kafka\n", {"a connection of TYPE kafka needs KAFKA_BOOTSTRAP_SERVERS"}},
      {"6 kafka", kafka + "KAFKA_SECURITY_PROTOCOL SASL_SSL\n"},
      {"6 kafka", kafka + "KAFKA_SECURITY_PROTOCOL plaintext\n", {"= KAFKA_SECURITY_PROTOCOL PLAINTEXT"}},
      {"6 kafka", kafka + "KAFKA_SECURITY_PROTOCOL SASL_PLAINTEXT\n"},
      {"6 kafka", kafka + "KAFKA_SECURITY_PROTOCOL SASL_SLL\n", {"(did you mean SASL_SSL?)"}},
      {"6 kafka", kafka + "KAFKA_SASL_MECHANISM PLAIN\n"},
      {"6 kafka", kafka + "KAFKA_SASL_MECHANISM SCRAM-SHA-256\n"},
      {"6 kafka", kafka + "KAFKA_SASL_MECHANISM SCRAM-SHA-512\n"},
      {"6 kafka",
       kafka +
           "KAFKA_SASL_MECHANISM OAUTHBEARER\nKAFKA_SASL_OAUTHBEARER_METHOD AWS\nKAFKA_SASL_OAUTHBEARER_AWS_REGION r\n"
           "KAFKA_SASL_OAUTHBEARER_AWS_ROLE_ARN a\nKAFKA_SASL_OAUTHBEARER_AWS_EXTERNAL_ID e\n"},
      {"6 kafka", kafka + "KAFKA_SASL_MECHANISM SCRAM-SHA-521\n", {"(did you mean SCRAM-SHA-512?)"}},
      {"6 kafka", kafka + "KAFKA_KEY k\nKAFKA_SECRET {{ tb_secret(\"S\", \"d\") }}\n"},
      {"6 kafka", kafka + "KAFKA_KEY k\n", {"KAFKA_KEY and KAFKA_SECRET go together"}},
      {"6 kafka", kafka + "KAFKA_SCHEMA_REGISTRY_URL https://u:p@registry\n"},
      {"6 kafka", kafka + "KAFKA_SSL_CA_PEM one line\n"},
      {"6 kafka",
       kafka + "KAFKA_SSL_CA_PEM >\n    -----BEGIN\n    abc\n",
       {"= KAFKA_SSL_CA_PEM >\n    -----BEGIN\n    abc"}},
      {"6 s3", "TYPE s3\nS3_REGION r\nS3_ARN a\n"},
      {"6 s3", "TYPE s3\nS3_REGION r\nS3_ACCESS_KEY a\nS3_SECRET s\n"},
      {"6 s3", "TYPE s3\nS3_ARN a\n", {"a connection of TYPE s3 needs S3_REGION"}},
      {"6 s3", "TYPE s3\nS3_REGION r\n", {"needs S3_ARN, or S3_ACCESS_KEY with S3_SECRET"}},
      {"6 s3", "TYPE s3\nS3_REGION r\nS3_SECRET s\n", {"S3_ACCESS_KEY and S3_SECRET go together"}},
      {"6 gcs", "TYPE gcs\nGCS_SERVICE_ACCOUNT_CREDENTIALS_JSON {\"a\": 1}\n"},
      {"6 gcs", "TYPE gcs\nGCS_SERVICE_ACCOUNT_CREDENTIALS_JSON >\n    {\n      \"a\": 1\n    }\n"},
      {"6 gcs", "TYPE gcs\nGCS_HMAC_ACCESS_ID i\nGCS_HMAC_SECRET s\n"},
      {"6 gcs", "TYPE gcs\n", {"needs GCS_SERVICE_ACCOUNT_CREDENTIALS_JSON"}},
      {"6 dynamodb", "TYPE dynamodb\nDYNAMODB_ARN a\nDYNAMODB_REGION r\n"},
      {"6 dynamodb", "TYPE dynamodb\nDYNAMODB_ARN a\n", {"a connection of TYPE dynamodb needs DYNAMODB_REGION"}},
      {"6",
       "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS b\nS3_REGION r\n",
       {"S3_REGION does not belong in a connection of TYPE kafka"}},
  });
}

// Section 9 (places of secrets) and the rows of 11 that no section above holds.
TEST(Conformance, Section9And11) {
  connection_rows({{"9", "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS {{tb_secret('A')}}:{{ tb_secret(\"B\", \"1\") }}\n"},
                   {"9", "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS {{ env('A') }}\n", {"only tb_secret is possible"}},
                   {"9", "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS {{ tb_secret('A')\n", {"a '{{' is never closed"}}});
  pipe_rows({{"9", "NODE n\nSQL >\n    %\n    SELECT {{ tb_secret('A', 'b') }}\n", {"= tb_secret('A', 'b')"}}}, "");
  pipe_rows({
      {"11 stray description", "DESCRIPTION a\nDESCRIPTION b\n", {"warning: a second DESCRIPTION of node 'n'"}},
      {"11 second TYPE", "TYPE endpoint\nTYPE copy\n", {"a second TYPE; line 4 has the first"}},
      {"11 unknown keyword", "TYPE: endpoint\n", {"no ':' between TYPE and its value; a blank is enough"}},
      {"11 unknown keyword", "CACH 5\n", {"unknown keyword 'CACH' (did you mean CACHE?)"}},
  });
  file_rows(
      {{"11 column line without name", "SCHEMA >\n    `` String\n", {"the name of a column has 1 to 256 bytes"}},
       {"11",
        "SCHEMA >\n    a String\nENGINE MergeTree\nORDER BY a\n",
        {"unknown keyword 'ORDER' (write ENGINE_SORTING_KEY)"}},
       {"11", "SCHEMA >\n    a String\nENGINE MergeTree\nTTL a\n", {"unknown keyword 'TTL' (write ENGINE_TTL)"}},
       {"11", "SCHEMA >\n    a String json:$.a\n", {"the JSONPath of column 'a' needs backticks (write `json:$.a`)"}},
       {"11", "SCHEMA >\n    a String `$.a`\n", {"does not start with json: (write `json:$.a`)"}},
       {"11", "SCHEMA >\n    'a' String\n", {"expected the name of a column, found 'a' ("}},
       {"11",
        "SCHEMA >\n    a String,\n    b DateTime DEFAULT tomorow\n",
        {"the DEFAULT of column 'b' names 'tomorow', which is not a column of the SCHEMA"}},
       {"11", "SCHEMA >\n    a String,\n    b Int8 DEFAULT CAST(a AS Int8) + a::Int8\n"},
       {"11 malformed index", "SCHEMA >\n    a String\nINDEXES >\n    i\n", {"index 'i' has no expression"}}});
}

}  // namespace
}  // namespace kinglet::datafile
