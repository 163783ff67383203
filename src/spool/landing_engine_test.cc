// SPDX-License-Identifier: Apache-2.0
// The spool before a real engine: joined blocks, tokens, failing views, refusals, an engine that is killed.
#include "spool/landing_engine.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <functional>
#include <future>
#include <numeric>
#include <random>

#include "spool/engine_testing.h"

namespace kinglet::spool {
namespace {

using namespace testing;  // NOLINT: the test kit of this module
using Kind = FlushOutcome::Kind;

engine::Block block_of(const std::vector<std::uint64_t>& keys, bool with_default = false) {
  engine::Block block;
  block.add("k", engine::Column(*engine::parse_type("UInt64")));
  const auto text = *engine::parse_type("String");
  block.add("s", with_default ? engine::Column::with_default(text) : engine::Column(text));
  for (const auto key : keys) {
    block.column(0).add<std::uint64_t>(key);
    if (with_default)
      block.column(1).add_null();
    else
      block.column(1).add_string("row " + std::to_string(key));
  }
  return block;
}

TEST(JoinBlocks, KeepsRowsAndTheirOrder) {
  const auto first = make_section({.database = "d", .table = "t"}, block_of({1, 2}));
  const auto second = make_section({.database = "d", .table = "t"}, block_of({3}));
  const std::string_view blocks[] = {first.block, second.block};
  const auto joined = join_blocks(blocks);
  ASSERT_TRUE(joined) << joined.error().message;
  const auto all = make_section({.database = "d", .table = "t"}, block_of({1, 2, 3}));
  EXPECT_EQ(*joined, all.block);
  EXPECT_EQ(first.layout, second.layout);
  EXPECT_EQ(insert_statement(*first.layout), "INSERT INTO `d`.`t` (`k`, `s`)");
}

TEST(JoinBlocks, ARowWithADefaultJoinsRowsWithout) {
  const auto plain = make_section({.database = "d", .table = "t"}, block_of({1}));
  const auto with_default = make_section({.database = "d", .table = "t"}, block_of({2}, true));
  EXPECT_EQ(plain.layout, with_default.layout);
  const std::string_view blocks[] = {plain.block, with_default.block};
  EXPECT_TRUE(join_blocks(blocks));
}

TEST(JoinBlocks, OtherTypesStayApartAndBrokenBlocksAreAnError) {
  engine::Block other;
  other.add("k", engine::Column(*engine::parse_type("UInt32")));
  other.add("s", engine::Column(*engine::parse_type("String")));
  other.column(0).add<std::uint32_t>(1);
  other.column(1).add_string("x");
  const auto mine = make_section({.database = "d", .table = "t"}, block_of({1}));
  const auto theirs = make_section({.database = "d", .table = "t"}, other);
  EXPECT_NE(mine.layout, theirs.layout);
  const std::string_view mixed[] = {mine.block, theirs.block};
  EXPECT_EQ(join_blocks(mixed).error().code, Code::invalid);
  const std::string_view broken[] = {mine.block, std::string_view(mine.block).substr(0, 5)};
  EXPECT_EQ(join_blocks(broken).error().code, Code::invalid);
}

class EngineSpoolTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!RealEngine::is_there()) GTEST_SKIP() << "no kinglet-engine beside the test";
    engine_ = std::make_unique<RealEngine>(io_);
    const auto started = engine_->start();
    ASSERT_TRUE(started) << started.error().message;
    table("t", "(k UInt64, s String DEFAULT 'the default')");
  }
  void TearDown() override {
    spool_.reset();
    engine_.reset();
  }
  void run(const std::string& sql) {
    const auto done = engine_->ask(sql);
    ASSERT_TRUE(done) << done.error().message;
  }
  void table(const std::string& name, const std::string& columns, const std::string& partition = "tuple()") {
    const auto made = engine_->table(name, columns, partition);
    ASSERT_TRUE(made) << made.error().message;
  }
  std::string ask(const std::string& sql) {
    const auto answer = engine_->ask(sql);
    return answer ? *answer : answer.error().message;
  }
  void open(EngineLandingOptions landing = {}) {
    landing.client.address = engine_->address();
    landing.database_prefix = "db";
    options_.folder = engine_->folder().path() + "/spool";
    auto opened = Spool::open(options_, engine_landing(landing), callbacks_);
    ASSERT_TRUE(opened) << opened.error().message;
    spool_ = *std::move(opened);
  }
  Result<AppendReceipt> append(const std::string& table, const engine::Block& block, const std::string& key = {},
                               SectionKind kind = SectionKind::rows) {
    AppendRequest request;
    request.meta.source = "t_" + table;
    request.meta.idempotency_key = key;
    request.meta.successful_rows = block.row_count();
    request.wait = true;
    request.sections.push_back(make_section({.database = "db", .table = table}, block, kind));
    return io_.run(1, [&] { return spool_->append(std::move(request)); });
  }
  /// Stores what `send` appends, and sends it again as a process would that ended after the insert and before it knew.
  void store_twice(const std::function<Result<AppendReceipt>()>& send) {
    const auto folder = engine_->folder().path();
    const auto receipt = send();
    ASSERT_TRUE(receipt);
    const auto segments = std::filesystem::path(folder) / "spool";
    // Again when a file got its name or went meanwhile: the spool prepares its next segment beside.
    for (std::error_code moved = std::make_error_code(std::errc::interrupted); moved;) {
      std::filesystem::remove_all(folder + "/before");
      std::filesystem::copy(segments, folder + "/before", std::filesystem::copy_options::recursive, moved);
    }
    EXPECT_EQ(wait(*receipt).kind, Kind::stored);
    ASSERT_TRUE(flush());
    spool_.reset();
    std::filesystem::remove_all(segments);
    std::filesystem::rename(folder + "/before", segments);
    open();
    ASSERT_TRUE(flush());
    EXPECT_EQ(spool_->stats().landed_parts, 1u) << "it was sent again";
  }
  FlushOutcome wait(const AppendReceipt& receipt) {
    return io_.run(1, [&] { return spool_->wait(receipt, Clock::now() + std::chrono::seconds(30)); });
  }
  Status flush() {
    return io_.run(1, [&] { return spool_->flush(Clock::now() + std::chrono::seconds(180)); });
  }

  SpoolOptions options_ = [] {
    auto options = quick_options({});
    options.flush_interval = std::chrono::milliseconds(50);
    return options;
  }();
  SpoolCallbacks callbacks_;
  IoThreads io_{2, "test"};
  std::unique_ptr<RealEngine> engine_;
  std::unique_ptr<Spool> spool_;
};

