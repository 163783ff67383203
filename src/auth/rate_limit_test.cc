// SPDX-License-Identifier: Apache-2.0
#include "auth/rate_limit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace kinglet::auth {
namespace {

using Time = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;
using std::chrono::seconds;

const Time start{std::chrono::hours(100)};

TEST(RateLimiter, LetsOneSecondsWorthThroughAtOnceAndThenTheRate) {
  RateLimiter limiter;
  for (int i = 0; i < 10; ++i) {
    const RateDecision one = limiter.check("k", 10, start);
    EXPECT_TRUE(one.allowed) << i;
    EXPECT_EQ(one.limit, 10);
    EXPECT_EQ(one.remaining, 9 - i);
    EXPECT_EQ(one.reset_seconds, 1);
    EXPECT_EQ(one.retry_after_seconds, 0);
  }
  const RateDecision over = limiter.check("k", 10, start);
  EXPECT_FALSE(over.allowed);
  EXPECT_EQ(over.remaining, 0);
  EXPECT_EQ(over.retry_after_seconds, 1);
  EXPECT_FALSE(limiter.check("k", 10, start + milliseconds(99)).allowed);
  EXPECT_TRUE(limiter.check("k", 10, start + milliseconds(100)).allowed);
  EXPECT_FALSE(limiter.check("k", 10, start + milliseconds(199)).allowed) << "a refused call takes nothing";
  EXPECT_TRUE(limiter.check("k", 10, start + milliseconds(200)).allowed);
}

TEST(RateLimiter, NoLimitForZeroAndLess) {
  RateLimiter limiter;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(limiter.check("k", 0, start).allowed);
    EXPECT_TRUE(limiter.check("k", -1, start).allowed);
    EXPECT_TRUE(limiter.check("k", std::numeric_limits<double>::quiet_NaN(), start).allowed);
  }
}

TEST(RateLimiter, RatesUnderOneASecondPassOneAtATime) {
  RateLimiter limiter;
  EXPECT_TRUE(limiter.check("k", 0.2, start).allowed);
  const RateDecision over = limiter.check("k", 0.2, start + milliseconds(1500));
  EXPECT_FALSE(over.allowed);
  EXPECT_EQ(over.retry_after_seconds, 4);
  EXPECT_TRUE(limiter.check("k", 0.2, start + seconds(5)).allowed);
}

TEST(RateLimiter, KeysDoNotDisturbEachOther) {
  RateLimiter limiter;
  int allowed = 0;
  for (int i = 0; i < 2000; ++i) allowed += limiter.check("key " + std::to_string(i), 1, start).allowed;
  EXPECT_EQ(allowed, 2000);
}

TEST(RateLimiter, A6TheLimitHoldsWithinTenPercentWhateverTheArrivals) {
  std::mt19937 random(7);
  for (const double rate : {5.0, 50.0, 1000.0}) {
    RateLimiter limiter;
    const auto window = seconds(30);
    int allowed = 0;
    Time now = start;
    while (now < start + window) {
      allowed += limiter.check("k", rate, now).allowed;
      // Ten times the rate for about a second, then a pause.
      const bool pause = random() % static_cast<unsigned>(rate * 10) == 0;
      now += pause ? milliseconds(random() % 1500) : std::chrono::nanoseconds(static_cast<int>(1e8 / rate));
    }
    EXPECT_LE(allowed, static_cast<int>(rate * 30 * 1.1));
    EXPECT_GE(allowed, static_cast<int>(rate * 30 * 0.7));
  }
}

TEST(RateLimiter, A6ParallelCallersShareOneLimit) {
  RateLimiter limiter;
  std::atomic<int> allowed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < 5000; ++j) allowed += limiter.check("k", 100, start).allowed;
    });
  for (auto& one : threads) one.join();
  EXPECT_EQ(allowed, 100);
}

TEST(RateLimiter, AFullTableStaysBoundedAndStillLimits) {
  RateLimiter limiter;
  for (std::size_t i = 0; i < RateLimiter::slots * 3; ++i) limiter.check("flood " + std::to_string(i), 1, start);
  int allowed = 0;
  for (int i = 0; i < 100; ++i) allowed += limiter.check("late", 10, start).allowed;
  EXPECT_LE(allowed, 10);
  EXPECT_TRUE(limiter.check("late", 10, start + seconds(3)).allowed) << "idle places are used again";
}

}  // namespace
}  // namespace kinglet::auth
