// SPDX-License-Identifier: Apache-2.0
// What can be told about a project without a server: every kind of finding, and what is no finding.
#include "project/check.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "project/columns.h"

namespace kinglet::project {
namespace {

using datafile::SourceFile;
using Lines = std::vector<std::string>;

const SourceFile events{.name = "events.datasource",
                        .text =
                            "SCHEMA >\n    day Date,\n    kind LowCardinality(String),\n    amount UInt32,\n"
                            "    tags Array(String),\n    note Nullable(String)\n"};

SourceFile pipe(const std::string& name, const std::string& sql, const std::string& ending = {}) {
  return {.name = name + ".pipe", .text = "NODE n\nSQL >\n    " + sql + "\n" + ending};
}

Lines of_project(Discovered found) {
  Lines out;
  for (const auto& d : check(found).diagnostics) out.push_back(to_string(d));
  return out;
}
Lines checked(std::vector<SourceFile> files) {
  Discovered found;
  found.files = std::move(files);
  return of_project(std::move(found));
}
/// One pipe `p` that reads `events`.
Lines of_sql(const std::string& sql) {
  return checked({events, pipe("p", sql)});
}

TEST(Check, UnknownNamesAreToldAtTheirPlaceWithTheNearest) {
  EXPECT_EQ(
      checked({events,
               {"p.pipe",
                "NODE first\nSQL >\n    SELECT day\n      FROM event\n\nNODE second\nSQL >\n"
                "    SELECT * FROM frist JOIN wholly_other USING day\n"}}),
      (Lines{"p.pipe:4:12: node 'first' reads 'event', but there is no data source, pipe or node of that name (did "
             "you mean events?)",
             "p.pipe:8:19: node 'second' reads 'frist', but there is no data source, pipe or node of that name (did "
             "you mean first?)",
             "p.pipe:8:30: node 'second' reads 'wholly_other', but there is no data source, pipe or node of that "
             "name (add a file wholly_other.datasource or wholly_other.pipe)"}));
}

TEST(Check, NamesInBothBranchesOfATemplateAreTold) {
  EXPECT_EQ(of_sql("%\n    SELECT 1 FROM\n    {% if defined(x) %} day_table {% else %} hour_table {% end %}").size(),
            2u);
}

TEST(Check, FindingsInIncludedTextNameTheIncludedFile) {
  const auto lines = [](std::vector<SourceFile> files) {
    auto found = checked(std::move(files));
    std::erase_if(found, [](const std::string& line) { return line.find("INCLUDE belongs to") != std::string::npos; });
    return found;
  };
  const auto syntax = lines({events, {"a.pipe", "INCLUDE \"i.incl\"\n"}, {"i.incl", "NODE n\nSQL >\n    SELEC 1\n"}});
  ASSERT_EQ(syntax.size(), 1u);
  EXPECT_TRUE(syntax[0].starts_with("i.incl:3:5: node 'n': ")) << syntax[0];
  EXPECT_EQ(
      lines(
          {events,
           {"p.pipe",
            "# here\nINCLUDE \"in/i.incl\" \"WORD=a long value\"\nNODE last\nSQL >\n    SELECT knd FROM shared\n"},
           {"in/i.incl", "\nNODE shared\nSQL >\n    SELECT '$WORD' AS w, kind FROM events JOIN nowhere USING day\n"}}),
      (Lines{"in/i.incl:4:48: node 'shared' reads 'nowhere', but there is no data source, pipe or node of that name "
             "(add a file nowhere.datasource or nowhere.pipe)",
             "p.pipe:5:12: node 'last': 'shared' has no column 'knd' (did you mean kind?)"}));
}

TEST(Check, VendoredDataSourcesAreKnownAndOthersAreExplained) {
  Discovered found;
  found.files = {pipe("p", "SELECT id, price FROM shop.orders"), pipe("q", "SELECT * FROM shop.clients")};
  found.vendored = {{.workspace = "shop",
                     .source = "orders",
                     .file = {"vendor/shop/orders.datasource", "SCHEMA >\n    id UInt32\n"}}};
  EXPECT_EQ(
      of_project(found),
      (Lines{"p.pipe:3:16: node 'n': 'shop.orders' has no column 'price'",
             "q.pipe:3:19: node 'n' reads 'shop.clients', but there is no data source, pipe or node of that name (a "
             "data source of another workspace needs its definition in "
             "vendor/shop/datasources/clients.datasource)"}));
}

TEST(Check, Circles) {
  EXPECT_EQ(
      checked({{"p.pipe", "NODE a\nSQL >\n    SELECT * FROM b\n\nNODE b\nSQL >\n    SELECT * FROM a\n"}}),
      Lines{"p.pipe:7:19: the nodes read each other in a circle: a → b → a (one of them must read something else)"});
  EXPECT_EQ(
      checked({pipe("p", "SELECT * FROM q"), pipe("q", "SELECT * FROM p")}),
      Lines{"q.pipe:3:19: the pipes read each other in a circle: p → q → p (one of them must read something else)"});
  EXPECT_EQ(checked({pipe("p", "SELECT * FROM p")}),
            Lines{"p.pipe:3:19: the pipe 'p' reads itself (one of them must read something else)"});
}

TEST(Check, ACircleOfMaterializedPipesIsAnError) {
  const std::string schema = "SCHEMA >\n    x String\n";
  const auto view = [](std::string name, std::string from, std::string to) {
    return pipe(name, "SELECT x FROM (SELECT * FROM " + from + ")", "TYPE materialized\nDATASOURCE " + to + "\n");
  };
  EXPECT_EQ(checked({{"a.datasource", schema}, {"b.datasource", schema}, view("ab", "a", "b"), view("ba", "b", "a")}),
            (Lines{"ab.pipe:5:12: a circle: the pipe reads 'a', which is fed from its target 'b'",
                   "ba.pipe:5:12: a circle: the pipe reads 'b', which is fed from its target 'a'"}));
  EXPECT_EQ(checked({{"a.datasource", schema}, pipe("c", "SELECT x FROM a", "TYPE copy\nTARGET_DATASOURCE a\n")}),
            Lines{})
      << "a copy may read what it writes to";
}

TEST(Check, ColumnsThatAreNotThere) {
  EXPECT_EQ(of_sql("SELECT kid, sum(amount) AS total FROM events WHERE dya > today() GROUP BY kid"),
            (Lines{"p.pipe:3:12: node 'n': 'events' has no column 'kid' (did you mean kind?)",
                   "p.pipe:3:56: node 'n': 'events' has no column 'dya' (did you mean day?)",
                   "p.pipe:3:79: node 'n': 'events' has no column 'kid' (did you mean kind?)"}));
  EXPECT_EQ(of_sql("SELECT e.knd FROM events AS e"),
            Lines{"p.pipe:3:12: node 'n': 'events' has no column 'knd' (did you mean kind?)"});
  EXPECT_EQ(of_sql("SELECT knd FROM (SELECT kind, day FROM events)"),
            Lines{"p.pipe:3:12: node 'n': 'the sub-query' has no column 'knd' (did you mean kind?)"});
  EXPECT_EQ(of_sql("WITH x AS (SELECT kind AS k FROM events) SELECT kk FROM x, x AS y"),
            Lines{"p.pipe:3:53: node 'n': none of x, x has a column 'kk'"});
  EXPECT_EQ(of_sql("%\n    SELECT amuont FROM events WHERE kind = {{String(k, 'a')}}"),
            Lines{"p.pipe:4:12: node 'n': 'events' has no column 'amuont' (did you mean amount?)"});
  EXPECT_EQ(of_sql("%\n    SELECT {{column(c, 'kid')}} FROM events"),
            Lines{"p.pipe:4:24: node 'n': 'events' has no column 'kid' (did you mean kind?)"});
  EXPECT_EQ(of_sql("SELECT value FROM events_quarantine"),
            Lines{"p.pipe:3:12: node 'n': 'events_quarantine' has no column 'value'"});
}

/// A branch that only parameters lead to may not make sense with the rest of the text: a warning, or nothing.
TEST(Check, WhatOnlyParametersLeadToIsNoError) {
  EXPECT_EQ(of_sql("%\n    SELECT kind FROM events WHERE 1 {% if defined(x) %} AND knd = {{String(x)}} {% end %}"),
            Lines{"p.pipe:4:61: warning: node 'n': 'events' has no column 'knd' (did you mean kind?)"});
  EXPECT_EQ(
      of_sql("%\n    SELECT 1 FROM {% if defined(x) %} event {% else %} events {% end %}"),
      Lines{"p.pipe:4:39: warning: node 'n' reads 'event' with some parameters, but there is no data source, pipe or "
            "node of that name (did you mean events?)"});
  EXPECT_EQ(of_sql("%\n    SELECT {% if String(w, 'd') == 'd' %} day AS t, {% elif w == 'k' %} kind AS t, {% else %} "
                   "{{error('d or k')}} {% end %} t AS u FROM events"),
            Lines{});
}

TEST(Check, AColumnWithAFaultIsAColumnAllTheSame) {
  EXPECT_EQ(checked({{"e.datasource", "SCHEMA >\n    day Dtae,\n    kind String,\n    9 String\n"},
                     pipe("p", "SELECT day, kind, other FROM e")})
                .back(),
            "p.pipe:3:23: node 'n': 'e' has no column 'other'");
}

TEST(Check, ColumnsThroughNodesAndPipes) {
  EXPECT_EQ(checked({events,
                     {"p.pipe",
                      "NODE a\nSQL >\n    SELECT kind AS k, count() AS c FROM events GROUP BY k\n\nNODE b\n"
                      "SQL >\n    SELECT k, kind FROM a\n"},
                     pipe("q", "SELECT c FROM p")}),
            (Lines{"p.pipe:7:15: node 'b': 'a' has no column 'kind'", "q.pipe:3:12: node 'n': 'p' has no column 'c'"}));
}

/// What an engine may find is no fault here: each of these is doubtful or right.
TEST(Check, ColumnsThatMayBeThere) {
  for (const char* sql :
       {"SELECT *, kind AS k FROM events WHERE k = 'a' ORDER BY amount LIMIT 1 BY k",
        "SELECT 1 AS total, total FROM events",
        "SELECT arrayMap(x -> x || kind, tags) FROM events",
        "SELECT tag FROM events ARRAY JOIN tags AS tag",
        "SELECT anything FROM numbers(3)",
        "SELECT anything FROM events, numbers(3)",
        "SELECT anything FROM (SELECT count() FROM events)",
        "SELECT anything FROM (SELECT COLUMNS('a') FROM events)",
        "SELECT n.kind FROM events AS n",
        "SELECT events.kind FROM events",
        "SELECT tags.size0, note.null, _part FROM events",
        "SELECT day FROM events WHERE kind IN other_table",
        "WITH 3 AS three SELECT three FROM events",
        "SELECT (SELECT max(day) FROM events WHERE kind = e.kind) FROM events AS e",
        "SELECT dateDiff('day', day, today()) AS age FROM events HAVING age > 1",
        "SELECT sum(amount) OVER w FROM events WINDOW w AS (PARTITION BY kind)",
        "%\n    SELECT {{column(c)}} FROM events",
        "%\n    SELECT {% if defined(x) %}kind{% else %}day{% end %} FROM events",
        "WITH RECURSIVE t AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM t WHERE i < 3) SELECT i FROM t",
        "SELECT kind FROM (SELECT * EXCEPT (day) FROM events)",
        "SELECT a FROM (SELECT kind FROM events) AS t(a)",
        "SELECT l.day, r.kind FROM events l JOIN events r USING (day)",
        "SELECT quantile(0.5)(amount) FROM events GROUP BY ALL"}) {
    Lines found;
    for (const auto& line : of_sql(sql))
      if (line.find("column") != std::string::npos) found.push_back(line);
    EXPECT_EQ(found, Lines{}) << sql;
  }
}

TEST(Check, ManyCtesOnTopOfEachOtherAreReadOnceEach) {
  std::string sql = "WITH c0 AS (SELECT kind FROM events)";
  for (int i = 1; i < 60; ++i) sql += fmt::format(", c{} AS (SELECT a.kind FROM c{} AS a, c{} AS b)", i, i - 1, i - 1);
  EXPECT_EQ(of_sql(sql + " SELECT kind FROM c59"), Lines{});
}

TEST(Check, WhatAViewGivesMustFitItsTarget) {
  const SourceFile target{.name = "sums.datasource",
                          .text =
                              "SCHEMA >\n    day Date,\n    kind String,\n    total AggregateFunction(sum, UInt32),\n"
                              "    n UInt64,\n    extra String DEFAULT ''\nENGINE AggregatingMergeTree\n"
                              "ENGINE_SORTING_KEY day, kind\n"};
  const auto view = [&](const std::string& sql) {
    return checked({events, target, pipe("v", sql, "TYPE materialized\nDATASOURCE sums\n")});
  };
  EXPECT_EQ(view("SELECT day, kind, sumState(amount) AS total, count() AS n FROM events GROUP BY day, kind"), Lines{});
  EXPECT_EQ(
      view("SELECT day, kind AS knd, sum(amount) AS total, countState() AS n FROM events GROUP BY day, kind"),
      (Lines{
          "v.pipe:3:25: node 'n': the query gives a column `knd` that data source 'sums' does not have (did you mean "
          "kind?)",
          "v.pipe:3:45: node 'n': column `total`: the query gives what sum() ends with, not its state, data source "
          "'sums' has AggregateFunction(sum, UInt32) (write sumState(…))",
          "v.pipe:3:68: node 'n': column `n`: the query gives a state, by countState(), data source 'sums' has "
          "UInt64 (write the function without State, or make the column an AggregateFunction)"}));
  EXPECT_EQ(
      view("SELECT day, tags AS kind, sumState(amount) AS total FROM events GROUP BY ALL"),
      (Lines{
          "v.pipe:3:5: node 'n': data source 'sums' has a column `n` that the query does not give (give it, or give "
          "the column a DEFAULT)",
          "v.pipe:3:25: node 'n': column `kind`: the query gives Array(String), data source 'sums' has String (write "
          "CAST(…, 'String'))"}));
  EXPECT_EQ(view("SELECT day, kind, sumState(amount) AS total, count() FROM events GROUP BY ALL"), Lines{})
      << "the name of count() is the engine's";
}

TEST(Check, NodesWithTheNameOfSomethingElse) {
  EXPECT_EQ(checked({events, {"p.pipe", "NODE p\nSQL >\n    SELECT day FROM events\n"}}),
            Lines{"p.pipe:1:1: warning: the node 'p' has the name of its pipe (another name for the node is clearer in "
                  "messages)"});
  EXPECT_EQ(
      checked({events, pipe("q", "SELECT 1 AS one"), {"p.pipe", "NODE events\nSQL >\n    SELECT one FROM q\n"}}),
      Lines{"p.pipe:1:1: warning: the node 'events' has the name of a data source (rename the node, so that nobody "
            "mistakes one for the other)"});
  EXPECT_EQ(checked({events, {"p.pipe", "NODE events\nSQL >\n    SELECT day FROM events\n"}}),
            Lines{"p.pipe:1:1: the node 'events' has the name of a data source that is read in this pipe: which one is "
                  "meant? (rename the node)"});
}

TEST(Check, Parameters) {
  EXPECT_EQ(
      checked(
          {events,
           {"p.pipe",
            "NODE a\nSQL >\n    %\n    SELECT 1 AS x FROM events WHERE amount > {{Int32(least, 1)}} AND kind = "
            "{{String(token, 'a')}}\n\nNODE b\nSQL >\n    %\n    SELECT x FROM a WHERE x = {{Float64(least, 2)}}\n"}}),
      (Lines{"p.pipe:4:79: warning: node 'a': a request uses 'token' for itself, so the parameter 'token' does not get "
             "what a caller means (give it another name)",
             "p.pipe:9:33: warning: the parameter 'least' is Float64 here and Int32 in node 'a' (one request value "
             "cannot be both; the documentation of the endpoint shows only one)"}));
  const auto wrong = of_sql("%\n    SELECT 1 FROM events WHERE amount > {{Int32(least, 'many')}}");
  ASSERT_EQ(wrong.size(), 1u) << "a default that does not fit its type";
  EXPECT_TRUE(wrong[0].starts_with("p.pipe:4:")) << wrong[0];
  EXPECT_NE(wrong[0].find("warning: node 'n': the default is not a valid Int32"), std::string::npos) << wrong[0];
}

TEST(Check, FunctionsThatDoNotExistOrCannotBeCalled) {
  const auto one = [](const std::string& sql, const std::string& ending = {}) {
    const auto lines = checked({events, pipe("p", sql, ending)});
    return lines.size() == 1 ? lines[0] : fmt::format("{} findings", lines.size());
  };
  EXPECT_EQ(one("SELECT conut() AS c FROM events"),
            "p.pipe:3:12: node 'n': unknown function conut() (did you mean count()?)");
  EXPECT_EQ(one("%\n    SELECT day, toStartOfHuor(now()) AS h FROM events WHERE kind = {{String(kind)}}"),
            "p.pipe:4:17: node 'n': unknown function toStartOfHuor() (did you mean toStartOfHour()?)");
  EXPECT_EQ(one("SELECT * FROM url('http://x', CSV)"), "p.pipe:3:19: node 'n': table function url() is not available");
  EXPECT_EQ(one("SELECT file('a') AS f FROM events"), "p.pipe:3:12: node 'n': function file() is not available");
  EXPECT_EQ(one("SELECT day FROM (SELECT day FROM events SETTINGS max_threads = 1)"),
            "p.pipe:3:45: node 'n': SETTINGS is allowed only at the end of the outermost query");
  EXPECT_EQ(one("SELECT 1 AS a FROM s3('x')", "TYPE copy\nTARGET_DATASOURCE nothing\n"),
            "p.pipe:5:19: TARGET_DATASOURCE names 'nothing', but there is no data source of that name (add a file "
            "nothing.datasource)")
      << "a copy may read from outside";
  EXPECT_EQ(checked({events,
                     {"p.pipe",
                      "NODE a\nSQL >\n    SELECT day FROM events\nNODE b\nSQL >\n    SELECT day FROM a "
                      "FINAL\n"}}),
            Lines{"p.pipe:6:21: node 'b': FINAL can be used on data sources only"});
  EXPECT_EQ(checked({events, pipe("p", "SELECT conut(), day FROM event WHERE kind IN tags")}).size(), 2u)
      << "the name and the function";
  EXPECT_EQ(one("%\n    SELECT day FROM events {% if defined(x) %} WHERE conut(kind) = {{String(x)}} {% end %}"),
            "p.pipe:4:54: warning: node 'n': unknown function conut() (when every optional parameter is sent) (did you "
            "mean count()?)");
}

class CheckTests : public ::testing::Test {
 protected:
  /// A project of one endpoint `top`, which reads the pipe `base`, with this test file.
  static Lines with_tests(const std::string& yaml) {
    const auto path = std::filesystem::path(::testing::TempDir()) / "kinglet_check_test.yaml";
    std::ofstream(path) << yaml;
    Discovered found;
    found.files = {events, pipe("base", "%\n    SELECT kind FROM events WHERE amount > {{Int32(least, 1)}}"),
                   pipe("top", "%\n    SELECT kind FROM base WHERE kind = {{String(kind, 'a')}}", "TYPE endpoint\n")};
    found.tests = {{.pipe = "top", .name = "tests/top.yaml", .path = path}};
    auto lines = of_project(found);
    std::filesystem::remove(path);
    return lines;
  }
};

TEST_F(CheckTests, AreReadAndTheirFaultsTold) {
  EXPECT_EQ(with_tests("- name: a\n  paramters: x=1\n"),
            Lines{"tests/top.yaml:2:3: unknown key 'paramters' (did you mean parameters?)"});
  EXPECT_EQ(with_tests("- name: [\n").size(), 1u);
  Discovered found;
  found.files = {events, pipe("top", "SELECT kind FROM events")};
  found.tests = {{.pipe = "top", .name = "tests/top.yaml", .path = "/nowhere/top.yaml"}};
  ASSERT_EQ(of_project(found).size(), 1u);
  EXPECT_TRUE(of_project(found)[0].starts_with("tests/top.yaml: tests/top.yaml cannot be read"))
      << of_project(found)[0];
}

TEST_F(CheckTests, ParametersThatTheEndpointDoesNotHaveAreWarnedOf) {
  EXPECT_EQ(with_tests("- name: a\n  parameters: kind=b&least=3&token=x&__tb__semver=1\n"), Lines{});
  EXPECT_EQ(
      with_tests("- name: a\n  parameters: knid=b&least=3\n- name: b\n  parameters:\n    laest: 1\n"),
      (Lines{"tests/top.yaml:1:3: warning: the test 'a' sends 'knid', but 'top' has no parameter of that name (did "
             "you mean kind?)",
             "tests/top.yaml:3:3: warning: the test 'b' sends 'laest', but 'top' has no parameter of that name "
             "(did you mean least?)"}));
}

TEST_F(CheckTests, AndFixturesOfNothing) {
  const auto path = std::filesystem::path(::testing::TempDir()) / "kinglet_check_two.yaml";
  std::ofstream(path) << "- name: a\n";
  Discovered found;
  found.files = {events, pipe("top", "SELECT kind FROM events")};
  found.tests = {{.pipe = "top", .name = "tests/top.yaml", .path = path},
                 {.pipe = "tip", .name = "tests/tip.yaml", .path = path}};
  found.fixtures = {{.source = "events", .name = "fixtures/events.csv", .path = {}, .format = FixtureFormat::csv},
                    {.source = "event", .name = "fixtures/event.csv", .path = {}, .format = FixtureFormat::csv}};
  EXPECT_EQ(
      of_project(found),
      (Lines{"fixtures/event.csv: warning: rows for the data source 'event', but there is none of that name; they are "
             "loaded nowhere (did you mean events?)",
             "tests/tip.yaml: warning: tests the pipe 'tip', but there is no pipe of that name (did you mean top?)"}));
}

TEST(Check, WhatAServerMayKnowIsLeftToIt) {
  auto parsed =
      datafile::parse_project({events, pipe("p", "SELECT absent FROM events"), pipe("q", "SELECT 1 FROM absent")});
  EXPECT_EQ(check(parsed.project, {.complete = false}).size(), 0u);
  EXPECT_EQ(check(parsed.project).size(), 2u);
}

TEST(Columns, TypesThatCannotGoIntoEachOther) {
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"String", "UInt32"},
                                                        {"Int64", "Int32"},
                                                        {"Array(String)", "String"},
                                                        {"AggregateFunction(sum, UInt8)", "UInt64"},
                                                        {"Nullable(Date)", "UInt8"},
                                                        {"UUID", "String"},
                                                        {"DateTime", "Date"}})
    EXPECT_TRUE(plainly_differs(from, to)) << from << " -> " << to;
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"LowCardinality(String)", "String"},
                                                        {"UInt8", "UInt64"},
                                                        {"Date", "DateTime"},
                                                        {"Bool", "UInt8"},
                                                        {"SimpleAggregateFunction(sum, UInt64)", "UInt64"},
                                                        {"Enum8('a' = 1)", "String"},
                                                        {"Nullable(Int8)", "Int16"},
                                                        {"DateTime64(3)", "DateTime"},
                                                        {"JSON", "String"},
                                                        {"Float32", "Float64"}})
    EXPECT_FALSE(plainly_differs(from, to)) << from << " -> " << to;
}

}  // namespace
}  // namespace kinglet::project
