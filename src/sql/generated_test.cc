// SPDX-License-Identifier: Apache-2.0
// Generated queries, without an engine: what is printed reads back, and means the same in other clothes.
#include <gtest/gtest.h>

#include "sql/engine_tree.h"
#include "sql/printer.h"
#include "sql/testing/query_generator.h"
#include "sql/testing/workspace.h"

namespace kinglet::sql {
namespace {

constexpr std::uint64_t seeds = 6'000;

/// Limits for a text that was printed by us: inlining deepens it.
ParseLimits printed_limits() {
  ParseLimits limits;
  limits.text_bytes = ResolveLimits::text_bytes;
  limits.nesting = limits.lambda_depth = limits.tree_height;
  return limits;
}

// attacks.md S16: print∘parse is the identity, and nobody's rights change on the way.
TEST(Generated, WhatIsSentReadsBackAsWhatWasChecked) {
  std::size_t resolved_count = 0;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    testing::QueryGenerator generator(seed);
    const std::string written = generator.query();
    for (const std::string& sql : {written, generator.mutate(written), generator.mutate(written)}) {
      auto query = parse_query(sql);
      if (!query) continue;
      ASSERT_TRUE(check_round_trip(*query)) << seed << "\n" << sql << "\n" << print(*query);
      testing::Workspace workspace;
      const auto resolved = resolve(std::move(*query), workspace, {.settings = true, .format = true});
      if (!resolved) continue;
      ++resolved_count;
      ASSERT_TRUE(check_round_trip(resolved->query)) << seed << "\n" << sql << "\n" << resolved->query.text;
      const auto again = parse_query(resolved->query.text, printed_limits());
      ASSERT_TRUE(again) << sql;
      EXPECT_EQ(names_of(*again), names_of(resolved->query)) << sql << "\n" << resolved->query.text;
      EXPECT_EQ(print(*again), resolved->query.text) << sql;
    }
  }
  EXPECT_GT(resolved_count, seeds / 4);
}

// attacks.md S4 S9: blanks, comments and case change nothing about what is found.
TEST(Generated, OtherClothesSameVerdict) {
  std::size_t compared = 0;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    testing::QueryGenerator generator(seed);
    const std::string sql = generator.query();
    const auto resolved = testing::resolve_text(sql);
    if (!resolved) continue;
    ++compared;
    const std::string other = generator.respaced(sql);
    const auto dressed = testing::resolve_text(other);
    ASSERT_TRUE(dressed) << sql << "\n" << other << "\n" << dressed.error().message;
    EXPECT_EQ(dressed->query.text, resolved->query.text) << sql << "\n" << other;
  }
  EXPECT_GT(compared, seeds / 8);
}

// attacks.md S5 S8: nothing that is printed calls what is denied.
TEST(Generated, NothingDeniedIsPrinted) {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    testing::QueryGenerator generator(seed);
    const auto resolved = testing::resolve_text(generator.mutate(generator.query()));
    if (!resolved) continue;
    const EngineNames names = names_of(resolved->query);
    for (const std::string_view name : {"file", "hostName", "sleep", "joinGet", "dictGet"})
      EXPECT_FALSE(names.functions.contains(name)) << resolved->query.text;
    for (const std::string_view name : {"url", "file", "merge", "remote", "view", "cluster"})
      EXPECT_FALSE(names.table_functions.contains(name)) << resolved->query.text;
    for (const auto& table : names.tables)
      EXPECT_TRUE(table.starts_with("ws.t_") || table.find('.') == std::string::npos) << resolved->query.text;
    EXPECT_EQ(resolved->query.text.find("SETTINGS "), std::string::npos);
  }
}

}  // namespace
}  // namespace kinglet::sql
