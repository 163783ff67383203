// SPDX-License-Identifier: Apache-2.0
// What depends on what.
#include "project/graph.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "datafile/parse.h"
#include "sql/parser.h"

namespace kinglet::project {
namespace {

using datafile::SourceFile;
using Lines = std::vector<std::string>;

const std::string schema = "SCHEMA >\n    a String,\n    b UInt32\n";

/// A pipe with nodes `n0`, `n1`, … of these texts.
SourceFile pipe(const std::string& name, const Lines& nodes, const std::string& ending = {}) {
  std::string text;
  for (std::size_t i = 0; i < nodes.size(); ++i) text += fmt::format("NODE n{}\nSQL >\n    {}\n\n", i, nodes[i]);
  return {.name = name + ".pipe", .text = text + ending};
}

/// A project and its graph, kept together.
struct Made {
  explicit Made(std::vector<SourceFile> files, Lines tests = {}) : parsed(datafile::parse_project(std::move(files))) {
    (void)datafile::check_project(parsed.project, &texts);
    graph.emplace(parsed.project, texts, vendored, tests);
  }
  std::string name(VertexId id) const {
    const auto& vertex = (*graph)[id];
    return vertex.kind == VertexKind::node ? vertex.pipe->name + "." + vertex.name : vertex.name;
  }
  Lines names(const std::vector<VertexId>& ids) const {
    Lines out;
    for (const auto id : ids) out.push_back(name(id));
    return out;
  }
  /// What `from` depends on: "name" of every edge of a kind.
  Lines to(VertexId from, EdgeKind kind) const {
    Lines out;
    for (const auto& edge : graph->edges(from))
      if (edge.kind == kind) out.push_back(name(edge.to));
    std::ranges::sort(out);
    return out;
  }
  Lines reads(std::size_t text) const { return to(graph->node(text), EdgeKind::reads); }

