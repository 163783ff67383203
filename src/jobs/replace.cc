// SPDX-License-Identifier: Apache-2.0
#include "jobs/replace.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/log.h"
#include "datafile/ddl.h"
#include "deploy/views.h"
#include "engine/statement_text.h"

namespace kinglet::jobs {

using engine::column_list;
using engine::qualified;

namespace {
constexpr auto step_patience = std::chrono::seconds(60);
constexpr auto fill_patience = std::chrono::hours(1);
constexpr auto hold_patience = std::chrono::seconds(60);
}  // namespace

struct Replacement::State {
  Parts parts;
  std::shared_ptr<const catalog::Workspace> workspace;
  std::shared_ptr<const catalog::DataSource> source;
  std::string id;
  std::uint64_t inserts = 0;
  std::map<std::string, std::string> staged;  // data source name -> table that is to take its place

  query::Runner& runner() { return parts.runners.here(); }
  const std::string& database() const { return workspace->database; }

  Task<Status> execute(std::string sql, std::chrono::nanoseconds patience, engine::Settings settings = {}) {
    const auto deadline = Clock::now() + patience;
    CO_TRY_VOID(co_await runner().engine_ready(deadline));
    auto status = co_await runner().client().execute(std::move(sql), deadline, std::move(settings));
    co_return status;
  }

  Task<Status> stage(const catalog::DataSource& target) {
    const auto table = fmt::format("{}_new_{}", target.table, id.substr(0, 8));
    CO_TRY_VOID(
        co_await execute(fmt::format("DROP TABLE IF EXISTS {} SYNC", qualified(database(), table)), step_patience));
    CO_TRY_VOID(
        co_await execute(datafile::create_table_ddl(target.definition, qualified(database(), table)), step_patience));
    staged[target.name] = table;
    co_return Status{};
  }

  /// The workspace as it will be: staged tables in place of live ones.
  catalog::Resources proposed() const {
    auto resources = *workspace->resources;
    for (const auto& [name, table] : staged) {
      auto changed = std::make_shared<catalog::DataSource>(*resources.data_sources.find(name));
      changed->table = table;
      resources.data_sources.put(std::move(changed));
    }
    return resources;
  }

  static bool reads(const deploy::LiveView& view, const std::string& name) {
    return std::ranges::find(view.reads, name) != view.reads.end();
  }

  /// Data sources below `source`, nearest first.
  std::vector<std::string> dependents(const std::vector<deploy::LiveView>& views) const {
    std::set<std::string> replaced{source->name};
    std::vector<std::string> order;
    for (const auto& view : views)
      if (std::ranges::any_of(replaced, [&](const auto& name) { return reads(view, name); }))
        if (replaced.insert(view.target).second) order.push_back(view.target);
    return order;
  }

  Task<Status> hold(const std::set<std::string>& names, std::vector<spool::Spool::Hold>& holds) {
    for (const auto& name : names) {
      const auto held = workspace->data_source(name);
      if (!held) continue;
      CO_TRY(auto one, co_await parts.spool.hold({.database = database(), .table = held->table}, spool::HoldKind::clear,
                                                 Clock::now() + hold_patience));
      holds.push_back(std::move(one));
    }
    co_return Status{};
  }

  /// Fills one staged target from every view that feeds it.
  Task<Status> fill(const std::string& target) {
    const auto world = proposed();
    CO_TRY(const auto views, deploy::live_views(world, database()));
    for (const auto& view : views) {
      if (view.target != target) continue;
      const query::Composed statement{.sql = view.sql, .settings = {}, .format = {}, .data_sources = {}, .pipes = {}};
      auto given = co_await deploy::output_columns(runner(), statement);
      if (!given) co_return fail(query::presentable(std::move(given.error()), world, database()));
      std::vector<std::string> columns;
      for (auto& column : *given) columns.push_back(std::move(column.name));
      const auto sql =
          fmt::format("INSERT INTO {} {} {}", qualified(database(), staged[target]), column_list(columns), view.sql);
      CO_TRY_VOID(co_await execute(
          sql, fill_patience, {{"deduplicate_insert_select", "disable"}, {"max_partitions_per_insert_block", "0"}}));
    }
    co_return Status{};
  }

