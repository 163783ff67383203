// SPDX-License-Identifier: Apache-2.0
// Files to models: grammar, positions, leniency, limits.
#include "datafile/parse.h"

#include <gtest/gtest.h>

#include "datafile/ddl.h"
#include "datafile/limits.h"

namespace kinglet::datafile {
namespace {

DataSource data_source(std::string text) {
  auto parsed = parse_data_source({.name = "datasources/t.datasource", .text = std::move(text)});
  for (const auto& d : parsed.diagnostics) EXPECT_EQ(d.severity, Severity::warning) << to_string(d);
  return std::move(parsed.resource);
}
Pipe pipe(std::string text) {
  auto parsed = parse_pipe({.name = "pipes/p.pipe", .text = std::move(text)});
  for (const auto& d : parsed.diagnostics) EXPECT_EQ(d.severity, Severity::warning) << to_string(d);
  return std::move(parsed.resource);
}
std::vector<std::string> findings(const std::vector<Diagnostic>& diagnostics) {
  std::vector<std::string> out;
  for (const auto& d : diagnostics) out.push_back(to_string(d));
  return out;
}
std::vector<std::string> source_findings(std::string text) {
  return findings(parse_data_source({.name = "t.datasource", .text = std::move(text)}).diagnostics);
}
std::vector<std::string> pipe_findings(std::string text) {
  return findings(parse_pipe({.name = "p.pipe", .text = std::move(text)}).diagnostics);
}
using Lines = std::vector<std::string>;

TEST(DataSourceFile, TheExampleOfTheSpecification) {
  const auto t = data_source(R"df(DESCRIPTION >
    Events of the *shop*.
    {% if defined %} is never rendered.

SCHEMA >
    `ts` DateTime64(3) `json:$.ts`,
    `org` LowCardinality(String) `json:$.org` DEFAULT 'none',
    `tags` Array(String) `json:$.tags[:]` CODEC(ZSTD(1))

ENGINE "ReplacingMergeTree"
ENGINE_PARTITION_KEY "toYYYYMM(ts)"
ENGINE_SORTING_KEY "org, ts"
ENGINE_VER "ts"
ENGINE_TTL "toDateTime(ts) + toIntervalDay(30)"
INDEXES >
    ix org TYPE set(100) GRANULARITY 4

TOKEN "web site" APPEND
TOKEN reader READ
)df");
  EXPECT_EQ(t.name, "t");
  EXPECT_EQ(t.description, "Events of the *shop*.\n{% if defined %} is never rendered.");
  ASSERT_EQ(t.columns.size(), 3u);
  EXPECT_EQ(t.columns[1].type, "LowCardinality(String)");
  EXPECT_EQ(t.columns[1].default_expression, "'none'");
  EXPECT_EQ(t.columns[2].path->text, "$.tags[:]");
  EXPECT_EQ(t.columns[2].path->steps, (std::vector<PathStep>{{.key = "tags"}, {.key = "", .each = true}}));
  EXPECT_EQ(t.columns[2].codec, "CODEC(ZSTD(1))");
  EXPECT_EQ(t.columns[2].position, (Position{.line = 8, .column = 5}));
  EXPECT_EQ(t.engine.sorting_key, "org, ts");
  ASSERT_EQ(t.tokens.size(), 2u);
  EXPECT_EQ(t.tokens[0].name, "web site");
  EXPECT_EQ(t.tokens[0].permission, TokenGrant::Permission::append);
  EXPECT_EQ(create_table_ddl(t, "`db`.`t`"), R"df(CREATE TABLE `db`.`t`
(
    `ts` DateTime64(3),
    `org` LowCardinality(String) DEFAULT 'none',
    `tags` Array(String) CODEC(ZSTD(1)),
    INDEX `ix` (org) TYPE set(100) GRANULARITY 4
)
ENGINE = ReplacingMergeTree(ts)
PARTITION BY toYYYYMM(ts)
ORDER BY (org, ts)
TTL toDateTime(ts) + toIntervalDay(30)
SETTINGS non_replicated_deduplication_window = 10000, min_level_for_wide_part = 1, fsync_after_insert = 1, fsync_part_directory = 1)df");
}

TEST(DataSourceFile, ColumnsComeInEveryLayout) {
  const auto t = data_source(
      "SCHEMA >\n"
      "# a comment\n"
      "id UInt64, `a-b` String `json:$.a-b.c`,\n"
      "\tt DateTime64(3) DEFAULT now64() `json:$.inserted_at`,\r\n"
      "    # another\n"
      "  place Tuple(\n      lat Float64,\n      lon Float64\n  ),\n"
      "  n.x Array(String) CODEC(LZ4) DEFAULT ['a, b', concat('c', ',')],\n"
      "  \"quoted\" Int,\n"
      "  m Map(String,Array( Nullable(Int32) )) `json:$.['a b'].m`,\n"
      "  last VARCHAR(255) NULL,\n");
  ASSERT_EQ(t.columns.size(), 8u);
  EXPECT_EQ(t.columns[1].name, "a-b");
  EXPECT_EQ(t.columns[1].path->steps, (std::vector<PathStep>{{.key = "a-b"}, {.key = "c"}}));
  EXPECT_EQ(t.columns[2].default_expression, "now64()");
  EXPECT_EQ(t.columns[2].path->text, "$.inserted_at");
  EXPECT_EQ(t.columns[3].type, "Tuple(lat Float64, lon Float64)");
  EXPECT_EQ(t.columns[4].name, "n.x");
  EXPECT_EQ(t.columns[4].default_expression, "['a, b', concat('c', ',')]");
  EXPECT_EQ(t.columns[5].type, "Int32");
  EXPECT_EQ(t.columns[6].type, "Map(String, Array(Nullable(Int32)))");
  EXPECT_EQ(t.columns[6].path->steps, (std::vector<PathStep>{{.key = "a b"}, {.key = "m"}}));
  EXPECT_EQ(t.columns[7].type, "Nullable(String)");
  EXPECT_EQ(t.engine.sorting_key, "t");  // the only DateTime
}

TEST(DataSourceFile, DefaultSortingKeyTakesTheFirstClassOfColumns) {
  EXPECT_EQ(
      data_source("SCHEMA >\n a String, b Int32, c Nullable(DateTime), d UInt8, e Int8, f Int8").engine.sorting_key,
      "b, d, e");
  EXPECT_EQ(data_source("SCHEMA >\n a String, b LowCardinality(String)").engine.sorting_key, "a, b");
  EXPECT_EQ(data_source("SCHEMA >\n a Array(String)").engine.sorting_key, "tuple()");
  EXPECT_EQ(data_source("SCHEMA >\n a String\nENGINE Null").engine.sorting_key, "");
  EXPECT_EQ(data_source("SCHEMA >\n a String, b Int8\nENGINE_PRIMARY_KEY a").engine.sorting_key, "a");
  EXPECT_EQ(data_source("SCHEMA >\n a String\nENGINE_SORTING_KEY (a, lower(a))").engine.sorting_key, "a, lower(a)");
  EXPECT_EQ(data_source("SCHEMA >\n a String\nENGINE_SORTING_KEY \"tuple()\"").engine.sorting_key, "tuple()");
}

TEST(DataSourceFile, ValuesWithAndWithoutQuotes) {
  const auto t = data_source(
      "TAGS \"a\", \"b c\"\n"
      "SCHEMA > \n\n    id UInt64,\n    org String,\n    at Date\n\n"
      "ENGINE 'MergeTree' # why not\n"
      "ENGINE_SORTING_KEY org, id\n"
      "ENGINE_TTL at + INTERVAL 90 DAY  \n"
      "ENGINE_SETTINGS index_granularity = 256, merge_with_ttl_timeout=3600\n"
      "SHARED_WITH >\n    other,\n    third\n"
      "BACKFILL skip\n");
  EXPECT_EQ(t.tags, (Lines{"a", "b c"}));
  EXPECT_EQ(t.engine.name, "MergeTree");
  EXPECT_EQ(t.engine.ttl, "at + INTERVAL 90 DAY");
  ASSERT_EQ(t.engine.settings.size(), 2u);
  EXPECT_EQ(t.engine.settings[0], (std::pair<std::string, std::string>{"index_granularity", "256"}));
  EXPECT_EQ(t.shared_with, (Lines{"other", "third"}));
  EXPECT_TRUE(t.backfill_skip);
}

TEST(DataSourceFile, KafkaAddsItsColumnsAndKeys) {
  const auto t = data_source(
      "SCHEMA >\n    data String `json:$`,\n    __offset UInt64\n"
      "KAFKA_CONNECTION_NAME k\nKAFKA_TOPIC 'events'\nKAFKA_STORE_RAW_VALUE \"true\"\nKAFKA_GROUP_ID {{ tb_secret('G', "
      "'g1') }}\n");
  EXPECT_EQ(t.engine.sorting_key, "__timestamp");
  EXPECT_EQ(t.engine.partition_key, "toYYYYMM(__timestamp)");
  const auto columns = table_columns(t);
  ASSERT_EQ(columns.size(), 7u);
  EXPECT_EQ(columns[1].name, "__offset");
  EXPECT_EQ(columns[1].type, "UInt64");
  EXPECT_EQ(columns[5].name, "__timestamp");
  EXPECT_EQ(t.connector[2], (std::pair<std::string, std::string>{"KAFKA_STORE_RAW_VALUE", "True"}));
}

TEST(DataSourceFile, ClassicKeywordsWarn) {
  EXPECT_EQ(
      source_findings("VERSION 3\nTOKEN old CREATE\nSCHEMA >\n    a String\nSORTING_KEY a\nIMPORT_SERVICE s3\n"),
      (Lines{"t.datasource:1:1: warning: VERSION belongs to older projects and is ignored",
             "t.datasource:2:11: warning: the token scope CREATE belongs to older projects and counts as APPEND here",
             "t.datasource:5:1: warning: SORTING_KEY belongs to older projects; write ENGINE_SORTING_KEY",
             "t.datasource:6:1: warning: IMPORT_SERVICE belongs to older projects and is ignored"}));
}

TEST(DataSourceFile, AllErrorsOfAFileAtOnce) {
  EXPECT_EQ(
      source_findings(
          "SCHEMA >\n    a Strin,\n    b Int32\n    c DateTime64,\n    d String `json:a.b`\nENGINE_SORTING_KEY x\n"),
      (Lines{"t.datasource:2:7: there is no type 'Strin' (did you mean String?)",
             "t.datasource:3:12: a comma is missing after column 'b'",
             "t.datasource:4:7: DateTime64 needs a precision (DateTime64(3) counts milliseconds, DateTime64(6) "
             "microseconds)",
             "t.datasource:5:20: the JSONPath 'a.b' does not start with $ (write $.a.b)",
             "t.datasource:6:20: ENGINE_SORTING_KEY names 'x', which is not a column of the SCHEMA"}));
}

TEST(PipeFile, NodesTypesAndPositions) {
  const auto p = pipe(
      "DESCRIPTION of the pipe\n"
      "TOKEN web\n"
      "TOKEN \"site\" READ\n"
      "NODE first\n"
      "DESCRIPTION >\n"
      "    Of the node\n"
      "\n"
      "SQL >\n"
      "\n"
      "\t\t%\n"
      "\t\tSELECT *\n"
      "\t\t  FROM t\n"
      "\n"
      "NODE \"second\"\n"
      "SQL >\n"
      "SELECT 1\n"
      "FROM first\n"
      "WHERE TYPE = 'x'\n"
      "TYPE ENDPOINT \n"
      "CACHE 60\n");
  EXPECT_EQ(p.description, "of the pipe");
  ASSERT_EQ(p.nodes.size(), 2u);
  EXPECT_EQ(p.nodes[0].description, "Of the node");
  EXPECT_EQ(p.nodes[0].sql, "%\nSELECT *\n  FROM t");
  EXPECT_EQ(p.nodes[0].sql_position, (Position{.line = 10, .column = 3}));
  EXPECT_EQ(p.nodes[0].sql_indent, 2u);
  EXPECT_EQ(p.nodes[1].name, "second");
  EXPECT_EQ(p.nodes[1].sql, "SELECT 1\nFROM first\nWHERE TYPE = 'x'");
  EXPECT_EQ(p.type, PipeType::endpoint);
  EXPECT_EQ(p.output_node, 1u);
  EXPECT_EQ(p.cache_seconds, 60u);
  EXPECT_EQ(p.tokens.size(), 2u);
}

TEST(PipeFile, TheOutputIsTheNodeWithTypeElseTheLast) {
  EXPECT_EQ(pipe("NODE a\nSQL >\n    SELECT 1\nTYPE endpoint\nNODE b\nSQL >\n    SELECT 2\n").output_node, 0u);
  EXPECT_EQ(pipe("NODE a\nSQL >\n    SELECT 1\nNODE b\nSQL >\n    SELECT 2\n").output_node, 1u);
}

TEST(PipeFile, TypeOptionsBelongToTheirType) {
  const auto copy =
      pipe("NODE a\nSQL >\n    SELECT 1\nTYPE COPY\nTARGET_DATASOURCE t\nCOPY_SCHEDULE 0 * * * *\nCOPY_MODE replace\n");
  EXPECT_EQ(copy.target, "t");
  EXPECT_EQ(copy.copy_schedule, "0 * * * *");
  EXPECT_EQ(copy.copy_mode, "replace");
  EXPECT_EQ(copy.target_position, (Position{.line = 5, .column = 19}));
  const auto view = pipe("NODE a\nSQL >\n    SELECT 1\nTYPE materialized\nDATASOURCE t\nDEPLOYMENT_METHOD alter\n");
  EXPECT_TRUE(view.deployment_alter);
  EXPECT_EQ(
      pipe_findings("NODE a\nSQL >\n    SELECT 1\nTYPE copy\nTARGET_DATASOURCE t\nCACHE 5\nCOPY_SCHEDULE 99 * * * *\n"),
      (Lines{"p.pipe:6:1: CACHE goes with TYPE endpoint, this pipe is of TYPE copy",
             "p.pipe:7:15: the minute of a cron line is from 0 to 59, as *, 5, 1-5, 1,3 or */2; found '99'"}));
}

TEST(PipeFile, WordsThatLookLikeKeywordsStayInTheSql) {
  const auto p = pipe("NODE a\nSQL >\n    SELECT\n    TYPE,\n    ENGINE AS DESCRIPTION,\n    NODE\nFROM t\nFORMAT\n");
  EXPECT_EQ(p.nodes[0].sql, "    SELECT\n    TYPE,\n    ENGINE AS DESCRIPTION,\n    NODE\nFROM t\nFORMAT");
}

TEST(Project, AllFilesAllErrors) {
  const auto parsed = parse_project(
      {{.name = "a.datasource", .text = "SCHEMA >\n    x Nope\n"},
       {.name = "b.pipe", .text = "NODE n\nSQL >\n    SELECT 1\nTYPE copy\nTARGET_DATASOURCE aa\n"},
       {.name = "x/a.pipe", .text = "NODE m\nSQL >\n    SELECT 1\n"},
       {.name = "k.datasource", .text = "SCHEMA >\n    x String\nKAFKA_CONNECTION_NAME kafka\nKAFKA_TOPIC t\n"},
       {.name = "kafk.connection", .text = "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS b:9092\n"},
       {.name = "notes.txt", .text = "hello"}});
  EXPECT_EQ(findings(parsed.diagnostics),
            (Lines{"a.datasource:2:7: there is no type 'Nope' (types are written as in ClickHouse: String, Int64, "
                   "Float64, DateTime64(3), Array(String), …)",
                   "b.pipe:5:19: TARGET_DATASOURCE names 'aa', but there is no data source of that name (add a file "
                   "aa.datasource)",
                   "x/a.pipe: the name 'a' is already taken by a.datasource (data sources and pipes share one name "
                   "space, whatever their folder)",
                   "k.datasource:3:23: KAFKA_CONNECTION_NAME names 'kafka', but there is no connection of that name "
                   "(did you mean kafk?)",
                   "notes.txt: not a datafile: the name ends in .datasource, .pipe or .connection"}));
  EXPECT_FALSE(parsed.ok());
}

TEST(Limits, AtTheLimitAndOneBeyond) {
  const auto columns = [](std::size_t n) {
    std::string text = "SCHEMA >\n";
    for (std::size_t i = 0; i < n; ++i) text += "    c" + std::to_string(i) + " String,\n";
    return text;
  };
  EXPECT_EQ(source_findings(columns(limits::columns_max)), Lines{});
  EXPECT_EQ(source_findings(columns(limits::columns_max + 1)),
            (Lines{"t.datasource:2050:5: a data source has at most 2048 columns"}));
  const auto type = [](std::size_t depth) {
    std::string text = "SCHEMA >\n    a ";
    for (std::size_t i = 1; i < depth; ++i) text += "Array(";
    text += "String";
    return text + std::string(depth - 1, ')');
  };
  EXPECT_EQ(source_findings(type(limits::type_depth_max)), Lines{});
  EXPECT_EQ(source_findings(type(limits::type_depth_max + 1)),
            (Lines{"t.datasource:2:307: this type is nested deeper than 50"}));
  const auto name = [](std::size_t n) { return "SCHEMA >\n    " + std::string(n, 'a') + " String"; };
  EXPECT_EQ(source_findings(name(limits::name_bytes_max)), Lines{});
  EXPECT_EQ(source_findings(name(limits::name_bytes_max + 1)),
            (Lines{"t.datasource:2:5: the name of a column has 1 to 256 bytes, this one has 257"}));
  std::string big = "SCHEMA >\n    a String\n";
  big += "#" + std::string(limits::file_bytes_max - big.size() - 1, ' ');
  EXPECT_EQ(source_findings(big), Lines{});
  EXPECT_EQ(source_findings(big + " "), (Lines{"t.datasource: the file has 1048577 bytes, the limit is 1048576"}));
  EXPECT_EQ(findings(parse_project(std::vector<SourceFile>(limits::files_max + 1)).diagnostics),
            (Lines{"the project has 10001 files, the limit is 10000"}));
}

TEST(Text, OnlyUtf8WithoutNulIsRead) {
  EXPECT_EQ(source_findings("SCHEMA >\n    ä\xff String"),
            (Lines{"t.datasource:2:6: this byte is not UTF-8 (save the file with the encoding UTF-8)"}));
  EXPECT_EQ(source_findings(std::string("SCHEMA >\n\0", 10)),
            (Lines{"t.datasource:2:1: the file holds a NUL byte; a datafile is UTF-8 text"}));
  EXPECT_EQ(source_findings(" \n\n"), (Lines{"t.datasource:1:1: the file is empty"}));
  EXPECT_EQ(data_source("\xEF\xBB\xBFSCHEMA >\r\n    a String\r\n").columns.size(), 1u);
}

// S4: nothing in a datafile may leave the place it is written to.
TEST(Injection, FragmentsOfSqlCannotLeaveTheirPlace) {
  for (const std::string text :
       {"1) ENGINE = Memory", "1 -- ", "1 /* ", "'a", "(SELECT 1)", "1; DROP TABLE t", "[1", "`a", "1 # x"})
    EXPECT_FALSE(
        parse_data_source({.name = "t.datasource", .text = "SCHEMA >\n    a Int32 DEFAULT " + text + "\n"}).ok())
        << text;
  for (const std::string text : {"a) ENGINE = Memory", "a -- ", "a, (SELECT 1)", "a; DROP TABLE t", "(a"})
    EXPECT_FALSE(
        parse_data_source({.name = "t.datasource", .text = "SCHEMA >\n    a Int32\nENGINE_SORTING_KEY " + text + "\n"})
            .ok())
        << text;
  for (const std::string text : {"disk = disk(type = s3)", "storage_policy = 'x'", "a = (SELECT 1)", "a = 'x",
                                 "a = 1 b = 2", "non_replicated_deduplication_window = 0"})
    EXPECT_FALSE(
        parse_data_source({.name = "t.datasource", .text = "SCHEMA >\n    a Int32\nENGINE_SETTINGS " + text + "\n"})
            .ok())
        << text;
}

}  // namespace
}  // namespace kinglet::datafile
