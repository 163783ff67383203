// SPDX-License-Identifier: Apache-2.0
// RowAccount: what became of the rows of one data source, as it happens.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "runtime/guarded.h"

namespace kinglet::observe {

/// Rows of one data source since it was made; the catalog's ledger carries them over a restart. The invariant of
/// ingestion (design.md 4): accepted = stored + quarantined + deduplicated + failed + dropped + sampled out + pending,
/// where pending is what the spool still holds.
struct RowCounts {
  std::int64_t accepted = 0;      // acknowledged to a client, good and bad rows
  std::int64_t stored = 0;        // the engine has them
  std::int64_t quarantined = 0;   // stored in the quarantine twin
  std::int64_t deduplicated = 0;  // sent before under the same key: counted, not stored again
  std::int64_t failed = 0;        // refused by the engine for good, kept in the spool's failed/
  std::int64_t dropped = 0;       // their table was removed before they came to it
  std::int64_t sampled_out = 0;   // bad rows of a flood: counted, not kept
  /// Rows accepted and not yet accounted for; negative means that the books are wrong.
  std::int64_t pending() const {
    return accepted - stored - quarantined - deduplicated - failed - dropped - sampled_out;
  }
};

/// Counters of one data source. Thread: any. Lifetime: shared; ingest keeps the pointer.
class RowAccount {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Rows that were acknowledged.
  void accept(std::uint64_t rows);
  void deduplicate(std::uint64_t rows) { deduplicated_.fetch_add(signed_rows(rows), std::memory_order_release); }
  void sample_out(std::uint64_t rows) { sampled_out_.fetch_add(signed_rows(rows), std::memory_order_release); }
  /// What became of rows; `accepted` of rows that an earlier process acknowledged. Numbers may be negative.
  void add(const RowCounts& change);
  void stored_now();
  RowCounts read() const;

  /// Age of the oldest row that was accepted and has not come to an end; zero when there is none. Exact to `mark_step`
  /// while little waits, coarser under a long backlog.
  std::chrono::milliseconds oldest_pending(Time now) const;
  /// When rows were last stored, in seconds since 1970; 0: not since the server started.
  std::int64_t last_stored_at() const { return last_stored_at_.load(std::memory_order_relaxed); }

  /// How far the engine's count of rows is from the books; 0: they agree, or cannot be compared.
  void set_mismatch(std::int64_t rows) { mismatch_.store(rows, std::memory_order_relaxed); }
  std::int64_t mismatch() const { return mismatch_.load(std::memory_order_relaxed); }
  /// Operations that changed rows beside ingestion (delete, truncate, replace, copy): what was counted before is no
  /// measure any more.
  void disturb() { disturbances_.fetch_add(1, std::memory_order_release); }
  std::uint64_t disturbances() const { return disturbances_.load(std::memory_order_acquire); }

 private:
  static constexpr std::size_t marks_max = 64;
  static constexpr std::chrono::milliseconds mark_step{50};
  static std::int64_t signed_rows(std::uint64_t rows) { return static_cast<std::int64_t>(rows); }
  std::int64_t ended() const;

  /// When the sum of accepted rows passed a number: the oldest mark above the sum of ended rows is the oldest row.
  struct Mark {
    std::int64_t accepted = 0;  // rows accepted before it
    Time at{};
  };
  struct Marks {
    std::array<Mark, marks_max> ring;
    std::size_t count = 0;
    std::chrono::milliseconds step = mark_step;
  };

  std::atomic<std::int64_t> accepted_{0}, stored_{0}, quarantined_{0}, deduplicated_{0}, failed_{0}, dropped_{0},
      sampled_out_{0};
  std::atomic<std::int64_t> last_stored_at_{0}, mismatch_{0};
  std::atomic<std::uint64_t> disturbances_{0};
  std::atomic<Time::rep> next_mark_{0};
  Guarded<Marks> marks_;
};

}  // namespace kinglet::observe
