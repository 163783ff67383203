// SPDX-License-Identifier: Apache-2.0
// The spool: the write-ahead log of accepted rows. A request is durable here before it is acknowledged; the flusher
// takes it from here to the engine, exactly once (docs/design/0004-spool.md).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/task.h"
#include "spool/landing.h"
#include "spool/segment_format.h"
#include "spool/spool_file.h"

namespace kinglet::spool {

/// What an acknowledged request survives (docs/operate.md).
enum class Durability : std::uint8_t {
  fsync,   // acknowledged after fdatasync: the end of the process and of the machine
  os,      // acknowledged after write(): the end of the process; the machine's page cache is not waited for
  memory,  // acknowledged once queued, written right after: neither
};
/// "fsync", "os", "memory".
std::string_view durability_name(Durability durability);
std::optional<Durability> parse_durability(std::string_view name);

/// Named limits and times. Sizes in bytes.
struct SpoolOptions {
  std::string folder;
  Durability durability = Durability::fsync;

  /// A segment is sealed this long after its first request; a request that waits for the engine shortens it.
  std::chrono::milliseconds flush_interval{200};
  std::chrono::milliseconds wait_flush{30};
  /// While more tables have rows to store than can be served at once, the active segment grows on: few large inserts in
  /// place of many small ones. Afterwards the flusher rests this many times as long as it had worked, at most
  /// flush_rest_max, so that a trickle into many tables leaves the engine to its readers.
  int flush_rest_factor = 3;
  std::chrono::milliseconds flush_rest_max{2000};
  /// A request that waits still shortens the interval while so many tables or fewer have rows to store.
  std::size_t wait_flush_tables_max = 1'000;
  std::uint64_t flush_bytes_max = 32u << 20;
  std::uint64_t flush_rows_max = 1'000'000;
  /// One INSERT; a segment with more for one layout is cut between requests.
  std::uint32_t part_rows_max = 1'000'000;
  std::uint64_t part_bytes_max = 128u << 20;

  /// One request; a larger one is sent by its caller in several appends. Beyond: too_large.
  std::uint64_t request_bytes_max = 256u << 20;
  /// Requests on their way to the disk. Beyond: unavailable at once.
  std::uint64_t queue_requests_max = 16'384;
  std::uint64_t queue_bytes_max = 256u << 20;
  /// Accepted and not yet stored (rows; their frames come on top), for all tables and for one. Beyond: unavailable at
  /// once.
  std::uint64_t spool_bytes_max = 8ull << 30;
  std::uint64_t table_bytes_max = 4ull << 30;
  /// Batches of one table that wait for the engine. Beyond: unavailable at once, for this table only.
  std::uint64_t table_batches_max = 2'000;
  std::uint64_t preallocate_bytes = 4u << 20;

