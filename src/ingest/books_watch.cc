// SPDX-License-Identifier: Apache-2.0
#include "ingest/books_watch.h"

#include <boost/asio/co_spawn.hpp>
#include <charconv>
#include <future>
#include <map>
#include <set>

#include "base/log.h"
#include "engine/system_rows.h"
#include "runtime/deadline.h"

namespace kinglet::ingest {
namespace {

constexpr auto query_patience = std::chrono::seconds(30);
/// A difference is told when it is seen so often in a row.
constexpr int sightings_min = 2;

using TableKey = std::pair<std::string, std::string>;  // database, table

struct TableCounts {
  std::map<TableKey, std::int64_t> rows, bytes;
  std::set<TableKey> changing;  // by a mutation that is not done
  std::int64_t rows_of(const TableKey& table) const {
    const auto found = rows.find(table);
    return found == rows.end() ? 0 : found->second;
  }
};

/// Does an unfinished job change rows of the data source beside ingestion?
bool is_changing(const catalog::Workspace& workspace, const catalog::DataSource& source) {
  return std::ranges::any_of(*workspace.jobs, [&](const auto& job) {
    return job->data_source_id == source.id && !catalog::is_finished(job->status) && job->changes_rows();
  });
}

}  // namespace

Comparison comparison_of(const catalog::Workspace& workspace, const catalog::DataSource& source) {
  for (const auto& [name, pipe] : workspace.resources->pipes.by_name())
    if (pipe->definition.target == source.name) return Comparison::none;
  const auto& engine = source.definition.engine;
  if (engine.name == "Null") return Comparison::none;
  return engine.name == "MergeTree" && engine.ttl.empty() ? Comparison::exact : Comparison::at_most;
}

std::int64_t difference(Comparison comparison, const observe::RowCounts& before, const observe::RowCounts& after,
                        std::int64_t other_rows, std::int64_t rows) {
  if (comparison == Comparison::none) return 0;
  const auto least = before.stored + other_rows;
  const auto most = after.stored + std::max<std::int64_t>(0, after.pending()) + other_rows;
  if (rows > most) return rows - most;
  if (comparison == Comparison::exact && rows < least) return rows - least;
  return 0;
}

struct BooksWatch::State : std::enable_shared_from_this<State> {
  State(IoThreads& t, const catalog::Catalog& c, observe::Observer& o, Books& b, QuarantineLimit& q,
        BooksWatchOptions opt)
      : threads(t),
        catalog(c),
        observer(o),
        books(b),
        quarantine_limit(q),
        options(std::move(opt)),
        client(t.executor(0), {.address = options.address, .connections_max = 1}),
        timer(t.executor(0)) {}

  IoThreads& threads;
  const catalog::Catalog& catalog;
  observe::Observer& observer;
  Books& books;
  QuarantineLimit& quarantine_limit;
  const BooksWatchOptions options;
  engine::Client client;
  asio::steady_timer timer;
  std::future<void> ended;
  std::atomic<bool> stopping{false};
  Guarded<std::map<catalog::LedgerKey, BooksMismatch>> found;

  // Of io thread 0.
  std::map<catalog::LedgerKey, int> sightings;               // of a difference
  std::map<catalog::LedgerKey, std::uint64_t> disturbances;  // that the baseline knows

  struct Subject {
    std::shared_ptr<const catalog::Workspace> workspace;
    std::shared_ptr<const catalog::DataSource> source;
    std::shared_ptr<observe::RowAccount> account;
    Comparison comparison = Comparison::none;
    observe::RowCounts before;
    std::uint64_t disturbances = 0;
    catalog::LedgerKey key() const { return {.workspace_id = workspace->id, .data_source_id = source->id}; }
    TableKey table() const { return {workspace->database, source->table}; }
  };

  Task<void> run() {
    while (!stopping) {
      timer.expires_after(options.interval);
      co_await timer.async_wait(use_task);
      if (stopping) co_return;
      co_await check();
      const auto written = co_await books.write_repeats();
      if (!written)
        log::warning("counts of repeated requests are not written yet", {{"error", written.error().message}});
    }
  }

  /// Nothing while the engine is away.
  Task<std::optional<TableCounts>> count() {
    TableCounts counts;
    const auto number = [](const std::string& text) {
      std::int64_t value = 0;
      std::from_chars(text.data(), text.data() + text.size(), value);
      return value;
    };
    const auto tables = co_await engine::system_rows(
        client,
        "SELECT database, table, sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND "
        "startsWith(database, 'ws_') GROUP BY database, table",
        Clock::now() + query_patience);
    if (!tables) co_return std::nullopt;
    for (const auto& row : *tables) {
      if (row.size() != 4) continue;
      counts.rows[{row[0], row[1]}] = number(row[2]);
      counts.bytes[{row[0], row[1]}] = number(row[3]);
    }
    const auto mutations =
        co_await engine::system_rows(client, "SELECT DISTINCT database, table FROM system.mutations WHERE NOT is_done",
                                     Clock::now() + query_patience);
    if (!mutations) co_return std::nullopt;
    for (const auto& row : *mutations)
      if (row.size() == 2) counts.changing.emplace(row[0], row[1]);
    co_return counts;
  }

