// SPDX-License-Identifier: Apache-2.0
// What names of service data sources mean.
#include "query/service_names.h"

#include <gtest/gtest.h>

#include "sql/parser.h"
#include "sql/printer.h"

namespace kinglet::query {
namespace {

const ServiceWorld world{
    .database = "ws_1", .workspace_id = "w'1", .workspace_name = "{workspace_id}", .organization_id = "o"};

std::string target_text(std::string_view name) {
  const auto target = service_target(name, world);
  if (!target) return fmt::format("{} / {}", target.error().message, target.error().hint);
  if (const auto* table = std::get_if<sql::PhysicalTable>(&*target)) return table->database + "." + table->table;
  return sql::print(*std::get<sql::Inlined>(*target).query);
}

TEST(ServiceNames, AreTablesOfTheWorkspace) {
  EXPECT_EQ(target_text("tinybird.pipe_stats_rt"), "ws_1_service.pipe_stats_rt");
  EXPECT_EQ(target_text("tinybird.jobs_log"), "SELECT * FROM `ws_1_service`.`jobs_log` AS `jobs_log` FINAL");
}

TEST(ServiceNames, OfTheOrganizationHaveTheWorkspaceInFront) {
  EXPECT_EQ(target_text("organization.pipe_stats"),
            "SELECT 'w\\'1' AS `workspace_id`, * FROM `ws_1_service`.`pipe_stats` AS `pipe_stats`");
  EXPECT_EQ(
      target_text("organization.jobs_log"),
      "SELECT 'w\\'1' AS `workspace_id`, * EXCEPT (`workspace_id`) FROM `ws_1_service`.`jobs_log` AS `jobs_log` FINAL");
  EXPECT_TRUE(target_text("organization.workspaces").starts_with("SELECT 'w\\'1' AS `workspace_id`, "));
  for (const char* name : {"organization.datasources_ops_stats", "organization.processed_data"})
    EXPECT_NE(target_text(name).find("FROM `ws_1_service`.`datasources_ops_log`"), std::string::npos) << name;
}

TEST(ServiceNames, UnknownOnesGetTheNearest) {
  EXPECT_EQ(target_text("tinybird.pipe_stat_rt"),
            "Resource 'tinybird.pipe_stat_rt' not found / Did you mean 'tinybird.pipe_stats_rt'?");
  EXPECT_EQ(target_text("tinybird.secrets_of_others"), "Resource 'tinybird.secrets_of_others' not found / ");
  EXPECT_EQ(target_text("tinybird.pipe_stats_rt_daily").find("ws_1"), std::string::npos);
  EXPECT_EQ(target_text("tinybird."), "Resource 'tinybird.' not found / ");
  EXPECT_TRUE(is_service_name("tinybird.x"));
  EXPECT_FALSE(is_service_name("tinybird"));
  EXPECT_FALSE(is_service_name("tinybirds.x"));
}

}  // namespace
}  // namespace kinglet::query
