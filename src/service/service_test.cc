// SPDX-License-Identifier: Apache-2.0
// The definitions of the service data sources, and the rows that records become.
#include <gtest/gtest.h>

#include <set>

#include "engine/type.h"
#include "service/rows.h"
#include "service/schema.h"

namespace kinglet::service {
namespace {

TEST(Definitions, NameEachTableAndColumnOnceWithATypeOfTheEngine) {
  std::set<std::string_view> names;
  for (const auto& table : tables()) {
    EXPECT_TRUE(names.insert(table.name).second) << table.name;
    EXPECT_EQ(find_table(table.name), &table);
    std::set<std::string_view> columns;
    for (const auto& column : table.columns) {
      EXPECT_TRUE(columns.insert(column.name).second) << table.name << "." << column.name;
      const auto type = engine::parse_type(column.type);
      ASSERT_TRUE(type.has_value()) << table.name << "." << column.name;
      EXPECT_EQ(engine::print(*type), column.type);
    }
  }
  for (const auto& table : organization_tables()) EXPECT_TRUE(names.insert(table.name).second) << table.name;
  EXPECT_EQ(find_table(""), nullptr);
  EXPECT_EQ(find_table("pipe_stats_rt_daily"), nullptr) << "views of ours are no service data sources";
  for (const auto& a : aggregations()) {
    EXPECT_NE(find_table(a.source), nullptr);
    EXPECT_NE(find_table(a.target), nullptr);
  }
}

TEST(Schema, StatementsAreIdempotentAndQuoted) {
  const auto* table = find_table("datasources_ops_log");
  ASSERT_NE(table, nullptr);
  const auto statement = create_statement(*table, "ws_1_service");
  EXPECT_TRUE(
      statement.starts_with("CREATE TABLE IF NOT EXISTS `ws_1_service`.`datasources_ops_log` (`timestamp` DateTime, "));
  EXPECT_NE(statement.find("`Options.Names` Array(String)"), statement.npos);
  EXPECT_NE(statement.find(" TTL timestamp + INTERVAL 30 DAY SETTINGS "), statement.npos);
  const auto view = create_statement(aggregations()[0], "ws_1_service");
  EXPECT_TRUE(
      view.starts_with("CREATE MATERIALIZED VIEW IF NOT EXISTS `ws_1_service`.`pipe_stats_rt_daily` TO "
                       "`ws_1_service`.`pipe_stats` AS SELECT "));
  EXPECT_NE(view.find(" FROM `ws_1_service`.`pipe_stats_rt` GROUP BY "), view.npos);
  EXPECT_EQ(database_of("ws_1"), "ws_1_service");
}

observe::RequestRecord call() {
  observe::RequestRecord r;
  r.start = observe::Time(std::chrono::seconds(1'700'000'000));
  r.pipe_name = "top";
  r.url = "/v0/pipes/top.json?a=1";
  r.parameters = {{"a", "1"}, {"b", "x"}, {"a", "2"}};
  return r;
}

std::vector<std::string> texts(const engine::Column& strings) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < strings.size(); ++i) out.emplace_back(strings.string_at(i));
  return out;
}

TEST(Rows, ACallIsOneRowAndAFailedOneTwo) {
  Rows rows;
  rows.add(call());
  ASSERT_EQ(rows.blocks().size(), 1U);
  const auto& stats = rows.blocks().at("pipe_stats_rt");
  EXPECT_EQ(stats.row_count(), 1U);
  EXPECT_EQ(stats.column(0).data().at<std::uint32_t>(0), 1'700'000'000U);
  EXPECT_EQ(stats.column(7).string_at(0), "/v0/pipes/top.json?a=1");
  // A name that came twice: Map keys are unique.
  EXPECT_EQ(texts(stats.column(14).child(0)), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(texts(stats.column(14).child(1)), (std::vector<std::string>{"1,2", "x"}));
  EXPECT_TRUE(stats.column(16).is_null(0)) << "no user agent was sent";

  auto failed = call();
  failed.status_code = 400;
  failed.error = "no";
  failed.parameters = {{"q\"", "\\\n"}};
  rows.add(failed);
  EXPECT_EQ(stats.row_count(), 2U);
  const auto& errors = rows.blocks().at("endpoint_errors");
  EXPECT_EQ(errors.row_count(), 1U);
  EXPECT_EQ(errors.column(4).child(0).string_at(0), "{\"q\\\"\": \"\\\\\\u000a\"}");
  EXPECT_EQ(errors.column(7).child(0).string_at(0), "no");
}

TEST(Rows, AnOperationTellsItsBlocks) {
  Rows rows;
  observe::OperationRecord r;
  r.event_type = "append-hfi";
  r.rows = 5'000'000'000;
  r.block_ids = {"a", "b"};
  rows.add(r);
  r.event_type.clear();  // blocks of an import, which its job tells
  r.block_ids = {"c"};
  rows.add(r);
  EXPECT_EQ(rows.blocks().at("datasources_ops_log").row_count(), 1U);
  const auto& blocks = rows.blocks().at("block_log");
  EXPECT_EQ(texts(blocks.column(5)), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(blocks.column(11).child(0).data().at<std::int32_t>(0), 2'147'483'647) << "Int32 is filled, not overrun";
}

TEST(Rows, EveryKindOfRecordEncodes) {
  Rows rows;
  auto failed = call();
  failed.error = "no";
  rows.add(failed);
  observe::OperationRecord operation;
  operation.event_type = "delete";
  operation.error = "no";
  operation.options = {{"delete_condition", "1"}};
  operation.block_ids = {"a"};
  rows.add(operation);
  rows.add(observe::JobRecord{});
  rows.add(StorageSample{});
  EXPECT_EQ(rows.blocks().size(), 6U);
  for (const auto& [name, block] : rows.blocks()) {
    std::string bytes;
    block.encode(bytes);
    const auto again = engine::Block::decode(bytes);
    ASSERT_TRUE(again.has_value()) << name;
    EXPECT_EQ(again->row_count(), 1U) << name;
    EXPECT_EQ(again->column_count(), find_table(name)->columns.size()) << name;
  }
}

}  // namespace
}  // namespace kinglet::service
