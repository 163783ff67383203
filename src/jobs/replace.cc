// SPDX-License-Identifier: Apache-2.0
#include "jobs/replace.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/log.h"
#include "datafile/ddl.h"
#include "deploy/views.h"
#include "engine/statement_text.h"
#include "engine/system_rows.h"
#include "jobs/partition_fit.h"
#include "json/document.h"
#include "sql/printer.h"
#include "sql/resolve.h"

namespace kinglet::jobs {

using engine::column_list;
using engine::qualified;

namespace {
constexpr auto step_patience = std::chrono::seconds(60);
constexpr auto fill_patience = std::chrono::hours(1);
constexpr auto hold_patience = std::chrono::seconds(60);
constexpr std::size_t partitions_max = 10'000;  // that one replacement may touch

std::string partition_list(const std::set<std::string>& ids) {
  std::string out;
  for (const auto& id : ids) out += (out.empty() ? "" : ", ") + sql::quote_string(id);
  return out;
}

/// Takes the place of a live table; nothing when it has it already, or is gone.
Task<Status> exchange_once(query::Runner& runner, const std::string& database, const std::string& live,
                           const std::string& staged, const std::string& staged_uuid) {
  const auto deadline = Clock::now() + step_patience;
  auto sql = fmt::format("SELECT name FROM system.tables WHERE database = {} AND name = {} AND toString(uuid) = {}",
                         sql::quote_string(database), sql::quote_string(staged), sql::quote_string(staged_uuid));
  CO_TRY(const auto found, co_await engine::system_rows(runner.client(), std::move(sql), deadline));
  if (found.empty()) co_return Status{};
  auto status = co_await runner.client().execute(
      fmt::format("EXCHANGE TABLES {} AND {}", qualified(database, live), qualified(database, staged)), deadline);
  co_return status;
}
}  // namespace

struct Replacement::State {
  Parts parts;
  std::shared_ptr<const catalog::Workspace> workspace;
  std::shared_ptr<const catalog::DataSource> source;
  ReplaceOptions options;
  std::string id;
  std::string condition = {};  // printed; empty: all rows
  std::uint64_t inserts = 0, dropped = 0;
  std::map<std::string, std::string> staged = {};  // data source name -> table that is to take its place
  std::set<std::string> scratch = {};              // further tables, dropped at the end
  std::map<std::string, std::string> uuids = {};   // of the staged tables, by data source
  std::vector<std::string> targets = {};           // dependents to make anew, nearest first

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
    // Partitions are taken over only between tables of the same structure, which the live one tells best.
    const auto create = condition.empty() ? datafile::create_table_ddl(target.definition, qualified(database(), table))
                                          : fmt::format("CREATE TABLE {} AS {}", qualified(database(), table),
                                                        qualified(database(), target.table));
    CO_TRY_VOID(co_await execute(create, step_patience));
    staged[target.name] = table;
    co_return Status{};
  }

  /// A table like that of `target`, for a step in between.
  Task<Result<std::string>> make_scratch(const catalog::DataSource& target, std::string_view what) {
    const auto table = fmt::format("{}_{}_{}", target.table, what, id.substr(0, 8));
    CO_TRY_VOID(
        co_await execute(fmt::format("DROP TABLE IF EXISTS {} SYNC", qualified(database(), table)), step_patience));
    CO_TRY_VOID(co_await execute(
        fmt::format("CREATE TABLE {} AS {}", qualified(database(), table), qualified(database(), target.table)),
        step_patience));
    scratch.insert(table);
    co_return table;
  }

