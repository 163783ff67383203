// SPDX-License-Identifier: Apache-2.0
#include "deploy/deployer.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <set>

#include "base/log.h"
#include "datafile/check.h"
#include "datafile/ddl.h"
#include "deploy/node_check.h"
#include "deploy/plan.h"
#include "deploy/views.h"
#include "engine/statement_text.h"
#include "engine/system_rows.h"
#include "runtime/deadline.h"
#include "runtime/guarded.h"
#include "service/schema.h"
#include "sql/printer.h"

namespace kinglet::deploy {

using engine::qualified;

namespace {

constexpr auto ddl_patience = std::chrono::seconds(30);
constexpr auto answer_patience = std::chrono::seconds(2);
constexpr auto backfill_patience = std::chrono::hours(1);
constexpr auto hold_patience = std::chrono::seconds(30);
/// What must be taken back waits for an engine that is away: with a view left behind, its source could take no rows.
constexpr auto undo_patience = std::chrono::minutes(5);
constexpr auto undo_pause = std::chrono::milliseconds(100);
/// Rows of before on their way into a target that others fill too stand in `<view>_backfill`.
constexpr std::string_view backfill_suffix = "_backfill";

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

/// The comment of columns that a deployment adds: one that did not become live leaves them behind when it is killed.
constexpr std::string_view added_mark = "added by a deployment";

/// Statements that undo what a deployment has made so far, newest first.
using Undo = std::vector<std::string>;

}  // namespace

struct Deployer::State {
  catalog::Catalog& catalog;
  query::Runners& runners;
  spool::Spool& spool;
  Guarded<std::set<std::string>> busy;  // workspace ids with a deployment at work

  struct Turn {
    State& state;
    std::string workspace_id;
    bool taken = false;
    Turn(State& s, std::string id) : state(s), workspace_id(std::move(id)) {
      state.busy.with([&](auto& b) { taken = b.insert(workspace_id).second; });
    }
    Turn(const Turn&) = delete;
    ~Turn() {
      if (taken) state.busy.with([&](auto& b) { b.erase(workspace_id); });
    }
  };

  Task<Status> execute(std::string sql, Deadline deadline, engine::Settings settings = {}) {
    auto& runner = runners.here();
    CO_TRY_VOID(co_await runner.engine_ready(deadline));
    auto status = co_await runner.client().execute(std::move(sql), deadline, std::move(settings));
    co_return status;
  }

  /// As execute(), and again for as long as the engine is away. For statements that may run twice.
  Task<Status> insist(std::string sql, Deadline deadline) {
    for (;;) {
      auto status = co_await execute(sql, std::min(deadline, Clock::now() + ddl_patience));
      const bool away = !status && status.error().engine_code == 0;
      if (!away || Clock::now() >= deadline) co_return status;
      co_await sleep_until(Clock::now() + undo_pause);
    }
  }

  Task<bool> engine_answers() {
    auto& runner = runners.here();
    const auto deadline = Clock::now() + answer_patience;
    const auto ready = co_await runner.engine_ready(deadline);
    if (!ready) co_return false;
    const bool answers = co_await runner.client().ping(deadline);
    co_return answers;
  }

  Task<void> undo(Undo statements) {
    const auto deadline = Clock::now() + undo_patience;
    for (auto it = statements.rbegin(); it != statements.rend(); ++it) {
      const auto status = co_await insist(*it, deadline);
      // The next start drops what nobody knows.
      if (!status) log::error("a deployment could not be undone", {{"error", status.error().message}});
    }
  }

  static void report(Plan& plan, const catalog::DataSource& source, const Error& error) {
    plan.diagnostics.push_back({.severity = datafile::Severity::error,
                                .file = source.file,
                                .position = source.definition.engine.position,
                                .message = error.message});
  }

