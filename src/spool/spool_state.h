// SPDX-License-Identifier: Apache-2.0
// What the spool holds, and which thread touches it.
#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <unordered_map>

#include "runtime/guarded.h"
#include "runtime/io_threads.h"
#include "spool/flush.h"
#include "spool/segment_writer.h"
#include "spool/spool.h"
#include "spool/spool_keys.h"

namespace kinglet::spool {

/// Who waits for a receipt. `resume` is called once, on `executor`; null: nobody does any more.
struct AppendCaller {
  asio::any_io_executor executor;
  std::move_only_function<void(Result<AppendReceipt>)> resume;
};

/// A request on its way to the disk.
struct PendingAppend {
  AppendRequest request;
  AppendCaller caller;  // nobody: acknowledged already (Durability::memory)
  std::shared_ptr<internal::Ticket> ticket;
  std::vector<AppendCaller> repeats;  // the same idempotency key, meanwhile
  std::optional<internal::KeyHash> key;
  std::uint32_t blocks_checksum = 0;
  std::uint64_t size = 0;  // of its blocks
  std::uint64_t row_count = 0;
};

/// Counters that any thread reads.
struct SpoolCounters {
  std::atomic<std::uint64_t> bytes{0}, segments{0}, queued_requests{0}, queued_bytes{0};
  std::atomic<std::uint64_t> appended_requests{0}, appended_rows{0}, appended_bytes{0}, duplicate_requests{0};
  std::atomic<std::uint64_t> fullest_table_bytes{0}, fullest_table_batches{0};
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
  Guarded<std::vector<std::unique_ptr<PendingAppend>>> arrivals;  // a message to the spool thread is on its way
  std::uint64_t epoch = 0;

  IoThreads spool_thread{1, "spool"};
  IoThreads flush_thread{1, "flush"};
  std::function<bool(std::uint64_t, std::uint64_t)> segment_booked;  // SpoolCallbacks
  std::unique_ptr<internal::Flusher> flusher;                        // flush thread

  // From here on: spool thread only.
  struct RoomWaiter {
    std::unique_ptr<PendingAppend> append;
    std::unique_ptr<asio::steady_timer> timer;
  };
  std::uint64_t next_segment_id = 1;
  std::unique_ptr<internal::SegmentWriter> active;
  std::unique_ptr<internal::SegmentWriter> spare;
  bool spare_asked = false;
  std::uint64_t small_writes_bytes = 0;  // of the last segment; 0: its writes were large
  std::unordered_map<std::uint32_t, std::shared_ptr<internal::Ticket>> active_tickets;
  std::vector<std::unique_ptr<PendingAppend>> arrived;  // the storage that arrivals swaps with
  struct Answer {
    decltype(AppendCaller::resume) resume;
    Result<AppendReceipt> result;
  };
  struct Answers {
    asio::any_io_executor executor;
    std::vector<Answer> list;
  };
  std::vector<Answers> answers;  // one for each thread that waits
  std::vector<std::unique_ptr<PendingAppend>> pending;
  std::uint64_t pending_bytes = 0;
  asio::steady_timer rewrite_timer{spool_thread.executor(0)};
  asio::steady_timer seal_timer{spool_thread.executor(0)};
  std::optional<Deadline> seal_at;
  bool seal_early = false;      // a request waits
  bool seal_postponed = false;  // the time has come, the flusher is behind
  Clock::time_point active_since{};
  Clock::time_point rest_until{};
  Clock::time_point fullest_due{};
  Clock::time_point create_not_before{};
  std::optional<Error> create_error;
  internal::KeyIndex keys;
  std::unordered_map<std::uint64_t, std::vector<internal::KnownKey>> segment_keys;  // of segments that still exist
  std::map<std::array<std::uint64_t, 3>, std::weak_ptr<internal::Ticket>> key_tickets;
  std::map<std::array<std::uint64_t, 3>, PendingAppend*> pending_keys;
  /// What a table has in the spool.
  struct TableShare {
    std::uint64_t bytes = 0;
    std::uint64_t batches = 0;  // sealed
  };
  std::unordered_map<TableName, TableShare, TableNameHash> tables;
  std::map<std::uint64_t, Clock::time_point> open_segments;  // with requests, not yet stored
  std::list<RoomWaiter> room_waiters;

  /// Before the threads have work; blocks.
  Status recover(std::vector<internal::SealedSegment>& found);
  Status recover_segment(const std::string& name, bool has_notes, std::vector<internal::SealedSegment>& found);
  void recover_failed();
  void take_recovered(const internal::SegmentScan& scan, internal::SealedSegment& sealed);

  void retry_failed(const std::string& token, std::function<void(Status)> done);
  void admit(std::unique_ptr<PendingAppend> append);
  std::optional<Error> room_for(const PendingAppend& append) const;
  bool answer_repeat(std::unique_ptr<PendingAppend>& append);
  void acknowledge(PendingAppend& append);
  void keep_unwritten(std::vector<std::unique_ptr<PendingAppend>> batch);
  Result<std::unique_ptr<internal::SegmentWriter>> make_segment(std::uint64_t segment_id, std::uint64_t zeroed_bytes);
  void take_arrivals();
  void answer(AppendCaller caller, Result<AppendReceipt> result);
  void send_answers();
  void commit();
  Status write(std::span<std::unique_ptr<PendingAppend>> batch);
  Status ensure_active();
  void ask_for_spare();
  void take_spare(std::unique_ptr<internal::SegmentWriter> made, std::uint64_t segment_id);
  void arm_seal(Deadline at, bool early);
  void seal_in_time();
  bool flusher_behind() const;
  void flusher_eased(std::chrono::nanoseconds worked);
  void change_shares(const std::vector<internal::FlushEvents::Share>& shares);
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