  Task<Result<std::vector<std::vector<std::string>>>> ask(std::string sql, std::chrono::nanoseconds patience) {
    const auto deadline = Clock::now() + patience;
    CO_TRY_VOID(co_await runner().engine_ready(deadline));
    auto rows = co_await engine::system_rows(runner().client(), std::move(sql), deadline);
    co_return rows;
  }
  Task<Result<std::set<std::string>>> ask_set(std::string sql) {
    CO_TRY(const auto rows, co_await ask(std::move(sql), fill_patience));
    std::set<std::string> out;
    for (const auto& row : rows)
      if (!row.empty()) out.insert(row[0]);
    co_return out;
  }
  /// Ids of the partitions in which rows stand.
  Task<Result<std::set<std::string>>> partitions(const std::string& table, const std::string& where = {}) {
    auto ids = co_await ask_set(fmt::format("SELECT DISTINCT _partition_id FROM {}{}", qualified(database(), table),
                                            where.empty() ? "" : " WHERE " + where));
    co_return ids;
  }
  /// By hard links: the rows are not copied.
  Task<Status> attach(const std::string& table, const std::string& from, const std::set<std::string>& ids) {
    for (const auto& one : ids)
      CO_TRY_VOID(
          co_await execute(fmt::format("ALTER TABLE {} ATTACH PARTITION ID {} FROM {}", qualified(database(), table),
                                       sql::quote_string(one), qualified(database(), from)),
                           step_patience));
    co_return Status{};
  }
  Task<Status> attach_the_rest(const std::string& table, const std::string& live, const std::set<std::string>& made) {
    CO_TRY(auto rest,
           co_await ask_set(fmt::format(
               "SELECT DISTINCT partition_id FROM system.parts WHERE active AND database = {} AND table = {}",
               sql::quote_string(database()), sql::quote_string(live))));
    for (const auto& one : made) rest.erase(one);
    auto status = co_await attach(table, live, rest);
    co_return status;
  }

  /// The workspace with other tables in place of live ones.
  catalog::Resources with_tables(const std::map<std::string, std::string>& tables) const {
    auto resources = *workspace->resources;
    for (const auto& [name, table] : tables) {
      auto changed = std::make_shared<catalog::DataSource>(*resources.data_sources.find(name));
      changed->table = table;
      resources.data_sources.put(std::move(changed));
    }
    return resources;
  }

  static bool reads(const deploy::LiveView& view, const std::string& name) {
    return std::ranges::find(view.reads, name) != view.reads.end();
  }

  /// Data sources below `source`, nearest first. With a condition only those whose partitions follow.
  /// Errors: conflict.
  Result<std::vector<std::string>> dependents(const std::vector<deploy::LiveView>& views) const {
    std::set<std::string> replaced{source->name};
    std::vector<std::string> order;
    for (const auto& view : views) {
      if (replaced.contains(view.target) ||
          std::ranges::none_of(replaced, [&](const auto& name) { return reads(view, name); }))
        continue;
      if (const auto reason = cannot_follow(view.target, views, replaced); !condition.empty() && !reason.empty()) {
        if (options.skip_incompatible) continue;
        return fail(Code::conflict,
                    "the data source '{}' cannot follow a replace_condition on '{}': {}. Replace all rows, or leave it "
                    "as it is with skip_incompatible_partition_key=true",
                    view.target, source->name, reason);
      }
      replaced.insert(view.target);
      order.push_back(view.target);
    }
    return order;
  }

