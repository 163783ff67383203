// SPDX-License-Identifier: Apache-2.0
#include "ingest/memory_lanes.h"

#include <algorithm>

namespace kinglet::ingest {
namespace {

constexpr std::size_t small = 0, large = 1;

/// Text is taken room for in steps, so that a stream does not ask at every read.
std::uint64_t step_for(std::uint64_t text_bytes) {
  constexpr std::uint64_t exact_max = 16u << 10;
  if (text_bytes <= exact_max) return text_bytes;
  std::uint64_t step = exact_max;
  while (step < text_bytes) step *= 4;
  return step;
}

}  // namespace

MemoryLanes::MemoryLanes(const MemoryLimits& limits) {
  state_.with([&](State& state) {
    state.lanes[small].capacity = limits.total_bytes_max / 4;
    state.lanes[large].capacity = limits.total_bytes_max - limits.total_bytes_max / 4;
  });
}

MemoryLanes::Granted MemoryLanes::Lane::grant(std::uint64_t bytes) {
  if (used + bytes > capacity) {
    if (overdrawn) return Granted::no;
    overdrawn = true;
    used += bytes;
    return Granted::overdrawn;
  }
  used += bytes;
  return Granted::within;
}

void MemoryLanes::Lane::serve_waiters() {
  while (!waiters.empty()) {
    const auto granted = grant(waiters.front().bytes);
    if (granted == Granted::no) return;
    waiters.front().granted.set(granted);
    waiters.pop_front();
  }
}

/// A place in the queue. Destroyed while it waits (the server stops), it gives back what was granted meanwhile.
struct MemoryLanes::Place {
  MemoryLanes& lanes;
  std::size_t lane;
  std::uint64_t bytes, id = 0;
  OneShot<Granted> granted = {};
  bool in_queue = false;

  ~Place() {
    if (in_queue && !leave()) lanes.give(lane, bytes, granted.wait_blocking(Clock::now()) == Granted::overdrawn);
  }
  bool enter() {
    in_queue = lanes.state_.with([&](State& state) {
      Lane& in = state.lanes[lane];
      if (in.waiters.size() >= MemoryLimits::waiting_max) return false;
      id = ++state.waited;
      in.waiters.push_back({id, bytes, granted});
      in.serve_waiters();  // room may have come since the try
      return true;
    });
    return in_queue;
  }
  /// False: it was granted.
  bool leave() {
    in_queue = false;
    return lanes.state_.with([&](State& state) {
      Lane& in = state.lanes[lane];
      if (std::erase_if(in.waiters, [&](const Waiter& waiter) { return waiter.id == id; }) == 0) return false;
      in.serve_waiters();  // the one behind may fit
      return true;
    });
  }
};

MemoryLanes::Granted MemoryLanes::try_take(std::size_t lane, std::uint64_t bytes) {
  return state_.with([&](State& state) {
    Lane& in = state.lanes[lane];
    return in.waiters.empty() ? in.grant(bytes) : Granted::no;
  });
}

Task<Result<MemoryLanes::Granted>> MemoryLanes::take(std::size_t lane, std::uint64_t bytes, Deadline deadline) {
  if (const auto granted = try_take(lane, bytes); granted != Granted::no) co_return granted;
  Place place{.lanes = *this, .lane = lane, .bytes = bytes};
  if (place.enter()) {
    (void)co_await place.granted.wait(deadline);
    if (!place.leave()) co_return *place.granted.wait_blocking(Clock::now());
  }
  state_.with([](State& state) { ++state.refused; });
  co_return fail(Code::unavailable, "the memory for request bodies is used up by others; retry in a moment");
}

void MemoryLanes::give(std::size_t lane, std::uint64_t bytes, bool overdrawn) {
  state_.with([&](State& state) {
    Lane& in = state.lanes[lane];
    in.used -= bytes;
    if (overdrawn) in.overdrawn = false;
    in.serve_waiters();
  });
}

MemoryLanes::Statistics MemoryLanes::statistics() const {
  return state_.with([](const State& state) {
    return Statistics{.small_bytes = state.lanes[small].used,
                      .large_bytes = state.lanes[large].used,
                      .waiting = state.lanes[small].waiters.size() + state.lanes[large].waiters.size(),
                      .waited = state.waited,
                      .refused = state.refused};
  });
}

MemoryLanes::Reservation::Wanted MemoryLanes::Reservation::wanted(std::uint64_t text_bytes) const {
  const std::uint64_t step = step_for(text_bytes);
  const std::size_t lane = step <= MemoryLimits::small_text_max ? small : large;
  return {
      .step = step, .bytes = MemoryLimits::overhead_bytes + 3 * step, .lane = lane, .kept = lane == lane_ ? bytes_ : 0};
}

void MemoryLanes::Reservation::settle(const Wanted& wanted, Granted granted) {
  if (wanted.kept == 0) release();
  overdrawn_ = granted == Granted::overdrawn;
  lane_ = wanted.lane;
  bytes_ = wanted.bytes;
  text_max_ = wanted.step;
}

bool MemoryLanes::Reservation::try_grow(std::uint64_t text_bytes) {
  if (bytes_ > 0 && text_bytes <= text_max_) return true;
  const Wanted want = wanted(text_bytes);
  auto granted = Granted::overdrawn;
  if (want.lane == lane_ && overdrawn_) {
    lanes_.state_.with([&](State& state) { state.lanes[want.lane].used += want.bytes - want.kept; });
  } else {
    granted = lanes_.try_take(want.lane, want.bytes - want.kept);
    if (granted == Granted::no) return false;
  }
  settle(want, granted);
  return true;
}

Task<Status> MemoryLanes::Reservation::grow(std::uint64_t text_bytes, Deadline deadline) {
  if (try_grow(text_bytes)) co_return Status{};
  const Wanted want = wanted(text_bytes);
  CO_TRY(const auto granted, co_await lanes_.take(want.lane, want.bytes - want.kept, deadline));
  settle(want, granted);
  co_return Status{};
}

bool MemoryLanes::Reservation::others_wait() const {
  return lanes_.state_.with([&](const State& state) { return !state.lanes[lane_].waiters.empty(); });
}

void MemoryLanes::Reservation::release() {
  if (bytes_ > 0) lanes_.give(lane_, bytes_, overdrawn_);
  bytes_ = text_max_ = 0;
  overdrawn_ = false;
}

}  // namespace kinglet::ingest
