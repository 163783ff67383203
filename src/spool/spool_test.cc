// SPDX-License-Identifier: Apache-2.0
#include "spool/spool.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <future>
#include <random>
#include <set>

#include "spool/segment_checksum.h"
#include "spool/segment_scan.h"
#include "spool/segment_writer.h"
#include "spool/spool_test_case.h"

namespace kinglet::spool {
namespace {

using namespace testing;  // NOLINT: the test kit of this module

TEST_F(SpoolTest, RequestsOfOneTableLandTogetherInTheirOrder) {
  options_.flush_interval = std::chrono::seconds(60);
  open();
  ASSERT_TRUE(append(request("t", {"1", "2"})));
  ASSERT_TRUE(append(request("u", {"x"})));
  ASSERT_TRUE(append(request("t", {"3"})));
  ASSERT_TRUE(flush());
  EXPECT_EQ(tables_.rows("t"), (Rows{"1", "2", "3"}));
  EXPECT_EQ(tables_.rows("u"), Rows{"x"});
  EXPECT_EQ(tables_.inserts().size(), 2u);
  EXPECT_EQ(spool_->stats().landed_rows, 4u);
  EXPECT_EQ(spool_->stats().bytes, 0u);
  EXPECT_EQ(spool_->stats().segments, 0u);
}

TEST_F(SpoolTest, AWaitingRequestIsStoredSoon) {
  options_.flush_interval = std::chrono::seconds(60);
  open();
  auto waiting = request("t", {"1"});
  waiting.wait = true;
  const auto receipt = append(std::move(waiting));
  ASSERT_TRUE(receipt);
  EXPECT_EQ(receipt->successful_rows, 1u);
  EXPECT_FALSE(receipt->duplicate);
  EXPECT_EQ(wait(*receipt).kind, Kind::stored);
  EXPECT_EQ(tables_.rows("t"), Rows{"1"});
}

TEST_F(SpoolTest, AnOldSegmentIsStoredWithoutBeingAsked) {
  open();
  ASSERT_TRUE(append(request("t", {"1"})));
  EXPECT_TRUE(eventually([&] { return tables_.rows("t") == Rows{"1"}; }));
}

TEST_F(SpoolTest, RequestsWithoutRowsAndTooLargeOnesAreRefused) {
  options_.request_bytes_max = 100;
  open();
  EXPECT_EQ(append(request("t", {})).error().code, Code::invalid);
  EXPECT_TRUE(append(request("t", {std::string(99, 'x')})));
  EXPECT_EQ(append(request("t", {std::string(100, 'x')})).error().code, Code::too_large);
}

// attacks.md R1, R10: what was acknowledged before the end of the process is stored after it, under the same tokens and
// in the same composition as the tries before.
TEST_F(SpoolTest, AReplayMakesTheSameInsertsAsTheFirstTry) {
  options_.part_rows_max = 3;
  tables_.script([](const auto&, const auto&) { return Verdict::unreachable; });
  open();
  for (int i = 0; i < 10; ++i)
    ASSERT_TRUE(append(request(i % 3 == 0 ? "u" : "t", {std::to_string(i), "b" + std::to_string(i)})));
  ASSERT_TRUE(eventually([&] { return tables_.inserts().size() >= 2; }));
  spool_.reset();
  std::map<std::string, Rows> tried;
  for (const auto& insert : tables_.inserts()) tried[insert.token] = insert.rows;

  options_.part_rows_max = 100;  // another setting changes nothing for what is written already
  tables_.script(nullptr);
  open();
  ASSERT_TRUE(flush());
  std::multiset<std::string> rows;
  for (const auto& insert : tables_.inserts()) {
    if (insert.verdict != Verdict::stored) continue;
    EXPECT_LE(insert.rows.size(), 3u);
    if (const auto before = tried.find(insert.token); before != tried.end()) EXPECT_EQ(before->second, insert.rows);
  }
  EXPECT_EQ(tables_.rows("t").size() + tables_.rows("u").size(), 20u);
  EXPECT_EQ(spool_->stats().bytes, 0u);
}

// attacks.md R10.
TEST_F(SpoolTest, ARepeatedKeyAddsNothingBeforeAndAfterTheFlushAndARestart) {
  open();
  const auto first = append(request("t", {"1", "2"}, "key"));
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->duplicate);
  const auto repeat = append(request("t", {"1", "2"}, "key"));
  ASSERT_TRUE(repeat);
  EXPECT_TRUE(repeat->duplicate);
  EXPECT_EQ(repeat->successful_rows, 2u);
  EXPECT_EQ(wait(*repeat).kind, Kind::stored);
  ASSERT_TRUE(flush());
  EXPECT_TRUE(append(request("t", {"1", "2"}, "key"))->duplicate);
  reopen();
  const auto late = append(request("t", {"1", "2"}, "key"));
  EXPECT_TRUE(late->duplicate);
  EXPECT_EQ(late->successful_rows, 2u);
  EXPECT_EQ(wait(*late).kind, Kind::stored);
  EXPECT_FALSE(append(request("u", {"1"}, "key"))->duplicate) << "keys belong to a data source";
  ASSERT_TRUE(flush());
  EXPECT_EQ(tables_.rows("t"), (Rows{"1", "2"}));
  EXPECT_EQ(spool_->stats().duplicate_requests, 1u);
}

// attacks.md R10: recovered from the segment, not from the log of keys.
TEST_F(SpoolTest, AKeyOfASegmentThatWasNotStoredIsKnownAfterARestart) {
  tables_.script([](const auto&, const auto&) { return Verdict::unreachable; });
  open();
  ASSERT_TRUE(append(request("t", {"1"}, "key")));
  reopen();
  auto repeated = request("t", {"1"}, "key");
  repeated.wait = true;
  const auto repeat = append(std::move(repeated));
  EXPECT_TRUE(repeat->duplicate);
  EXPECT_EQ(wait(*repeat, Clock::now() + std::chrono::milliseconds(5)).kind, Kind::pending);
  tables_.script(nullptr);
  EXPECT_EQ(wait(*repeat).kind, Kind::stored);
  EXPECT_EQ(tables_.rows("t"), Rows{"1"});
}

// attacks.md R10: at the same time, from several threads.
TEST_F(SpoolTest, ConcurrentRequestsWithOneKeyAddOneSetOfRows) {
  open();
  std::vector<std::future<Result<AppendReceipt>>> all;
  for (int i = 0; i < 64; ++i)
    all.push_back(asio::co_spawn(io_.executor(i % 2), spool_->append(request("t", {"1"}, "key")), asio::use_future));
  int firsts = 0;
  for (auto& one : all) {
    const auto receipt = one.get();
    ASSERT_TRUE(receipt);
    if (!receipt->duplicate) ++firsts;
  }
  EXPECT_EQ(firsts, 1);
  ASSERT_TRUE(flush());
  EXPECT_EQ(tables_.rows("t"), Rows{"1"});
}

TEST_F(SpoolTest, AKeyWithAnotherBodyIsAConflict) {
  open();
  auto first = request("t", {"1"}, "key");
  first.meta.content_hash = 5;
  ASSERT_TRUE(append(std::move(first)));
  auto other = request("t", {"2"}, "key");
  other.meta.content_hash = 6;
  EXPECT_EQ(append(std::move(other)).error().code, Code::conflict);
}

// attacks.md R5.
TEST_F(SpoolTest, AFullDiskIsAnErrorAndHealsByItself) {
  options_.preallocate_bytes = 4096;
  open_faulty();
  ASSERT_TRUE(append(request("t", {"1"})));
  faults_.allocate = true;
  faults_.create = true;
  const auto refused = append(request("t", {std::string(10'000, 'x')}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_NE(refused.error().message.find("full"), std::string::npos);
  EXPECT_FALSE(append(request("t", {std::string(10'000, 'x')})));
  faults_.allocate = false;
  faults_.create = false;
  ASSERT_TRUE(eventually([&] { return append(request("t", {"2"})).has_value(); }));
  ASSERT_TRUE(flush());
  EXPECT_EQ(tables_.rows("t"), (Rows{"1", "2"}));
}

// attacks.md R6: the segment takes nothing more, what it held before is stored, the failed request is not.
TEST_F(SpoolTest, AFailedSyncIsAnErrorAndTheSegmentIsGivenUp) {
  options_.flush_interval = std::chrono::seconds(60);
  open_faulty();
  ASSERT_TRUE(append(request("t", {"before"})));
  faults_.sync = true;
  EXPECT_EQ(append(request("t", {"lost"}, "key")).error().code, Code::unavailable);
  faults_.sync = false;
  ASSERT_TRUE(eventually([&] { return append(request("t", {"after"}, "key")).has_value(); }));
  ASSERT_TRUE(flush());
  EXPECT_EQ(tables_.rows("t"), (Rows{"before", "after"}));
  EXPECT_GE(spool_->stats().write_failures, 1u);
}

TEST_F(SpoolTest, AfterSmallWritesTheNextSegmentIsZeroedAheadAfterLargeOnesItIsNot) {
  open_faulty();
  const auto fill_segments = [&](const std::string& row) {
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(append(request("t", {row})));
      ASSERT_TRUE(flush());
    }
  };
  fill_segments(std::string(200'000, 'x'));
  EXPECT_EQ(faults_.zeros_written, 0u);
  fill_segments(std::string(3'000, 'y'));
  EXPECT_TRUE(eventually([&] { return faults_.zeros_written > 3'000; }));
  EXPECT_LT(faults_.zeros_written, 3 * options_.preallocate_bytes) << "no more than such segments use";
  reopen();
  ASSERT_TRUE(flush());
  EXPECT_EQ(tables_.rows("t").size(), 6u);
}

// attacks.md R6, R4: half a record stays in the file and cannot even be cut off.
TEST_F(SpoolTest, AFailedWriteLeavesNothingThatIsReplayed) {
  options_.flush_interval = std::chrono::seconds(60);
  tables_.script([](const auto&, const auto&) { return Verdict::unreachable; });
  open_faulty();
  ASSERT_TRUE(append(request("t", {"before"})));
  faults_.write = true;
  faults_.truncate = true;
  EXPECT_FALSE(append(request("t", {std::string(5000, 'x')})));
  faults_.write = false;
  faults_.truncate = false;
  tables_.script(nullptr);
  reopen();
  ASSERT_TRUE(flush());
  EXPECT_EQ(tables_.rows("t"), Rows{"before"});
}

// attacks.md R9: the budget holds, callers are told, nothing acknowledged is lost.
TEST_F(SpoolTest, AStuckEngineFillsTheSpoolAndThenRequestsAreRefused) {
  options_.spool_bytes_max = 100'000;
  tables_.script([](const auto&, const auto&) { return Verdict::unreachable; });
  open();
  Rows accepted;
  Result<AppendReceipt> last;
  for (int i = 0; i < 1000; ++i) {
    const std::string row = std::to_string(i) + std::string(1000, 'x');
    last = append(request("t", {row}));
    if (!last) break;
    accepted.push_back(row);
  }
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, Code::unavailable);
  EXPECT_NE(last.error().message.find("full"), std::string::npos);
  EXPECT_LE(spool_->stats().bytes, 100'000u + 1'000u)
      << "rows are counted on entry; the frame of the last comes on top";
  const auto give_up =
      Clock::now() + std::chrono::seconds(10);  // the spool may be full before the first send has failed
  while (spool_->stats().engine_reachable && Clock::now() < give_up) std::this_thread::yield();
  EXPECT_FALSE(spool_->stats().engine_reachable);
  EXPECT_GT(accepted.size(), 50u);

  auto patient = request("t", {"patient"});
  patient.room_deadline = soon();
  patient.sections[0].block = std::string(20'000, 'p') + "\n";
  auto coming = asio::co_spawn(io_.executor(1), spool_->append(std::move(patient)), asio::use_future);
  EXPECT_EQ(coming.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  tables_.script(nullptr);
  EXPECT_TRUE(coming.get()) << "an import waits for room";
  ASSERT_TRUE(flush());
  accepted.push_back(std::string(20'000, 'p'));
  EXPECT_EQ(tables_.rows("t"), accepted);
}

TEST_F(SpoolTest, ARequestThatWaitsForRoomGivesUpAtItsDeadline) {
  options_.spool_bytes_max = 2'000;
  tables_.script([](const auto&, const auto&) { return Verdict::unreachable; });
  open();
  ASSERT_TRUE(append(request("t", {std::string(1500, 'x')})));
  auto patient = request("t", {std::string(1500, 'y')});
  patient.room_deadline = Clock::now() + std::chrono::milliseconds(10);
  EXPECT_EQ(append(std::move(patient)).error().code, Code::unavailable);
}

TEST_F(SpoolTest, OneStuckTableDoesNotTakeTheRoomOfOthers) {
  options_.table_bytes_max = 5'000;
  tables_.script([](const LandingPart& part, const auto&) {
    return part.layout.table.table == "stuck" ? Verdict::busy : Verdict::stored;
  });
  open();
  ASSERT_TRUE(append(request("stuck", {std::string(4'000, 'x')})));
  EXPECT_EQ(append(request("stuck", {std::string(4'000, 'x')})).error().code, Code::unavailable);
  for (int i = 0; i < 5; ++i) {
    auto other = request("t", {std::string(4'000, 'x')});
    other.wait = true;
    // The room of what is stored comes back a moment after its outcome.
    other.room_deadline = soon();
    const auto receipt = append(std::move(other));
    ASSERT_TRUE(receipt);
    EXPECT_EQ(wait(*receipt).kind, Kind::stored);
  }
}

// The poison is one request among many: the others are stored, it is set aside, not lost.
TEST_F(SpoolTest, APoisonousRequestIsSetAsideAndTheRestIsStored) {
  options_.flush_interval = std::chrono::seconds(60);
  tables_.script([](const auto&, const Rows& rows) {
    return std::ranges::find(rows, "poison") != rows.end() ? Verdict::refused_rows : Verdict::stored;
  });
  std::vector<LandedPart> ended;
  std::mutex mutex;
  callbacks_.part_ended = [&](const LandedPart& part) {
    const std::lock_guard lock(mutex);
    ended.push_back(part);
  };
  open();
  Rows expected;
  std::optional<AppendReceipt> poisoned;
  for (int i = 0; i < 100; ++i) {
    auto one = request("t", {i == 37 ? "poison" : std::to_string(i)}, "k" + std::to_string(i));
    const auto receipt = append(std::move(one));
    ASSERT_TRUE(receipt);
    if (i == 37)
      poisoned = *receipt;
    else
      expected.push_back(std::to_string(i));
  }
  ASSERT_TRUE(flush());
  const auto outcome = wait(*poisoned);
  EXPECT_EQ(outcome.kind, Kind::failed);
  EXPECT_EQ(outcome.error.engine_code, 53);
  EXPECT_EQ(tables_.rows("t"), expected);
  const auto batches = failed();
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(batches[0].row_count, 1u);
  EXPECT_EQ(spool_->stats().failed_rows, 1u);
  EXPECT_EQ(folder_.files(".segment", "failed").size(), 1u);

  std::uint64_t stored = 0;
  std::uint64_t lost = 0;
  for (const auto& part : ended)
    for (const auto& source : part.sources) (part.kind == Kind::stored ? stored : lost) += source.rows;
  EXPECT_EQ(stored, 99u);
  EXPECT_EQ(lost, 1u);

  reopen();
  const auto again = failed();
  ASSERT_EQ(again.size(), 1u) << "known after a restart";
  EXPECT_EQ(again[0].token, batches[0].token);
  EXPECT_EQ(again[0].error.message, "scripted");
  EXPECT_EQ(again[0].table.table, "t");
}

TEST_F(SpoolTest, ABatchWhoseTableRefusesEverythingIsSetAsideWhole) {
  tables_.script([](const LandingPart& part, const auto&) {
    return part.layout.table.table == "gone" ? Verdict::refused_all : Verdict::stored;
  });
  open();
  ASSERT_TRUE(append(request("gone", {"1"}, "a")));
  ASSERT_TRUE(append(request("gone", {"2"}, "b")));
  ASSERT_TRUE(append(request("t", {"3"})));
  ASSERT_TRUE(flush());
  EXPECT_EQ(tables_.rows("t"), Rows{"3"});
  std::uint64_t rows = 0;
  for (const auto& batch : failed()) rows += batch.row_count;
  EXPECT_EQ(rows, 2u);
}

TEST_F(SpoolTest, BatchesOfADroppedTableAreReleased) {
  tables_.script([](const auto&, const auto&) { return Verdict::refused_all; });
  callbacks_.table_exists = [](const TableName&) { return false; };
  open();
  const auto receipt = append(request("gone", {"1", "2"}, "k"));
  ASSERT_TRUE(flush());
  EXPECT_EQ(wait(*receipt).kind, Kind::dropped);
  EXPECT_EQ(spool_->stats().dropped_rows, 2u);
  EXPECT_TRUE(failed().empty());
}

// attacks.md R11, native-format.md 10: the rows are stored, the caller learns it, the same token heals the view.
TEST_F(SpoolTest, AFailingViewIsReportedAndTriedAgainUntilItTakesTheRows) {
  tables_.script([](const auto&, const auto&) { return Verdict::view_failed; });
  open();
  auto first = request("t", {"1"});
  first.wait = true;
  const auto receipt = append(std::move(first));
  const auto outcome = wait(*receipt);
  EXPECT_EQ(outcome.kind, Kind::view_failed);
  EXPECT_EQ(outcome.error.message, "scripted");
  EXPECT_EQ(spool_->stats().landed_rows, 1u);
  EXPECT_GT(spool_->stats().bytes, 0u) << "kept for the view";
  const std::string token = tables_.inserts().at(0).token;

  // Later batches do not wait for it, and a restart does not forget it.
  tables_.script([&token](const LandingPart& part, const auto&) {
    return part.token == token ? Verdict::view_failed : Verdict::stored;
  });
  auto second = request("t", {"2"});
  second.wait = true;
  EXPECT_EQ(wait(*append(std::move(second))).kind, Kind::stored);
  reopen();
  ASSERT_TRUE(flush());
  tables_.script(nullptr);
  ASSERT_TRUE(eventually([&] { return spool_->stats().bytes == 0; }));
  EXPECT_EQ(tables_.inserts().back().token, token);
  EXPECT_EQ(tables_.rows("t"), (Rows{"1", "2"}));
  EXPECT_TRUE(failed().empty());
}

// The token of a batch that waits for its view is forgotten by the engine after many inserts: it is set aside before.
TEST_F(SpoolTest, AViewThatNeverHealsIsSetAsideBeforeItsTokenIsForgotten) {
  options_.view_window_max = 5;
  std::optional<std::string> token;
  tables_.script([&token](const LandingPart& part, const auto&) {
    if (!token) token = part.token;
    return part.token == *token ? Verdict::view_failed : Verdict::stored;
  });
  open();
  for (int i = 0; i < 10; ++i) {
    auto one = request("t", {std::to_string(i)});
    one.wait = true;
    (void)wait(*append(std::move(one)));
  }
  ASSERT_TRUE(eventually([&] { return !failed().empty(); }));
  EXPECT_TRUE(failed()[0].rows_stored);
  EXPECT_EQ(tables_.rows("t").size(), 10u);
  EXPECT_EQ(spool_->stats().failed_rows, 0u) << "the rows themselves are in the table";
}

// docs/design/0004-spool.md: a part that was stored long ago is not inserted again when its segment is replayed.
TEST_F(SpoolTest, APartThatEndedLongAgoIsNotInsertedAgainAfterARestart) {
  options_.flush_interval = std::chrono::seconds(60);
  tables_.script([](const LandingPart& part, const auto&) {
    return part.layout.table.table == "stuck" ? Verdict::busy : Verdict::stored;
  });
  open();
  ASSERT_TRUE(append(request("t", {"first"})));
  ASSERT_TRUE(append(request("stuck", {"s"})));
  for (int i = 0; i < 20; ++i) {
    auto one = request("t", {std::to_string(i)});
    one.wait = true;
    EXPECT_EQ(wait(*append(std::move(one))).kind, Kind::stored);
  }
  const auto inserts_of_t = [&] {
    std::size_t count = 0;
    for (const auto& insert : tables_.inserts()) count += insert.table == "t" ? 1 : 0;
    return count;
  };
  ASSERT_TRUE(eventually([&] { return spool_->stats().segments == 1; })) << "those of t alone are gone";
  const std::size_t before = inserts_of_t();
  reopen();
  tables_.script(nullptr);
  ASSERT_TRUE(flush());
  EXPECT_EQ(inserts_of_t(), before) << "its end was noted";
  EXPECT_EQ(tables_.rows("stuck"), Rows{"s"});
}

// Durability::os never waits for the disk: a sync that fails is not noticed.
TEST_F(SpoolTest, DurabilityOsAcknowledgesWhatIsWritten) {
  options_.durability = Durability::os;
  open_faulty();
  faults_.sync = true;
  ASSERT_TRUE(append(request("t", {"1"})));
  ASSERT_TRUE(flush());
  EXPECT_EQ(tables_.rows("t"), Rows{"1"});
  EXPECT_EQ(spool_->stats().syncs, 0u);
  faults_.write = true;
  EXPECT_EQ(append(request("t", {"2"})).error().code, Code::unavailable);
}

TEST_F(SpoolTest, DurabilityMemoryAcknowledgesBeforeTheDiskAndTriesAgainUntilItTakesThem) {
  options_.durability = Durability::memory;
  options_.queue_requests_max = 3;
  open_faulty();
  EXPECT_EQ(spool_->durability(), Durability::memory);
  faults_.create = faults_.write = true;
  ASSERT_TRUE(append(request("t", {"1"})));
  const auto second = append(request("t", {"2"}, "key"));
  ASSERT_TRUE(second);
  ASSERT_TRUE(append(request("t", {"3"})));
  EXPECT_EQ(append(request("t", {"4"})).error().code, Code::unavailable) << "what waits for the disk is bounded";
  ASSERT_TRUE(eventually([&] { return spool_->stats().write_failures >= 6; }));
  faults_.create = faults_.write = false;
  EXPECT_EQ(wait(*second).kind, Kind::stored);
  ASSERT_TRUE(flush());
  EXPECT_EQ(tables_.rows("t"), (Rows{"1", "2", "3"}));
  EXPECT_EQ(spool_->stats().queued_requests, 0u);
}

// attacks.md R1 at each level: what was written outlives the process.
TEST_F(SpoolTest, EachDurabilitySurvivesTheEndOfTheProcessOnceWritten) {
  for (const auto durability : {Durability::fsync, Durability::os, Durability::memory}) {
    SCOPED_TRACE(durability_name(durability));
    EXPECT_EQ(parse_durability(durability_name(durability)), durability);
    options_.durability = durability;
    tables_.script([](const auto&, const auto&) { return Verdict::unreachable; });
    spool_.reset();
    open();
    const std::string row(durability_name(durability));
    ASSERT_TRUE(append(request("t", {row})));
    ASSERT_TRUE(eventually([&] { return spool_->stats().appended_requests == 1; }));
    reopen();
    tables_.script(nullptr);
    ASSERT_TRUE(flush());
    EXPECT_EQ(tables_.rows("t").back(), row);
  }
  EXPECT_FALSE(parse_durability("disk"));
}

TEST_F(SpoolTest, AHeldTableIsFlushedFirstAndThenKeptBack) {
  options_.flush_interval = std::chrono::seconds(60);
  open();
  ASSERT_TRUE(append(request("t", {"before"})));
  {
    const auto held = hold("t", HoldKind::clear);
    ASSERT_TRUE(held) << held.error().message;
    EXPECT_EQ(tables_.rows("t"), Rows{"before"});
    EXPECT_EQ(hold("t", HoldKind::change).error().code, Code::busy);
    ASSERT_TRUE(append(request("t", {"during"})));
    auto other = request("u", {"free"});
    other.wait = true;
    EXPECT_EQ(wait(*append(std::move(other))).kind, Kind::stored);
    EXPECT_EQ(flush(Clock::now() + std::chrono::milliseconds(10)).error().code, Code::timeout);
    EXPECT_EQ(tables_.rows("t"), Rows{"before"});
  }
  ASSERT_TRUE(flush());
  EXPECT_EQ(tables_.rows("t"), (Rows{"before", "during"}));
}

TEST_F(SpoolTest, AHoldThatCannotStoreItsRowsInTimeHoldsNothing) {
  tables_.script([](const auto&, const auto&) { return Verdict::busy; });
  open();
  ASSERT_TRUE(append(request("t", {"1"})));
  EXPECT_EQ(hold("t", HoldKind::change, Clock::now() + std::chrono::milliseconds(20)).error().code, Code::timeout);
  tables_.script(nullptr);
  EXPECT_TRUE(hold("t", HoldKind::change));
  EXPECT_EQ(tables_.rows("t"), Rows{"1"});
}

// attacks.md R2.
TEST_F(SpoolTest, DrainStoresWhatItCanAndKeepsTheRest) {
  tables_.script([](const LandingPart& part, const auto&) {
    return part.layout.table.table == "stuck" ? Verdict::busy : Verdict::stored;
  });
  options_.flush_interval = std::chrono::seconds(60);
  open();
  ASSERT_TRUE(append(request("t", {"1"})));
  ASSERT_TRUE(append(request("stuck", {"2"})));
  EXPECT_GT(drain(Clock::now() + std::chrono::milliseconds(50)), 0u);
  EXPECT_EQ(tables_.rows("t"), Rows{"1"});
  EXPECT_EQ(append(request("t", {"3"})).error().code, Code::unavailable);
  tables_.script(nullptr);
  reopen();
  EXPECT_EQ(drain(), 0u);
  EXPECT_EQ(tables_.rows("stuck"), Rows{"2"});
}

// attacks.md R25.
TEST_F(SpoolTest, ASecondOwnerOfTheFolderIsRefused) {
  open();
  const auto second = try_open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::conflict);
  spool_.reset();
  EXPECT_TRUE(try_open());
}

// attacks.md R4, R26: refused before anything is touched.
TEST_F(SpoolTest, ASegmentOfAnotherVersionIsRefusedAndLeftAlone) {
  tables_.script([](const auto&, const auto&) { return Verdict::unreachable; });
  open();
  ASSERT_TRUE(append(request("t", {"1"})));
  spool_.reset();
  const auto name = folder_.files(".segment").at(0);
  auto header = internal::encode_segment_header({.spool_epoch = 1, .segment_id = 99, .created_at_ms = 0});
  header[8] = 3;
  const std::uint32_t checksum = internal::crc32c(std::string_view(header).substr(0, 60));
  std::memcpy(header.data() + 60, &checksum, 4);
  std::FILE* file = std::fopen((folder_.path() + "/" + internal::segment_name(99)).c_str(), "w");
  std::fwrite(header.data(), 1, header.size(), file);
  std::fclose(file);
  const auto size = std::filesystem::file_size(folder_.path() + "/" + name);
  const auto refused = try_open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unsupported);
  EXPECT_EQ(std::filesystem::file_size(folder_.path() + "/" + name), size);
}

// attacks.md R4: the tail is cut off and changed at every byte; what comes back is a prefix of what was acknowledged.
TEST_F(SpoolTest, ATornOrChangedTailGivesAPrefixOfTheRequests) {
  tables_.script([](const auto&, const auto&) { return Verdict::unreachable; });
  options_.flush_interval = std::chrono::seconds(60);
  open();
  Rows rows;
  for (int i = 0; i < 4; ++i) {
    rows.push_back("row number " + std::to_string(i));
    ASSERT_TRUE(append(request("t", {rows.back()})));
  }
  spool_.reset();
  const std::string path = folder_.path() + "/" + folder_.files(".segment").at(0);
  std::string bytes(std::filesystem::file_size(path), '\0');
  std::FILE* file = std::fopen(path.c_str(), "r");
  ASSERT_EQ(std::fread(bytes.data(), 1, bytes.size(), file), bytes.size());
  std::fclose(file);

  const auto check = [&](const std::string& changed) {
    TempFolder folder;
    const std::string copy = folder.path() + "/" + std::filesystem::path(path).filename().string();
    std::FILE* out = std::fopen(copy.c_str(), "w");
    std::fwrite(changed.data(), 1, changed.size(), out);
    std::fclose(out);
    Tables tables;
    auto spool = Spool::open(quick_options(folder.path()),
                             [&](const auto&) { return std::make_unique<ScriptedLanding>(tables); });
    ASSERT_TRUE(spool) << spool.error().message;
    ASSERT_TRUE(io_.run(0, [&] { return (*spool)->flush(soon()); }));
    const Rows got = tables.rows("t");
    ASSERT_LE(got.size(), rows.size());
    EXPECT_TRUE(std::ranges::equal(got, std::span(rows).first(got.size())));
    if (changed == bytes) EXPECT_EQ(got, rows);
  };
  check(bytes);
  for (std::size_t at = 0; at < bytes.size(); at += 13) check(bytes.substr(0, at));
  for (std::size_t at = 0; at < bytes.size(); at += 17) {
    std::string changed = bytes;
    changed[at] ^= 0x10;
    check(changed);
  }
}

// attacks.md R4: valid requests behind a broken one are not replayed, but not thrown away either.
TEST_F(SpoolTest, ADamagedSegmentIsKept) {
  tables_.script([](const auto&, const auto&) { return Verdict::unreachable; });
  options_.flush_interval = std::chrono::seconds(60);
  open();
  for (const std::string row : {"first", "second", "third"}) ASSERT_TRUE(append(request("t", {row})));
  spool_.reset();
  // An empty segment, prepared for the requests to come, may lie beside theirs.
  int damaged = 0;
  for (const auto& name : folder_.files(".segment")) {
    const std::string path = folder_.path() + "/" + name;
    std::string bytes = read_file(path);
    const auto at = bytes.find("second");
    if (at == std::string::npos) continue;
    bytes[at] = 'S';
    write_file(path, bytes);
    ++damaged;
  }
  ASSERT_EQ(damaged, 1);
  tables_.script(nullptr);
  open();
  ASSERT_TRUE(flush());
  EXPECT_EQ(tables_.rows("t"), Rows{"first"});
  EXPECT_EQ(spool_->stats().damaged_segments, 1u);
  EXPECT_EQ(folder_.files(".segment", "failed").size(), 1u);
}

// attacks.md R6, R7: no descriptor is left, or the disk does not let itself be read.
TEST_F(SpoolTest, ASegmentThatCannotBeReadNowWaits) {
  open_faulty();
  faults_.read = true;
  ASSERT_TRUE(append(request("t", {"first"})));
  ASSERT_TRUE(append(request("u", {"second"})));
  EXPECT_EQ(flush(Clock::now() + std::chrono::milliseconds(200)).error().code, Code::timeout);
  EXPECT_TRUE(tables_.inserts().empty());
  EXPECT_TRUE(folder_.files("", "failed").empty());
  faults_.read = false;
  ASSERT_TRUE(flush());
  EXPECT_EQ(tables_.rows("t"), Rows{"first"});
  EXPECT_EQ(tables_.rows("u"), Rows{"second"});
  EXPECT_EQ(spool_->stats().failed_batches, 0u);
}

TEST_F(SpoolTest, SectionsOfOneRequestCountForTheirDataSource) {
  std::map<std::string, LandedRows> sources;
  std::mutex mutex;
  callbacks_.part_ended = [&](const LandedPart& part) {
    const std::lock_guard lock(mutex);
    for (const auto& one : part.sources) {
      auto& sum = sources[one.source];
      sum.rows += one.rows;
      sum.quarantined_rows += one.quarantined_rows;
      sum.copied_rows += one.copied_rows;
    }
  };
  open();
  auto mixed = request("t", {"1", "2"});
  mixed.sections.push_back(section("t_quarantine", {"bad"}, SectionKind::quarantine));
  mixed.sections.push_back(section("t_staging", {"1", "2"}, SectionKind::copy));
  mixed.meta.quarantined_rows = 1;
  const auto receipt = append(std::move(mixed));
  EXPECT_EQ(receipt->quarantined_rows, 1u);
  ASSERT_TRUE(flush());
  const std::lock_guard lock(mutex);
  EXPECT_EQ(sources["t_t"].rows, 2u);
  EXPECT_EQ(sources["t_t"].quarantined_rows, 1u);
  EXPECT_EQ(sources["t_t"].copied_rows, 2u);
}

// attacks.md R9, R10, R11 at random: whatever the engine answers and however often the process ends, each accepted row
// is in its table once, or stands in failed/.
TEST_F(SpoolTest, AnyAnswersAndRestartsStoreEachAcceptedRowOnce) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    TempFolder folder;
    Tables tables;
    auto options = quick_options(folder.path());
    options.flush_interval = std::chrono::milliseconds(2);
    options.part_rows_max = 4;
    std::mt19937 random(seed);
    tables.script([&random](const auto&, const auto&) {
      switch (random() % 8) {
        case 0:
          return Verdict::unreachable;
        case 1:
          return Verdict::busy;
        case 2:
          return Verdict::view_failed;
        default:
          return Verdict::stored;
      }
    });
    std::map<std::string, std::set<std::string>> accepted;
    int number = 0;
    for (int round = 0; round < 3; ++round) {
      auto spool = Spool::open(options, [&](const auto&) { return std::make_unique<ScriptedLanding>(tables); });
      ASSERT_TRUE(spool) << spool.error().message;
      for (int i = 0; i < 10; ++i) {
        const std::string table(1, static_cast<char>('a' + number % 3));
        const std::string row = std::to_string(number++);
        const auto receipt =
            io_.run(0, [&] { return (*spool)->append(request(table, {row}, number % 2 == 0 ? row : "")); });
        ASSERT_TRUE(receipt) << receipt.error().message;
        accepted[table].insert(row);
      }
      if (round < 2) continue;
      tables.script(nullptr);
      ASSERT_TRUE(eventually([&] { return (*spool)->stats().bytes == 0; }));
      EXPECT_EQ((*spool)->stats().failed_batches, 0u);
    }
    for (const auto& [table, rows] : accepted) {
      const auto stored = tables.rows(table);
      EXPECT_EQ(stored.size(), rows.size());
      EXPECT_EQ(std::set<std::string>(stored.begin(), stored.end()), rows);
    }
  }
}

}  // namespace
}  // namespace kinglet::spool