  /// Why partitions of `target` cannot be made anew from those of the data sources in `replaced`; empty: they can.
  std::string cannot_follow(const std::string& target, const std::vector<deploy::LiveView>& views,
                            const std::set<std::string>& replaced) const {
    const auto made = workspace->data_source(target);
    if (!made->definition.engine.name.ends_with("MergeTree")) return "it has no partitions";
    for (const auto& view : views) {
      if (view.target != target) continue;
      const auto from = std::ranges::find_if(view.reads, [&](const auto& name) { return replaced.contains(name); });
      if (from == view.reads.end()) return "it is also filled from a data source that is not replaced";
      const auto read = workspace->data_source(*from);
      if (!partitions_follow(view.sql, database(), read->table, read->definition.engine.partition_key,
                             made->definition.engine.partition_key))
        return fmt::format("its partition key does not follow that of '{}'", *from);
    }
    return {};
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

  /// Fills `table`, which is like that of `target`, by every view that feeds it, with other tables in place of live
  /// ones.
  Task<Status> fill(const std::string& target, const std::string& table, std::map<std::string, std::string> tables) {
    const auto world = with_tables(tables);
    CO_TRY(const auto views, deploy::live_views(world, database()));
    for (const auto& view : views) {
      if (view.target != target) continue;
      const query::Composed statement{.sql = view.sql, .settings = {}, .format = {}, .data_sources = {}, .pipes = {}};
      auto given = co_await deploy::output_columns(runner(), statement);
      if (!given) co_return fail(query::presentable(std::move(given.error()), world, database()));
      std::vector<std::string> columns;
      for (auto& column : *given) columns.push_back(std::move(column.name));
      const auto sql =
          fmt::format("INSERT INTO {} {} {}", qualified(database(), table), column_list(columns), view.sql);
      CO_TRY_VOID(co_await insert_select(sql));
    }
    co_return Status{};
  }
  Task<Status> insert_select(const std::string& sql) {
    auto status = co_await execute(
        sql, fill_patience, {{"deduplicate_insert_select", "disable"}, {"max_partitions_per_insert_block", "0"}});
    co_return status;
  }

  /// Leaves in the staged table the new rows that fulfil the condition.
  Task<Status> drop_outside_rows() {
    const auto table = qualified(database(), staged[source->name]);
    const auto outside = fmt::format("NOT ifNull({}, 0)", condition);
    CO_TRY(const auto counted,
           co_await ask(fmt::format("SELECT count() FROM {} WHERE {}", table, outside), fill_patience));
    dropped = counted.empty() ? 0 : std::strtoull(counted[0][0].c_str(), nullptr, 10);
    if (dropped == 0) co_return Status{};
    auto status = co_await execute(fmt::format("ALTER TABLE {} DELETE WHERE {}", table, outside), fill_patience,
                                   {{"mutations_sync", "2"}});
    co_return status;
  }

  /// Makes the touched partitions of the data source and of its dependents anew, then takes over the others. False when
  /// there is nothing to touch.
  Task<Result<bool>> build_partitions() {
    const auto& name = source->name;
    CO_TRY(auto touched, co_await partitions(staged[name]));
    if (options.truncate_when_empty) {
      CO_TRY(const auto gone, co_await partitions(source->table, fmt::format("ifNull({}, 0)", condition)));
      touched.insert(gone.begin(), gone.end());
    }
    if (touched.empty()) co_return false;
    if (touched.size() > partitions_max)
      co_return fail(Code::invalid, "the new rows stand in {} partitions; at most {} are replaced at once",
                     touched.size(), partitions_max);
    std::vector<std::string> columns;
    for (const auto& column : source->definition.columns) columns.push_back(column.name);
    const auto list = column_list(columns);
    CO_TRY_VOID(co_await insert_select(
        fmt::format("INSERT INTO {} {} SELECT {} FROM {} WHERE NOT ifNull({}, 0) AND _partition_id IN ({})",
                    qualified(database(), staged[name]), list, list.substr(1, list.size() - 2),
                    qualified(database(), source->table), condition, partition_list(touched))));

    std::map<std::string, std::set<std::string>> made{{name, touched}};
    std::map<std::string, std::string> before;  // data source -> table with its touched partitions as they were
    if (!targets.empty()) {
      CO_TRY(const auto was, co_await make_scratch(*source, "was"));
      before[name] = was;
      CO_TRY_VOID(co_await attach(before[name], source->table, touched));
    }
    for (const auto& target : targets) {
      const auto live = workspace->data_source(target);
      CO_TRY_VOID(co_await stage(*live));
      CO_TRY_VOID(co_await fill(target, staged[target], staged));
      // Its partitions to replace are those that the old rows filled, and those that the new ones fill.
      CO_TRY(auto now, co_await partitions(staged[target]));
      CO_TRY(const auto old_rows, co_await make_scratch(*live, "ids"));
      CO_TRY_VOID(co_await fill(target, old_rows, before));
      CO_TRY(const auto then, co_await partitions(old_rows));
      now.insert(then.begin(), then.end());
      CO_TRY(const auto was, co_await make_scratch(*live, "was"));
      before[target] = was;
      CO_TRY_VOID(co_await attach(before[target], live->table, now));
      made[target] = std::move(now);
    }
    for (const auto& [data_source, table] : staged)
      CO_TRY_VOID(co_await attach_the_rest(table, workspace->data_source(data_source)->table, made[data_source]));
    co_return true;
  }

  /// What is to be exchanged, as it can be found again by another process.
  Task<Result<std::string>> plan() {
    json::array tables;
    for (const auto& [name, table] : staged) {
      CO_TRY(const auto rows,
             co_await ask(fmt::format("SELECT toString(uuid) FROM system.tables WHERE database = {} AND name = {}",
                                      sql::quote_string(database()), sql::quote_string(table)),
                          step_patience));
      if (rows.size() != 1) co_return fail(Code::internal, "the staging table of '{}' is not there", name);
      uuids[name] = rows[0][0];
      tables.push_back(
          json::object{{"live", workspace->data_source(name)->table}, {"staged", table}, {"uuid", rows[0][0]}});
    }
    co_return json::write(json::object{{"database", database()}, {"tables", std::move(tables)}});
  }

  /// Asks again while the engine starts anew: a step that is done already is seen by the table's identity.
  Task<Status> take_place(const std::string& name, const std::string& table) {
    const auto until = Clock::now() + step_patience;
    for (;;) {
      auto status = co_await runner().engine_ready(until);
      if (status)
        status = co_await exchange_once(runner(), database(), workspace->data_source(name)->table, table, uuids[name]);
      if (status || Clock::now() >= until ||
          (status.error().code != Code::unavailable && status.error().code != Code::timeout))
        co_return status;
      asio::steady_timer pause(co_await asio::this_coro::executor, std::chrono::milliseconds(200));
      co_await pause.async_wait(use_task);
    }
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
      std::string done;
      for (const auto& [name, table] : staged) {
        status = co_await take_place(name, table);
        if (!status) {
          if (!done.empty())
            status.error().message += fmt::format(" ({} replaced, the others are not: replace once more)", done);
          break;
        }
        done += (done.empty() ? "" : ", ") + name;
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
                         std::shared_ptr<const catalog::DataSource> source, ReplaceOptions options, std::string id)
    : state_(new State{.parts = std::move(parts),
                       .workspace = std::move(workspace),
                       .source = std::move(source),
                       .options = std::move(options),
                       .id = std::move(id)}) {}
Replacement::~Replacement() = default;

std::uint64_t Replacement::dropped_rows() const {
  return state_->dropped;
}

Task<Status> Replacement::begin() {
  auto& s = *state_;
  if (!s.options.condition.empty()) {
    auto printed = sql::checked_expression(s.options.condition);
    if (!printed) co_return fail(Code::invalid, "replace_condition: {}", printed.error().message);
    if (!s.source->definition.engine.name.ends_with("MergeTree"))
      co_return fail(Code::invalid, "replace_condition needs a data source of the MergeTree family");
    s.condition = fmt::format("({})", *printed);
    // Asked as a query of a user: the engine tells what it does not take, and no other table is read.
    const query::Composed probe{.sql = fmt::format("SELECT count() FROM {} WHERE ifNull({}, 0) AND 0",
                                                   qualified(s.database(), s.source->table), s.condition),
                                .settings = {},
                                .format = {},
                                .data_sources = {},
                                .pipes = {}};
    constexpr query::Format plain{.engine_name = "TabSeparated", .content_type = ""};
    const auto answer = co_await s.runner().run_whole(probe, plain, *s.workspace->resources, s.database());
    if (!answer) {
      auto error = answer.error();
      if (error.code == Code::invalid || error.code == Code::engine_refused)
        error = {.code = Code::invalid, .message = "replace_condition: " + error.message};
      co_return fail(std::move(error));
    }
  }
  CO_TRY(const auto views, deploy::live_views(*s.workspace->resources, s.database()));
  CO_TRY(s.targets, s.dependents(views));
  auto status = co_await s.stage(*s.source);
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
        co_await state_->runner().client().insert(statement, {bytes}, settings, Clock::now() + step_patience);
    if (stored) co_return Status{};
    if (stored.error().code != Code::unavailable || Clock::now() > patience) co_return fail(stored.error());
    asio::steady_timer pause(co_await asio::this_coro::executor, std::chrono::milliseconds(100));
    co_await pause.async_wait(use_task);
  }
}

Task<Status> Replacement::commit() {
  auto& s = *state_;
  CO_TRY(const auto views, deploy::live_views(*s.workspace->resources, s.database()));
  if (!s.condition.empty()) CO_TRY_VOID(co_await s.drop_outside_rows());
  std::set<std::string> held{s.source->name};
  for (const auto& target : s.targets) {
    held.insert(target);
    for (const auto& view : views)
      if (view.target == target) held.insert(view.reads.begin(), view.reads.end());
  }
  std::vector<spool::Spool::Hold> holds;
  CO_TRY_VOID(co_await s.hold(held, holds));
  bool changes = true;
  if (s.condition.empty()) {
    for (const auto& target : s.targets) {
      CO_TRY_VOID(co_await s.stage(*s.workspace->data_source(target)));
      CO_TRY_VOID(co_await s.fill(target, s.staged[target], s.staged));
    }
  } else {
    CO_TRY(changes, co_await s.build_partitions());
  }
  if (changes) {
    CO_TRY(auto plan, co_await s.plan());
    CO_TRY_VOID(co_await s.parts.write_plan(std::move(plan)));
    CO_TRY_VOID(co_await s.exchange(views));
  }
  holds.clear();
  co_await give_up();  // what now stands under the staged names is the old content
  co_return Status{};
}

Task<void> Replacement::give_up() {
  auto tables = state_->scratch;
  for (const auto& [name, table] : state_->staged) tables.insert(table);
  for (const auto& table : tables) {
    const auto dropped = co_await state_->execute(
        fmt::format("DROP TABLE IF EXISTS {} SYNC", qualified(state_->database(), table)), step_patience);
    if (!dropped) log::warning("a staging table stays until the next start", {{"error", dropped.error().message}});
  }
  state_->staged.clear();
  state_->scratch.clear();
}

Task<Status> finish_replacements(catalog::Catalog& catalog, query::Runners& runners) {
  const auto snapshot = catalog.snapshot();
  for (const auto& [id, workspace] : snapshot->workspaces)
    for (const auto& job : *workspace->jobs) {
      if (catalog::is_finished(job->status) || job->parameters.empty()) continue;
      const auto parsed = json::parse(job->parameters);
      if (!parsed || !parsed->is_object()) continue;
      const auto* plan = parsed->get_object().if_contains(plan_key);
      if (plan == nullptr || !plan->is_object()) continue;
      const auto text = [](const json::object& o, std::string_view key) {
        return std::string(json::get_string(o, key).value_or(""));
      };
      const auto& o = plan->get_object();
      const auto* tables = o.if_contains("tables");
      if (tables == nullptr || !tables->is_array()) continue;
      log::warning("finishing a replace that was interrupted",
                   {{"data_source", job->data_source_name}, {"job", job->id}});
      for (const auto& table : tables->get_array()) {
        if (!table.is_object()) continue;
        const auto& t = table.get_object();
        CO_TRY_VOID(co_await exchange_once(runners.here(), text(o, "database"), text(t, "live"), text(t, "staged"),
                                           text(t, "uuid")));
      }
    }
  co_return Status{};
}

}  // namespace kinglet::jobs
