// SPDX-License-Identifier: Apache-2.0
// What /health and /metrics say.
#pragma once

#include <atomic>
#include <string>

#include "auth/rate_limit.h"
#include "catalog/catalog.h"
#include "engine/process.h"
#include "http/server.h"
#include "ingest/books_watch.h"
#include "ingest/intake.h"
#include "json/document.h"
#include "observe/observer.h"
#include "query/runner.h"
#include "spool/spool.h"

namespace kinglet::server {

/// Thread: any.
class StatusPage {
 public:
  struct Parts {
    engine::Process* store;  // null with an engine behind a URL
    engine::Process* reader;
    const query::Runners& runners;
    spool::Spool& spool;
    const ingest::Intake& intake;
    observe::Observer& observer;
    const ingest::BooksWatch* books_watch;  // null: the books are not compared
    catalog::Catalog& catalog;
    const auth::RateLimiter& limiter;
    std::atomic<bool>& tables_known;
  };
  explicit StatusPage(Parts parts) : parts_(parts), started_at_(Clock::now()) {}

  /// `status` is `ready`, or `degraded` with `reasons`: reads or stores may fail or wait, events are accepted.
  json::object health() const;
  /// Prometheus text, version 0.0.4.
  std::string metrics(const http::ServerStatistics& http) const;

 private:
  Parts parts_;
  Clock::time_point started_at_;
};

}  // namespace kinglet::server
