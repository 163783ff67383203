// SPDX-License-Identifier: Apache-2.0
// What a project changes in a workspace, and what is refused before any engine is asked.
#include "deploy/plan.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace kinglet::deploy {
namespace {

using Files = std::vector<datafile::SourceFile>;
using Lines = std::vector<std::string>;

const std::string schema = "SCHEMA >\n    `id` Int64 `json:$.id`,\n    `org` String `json:$.org`\n";
const std::string engine = "ENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"id\"\n";

datafile::SourceFile source(const std::string& name, const std::string& text = schema + "\n" + engine) {
  return {.name = "datasources/" + name + ".datasource", .text = text};
}
datafile::SourceFile pipe(const std::string& name, const std::string& sql,
                          const std::string& tail = "TYPE endpoint\n") {
  return {.name = "pipes/" + name + ".pipe", .text = "NODE " + name + "_node\nSQL >\n    " + sql + "\n\n" + tail};
}
datafile::SourceFile view(const std::string& name, const std::string& sql, const std::string& target,
                          const std::string& more = "") {
  return pipe(name, sql, "TYPE materialized\nDATASOURCE " + target + "\n" + more);
}

/// A workspace that takes every good plan as deployed.
class PlanTest : public ::testing::Test {
 protected:
  PlanTest() {
    workspace_.database = "ws_1";
    workspace_.resources = std::make_shared<catalog::Resources>();
  }
  Plan plan(const Files& files, bool removing_allowed = false) {
    return make_plan(workspace_, files, removing_allowed);
  }
  void deploy(const Files& files) {
    auto made = plan(files, true);
    ASSERT_EQ(faults(made), Lines{});
    auto live = std::make_shared<catalog::Resources>(std::move(made.proposed));
    for (const auto& changed : made.change.pipes) live->pipes.put(std::make_shared<catalog::Pipe>(changed));
    workspace_.resources = live;
  }
  static Lines faults(const Plan& plan) {
    Lines out;
    for (const auto& d : plan.diagnostics)
      if (d.severity == datafile::Severity::error)
        out.push_back(fmt::format("{}:{}:{}: {}", d.file, d.position.line, d.position.column, d.message));
    return out;
  }
  /// One line: created, changed, deleted.
  static std::string names(const catalog::ChangeNames& n) {
    return fmt::format("+{} ~{} -{}", fmt::join(n.created, ","), fmt::join(n.changed, ","), fmt::join(n.deleted, ","));
  }

