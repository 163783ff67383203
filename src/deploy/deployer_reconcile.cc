// SPDX-License-Identifier: Apache-2.0
// What a start puts right: tables of an older server, and what a killed deployment or replace left.
#include <algorithm>
#include <array>
#include <map>

#include "base/log.h"
#include "deploy/deployer_state.h"
#include "deploy/views.h"
#include "engine/statement_text.h"
#include "engine/system_rows.h"
#include "service/schema.h"
#include "sql/printer.h"

namespace kinglet::deploy {

using engine::qualified;
using namespace internal;

Task<Status> Deployer::State::settle_settings(const catalog::Snapshot& snapshot) {
  // In the order of the columns below; a setting that a table does not have is an empty field, shown as `-`.
  static constexpr std::array<std::string_view, 4> names{
      "non_replicated_deduplication_window", "min_level_for_wide_part", "fsync_after_insert", "fsync_part_directory"};
  std::string sql = "SELECT database, name";
  for (const auto name : names)
    sql += fmt::format(", if(match(s, '\\\\b{0} = \\\\d'), extract(s, '\\\\b{0} = (\\\\d+)'), '-')", name);
  sql +=
      " FROM (SELECT database, name, extract(engine_full, 'SETTINGS (.*)$') AS s FROM system.tables WHERE "
      "startsWith(database, 'ws_') AND engine LIKE '%MergeTree')";
  CO_TRY(const auto rows,
         co_await engine::system_rows(runners.here().client(), std::move(sql), Clock::now() + ddl_patience));
  std::map<std::pair<std::string, std::string>, const datafile::EngineDefinition*> known;
  static const datafile::EngineDefinition of_quarantine;
  for (const auto& [id, workspace] : snapshot.workspaces) {
    for (const auto& [name, source] : workspace->resources->data_sources.by_name()) {
      known.emplace(std::pair(workspace->database, source->table), &source->definition.engine);
      known.emplace(std::pair(workspace->database, source->quarantine_table), &of_quarantine);
    }
  }
  for (const auto& row : rows) {
    if (row.size() != 2 + names.size()) continue;
    const auto found = known.find({row[0], row[1]});
    if (found == known.end()) continue;
    const auto wanted = datafile::table_settings(*found->second, ddl_options());
    std::string changes;
    // A quarantine's window is opened by its first rows.
    for (std::size_t i = found->second == &of_quarantine ? 1 : 0; i < names.size(); ++i) {
      const auto setting = std::ranges::find(wanted, names[i], &std::pair<std::string, std::string>::first);
      const std::string_view value = setting == wanted.end() ? "0" : std::string_view(setting->second);
      const bool same = row[2 + i] == value || (row[2 + i] == "-" && setting == wanted.end());
      if (!same) changes += fmt::format("{}{} = {}", changes.empty() ? "" : ", ", names[i], value);
    }
    if (changes.empty()) continue;
    log::info("a table of an older server gets the settings of this one", {{"table", row[1]}, {"settings", changes}});
    CO_TRY_VOID(co_await execute(fmt::format("ALTER TABLE {} MODIFY SETTING {}", qualified(row[0], row[1]), changes),
                                 Clock::now() + ddl_patience));
  }
  co_return Status{};
}

Task<Status> Deployer::State::drop_left_columns(const catalog::Snapshot& snapshot) {
  auto sql = fmt::format(
      "SELECT database, table, name FROM system.columns WHERE comment = '{}' AND startsWith(database, 'ws_')",
      added_mark);
  CO_TRY(const auto rows,
         co_await engine::system_rows(runners.here().client(), std::move(sql), Clock::now() + ddl_patience));
  std::map<std::string, std::shared_ptr<const catalog::DataSource>> known;
  for (const auto& [id, workspace] : snapshot.workspaces)
    for (const auto& [name, source] : workspace->resources->data_sources.by_name())
      for (const auto& table : {source->table, source->quarantine_table})
        known.emplace(workspace->database + "." + table, source);
  for (const auto& row : rows) {
    if (row.size() != 3) continue;
    const auto source = known.find(row[0] + "." + row[1]);
    if (source == known.end()) continue;
    const auto& columns = source->second->definition.columns;
    if (std::ranges::find(columns, row[2], &datafile::ColumnDefinition::name) != columns.end()) continue;
    log::warning("dropping a column that an interrupted deployment left", {{"table", row[1]}, {"column", row[2]}});
    CO_TRY_VOID(co_await execute(
        fmt::format("ALTER TABLE {} DROP COLUMN IF EXISTS {}", qualified(row[0], row[1]), sql::quote_name(row[2])),
        Clock::now() + ddl_patience));
  }
  co_return Status{};
}

Task<Status> Deployer::reconcile() {
  const auto snapshot = state_->catalog.snapshot();
  std::set<std::string> known, databases;
  std::map<std::string, std::string> targets;  // of backfills whose deployment is live
  std::set<std::string> replays;               // how the tables of unfinished replays of a quarantine end
  for (const auto& [id, workspace] : snapshot->workspaces) {
    for (const auto& job : *workspace->jobs)
      if (job->kind == "quarantine_replay" && !catalog::is_finished(job->status))
        replays.insert("_" + job->id.substr(0, 8));
    databases.insert(workspace->database);
    CO_TRY_VOID(co_await state_->execute(fmt::format("CREATE DATABASE IF NOT EXISTS `{}`", workspace->database),
                                         Clock::now() + ddl_patience));
    for (const auto& [name, source] : workspace->resources->data_sources.by_name()) {
      known.insert(workspace->database + "." + source->table);
      known.insert(workspace->database + "." + source->quarantine_table);
    }
    for (const auto& [name, pipe] : workspace->resources->pipes.by_name())
      if (!pipe->view.empty()) {
        known.insert(workspace->database + "." + pipe->view);
        if (const auto target = workspace->resources->data_sources.find(pipe->definition.target))
          targets.emplace(workspace->database + "." + State::beside_of(pipe->view), target->table);
      }
  }
  CO_TRY_VOID(
      co_await service::reconcile_tables(state_->runners.here().client(), databases, Clock::now() + ddl_patience));
  std::string sql =
      "SELECT database, name, engine FROM system.tables WHERE startsWith(database, 'ws_') "
      "ORDER BY engine = 'MaterializedView' DESC";
  CO_TRY(const auto tables,
         co_await engine::system_rows(state_->runners.here().client(), std::move(sql), Clock::now() + ddl_patience));
  for (const auto& row : tables) {
    if (row.size() != 3) continue;
    const auto& database = row[0];
    const auto& name = row[1];
    if (known.contains(database + "." + name) || !databases.contains(database)) continue;
    if (std::ranges::any_of(replays, [&](const auto& end) { return name.ends_with(end); })) continue;
    if (const auto target = targets.find(database + "." + name); target != targets.end()) {
      log::warning("finishing an interrupted deployment: rows of before go into a view's target", {{"table", name}});
      const auto view = name.substr(0, name.size() - backfill_suffix.size());
      CO_TRY_VOID(co_await state_->move_backfill(database, view, target->second));
      continue;
    }
    log::warning("dropping what an interrupted deployment left", {{"table", name}});
    CO_TRY_VOID(co_await state_->execute(fmt::format("DROP TABLE IF EXISTS {} SYNC", qualified(database, name)),
                                         Clock::now() + ddl_patience));
  }
  CO_TRY_VOID(co_await state_->drop_left_columns(*snapshot));
  CO_TRY_VOID(co_await state_->settle_settings(*snapshot));
  // A replace that was killed between taking its views away and making them again.
  for (const auto& [id, workspace] : snapshot->workspaces) {
    CO_TRY(const auto views, live_views(*workspace->resources, workspace->database));
    for (const auto& view : views)
      CO_TRY_VOID(co_await state_->execute(create_view_statement(workspace->database, *workspace->resources, view),
                                           Clock::now() + ddl_patience));
  }
  co_return Status{};
}

}  // namespace kinglet::deploy