  std::size_t flush_concurrency = 4;  // inserts at the same time, one a table
  /// An insert that takes longer gives its place to another table's, so that few slow tables do not stop the others;
  /// at most flush_slow_max do.
  std::chrono::milliseconds slow_insert{2'000};
  std::size_t flush_slow_max = 8;
  std::uint64_t flush_memory_bytes_max = 128u << 20;  // segments kept in memory while parts of them wait
  std::chrono::milliseconds insert_timeout{60'000};
  std::chrono::milliseconds retry_min{50};
  std::chrono::milliseconds retry_max{5'000};
  /// A definite refusal is tried this often before the batch is cut down and set aside.
  int refused_tries_max = 4;
  /// An engine error that we do not know is taken as a refusal after so many tries.
  int unknown_tries_max = 20;
  /// A batch whose view fails is tried so often in order, then again beside later ones, until those may have used so
  /// many entries of a deduplication window (10,000), then set aside.
  int view_tries_in_order = 2;
  std::uint64_t view_window_max = 4'000;

  /// A table with so many active parts in one partition, or in all, gets its inserts slower, up to parts_pause each;
  /// with twice as many it gets none until merges caught up. The engine itself slows inserts from 1,000 parts in a
  /// partition on, and refuses them from 3,000 or 100,000 in all.
  std::uint64_t parts_in_partition_slow = 300;
  std::uint64_t parts_slow = 30'000;
  std::chrono::milliseconds parts_pause{1'000};
  /// How often the engine is asked for such tables, while rows flow.
  std::chrono::milliseconds parts_watch{2'000};

  std::chrono::hours key_lifetime{24};
  std::size_t keys_per_source_max = 100'000;
  std::size_t keys_max = 1'000'000;
};

/// Rows of a request for one table: one encoded Native block, at least one row.
struct SpoolSection {
  LayoutRef layout;
  SectionKind kind = SectionKind::rows;
  std::uint64_t row_count = 0;
  std::string block;
};

struct AppendRequest {
  RequestMeta meta;  // request_id and accepted_at_ms are filled in when zero
  std::vector<SpoolSection> sections;
  /// The caller will wait for the engine: flush soon.
  bool wait = false;
  /// No room: wait for it until this time in place of an error at once (imports).
  std::optional<Deadline> room_deadline;
  /// Called on the spool's thread once the rows are written, before anyone hears of it; not for a repeat. Also when the
  /// caller is gone by then.
  std::function<void()> written;
};

/// What became of an accepted request in the engine.
struct FlushOutcome {
  enum class Kind : std::uint8_t {
    stored,       // all rows are in their tables
    view_failed,  // rows are stored, a materialized view refused them; it is tried again
    failed,       // the engine refused them for good: they stand in failed/
    dropped,      // the table was removed meanwhile
    pending,      // not stored by the deadline; durable in the spool, will be stored
  };
  Kind kind = Kind::pending;
  Error error = {};  // of view_failed and failed
};

namespace internal {
struct Ticket;
}

struct AppendReceipt {
  std::uint64_t successful_rows = 0;
  std::uint64_t quarantined_rows = 0;
  /// The idempotency key was known: counts are those of the first request, nothing was added.
  bool duplicate = false;
  std::shared_ptr<internal::Ticket> ticket;
};

/// Why a table is held.
enum class HoldKind : std::uint8_t {
  change,  // the table or its views change; its deduplication tokens stay
  clear,   // rows go (truncate, replace): tokens are forgotten, so batches that wait for a view are set aside first
};

/// A batch in failed/: what the engine refused for good.
struct FailedBatch {
  std::string token;
  TableName table;
  std::uint64_t row_count = 0;
  std::uint64_t byte_count = 0;
  Error error;
  bool rows_stored = false;
  std::int64_t failed_at_ms = 0;
  /// A segment that was found damaged: its valid start was stored, the file is kept as it was. It has no table.
  bool damaged = false;
};

struct SpoolStats {
  std::uint64_t bytes = 0;  // accepted and not yet stored
  std::uint64_t segments = 0;
  std::uint64_t queued_requests = 0, queued_bytes = 0;
  std::uint64_t fullest_table_bytes = 0, fullest_table_batches = 0;  // as of the last second
  std::uint64_t ready_tables = 0, running_inserts = 0, crowded_tables = 0;
  std::chrono::milliseconds oldest_age{0};  // of the oldest segment that is not stored
  std::uint64_t appended_requests = 0, appended_rows = 0, appended_bytes = 0;
  std::uint64_t duplicate_requests = 0;
  std::uint64_t landed_rows = 0, landed_parts = 0;
  std::uint64_t insert_retries = 0, view_failures = 0;
  std::uint64_t failed_batches = 0, failed_rows = 0, dropped_rows = 0;
  std::uint64_t failed_waiting = 0, damaged_waiting = 0;  // listed by failed(): refused batches, damaged files
  std::uint64_t rejected_requests = 0;                    // no room
  std::uint64_t write_failures = 0;                       // appends that the disk refused
  std::uint64_t torn_segments = 0, damaged_segments = 0;  // found at start
  std::uint64_t syncs = 0;
  /// fdatasync calls by duration; upper bounds in microseconds, the last bucket is open.
  static constexpr std::array<std::uint32_t, 9> sync_bounds_us{100,  200,    400,     800,      1600,
                                                               5000, 20'000, 100'000, 1'000'000};
  std::array<std::uint64_t, 10> sync_buckets{};
  bool engine_reachable = true;
};

/// Rows of one data source in one landed part.
struct LandedRows {
  std::string source;
  std::string import_id = {};  // empty: events
  std::uint64_t request_count = 0;
  std::uint64_t rows = 0, quarantined_rows = 0, copied_rows = 0, bytes = 0;
};
struct LandedPart {
  TableName table;
  std::string token;
  FlushOutcome::Kind kind = FlushOutcome::Kind::stored;
  Error error = {};
  std::chrono::microseconds elapsed{0};
  std::vector<LandedRows> sources;
  /// How the same rows were reported before: view_failed (stored then: now the view has them, or they are set aside),
  /// or failed (an operator had the batch tried again).
  std::optional<FlushOutcome::Kind> earlier = std::nullopt;
};

/// Accepted rows of one data source and what became of them. Numbers may be negative: a refused batch that is tried
/// again leaves `failed`.
struct RowsBooked {
  std::int64_t accepted = 0;
  std::int64_t stored = 0, quarantined = 0, failed = 0, dropped = 0;
};
/// All rows of a segment, each at its end. `segment_id` 0: of no segment (a batch of failed/ was dropped).
struct SegmentBooks {
  std::uint64_t epoch = 0, segment_id = 0;
  std::map<std::string, RowsBooked> sources = {};  // by RequestMeta::source
};

/// What the spool asks and tells. All calls come from the flush thread (segment_booked: from that of open()) and must
/// not block.
struct SpoolCallbacks {
  /// False: the table was dropped and its batches are released. Unset: every table is taken to exist.
  std::function<bool(const TableName&)> table_exists;
  /// Once for each part that reached an end, and at the first failure of a view: the data of datasources_ops_log. What
  /// becomes of the same rows later comes again, with `earlier`.
  std::function<void(const LandedPart&)> part_ended;
  std::function<void(const FailedBatch&)> batch_failed;
  /// As it happens: rows that an earlier process accepted, as they are found; ends of rows.
  std::function<void(const std::string& source, const RowsBooked&)> rows_booked;
  /// Before a segment's file goes: makes its books durable, once for each segment whatever ends meanwhile, then calls
  /// `go_on`, on any thread. With an error it is asked again later.
  std::function<void(SegmentBooks, std::function<void(Status)> go_on)> book_segment;
  /// Did book_segment() succeed for it in an earlier process? Then only its file is left to remove.
  std::function<bool(std::uint64_t epoch, std::uint64_t segment_id)> segment_booked;
};

/// Owner of the spool folder. Two threads: "spool" writes and syncs, "flush" reads back and inserts.
/// Thread: any; awaiting functions resume on the executor of their caller.
/// Lifetime: outlives all coroutines that wait on it.
class Spool {
 public:
  /// Locks the folder, recovers what an earlier process left and starts both threads; blocks.
  /// `make_landing` is called once, with the executor of the flush thread, and its result is used there alone.
  /// Errors: conflict (another process owns the folder), unsupported (a segment of another version; nothing is
  /// touched), unavailable (disk).
  static Result<std::unique_ptr<Spool>> open(SpoolOptions options, LandingFactory make_landing,
                                             SpoolCallbacks callbacks = {});
  /// The same on given files, for fault tests.
  static Result<std::unique_ptr<Spool>> open_on(std::unique_ptr<SpoolFolder> folder, SpoolOptions options,
                                                LandingFactory make_landing, SpoolCallbacks callbacks = {});
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  /// Returns once the request is on disk, all of it. A known idempotency key answers with the first request's receipt.
  /// Errors: unavailable (no room, disk full, disk error, shutting down: nothing is kept); too_large; invalid (no
  /// rows); conflict (the key was used for another body).
  Task<Result<AppendReceipt>> append(AppendRequest request);
  /// Waits for the engine. Only for receipts of a request with `wait` or a key; others answer `pending` at once.
  Task<FlushOutcome> wait(AppendReceipt receipt, Deadline deadline);

  /// Stores all that was accepted for `table` up to now, then holds later batches of it in the spool until the Hold is
  /// destroyed: for truncate, replace and deploy. Errors: timeout (nothing is held), busy (held already).
  class Hold;
  Task<Result<Hold>> hold(TableName table, HoldKind kind, Deadline deadline);
  /// Seals the active segment and waits until everything accepted up to now left the spool. Errors: timeout.
  Task<Status> flush(Deadline deadline);

  /// Takes nothing more, stores what it can until `deadline`; the rest stays on disk. Returns the bytes left.
  Task<std::uint64_t> drain(Deadline deadline);
  /// Ends both threads; waiting callers get an error. Idempotent. Thread: any but the spool's own and those of waiters.
  void stop();

  /// The level that every receipt of append() holds.
  Durability durability() const;
  SpoolStats stats() const;
  const SpoolOptions& limits() const;
  /// The newest `failed_listed_max` of them, oldest first.
  Task<std::vector<FailedBatch>> failed();
  /// Puts a batch of failed() back into the spool as a new one, exactly once whatever ends meanwhile.
  /// Errors: not_found; conflict (nothing of it can be inserted: damaged, or only a view lacks its rows); unavailable.
  Task<Status> retry_failed(std::string token);
  /// Removes its file: the rows are gone. Errors: not_found, unavailable.
  Task<Status> drop_failed(std::string token);
  static constexpr std::size_t failed_listed_max = 1'000;

 private:
  struct State;
  explicit Spool(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Keeps later batches of one table in the spool; destroying it lets them go. Thread: any.
class Spool::Hold {
 public:
  Hold() = default;  // holds nothing
  explicit Hold(std::function<void()> release) : release_(std::move(release)) {}
  Hold(Hold&& other) noexcept : release_(std::exchange(other.release_, nullptr)) {}
  Hold& operator=(Hold&&) = delete;
  ~Hold() {
    if (release_) release_();
  }

 private:
  std::function<void()> release_;
};

}  // namespace kinglet::spool
