// SPDX-License-Identifier: Apache-2.0
#include "jobs/partition_fit.h"

#include <gtest/gtest.h>

namespace kinglet::jobs {
namespace {

bool follows(std::string_view view, std::string_view source_key, std::string_view target_key) {
  return partitions_follow(view, "db", "t", source_key, target_key);
}

TEST(PartitionFit, TheSameOrAFinerCutOfTheSameColumnFollows) {
  constexpr auto* view = "SELECT toDate(ts) AS day, count() AS n FROM `db`.`t` GROUP BY day";
  EXPECT_TRUE(follows(view, "toYYYYMM(ts)", "toYYYYMM(day)"));
  EXPECT_TRUE(follows(view, "toYYYYMM(ts)", "toStartOfMonth(day)"));
  EXPECT_TRUE(follows(view, "toYYYYMM(ts)", "day"));
  EXPECT_TRUE(follows(view, "toYear(ts)", "toYYYYMM(day)"));
  EXPECT_TRUE(follows(view, "toDate(ts)", "day"));
  EXPECT_TRUE(follows(view, "toMonday(ts)", "day"));
}

TEST(PartitionFit, ACoarserCutOrNoneDoesNotFollow) {
  constexpr auto* view = "SELECT toDate(ts) AS day, count() AS n FROM `db`.`t` GROUP BY day";
  EXPECT_FALSE(follows(view, "toDate(ts)", "toYYYYMM(day)"));
  EXPECT_FALSE(follows(view, "toYYYYMM(ts)", "toYear(day)"));
  EXPECT_FALSE(follows(view, "toYYYYMM(ts)", ""));
  EXPECT_FALSE(follows(view, "toYYYYMM(ts)", "tuple()"));
  EXPECT_FALSE(follows(view, "toMonday(ts)", "toYYYYMM(day)"));
  EXPECT_FALSE(follows(view, "toYYYYMM(ts)", "toMonday(day)"));
  EXPECT_FALSE(follows(view, "toStartOfHour(ts)", "day"));
}

TEST(PartitionFit, ASourceOfOnePartitionIsFollowedByAll) {
  EXPECT_TRUE(follows("SELECT a FROM `db`.`t`", "", "toYYYYMM(x)"));
  EXPECT_TRUE(follows("SELECT a FROM `db`.`t`", "tuple()", ""));
}

TEST(PartitionFit, TracesSubqueriesStarsAndAliases) {
  EXPECT_TRUE(
      follows("SELECT d AS day FROM (SELECT *, toDate(ts) AS d FROM `db`.`t`)", "toYYYYMM(ts)", "toYYYYMM(day)"));
  EXPECT_TRUE(follows("SELECT * FROM `db`.`t`", "toYYYYMM(ts)", "toYYYYMM(ts)"));
  EXPECT_TRUE(
      follows("SELECT toStartOfHour(ts) AS ts, toDate(ts) AS day FROM `db`.`t`", "toYYYYMM(ts)", "toYYYYMM(day)"));
  EXPECT_TRUE(follows("WITH toDate(ts) AS d SELECT d AS day FROM `db`.`t`", "toYYYYMM(ts)", "toYYYYMM(day)"));
  EXPECT_FALSE(follows("SELECT * EXCEPT (ts), now() AS ts FROM `db`.`t`", "toYYYYMM(ts)", "toYYYYMM(ts)"));
}

TEST(PartitionFit, TuplesFollowPartByPart) {
  constexpr auto* view = "SELECT tenant AS who, toDate(ts) AS day FROM `db`.`t`";
  EXPECT_TRUE(follows(view, "(tenant, toYYYYMM(ts))", "(toYYYYMM(day), who)"));
  EXPECT_TRUE(follows(view, "toYYYYMM(ts)", "(toYYYYMM(day), who)"));
  EXPECT_FALSE(follows(view, "(tenant, toYYYYMM(ts))", "toYYYYMM(day)"));
}

TEST(PartitionFit, OtherExpressionsMustBeTheSame) {
  constexpr auto* view = "SELECT id AS user, toDate(ts) AS day FROM `db`.`t`";
  EXPECT_TRUE(follows(view, "id % 16", "user % 16"));
  EXPECT_FALSE(follows(view, "id % 16", "user % 8"));
}

TEST(PartitionFit, WhatIsMadeOfSeveralRowsDoesNotFollow) {
  EXPECT_FALSE(follows("SELECT max(ts) AS ts FROM `db`.`t`", "toYYYYMM(ts)", "toYYYYMM(ts)"));
  EXPECT_FALSE(follows("SELECT min(toDate(ts)) AS day FROM `db`.`t`", "toYYYYMM(ts)", "toYYYYMM(day)"));
}

TEST(PartitionFit, JoinsUnionsAndOtherTablesAreNotTraced) {
  EXPECT_FALSE(follows("SELECT ts FROM `db`.`t` AS a JOIN `db`.`u` AS b ON a.k = b.k", "toYYYYMM(ts)", "toYYYYMM(ts)"));
  EXPECT_FALSE(follows("SELECT ts FROM `db`.`t` UNION ALL SELECT ts FROM `db`.`t`", "toYYYYMM(ts)", "toYYYYMM(ts)"));
  EXPECT_FALSE(follows("SELECT ts FROM `db`.`u`", "toYYYYMM(ts)", "toYYYYMM(ts)"));
  EXPECT_FALSE(follows("SELECT ts FROM `db`.`t` ARRAY JOIN stamps AS ts", "toYYYYMM(ts)", "toYYYYMM(ts)"));
  EXPECT_FALSE(follows("not SQL", "toYYYYMM(ts)", "toYYYYMM(ts)"));
}

}  // namespace
}  // namespace kinglet::jobs