  /// Views are taken away and made again around the exchange: which table a view listens to never depends on what the
  /// engine makes of an exchange.
  Task<Status> exchange(const std::vector<deploy::LiveView>& views) {
    std::vector<const deploy::LiveView*> touched;
    for (const auto& view : views)
      if (staged.contains(view.target) ||
          std::ranges::any_of(staged, [&](const auto& s) { return reads(view, s.first); }))
        touched.push_back(&view);
    Status status;
    for (const auto* view : touched) {
      status = co_await execute(fmt::format("DROP VIEW IF EXISTS {} SYNC", qualified(database(), view->name)),
                                step_patience);
      if (!status) break;
    }
    if (status) {
      for (const auto& [name, table] : staged) {
        status = co_await execute(
            fmt::format("EXCHANGE TABLES {} AND {}", qualified(database(), workspace->data_source(name)->table),
                        qualified(database(), table)),
            step_patience);
        if (!status) break;
      }
    }
    for (const auto* view : touched) {
      const auto made =
          co_await execute(deploy::create_view_statement(database(), *workspace->resources, *view), step_patience);
      if (!made && status) status = made;
    }
    co_return status;
  }
};

Replacement::Replacement(Parts parts, std::shared_ptr<const catalog::Workspace> workspace,
                         std::shared_ptr<const catalog::DataSource> source, std::string id)
    : state_(new State{.parts = parts,
                       .workspace = std::move(workspace),
                       .source = std::move(source),
                       .id = std::move(id),
                       .staged = {}}) {}
Replacement::~Replacement() = default;

Task<Status> Replacement::begin() {
  auto status = co_await state_->stage(*state_->source);
  co_return status;
}

Task<Status> Replacement::insert(const engine::Block& block) {
  if (block.empty()) co_return Status{};
  std::string bytes;
  block.encode(bytes);
  const auto statement =
      fmt::format("INSERT INTO {} {}", qualified(state_->database(), state_->staged[state_->source->name]),
                  column_list(block.column_names()));
  const engine::Settings settings{{"insert_deduplication_token", fmt::format("{}-{}", state_->id, ++state_->inserts)},
                                  {"input_format_native_allow_types_conversion", "0"},
                                  {"input_format_skip_unknown_fields", "0"},
                                  {"async_insert", "0"},
                                  {"max_partitions_per_insert_block", "0"}};
  const auto patience = Clock::now() + step_patience;
  for (;;) {
    CO_TRY_VOID(co_await state_->runner().engine_ready(patience));
    // The same bytes under the same token: a second try after a lost answer stores nothing twice.
    const auto stored =
        co_await state_->runner().client().insert(statement, bytes, settings, Clock::now() + step_patience);
    if (stored) co_return Status{};
    if (stored.error().code != Code::unavailable || Clock::now() > patience) co_return fail(stored.error());
    asio::steady_timer pause(co_await asio::this_coro::executor, std::chrono::milliseconds(100));
    co_await pause.async_wait(use_task);
  }
}

Task<Status> Replacement::commit() {
  auto& s = *state_;
  CO_TRY(const auto views, deploy::live_views(*s.workspace->resources, s.database()));
  const auto targets = s.dependents(views);
  std::set<std::string> held{s.source->name};
  for (const auto& target : targets) {
    held.insert(target);
    for (const auto& view : views)
      if (view.target == target) held.insert(view.reads.begin(), view.reads.end());
  }
  std::vector<spool::Spool::Hold> holds;
  CO_TRY_VOID(co_await s.hold(held, holds));
  for (const auto& target : targets) {
    CO_TRY_VOID(co_await s.stage(*s.workspace->data_source(target)));
    CO_TRY_VOID(co_await s.fill(target));
  }
  CO_TRY_VOID(co_await s.exchange(views));
  holds.clear();
  co_await give_up();  // what now stands under the staged names is the old content
  co_return Status{};
}

Task<void> Replacement::give_up() {
  for (const auto& [name, table] : state_->staged) {
    const auto dropped = co_await state_->execute(
        fmt::format("DROP TABLE IF EXISTS {} SYNC", qualified(state_->database(), table)), step_patience);
    if (!dropped) log::warning("a staging table stays until the next start", {{"error", dropped.error().message}});
  }
  state_->staged.clear();
}

}  // namespace kinglet::jobs