TEST_F(EngineSpoolTest, ManyRequestsBecomeOneInsertAndDefaultsAreEvaluated) {
  open();
  for (std::uint64_t i = 0; i < 20; ++i) ASSERT_TRUE(append("t", block_of({i * 2, i * 2 + 1}, i % 5 == 0)));
  ASSERT_TRUE(flush());
  EXPECT_EQ(ask("SELECT count(), uniqExact(k), countIf(s = 'the default') FROM db.t"), "40\t40\t8\n");
  EXPECT_LE(spool_->stats().landed_parts, 20u);
}

// attacks.md R10, R11: the view's target is right, too.
TEST_F(EngineSpoolTest, AFailingViewHealsWithTheSameToken) {
  table("sums", "(k UInt64, n UInt64)");
  run("CREATE MATERIALIZED VIEW db.v TO db.sums AS SELECT k, toUInt64(1) + throwIf(k = 7) AS n FROM db.t");
  open();
  ASSERT_TRUE(append("t", block_of({1, 2})));
  ASSERT_TRUE(flush());
  const auto receipt = append("t", block_of({7}));
  ASSERT_TRUE(receipt);
  const auto outcome = wait(*receipt);
  EXPECT_EQ(outcome.kind, Kind::view_failed) << outcome.error.message;
  EXPECT_NE(outcome.error.message.find("db.v"), std::string::npos) << outcome.error.message;
  EXPECT_EQ(ask("SELECT count() FROM db.t"), "3\n") << "the row itself is stored";
  // In one step: a try that finds no view at all would store nothing in its target, and be right.
  run("ALTER TABLE db.v MODIFY QUERY SELECT k, toUInt64(1) AS n FROM db.t");
  const auto end = Clock::now() + std::chrono::seconds(20);
  while (spool_->stats().bytes > 0 && Clock::now() < end) std::this_thread::yield();
  EXPECT_EQ(ask("SELECT count(), (SELECT count() FROM db.sums) FROM db.t"), "3\t3\n");
}

