// SPDX-License-Identifier: Apache-2.0
// What is printed reads back as the same model, for any model.
#include "datafile/print.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "datafile/parse.h"

namespace kinglet::datafile {
namespace {

/// A reading that shows every field, so that nothing the printer loses goes unseen.
std::string all_fields(const DataSource& s) {
  std::string out = fmt::format("{}|{}|{}|{}|{}|{}|", s.name, s.description, fmt::join(s.tags, ";"), s.backfill_skip,
                                s.forward_query, fmt::join(s.shared_with, ";"));
  for (const auto& t : s.tokens) out += fmt::format("T{}:{}|", t.name, static_cast<int>(t.permission));
  for (const auto& c : s.columns) {
    out += fmt::format("C{}:{}:{}:{}:", c.name, c.type, c.default_expression.value_or("-"), c.codec.value_or("-"));
    if (c.path) {
      out += c.path->text;
      for (const auto& step : c.path->steps) out += fmt::format(">{}{}", step.key, step.each ? "[:]" : "");
    }
    out += '|';
  }
  const auto& e = s.engine;
  out += fmt::format("E{}:{}:{}:{}:{}:{}:{}:{}:{}:{}:{}|", e.name, e.sorting_key, e.partition_key, e.primary_key,
                     e.sampling_key, e.ttl, e.ver, e.is_deleted, e.sign, e.version, e.summing_columns);
  for (const auto& [k, v] : e.settings) out += fmt::format("S{}={}|", k, v);
  for (const auto& i : s.indexes) out += fmt::format("I{}:{}:{}:{}|", i.name, i.expression, i.type, i.granularity);
  for (const auto& [k, v] : s.connector) out += fmt::format("K{}={}|", k, v);
  return out;
}

std::string all_fields(const Pipe& p) {
  std::string out =
      fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|", p.name, p.description, fmt::join(p.tags, ";"),
                  static_cast<int>(p.type), p.output_node, p.cache_seconds ? std::to_string(*p.cache_seconds) : "-",
                  p.target, p.deployment_alter, p.copy_schedule, p.copy_mode);
  for (const auto& t : p.tokens) out += fmt::format("T{}|", t.name);
  for (const auto& n : p.nodes) out += fmt::format("N{}:{}:{}|", n.name, n.description, n.sql);
  for (const auto& [k, v] : p.sink) out += fmt::format("X{}={}|", k, v);
  return out;
}

template <class T>
rc::Gen<T> one_of(std::vector<T> items) {
  return rc::gen::elementOf(std::move(items));
}

/// Text of a block: lines that may be indented, empty in the middle, or look like keywords when indented.
std::string block_text() {
  const auto lines = *rc::gen::container<std::vector<std::string>>(
      *rc::gen::inRange<std::size_t>(1, 5),
      one_of<std::string>({"Events of the shop", "  indented `more`", "", "TYPE endpoint of a thing",
                           "# no comment here", "naïve – ünïcode", "{% if x %} {{ y }}", "\"quoted\""}));
  std::string out = "first line";
  for (const auto& line : lines) out += "\n" + line;
  return out + "\nlast line";
}

std::string sql_text() {
  const auto lines = *rc::gen::container<std::vector<std::string>>(
      *rc::gen::inRange<std::size_t>(0, 4),
      one_of<std::string>({"FROM t", "  WHERE TYPE = 'x'", "", "{% if defined(a) %}", "ORDER BY ENGINE", "# kept",
                           "\tAND x LIKE '%'"}));
  std::string out = *rc::gen::arbitrary<bool>() ? "%\nSELECT 1" : "SELECT 1";
  for (const auto& line : lines) out += "\n" + line;
  return out + "\nLIMIT 1";
}

std::vector<std::string> names(std::size_t max) {
  return *rc::gen::unique<std::vector<std::string>>(*rc::gen::inRange<std::size_t>(0, max),
                                                    one_of<std::string>({"a", "b c", "web-site", "x_1", "Ünï"}));
}

DataSource any_data_source() {
  DataSource s;
  s.name = "t";
  if (*rc::gen::arbitrary<bool>()) s.description = block_text();
  s.tags = names(4);
  s.shared_with = names(3);
  for (const auto& name : names(4))
    s.tokens.push_back(
        {.name = name,
         .permission = *rc::gen::arbitrary<bool>() ? TokenGrant::Permission::read : TokenGrant::Permission::append});
  const std::vector<std::string> types = {"String",
                                          "UInt64",
                                          "Nullable(Float64)",
                                          "LowCardinality(Nullable(String))",
                                          "DateTime64(3, 'UTC')",
                                          "Decimal(10, 2)",
                                          "Map(String, Array(Int32))",
                                          "Tuple(a String, b Array(Nullable(Date)))",
                                          "Enum8('a' = 1, 'b, c' = 2)",
                                          "AggregateFunction(quantiles(0.5, 0.9), Float64)",
                                          "JSON(max_dynamic_paths=10, a.b UInt32, SKIP c)"};
  const std::vector<std::string> column_names = {"id",   "org",    "at",  "my-column", "größe",
                                                 "TYPE", "ENGINE", "a b", "x1",        "_y"};
  for (const auto& name :
       *rc::gen::unique<std::vector<std::string>>(*rc::gen::inRange<std::size_t>(1, 8), one_of(column_names))) {
    ColumnDefinition c;
    c.name = name;
    c.type = *one_of(types);
    if (*rc::gen::arbitrary<bool>())
      c.path = *one_of<JsonPath>({{.steps = {}, .text = "$"},
                                  {.steps = {{.key = "a-b"}, {.key = "c"}}, .text = "$.a-b.c"},
                                  {.steps = {{.key = "a b"}, {.key = "x.y"}}, .text = "$.['a b']['x.y']"}});
    if (*rc::gen::arbitrary<bool>())
      c.default_expression = c.type == "String"
                                 ? *one_of<std::string>({"''", "0", "[]", "'a, `b` -- c'", "-1.5e3"})
                                 : *one_of<std::string>({"now()", "toUUID('0')", "if(1, 'CODEC(x)', '{}')"});
    if (*rc::gen::arbitrary<bool>()) c.codec = *one_of<std::string>({"CODEC(ZSTD(1))", "CODEC(Delta(8), LZ4)"});
    s.columns.push_back(c);
  }
  ColumnDefinition key;  // the keys below name it
  key.name = "k";
  key.type = "Int8";
  s.columns.push_back(key);
  auto& e = s.engine;
  e.name = *one_of<std::string>(
      {"MergeTree", "ReplacingMergeTree", "SummingMergeTree", "AggregatingMergeTree", "CollapsingMergeTree", "Null"});
  if (e.name != "Null") {
    e.sorting_key = *one_of<std::string>({"k", "k, abs(k)", "tuple()"});
    e.partition_key = *one_of<std::string>({"", "k % 10", "tuple()"});
    e.ttl = *one_of<std::string>({"", "toDateTime(k) + INTERVAL 3 DAY"});
    if (e.name == "ReplacingMergeTree" && *rc::gen::arbitrary<bool>()) e.ver = "k";
    if (e.name == "CollapsingMergeTree") e.sign = "k";
    if (e.name == "SummingMergeTree" && *rc::gen::arbitrary<bool>()) e.summing_columns = "k";
    if (*rc::gen::arbitrary<bool>()) e.settings = {{"index_granularity", "256"}, {"a", "'it, s'"}, {"b", "true"}};
    if (*rc::gen::arbitrary<bool>())
      s.indexes = {{.name = "i", .expression = "lower(concat(k, ','))", .type = "set(100)", .granularity = 4},
                   {.name = "j", .expression = "k", .type = "minmax", .granularity = 1}};
  }
  s.backfill_skip = *rc::gen::arbitrary<bool>();
  if (*rc::gen::arbitrary<bool>()) s.forward_query = "SELECT k,\n  toString(k) AS org";
  s.connector = *one_of<std::vector<std::pair<std::string, std::string>>>(
      {{},
       {{"KAFKA_CONNECTION_NAME", "c"}, {"KAFKA_TOPIC", "t"}, {"KAFKA_GROUP_ID", "{{ tb_secret(\"G\", \"g 1\") }}"}},
       {{"IMPORT_CONNECTION_NAME", "c"}, {"IMPORT_BUCKET_URI", "s3://b/*.csv"}, {"IMPORT_SCHEDULE", "@once"}}});
  return s;
}

Pipe any_pipe() {
  Pipe p;
  p.name = "p";
  if (*rc::gen::arbitrary<bool>()) p.description = block_text();
  p.tags = names(4);
  for (const auto& name : names(3)) p.tokens.push_back({.name = name});
  const auto nodes = *rc::gen::unique<std::vector<std::string>>(
      *rc::gen::inRange<std::size_t>(1, 5), one_of<std::string>({"a", "b_1", "Node", "endpoint", "x"}));
  for (const auto& name : nodes) {
    Node n;
    n.name = name;
    if (*rc::gen::arbitrary<bool>()) n.description = block_text();
    n.sql = sql_text();
    p.nodes.push_back(n);
  }
  p.type =
      *one_of<PipeType>({PipeType::plain, PipeType::endpoint, PipeType::materialized, PipeType::copy, PipeType::sink});
  p.output_node = p.type == PipeType::plain ? p.nodes.size() - 1 : *rc::gen::inRange<std::size_t>(0, p.nodes.size());
  if (p.type == PipeType::endpoint && *rc::gen::arbitrary<bool>())
    p.cache_seconds = *rc::gen::inRange<std::uint32_t>(0, 100);
  if (p.type == PipeType::materialized || p.type == PipeType::copy) p.target = "t";
  if (p.type == PipeType::materialized) p.deployment_alter = *rc::gen::arbitrary<bool>();
  if (p.type == PipeType::copy) {
    p.copy_schedule = *one_of<std::string>({"", "@on-demand", "*/5 0-23 1,15 * MON-FRI"});
    p.copy_mode = *one_of<std::string>({"", "append", "replace"});
  }
  if (p.type == PipeType::sink)
    p.sink = {
        {"EXPORT_CONNECTION_NAME", "c"}, {"EXPORT_BUCKET_URI", "s3://b/x"}, {"EXPORT_FILE_TEMPLATE", "a_{date, '%Y'}"}};
  return p;
}

template <class T>
void expect_no_errors(const Parsed<T>& parsed, const std::string& text) {
  for (const auto& d : parsed.diagnostics)
    if (d.severity == Severity::error) RC_FAIL(to_string(d) + "\n" + text);
}

TEST(Print, AnyDataSourceReadsBackTheSame) {
  EXPECT_TRUE(rc::check([] {
    const auto model = any_data_source();
    const auto text = print(model);
    const auto parsed = parse_data_source({.name = "t.datasource", .text = text});
    expect_no_errors(parsed, text);
    RC_ASSERT(all_fields(parsed.resource) == all_fields(model));
    RC_ASSERT(print(parsed.resource) == text);
  }));
}

TEST(Print, AnyPipeReadsBackTheSame) {
  EXPECT_TRUE(rc::check([] {
    const auto model = any_pipe();
    const auto text = print(model);
    const auto parsed = parse_pipe({.name = "p.pipe", .text = text});
    expect_no_errors(parsed, text);
    RC_ASSERT(all_fields(parsed.resource) == all_fields(model));
    RC_ASSERT(print(parsed.resource) == text);
  }));
}

// Windows line ends and a byte order mark change nothing but positions.
TEST(Print, LineEndsDoNotMatter) {
  EXPECT_TRUE(rc::check([] {
    const auto text = print(any_pipe());
    std::string windows = "\xEF\xBB\xBF";
    for (const char c : text) windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
    RC_ASSERT(all_fields(parse_pipe({.name = "p.pipe", .text = windows}).resource) ==
              all_fields(parse_pipe({.name = "p.pipe", .text = text}).resource));
  }));
}

TEST(Print, LooksAsTheSdksWriteIt) {
  const auto parsed = parse_data_source({.name = "t.datasource",
                                         .text = "TOKEN r READ\nENGINE_SORTING_KEY id\nSCHEMA >\nid UInt64 DEFAULT 1 "
                                                 "`json:$.id`, org  VARCHAR\nDESCRIPTION of t\n"});
  EXPECT_EQ(print(parsed.resource), R"(DESCRIPTION >
    of t

SCHEMA >
    `id` UInt64 `json:$.id` DEFAULT 1,
    `org` String

ENGINE "MergeTree"
ENGINE_SORTING_KEY "id"

TOKEN "r" READ
)");
}

TEST(Print, AConnectionReadsBackTheSame) {
  const std::string text =
      "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS b:9092\nKAFKA_KEY u\nKAFKA_SECRET {{ tb_secret(\"S\") "
      "}}\n\nKAFKA_SSL_CA_PEM >\n    -----BEGIN\n    abc\n    -----END\n";
  const auto parsed = parse_connection({.name = "k.connection", .text = text});
  EXPECT_TRUE(parsed.ok());
  EXPECT_EQ(parsed.resource.values.at(3).second, "-----BEGIN\nabc\n-----END");
  EXPECT_EQ(print(parsed.resource), text);
}

}  // namespace
}  // namespace kinglet::datafile
