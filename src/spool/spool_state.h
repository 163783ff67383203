// SPDX-License-Identifier: Apache-2.0
// What the spool holds, and which thread touches it.
#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <map>
#include <memory>
#include <unordered_map>

#include "runtime/io_threads.h"
#include "spool/flush.h"
#include "spool/segment_writer.h"
#include "spool/spool.h"
#include "spool/spool_keys.h"

namespace kinglet::spool {

/// Resumes the waiting coroutine on its own executor; called once.
using AppendHandler = std::function<void(Result<AppendReceipt>)>;

/// A request on its way to the disk.
struct PendingAppend {
  AppendRequest request;
  AppendHandler handler;
  std::vector<AppendHandler> repeats;  // the same idempotency key, meanwhile
  std::optional<internal::KeyHash> key;
  std::uint32_t blocks_checksum = 0;
  std::uint64_t size = 0;  // of its blocks
  std::uint64_t row_count = 0;
};

/// Counters that any thread reads.
struct SpoolCounters {
  std::atomic<std::uint64_t> bytes{0}, segments{0}, queued_requests{0}, queued_bytes{0};
  std::atomic<std::uint64_t> appended_requests{0}, appended_rows{0}, appended_bytes{0}, duplicate_requests{0};
  std::atomic<std::uint64_t> rejected_requests{0}, write_failures{0}, torn_segments{0}, damaged_segments{0}, syncs{0};
  std::array<std::atomic<std::uint64_t>, 10> sync_buckets{};
  std::atomic<std::int64_t> oldest_ns{0};  // steady clock, 0: nothing waits
};

struct Spool::State {
  State(SpoolOptions o, std::unique_ptr<SpoolFolder> f, SpoolCallbacks callbacks);

  SpoolOptions options;
  std::unique_ptr<SpoolFolder> folder;
  SpoolCounters counters;
  internal::FlushCounters flush_counters;
  std::atomic<bool> accepting{true};
  std::atomic<bool> stopped{false};
  std::uint64_t epoch = 0;

  IoThreads spool_thread{1, "spool"};
  IoThreads flush_thread{1, "flush"};
  std::unique_ptr<internal::Flusher> flusher;  // flush thread

  // From here on: spool thread only.
  struct RoomWaiter {
    std::unique_ptr<PendingAppend> append;
    std::unique_ptr<asio::steady_timer> timer;
  };
  std::uint64_t next_segment_id = 1;
  std::unique_ptr<internal::SegmentWriter> active;
  std::unique_ptr<internal::SegmentWriter> spare;
  bool spare_asked = false;
  std::unordered_map<std::uint32_t, std::shared_ptr<internal::Ticket>> active_tickets;
  std::vector<std::unique_ptr<PendingAppend>> pending;
  std::uint64_t pending_bytes = 0;
  bool commit_posted = false;
  asio::steady_timer seal_timer{spool_thread.executor(0)};
  std::optional<Deadline> seal_at;
  Clock::time_point create_not_before{};
  std::optional<Error> create_error;
  internal::KeyIndex keys;
  std::unordered_map<std::uint64_t, std::vector<internal::KnownKey>> segment_keys;  // of segments that still exist
  std::map<std::array<std::uint64_t, 3>, std::weak_ptr<internal::Ticket>> key_tickets;
  std::map<std::array<std::uint64_t, 3>, PendingAppend*> pending_keys;
  std::map<TableName, std::uint64_t> table_bytes;
  std::map<std::uint64_t, Clock::time_point> open_segments;  // with requests, not yet stored
  std::list<RoomWaiter> room_waiters;

  /// Before the threads have work; blocks.
  Status recover(std::vector<internal::SealedSegment>& found);
  Status recover_segment(const std::string& name, bool has_notes, std::vector<internal::SealedSegment>& found);
  void recover_failed();
  void take_recovered(const internal::SegmentScan& scan, internal::SealedSegment& sealed);

  void admit(std::unique_ptr<PendingAppend> append);
  std::optional<Error> room_for(const PendingAppend& append) const;
  bool answer_repeat(std::unique_ptr<PendingAppend>& append);
  void post_commit();
  void commit();
  Status write(std::span<std::unique_ptr<PendingAppend>> batch);
  Status ensure_active();
  void ask_for_spare();
  void take_spare(std::unique_ptr<internal::SegmentWriter> made, std::uint64_t segment_id);
  void arm_seal(Deadline at);
  void seal();
  void leave_queue(const PendingAppend& append);
  void finish(std::unique_ptr<PendingAppend> append, Result<AppendReceipt> result);
  void segment_removed(std::uint64_t segment_id, std::uint64_t size);
  void retry_room();
  void update_oldest();
  void count_sync(std::chrono::microseconds duration);
  void abandon_all();
};

}  // namespace kinglet::spool