  catalog::Workspace workspace_;
};

// ---- faults --------------------------------------------------------------------------------------------------------

TEST_F(PlanTest, FaultsInANodeStandWhereTheFileHasThem) {
  const datafile::SourceFile file{
      .name = "pipes/p.pipe",
      .text =
          "DESCRIPTION >\n    text\n\nNODE first\nSQL >\n\n    SELECT id,\n        nosuch(id) AS x\n"
          "    FROM events\n\nNODE last\nSQL >\n    SELECT * FROM absent\n\nTYPE endpoint\n"};
  const auto made = plan({source("events"), file});
  ASSERT_EQ(made.diagnostics.size(), 2u);
  EXPECT_EQ(made.diagnostics[0].file, "pipes/p.pipe");
  EXPECT_EQ(made.diagnostics[0].position, (datafile::Position{8, 9})) << made.diagnostics[0].message;
  EXPECT_TRUE(made.diagnostics[0].message.starts_with("node 'first': ")) << made.diagnostics[0].message;
  EXPECT_EQ(made.diagnostics[1].position, (datafile::Position{13, 19})) << made.diagnostics[1].message;
  EXPECT_EQ(made.diagnostics[1].message, "node 'last': Resource 'absent' not found");
  EXPECT_FALSE(made.ok());
}

TEST_F(PlanTest, ATemplateFaultStandsWhereTheFileHasIt) {
  const auto made = plan({source("events"), pipe("p", "%\n    SELECT id FROM events\n    WHERE id = {{Int32(n}}")});
  ASSERT_EQ(faults(made).size(), 1u);
  EXPECT_TRUE(faults(made)[0].starts_with("pipes/p.pipe:5:")) << faults(made)[0];
}

TEST_F(PlanTest, AFaultInRenderedSqlStandsWhereTheFileHasIt) {
  const auto at = [&](const std::string& sql) {
    const auto made = plan({source("events"), pipe("p", sql)});
    if (made.diagnostics.empty()) return std::string("none");
    const auto& d = made.diagnostics.front();
    return fmt::format("{}:{} {}", d.position.line, d.position.column, d.message);
  };
  EXPECT_EQ(at("%\n    {% if not defined(a) %}\n    SELECT id, nosuch(id) AS x\n    {% else %} SELECT id {% end %} "
               "FROM events"),
            "5:16 node 'p_node': unknown function nosuch()");
  EXPECT_EQ(at("%\n    SELECT {{Int32(a, 1)}} AS a, nosuch(id) AS x FROM events"),
            "4:34 node 'p_node': unknown function nosuch()");
  EXPECT_EQ(at("%\n    SELECT {{Int32(a, 1)}} AS a FORM events"),
            "4:33 node 'p_node': expected the end of the query, found FORM");
  EXPECT_EQ(at("%\n    SELECT id FROM events\n    {% if defined(a) %} WERE id = {{Int32(a)}} {% end %}"),
            "5:30 node 'p_node': expected the end of the query, found id");
  EXPECT_EQ(
      at("%\n    SELECT id FROM events WHERE org = '{{String(a, 'b c')}}'"),
      "4:40 node 'p_node': a placeholder inside quotes: values are printed with their own quotes, so remove those "
      "around the tag");
}

TEST_F(PlanTest, AllFaultsAreToldAtOnce) {
  const auto made = plan(
      {source("bad", "SCHEMA >\n    `id` Nonsense\n"), pipe("p", "SELECT FROM"), pipe("q", "SELECT 1 FROM absent")});
  const auto found = faults(made);
  for (const char* file : {"datasources/bad.datasource", "pipes/p.pipe", "pipes/q.pipe"})
    EXPECT_TRUE(std::ranges::any_of(found, [&](const auto& f) { return f.starts_with(file); })) << file;
}

TEST_F(PlanTest, AFaultIsToldOnceHoweverManyReadTheNode) {
  const auto base = pipe("base", "SELECT conut() AS id FROM events");
  EXPECT_EQ(
      faults(plan({source("events"), base, pipe("one", "SELECT id FROM base"), pipe("two", "SELECT id FROM one")})),
      Lines{"pipes/base.pipe:3:12: node 'base_node': unknown function conut()"});
  // Of two faults the reader's own is told too.
  EXPECT_EQ(faults(plan({source("events"), base, pipe("one", "SELECT id FROM absent, base")})).size(), 2u);
  EXPECT_EQ(faults(plan({source("events"), pipe("base", "%\n    SELECT {{columns('a b')}} FROM events"),
                         pipe("one", "SELECT * FROM base")}))
                .size(),
            1u);
}

TEST_F(PlanTest, S9NodesReadNothingButTheProject) {
  for (const std::string sql :
       {"SELECT * FROM system.tables", "SELECT * FROM ws_1.t", "SELECT * FROM url('http://x', CSV)",
        "SELECT * FROM merge('ws_1', '')", "SELECT file('/etc/passwd')"})
    EXPECT_EQ(faults(plan({source("events"), pipe("p", sql)})).size(), 1u) << sql;
}

TEST_F(PlanTest, S9OnlyACopyPipeMayNameTablesElsewhere) {
  const std::string elsewhere = "SELECT id, org FROM postgresql('db:5432', 'shop', 'orders', 'me', 'secret')";
  const auto copy = pipe("copied", elsewhere, "TYPE copy\nTARGET_DATASOURCE events\n");
  const auto made = plan({source("events"), copy});
  EXPECT_EQ(faults(made), Lines{});
  EXPECT_TRUE(made.checks.empty());  // the engine is not asked: it would have to connect
  ASSERT_EQ(made.diagnostics.size(), 1u);
  EXPECT_EQ(made.diagnostics[0].position, (datafile::Position{3, 5}));
  EXPECT_EQ(made.diagnostics[0].message,
            "node 'copied_node': postgresql() reads from outside this server: its columns are not checked before the "
            "copy runs");

  EXPECT_EQ(faults(plan({source("events"), pipe("top", elsewhere)})),
            Lines{"pipes/top.pipe:3:25: node 'top_node': table function postgresql() is not available"});
  // Not by way of the copy pipe either.
  const auto by_way = faults(plan({source("events"), copy, pipe("top", "SELECT * FROM copied")}));
  ASSERT_EQ(by_way.size(), 1u);
  EXPECT_TRUE(by_way[0].find("postgresql() is not available") != std::string::npos) << by_way[0];
  EXPECT_EQ(faults(plan({source("events"),
                         pipe("copied", "SELECT * FROM file('x')", "TYPE copy\nTARGET_DATASOURCE events\n")})),
            Lines{"pipes/copied.pipe:3:19: node 'copied_node': table function file() is not available"});
}

TEST_F(PlanTest, AFaultThatOnlyShowsWithAllParametersIsAWarning) {
  const auto made =
      plan({source("events"), pipe("p", "%\n    SELECT id FROM {% if defined(x) %}absent{% else %}events{% end %}")});
  EXPECT_EQ(faults(made), Lines{});
  ASSERT_EQ(made.diagnostics.size(), 1u);
  EXPECT_EQ(made.diagnostics[0].severity, datafile::Severity::warning);
  EXPECT_EQ(made.diagnostics[0].message,
            "node 'p_node': Resource 'absent' not found (when every optional parameter is sent)");
  const auto always =
      plan({source("events"), pipe("p", "%\n    SELECT id FROM {% if defined(x) %}events{% else %}absent{% end %}")});
  EXPECT_EQ(faults(always).size(), 1u);
}

TEST_F(PlanTest, AnEndpointThatAsksForAParameterIsNoFault) {
  const auto made = plan(
      {source("events"),
       pipe("p", "%\n    {% if not defined(x) %}{{ error('x is missing') }}{% end %}\n    SELECT id FROM events")});
  EXPECT_EQ(faults(made), Lines{});
}

// ---- differences ---------------------------------------------------------------------------------------------------

TEST_F(PlanTest, ANewProjectCreatesEverything) {
  const auto made = plan({source("events"), pipe("top", "SELECT id FROM events")});
  EXPECT_EQ(faults(made), Lines{});
  EXPECT_EQ(names(made.data_sources), "+events ~ -");
  EXPECT_EQ(names(made.pipes), "+top ~ -");
  ASSERT_EQ(made.new_tables.size(), 1u);
  EXPECT_EQ(made.new_tables[0]->quarantine_table, made.new_tables[0]->table + "_quarantine");
  EXPECT_FALSE(made.no_changes());
  ASSERT_EQ(made.checks.size(), 1u);
  EXPECT_EQ(made.checks[0].composed.sql,
            fmt::format("SELECT `id` FROM `ws_1`.`{}` AS `events`", made.new_tables[0]->table));
}

TEST_F(PlanTest, TheSameProjectAgainChangesNothing) {
  const Files files = {source("events"), source("totals"), pipe("top", "SELECT id FROM events"),
                       view("fill", "SELECT id, org FROM events", "totals")};
  deploy(files);
  const auto made = plan(files);
  EXPECT_TRUE(made.ok());
  EXPECT_TRUE(made.no_changes());
  EXPECT_TRUE(made.new_tables.empty());
  EXPECT_TRUE(made.dropped_tables.empty());
  EXPECT_TRUE(made.views.empty());
  EXPECT_TRUE(made.dropped_views.empty());
  EXPECT_TRUE(made.checks.empty());
}

TEST_F(PlanTest, IdsTablesAndNodeIdsStayWhileNamesStay) {
  deploy({source("events"), pipe("top", "SELECT id FROM events")});
  const auto before = workspace_.resources;
  const auto made = plan({source("events", "DESCRIPTION >\n    words\n\n" + schema + "\n" + engine),
                          pipe("top", "SELECT org FROM events")});
  EXPECT_EQ(faults(made), Lines{});
  EXPECT_EQ(names(made.data_sources), "+ ~events -");
  EXPECT_EQ(names(made.pipes), "+ ~top -");
  EXPECT_TRUE(made.new_tables.empty());
  const auto* old_source = before->data_sources.find("events").get();
  const auto* new_source = made.proposed.data_sources.find("events").get();
  EXPECT_EQ(new_source->id, old_source->id);
  EXPECT_EQ(new_source->table, old_source->table);
  EXPECT_EQ(made.proposed.pipes.find("top")->id, before->pipes.find("top")->id);
  EXPECT_EQ(made.proposed.pipes.find("top")->node_ids, before->pipes.find("top")->node_ids);
}

TEST_F(PlanTest, RemovingADataSourceMustBeAllowed) {
  deploy({source("events"), source("other")});
  const auto refused = plan({source("other")});
  ASSERT_EQ(faults(refused).size(), 1u);
  EXPECT_TRUE(
      faults(refused)[0].starts_with("datasources/events.datasource:0:0: data source 'events' is not in the project"));
  const auto allowed = plan({source("other")}, true);
  EXPECT_EQ(faults(allowed), Lines{});
  EXPECT_EQ(names(allowed.data_sources), "+ ~ -events");
  ASSERT_EQ(allowed.dropped_tables.size(), 1u);
  EXPECT_EQ(allowed.dropped_tables[0]->name, "events");
  EXPECT_EQ(allowed.change.removed_data_sources, Lines{"events"});
}

TEST_F(PlanTest, ARemovedDataSourceThatIsStillReadIsAFault) {
  deploy({source("events"), source("other"), pipe("top", "SELECT id FROM events")});
  const auto made = plan({source("other"), pipe("top", "SELECT id FROM events")}, true);
  ASSERT_EQ(faults(made).size(), 1u);
  EXPECT_EQ(faults(made)[0], "pipes/top.pipe:3:20: node 'top_node': Resource 'events' not found");
}

TEST_F(PlanTest, WhatReadsAChangedPipeIsCheckedAgain) {
  deploy({source("events"), pipe("low", "SELECT id FROM events"), pipe("top", "SELECT id FROM low"),
          pipe("apart", "SELECT 1")});
  const auto made = plan({source("events"), pipe("low", "SELECT org FROM events"), pipe("top", "SELECT id FROM low"),
                          pipe("apart", "SELECT 1")});
  Lines checked;
  for (const auto& check : made.checks) checked.push_back(check.pipe->name);
  EXPECT_EQ(checked, (Lines{"low", "top"}));
}

TEST_F(PlanTest, ChangesThatWouldRebuildATableAreRefusedWhereTheyStand) {
  deploy({source("events")});
  const auto changed = [&](const std::string& text) { return faults(plan({source("events", text)})); };
  const auto one = [&](const std::string& text, const std::string& start) {
    const auto found = changed(text);
    ASSERT_EQ(found.size(), 1u) << start;
    EXPECT_TRUE(found[0].starts_with("datasources/events.datasource:" + start)) << found[0];
    EXPECT_NE(found[0].find("rebuild the table"), std::string::npos);
  };
  const std::string id = "SCHEMA >\n    `id` Int64 `json:$.id`,\n", end = "\n" + engine;
  one(id + "    `org` LowCardinality(String) `json:$.org`\n" + end,
      "3:5: column `org` changes its type from String to LowCardinality(String)");
  one(id + "    `org` String `json:$.org` DEFAULT 'x'\n" + end, "3:5: column `org` changes its DEFAULT");
  one(id + "    `org` String `json:$.org` CODEC(ZSTD(1))\n" + end, "3:5: column `org` changes its CODEC");
  one(id + "    `org` UInt8 `json:$.org`,\n    `n` UInt8 `json:$.n`\n" + end, "3:5: column `org` changes its type");
  one("SCHEMA >\n    `id` Int64 `json:$.id`\n" + end, "0:0: column `org` is removed");
  one("SCHEMA >\n    `org` String `json:$.org`,\n    `id` Int64 `json:$.id`\n" + end,
      "0:0: the columns stand in another order");
  one(schema + "\nENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"org\"\n",
      "5:1: ENGINE_SORTING_KEY changes from \"id\" to \"org\"");
  one(schema + end + "ENGINE_TTL \"toDateTime(id) + toIntervalDay(1)\"\n", "5:1: ENGINE_TTL changes from");
  one(schema + "\nENGINE \"ReplacingMergeTree\"\nENGINE_SORTING_KEY \"id\"\n", "5:1: ENGINE changes from");
  EXPECT_EQ(changed("TOKEN reader READ\n\n" + schema + end), Lines{}) << "tokens rebuild nothing";
}

TEST_F(PlanTest, NewColumnsComeIntoTheTableThatStands) {
  deploy({source("events"), pipe("top", "SELECT id FROM events")});
  const auto* before = workspace_.resources->data_sources.find("events").get();
  const std::string wider =
      "SCHEMA >\n    `first` UInt8 `json:$.first`,\n    `id` Int64 `json:$.id`,\n    `org` String `json:$.org`,\n"
      "    `last` String `json:$.last` DEFAULT 'x'\n";
  const auto made = plan({source("events", wider + "\n" + engine), pipe("top", "SELECT id, last FROM events")});
  EXPECT_EQ(faults(made), Lines{});
  EXPECT_TRUE(made.new_tables.empty());
  ASSERT_EQ(made.grown_tables.size(), 1u);
  EXPECT_EQ(made.grown_tables[0].source->table, before->table);
  EXPECT_EQ(made.grown_tables[0].added, (std::vector<std::size_t>{0, 3}));
  // Asked about on a table of the new form; made live on the one that stands.
  ASSERT_EQ(made.scratch_tables.size(), 1u);
  EXPECT_NE(made.scratch_tables[0]->table, before->table);
  ASSERT_EQ(made.checks.size(), 1u);
  EXPECT_NE(made.checks[0].composed.sql.find(made.scratch_tables[0]->table), std::string::npos);
  EXPECT_EQ(made.proposed.data_sources.find("events")->table, before->table);

  const auto moved = plan({source("events",
                                  "SCHEMA >\n    `org` String `json:$.org`,\n    `n` UInt8 `json:$.n`,\n"
                                  "    `id` Int64 `json:$.id`\n\n" +
                                      engine),
                           pipe("top", "SELECT id FROM events")});
  EXPECT_EQ(faults(moved).size(), 1u);
  EXPECT_TRUE(moved.grown_tables.empty());
}

TEST_F(PlanTest, AViewIsAskedAboutWhenItsTargetChanges) {
  deploy({source("events"), source("totals", "SCHEMA >\n    `id` Int64,\n    `org` String\n\n" + engine),
          view("fill", "SELECT id, org FROM events", "totals")});
  const auto made =
      plan({source("events"),
            source("totals", "SCHEMA >\n    `id` Int64,\n    `org` String,\n    `n` UInt8 DEFAULT 1\n\n" + engine),
            view("fill", "SELECT id, org FROM events", "totals")});
  EXPECT_EQ(made.grown_tables.size(), 1u);
  ASSERT_EQ(made.checks.size(), 1u);
  EXPECT_EQ(made.checks[0].pipe->name, "fill");
}

// ---- materialized views --------------------------------------------------------------------------------------------

TEST_F(PlanTest, ViewsAreOrderedFromTheStartOfTheChain) {
  const auto made = plan({source("events"), source("first"), source("second"), source("third"),
                          view("a_last", "SELECT id, org FROM second", "third"),
                          view("b_middle", "SELECT id, org FROM first", "second"),
                          view("c_start", "SELECT id, org FROM events", "first")});
  EXPECT_EQ(faults(made), Lines{});
  Lines order;
  for (const auto& v : made.views) {
    order.push_back(v.pipe->name);
    EXPECT_TRUE(v.is_new);
    EXPECT_TRUE(v.backfill);
    EXPECT_FALSE(v.pipe->view.empty());
  }
  EXPECT_EQ(order, (Lines{"c_start", "b_middle", "a_last"}));
}

TEST_F(PlanTest, ViewsThatFillEachOtherInACircleAreRefused) {
  const auto made = plan({source("one"), source("two"), view("there", "SELECT id, org FROM one", "two"),
                          view("back", "SELECT id, org FROM two", "one")});
  ASSERT_FALSE(faults(made).empty());
  EXPECT_NE(faults(made)[0].find("circle"), std::string::npos) << faults(made)[0];
  EXPECT_TRUE(made.views.empty());
}

TEST_F(PlanTest, AChangedViewIsRefusedWithoutTheMethodAlter) {
  deploy({source("events"), source("totals"), view("fill", "SELECT id, org FROM events", "totals")});
  const auto refused =
      plan({source("events"), source("totals"), view("fill", "SELECT id, upper(org) AS org FROM events", "totals")});
  ASSERT_EQ(faults(refused).size(), 1u);
  EXPECT_TRUE(faults(refused)[0].starts_with("pipes/fill.pipe:5:1: the query of this materialized view changes"))
      << faults(refused)[0];

  const auto old_view = workspace_.resources->pipes.find("fill")->view;
  ASSERT_FALSE(old_view.empty());
  const auto altered =
      plan({source("events"), source("totals"),
            view("fill", "SELECT id, upper(org) AS org FROM events", "totals", "DEPLOYMENT_METHOD alter\n")});
  EXPECT_EQ(faults(altered), Lines{});
  ASSERT_EQ(altered.views.size(), 1u);
  EXPECT_FALSE(altered.views[0].is_new);
  EXPECT_FALSE(altered.views[0].backfill);
  EXPECT_EQ(altered.views[0].replaced_view, old_view);
  EXPECT_NE(altered.views[0].pipe->view, old_view);
}

TEST_F(PlanTest, AChangeOfAPipeThatAViewReadsChangesTheView) {
  const auto files = [](const std::string& sql) {
    return Files{source("events"), source("totals"), pipe("low", sql, ""),
                 view("fill", "SELECT id, org FROM low", "totals")};
  };
  deploy(files("SELECT id, org FROM events"));
  const auto made = plan(files("SELECT id, lower(org) AS org FROM events"));
  ASSERT_EQ(faults(made).size(), 1u);
  EXPECT_TRUE(faults(made)[0].starts_with("pipes/fill.pipe:5:1: the query of this materialized view changes"))
      << faults(made)[0];
}

TEST_F(PlanTest, AViewWhoseTextOnlyLooksDifferentStays) {
  deploy({source("events"), source("totals"), view("fill", "SELECT id, org FROM events", "totals")});
  const auto made =
      plan({source("events"), source("totals"), view("fill", "select  id , org from events -- same", "totals")});
  EXPECT_EQ(faults(made), Lines{});
  EXPECT_EQ(names(made.pipes), "+ ~fill -");
  EXPECT_TRUE(made.views.empty());
  ASSERT_EQ(made.change.pipes.size(), 1u);
  EXPECT_EQ(made.change.pipes[0].view, workspace_.resources->pipes.find("fill")->view);
}

TEST_F(PlanTest, AViewThatIsNoLongerOneIsDropped) {
  deploy({source("events"), source("totals"), view("fill", "SELECT id, org FROM events", "totals")});
  const auto old_view = workspace_.resources->pipes.find("fill")->view;
  const auto plain = plan({source("events"), source("totals"), pipe("fill", "SELECT id, org FROM events")});
  EXPECT_EQ(plain.dropped_views, Lines{old_view});
  EXPECT_TRUE(plain.proposed.pipes.find("fill")->view.empty());
  const auto gone = plan({source("events"), source("totals")});
  EXPECT_EQ(faults(gone), Lines{});
  EXPECT_EQ(gone.dropped_views, Lines{old_view});
}

TEST_F(PlanTest, BackfillIsSkippedWhenTheTargetSaysSo) {
  const auto made = plan({source("events"), source("totals", schema + "\n" + engine + "BACKFILL skip\n"),
                          view("fill", "SELECT id, org FROM events", "totals")});
  EXPECT_EQ(faults(made), Lines{});
  ASSERT_EQ(made.views.size(), 1u);
  EXPECT_FALSE(made.views[0].backfill);
}

}  // namespace
}  // namespace kinglet::deploy
