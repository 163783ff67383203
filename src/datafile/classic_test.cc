// SPDX-License-Identifier: Apache-2.0
// Leftovers of older projects: targets described inside a pipe, pipes published by their token, .endpoint and .token.
#include <gtest/gtest.h>

#include "datafile/classic_target.h"
#include "datafile/parse.h"
#include "datafile/print.h"

namespace kinglet::datafile {
namespace {

using Lines = std::vector<std::string>;

Lines findings(const ParsedProject& project) {
  Lines out;
  for (const auto& d : project.diagnostics) out.push_back(to_string(d));
  return out;
}

const SourceFile events = {
    "events.datasource",
    "SCHEMA >\n    ts DateTime,\n    id String,\n    kind LowCardinality(String),\n    n UInt32,\n"
    "    price Nullable(Float64),\n    tz DateTime('Europe/Paris'),\n    doc JSON\n"};

std::string types(const std::string& sql) {
  const auto parsed = parse_project(
      {events,
       {"mid.pipe", "NODE m\nSQL >\n    SELECT toDate(ts) AS day, id FROM events\n"},
       {"p.pipe",
        "NODE first\nSQL >\n    SELECT ts, id, n * 2 AS twice FROM events\nNODE out\nSQL >\n    " + sql + "\n"}});
  const auto columns = internal::output_columns(parsed.project, parsed.project.pipes.at("p"));
  if (!columns) return "unknown";
  std::string out;
  for (const auto& c : *columns)
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", c.name, c.type.empty() ? "?" : c.type);
  return out;
}

TEST(OutputColumns, FollowFromTheSqlWhereTheyAreCertain) {
  EXPECT_EQ(types("SELECT ts, id AS user, kind FROM events"), "ts DateTime, user String, kind LowCardinality(String)");
  EXPECT_EQ(types("SELECT * FROM mid"), "day Date, id String");
  EXPECT_EQ(types("SELECT *, n FROM first"), "ts DateTime, id String, twice ?, n ?");
  EXPECT_EQ(types("SELECT toDate(ts) AS day, count() AS hits, sum(n) s, avg(n) a FROM events GROUP BY day"),
            "day Date, hits UInt64, s UInt64, a ?");
  EXPECT_EQ(types("SELECT toDate(price) d, toString(price) s, any(price) p, sum(price) t FROM events"),
            "d Nullable(Date), s Nullable(String), p Nullable(Float64), t ?");
  EXPECT_EQ(
      types("SELECT uniqState(id) u, countState() c, sumIfState(n, n > 1) x, quantilesState(0.5, 0.9)(n) q, "
            "uniqState(kind) k FROM events"),
      "u AggregateFunction(uniq, String), c AggregateFunction(count), x ?, q AggregateFunction(quantiles(0.5, 0.9), "
      "UInt32), k ?");
  EXPECT_EQ(types("SELECT sumSimpleState(n) s, maxSimpleState(ts) m, anySimpleState(kind) k FROM events"),
            "s SimpleAggregateFunction(sum, UInt64), m SimpleAggregateFunction(max, DateTime), k ?");
  EXPECT_EQ(types("SELECT CAST(n, 'Int64') a, n::String b, 'x' c, 7 d, 300 e, now() f FROM events"),
            "a Int64, b String, c String, d UInt8, e UInt16, f DateTime");
  EXPECT_EQ(types("SELECT toStartOfHour(ts) a, toStartOfHour(tz) b, toDateTime(id, 'UTC') c FROM events"),
            "a DateTime, b ?, c ?");
  EXPECT_EQ(types("WITH d AS (SELECT n FROM events) SELECT d.n, n FROM d"), "n UInt32, n UInt32");
  EXPECT_EQ(types("WITH toDate(ts) AS day SELECT day AS x, x AS y FROM events"), "x Date, y Date");
  EXPECT_EQ(types("SELECT a.n, b.id FROM events a JOIN first b ON a.id = b.id"), "n UInt32, id String");
  EXPECT_EQ(types("SELECT n FROM events JOIN numbers(3) x ON 1"), "n ?");
  EXPECT_EQ(types("SELECT n FROM events UNION ALL SELECT 1"), "n ?");
  EXPECT_EQ(types("SELECT n AS n FROM events"), "n UInt32");
  EXPECT_EQ(types("SELECT x AS y, y AS x FROM nowhere"), "y ?, x ?");
  EXPECT_EQ(types("SELECT 1, upper(id) FROM events"), " UInt8,  String");
  EXPECT_EQ(types("%\n    SELECT id FROM events"), "id String");
  EXPECT_EQ(types("%\n    SELECT {{String(a)}} FROM events"), "unknown");
  EXPECT_EQ(types("SELECT * FROM out"), "unknown") << "a node that reads itself";
  EXPECT_EQ(types("SELECT FROM"), "unknown");
}

std::string view(const std::string& sql, const std::string& lines) {
  return "NODE n\nSQL >\n    " + sql + "\nTYPE materialized\nDATASOURCE daily\n" + lines;
}

TEST(ClassicTarget, IsMadeWhenItsColumnsAreKnown) {
  const auto parsed =
      parse_project({events,
                     {"p.pipe", view("SELECT toDate(ts) AS day, countState() AS hits FROM events GROUP BY day",
                                     "ENGINE \"AggregatingMergeTree\"\nENGINE_SORTING_KEY \"day\"\n")}});
  EXPECT_EQ(findings(parsed), (Lines{"p.pipe:6:1: warning: the target daily is made of the ENGINE lines of this node, "
                                     "as older projects did (write its "
                                     "columns and these lines into a file daily.datasource)"}));
  const auto& made = parsed.project.data_sources.at("daily");
  EXPECT_EQ(print(made),
            "SCHEMA >\n    `day` Date,\n    `hits` AggregateFunction(count)\n\nENGINE "
            "\"AggregatingMergeTree\"\nENGINE_SORTING_KEY "
            "\"day\"\n");
  EXPECT_EQ(print(parse_data_source({"daily.datasource", parsed.project.files.at("daily").text}).resource),
            print(made));
}

TEST(ClassicTarget, ChainsOfTargetsAreFollowed) {
  auto second = view("SELECT day FROM daily", "ENGINE MergeTree\n");
  second.replace(second.find("DATASOURCE daily"), 16, "DATASOURCE weekly");
  const auto parsed = parse_project(
      {events, {"a.pipe", second}, {"b.pipe", view("SELECT toDate(ts) AS day FROM events", "ENGINE MergeTree\n")}});
  EXPECT_TRUE(parsed.ok()) << fmt::format("{}", fmt::join(findings(parsed), "\n"));
  EXPECT_EQ(parsed.project.data_sources.at("weekly").columns.at(0).type, "Date");
}

TEST(ClassicTarget, OtherwiseTheFileToWriteIsNamed) {
  EXPECT_EQ(findings(parse_project(
                {events, {"p.pipe", view("SELECT id, n * 2 AS twice, n / 3 FROM events", "ENGINE MergeTree\n")}})),
            (Lines{"p.pipe:5:12: DATASOURCE names 'daily', but there is no data source of that name (add a file "
                   "daily.datasource)",
                   "p.pipe:6:1: the ENGINE lines of this node describe the target daily, as in older projects, but the "
                   "types of its "
                   "columns are not known: twice, one without a name (write a file daily.datasource with 'SCHEMA >', "
                   "one column a "
                   "line, and these ENGINE lines)"}));
  EXPECT_EQ(
      findings(parse_project(
                   {events, {"p.pipe", view("SELECT id FROM events", "ENGINE MergeTree\nENGINE_SORTING_KEY x\n")}}))
          .back(),
      "p.pipe:6:1: the target daily of these ENGINE lines: ENGINE_SORTING_KEY names 'x', which is not a column of the "
      "SCHEMA");
}

TEST(ClassicTarget, TheFileCountsWhenItIsThere) {
  EXPECT_EQ(findings(parse_project({events,
                                    {"daily.datasource", "SCHEMA >\n    id String\n"},
                                    {"p.pipe", view("SELECT id FROM events", "ENGINE MergeTree\n")}})),
            (Lines{"p.pipe:6:1: warning: the ENGINE lines of this node belong to older projects and are ignored; "
                   "daily.datasource says "
                   "what the target is"}));
}

TEST(ClassicPipe, ATokenOrTheExtensionPublishesTheLastNode) {
  const std::string nodes = "NODE a\nSQL >\n    SELECT 1\nNODE b\nSQL >\n    SELECT 2\n";
  const auto token = parse_pipe({"p.pipe", "TOKEN web READ\n" + nodes});
  EXPECT_EQ(token.resource.type, PipeType::endpoint);
  EXPECT_EQ(token.resource.output_node, 1u);
  ASSERT_EQ(token.diagnostics.size(), 1u);
  EXPECT_EQ(
      to_string(token.diagnostics[0]),
      "p.pipe:1:1: warning: a pipe with TOKEN … READ and no TYPE has its last node published as an endpoint (write "
      "TYPE endpoint "
      "under the node b)");
  const auto endpoint = parse_pipe({"p.endpoint", nodes});
  EXPECT_EQ(endpoint.resource.type, PipeType::endpoint);
  EXPECT_EQ(endpoint.diagnostics.size(), 1u);
  EXPECT_EQ(parse_pipe({"p.endpoint", nodes + "TYPE copy\nTARGET_DATASOURCE t\n"}).resource.type, PipeType::copy);
  EXPECT_EQ(parse_pipe({"p.pipe", nodes}).resource.type, PipeType::plain);
  EXPECT_EQ(parse_pipe({"p.pipe", "TOKEN old\nTOKEN \"a # b\" READ # why\n" + nodes}).diagnostics.at(0).position,
            (Position{2, 1}));
  for (const char* tokens : {"TOKEN web\n", "TOKEN READ\n", "TOKEN \"the READ\"\n", "TOKEN web # READ\n"}) {
    const auto plain = parse_pipe({"p.pipe", tokens + nodes});
    EXPECT_EQ(plain.resource.type, PipeType::plain) << tokens;
    EXPECT_EQ(plain.resource.tokens.size(), 1u) << tokens;
    EXPECT_TRUE(plain.diagnostics.empty()) << tokens;
  }
}

TEST(TokenFile, BecomesTokenLines) {
  const auto parsed = parse_project({events,
                                     {"p.pipe", "NODE a\nSQL >\n    SELECT 1\nTYPE endpoint"},
                                     {"tokens/web site.token",
                                      "# old\nSCOPE DATASOURCES:READ:events\nSCOPE datasources:append events\nSCOPE "
                                      "\"PIPES:READ:p\"\n"}});
  EXPECT_EQ(
      findings(parsed),
      (Lines{"tokens/web site.token: warning: a .token file belongs to older projects (write TOKEN \"web site\" READ "
             "into the files of the resources it names)"}));
  const auto& source = parsed.project.data_sources.at("events");
  ASSERT_EQ(source.tokens.size(), 2u);
  EXPECT_EQ(source.tokens[0].name, "web site");
  EXPECT_EQ(source.tokens[1].permission, TokenGrant::Permission::append);
  EXPECT_TRUE(parsed.project.files.at("events").text.ends_with("TOKEN \"web site\" READ\nTOKEN \"web site\" APPEND\n"));
  EXPECT_EQ(parsed.project.pipes.at("p").tokens.size(), 1u);
  EXPECT_EQ(parsed.project.files.at("p").text, "NODE a\nSQL >\n    SELECT 1\nTYPE endpoint\nTOKEN \"web site\" READ\n");
}

TEST(TokenFile, WhatIsNotCertainIsRefused) {
  const auto error = [](const std::string& text) {
    const auto found = findings(parse_project({events, {"t.token", text}}));
    return fmt::format("{}", fmt::join(found, "\n"));
  };
  EXPECT_EQ(error("SCOPE ADMIN\n"),
            "t.token:1:7: a .token file cannot give the scope 'ADMIN'; it gives DATASOURCES:READ, "
            "DATASOURCES:APPEND, PIPES:READ (make other tokens with POST /v0/tokens)");
  EXPECT_EQ(error("SCOPE DATASOURCE:READ:events\n"),
            "t.token:1:7: a .token file cannot give the scope 'DATASOURCE:READ'; it gives DATASOURCES:READ, "
            "DATASOURCES:APPEND, "
            "PIPES:READ (did you mean DATASOURCES:READ?)");
  EXPECT_EQ(error("SCOPE DATASOURCES:READ:event\n"),
            "t.token: warning: a .token file belongs to older projects (write TOKEN \"t\" READ into the files of the "
            "resources it "
            "names)\nt.token:1:7: there is no data source 'event' (did you mean events?)");
  EXPECT_EQ(error("SCOPE DATASOURCES:READ:\n").substr(0, 60),
            "t.token:1:7: the scope DATASOURCES:READ names one data sourc");
  EXPECT_EQ(error("SCOPE DATASOURCES:READ:events\nFILTER >\n    id = 'a'\n"),
            "t.token:2:1: FILTER of a .token file is not supported, and without it the token would read more rows "
            "(make the token "
            "with POST /v0/tokens and scope=DATASOURCES:READ:name:filter)");
  EXPECT_EQ(error("DESCRIPTION x\n").substr(0, 46), "t.token:1:1: a token needs at least one SCOPE ");
  EXPECT_EQ(error("NODE x\n").substr(0, 40), "t.token:1:1: NODE belongs in a .pipe fil");
}

}  // namespace
}  // namespace kinglet::datafile