  /// Makes new tables; those that the engine refuses come into `missing`, and `plan` says why.
  Task<Status> create_tables(const catalog::Workspace& workspace, Plan& plan,
                             const std::vector<std::shared_ptr<const catalog::DataSource>>& wanted, Undo& made,
                             std::set<std::string, std::less<>>& missing) {
    for (const auto& source : wanted) {
      if (missing.contains(source->name)) continue;
      const auto table = qualified(workspace.database, source->table);
      const auto quarantine = qualified(workspace.database, source->quarantine_table);
      const std::array statements{
          std::pair(table, datafile::create_table_ddl(source->definition, table, ddl_options())),
          std::pair(quarantine, datafile::quarantine_ddl(source->definition, quarantine, ddl_options()))};
      for (const auto& [name, ddl] : statements) {
        made.push_back(fmt::format("DROP TABLE IF EXISTS {} SYNC", name));  // first: it may be made without an answer
        auto status = co_await execute(ddl, Clock::now() + ddl_patience);
        if (!status) {
          if (status.error().engine_code == 0) co_return fail(std::move(status.error()));
          report(plan, *source, query::presentable(std::move(status.error()), plan.proposed, workspace.database));
          missing.insert(source->name);
          break;
        }
      }
    }
    co_return Status{};
  }

  /// What only the engine can tell: the tables can be made, the nodes run on them, views and copies fit their targets.
  /// Also of a project with faults, as far as it was understood: all of them are told at once.
  Task<Status> check(const catalog::Workspace& workspace, Plan& plan, Undo& made) {
    auto missing = plan.broken;
    Undo scratch;
    auto status = co_await create_tables(workspace, plan, plan.new_tables, made, missing);
    if (status) status = co_await create_tables(workspace, plan, plan.scratch_tables, scratch, missing);
    if (status) status = co_await check_nodes(runners.here(), workspace.database, plan, missing);
    co_await undo(std::move(scratch));
    co_return status;
  }

  /// Adds columns to tables and their quarantines. Rows of before have the columns' defaults; rows that wait in the
  /// spool name their columns.
  Task<Status> grow_tables(const catalog::Workspace& workspace, Plan& plan, Undo& made) {
    for (const auto& growth : plan.grown_tables) {
      const auto& source = *growth.source;
      const auto& columns = source.definition.columns;
      for (const auto index : growth.added) {
        const auto name = sql::quote_name(columns[index].name);
        const auto behind = [&](std::string_view first) {
          return index == 0 ? std::string(first) : "AFTER " + sql::quote_name(columns[index - 1].name);
        };
        const auto table = qualified(workspace.database, source.table);
        const auto quarantine = qualified(workspace.database, source.quarantine_table);
        const std::array statements{
            std::pair(table, fmt::format("{} {}", datafile::column_ddl(columns[index], added_mark), behind("FIRST"))),
            std::pair(quarantine, fmt::format("{} Nullable(String) COMMENT '{}' {}", name, added_mark,
                                              behind("AFTER `c__import_id`")))};
        for (const auto& [to, column] : statements) {
          made.push_back(fmt::format("ALTER TABLE {} DROP COLUMN IF EXISTS {}", to, name));
          auto status = co_await execute(fmt::format("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {}", to, column),
                                         Clock::now() + ddl_patience);
          if (status) continue;
          if (status.error().engine_code != 0)
            report(plan, source, query::presentable(status.error(), plan.proposed, workspace.database));
          co_return status;
        }
      }
    }
    co_return Status{};
  }

  /// Tables sync their parts where the spool syncs its rows: it lets go of them once they are inserted.
  datafile::DdlOptions ddl_options() const { return {.durable = spool.durability() == spool::Durability::fsync}; }

