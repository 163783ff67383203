// SPDX-License-Identifier: Apache-2.0
// Ring: the newest records of one kind, bounded; the oldest is dropped when it is full.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/guarded.h"

namespace kinglet::observe {

/// Thread: any. Cost of add(): one short lock and one allocation. Memory: `capacity` records.
template <class T>
class Ring {
 public:
  explicit Ring(std::size_t capacity) : state_(State{.records = std::vector<std::shared_ptr<const T>>(capacity)}) {}

  void add(T record) {
    auto shared = std::make_shared<const T>(std::move(record));
    // The dropped record is destroyed after the lock is released.
    state_.with([&](State& s) {
      shared.swap(s.records[s.added % s.records.size()]);
      ++s.added;
    });
  }
  /// Records numbered `from` and later, oldest first, with the number to ask for next time.
  std::pair<std::vector<std::shared_ptr<const T>>, std::uint64_t> read(std::uint64_t from = 0) const {
    return state_.with([&](const State& s) {
      const std::uint64_t oldest = s.added > s.records.size() ? s.added - s.records.size() : 0;
      std::vector<std::shared_ptr<const T>> out;
      for (std::uint64_t i = std::max(from, oldest); i < s.added; ++i) out.push_back(s.records[i % s.records.size()]);
      return std::pair(std::move(out), s.added);
    });
  }
  /// How many were ever added.
  std::uint64_t added() const {
    return state_.with([](const State& s) { return s.added; });
  }

 private:
  struct State {
    std::vector<std::shared_ptr<const T>> records;
    std::uint64_t added = 0;
  };
  Guarded<State> state_;
};

}  // namespace kinglet::observe
