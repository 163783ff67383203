// SPDX-License-Identifier: Apache-2.0
#include "deploy/deployer.h"

#include <algorithm>
#include <array>

#include "base/log.h"
#include "datafile/check.h"
#include "deploy/deployer_state.h"
#include "deploy/node_check.h"
#include "engine/statement_text.h"
#include "runtime/deadline.h"
#include "service/schema.h"
#include "sql/printer.h"

namespace kinglet::deploy {

using engine::qualified;
using namespace internal;

namespace {

constexpr auto answer_patience = std::chrono::seconds(2);
constexpr auto hold_patience = std::chrono::seconds(30);

void report(Plan& plan, const catalog::DataSource& source, const Error& error) {
  plan.diagnostics.push_back({.severity = datafile::Severity::error,
                              .file = source.file,
                              .position = source.definition.engine.position,
                              .message = error.message});
}

Outcome failed(Plan plan) {
  Outcome outcome{.result = Outcome::Result::failed,
                  .data_sources = std::move(plan.data_sources),
                  .pipes = std::move(plan.pipes),
                  .connections = std::move(plan.connections),
                  .diagnostics = std::move(plan.diagnostics),
                  .deployment = nullptr};
  return outcome;
}

}  // namespace

Task<Status> Deployer::State::execute(std::string sql, Deadline deadline, engine::Settings settings) {
  auto& runner = runners.here();
  CO_TRY_VOID(co_await runner.engine_ready(deadline));
  auto status = co_await runner.client().execute(std::move(sql), deadline, std::move(settings));
  co_return status;
}

Task<Status> Deployer::State::insist(std::string sql, Deadline deadline) {
  for (;;) {
    auto status = co_await execute(sql, std::min(deadline, Clock::now() + ddl_patience));
    const bool away = !status && status.error().engine_code == 0;
    if (!away || Clock::now() >= deadline) co_return status;
    co_await sleep_until(Clock::now() + undo_pause);
  }
}

Task<bool> Deployer::State::engine_answers() {
  auto& runner = runners.here();
  const auto deadline = Clock::now() + answer_patience;
  const auto ready = co_await runner.engine_ready(deadline);
  if (!ready) co_return false;
  const bool answers = co_await runner.client().ping(deadline);
  co_return answers;
}

Task<void> Deployer::State::undo(Undo statements) {
  const auto deadline = Clock::now() + undo_patience;
  for (auto it = statements.rbegin(); it != statements.rend(); ++it) {
    const auto status = co_await insist(*it, deadline);
    // The next start drops what nobody knows.
    if (!status) log::error("a deployment could not be undone", {{"error", status.error().message}});
  }
}

Task<Status> Deployer::State::create_tables(const catalog::Workspace& workspace, Plan& plan,
                                            const std::vector<std::shared_ptr<const catalog::DataSource>>& wanted,
                                            Undo& made, std::set<std::string, std::less<>>& missing) {
  for (const auto& source : wanted) {
    if (missing.contains(source->name)) continue;
    const auto table = qualified(workspace.database, source->table);
    const auto quarantine = qualified(workspace.database, source->quarantine_table);
    const std::array statements{
        std::pair(table, datafile::create_table_ddl(source->definition, table, ddl_options())),
        std::pair(quarantine, datafile::quarantine_ddl(source->definition, quarantine, quarantine_options()))};
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

Task<Status> Deployer::State::check(const catalog::Workspace& workspace, Plan& plan, Undo& made) {
  auto missing = plan.broken;
  Undo scratch;
  auto status = co_await create_tables(workspace, plan, plan.new_tables, made, missing);
  if (status) status = co_await create_tables(workspace, plan, plan.scratch_tables, scratch, missing);
  if (status) status = co_await check_nodes(runners.here(), workspace.database, plan, missing);
  co_await undo(std::move(scratch));
  co_return status;
}

Task<Status> Deployer::State::grow_tables(const catalog::Workspace& workspace, Plan& plan, Undo& made) {
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

Task<Result<std::vector<spool::Spool::Hold>>> Deployer::State::hold_sources(const catalog::Workspace& workspace,
                                                                            const Plan& plan) {
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

Task<void> Deployer::State::drop_views(const catalog::Workspace& workspace, const Plan& plan) {
  Undo statements;
  const auto drop = [&](const std::string& view) {
    statements.push_back(fmt::format("DROP VIEW IF EXISTS {} SYNC", qualified(workspace.database, view)));
  };
  for (const auto& view : plan.dropped_views) drop(view);
  for (const auto& view : plan.views)
    if (!view.replaced_view.empty()) drop(view.replaced_view);
  co_await undo(std::move(statements));
}

Task<void> Deployer::State::drop_tables(const catalog::Workspace& workspace, const Plan& plan) {
  Undo statements;
  for (const auto& source : plan.dropped_tables)
    for (const auto& table : {source->table, source->quarantine_table})
      statements.push_back(fmt::format("DROP TABLE IF EXISTS {} SYNC", qualified(workspace.database, table)));
  co_await undo(std::move(statements));
}

Task<Result<Outcome>> Deployer::State::apply(const Request& request, const catalog::Workspace& workspace, Plan plan,
                                             Undo& made, std::vector<spool::Spool::Hold>& holds) {
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

}  // namespace kinglet::deploy