  /// Tables of an older server, or of one with another durability, get the settings that exactly-once rests on
  /// (docs/design/0004-spool.md).
  Task<Status> settle_settings(const catalog::Snapshot& snapshot) {
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
      for (std::size_t i = 0; i < names.size(); ++i) {
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

  /// Takes away the columns of a deployment that was killed before it became live.
  Task<Status> drop_left_columns(const catalog::Snapshot& snapshot) {
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

  /// Other views that stay and fire when rows come into `target`.
  static Result<bool> feeds_views(const catalog::Workspace& workspace, const Plan& plan, const std::string& target) {
    if (read_by_plan(plan, target)) return false;  // made later in this deployment, filled by itself
    TRY(const auto views, live_views(*workspace.resources, workspace.database));
    return std::ranges::any_of(views, [&](const LiveView& view) {
      return std::ranges::find(view.reads, target) != view.reads.end() &&
             std::ranges::find(plan.dropped_views, view.name) == plan.dropped_views.end();
    });
  }

  /// Creates the view, then fills its target with the rows that were there before. Sources are held meanwhile.
  Task<Status> create_view(const catalog::Workspace& workspace, const Plan& plan, const ViewPlan& view, Undo& made) {
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

  static bool read_by_plan(const Plan& plan, const std::string& source) {
    return std::ranges::any_of(plan.views,
                               [&](const ViewPlan& v) { return std::ranges::find(v.reads, source) != v.reads.end(); });
  }

  /// A new target is filled in place: it is dropped when the deployment fails. An old one is filled by way of a table
  /// beside it, whose partitions move over once the deployment is live (finish_backfills): a deployment that fails or
  /// is killed has added no row. Only when another view of this deployment is filled from the target do they move at
  /// once.
  Task<Status> backfill(const catalog::Workspace& workspace, const Plan& plan, const ViewPlan& view,
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

  static std::string beside_of(const std::string& view) { return fmt::format("{}{}", view, backfill_suffix); }
  static bool is_new_table(const Plan& plan, const std::string& name) {
    return std::ranges::any_of(plan.new_tables, [&](const auto& t) { return t->name == name; });
  }

  /// What backfill() left beside the targets goes in. The deployment is live: what fails here is done by reconcile().
  Task<void> finish_backfills(const catalog::Workspace& workspace, const Plan& plan) {
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

  /// Moves the partitions that stand beside `into` and drops the table. May run again: a partition that moved is gone.
  Task<Status> move_backfill(const std::string& database, const std::string& view, const std::string& into) {
    const auto table = beside_of(view);
    const auto beside = qualified(database, table);
    // No merges meanwhile, nor after a crash: a merged part no longer tells whose files it came from. Set back before
    // the table beside goes, so that an interrupted run comes by here again.
    const auto target = qualified(database, into);
    CO_TRY_VOID(
        co_await execute(fmt::format("ALTER TABLE {} MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1, "
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

  struct Part {
    std::string name, path;
  };
  Task<Result<std::vector<Part>>> active_parts(const std::string& database, const std::string& table) {
    auto sql = fmt::format("SELECT name, path FROM system.parts WHERE active AND database = '{}' AND table = '{}'",
                           database, table);
    CO_TRY(const auto rows,
           co_await engine::system_rows(runners.here().client(), std::move(sql), Clock::now() + ddl_patience));
    std::vector<Part> parts;
    for (const auto& row : rows)
      if (row.size() == 2) parts.push_back({.name = row[0], .path = row[1]});
    co_return parts;
  }

  /// An engine killed inside a MOVE PARTITION may have the part in both tables. A moved part is hard links to the same
  /// files, so equal files, not equal content, tell it. With an engine elsewhere there is nothing to see and nothing to
  /// do: it finishes its MOVE whatever becomes of us.
  Task<Status> drop_moved_parts(const std::string& database, const std::string& table, const std::string& into) {
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

  Task<Status> move_partitions(const std::string& database, const std::string& table, const std::string& from,
                               const std::string& to) {
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

  /// The data sources whose rows flow into the plan's views: new rows wait in the spool while views are made and
  /// filled.
  Task<Result<std::vector<spool::Spool::Hold>>> hold_sources(const catalog::Workspace& workspace, const Plan& plan) {
    std::set<std::string> names;
    for (const auto& view : plan.views) names.insert(view.reads.begin(), view.reads.end());
    std::vector<spool::Spool::Hold> holds;
    for (const auto& name : names) {
      const auto source = workspace.resources->data_sources.find(name);
      if (!source) continue;  // made by this deployment: nobody writes to it yet
      CO_TRY(auto held, co_await spool.hold({.database = workspace.database, .table = source->table},
                                            spool::HoldKind::change, Clock::now() + hold_patience));
      holds.push_back(std::move(held));
    }
    co_return holds;
  }

  /// Both drop what the catalog no longer names. Failures are left to reconcile().
  Task<void> drop_views(const catalog::Workspace& workspace, const Plan& plan) {
    Undo statements;
    const auto drop = [&](const std::string& view) {
      statements.push_back(fmt::format("DROP VIEW IF EXISTS {} SYNC", qualified(workspace.database, view)));
    };
    for (const auto& view : plan.dropped_views) drop(view);
    for (const auto& view : plan.views)
      if (!view.replaced_view.empty()) drop(view.replaced_view);
    co_await undo(std::move(statements));
  }
  Task<void> drop_tables(const catalog::Workspace& workspace, const Plan& plan) {
    Undo statements;
    for (const auto& source : plan.dropped_tables)
      for (const auto& table : {source->table, source->quarantine_table})
        statements.push_back(fmt::format("DROP TABLE IF EXISTS {} SYNC", qualified(workspace.database, table)));
    co_await undo(std::move(statements));
  }

  static Outcome failed(Plan plan) {
    Outcome outcome{.result = Outcome::Result::failed,
                    .data_sources = std::move(plan.data_sources),
                    .pipes = std::move(plan.pipes),
                    .connections = std::move(plan.connections),
                    .diagnostics = std::move(plan.diagnostics),
                    .deployment = nullptr};
    return outcome;
  }

  Task<Result<Outcome>> apply(const Request& request, const catalog::Workspace& workspace, Plan plan, Undo& made,
                              std::vector<spool::Spool::Hold>& holds) {
    const bool sound = plan.ok();
    // What is wrong already is told at once: nobody waits for an engine that is away to hear more.
    if (!sound) {
      const bool answers = co_await engine_answers();
      if (!answers) co_return failed(std::move(plan));
    }
    auto checked = co_await check(workspace, plan, made);
    if (!checked && sound) co_return fail(std::move(checked.error()));
    datafile::sort_diagnostics(plan.diagnostics);
    if (!plan.ok()) co_return failed(std::move(plan));

    Outcome outcome{.result = Outcome::Result::success,
                    .data_sources = plan.data_sources,
                    .pipes = plan.pipes,
                    .connections = plan.connections,
                    .diagnostics = plan.diagnostics,
                    .deployment = nullptr};
    if (request.mode == Mode::check) co_return outcome;
    if (request.mode == Mode::stage) {
      auto record = [id = workspace.id, plan](catalog::Transaction& t) {
        catalog::Deployment d;
        d.status = catalog::DeploymentStatus::data_ready;
        d.data_sources = plan.data_sources;
        d.pipes = plan.pipes;
        d.connections = plan.connections;
        return t.record_deployment(id, d, plan.change.files);
      };
      CO_TRY(outcome.deployment, co_await catalog.update(std::move(record)));
      co_return outcome;
    }

    if (const auto grown = co_await grow_tables(workspace, plan, made); !grown) {
      if (grown.error().engine_code == 0) co_return fail(grown.error());
      co_return failed(std::move(plan));
    }
    CO_TRY(holds, co_await hold_sources(workspace, plan));
    for (const auto& view : plan.views) {
      auto status = co_await create_view(workspace, plan, view, made);
      if (status) continue;
      if (status.error().engine_code == 0 && status.error().code != Code::invalid)
        co_return fail(std::move(status.error()));
      auto error = query::presentable(std::move(status.error()), plan.proposed, workspace.database);
      plan.diagnostics.push_back(node_diagnostic(*view.pipe, view.node, error));
      co_return failed(std::move(plan));
    }
    plan.change.is_build = request.mode == Mode::build;
    plan.change.deployment_id = request.deployment_id;
    auto commit = [id = workspace.id, change = plan.change](catalog::Transaction& t) {
      return t.apply_deployment(id, change);
    };
    CO_TRY(outcome.deployment, co_await catalog.update(std::move(commit)));
    made.clear();
    // Before the sources flow again: a view that was replaced would store each row a second time.
    co_await drop_views(workspace, plan);
    holds.clear();
    co_await finish_backfills(workspace, plan);
    co_await drop_tables(workspace, plan);
    co_return outcome;
  }
};

Deployer::Deployer(catalog::Catalog& catalog, query::Runners& runners, spool::Spool& spool)
    : state_(new State{.catalog = catalog, .runners = runners, .spool = spool, .busy = {}}) {}
Deployer::~Deployer() = default;

Task<Result<Outcome>> Deployer::deploy(Request request) {
  State::Turn turn(*state_, request.workspace_id);
  if (!turn.taken) co_return fail(Code::conflict, "there is already a deployment in progress; wait for it to end");
  const auto workspace = state_->catalog.snapshot()->workspace(request.workspace_id);
  if (!workspace) co_return fail(Code::not_found, "the workspace does not exist any more");
  const bool removing = request.allow_destructive || request.mode == Mode::build;
  auto plan = make_plan(*workspace, request.files, removing);
  if (plan.ok() && plan.no_changes())
    co_return Outcome{.result = Outcome::Result::no_changes,
                      .data_sources = {},
                      .pipes = {},
                      .connections = {},
                      .diagnostics = std::move(plan.diagnostics),
                      .deployment = nullptr};

  Undo made;
  // Until all is undone: rows that flow before would meet views whose targets are gone.
  std::vector<spool::Spool::Hold> holds;
  auto outcome = co_await state_->apply(request, *workspace, std::move(plan), made, holds);
  // Whatever was made and did not become live goes again: after a check, a failure, and for a staged deployment, whose
  // tables are made when it is promoted.
  co_await state_->undo(std::move(made));
  co_return outcome;
}

Task<Result<Outcome>> Deployer::promote(std::string workspace_id, std::string deployment_id) {
  auto read = [workspace_id, deployment_id](catalog::Transaction& t) -> Result<std::vector<catalog::File>> {
    return t.deployment_files(workspace_id, deployment_id);
  };
  CO_TRY(const auto files, co_await state_->catalog.update(std::move(read)));
  Request request{.workspace_id = std::move(workspace_id),
                  .files = {},
                  .mode = Mode::live,
                  .allow_destructive = true,
                  .deployment_id = std::move(deployment_id)};
  for (const auto& file : files) request.files.push_back({.name = file.name, .text = file.text});
  auto outcome = co_await deploy(std::move(request));
  co_return outcome;
}

Task<Status> Deployer::create_database(std::string database) {
  CO_TRY_VOID(co_await state_->execute(fmt::format("CREATE DATABASE IF NOT EXISTS `{}`", database),
                                       Clock::now() + ddl_patience));
  auto status = co_await service::create_tables(state_->runners.here().client(), std::move(database),
                                                Clock::now() + ddl_patience);
  co_return status;
}

Task<Status> Deployer::drop_database(std::string database) {
  CO_TRY_VOID(co_await state_->execute(fmt::format("DROP DATABASE IF EXISTS `{}` SYNC", database),
                                       Clock::now() + ddl_patience));
  auto status =
      co_await service::drop_tables(state_->runners.here().client(), std::move(database), Clock::now() + ddl_patience);
  co_return status;
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
