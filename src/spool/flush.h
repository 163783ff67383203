// SPDX-License-Identifier: Apache-2.0
// The flusher: takes sealed segments to the engine, each table's batches in order, each exactly once.
#pragma once

#include <atomic>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "spool/flush_notes.h"
#include "spool/flush_plan.h"
#include "spool/flush_ready.h"
#include "spool/spool.h"

namespace kinglet::spool::internal {

/// What a request that was acknowledged waits for. Touched on the flush thread only.
struct Ticket {
  struct Waiter {
    std::uint64_t id = 0;
    std::function<void(FlushOutcome)> done;
  };
  bool wanted = false;   // the request waits: its tables go first; written before the flusher has it
  bool planned = false;  // its segment reached the flusher
  std::uint32_t open_parts = 0;
  bool ended = false;
  FlushOutcome outcome{.kind = FlushOutcome::Kind::stored};
  std::vector<Waiter> waiters;
};

/// A segment that takes no more requests.
struct SealedSegment {
  SegmentHeader header;
  std::string name;
  std::uint64_t size = 0;  // of its durable records; what stands behind them is not read
  bool damaged = false;    // kept in failed/ when its valid records are stored
  bool has_notes = false;  // of an earlier process
  bool recovered = false;  // its rows were accepted by an earlier process
  std::unordered_map<std::uint32_t, std::shared_ptr<Ticket>> tickets;  // by number of the request in the segment
};

/// What the flusher counts; read by stats() on any thread.
struct FlushCounters {
  std::atomic<std::uint64_t> landed_rows{0}, landed_parts{0}, insert_retries{0}, view_failures{0};
  std::atomic<std::uint64_t> failed_batches{0}, failed_rows{0}, dropped_rows{0};
  std::atomic<bool> engine_reachable{true};
  std::atomic<std::uint64_t> ready_tables{0};  // have rows, may start, find no free place
  std::atomic<std::uint64_t> running_inserts{0};
  std::atomic<std::uint64_t> crowded_tables{0};
  std::atomic<std::uint64_t> failed_waiting{0}, damaged_waiting{0};  // files in failed/, as far as they are listed
};

/// What the flusher tells its spool; called on the flush thread.
struct FlushEvents {
  /// What has changed in the tables' shares of the spool; gathered over one turn of the event loop.
  struct Share {
    TableName table;
    std::uint64_t bytes_ended = 0;
    std::uint64_t batches_planned = 0, batches_ended = 0;
  };
  std::function<void(std::vector<Share>)> shares_changed;
  /// Fewer tables wait for a free place than before: none at all (`worked`: so long since the last time that was so),
  /// or wait_flush_tables_max; or the engine is back.
  std::function<void(std::chrono::nanoseconds worked)> eased;
  /// All parts of the segment ended: whatever must outlive its file is made durable, then `go_on` is called on the
  /// flush thread with the result.
  std::function<void(std::uint64_t segment_id, std::function<void(Status)> go_on)> before_remove;
  /// The file is gone.
  std::function<void(std::uint64_t segment_id, std::uint64_t size)> removed;
};

/// Thread: all functions on the flush thread, except the constructor.
class Flusher {
 public:
  Flusher(asio::any_io_executor executor, SpoolFolder& folder, const SpoolOptions& options, SpoolCallbacks callbacks,
          FlushEvents events, FlushCounters& counters);
  ~Flusher();
  Flusher(const Flusher&) = delete;
  Flusher& operator=(const Flusher&) = delete;

  void start(std::unique_ptr<Landing> landing);
  /// In the order of their ids.
  void add(SealedSegment segment);
  /// Calls `done` once: with the outcome, or with `pending` at `deadline`.
  void wait(const std::shared_ptr<Ticket>& ticket, Deadline deadline, std::function<void(FlushOutcome)> done);
  /// Calls `done` when no segment with an id up to `segment_id` is left, or with a timeout.
  void wait_removed(std::uint64_t segment_id, Deadline deadline, std::function<void(Status)> done);
  /// Stores what the table has now, then keeps later parts back until release(). Errors: timeout, busy (held already).
  void hold(const TableName& table, HoldKind kind, Deadline deadline, std::function<void(Status)> done);
  void release(const TableName& table);
  /// Starts no more inserts; those that run are cancelled. Waiters get `pending`. `idle` is called when none runs.
  void stop(std::function<void()> idle);

  const std::deque<FailedBatch>& failed() const { return failed_; }
  /// Moves a batch of failed/ into a new segment, durable, with its failure as the first record.
  struct Restored {
    SealedSegment sealed;
    SegmentScan scan;
  };
  Result<Restored> restore_failed(const std::string& token, const SegmentHeader& header);
  Status drop_failed(const std::string& token);
  void remember_failed(FailedBatch batch);
  void count_failed();
  void remember_damaged(const std::string& segment_name, std::uint64_t size);

 private:
  struct Loaded;
  struct Segment;
  struct Part;
  struct Held;
  struct Table;
  using Time = std::chrono::steady_clock::time_point;
  enum class Step : std::uint8_t { ended, later };

