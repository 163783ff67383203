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
#include "observe/observer.h"
#include "rows/row_batch.h"
#include "runtime/guarded.h"
#include "spool/spool.h"

namespace kinglet::ingest {

/// One POST /v0/events.
struct EventsRequest {
  std::shared_ptr<const catalog::Workspace> workspace;
  std::shared_ptr<const catalog::DataSource> source;
  rows::InputFormat format = rows::InputFormat::ndjson;
  std::string content_encoding;
  std::string idempotency_key;
  std::string request_id;
  bool wait = false;
  std::uint64_t body_bytes_max = 100u << 20;  // of the body as sent, and of what it decompresses to
  Deadline wait_deadline;
};

struct EventsAnswer {
  std::uint64_t successful_rows = 0, quarantined_rows = 0;
  spool::FlushOutcome outcome = {};  // of wait
};

/// Thread: any io thread.
class Intake {
 public:
  Intake(catalog::Catalog& catalog, spool::Spool& spool, observe::Observer& observer);

  /// Reads the whole body; its rows become durable together. Errors: invalid (no line is a row), unsupported
  /// (encoding), too_large, unavailable (no room), conflict (key reused).
  Task<Result<EventsAnswer>> events(EventsRequest request, http::BodyReader& body);

  /// How rows of this data source become columns; compiled once for each deployed text.
  Result<std::shared_ptr<const rows::RowMapping>> mapping(const std::shared_ptr<const catalog::DataSource>& source);
  /// A finished batch as the spool takes it: encoded, so it costs CPU time. Rows, at least one, for the data source and
  /// for its quarantine.
  static spool::AppendRequest to_request(const rows::Batch& batch, const catalog::Workspace& workspace,
                                         const catalog::DataSource& source);
  /// The one way of rows into the spool: makes them durable and books them, whoever brings them. Errors: as
  /// Spool::append; nothing is booked then.
  Task<Result<spool::AppendReceipt>> append(const catalog::Workspace& workspace, const catalog::DataSource& source,
                                            spool::AppendRequest request);
  spool::Spool& spool() { return spool_; }
  observe::Observer& observer() { return observer_; }

  /// What the spool asks and tells: whether a table still stands, and the books of each data source.
  static spool::SpoolCallbacks spool_callbacks(catalog::Catalog& catalog, observe::Observer& observer);

 private:
  static constexpr std::size_t mappings_max = 20'000;
  spool::Spool& spool_;
  observe::Observer& observer_;
  Guarded<std::map<std::shared_ptr<const catalog::DataSource>, std::shared_ptr<const rows::RowMapping>>> mappings_;
};

}  // namespace kinglet::ingest
