// SPDX-License-Identifier: Apache-2.0
// Intake: bytes of a request to rows of the spool: decompress, map, quarantine, append, book.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "catalog/catalog.h"
#include "http/message.h"
#include "ingest/builder_cache.h"
#include "ingest/memory_lanes.h"
#include "ingest/quarantine_limit.h"
#include "ingest/row_stream.h"
#include "observe/observer.h"
#include "rows/row_batch.h"
#include "runtime/blocking_pool.h"
#include "runtime/guarded.h"
#include "spool/spool.h"

namespace kinglet::ingest {

/// One POST /v0/events.
struct EventsRequest {
  std::shared_ptr<const catalog::Workspace> workspace;
  std::shared_ptr<const catalog::DataSource> source;
  rows::InputFormat format = rows::InputFormat::ndjson;
  std::string content_encoding;
  /// Without control characters: the keys of further pieces are made with one.
  std::string idempotency_key;
  bool wait = false;
  std::uint64_t body_bytes_max = 0;  // of the body as sent, and of what it decompresses to; 0: no limit
  std::chrono::milliseconds wait_patience{25'000};
};

/// What became of a request. With an error the counts are of the rows that are durable all the same: pieces of a large
/// body that came before it.
struct EventsAnswer {
  std::uint64_t successful_rows = 0, quarantined_rows = 0;
  bool replayed = false;                                                      // all of it was known by its key
  spool::FlushOutcome outcome = {.kind = spool::FlushOutcome::Kind::stored};  // of wait: the worst of all pieces
  std::optional<Error> error = {};
};

struct IntakeOptions {
  std::size_t workers = 2;  // threads that read bodies
  MemoryLimits memory = {};
  PieceLimits pieces = {};
  rows::MappingOptions mapping = {};
  QuarantineRates quarantine = {};
};

/// Limits of one request on its way through an Intake.
struct IntakeLimits {
  /// Text that an io thread reads itself, in about 0.2 ms; a hop to a worker and back costs a tenth of that.
  static constexpr std::size_t inline_text_max = 32u << 10;
  static constexpr std::size_t inline_whole_max = 64u << 10;
  static constexpr std::size_t job_text_max = 1u << 20;  // one turn of a worker, so that requests take turns
  static constexpr std::size_t jobs_max = 4'096;         // turns that wait: 503
  static constexpr std::size_t buffer_bytes = 256u << 10;
  static constexpr std::size_t first_buffer_bytes = 16u << 10;
  static constexpr std::chrono::seconds job_patience{30};     // until a worker is free: 503
  static constexpr std::chrono::seconds memory_patience{15};  // until there is memory for it: 503
  /// So long a later piece of a body waits for room in the spool; the first one is refused at once.
  static constexpr std::chrono::seconds room_patience{30};
  /// Pieces whose end in the engine is waited for; beyond it the oldest holds up the reading.
  static constexpr std::size_t receipts_max = 256;
};

/// Thread: any io thread.
class Intake {
 public:
  Intake(catalog::Catalog& catalog, spool::Spool& spool, observe::Observer& observer, IntakeOptions options = {});

  /// Reads the whole body. One that fits a piece (PieceLimits) becomes durable whole or not at all; a larger one piece
  /// by piece, in memory that does not grow with it. With a key each piece is stored once, however often the request
  /// is repeated. Errors (in the answer): invalid (no line is a row, damaged), unsupported (encoding), too_large,
  /// unavailable (no room), conflict (key reused), timeout and cancelled (the sender).
  Task<EventsAnswer> events(EventsRequest request, http::BodyReader& body);

  /// How rows of this data source become columns; compiled once for each deployed text.
  Result<std::shared_ptr<const rows::RowMapping>> mapping(const std::shared_ptr<const catalog::DataSource>& source);
  /// A finished batch as the spool takes it: encoded, so it costs CPU time. Rows, at least one, for the data source and
  /// for its quarantine.
  static spool::AppendRequest to_request(const rows::Batch& batch, const catalog::Workspace& workspace,
                                         const catalog::DataSource& source);
  /// The one way of rows into the spool: makes them durable and books them, whoever brings them. Rows that the counts
  /// tell and no section holds were cut off by the quarantine's limit. Errors: as Spool::append; nothing is booked
  /// then.
  Task<Result<spool::AppendReceipt>> append(const catalog::Workspace& workspace, const catalog::DataSource& source,
                                            spool::AppendRequest request);
  spool::Spool& spool() { return spool_; }
  std::string_view durability() const { return spool::durability_name(spool_.durability()); }
  QuarantineLimit& quarantine_limit() { return quarantine_limit_; }
  MemoryLanes::Statistics memory() const { return memory_.statistics(); }
  std::size_t jobs_waiting() const { return workers_.queue_size(); }
  observe::Observer& observer() { return observer_; }

 private:
  friend class EventsTransfer;
  static constexpr std::size_t mappings_max = 20'000;
  spool::Spool& spool_;
  observe::Observer& observer_;
  IntakeOptions options_;
  MemoryLanes memory_;
  QuarantineLimit quarantine_limit_;
  BuilderCache builders_;
  BlockingPool workers_;
  Guarded<std::map<std::shared_ptr<const catalog::DataSource>, std::shared_ptr<const rows::RowMapping>>> mappings_;
};

}  // namespace kinglet::ingest
