// SPDX-License-Identifier: Apache-2.0
// Rate limits: a sliding window a key, in a fixed table of atomics that all io threads share.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

namespace kinglet::auth {

/// The answer, with the values of the X-RateLimit-* headers (http-api.md 1.8).
struct RateDecision {
  bool allowed = true;
  std::int64_t limit = 0;                // requests a window: one second, longer for a fraction
  std::int64_t remaining = 0;            // right now
  std::int64_t reset_seconds = 0;        // until all of the limit is free again
  std::int64_t retry_after_seconds = 0;  // only when not allowed; at least 1
};

/// Whose limit it is; each counts its refusals.
enum class RateScope : std::uint8_t { jwt, token, data_source };

/// Any second sees at most a tenth more than the limit, however the requests arrive (attacks.md A6): all at once is
/// allowed, and then nothing until the window has passed. It moves in steps of a twelfth of a second; the thirteenth
/// twelfth, which is partly outside, has its share of requests, so that a caller at exactly its limit is not refused.
/// The table is fixed (2 MiB): when the eight places of a key are all in use, it shares the one that is idle soonest,
/// so a flood of keys can throttle a neighbour early but never grows memory. Thread: any, without a lock.
class RateLimiter {
 public:
  static constexpr std::size_t slots = 16'384;
  static constexpr double rate_max = 1'000'000;
  static constexpr double rate_min = 1e-6;

  RateLimiter();
  /// `requests_per_second` <= 0 means no limit; a fraction is held as whole requests over a longer window.
  RateDecision check(RateScope scope, std::string_view key, double requests_per_second,
                     std::chrono::steady_clock::time_point now);

  std::uint64_t refused(RateScope scope) const { return refused_[static_cast<std::size_t>(scope)]; }
  /// Checks that had to share a place with another key.
  std::uint64_t shared() const { return shared_; }

 private:
  static constexpr std::int64_t steps = 12;        // of a window
  static constexpr std::size_t cells = steps + 1;  // with the one that has begun
  static constexpr int count_bits = 24;
  struct alignas(64) Slot {
    std::atomic<std::uint64_t> key{0};
    std::atomic<std::int64_t> step{1};      // ns a cell covers
    std::atomic<std::int64_t> clear_at{0};  // ns; when every cell has left the window
    /// Requests of one step: its number in the upper bits, the count in the lower 24.
    std::array<std::atomic<std::uint64_t>, cells> counts{};
  };
  struct Window {
    std::int64_t used = 0;
    std::int64_t oldest_step = 0, newest_step = 0;  // of those with requests
  };

  Slot& slot_of(RateScope scope, std::string_view key, std::int64_t step, std::int64_t now);
  static Window look(const Slot& slot, std::int64_t step_number);
  static std::uint64_t take(std::atomic<std::uint64_t>& cell, std::int64_t step_number);
  static void give_back(std::atomic<std::uint64_t>& cell, std::uint64_t step_bits);

  std::unique_ptr<Slot[]> table_;
  std::uint64_t seed_;
  std::array<std::atomic<std::uint64_t>, 3> refused_{};
  std::atomic<std::uint64_t> shared_ = 0;
};

}  // namespace kinglet::auth
