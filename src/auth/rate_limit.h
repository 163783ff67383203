// SPDX-License-Identifier: Apache-2.0
// Rate limits: one token bucket a key (GCRA), in a fixed table of atomics that all io threads share.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

namespace kinglet::auth {

/// The answer, with the values of the X-RateLimit-* headers (http-api.md 1.8).
struct RateDecision {
  bool allowed = true;
  std::int64_t limit = 0;                // requests a second
  std::int64_t remaining = 0;            // right now
  std::int64_t reset_seconds = 0;        // until the bucket is full again
  std::int64_t retry_after_seconds = 0;  // only when not allowed; at least 1
};

/// A bucket holds one second's worth of requests: over any n seconds at most (n + 1) * rate pass.
/// The table is fixed: when the eight places of a key are all in use, it shares the one that is idle soonest, so a
/// flood of keys can throttle a neighbour early but never grows memory. Thread: any, without a lock.
class RateLimiter {
 public:
  static constexpr std::size_t slots = 65'536;
  static constexpr double rate_max = 1'000'000;

  RateLimiter();
  /// `requests_per_second` <= 0 means no limit.
  RateDecision check(std::string_view key, double requests_per_second, std::chrono::steady_clock::time_point now);

 private:
  struct Slot {
    std::atomic<std::uint64_t> key{0};
    std::atomic<std::int64_t> full_at{0};  // ns; when the bucket will be full again
  };
  Slot& slot_of(std::uint64_t key, std::int64_t now);

  std::unique_ptr<Slot[]> table_;
  std::uint64_t seed_;
};

}  // namespace kinglet::auth
