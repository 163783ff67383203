// SPDX-License-Identifier: Apache-2.0
#include "ingest/books.h"

#include "base/clock.h"
#include "base/log.h"

namespace kinglet::ingest {

namespace {

constexpr std::size_t forgotten_at_once_max = 1'000;
constexpr std::chrono::seconds write_patience{30};

/// What an ended part means for the books. Its rows count once, when they are stored; a failing view, and what becomes
/// of its rows later, is told beside. The engine's own words stay in the log: they name inner tables.
struct Ending {
  bool stores = false;
  std::string_view error = {}, note = {};
};
Ending ending(const spool::LandedPart& part) {
  using Kind = spool::FlushOutcome::Kind;
  const bool was_stored = part.earlier == Kind::view_failed;
  switch (part.kind) {
    case Kind::stored:
      if (was_stored) return {.note = "a materialized view took the rows that it had refused"};
      if (part.earlier == Kind::failed) return {.stores = true, .note = "tried again by an operator"};
      return {.stores = true};
    case Kind::view_failed:
      return {.stores = true, .error = "the rows are stored, but a materialized view refused them; it is tried again"};
    case Kind::failed:
      if (was_stored)
        return {.error = "a materialized view does not take rows that are stored; they are kept beside the spool"};
      return {.error = "the engine refused the rows; they are kept beside the spool"};
    case Kind::dropped:
      return {.error = "the data source was deleted before the rows were stored"};
    case Kind::pending:
      break;
  }
  return {};
}

}  // namespace

Books::Books(IoThreads& threads, catalog::Catalog& catalog, observe::Observer& observer)
    : threads_(threads), catalog_(catalog), observer_(observer) {}

Result<std::unique_ptr<Books>> Books::open(IoThreads& threads, catalog::Catalog& catalog, observe::Observer& observer) {
  std::unique_ptr<Books> books(new Books(threads, catalog, observer));
  struct Written {
    std::vector<catalog::LedgerEntry> ledger;
    std::vector<catalog::SegmentKey> booked;
  };
  TRY(const auto written, catalog.update_blocking([](catalog::Transaction& transaction) -> Result<Written> {
    Written out;
    TRY(const auto entries, transaction.ledger());
    for (const auto& entry : entries) {
      const auto workspace = transaction.snapshot().workspace(entry.key.workspace_id);
      if (workspace && workspace->data_source(entry.key.data_source_id))
        out.ledger.push_back(entry);
      else
        TRY_VOID(transaction.forget_ledger(entry.key));
    }
    TRY(out.booked, transaction.booked_segments());
    return out;
  }));
  for (const auto& entry : written.ledger) {
    const auto found = books->find(entry.key.workspace_id + "/" + entry.key.data_source_id);
    if (!found) continue;
    const auto& counts = entry.counts;
    found->account->add({.accepted = counts.accepted,
                         .stored = counts.stored,
                         .quarantined = counts.quarantined,
                         .deduplicated = counts.deduplicated,
                         .failed = counts.failed,
                         .dropped = counts.dropped,
                         .sampled_out = counts.sampled_out});
    books->repeats_written_.with(
        [&](auto& all) { all[entry.key] = {.deduplicated = counts.deduplicated, .sampled_out = counts.sampled_out}; });
    books->baselines_.with([&](auto& all) { all[entry.key] = entry.baseline; });
  }
  books->booked_before_.insert(written.booked.begin(), written.booked.end());
  books->removable_.with([&](auto& all) {
    for (const auto& segment : written.booked) all.push_back({.segment = segment, .from = Clock::now() + remembered});
  });
  return books;
}

std::optional<Books::Source> Books::find(std::string_view name) const {
  const auto slash = name.find('/');
  if (slash == name.npos) return std::nullopt;
  auto workspace = catalog_.snapshot()->workspace(name.substr(0, slash));
  if (!workspace) return std::nullopt;
  auto source = workspace->data_source(name.substr(slash + 1));
  if (!source) return std::nullopt;
  auto account = observer_.rows(workspace->id, source->id, source->name);
  return Source{.workspace = std::move(workspace), .source = std::move(source), .account = std::move(account)};
}

bool Books::table_exists(const spool::TableName& name) const {
  const auto snapshot = catalog_.snapshot();
  for (const auto& [id, workspace] : snapshot->workspaces) {
    if (workspace->database != name.database) continue;
    for (const auto& [source_name, source] : workspace->resources->data_sources.by_name())
      if (source->table == name.table || source->quarantine_table == name.table) return true;
  }
  return false;
}

/// One row of datasources_ops_log for each part and data source: what was stored, or why it was not.
void Books::part_ended(const spool::LandedPart& part) {
  const auto told = ending(part);
  for (const auto& landed : part.sources) {
    const auto found = find(landed.source);
    if (!found) continue;
    observe::OperationRecord record;
    record.start = wall_now() - part.elapsed;
    record.workspace_id = found->workspace->id;
    // Rows of an import have one operation for all of it, which its job writes; here are its blocks.
    if (landed.import_id.empty()) record.event_type = "append-hfi";
    record.operation_id = part.token;
    record.import_id = landed.import_id;
    record.source = landed.import_id.empty() ? "stream" : "import";
    record.block_ids = {part.token};
    record.data_source_id = found->source->id;
    record.data_source_name = found->source->name;
    record.elapsed_seconds = std::chrono::duration<double>(part.elapsed).count();
    record.error = told.error;
    if (!told.note.empty()) record.options.emplace_back("spool", told.note);
    if (told.stores) {
      record.rows = record.written_rows = landed.rows;
      record.rows_quarantine = landed.quarantined_rows;
      record.written_bytes = landed.bytes;
    }
    observer_.record(std::move(record));
  }
}

void Books::rows_booked(const std::string& source, const spool::RowsBooked& rows) {
  const auto found = find(source);
  if (!found) return;
  found->account->add({.accepted = rows.accepted,
                       .stored = rows.stored,
                       .quarantined = rows.quarantined,
                       .failed = rows.failed,
                       .dropped = rows.dropped});
  if (rows.stored > 0) found->account->stored_now();
}

std::vector<catalog::LedgerChange> Books::take_repeats() {
  std::vector<catalog::LedgerChange> changes;
  const auto snapshot = catalog_.snapshot();
  for (const auto& [key, account] : observer_.accounts()) {
    const catalog::LedgerKey ledger_key{.workspace_id = key.first, .data_source_id = key.second};
    const auto now = account->read();
    const auto change = repeats_written_.with([&](auto& all) {
      auto& written = all[ledger_key];
      const Written more{.deduplicated = now.deduplicated - written.deduplicated,
                         .sampled_out = now.sampled_out - written.sampled_out};
      written = {.deduplicated = now.deduplicated, .sampled_out = now.sampled_out};
      return more;
    });
    if (change.deduplicated == 0 && change.sampled_out == 0) continue;
    const auto workspace = snapshot->workspace(key.first);
    if (!workspace || !workspace->data_source(key.second)) continue;
    changes.push_back({.key = ledger_key,
                       .change = {.accepted = change.deduplicated + change.sampled_out,
                                  .deduplicated = change.deduplicated,
                                  .sampled_out = change.sampled_out}});
  }
  return changes;
}

catalog::Baseline Books::baseline(const catalog::LedgerKey& key) const {
  return baselines_.with([&](const auto& all) {
    const auto found = all.find(key);
    return found == all.end() ? catalog::Baseline{} : found->second;
  });
}

Task<Status> Books::set_baseline(catalog::LedgerKey key, catalog::Baseline baseline) {
  CO_TRY_VOID(co_await catalog_.update([key, baseline](catalog::Transaction& transaction) -> Result<bool> {
    TRY_VOID(transaction.set_baseline(key, baseline));
    return true;
  }));
  baselines_.with([&](auto& all) { all[key] = baseline; });
  co_return Status{};
}

Task<Status> Books::write_repeats() {
  auto changes = take_repeats();
  if (changes.empty()) co_return Status{};
  auto status = co_await catalog_.update([changes](catalog::Transaction& transaction) -> Result<bool> {
    TRY_VOID(transaction.book(std::nullopt, changes));
    return true;
  });
  if (status) co_return Status{};
  repeats_written_.with([&](auto& all) {
    for (const auto& one : changes) {
      all[one.key].deduplicated -= one.change.deduplicated;
      all[one.key].sampled_out -= one.change.sampled_out;
    }
  });
  co_return fail(status.error());
}

Task<Status> Books::write_segment(spool::SegmentBooks books) {
  std::vector<catalog::LedgerChange> changes;
  for (const auto& [name, rows] : books.sources) {
    const auto found = find(name);
    if (!found) continue;
    changes.push_back({.key = {.workspace_id = found->workspace->id, .data_source_id = found->source->id},
                       .change = {.accepted = rows.accepted,
                                  .stored = rows.stored,
                                  .quarantined = rows.quarantined,
                                  .failed = rows.failed,
                                  .dropped = rows.dropped}});
  }
  std::optional<catalog::SegmentKey> segment;
  if (books.segment_id != 0) segment = {.epoch = books.epoch, .segment_id = books.segment_id};
  const auto now = Clock::now();
  const auto gone = removable_.with([&](auto& all) {
    std::vector<catalog::SegmentKey> out;
    while (!all.empty() && all.front().from <= now && out.size() < forgotten_at_once_max) {
      out.push_back(all.front().segment);
      all.pop_front();
    }
    return out;
  });
  auto status = co_await catalog_.update(
      [segment, changes = std::move(changes), gone](catalog::Transaction& transaction) -> Result<bool> {
        TRY_VOID(transaction.forget_booked(gone));
        TRY_VOID(transaction.book(segment, changes));
        return true;
      },
      now + write_patience);
  removable_.with([&](auto& all) {
    if (!status)
      for (const auto& one : gone) all.push_front({.segment = one, .from = now});
    else if (segment)
      all.push_back({.segment = *segment, .from = now + remembered});
  });
  if (!status) co_return fail(status.error());
  co_return Status{};
}

void Books::book_segment(spool::SegmentBooks books, std::function<void(Status)> go_on) {
  auto work = write_segment(std::move(books));
  asio::co_spawn(threads_.executor(0), std::move(work),
                 [go_on = std::move(go_on)](std::exception_ptr problem, Status status) {
                   go_on(problem ? fail(Code::unavailable, "the books cannot be written") : std::move(status));
                 });
}

spool::SpoolCallbacks Books::spool_callbacks() {
  spool::SpoolCallbacks callbacks;
  callbacks.table_exists = [this](const spool::TableName& name) { return table_exists(name); };
  callbacks.part_ended = [this](const spool::LandedPart& part) { part_ended(part); };
  callbacks.rows_booked = [this](const std::string& source, const spool::RowsBooked& rows) {
    rows_booked(source, rows);
  };
  callbacks.segment_booked = [this](std::uint64_t epoch, std::uint64_t segment_id) {
    return booked_before_.contains({.epoch = epoch, .segment_id = segment_id});
  };
  callbacks.book_segment = [this](spool::SegmentBooks books, std::function<void(Status)> go_on) {
    book_segment(std::move(books), std::move(go_on));
  };
  return callbacks;
}

}  // namespace kinglet::ingest
