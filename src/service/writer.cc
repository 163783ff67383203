// SPDX-License-Identifier: Apache-2.0
#include "service/writer.h"

#include <charconv>
#include <future>
#include <map>

#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include "engine/system_rows.h"
#include "runtime/deadline.h"
#include "service/rows.h"
#include "service/schema.h"
#include "sql/printer.h"

namespace kinglet::service {

namespace {

constexpr auto insert_patience = std::chrono::seconds(30);
/// A batch that the engine refuses this often is given up: it would hold up what comes after it.
constexpr int attempts_max = 3;

enum class EngineCode : int { unknown_table = 60, unknown_database = 81 };

/// Rows for one table that are on their way. The token makes a second try store nothing twice.
struct Batch {
  std::string workspace_database;
  std::string_view table;
  std::string token;
  engine::Block block;
  int attempts = 0;
};

std::uint64_t number(const std::string& text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// Which of the observer's queues a table's rows came from.
bool is_request_table(std::string_view table) {
  return table == "pipe_stats_rt" || table == "endpoint_errors";
}

}  // namespace

struct Writer::State : std::enable_shared_from_this<State> {
  State(IoThreads& t, const catalog::Catalog& c, observe::Observer& o, WriterOptions opt)
      : threads(t),
        catalog(c),
        observer(o),
        options(std::move(opt)),
        client(t.executor(0), {.address = options.address, .connections_max = 2}),
        timer(t.executor(0)) {}

  IoThreads& threads;
  const catalog::Catalog& catalog;
  observe::Observer& observer;
  const WriterOptions options;
  engine::Client client;
  asio::steady_timer timer;
  std::future<void> ended;
  std::atomic<bool> stopping{false};

  // Of io thread 0.
  std::vector<Batch> batches;
  Deadline next_sample{};
  std::uint64_t lost_before = 0;

  Task<void> run() {
    while (!stopping) {
      timer.expires_after(options.interval);
      if (!stopping) co_await timer.async_wait(use_task);
      if (Clock::now() >= next_sample && !stopping) co_await sample();
      co_await write(Clock::now() + insert_patience);
      tell_lost();
    }
  }

  std::string database_of_workspace(const catalog::Snapshot& snapshot, std::string_view id) const {
    const auto workspace = snapshot.workspace(id);
    return workspace ? workspace->database : std::string();
  }

  /// All that waits in the queues, as one batch for each table of each workspace. Records of a workspace that is gone
  /// go with it.
  void take() {
    const auto snapshot = catalog.snapshot();
    std::map<std::string, Rows> rows;  // by database
    std::map<std::string, std::string, std::less<>> databases;
    const auto rows_of = [&](const std::string& workspace_id) -> Rows* {
      auto known = databases.find(workspace_id);
      if (known == databases.end())
        known = databases.emplace(workspace_id, database_of_workspace(*snapshot, workspace_id)).first;
      return known->second.empty() ? nullptr : &rows[known->second];
    };
    const auto add_all = [&](const auto& records) {
      for (const auto& record : records)
        if (auto* to = rows_of(record.workspace_id)) to->add(record);
    };
    add_all(observer.requests().take());
    add_all(observer.operations().take());
    add_all(observer.jobs().take());
    add_batches(rows);
  }

  void add_batches(std::map<std::string, Rows>& rows) {
    for (auto& [database, of_workspace] : rows)
      for (auto& [table, block] : of_workspace.blocks())
        batches.push_back(
            {.workspace_database = database, .table = table, .token = make_ulid(), .block = std::move(block)});
  }

  Task<void> write(Deadline deadline) {
    if (batches.empty()) take();
    while (!batches.empty()) {
      auto& batch = batches.back();
      const auto status = co_await insert(batch, deadline);
      if (status) {
        batches.pop_back();
        continue;
      }
      if (status.error().engine_code == 0) co_return;  // away: all of it again at the next turn
      co_await refused(batch, status.error(), deadline);
    }
  }

