// SPDX-License-Identifier: Apache-2.0
// The spool under load, with refused batches, and beside faults of its disk.
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

// attacks.md I13: tables whose inserts hang do not stop the others, whatever their number.
TEST_F(SpoolTest, TablesThatHangDoNotStopTheOthers) {
  options_.slow_insert = std::chrono::milliseconds(5);
  HangingLanding::Switch hang;
  open_with([&](const auto& executor) { return std::make_unique<HangingLanding>(executor, tables_, hang); });
  for (std::size_t i = 0; i < options_.flush_concurrency + 2; ++i)
    ASSERT_TRUE(append(request("hang" + std::to_string(i), {"x"})));
  ASSERT_TRUE(eventually([&] { return hang.waiting == options_.flush_concurrency + 2; }));
  for (int i = 0; i < 20; ++i) {
    auto one = request("light", {std::to_string(i)});
    one.wait = true;
    EXPECT_EQ(wait(*append(std::move(one))).kind, Kind::stored);
  }
  EXPECT_EQ(hang.waiting, options_.flush_concurrency + 2) << "they hang all the while";
  hang.open = true;
  ASSERT_TRUE(flush());
  EXPECT_EQ(tables_.rows("hang0"), Rows{"x"});
}

// attacks.md I13: a table with a full queue of batches and a light one take turns.
TEST_F(SpoolTest, AFloodOfOneTableLeavesTurnsForAnother) {
  options_.flush_concurrency = 1;
  options_.part_rows_max = 1;
  options_.flush_interval = std::chrono::seconds(60);
  open();
  std::vector<std::future<Result<AppendReceipt>>> flood;
  for (int i = 0; i < 200; ++i)
    flood.push_back(
        asio::co_spawn(io_.executor(1), spool_->append(request("flood", {std::to_string(i)})), asio::use_future));
  for (auto& one : flood) ASSERT_TRUE(one.get());
  auto light = request("light", {"x"});
  light.wait = true;
  EXPECT_EQ(wait(*append(std::move(light))).kind, Kind::stored);
  const auto inserts = tables_.inserts();
  const auto place = std::ranges::find(inserts, "light", &Tables::Insert::table) - inserts.begin();
  EXPECT_LT(place, 10) << "of 201 inserts";
  ASSERT_TRUE(flush());
  EXPECT_EQ(tables_.rows("flood").size(), 200u);
}

// docs/design/0004-spool.md: while tables wait for a place, new rows gather in one segment instead of many.
TEST_F(SpoolTest, WhileTheFlusherIsBehindTheActiveSegmentGrows) {
  options_.flush_concurrency = 1;
  options_.slow_insert = std::chrono::seconds(60);
  options_.flush_rest_max = std::chrono::milliseconds(1);
  HangingLanding::Switch hang;
  open_with([&](const auto& executor) { return std::make_unique<HangingLanding>(executor, tables_, hang); });
  ASSERT_TRUE(append(request("hang", {"x"})));
  ASSERT_TRUE(append(request("behind", {"first"})));
  ASSERT_TRUE(eventually([&] { return hang.waiting == 1; }));
  Rows rows{"first"};
  for (int i = 0; i < 50; ++i) {
    rows.push_back(std::to_string(i));
    ASSERT_TRUE(append(request("behind", {rows.back()})));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // sleep: far more than a flush interval in all
  }
  hang.open = true;
  ASSERT_TRUE(eventually([&] { return tables_.rows("behind").size() == rows.size(); }));
  EXPECT_EQ(tables_.rows("behind"), rows);
  const auto inserts = tables_.inserts();
  EXPECT_LE(std::ranges::count(inserts, "behind", &Tables::Insert::table), 3);
}

