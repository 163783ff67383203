// SPDX-License-Identifier: Apache-2.0
#include "auth/rate_limit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <deque>
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

TEST(RateLimiter, LetsAllOfTheLimitThroughAtOnceAndThenNothingForASecond) {
  RateLimiter limiter;
  for (int i = 0; i < 8; ++i) {
    const RateDecision one = limiter.check(RateScope::token, "k", 8, start);
    EXPECT_TRUE(one.allowed) << i;
    EXPECT_EQ(one.limit, 8);
    EXPECT_EQ(one.remaining, 7 - i);
    EXPECT_LE(one.reset_seconds, 2);
    EXPECT_GE(one.reset_seconds, 1);
    EXPECT_EQ(one.retry_after_seconds, 0);
  }
  const RateDecision over = limiter.check(RateScope::token, "k", 8, start);
  EXPECT_FALSE(over.allowed);
  EXPECT_EQ(over.remaining, 0);
  EXPECT_GE(over.retry_after_seconds, 1);
  EXPECT_LE(over.retry_after_seconds, 2);
  EXPECT_FALSE(limiter.check(RateScope::token, "k", 8, start + milliseconds(999)).allowed);
  const Time later = start + seconds(over.retry_after_seconds);
  for (int i = 0; i < 8; ++i)
    EXPECT_TRUE(limiter.check(RateScope::token, "k", 8, later).allowed)
        << i << ": a refused call takes nothing, and who waits as told gets through";
  EXPECT_FALSE(limiter.check(RateScope::token, "k", 8, later).allowed);
}

TEST(RateLimiter, ACallerAtExactlyItsLimitIsNeverRefused) {
  for (const int rate : {12, 100, 1000, 12'345}) {
    RateLimiter limiter;
    for (int i = 0; i < 5 * rate; ++i) {
      const auto at = std::chrono::nanoseconds(std::int64_t{1'000'000'000} * i / rate);
      ASSERT_TRUE(limiter.check(RateScope::token, "k", rate, start + at).allowed) << rate << " at request " << i;
    }
  }
}

TEST(RateLimiter, WhoWaitsAsToldGetsThrough) {
  std::mt19937 random(11);
  for (const double rate : {0.3, 1.0, 2.5, 40.0}) {
    RateLimiter limiter;
    Time now = start;
    for (int i = 0; i < 500; ++i) {
      const RateDecision one = limiter.check(RateScope::token, "k", rate, now);
      if (!one.allowed) {
        now += seconds(one.retry_after_seconds);
        EXPECT_TRUE(limiter.check(RateScope::token, "k", rate, now).allowed) << rate;
      }
      now += milliseconds(random() % 30);
    }
  }
}

TEST(RateLimiter, CountsRefusalsByScope) {
  RateLimiter limiter;
  for (const auto scope : {RateScope::jwt, RateScope::data_source, RateScope::data_source}) {
    limiter.check(scope, "k", 1, start);
    limiter.check(scope, "k", 1, start);
  }
  EXPECT_EQ(limiter.refused(RateScope::jwt), 1U);
  EXPECT_EQ(limiter.refused(RateScope::token), 0U);
  EXPECT_EQ(limiter.refused(RateScope::data_source), 3U);
}

TEST(RateLimiter, NoLimitForZeroAndLess) {
  RateLimiter limiter;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(limiter.check(RateScope::token, "k", 0, start).allowed);
    EXPECT_TRUE(limiter.check(RateScope::token, "k", -1, start).allowed);
    EXPECT_TRUE(limiter.check(RateScope::token, "k", std::numeric_limits<double>::quiet_NaN(), start).allowed);
  }
}

TEST(RateLimiter, RatesUnderOneASecondPassOneAtATime) {
  RateLimiter limiter;
  EXPECT_TRUE(limiter.check(RateScope::token, "k", 0.2, start).allowed);
  const RateDecision over = limiter.check(RateScope::token, "k", 0.2, start + milliseconds(1500));
  EXPECT_FALSE(over.allowed);
  EXPECT_GE(over.retry_after_seconds, 4);
  EXPECT_LE(over.retry_after_seconds, 5);
  EXPECT_TRUE(limiter.check(RateScope::token, "k", 0.2, start + milliseconds(1500) + seconds(over.retry_after_seconds))
                  .allowed);
}

TEST(RateLimiter, KeysDoNotDisturbEachOther) {
  RateLimiter limiter;
  int allowed = 0;
  for (int i = 0; i < 2000; ++i)
    allowed += limiter.check(RateScope::token, "key " + std::to_string(i), 1, start).allowed;
  EXPECT_EQ(allowed, 2000);
}

// attacks.md A6: any second, wherever it begins, and the long run.
TEST(RateLimiter, A6TheLimitHoldsWithinTenPercentWhateverTheArrivals) {
  std::mt19937 random(7);
  for (const double rate : {5.0, 7.5, 50.0, 1000.0}) {
    RateLimiter limiter;
    const auto span = seconds(30);
    std::deque<Time> last_second;
    std::size_t most = 0;
    int allowed = 0;
    Time now = start;
    while (now < start + span) {
      if (limiter.check(RateScope::token, "k", rate, now).allowed) {
        ++allowed;
        last_second.push_back(now);
        while (last_second.front() + seconds(1) <= now) last_second.pop_front();
        most = std::max(most, last_second.size());
      }
      // Ten times the rate for about a second, then a pause.
      const bool pause = random() % static_cast<unsigned>(rate * 10) == 0;
      now += pause ? milliseconds(random() % 1500) : std::chrono::nanoseconds(static_cast<int>(1e8 / rate));
    }
    EXPECT_LE(static_cast<double>(allowed), rate * 30 * 1.1) << rate;
    EXPECT_GE(static_cast<double>(allowed), rate * 30 * 0.6) << rate;
    EXPECT_LE(static_cast<double>(most), std::ceil(rate) * 1.1) << rate;
  }
}

// attacks.md A6: a burst at the edge of a window.
TEST(RateLimiter, A6NoSecondSeesMoreThanTheLimitAtTheEdge) {
  RateLimiter limiter;
  int allowed = 0;
  // Quiet, then a burst, then steady tries for just under a second.
  for (int i = 0; i < 500; ++i) allowed += limiter.check(RateScope::token, "k", 100, start + milliseconds(990)).allowed;
  for (int i = 0; i < 900; ++i)
    allowed += limiter.check(RateScope::token, "k", 100, start + milliseconds(1000 + i)).allowed;
  EXPECT_GE(allowed, 100);
  EXPECT_LE(allowed, 110);
}

TEST(RateLimiter, A6ParallelCallersShareOneLimit) {
  RateLimiter limiter;
  std::atomic<int> allowed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < 5000; ++j) allowed += limiter.check(RateScope::token, "k", 100, start).allowed;
    });
  for (auto& one : threads) one.join();
  EXPECT_EQ(allowed, 109);
}

TEST(RateLimiter, AFullTableStaysBoundedAndStillLimits) {
  RateLimiter limiter;
  for (std::size_t i = 0; i < RateLimiter::slots * 3; ++i)
    limiter.check(RateScope::token, "flood " + std::to_string(i), 1, start);
  int allowed = 0;
  for (int i = 0; i < 100; ++i) allowed += limiter.check(RateScope::token, "late", 8, start).allowed;
  EXPECT_LE(allowed, 8);
  EXPECT_TRUE(limiter.check(RateScope::token, "late", 8, start + seconds(3)).allowed) << "idle places are used again";
}

}  // namespace
}  // namespace kinglet::auth
