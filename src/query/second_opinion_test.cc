// SPDX-License-Identifier: Apache-2.0
// S17: what the engine reads otherwise than we do never runs; what it reads alike is asked once for each shape.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <mutex>

#include "http/server.h"
#include "query/runner.h"
#include "sql/parser.h"

namespace kinglet::query {
namespace {

TEST(Agreements, TheLeastRecentlyUsedIsForgottenFirst) {
  Agreements kept;
  for (std::size_t i = 0; i < Agreements::shapes_max; ++i) kept.add(std::to_string(i));
  EXPECT_TRUE(kept.contains("0"));  // and is the newest now
  kept.add("one more");
  EXPECT_EQ(kept.size(), Agreements::shapes_max);
  EXPECT_TRUE(kept.contains("0"));
  EXPECT_FALSE(kept.contains("1"));
  EXPECT_TRUE(kept.contains("2"));
}

TEST(Agreements, ShapesAreBoundedByTheirBytes) {
  Agreements kept;
  kept.add(std::string(Agreements::bytes_max / 4 + 1, 'x'));
  EXPECT_EQ(kept.size(), 0u);
  for (const char c : {'a', 'b', 'c', 'd', 'e'}) kept.add(std::string(Agreements::bytes_max / 4, c));
  EXPECT_EQ(kept.size(), 4u);
  EXPECT_FALSE(kept.contains(std::string(Agreements::bytes_max / 4, 'a')));
}

RC_GTEST_PROP(Agreements, WhatWasAddedLastIsThere, (std::vector<std::string> shapes)) {
  Agreements kept;
  for (const auto& shape : shapes) {
    kept.add(shape);
    RC_ASSERT(kept.contains(shape));
  }
  const std::set<std::string> distinct(shapes.begin(), shapes.end());
  RC_ASSERT(kept.size() == distinct.size());
}

/// Answers EXPLAIN AST with `tree`, everything else with one row.
class SecondOpinionTest : public testing::Test {
 protected:
  static constexpr std::string_view database = "ws_1";

  void SetUp() override {
    source_->id = source_->table = "t_events";
    source_->name = "events";
    source_->quarantine_table = "t_events_quarantine";
    resources_.data_sources.put(source_);
    auto handler = [this](http::Request& request) -> Task<http::Response> {
      auto body = co_await request.body->read_all(1 << 20);
      http::Response response;
      const std::scoped_lock lock(mutex_);
      seen_.push_back(body ? *body : "");
      if (!seen_.back().starts_with("EXPLAIN AST ")) {
        response.body = "1\n";
      } else if (refuse_with_ != 0) {
        response.status = 500;
        response.headers.add("X-ClickHouse-Exception-Code", std::to_string(refuse_with_));
        response.body = fmt::format("Code: {}. DB::Exception: no. (NO)", refuse_with_);
      } else {
        response.body = tree_;
      }
      co_return response;
    };
    auto listening = http::Server::listen(threads_, http::ServerOptions{}, handler);
    ASSERT_TRUE(listening);
    server_ = std::move(*listening);
    threads_.run(0, [this]() -> Task<void> {
      auto address = *engine::Address::parse(fmt::format("http://127.0.0.1:{}", server_->port()));
      runner_ = std::make_unique<Runner>(threads_.executor(0), std::move(address), nullptr, RunLimits{}, counts_);
      co_return;
    });
  }
  void TearDown() override {
    threads_.run(0, [this]() -> Task<void> {
      runner_.reset();
      co_return;
    });
  }

  Result<std::string> run(std::string_view text) {
    PipeCache cache;
    const World world{.resources = &resources_, .database = database, .access = nullptr, .secret = {}};
    Composer composer(world, cache, {});
    const auto composed = composer.plain_statement(text);
    if (!composed) return fail(composed.error().error);
    constexpr Format plain{.engine_name = "TabSeparated", .content_type = ""};
    return threads_.run(0, [&]() { return runner_->run_whole(*composed, plain, resources_, database); });
  }
  std::vector<std::string> seen() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(seen_, {});
  }

  /// As the engine shows `SELECT … FROM ws_1.t_events AS events`, with `expression` as the list's only item.
  static std::string tree_of(std::string_view table, std::string_view expression) {
    return fmt::format(
        "SelectWithUnionQuery (children 1)\n ExpressionList (children 1)\n  SelectQuery (children 2)\n"
        "   ExpressionList (children 1)\n{}   TablesInSelectQuery (children 1)\n"
        "    TablesInSelectQueryElement (children 1)\n     TableExpression (children 1)\n"
        "      TableIdentifier {} (alias events)\n",
        expression, table);
  }
  static constexpr std::string_view one = "    Literal UInt64_1\n";

  IoThreads threads_{1};
  std::mutex mutex_;
  std::vector<std::string> seen_;
  std::string tree_ = tree_of("ws_1.t_events", one);
  int refuse_with_ = 0;
  std::shared_ptr<catalog::DataSource> source_ = std::make_shared<catalog::DataSource>();
  catalog::Resources resources_;
  OpinionCounts counts_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<Runner> runner_;
};

TEST_F(SecondOpinionTest, S17AgreementIsAskedOnceForEachShape) {
  EXPECT_EQ(run("SELECT 1 FROM events").value_or("failed"), "1\n");
  const auto first = seen();
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0], "EXPLAIN AST " + first[1]);
  EXPECT_EQ(run("SELECT 1 FROM events").value_or("failed"), "1\n");
  EXPECT_EQ(run("select 22 from events").value_or("failed"), "1\n");  // another literal
  EXPECT_EQ(seen().size(), 2u);
  EXPECT_EQ(counts_.asked, 1u);
  EXPECT_EQ(counts_.differed, 0u);
}

TEST_F(SecondOpinionTest, S17WhatTheEngineReadsOtherwiseIsNeverRun) {
  for (const std::string& forged :
       {tree_of("ws_2.t_events", one),  // another table
        tree_of("ws_1.t_events",
                "    Function file (children 1)\n     ExpressionList (children 1)\n      Literal 'x'\n"),
        tree_of("ws_1.t_events", ""), std::string("Set\n"), std::string(), std::string("no tree")}) {
    tree_ = forged;
    for (int again = 0; again < 2; ++again) {  // a refusal is not kept as an agreement
      const auto answer = run("SELECT 1 FROM events");
      ASSERT_FALSE(answer) << forged;
      EXPECT_EQ(answer.error().code, Code::internal);
      EXPECT_NE(answer.error().message.find("was not run"), std::string::npos);
      EXPECT_EQ(answer.error().message.find("ws_"), std::string::npos);
    }
    for (const auto& sent : seen()) EXPECT_TRUE(sent.starts_with("EXPLAIN AST ")) << sent;
  }
  EXPECT_EQ(counts_.differed, 12u);
}

TEST_F(SecondOpinionTest, AnEngineThatRefusesToExplainSaysWhy) {
  refuse_with_ = 43;
  const auto answer = run("SELECT 1 FROM events");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().engine_code, 43);
  EXPECT_EQ(seen().size(), 1u);
  EXPECT_EQ(counts_.differed, 0u);
  refuse_with_ = 0;
  EXPECT_EQ(run("SELECT 1 FROM events").value_or("failed"), "1\n");
}

}  // namespace
}  // namespace kinglet::query