TEST_F(EngineSpoolTest, AnUnknownTableIsSetAsideAndOthersGoOn) {
  open();
  const auto lost = append("missing", block_of({1}));
  ASSERT_TRUE(append("t", block_of({1})));
  const auto outcome = wait(*lost);
  EXPECT_EQ(outcome.kind, Kind::failed);
  EXPECT_EQ(outcome.error.engine_code, 60);
  ASSERT_TRUE(flush());
  EXPECT_EQ(ask("SELECT count() FROM db.t"), "1\n");
  EXPECT_EQ(spool_->stats().failed_rows, 1u);
}

// attacks.md R12: a joined batch over too many partitions is taken apart; one request over too many is still taken, to
// a point.
TEST_F(EngineSpoolTest, ABatchOverTooManyPartitionsIsSplit) {
  table("p", "(k UInt64, s String)", "k");
  open({.client = {}, .partitions_max = 100, .partitions_alone_max = 200});
  std::vector<std::future<Result<AppendReceipt>>> all;
  for (std::uint64_t i = 0; i < 150; ++i) {
    AppendRequest request;
    request.meta.source = "t_p";
    request.sections.push_back(make_section({.database = "db", .table = "p"}, block_of({i})));
    all.push_back(asio::co_spawn(io_.executor(1), spool_->append(std::move(request)), asio::use_future));
  }
  for (auto& one : all) ASSERT_TRUE(one.get());
  std::vector<std::uint64_t> many(150), far_too_many(250);
  std::iota(many.begin(), many.end(), 1000);
  std::iota(far_too_many.begin(), far_too_many.end(), 2000);
  EXPECT_EQ(wait(*append("p", block_of(many))).kind, Kind::stored);
  const auto refused = wait(*append("p", block_of(far_too_many)));
  EXPECT_EQ(refused.kind, Kind::failed);
  EXPECT_NE(refused.error.message.find("partitions"), std::string::npos) << refused.error.message;
  const auto flushed = flush();
  ASSERT_TRUE(flushed) << flushed.error().message;
  EXPECT_EQ(ask("SELECT count(), uniqExact(k) FROM db.p"), "300\t300\n");
  EXPECT_EQ(spool_->stats().failed_batches, 1u);
}

