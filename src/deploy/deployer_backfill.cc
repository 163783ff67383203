// SPDX-License-Identifier: Apache-2.0
// Views that a deployment makes, and how the rows that were there before get into their targets.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "base/log.h"
#include "deploy/deployer_state.h"
#include "deploy/views.h"
#include "engine/statement_text.h"
#include "engine/system_rows.h"
#include "runtime/deadline.h"

namespace kinglet::deploy {

using engine::qualified;
using namespace internal;

namespace {

constexpr auto backfill_patience = std::chrono::hours(1);

/// Device and inode of a part's column files. Empty when its folder is not on this machine.
std::set<std::pair<std::uint64_t, std::uint64_t>> data_files(const std::string& part_folder) {
  std::set<std::pair<std::uint64_t, std::uint64_t>> files;
  std::error_code error;
  for (auto it = std::filesystem::directory_iterator(part_folder, error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    struct ::stat found{};
    if (it->path().extension() == ".bin" && ::stat(it->path().c_str(), &found) == 0)
      files.emplace(found.st_dev, found.st_ino);
  }
  return files;
}

bool read_by_plan(const Plan& plan, const std::string& source) {
  return std::ranges::any_of(plan.views,
                             [&](const ViewPlan& v) { return std::ranges::find(v.reads, source) != v.reads.end(); });
}

bool is_new_table(const Plan& plan, const std::string& name) {
  return std::ranges::any_of(plan.new_tables, [&](const auto& t) { return t->name == name; });
}

/// Other views that stay and fire when rows come into `target`.
Result<bool> feeds_views(const catalog::Workspace& workspace, const Plan& plan, const std::string& target) {
  if (read_by_plan(plan, target)) return false;  // made later in this deployment, filled by itself
  TRY(const auto views, live_views(*workspace.resources, workspace.database));
  return std::ranges::any_of(views, [&](const LiveView& view) {
    return std::ranges::find(view.reads, target) != view.reads.end() &&
           std::ranges::find(plan.dropped_views, view.name) == plan.dropped_views.end();
  });
}

}  // namespace

Task<Status> Deployer::State::create_view(const catalog::Workspace& workspace, const Plan& plan, const ViewPlan& view,
                                          Undo& made) {
  const auto target = plan.proposed.data_sources.find(view.target);
  const auto name = qualified(workspace.database, view.pipe->view);
  const auto into = qualified(workspace.database, target->table);
  CO_TRY_VOID(co_await runners.here().agree(*view.query, Clock::now() + ddl_patience));
  if (view.backfill) CO_TRY_VOID(co_await backfill(workspace, plan, view, *target, into, made));
  made.push_back(fmt::format("DROP VIEW IF EXISTS {} SYNC", name));
  auto status = co_await execute(fmt::format("CREATE MATERIALIZED VIEW {} TO {} AS {}", name, into, view.sql),
                                 Clock::now() + ddl_patience);
  co_return status;
}

Task<Status> Deployer::State::backfill(const catalog::Workspace& workspace, const Plan& plan, const ViewPlan& view,
                                       const catalog::DataSource& target, const std::string& into, Undo& made) {
  const bool fresh = is_new_table(plan, target.name);
  const engine::Settings settings{{"deduplicate_insert_select", "disable"}, {"max_partitions_per_insert_block", "0"}};
  const auto fill = [&](const std::string& table) {
    return fmt::format("INSERT INTO {} {} {}", table, engine::column_list(view.columns), view.sql);
  };
  if (fresh) {
    auto status = co_await execute(fill(into), Clock::now() + backfill_patience, settings);
    co_return status;
  }
  CO_TRY(const bool feeds, feeds_views(workspace, plan, target.name));
  if (feeds)
    co_return fail(
        Code::invalid,
        "data source '{}' already exists and feeds other materialized views, so rows of before cannot be added to "
        "it; `BACKFILL skip` in its file makes the view for new rows only",
        target.name);
  const auto beside = qualified(workspace.database, beside_of(view.pipe->view));
  const auto drop = fmt::format("DROP TABLE IF EXISTS {} SYNC", beside);
  CO_TRY_VOID(co_await execute(drop, Clock::now() + ddl_patience));
  made.push_back(drop);
  CO_TRY_VOID(co_await execute(datafile::create_table_ddl(target.definition, beside, ddl_options()),
                               Clock::now() + ddl_patience));
  auto status = co_await execute(fill(beside), Clock::now() + backfill_patience, settings);
  if (status && read_by_plan(plan, target.name))
    status = co_await move_backfill(workspace.database, view.pipe->view, target.table);
  co_return status;
}

Task<void> Deployer::State::finish_backfills(const catalog::Workspace& workspace, const Plan& plan) {
  const auto deadline = Clock::now() + undo_patience;
  for (const auto& view : plan.views) {
    if (!view.backfill || is_new_table(plan, view.target) || read_by_plan(plan, view.target)) continue;
    const auto target = plan.proposed.data_sources.find(view.target);
    for (;;) {
      const auto status = co_await move_backfill(workspace.database, view.pipe->view, target->table);
      if (status) break;
      if (status.error().engine_code != 0 || Clock::now() >= deadline) {
        log::error("rows of before wait beside a view's target for the next start",
                   {{"target", view.target}, {"error", status.error().message}});
        break;
      }
      co_await sleep_until(Clock::now() + undo_pause);
    }
  }
}

Task<Status> Deployer::State::move_backfill(const std::string& database, const std::string& view,
                                            const std::string& into) {
  const auto table = beside_of(view);
  const auto beside = qualified(database, table);
  // No merges meanwhile, nor after a crash: a merged part no longer tells whose files it came from. Set back before
  // the table beside goes, so that an interrupted run comes by here again.
  const auto target = qualified(database, into);
  CO_TRY_VOID(co_await execute(fmt::format("ALTER TABLE {} MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1, "
                                           "max_bytes_to_merge_at_min_space_in_pool = 1",
                                           target),
                               Clock::now() + ddl_patience));
  CO_TRY_VOID(co_await drop_moved_parts(database, table, into));
  CO_TRY_VOID(co_await move_partitions(database, table, beside, target));
  CO_TRY_VOID(co_await execute(fmt::format("ALTER TABLE {} RESET SETTING max_bytes_to_merge_at_max_space_in_pool, "
                                           "max_bytes_to_merge_at_min_space_in_pool",
                                           target),
                               Clock::now() + ddl_patience));
  auto dropped = co_await execute(fmt::format("DROP TABLE IF EXISTS {} SYNC", beside), Clock::now() + ddl_patience);
  co_return dropped;
}

Task<Result<std::vector<Deployer::State::Part>>> Deployer::State::active_parts(const std::string& database,
                                                                               const std::string& table) {
  auto sql = fmt::format("SELECT name, path FROM system.parts WHERE active AND database = '{}' AND table = '{}'",
                         database, table);
  CO_TRY(const auto rows,
         co_await engine::system_rows(runners.here().client(), std::move(sql), Clock::now() + ddl_patience));
  std::vector<Part> parts;
  for (const auto& row : rows)
    if (row.size() == 2) parts.push_back({.name = row[0], .path = row[1]});
  co_return parts;
}

Task<Status> Deployer::State::drop_moved_parts(const std::string& database, const std::string& table,
                                               const std::string& into) {
  CO_TRY(const auto waiting, co_await active_parts(database, table));
  if (waiting.empty()) co_return Status{};
  CO_TRY(const auto standing, co_await active_parts(database, into));
  std::set<std::pair<std::uint64_t, std::uint64_t>> there;
  for (const auto& part : standing) there.merge(data_files(part.path));
  for (const auto& part : waiting) {
    const auto files = data_files(part.path);
    if (std::ranges::none_of(files, [&](const auto& file) { return there.contains(file); })) continue;
    CO_TRY_VOID(co_await execute(fmt::format("ALTER TABLE {} DROP PART '{}'", qualified(database, table), part.name),
                                 Clock::now() + ddl_patience));
  }
  co_return Status{};
}

Task<Status> Deployer::State::move_partitions(const std::string& database, const std::string& table,
                                              const std::string& from, const std::string& to) {
  auto sql =
      fmt::format("SELECT DISTINCT partition_id FROM system.parts WHERE active AND database = '{}' AND table = '{}'",
                  database, table);
  CO_TRY(const auto partitions,
         co_await engine::system_rows(runners.here().client(), std::move(sql), Clock::now() + ddl_patience));
  for (const auto& partition : partitions)
    CO_TRY_VOID(
        co_await execute(fmt::format("ALTER TABLE {} MOVE PARTITION ID '{}' TO TABLE {}", from, partition[0], to),
                         Clock::now() + backfill_patience));
  co_return Status{};
}

}  // namespace kinglet::deploy