// attacks.md R9: batches that wait for another try do not hold the memory that others need.
TEST_F(SpoolTest, ASegmentOfManyTablesIsReadOnceToLandBesideOneThatWaits) {
  options_.flush_interval = std::chrono::seconds(60);
  options_.retry_min = options_.retry_max = std::chrono::seconds(60);
  options_.flush_memory_bytes_max = 10'000;
  tables_.script([](const LandingPart& part, const auto&) {
    return part.layout.table.table == "stuck" ? Verdict::busy : Verdict::stored;
  });
  open_faulty();
  auto stuck = request("stuck", {std::string(8'000, 'x')});
  stuck.wait = true;
  EXPECT_EQ(wait(*append(std::move(stuck)), Clock::now() + std::chrono::milliseconds(50)).kind, Kind::pending);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(append(request(fmt::format("t{}", i), {std::string(100, 'y')})));
  auto last = request("last", {"z"});
  last.wait = true;
  EXPECT_EQ(wait(*append(std::move(last))).kind, Kind::stored);
  ASSERT_TRUE(eventually([&] { return tables_.rows("t19").size() == 1; }));
  EXPECT_EQ(faults_.segment_reads, 3) << "the one that waits; the other to plan it and to land its 21 batches";
}

// attacks.md R9, R12: batches of one table are bounded, also tiny ones; the others go on.
TEST_F(SpoolTest, TooManyBatchesOfOneTableAreRefusedUntilSomeAreStored) {
  options_.table_batches_max = 3;
  tables_.script([](const LandingPart& part, const auto&) {
    return part.layout.table.table == "stuck" ? Verdict::busy : Verdict::stored;
  });
  open();
  ASSERT_TRUE(eventually([&] { return !append(request("stuck", {"x"})).has_value(); }));
  const auto refused = append(request("stuck", {"x"}));
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_TRUE(append(request("free", {"x"})));
  tables_.script(nullptr);
  ASSERT_TRUE(eventually([&] { return append(request("stuck", {"again"})).has_value(); }));
  ASSERT_TRUE(flush());
  EXPECT_EQ(tables_.rows("stuck").back(), "again");
}

// attacks.md R12: a table whose merges are behind gets its inserts slower, and none at all from a point on.
TEST_F(SpoolTest, ATableWithTooManyPartsWaitsForItsMerges) {
  options_.parts_watch = std::chrono::milliseconds(1);
  CrowdedLanding::Switch crowd;
  open_with([&](const auto&) { return std::make_unique<CrowdedLanding>(tables_, crowd); });
  crowd.parts = 2 * options_.parts_in_partition_slow;
  ASSERT_TRUE(append(request("t", {"first"})));
  ASSERT_TRUE(eventually([&] { return spool_->stats().crowded_tables == 1; }));
  ASSERT_TRUE(append(request("t", {"second"})));
  auto other = request("other", {"x"});
  other.wait = true;
  EXPECT_EQ(wait(*append(std::move(other))).kind, Kind::stored);
  EXPECT_EQ(flush(Clock::now() + std::chrono::milliseconds(50)).error().code, Code::timeout);
  EXPECT_EQ(tables_.rows("t"), Rows{"first"});
  crowd.parts = 0;
  ASSERT_TRUE(flush());
  EXPECT_EQ(tables_.rows("t"), (Rows{"first", "second"}));
}

// attacks.md R11, R12: later inserts of a table count by the partitions that they may have touched.
TEST_F(SpoolTest, AViewsBatchIsSetAsideSoonerWhenInsertsTouchManyPartitions) {
  options_.view_window_max = 20;
  CrowdedLanding::Switch crowd;
  crowd.partitions = 10;
  std::optional<std::string> token;
  tables_.script([&token](const LandingPart& part, const auto&) {
    if (!token) token = part.token;
    return part.token == *token ? Verdict::view_failed : Verdict::stored;
  });
  open_with([&](const auto&) { return std::make_unique<CrowdedLanding>(tables_, crowd); });
  for (int i = 0; i < 4; ++i) {
    auto one = request("t", Rows(10, "x"));
    one.wait = true;
    (void)wait(*append(std::move(one)));
  }
  ASSERT_TRUE(eventually([&] { return !failed().empty(); }));
  EXPECT_TRUE(failed()[0].rows_stored);
}

TEST_F(SpoolTest, AFailedBatchIsTriedAgainOnceAndStored) {
  tables_.script([](const auto&, const auto&) { return Verdict::refused_all; });
  std::vector<std::pair<Kind, std::optional<Kind>>> reports;
  std::mutex mutex;
  callbacks_.part_ended = [&](const LandedPart& part) {
    const std::lock_guard lock(mutex);
    reports.emplace_back(part.kind, part.earlier);
  };
  open();
  ASSERT_TRUE(append(request("t", {"1", "2"})));
  ASSERT_TRUE(eventually([&] { return !failed().empty(); }));
  const std::string token = failed()[0].token;
  EXPECT_EQ(spool_->stats().failed_waiting, 1u);
  reopen();
  ASSERT_EQ(failed().size(), 1u) << "listed after a restart";
  tables_.script(nullptr);
  ASSERT_TRUE(retry_failed(token));
  EXPECT_EQ(retry_failed(token).error().code, Code::not_found);
  ASSERT_TRUE(flush());
  EXPECT_EQ(tables_.rows("t"), (Rows{"1", "2"}));
  EXPECT_TRUE(failed().empty());
  EXPECT_EQ(spool_->stats().failed_waiting, 0u);
  EXPECT_EQ(spool_->stats().bytes, 0u);
  EXPECT_TRUE(folder_.files(".segment", "failed").empty());
  const std::lock_guard lock(mutex);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0], std::pair(Kind::failed, std::optional<Kind>()));
  EXPECT_EQ(reports[1], std::pair(Kind::stored, std::optional(Kind::failed)));
}

// A server that ends between the two steps of trying again has the batch in both places: the spool's counts.
TEST_F(SpoolTest, ABatchThatIsTriedAgainIsStoredOnceWhateverEndsMeanwhile) {
  tables_.script([](const auto&, const auto&) { return Verdict::refused_all; });
  open();
  ASSERT_TRUE(append(request("t", {"1"})));
  ASSERT_TRUE(eventually([&] { return !failed().empty(); }));
  const std::string token = failed()[0].token;
  const auto old = std::filesystem::path(folder_.path()) / "failed" / (token + ".segment");
  const auto copy = std::filesystem::path(folder_.path()) / "copy";
  std::filesystem::copy_file(old, copy);
  tables_.script([](const auto&, const auto&) { return Verdict::unreachable; });
  ASSERT_TRUE(retry_failed(token));
  spool_.reset();
  std::filesystem::rename(copy, old);
  tables_.script(nullptr);
  open();
  EXPECT_TRUE(failed().empty());
  ASSERT_TRUE(flush());
  EXPECT_EQ(tables_.rows("t"), Rows{"1"});
}

TEST_F(SpoolTest, AFailedBatchIsDroppedAndStrangeNamesAreNot) {
  tables_.script([](const auto&, const auto&) { return Verdict::refused_all; });
  open();
  ASSERT_TRUE(append(request("t", {"1"})));
  ASSERT_TRUE(eventually([&] { return !failed().empty(); }));
  for (const std::string& name : Rows{"", "../" + folder_.files(".segment", "failed")[0], "..", "k1-1-0", "a/b"})
    EXPECT_EQ(drop_failed(name).error().code, Code::not_found) << name;
  ASSERT_TRUE(drop_failed(failed()[0].token));
  EXPECT_TRUE(failed().empty());
  reopen();
  EXPECT_TRUE(failed().empty());
}

// attacks.md R11: inserting again what is stored already would store it twice.
TEST_F(SpoolTest, ABatchWhoseRowsAreStoredIsNotTriedAgain) {
  options_.view_window_max = 0;
  tables_.script([](const auto&, const auto&) { return Verdict::view_failed; });
  open();
  ASSERT_TRUE(append(request("t", {"1"})));
  ASSERT_TRUE(eventually([&] { return !failed().empty(); }));
  EXPECT_EQ(retry_failed(failed()[0].token).error().code, Code::conflict);
  ASSERT_TRUE(drop_failed(failed()[0].token));
}

// attacks.md R10: what is sent again after a restart is the same blocks under the same tokens.
TEST_F(SpoolTest, AReplaySendsTheSameBytesUnderTheSameTokens) {
  std::map<std::string, std::vector<std::string>> sent;  // token -> blocks
  std::mutex mutex;
  bool differ = false;
  tables_.script([&](const LandingPart& part, const auto&) {
    const std::lock_guard lock(mutex);
    std::vector<std::string> blocks(part.blocks.begin(), part.blocks.end());
    const auto [known, fresh] = sent.emplace(part.token, blocks);
    differ |= known->second != blocks;
    return Verdict::busy;
  });
  options_.part_rows_max = 3;
  for (int round = 0; round < 3; ++round) {
    open();
    for (int i = 0; i < 20; ++i)
      ASSERT_TRUE(append(request(i % 3 == 0 ? "t" : "u", {std::to_string(round), std::to_string(i)})));
    ASSERT_TRUE(eventually([&] { return tables_.inserts().size() >= 10u * (round + 1u); }));
    spool_.reset();
  }
  {
    const std::lock_guard lock(mutex);
    EXPECT_FALSE(differ);
  }
  std::set<std::string> tokens_before;
  for (const auto& [token, blocks] : sent) tokens_before.insert(token);
  tables_.script([&](const LandingPart& part, const auto&) {
    const std::lock_guard lock(mutex);
    const auto known = sent.find(part.token);
    if (known != sent.end())
      differ |= known->second != std::vector<std::string>(part.blocks.begin(), part.blocks.end());
    tokens_before.erase(part.token);
    return Verdict::stored;
  });
  open();
  ASSERT_TRUE(flush());
  EXPECT_FALSE(differ);
  EXPECT_TRUE(tokens_before.empty()) << "each token that was tried comes again";
  EXPECT_EQ(tables_.rows("t").size() + tables_.rows("u").size(), 120u);
}

// attacks.md R4: any flips and cuts of a segment: what is replayed is a prefix of what was acknowledged, whole up to
// the first damage, and what was lost is reported.
TEST_F(SpoolTest, AnyFlipsAndCutsGiveThePrefixBeforeThem) {
  tables_.script([](const auto&, const auto&) { return Verdict::unreachable; });
  options_.flush_interval = std::chrono::seconds(60);
  open();
  Rows rows;
  std::vector<std::uint64_t> ends;  // of each request in the file
  for (int i = 0; i < 12; ++i) {
    rows.push_back("row number " + std::to_string(i) + std::string(static_cast<std::size_t>(i * 7 % 40), '.'));
    ASSERT_TRUE(append(request(i % 4 == 0 ? "u" : "t", {rows.back()})));
    ends.push_back(internal::segment_header_size + spool_->stats().bytes);
  }
  spool_.reset();
  const std::string name = folder_.files(".segment").at(0);
  const std::string bytes = read_file(folder_.path() + "/" + name);
  EXPECT_TRUE(
      rc::check([&](const std::vector<std::pair<std::uint32_t, std::uint8_t>>& flips, bool cut, std::uint32_t at) {
        std::string changed = bytes;
        std::uint64_t first = bytes.size();
        for (const auto& [place, bits] : flips) {
          if (bits == 0) continue;
          const std::size_t where = place % bytes.size();
          changed[where] = static_cast<char>(changed[where] ^ bits);
          if (changed[where] == bytes[where]) continue;
          first = std::min<std::uint64_t>(first, where);
        }
        if (cut) {
          changed.resize(at % (bytes.size() + 1));
          first = std::min<std::uint64_t>(first, changed.size());
        }
        // Two flips of one byte may undo each other.
        first = std::mismatch(bytes.begin(), bytes.end(), changed.begin(), changed.end()).first - bytes.begin();
        TempFolder folder;
        write_file(folder.path() + "/" + name, changed);
        Tables tables;
        auto spool = Spool::open(quick_options(folder.path()),
                                 [&](const auto&) { return std::make_unique<ScriptedLanding>(tables); });
        // A changed version byte with a right checksum does not come about by flips of few bits.
        RC_ASSERT(spool.has_value());
        RC_ASSERT(io_.run(0, [&] { return (*spool)->flush(soon()); }).has_value());
        Rows got_t = tables.rows("t"), got_u = tables.rows("u");
        std::size_t whole = 0;  // requests before the first damage; padding behind a record does not count as one
        while (first > internal::segment_header_size && whole < ends.size() && ends[whole] <= first) ++whole;
        if (first < internal::segment_header_size) whole = 0;
        std::size_t got = got_t.size() + got_u.size();
        RC_ASSERT(got >= whole);
        Rows expected_t, expected_u;
        for (std::size_t i = 0; i < got; ++i) (i % 4 == 0 ? expected_u : expected_t).push_back(rows[i]);
        RC_ASSERT(got_t == expected_t);
        RC_ASSERT(got_u == expected_u);
        // Only what was cut at a record's end, in the padding behind it, or in zeros may go unreported.
        const auto stats = (*spool)->stats();
        const bool reported = stats.torn_segments + stats.damaged_segments > 0;
        const bool in_padding = got == whole + 1 && ends[whole] - first < internal::record_alignment;
        const bool clean_cut = cut && (got == whole || in_padding);
        if (got < rows.size() && !clean_cut) RC_ASSERT(reported);
      }));
}

// attacks.md R5, R6 at every other place that writes: whatever fails beside the segment's own write, what was
// acknowledged is stored once, and all goes on when the disk does.
TEST_F(SpoolTest, AFaultOfTheDiskBesideTheSegmentOnlyDelays) {
  struct Place {
    std::atomic<bool> Faults::* fault;
    const char* only;
  };
  const std::initializer_list<Place> places{
      {&Faults::create, "keys"},     {&Faults::write, "keys"},     {&Faults::sync, "keys"},
      {&Faults::create, "notes"},    {&Faults::write, "notes"},    {&Faults::sync, "notes"},
      {&Faults::rename, "notes"},    {&Faults::create, "failed"},  {&Faults::write, "failed"},
      {&Faults::sync, "failed"},     {&Faults::remove, "segment"}, {&Faults::folder_sync, ""},
      {&Faults::truncate, "segment"}};
  int number = 0;
  for (const auto& place : places) {
    SCOPED_TRACE(fmt::format("{}: {}", number, place.only));
    const std::string table = "t" + std::to_string(number++);
    spool_.reset();
    // One row is refused for good; another table is busy, so that ends must be noted.
    tables_.script([](const LandingPart& part, const auto& rows) {
      if (part.layout.table.table == "busy") return Verdict::busy;
      return rows == Rows{"bad"} ? Verdict::refused_all : Verdict::stored;
    });
    open_faulty();
    ASSERT_TRUE(append(request("busy", {table})));
    faults_.only = place.only;
    faults_.*place.fault = true;
    std::size_t acknowledged = 0;
    for (int i = 0; i < 12; ++i) {
      auto one = request(table, {std::to_string(i)}, table + std::to_string(i));
      one.wait = true;
      const auto receipt = append(std::move(one));
      if (!receipt) continue;  // folder_sync: no new segment can be made
      ++acknowledged;
      (void)wait(*receipt, Clock::now() + std::chrono::milliseconds(20));
    }
    const bool bad = append(request(table, {"bad"})).has_value();
    std::this_thread::sleep_for(std::chrono::milliseconds(30));  // sleep: the fault is met
    faults_.*place.fault = false;
    if (bad) ASSERT_TRUE(eventually([&] { return spool_->stats().failed_waiting == 1; }));
    // The process ends, and the keys are still known. Its batch may have been set aside without a note of it: then it
    // is refused and set aside again.
    spool_.reset();
    tables_.script(
        [](const auto&, const auto& rows) { return rows == Rows{"bad"} ? Verdict::refused_all : Verdict::stored; });
    open_faulty();
    for (int i = 0; i < 12; ++i) ASSERT_TRUE(append(request(table, {std::to_string(i)}, table + std::to_string(i))));
    ASSERT_TRUE(flush());
    const auto rows = tables_.rows(table);
    EXPECT_EQ(rows.size(), 12u);
    EXPECT_EQ(std::set<std::string>(rows.begin(), rows.end()).size(), 12u);
    EXPECT_GT(acknowledged, 0u);
    EXPECT_EQ(failed().size(), bad ? 1u : 0u);
    for (const auto& batch : failed()) ASSERT_TRUE(drop_failed(batch.token));
  }
}

}  // namespace
}  // namespace kinglet::spool