  // flush.cc: what runs when.
  void pump();
  void start_watch();
  std::optional<Time> crowded_until(const Table& table) const;
  void enqueue(Table& table);
  std::size_t places() const;
  void count_ready();
  void change_share(FlushEvents::Share share);
  Part* pick(Table& table);
  void sleep_until(Table& table, Time time);
  void arm_timer();
  void after(std::chrono::milliseconds delay, std::function<void()> call);
  void run_ended(Table& table, std::exception_ptr problem);
  void delay(Table& table, int tries);
  std::chrono::milliseconds backoff(int tries) const;
  void end_part(Table& table, Part& part);
  void begin_remove(std::uint64_t segment_id);
  void remove(std::uint64_t segment_id);
  bool settled_up_to(std::uint64_t segment_id) const;
  void finish_removed_waiters();
  void check_hold(Table& table);
  void forget_if_idle(Table& table);
  Table& table_of(const TableName& name);
  void lose_segment(SealedSegment sealed, const Error& error);
  void take_arrived();
  /// Plans a segment. False: it cannot be read now, and `sealed` is as it was.
  bool take(SealedSegment& sealed);

  // flush_land.cc: one part.
  Task<void> run(std::shared_ptr<Landing> landing, Table* table);
  Task<Step> land_part(std::shared_ptr<Landing> landing, Table* table, Part* part);
  Step view_failed(Table& table, Part& part, const Loaded& loaded, PartRange range, const Error& error);
  enum class Use : std::uint8_t { plan, land };
  /// Reads a segment back, or gives what is kept of it. To plan it, it is kept only when there is room.
  Result<std::shared_ptr<const Loaded>> load(Segment& segment, Use use);
  Status write_notes(Table& table, bool all, std::uint64_t next_entries);
  Task<void> watch_parts(std::shared_ptr<Landing> landing);
  Task<void> ask_partitions(std::shared_ptr<Landing> landing, Table* table);
  Status note(Part& part, PartRange range, NoteKind kind, std::uint32_t value = 0);
  Status set_aside(Part& part, const Loaded& loaded, PartRange range, const Error& error, bool rows_stored);
  void report(Part& part, const Loaded& loaded, PartRange range, FlushOutcome::Kind kind, const Error& error,
              std::chrono::microseconds elapsed, std::optional<FlushOutcome::Kind> earlier = std::nullopt);
  void tell_tickets(Part& part);

  // flush_books.cc: what became of each row.
  void open_books(Segment& segment, const SegmentScan& scan);
  static void plan_books(const SegmentScan& scan, const PlannedPart& planned, Part& part);
  void book(Part& part, const Loaded& loaded, PartRange range, FlushOutcome::Kind kind);
  void book_rest(Part& part, FlushOutcome::Kind kind);
  void book_rows(Segment& segment, const std::string& source, const RowsBooked& rows);
  void book_dropped(const SegmentScan& failed);
  void close_books(std::uint64_t segment_id);
  void engine_answered(const LandingAnswer& answer);

  asio::any_io_executor executor_;
  SpoolFolder& folder_;
  const SpoolOptions& options_;
  SpoolCallbacks callbacks_;
  FlushEvents events_;
  FlushCounters& counters_;
  std::shared_ptr<Landing> landing_;

  std::map<std::uint64_t, std::unique_ptr<Segment>> segments_;
  std::deque<SealedSegment> arrived_;  // sealed and not read back yet, in the order of their ids
  std::map<TableName, std::unique_ptr<Table>> tables_;
  ReadyQueue<Table*> ready_;
  std::optional<Time> behind_since_;
  std::size_t last_ready_ = 0;
  std::vector<FlushEvents::Share> shares_;  // not told yet
  std::multimap<Time, Table*> sleeping_;
  std::uint64_t loaded_bytes_ = 0;                                              // of segments that are kept in memory
  const std::shared_ptr<std::string> spare_ = std::make_shared<std::string>();  // a segment's memory, for the next one
  int engine_tries_ = 0;                                                        // failed tries in a row, of all tables
  Time engine_not_before_{};
  asio::steady_timer timer_;
  struct Crowded {
    std::chrono::milliseconds pause;  // behind each insert; parts_pause: none at all
    Time last_insert;
  };
  std::map<TableName, Crowded> crowded_;
  asio::cancellation_signal watch_cancel_;
  bool watching_ = false;
  bool landed_since_watch_ = false;
  Time watch_due_{};
  std::uint64_t next_id_ = 1;
  struct RemovedWaiter {
    std::uint64_t id;
    std::uint64_t segment_id;
    std::function<void(Status)> done;
  };
  std::vector<RemovedWaiter> removed_waiters_;
  std::map<std::uint64_t, std::weak_ptr<Ticket>> ticket_waiters_;
  std::deque<FailedBatch> failed_;
  struct Running {
    std::shared_ptr<asio::cancellation_signal> cancel;
    Time started;
  };
  std::map<std::uint64_t, Running> running_;  // in the order of their start
  std::function<void()> idle_;
  bool stopping_ = false;
};

}  // namespace kinglet::spool::internal
