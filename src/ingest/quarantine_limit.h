// SPDX-License-Identifier: Apache-2.0
// QuarantineLimit: how many of the bad rows of a data source are kept, so that a flood of them fills no disk (I14).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "engine/block.h"
#include "runtime/guarded.h"
#include "runtime/task.h"

namespace kinglet::ingest {

/// Of one data source. A rate of 0 keeps what the burst allows and nothing more.
struct QuarantineRates {
  std::uint64_t rows_per_second = 1'000, rows_burst = 100'000;
  std::uint64_t bytes_per_second = 1u << 20, bytes_burst = 64u << 20;
  std::uint64_t table_bytes_max = 2ull << 30;  // on disk; beyond it nothing is kept until rows are cleared or expire
};

/// The first rows of a flood are kept whole, then a sample at the rate. Starts full with the process. Thread: any.
class QuarantineLimit {
 public:
  using Key = std::pair<std::string, std::string>;  // workspace id, data source id
  explicit QuarantineLimit(QuarantineRates rates) : rates_(rates) {}

  /// Of `rows` rows with `bytes` bytes together, how many may be kept; they are taken off.
  std::uint64_t take(const Key& source, std::uint64_t rows, std::uint64_t bytes, Clock::time_point now);
  /// Keeps so many of a batch's bad rows; the others are cut off.
  void sample(const Key& source, engine::Block& quarantine, Clock::time_point now);
  /// Its table has this size; true at the moment when it became too large.
  bool set_table_bytes(const Key& source, std::uint64_t bytes);
  const QuarantineRates& rates() const { return rates_; }

 private:
  struct Bucket {
    double rows = 0, bytes = 0;
    Clock::time_point at;
  };
  struct State {
    std::map<Key, Bucket> buckets;  // those that are not full
    std::set<Key> full_tables;
  };
  static constexpr std::size_t buckets_max = 20'000;  // beyond it the fullest are forgotten
  QuarantineRates rates_;
  Guarded<State> state_;
};

}  // namespace kinglet::ingest
