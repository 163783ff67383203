// SPDX-License-Identifier: Apache-2.0
// The spool before a real engine: joined blocks, tokens, failing views, refusals, an engine that is killed.
#include "spool/landing_engine.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <future>
#include <random>

#include "engine/process.h"
#include "spool/spool_testing.h"

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
  EXPECT_EQ(insert_statement(first.layout), "INSERT INTO `d`.`t` (`k`, `s`)");
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

/// kinglet-engine stands beside the test program, or in KINGLET_BIN_DIR.
std::string engine_path() {
  if (const char* folder = std::getenv("KINGLET_BIN_DIR"); folder != nullptr)
    return std::string(folder) + "/kinglet-engine";
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path().string() + "/kinglet-engine";
}

class EngineSpoolTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(engine_path())) GTEST_SKIP() << "no kinglet-engine beside the test";
    address_.socket_path = folder_.path() + "/e.sock";
    process_ = std::make_unique<engine::Process>(
        io_.executor(0), engine::Process::Options{.name = "store",
                                                  .executable = engine_path(),
                                                  .arguments = {"--role", "store", "--data", folder_.path() + "/data",
                                                                "--socket", address_.socket_path, "--databases", "db"},
                                                  .address = address_,
                                                  .on_up = {}});
    process_->start();
    const auto ready = io_.run(0, [&] { return process_->ready(Clock::now() + std::chrono::seconds(30)); });
    ASSERT_TRUE(ready) << ready.error().message;
    client_ = std::make_unique<engine::Client>(io_.executor(0), engine::Client::Options{.address = address_});
    run("CREATE DATABASE db");
    table("t", "(k UInt64, s String DEFAULT 'the default')");
  }
  void TearDown() override {
    spool_.reset();
    if (client_) {
      io_.run(0, [&]() -> Task<void> {
        client_.reset();
        co_return;
      });
    }
    if (process_) process_->stop(std::chrono::seconds(5));
    process_.reset();
  }
  void run(const std::string& sql) {
    const auto done = io_.run(0, [&] {
      return client_->query(
          sql, {.format = "TabSeparated", .read_only = false, .deadline = Clock::now() + std::chrono::seconds(30)});
    });
    ASSERT_TRUE(done) << done.error().message;
  }
  void table(const std::string& name, const std::string& columns, const std::string& partition = "tuple()") {
    run("CREATE TABLE db." + name + " " + columns + " ENGINE=MergeTree PARTITION BY " + partition +
        " ORDER BY k SETTINGS non_replicated_deduplication_window=1000, fsync_after_insert=1, fsync_part_directory=1");
  }
  std::string ask(const std::string& sql) {
    const auto whole = io_.run(0, [&] {
      return client_->query(
          sql, {.format = "TabSeparated", .read_only = false, .deadline = Clock::now() + std::chrono::seconds(30)});
    });
    return whole ? whole->body : whole.error().message;
  }
  void open() {
    auto options = quick_options(folder_.path() + "/spool");
    options.flush_interval = std::chrono::milliseconds(50);
    auto opened = Spool::open(options, engine_landing({.client = {.address = address_}}), callbacks_);
    ASSERT_TRUE(opened) << opened.error().message;
    spool_ = *std::move(opened);
  }
  Result<AppendReceipt> append(const std::string& table, const engine::Block& block, const std::string& key = {}) {
    AppendRequest request;
    request.meta.source = "t_" + table;
    request.meta.idempotency_key = key;
    request.meta.successful_rows = block.row_count();
    request.wait = true;
    request.sections.push_back(make_section({.database = "db", .table = table}, block));
    return io_.run(1, [&] { return spool_->append(std::move(request)); });
  }
  FlushOutcome wait(const AppendReceipt& receipt) {
    return io_.run(1, [&] { return spool_->wait(receipt, Clock::now() + std::chrono::seconds(30)); });
  }
  Status flush() {
    return io_.run(1, [&] { return spool_->flush(Clock::now() + std::chrono::seconds(60)); });
  }

  TempFolder folder_;
  engine::Address address_;
  SpoolCallbacks callbacks_;
  IoThreads io_{2, "test"};
  std::unique_ptr<engine::Process> process_;
  std::unique_ptr<engine::Client> client_;
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
  run("DROP VIEW db.v");
  run("CREATE MATERIALIZED VIEW db.v TO db.sums AS SELECT k, toUInt64(1) AS n FROM db.t");
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

// attacks.md R12: a joined batch over too many partitions is taken apart, not refused.
TEST_F(EngineSpoolTest, ABatchOverTooManyPartitionsIsSplit) {
  table("p", "(k UInt64, s String)", "k");
  open();
  std::vector<std::future<Result<AppendReceipt>>> all;
  for (std::uint64_t i = 0; i < 150; ++i) {
    AppendRequest request;
    request.meta.source = "t_p";
    request.sections.push_back(make_section({.database = "db", .table = "p"}, block_of({i})));
    all.push_back(asio::co_spawn(io_.executor(1), spool_->append(std::move(request)), asio::use_future));
  }
  for (auto& one : all) ASSERT_TRUE(one.get());
  const auto flushed = flush();
  ASSERT_TRUE(flushed) << flushed.error().message;
  EXPECT_EQ(ask("SELECT count(), uniqExact(k) FROM db.p"), "150\t150\n");
  EXPECT_EQ(spool_->stats().failed_batches, 0u);
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
      const pid_t engine = process_->pid();
      if (i == kill_at && engine > 1) ::kill(engine, SIGKILL);
    }
    const auto give_up = Clock::now() + std::chrono::seconds(30);  // a death is noticed a little later than it happens
    while (process_->restart_count() <= kill_number && Clock::now() < give_up) std::this_thread::yield();
    const auto ready = io_.run(0, [&] { return process_->ready(give_up); });
    ASSERT_TRUE(ready);
  }
  EXPECT_GE(process_->restart_count(), 4u);
  const auto flushed = flush();
  ASSERT_TRUE(flushed) << flushed.error().message;
  const std::string each = std::to_string(next);
  EXPECT_EQ(ask("SELECT count(), uniqExact(k) FROM db.t"), each + "\t" + each + "\n");
  EXPECT_EQ(ask("SELECT count(), uniqExact(k) FROM db.sums"), each + "\t" + each + "\n");
  EXPECT_EQ(spool_->stats().failed_batches, 0u);
}

}  // namespace
}  // namespace kinglet::spool