// attacks.md R12: 10,000 tiny inserts over 1,000 partitions.
TEST_F(EngineSpoolTest, TinyInsertsOverManyPartitionsNeverMeetTooManyParts) {
  ASSERT_TRUE(engine_->table("p", "(k UInt64, s String)", "k % 1000", false));
  const std::string most = "max_bytes_to_merge_at_max_space_in_pool", least = "max_bytes_to_merge_at_min_space_in_pool";
  run("ALTER TABLE db.p MODIFY SETTING " + most + " = 1, " + least + " = 1");  // merges are behind, for certain
  // At twice this nothing is inserted, and young parts are merged by five: with four in each partition it must go on.
  options_.parts_slow = 2'500;
  options_.parts_watch = std::chrono::milliseconds(50);
  options_.table_batches_max = 20;
  open();
  std::uint64_t accepted = 0, refused = 0;
  for (std::uint64_t round = 0; round < 100; ++round) {
    std::vector<std::future<Result<AppendReceipt>>> all;
    for (std::uint64_t i = 0; i < 100; ++i) {
      AppendRequest request;
      request.meta.source = "t_p";
      request.sections.push_back(make_section({.database = "db", .table = "p"}, block_of({round * 100 + i})));
      all.push_back(asio::co_spawn(io_.executor(1), spool_->append(std::move(request)), asio::use_future));
    }
    for (auto& one : all) {
      const auto receipt = one.get();
      accepted += receipt ? 1 : 0;
      refused += receipt ? 0 : 1;
      if (!receipt) EXPECT_EQ(receipt.error().code, Code::unavailable) << receipt.error().message;
    }
    EXPECT_EQ(wait(*append("t", block_of({round}))).kind, Kind::stored) << "others are not slowed";
  }
  EXPECT_GT(refused, 0u) << "what waits for the merges is bounded";
  EXPECT_GT(accepted, 1'000u);
  EXPECT_EQ(ask("SELECT value FROM system.errors WHERE name = 'TOO_MANY_PARTS'"), "");
  run("ALTER TABLE db.p RESET SETTING " + most + ", " + least);
  const auto flushed = flush();
  ASSERT_TRUE(flushed) << flushed.error().message;
  EXPECT_EQ(ask("SELECT count(), uniqExact(k) FROM db.p"), fmt::format("{0}\t{0}\n", accepted));
  EXPECT_EQ(accepted + refused, 10'000u);
}

// attacks.md R10: a replay after the process ended in the middle: the token makes it once, in the table, in a view and
// in a view on that view.
TEST_F(EngineSpoolTest, AReplayIsStoredOnceAlsoInChainedViews) {
  table("sums", "(k UInt64, n UInt64)");
  table("sums_of_sums", "(k UInt64, n UInt64)");
  run("CREATE MATERIALIZED VIEW db.v TO db.sums AS SELECT k, toUInt64(1) AS n FROM db.t");
  run("CREATE MATERIALIZED VIEW db.w TO db.sums_of_sums AS SELECT k, n FROM db.sums");
  options_.wait_flush = std::chrono::milliseconds(200);  // the files are copied before
  open();
  for (std::uint64_t i = 0; i < 10; ++i) store_twice([&] { return append("t", block_of({i})); });
  for (const std::string name : {"t", "sums", "sums_of_sums"})
    EXPECT_EQ(ask("SELECT count(), uniqExact(k) FROM db." + name), "10\t10\n") << name;
}

// attacks.md R10, I14: a quarantine is made without a window.
TEST_F(EngineSpoolTest, TheFirstRowsOfAQuarantineOpenItsWindow) {
  run("CREATE TABLE db.bad (k UInt64, s String) ENGINE=MergeTree ORDER BY k");
  options_.wait_flush = std::chrono::milliseconds(200);
  open();
  for (std::uint64_t i = 0; i < 3; ++i)
    store_twice([&] { return append("bad", block_of({i}), {}, SectionKind::quarantine); });
  EXPECT_EQ(ask("SELECT count(), uniqExact(k) FROM db.bad"), "3\t3\n");
  EXPECT_EQ(ask("SELECT extract(engine_full, '_window = [0-9]+') FROM system.tables WHERE name = 'bad'"),
            "_window = 10000\n");
}

// attacks.md R24, R1, R10: the engine is killed while rows come in; the table and the view have each row once.
TEST_F(EngineSpoolTest, AKilledEngineLosesAndRepeatsNothing) {
  table("sums", "(k UInt64, n UInt64)");
  run("CREATE MATERIALIZED VIEW db.v TO db.sums AS SELECT k, toUInt64(1) AS n FROM db.t");
  open();
  std::mt19937 random(7);
  std::uint64_t next = 0;
  for (std::uint64_t kill_number = 0; kill_number < 4; ++kill_number) {
    const int kill_at = 20 + static_cast<int>(random() % 15);
    for (int i = 0; i < 40; ++i) {
      ASSERT_TRUE(append("t", block_of({next, next + 1, next + 2})));
      next += 3;
      const pid_t engine = engine_->process().pid();
      if (i == kill_at && engine > 1) ::kill(engine, SIGKILL);
    }
    const auto give_up = Clock::now() + std::chrono::seconds(30);  // a death is noticed a little later than it happens
    while (engine_->process().restart_count() <= kill_number && Clock::now() < give_up) std::this_thread::yield();
    const auto ready = io_.run(0, [&] { return engine_->process().ready(give_up); });
    ASSERT_TRUE(ready);
  }
  EXPECT_GE(engine_->process().restart_count(), 4u);
  const auto flushed = flush();
  ASSERT_TRUE(flushed) << flushed.error().message;
  const std::string each = std::to_string(next);
  EXPECT_EQ(ask("SELECT count(), uniqExact(k) FROM db.t"), each + "\t" + each + "\n");
  EXPECT_EQ(ask("SELECT count(), uniqExact(k) FROM db.sums"), each + "\t" + each + "\n");
  EXPECT_EQ(spool_->stats().failed_batches, 0u);
}

}  // namespace
}  // namespace kinglet::spool