  Task<void> check() {
    std::vector<Subject> subjects;
    const auto snapshot = catalog.snapshot();
    for (const auto& [id, workspace] : snapshot->workspaces)
      for (const auto& [name, source] : workspace->resources->data_sources.by_name()) {
        Subject subject{.workspace = workspace,
                        .source = source,
                        .account = observer.rows(workspace->id, source->id, source->name),
                        .comparison = comparison_of(*workspace, *source),
                        .before = {}};
        subject.disturbances = subject.account->disturbances();
        subject.before = subject.account->read();
        subjects.push_back(std::move(subject));
      }
    const auto counts = co_await count();
    if (!counts) co_return;
    for (const auto& subject : subjects) {
      tell_size(subject, *counts);
      co_await compare(subject, *counts);
    }
  }

  void tell_size(const Subject& subject, const TableCounts& counts) {
    const auto size = counts.bytes.find({subject.workspace->database, subject.source->quarantine_table});
    const auto bytes = size == counts.bytes.end() ? 0 : static_cast<std::uint64_t>(size->second);
    if (quarantine_limit.set_table_bytes({subject.workspace->id, subject.source->id}, bytes))
      log::warning("a quarantine is full: bad rows are counted and not kept until rows are cleared or expire",
                   {{"workspace", subject.workspace->name}, {"data_source", subject.source->name}, {"bytes", bytes}});
  }

  Task<void> compare(const Subject& subject, const TableCounts& counts) {
    const auto key = subject.key();
    const auto baseline = books.baseline(key);
    const auto after = subject.account->read();
    const bool changed = subject.account->disturbances() != disturbances[key];
    const bool changing = is_changing(*catalog.snapshot()->workspace(subject.workspace->id), *subject.source) ||
                          counts.changing.contains(subject.table());
    if (subject.comparison == Comparison::none || changed || changing) {
      forget(subject);
      // Written down at once: a server that ends now must not take the old count for a measure.
      if (!baseline.is_unknown() && !(co_await set(key, catalog::Baseline::unknown()))) co_return;
      disturbances[key] = subject.disturbances;
      co_return;
    }
    const auto rows = counts.rows_of(subject.table());
    if (baseline.table != subject.source->table) {
      forget(subject);
      // A data source that was never counted is new: all of its rows came in by the books.
      const bool fresh = baseline.table.empty();
      const bool quiet = subject.before.pending() == 0 && after.pending() == 0 && subject.before.stored == after.stored;
      if (fresh || quiet)
        co_await set(key, {.table = subject.source->table, .other_rows = fresh ? 0 : rows - after.stored});
      co_return;
    }
    tell(subject, after, baseline.other_rows, rows,
         difference(subject.comparison, subject.before, after, baseline.other_rows, rows));
  }

  Task<bool> set(catalog::LedgerKey key, catalog::Baseline baseline) {
    const auto kept = co_await books.set_baseline(std::move(key), std::move(baseline));
    if (!kept) log::warning("the count of a table is not written yet", {{"error", kept.error().message}});
    co_return kept.has_value();
  }

  void forget(const Subject& subject) {
    if (sightings.erase(subject.key()) == 0) return;
    found.with([&](auto& all) { all.erase(subject.key()); });
    subject.account->set_mismatch(0);
  }

  void tell(const Subject& subject, const observe::RowCounts& counts, std::int64_t other_rows, std::int64_t rows,
            std::int64_t difference) {
    const auto key = subject.key();
    if (difference == 0) {
      if (const auto seen = sightings.find(key); seen != sightings.end() && seen->second >= sightings_min)
        log::info("the books of a data source hold again",
                  {{"workspace", subject.workspace->name}, {"data_source", subject.source->name}});
      return forget(subject);
    }
    const BooksMismatch mismatch{.workspace = subject.workspace->name,
                                 .data_source = subject.source->name,
                                 .expected = counts.stored + other_rows,
                                 .found = rows};
    const int seen = ++sightings[key];
    if (seen < sightings_min) return;
    if (seen == sightings_min)
      log::error("the books of a data source do not hold: the engine has other rows than were stored",
                 {{"workspace", mismatch.workspace},
                  {"data_source", mismatch.data_source},
                  {"rows_by_the_books", mismatch.expected},
                  {"rows_in_the_engine", mismatch.found},
                  {"rows_waiting", counts.pending()}});
    found.with([&](auto& all) { all[key] = mismatch; });
    subject.account->set_mismatch(difference);
  }
};

BooksWatch::BooksWatch(IoThreads& threads, const catalog::Catalog& catalog, observe::Observer& observer, Books& books,
                       QuarantineLimit& quarantine_limit, BooksWatchOptions options)
    : state_(std::make_shared<State>(threads, catalog, observer, books, quarantine_limit, std::move(options))) {}
BooksWatch::~BooksWatch() = default;

void BooksWatch::start() {
  if (state_->ended.valid()) return;
  state_->ended =
      asio::co_spawn(state_->threads.executor(0), [self = state_] { return self->run(); }, asio::use_future);
}

void BooksWatch::stop(Deadline deadline) {
  if (state_->stopping.exchange(true) || !state_->ended.valid()) return;
  asio::post(state_->threads.executor(0), [self = state_] { self->timer.cancel(); });
  state_->ended.wait_until(deadline);
}

std::vector<BooksMismatch> BooksWatch::mismatches() const {
  return state_->found.with([](const auto& all) {
    std::vector<BooksMismatch> out;
    for (const auto& [key, mismatch] : all) out.push_back(mismatch);
    return out;
  });
}

}  // namespace kinglet::ingest
