// SPDX-License-Identifier: Apache-2.0
// BooksWatch: compares the books of each data source with the rows that the engine has, every so often.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "engine/client.h"
#include "ingest/books.h"
#include "ingest/quarantine_limit.h"

namespace kinglet::ingest {

struct BooksWatchOptions {
  engine::Address address = {};
  std::chrono::milliseconds interval{30'000};
};

/// What can be compared with a table's rows (docs/design/0009-accounting.md).
enum class Comparison : std::uint8_t {
  none,     // rows come in other ways than ours, or none is kept
  at_most,  // merges or a lifetime take rows away: never more than were stored
  exact,
};
Comparison comparison_of(const catalog::Workspace& workspace, const catalog::DataSource& source);

/// How far `rows` in the engine, counted between the moments of `before` and `after`, are from what the books allow:
/// 0 when they are not, negative when rows are missing. Rows that wait may be stored already, without an answer yet.
std::int64_t difference(Comparison comparison, const observe::RowCounts& before, const observe::RowCounts& after,
                        std::int64_t other_rows, std::int64_t rows);

struct BooksMismatch {
  std::string workspace, data_source;  // names
  std::int64_t expected = 0, found = 0;
};

/// A difference that is seen twice in a row is told: metric, log line, degraded health; and again when it is gone. It
/// also writes what no segment tells, and tells the limit of each quarantine how large it is.
/// Thread: io thread 0, on a connection of its own.
class BooksWatch {
 public:
  BooksWatch(IoThreads& threads, const catalog::Catalog& catalog, observe::Observer& observer, Books& books,
             QuarantineLimit& quarantine_limit, BooksWatchOptions options);
  ~BooksWatch();
  BooksWatch(const BooksWatch&) = delete;
  BooksWatch& operator=(const BooksWatch&) = delete;

  void start();
  /// Idempotent. Blocks. Thread: any but an io thread.
  void stop(Deadline deadline);
  /// Those that stand. Thread: any.
  std::vector<BooksMismatch> mismatches() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace kinglet::ingest
