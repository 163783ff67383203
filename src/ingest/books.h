// SPDX-License-Identifier: Apache-2.0
// Books: every accepted row comes to an end that is written down: stored, quarantined, deduplicated, failed or dropped.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "observe/observer.h"
#include "runtime/guarded.h"
#include "runtime/io_threads.h"
#include "spool/spool.h"

namespace kinglet::ingest {

/// Keeps the accounts of the observer true over restarts, by the ledger of the catalog: a spool segment's rows are
/// written there, once, before its file goes (docs/design/0009-accounting.md).
/// Lifetime: outlives the spool. Thread: as each function says.
class Books {
 public:
  /// Reads the ledger into the accounts of the observer. Blocks. Errors: those of Catalog::update.
  static Result<std::unique_ptr<Books>> open(IoThreads& threads, catalog::Catalog& catalog,
                                             observe::Observer& observer);

  /// What the spool asks and tells: whether a table still stands, what is booked, what became of rows. Their thread is
  /// the spool's; they do not block.
  spool::SpoolCallbacks spool_callbacks();
  /// What a data source's table holds beside the rows of the books, as it was counted last. Thread: any.
  catalog::Baseline baseline(const catalog::LedgerKey& key) const;
  /// Keeps it in the catalog. Errors: those of Catalog::update.
  Task<Status> set_baseline(catalog::LedgerKey key, catalog::Baseline baseline);

  /// Writes what no segment tells (repeated requests, rows of a flood) since the last time. Errors: those of
  /// Catalog::update.
  Task<Status> write_repeats();

 private:
  Books(IoThreads& threads, catalog::Catalog& catalog, observe::Observer& observer);

  struct Source {
    std::shared_ptr<const catalog::Workspace> workspace;
    std::shared_ptr<const catalog::DataSource> source;
    std::shared_ptr<observe::RowAccount> account;
  };
  /// "workspace id/data source id" of a request; nothing when it is gone.
  std::optional<Source> find(std::string_view name) const;
  bool table_exists(const spool::TableName& name) const;
  void part_ended(const spool::LandedPart& part);
  void rows_booked(const std::string& source, const spool::RowsBooked& rows);
  void book_segment(spool::SegmentBooks books, std::function<void(Status)> go_on);
  Task<Status> write_segment(spool::SegmentBooks books);
  /// Deduplicated rows and those of floods that the ledger lacks, by data source; they count as written from here on.
  std::vector<catalog::LedgerChange> take_repeats();

  /// A booked segment is remembered this long behind the removal of its file, which the disk may see late.
  static constexpr std::chrono::minutes remembered{5};

  IoThreads& threads_;
  catalog::Catalog& catalog_;
  observe::Observer& observer_;
  std::set<catalog::SegmentKey> booked_before_;  // by an earlier process; read only
  struct Removable {
    catalog::SegmentKey segment;
    Deadline from;
  };
  Guarded<std::deque<Removable>> removable_;
  struct Written {
    std::int64_t deduplicated = 0, sampled_out = 0;
  };
  Guarded<std::map<catalog::LedgerKey, Written>> repeats_written_;
  Guarded<std::map<catalog::LedgerKey, catalog::Baseline>> baselines_;
};

}  // namespace kinglet::ingest
