// SPDX-License-Identifier: Apache-2.0
#include "ingest/builder_cache.h"

#include <algorithm>

namespace kinglet::ingest {

std::unique_ptr<rows::BatchBuilder> BuilderCache::take(const std::shared_ptr<const rows::RowMapping>& mapping,
                                                       rows::BatchOptions options) {
  auto builder = state_.with([&](State& state) -> std::unique_ptr<rows::BatchBuilder> {
    const auto found = std::find_if(state.kept.rbegin(), state.kept.rend(),
                                    [&](const Kept& kept) { return kept.builder->mapping() == mapping; });
    if (found == state.kept.rend()) return nullptr;
    auto out = std::move(found->builder);
    state.memory -= found->memory;
    state.kept.erase(std::next(found).base());
    return out;
  });
  if (builder == nullptr) return std::make_unique<rows::BatchBuilder>(mapping, std::move(options));
  builder->restart(std::move(options));
  return builder;
}

std::unique_ptr<rows::BatchBuilder> BuilderCache::give(std::unique_ptr<rows::BatchBuilder> builder) {
  const std::size_t memory = builder->memory();
  if (memory > builder_memory_max) return builder;
  std::deque<Kept> dropped;
  state_.with([&](State& state) {
    state.kept.push_back({std::move(builder), memory});
    state.memory += memory;
    while (state.kept.size() > builders_max || state.memory > memory_max) {
      state.memory -= state.kept.front().memory;
      dropped.push_back(std::move(state.kept.front()));
      state.kept.pop_front();
    }
  });
  return nullptr;
}

}  // namespace kinglet::ingest
