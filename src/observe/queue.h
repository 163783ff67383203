// SPDX-License-Identifier: Apache-2.0
// Queue: records of one kind on their way to the tables of the service data sources, bounded; what does not fit is lost
// and counted.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "runtime/guarded.h"

namespace kinglet::observe {

/// Thread: any. Cost of add(): one short lock and one move.
template <class T>
class Queue {
 public:
  struct Bounds {
    std::size_t records = 0;
    std::size_t bytes = 0;
  };
  explicit Queue(Bounds bounds) : bounds_(bounds) {}

  /// `bytes`: what the record holds in memory, roughly. A record that does not fit is lost: those before it say how the
  /// trouble began.
  void add(T record, std::size_t bytes) {
    state_.with([&](State& s) {
      if (s.records.size() >= bounds_.records || s.bytes + bytes > bounds_.bytes) {
        ++s.lost;
        return;
      }
      s.bytes += bytes;
      s.records.push_back(std::move(record));
    });
  }
  /// All that waits, oldest first.
  std::vector<T> take() {
    std::vector<T> next;
    state_.with([&](State& s) {
      next.swap(s.records);
      s.bytes = 0;
    });
    return next;
  }
  /// Adds to the lost ones what its taker could not write.
  void lose(std::uint64_t records) {
    state_.with([&](State& s) { s.lost += records; });
  }

  struct Counts {
    std::uint64_t waiting = 0, lost = 0;
  };
  Counts counts() const {
    return state_.with([](const State& s) { return Counts{.waiting = s.records.size(), .lost = s.lost}; });
  }

 private:
  struct State {
    std::vector<T> records;
    std::size_t bytes = 0;
    std::uint64_t lost = 0;
  };
  Bounds bounds_;
  Guarded<State> state_{};
};

}  // namespace kinglet::observe