  datafile::ParsedProject parsed;
  std::vector<datafile::NodeText> texts;
  VendoredSources vendored;
  std::optional<Graph> graph;
};

TEST(Graph, NamesAreReadFromTheTreeNotFromTheText) {
  const Made made({{"events.datasource", schema},
                   {"others.datasource", schema},
                   pipe("p", {"SELECT 'FROM others' AS text, a -- JOIN others\n    FROM (SELECT * FROM events) x",
                              "WITH others AS (SELECT 1) SELECT * FROM others",
                              "SELECT a FROM n0 WHERE a IN (SELECT a FROM events) AND b IN others",
                              "SELECT * FROM events e, others o"})});
  EXPECT_EQ(made.reads(0), Lines{"events"});
  EXPECT_EQ(made.reads(1), Lines{}) << "a CTE hides the data source";
  EXPECT_EQ(made.reads(2), (Lines{"events", "p.n0"}));
  EXPECT_EQ(made.to(made.graph->node(2), EdgeKind::may_read), Lines{"others"});
  EXPECT_EQ(made.reads(3), (Lines{"events", "others"}));
}

TEST(Graph, EveryBranchOfATemplateIsRead) {
  const Made three({{"days.datasource", schema},
                    {"hours.datasource", schema},
                    {"weeks.datasource", schema},
                    pipe("p", {"%\n    SELECT a FROM {% if String(x, 'd') == 'h' %} hours {% elif x == 'w' %} weeks {% "
                               "else %} days {% end %}"})});
  EXPECT_EQ(three.reads(0), (Lines{"days", "hours", "weeks"}));
  const Made made({{"days.datasource", schema},
                   {"hours.datasource", schema},
                   pipe("p", {"%\n    SELECT a FROM {% if defined(x) %} days {% else %} hours {% end %}"})});
  EXPECT_EQ(made.reads(0), (Lines{"days", "hours"}));
}

TEST(Graph, ANodeHidesAResourceButNotFromItself) {
  const Made made({{"n0.datasource", schema}, pipe("p", {"SELECT * FROM n0", "SELECT * FROM n0"})});
  EXPECT_EQ(made.reads(0), Lines{"n0"});
  EXPECT_EQ(made.reads(1), Lines{"p.n0"});
}

TEST(Graph, QuarantineServiceAndVendoredNamesAreKnown) {
  datafile::Project project;
  auto parsed = datafile::parse_project(
      {{"events.datasource", schema},
       pipe("p", {"SELECT * FROM events_quarantine", "SELECT * FROM tinybird.pipe_stats, organization.processed_data",
                  "SELECT * FROM shop.orders", "SELECT * FROM absent_quarantine"})});
  std::vector<datafile::NodeText> texts;
  (void)datafile::check_project(parsed.project, &texts);
  const VendoredSources vendored = {{"shop.orders", {}}};
  const Graph graph(parsed.project, texts, vendored);
  ASSERT_EQ(graph.unknown_names().size(), 1u);
  EXPECT_EQ(graph.unknown_names()[0].name, "absent_quarantine");
  EXPECT_EQ(graph[graph.edges(graph.node(0))[0].to].kind, VertexKind::quarantine);
  EXPECT_EQ(graph[graph.edges(graph.node(2))[0].to].kind, VertexKind::vendored);
}

TEST(Graph, TargetsConnectionsTokensAndTests) {
  const Made made({{"k.connection", "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS a:1\nKAFKA_SECURITY_PROTOCOL PLAINTEXT\n"},
                   {"events.datasource", "TOKEN t READ\n" + schema + "KAFKA_CONNECTION_NAME k\nKAFKA_TOPIC x\n"},
                   {"copied.datasource", schema},
                   pipe("c", {"SELECT * FROM events"}, "TYPE copy\nTARGET_DATASOURCE copied\n")},
                  {"c"});
  const auto& graph = *made.graph;
  EXPECT_EQ(made.to(*graph.data_source("events"), EdgeKind::connects), Lines{"k"});
  EXPECT_EQ(made.to(*graph.data_source("copied"), EdgeKind::filled_by), Lines{"c"});
  EXPECT_EQ(made.to(*graph.pipe("c"), EdgeKind::output), Lines{"c.n0"});
  Lines others;
  for (VertexId id = 0; id < graph.vertices().size(); ++id)
    for (const auto& edge : graph.edges(id))
      if (edge.kind == EdgeKind::grants || edge.kind == EdgeKind::tests)
        others.push_back(made.name(id) + " -> " + made.name(edge.to));
  EXPECT_EQ(others, (Lines{"t -> events", "c -> c"}));
}

TEST(Graph, OrderPutsWhatIsReadFirst) {
  const Made made({{"s.datasource", schema},
                   {"m.datasource", schema},
                   pipe("a", {"SELECT * FROM b"}),
                   pipe("b", {"SELECT * FROM m"}),
                   pipe("v", {"SELECT * FROM s"}, "TYPE materialized\nDATASOURCE m\n")});
  EXPECT_EQ(made.names(made.graph->order()), (Lines{"s", "v.n0", "v", "m", "b.n0", "b", "a.n0", "a"}));
}

TEST(Graph, CirclesOfNodesAndPipes) {
  const Made made({pipe("one", {"SELECT * FROM n1", "SELECT * FROM n2", "SELECT * FROM n1"}),
                   pipe("p", {"SELECT * FROM q"}), pipe("q", {"SELECT * FROM p"}),
                   pipe("self", {"SELECT * FROM self"})});
  std::vector<Lines> circles;
  for (const auto& circle : made.graph->circles()) circles.push_back(made.names(circle));
  EXPECT_EQ(circles, (std::vector<Lines>{{"one.n1", "one.n2"}, {"p", "p.n0", "q", "q.n0"}, {"self", "self.n0"}}));
}

TEST(Graph, AViewFollowsItsLeftMostTable) {
  const auto view = [](const std::string& sql) { return pipe("v", {sql}, "TYPE materialized\nDATASOURCE t\n"); };
  const auto follows = [&](const std::string& sql) -> std::string {
    const Made made(
        {{"a.datasource", schema}, {"t.datasource", schema}, pipe("p", {"SELECT * FROM a JOIN t USING b"}), view(sql)});
    const auto found = made.graph->followed_source(*made.graph->pipe("v"));
    return found ? made.name(*found) : "";
  };
  EXPECT_EQ(follows("SELECT * FROM a"), "a");
  EXPECT_EQ(follows("SELECT * FROM a JOIN t USING b"), "a") << "rows of the right side start nothing";
  EXPECT_EQ(follows("WITH x AS (SELECT * FROM a) SELECT * FROM (SELECT * FROM x) JOIN t USING b"), "a");
  EXPECT_EQ(follows("SELECT * FROM p"), "a");
  EXPECT_EQ(follows("SELECT * FROM numbers(10)"), "");
  EXPECT_EQ(follows("SELECT * FROM absent"), "");
  EXPECT_EQ(follows("WITH x AS (SELECT * FROM x) SELECT * FROM x"), "") << "a CTE that names itself ends";
}

TEST(Graph, EndlessViews) {
  const auto view = [](const std::string& from, const std::string& to) {
    return pipe(from + "_" + to, {"SELECT * FROM " + from}, "TYPE materialized\nDATASOURCE " + to + "\n");
  };
  const Made made({{"a.datasource", schema},
                   {"b.datasource", schema},
                   {"c.datasource", schema},
                   {"d.datasource", schema},
                   view("a", "b"),
                   view("b", "c"),
                   view("c", "a"),
                   view("c", "d"),
                   view("d", "d")});
  EXPECT_EQ(made.names(made.graph->endless_views()), (Lines{"a_b", "b_c", "c_a", "d_d"}));
}

/// order() against its meaning, on random graphs: pipes that read any others.
RC_GTEST_PROP(GraphProperty, EveryPipeComesBehindWhatItReadsUnlessTheyAreInACircle, ()) {
  const auto count = *rc::gen::inRange(1, 12);
  std::vector<std::vector<int>> reads(static_cast<std::size_t>(count));
  std::vector<SourceFile> files;
  for (int i = 0; i < count; ++i) {
    reads[static_cast<std::size_t>(i)] =
        *rc::gen::container<std::vector<int>>(*rc::gen::inRange(0, 3), rc::gen::inRange(0, count));
    std::string from;
    for (const int other : reads[static_cast<std::size_t>(i)])
      from += fmt::format("{}p{}", from.empty() ? "" : ", ", other);
    files.push_back(pipe(fmt::format("p{}", i), {"SELECT 1" + (from.empty() ? "" : " FROM " + from)}));
  }
  const Made made(std::move(files));
  // Who reaches whom, the slow way.
  std::vector<std::vector<bool>> reaches(static_cast<std::size_t>(count),
                                         std::vector<bool>(static_cast<std::size_t>(count)));
  for (std::size_t i = 0; i < reads.size(); ++i)
    for (const int other : reads[i]) reaches[i][static_cast<std::size_t>(other)] = true;
  for (std::size_t k = 0; k < reads.size(); ++k)
    for (std::size_t i = 0; i < reads.size(); ++i)
      for (std::size_t j = 0; j < reads.size(); ++j)
        if (reaches[i][k] && reaches[k][j]) reaches[i][j] = true;
  const auto order = made.names(made.graph->order());
  const auto at = [&](std::size_t i) { return std::ranges::find(order, fmt::format("p{}", i)) - order.begin(); };
  bool circle = false;
  for (std::size_t i = 0; i < reads.size(); ++i) {
    circle |= reaches[i][i];
    for (std::size_t j = 0; j < reads.size(); ++j)
      if (i != j && reaches[i][j] && !reaches[j][i]) RC_ASSERT(at(j) < at(i));
  }
  RC_ASSERT(made.graph->circles().empty() != circle);
}

TEST(Places, OfTablesAndWords) {
  const auto parsed = datafile::parse_project(
      {pipe("p", {"SELECT x.a, 'x'\n      FROM `x`\n      JOIN (w.y) ON 1", "%\n    SELECT 1 FROM {{TABLE('x')}}"})});
  const auto& nodes = parsed.project.pipes.at("p").nodes;
  EXPECT_EQ(place_of_table(nodes[0], "x"), (datafile::Position{.line = 4, .column = 12}));
  EXPECT_EQ(place_of_table(nodes[0], "w.y"), (datafile::Position{.line = 5, .column = 13}));
  EXPECT_EQ(place_of_word(nodes[0], "a"), (datafile::Position{.line = 3, .column = 14}));
  EXPECT_EQ(place_of_word(nodes[0], "absent"), std::nullopt);
  EXPECT_EQ(place_of_table(nodes[0], "absent"), nodes[0].sql_position);
  EXPECT_EQ(place_of_table(nodes[1], "x"), (datafile::Position{.line = 10, .column = 27}));
}

}  // namespace
}  // namespace kinglet::project
