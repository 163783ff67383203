// SPDX-License-Identifier: Apache-2.0
#include "ingest/memory_lanes.h"

#include <gtest/gtest.h>

#include <future>

#include "runtime/deadline.h"
#include "runtime/io_threads.h"

namespace kinglet::ingest {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t piece = 16u << 20;
constexpr std::uint64_t piece_bytes = MemoryLimits::overhead_bytes + 3 * piece;
/// Two whole pieces fit, and one more by overdraft.
constexpr MemoryLimits two_pieces{.total_bytes_max = piece_bytes * 8 / 3};

class MemoryLanesTest : public ::testing::Test {
 protected:
  bool grow(MemoryLanes::Reservation& reservation, std::uint64_t text, Deadline deadline = Clock::now()) {
    return threads_.run(0, reservation.grow(text, deadline)).has_value();
  }
  IoThreads threads_{4};
  MemoryLanes lanes_{two_pieces};
};

TEST_F(MemoryLanesTest, OneMoreThanFitsGoesOnAndTheNextOneWaits) {
  auto first = std::make_unique<MemoryLanes::Reservation>(lanes_);
  MemoryLanes::Reservation second(lanes_), third(lanes_), fourth(lanes_);
  EXPECT_TRUE(grow(*first, piece) && grow(second, piece) && grow(third, piece));
  EXPECT_EQ(lanes_.statistics().large_bytes, 3 * piece_bytes);
  EXPECT_FALSE(second.others_wait());
  auto waiting = asio::co_spawn(threads_.executor(0), fourth.grow(piece, deadline_in(10s)), asio::use_future);
  while (lanes_.statistics().waiting == 0) std::this_thread::yield();
  EXPECT_TRUE(second.others_wait());
  third.release();
  EXPECT_TRUE(waiting.get().has_value());
  EXPECT_EQ(lanes_.statistics().large_bytes, 3 * piece_bytes);
}

TEST_F(MemoryLanesTest, WhoWaitsTooLongIsRefusedAndSmallOnesPassBy) {
  MemoryLanes::Reservation first(lanes_), second(lanes_), third(lanes_), fourth(lanes_), small(lanes_);
  EXPECT_TRUE(grow(first, piece) && grow(second, piece) && grow(third, piece));
  const auto refused = threads_.run(0, fourth.grow(piece, deadline_in(5ms)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_TRUE(grow(small, 100));
  EXPECT_EQ(lanes_.statistics().small_bytes, MemoryLimits::overhead_bytes + 300);
  EXPECT_EQ(lanes_.statistics().refused, 1u);
  EXPECT_EQ(lanes_.statistics().waiting, 0u);
}

TEST_F(MemoryLanesTest, RequestsThatGrowTogetherAllEnd) {
  // Ten requests that each hold a part before any has all: without the overdraft they would wait for each other.
  std::vector<std::unique_ptr<MemoryLanes::Reservation>> all;
  for (int i = 0; i < 10; ++i) all.push_back(std::make_unique<MemoryLanes::Reservation>(lanes_));
  for (auto& one : all) ASSERT_TRUE(grow(*one, 1u << 20, deadline_in(10s)));
  const auto finish = [](MemoryLanes::Reservation& one) -> Task<bool> {
    for (std::uint64_t text = 2u << 20; text <= piece; text *= 2)
      if (!co_await one.grow(text, deadline_in(20s))) co_return false;
    one.release();
    co_return true;
  };
  std::vector<std::future<bool>> running;
  for (std::size_t i = 0; i < all.size(); ++i)
    running.push_back(asio::co_spawn(threads_.executor(i % 4), finish(*all[i]), asio::use_future));
  for (auto& one : running) EXPECT_TRUE(one.get());
  EXPECT_EQ(lanes_.statistics().large_bytes, 0u);
}

TEST_F(MemoryLanesTest, AGrowingRequestMovesUpAndGivesBackItsPlaceBelow) {
  MemoryLanes::Reservation one(lanes_);
  EXPECT_TRUE(grow(one, 1000) && grow(one, 900));
  EXPECT_EQ(lanes_.statistics().small_bytes, MemoryLimits::overhead_bytes + 3000);
  EXPECT_TRUE(grow(one, 20'000));
  EXPECT_EQ(lanes_.statistics().small_bytes, MemoryLimits::overhead_bytes + 3 * (64u << 10));
  EXPECT_TRUE(grow(one, MemoryLimits::small_text_max + 1));
  EXPECT_EQ(lanes_.statistics().small_bytes, 0u);
  EXPECT_EQ(lanes_.statistics().large_bytes, MemoryLimits::overhead_bytes + 3 * (1u << 20));
}

TEST_F(MemoryLanesTest, ManyThreadsLeaveNothingBehind) {
  const auto work = [](MemoryLanes& in, unsigned seed) -> Task<int> {
    int held = 0;
    for (unsigned i = 0; i < 200; ++i) {
      MemoryLanes::Reservation one(in);
      const std::uint64_t sizes[] = {100, MemoryLimits::small_text_max + 1, piece};
      if (co_await one.grow(sizes[(i + seed) % 3], deadline_in(i % 7 == 0 ? 1ms : 10'000ms))) ++held;
      if (i % 5 == 0) co_await sleep_until(Clock::now());
      (void)co_await one.grow(piece, deadline_in(1ms));
    }
    co_return held;
  };
  std::vector<std::future<int>> running;
  for (unsigned i = 0; i < 8; ++i)
    running.push_back(asio::co_spawn(threads_.executor(i % 4), work(lanes_, i), asio::use_future));
  for (auto& one : running) EXPECT_GT(one.get(), 100);
  EXPECT_EQ(lanes_.statistics().small_bytes, 0u);
  EXPECT_EQ(lanes_.statistics().large_bytes, 0u);
  EXPECT_EQ(lanes_.statistics().waiting, 0u);
}

}  // namespace
}  // namespace kinglet::ingest
