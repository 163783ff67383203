// SPDX-License-Identifier: Apache-2.0
// What request bodies may hold in memory, all requests together.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>

#include "runtime/guarded.h"
#include "runtime/one_shot.h"
#include "runtime/task.h"

namespace kinglet::ingest {

struct MemoryLimits {
  /// Of all requests: a quarter for small ones, the rest for large ones.
  std::uint64_t total_bytes_max = 256u << 20;
  /// Text of one request, come and not yet stored, that makes it a large one.
  static constexpr std::uint64_t small_text_max = 256u << 10;
  /// A request takes this and three times its text: the text, its blocks, and an encoded block on its way to the disk.
  static constexpr std::uint64_t overhead_bytes = 4u << 10;
  static constexpr std::size_t waiting_max = 4'096;
};

/// Requests take memory as their bytes come, so that one which announces much and sends little holds little. Two lanes,
/// so that small requests never wait for large ones; who moves up keeps its place below until it has the one above.
/// Each lane may be overdrawn by one request, the one that waited longest, which then never waits again until it gives
/// all back: so requests that each hold a part and want more do not wait for each other.
/// Thread: any. Lifetime: outlives its reservations.
class MemoryLanes {
 public:
  explicit MemoryLanes(const MemoryLimits& limits);

  class Reservation;
  struct Statistics {
    std::uint64_t small_bytes = 0, large_bytes = 0;
    std::uint64_t waiting = 0, waited = 0, refused = 0;
  };
  Statistics statistics() const;

 private:
  enum class Granted : std::uint8_t { no, within, overdrawn };
  struct Waiter {
    std::uint64_t id, bytes;
    OneShot<Granted> granted;
  };
  struct Lane {
    std::uint64_t capacity = 0, used = 0;
    bool overdrawn = false;
    std::deque<Waiter> waiters;

    Granted grant(std::uint64_t bytes);
    void serve_waiters();
  };
  struct State {
    std::array<Lane, 2> lanes;
    std::uint64_t waited = 0, refused = 0;  // `waited` numbers the waiters
  };
  struct Place;

  Task<Result<Granted>> take(std::size_t lane, std::uint64_t bytes, Deadline deadline);
  Granted try_take(std::size_t lane, std::uint64_t bytes);
  void give(std::size_t lane, std::uint64_t bytes, bool overdrawn);

  Guarded<State> state_;
};

/// The memory of one request. Thread: that of its request.
class MemoryLanes::Reservation {
 public:
  explicit Reservation(MemoryLanes& lanes) : lanes_(lanes) {}
  ~Reservation() { release(); }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  /// Makes room for so much text in all; waits for it until `deadline`. Errors: unavailable.
  Task<Status> grow(std::uint64_t text_bytes, Deadline deadline);
  /// The same without waiting; false: nothing changed.
  bool try_grow(std::uint64_t text_bytes);
  /// Is there a request that waits in this one's lane?
  bool others_wait() const;
  void release();

 private:
  struct Wanted {
    std::uint64_t step, bytes;
    std::size_t lane;
    std::uint64_t kept;  // of what it has already
  };
  Wanted wanted(std::uint64_t text_bytes) const;
  void settle(const Wanted& wanted, Granted granted);

  MemoryLanes& lanes_;
  std::size_t lane_ = 0;
  std::uint64_t bytes_ = 0, text_max_ = 0;
  bool overdrawn_ = false;
};

}  // namespace kinglet::ingest
