// SPDX-License-Identifier: Apache-2.0
// The spool: the write-ahead log of accepted rows. A request is durable here before it is acknowledged; the flusher
// takes it from here to the engine, exactly once (docs/design/0004-spool.md).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/task.h"
#include "spool/landing.h"
#include "spool/segment_format.h"
#include "spool/spool_file.h"

namespace kinglet::spool {

/// Named limits and times. Sizes in bytes.
struct SpoolOptions {
  std::string folder;

  /// A segment is sealed this long after its first request; a request that waits for the engine shortens it.
  std::chrono::milliseconds flush_interval{1000};
  std::chrono::milliseconds wait_flush{30};
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
  /// Accepted and not yet stored, for all tables and for one. Beyond: unavailable at once.
  std::uint64_t spool_bytes_max = 8ull << 30;
  std::uint64_t table_bytes_max = 4ull << 30;
  std::uint64_t preallocate_bytes = 4u << 20;

  std::size_t flush_concurrency = 4;                  // inserts at the same time, one a table
  std::uint64_t flush_memory_bytes_max = 128u << 20;  // segments kept in memory while parts of them wait
  std::chrono::milliseconds insert_timeout{60'000};
  std::chrono::milliseconds retry_min{50};
  std::chrono::milliseconds retry_max{5'000};
  /// A definite refusal is tried this often before the batch is cut down and set aside.
  int refused_tries_max = 4;
  /// An engine error that we do not know is taken as a refusal after so many tries.
  int unknown_tries_max = 20;
  /// A batch whose view fails is tried so often in order, then again beside later ones, until so many later inserts of
  /// the table passed (half of the smallest deduplication window), then set aside.
  int view_tries_in_order = 2;
  std::uint64_t view_inserts_max = 400;

  std::chrono::hours key_lifetime{24};
  std::size_t keys_per_source_max = 100'000;
  std::size_t keys_max = 1'000'000;
};

/// Rows of a request for one table: one encoded Native block, at least one row.
struct SpoolSection {
  Layout layout;
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
};

struct SpoolStats {
  std::uint64_t bytes = 0;  // accepted and not yet stored
  std::uint64_t segments = 0;
  std::uint64_t queued_requests = 0;
  std::chrono::milliseconds oldest_age{0};  // of the oldest segment that is not stored
  std::uint64_t appended_requests = 0, appended_rows = 0, appended_bytes = 0;
  std::uint64_t duplicate_requests = 0;
  std::uint64_t landed_rows = 0, landed_parts = 0;
  std::uint64_t insert_retries = 0, view_failures = 0;
  std::uint64_t failed_batches = 0, failed_rows = 0, dropped_rows = 0;
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
};

/// What the spool asks and tells. All calls come from the flush thread and must not block.
struct SpoolCallbacks {
  /// False: the table was dropped and its batches are released. Unset: every table is taken to exist.
  std::function<bool(const TableName&)> table_exists;
  /// Once for each part that reached an end, and at the first failure of a view: the data of datasources_ops_log.
  std::function<void(const LandedPart&)> part_ended;
  std::function<void(const FailedBatch&)> batch_failed;
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

  SpoolStats stats() const;
  /// The newest `failed_listed_max` of them, oldest first.
  Task<std::vector<FailedBatch>> failed();
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