  Task<Status> insert(const Batch& batch, Deadline deadline) {
    std::string columns, bytes;
    for (const auto& name : batch.block.column_names())
      columns += (columns.empty() ? "" : ", ") + sql::quote_name(name);
    batch.block.encode(bytes);
    auto statement =
        fmt::format("INSERT INTO {}.{} ({})", sql::quote_name(service::database_of(batch.workspace_database)),
                    sql::quote_name(batch.table), columns);
    engine::Settings settings{{"insert_deduplication_token", batch.token},
                              {"deduplicate_blocks_in_dependent_materialized_views", "1"},
                              {"max_partitions_per_insert_block", "0"},
                              {"async_insert", "0"}};
    const auto stored = co_await client.insert(std::move(statement), {bytes}, std::move(settings), deadline);
    if (!stored) co_return fail(stored.error());
    co_return Status{};
  }

  /// The last batch of the list did not get in. Tables that are missing are made when the workspace is still there.
  Task<void> refused(Batch& batch, const Error& error, Deadline deadline) {
    const bool missing = error.engine_code == static_cast<int>(EngineCode::unknown_table) ||
                         error.engine_code == static_cast<int>(EngineCode::unknown_database);
    const auto snapshot = catalog.snapshot();
    const bool known = std::ranges::any_of(
        snapshot->workspaces, [&](const auto& one) { return one.second->database == batch.workspace_database; });
    if (++batch.attempts < attempts_max && known) {
      if (missing) (void)co_await create_tables(client, batch.workspace_database, deadline);
      co_return;
    }
    if (known) {
      log::error("rows of a service data source are refused by the engine",
                 {{"table", batch.table}, {"rows", batch.block.row_count()}, {"error", error.message}});
      if (is_request_table(batch.table))
        observer.requests().lose(batch.block.row_count());
      else
        observer.operations().lose(batch.block.row_count());
    }
    batches.pop_back();
  }

  void tell_lost() {
    const auto lost =
        observer.requests().counts().lost + observer.operations().counts().lost + observer.jobs().counts().lost;
    if (lost == lost_before) return;
    log::warning("records for the service data sources were lost: more came than could be kept or written",
                 {{"records", lost - lost_before}});
    lost_before = lost;
  }

  /// The size of every data source, from the engine's parts.
  Task<void> sample() {
    next_sample = Clock::now() + options.sample_interval;
    const auto found =
        co_await engine::system_rows(client,
                                     "SELECT database, table, sum(rows), sum(bytes_on_disk) FROM system.parts "
                                     "WHERE active AND startsWith(database, 'ws_') GROUP BY database, table",
                                     Clock::now() + insert_patience);
    if (!found) {
      next_sample = Clock::now() + options.interval;
      co_return;
    }
    std::map<std::pair<std::string, std::string>, std::pair<std::uint64_t, std::uint64_t>> sizes;
    for (const auto& row : *found)
      if (row.size() == 4) sizes[{row[0], row[1]}] = {number(row[2]), number(row[3])};
    std::map<std::string, Rows> rows;
    const auto snapshot = catalog.snapshot();
    const auto now = wall_now();
    for (const auto& [id, workspace] : snapshot->workspaces)
      for (const auto& [name, source] : workspace->resources->data_sources.by_name()) {
        const auto& good = sizes[{workspace->database, source->table}];
        const auto& bad = sizes[{workspace->database, source->quarantine_table}];
        rows[workspace->database].add(StorageSample{.time = now,
                                                    .data_source_id = source->id,
                                                    .data_source_name = name,
                                                    .bytes = good.second,
                                                    .rows = good.first,
                                                    .bytes_quarantine = bad.second,
                                                    .rows_quarantine = bad.first});
      }
    add_batches(rows);
  }

  Task<void> finish(Deadline deadline) {
    // Twice: what came while the first was at work.
    for (int turn = 0; turn < 2 && Clock::now() < deadline; ++turn) co_await write(deadline);
  }
};

Writer::Writer(IoThreads& threads, const catalog::Catalog& catalog, observe::Observer& observer, WriterOptions options)
    : state_(std::make_shared<State>(threads, catalog, observer, std::move(options))) {}

Writer::~Writer() = default;

void Writer::start() {
  if (state_->ended.valid()) return;
  state_->ended =
      asio::co_spawn(state_->threads.executor(0), [self = state_] { return self->run(); }, asio::use_future);
}

void Writer::stop(Deadline deadline) {
  if (state_->stopping.exchange(true) || !state_->ended.valid()) return;
  asio::post(state_->threads.executor(0), [self = state_] { self->timer.cancel(); });
  if (state_->ended.wait_until(deadline) != std::future_status::ready) return;
  state_->threads.run(0, [self = state_, deadline] { return self->finish(deadline); });
}

}  // namespace kinglet::service
