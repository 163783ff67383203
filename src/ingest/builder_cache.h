// SPDX-License-Identifier: Apache-2.0
// Builders of rows that wait for the next request to the same data source.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>

#include "rows/row_batch.h"
#include "runtime/guarded.h"

namespace kinglet::ingest {

/// Making a builder costs more than reading one event with it. Thread: any.
class BuilderCache {
 public:
  static constexpr std::size_t builders_max = 128;
  static constexpr std::size_t builder_memory_max = 4u << 20;
  static constexpr std::size_t memory_max = 64u << 20;  // of all; the oldest go first

  /// A builder at the start of a stream.
  std::unique_ptr<rows::BatchBuilder> take(const std::shared_ptr<const rows::RowMapping>& mapping,
                                           rows::BatchOptions options);
  /// Returns what is not kept, to be destroyed where it may take its time.
  std::unique_ptr<rows::BatchBuilder> give(std::unique_ptr<rows::BatchBuilder> builder);

 private:
  struct Kept {
    std::unique_ptr<rows::BatchBuilder> builder;
    std::size_t memory = 0;
  };
  struct State {
    std::deque<Kept> kept;  // the latest last
    std::size_t memory = 0;
  };
  Guarded<State> state_;
};

}  // namespace kinglet::ingest
