// SPDX-License-Identifier: Apache-2.0
// Rows deleted by a condition, as a job; tables truncated at once.
#include <charconv>

#include "base/clock.h"
#include "engine/statement_text.h"
#include "jobs/job_records.h"
#include "jobs/jobs_state.h"
#include "sql/resolve.h"

namespace kinglet::jobs {

using engine::qualified;

namespace {
constexpr auto statement_patience = std::chrono::seconds(60);
constexpr auto mutation_patience = std::chrono::hours(1);
constexpr auto hold_patience = std::chrono::seconds(60);

Result<std::string> condition_of(const Jobs::DeleteRequest& request) {
  auto printed = sql::checked_expression(request.condition);
  if (!printed) return fail(Code::invalid, "delete_condition: {}", printed.error().message);
  return std::move(*printed);
}
}  // namespace

Task<Status> Jobs::State::run_delete(DeleteRequest request, std::string condition) {
  const auto sql = fmt::format("ALTER TABLE {} DELETE WHERE {}",
                               qualified(request.workspace->database, request.source->table), condition);
  const auto deleted = co_await execute(sql, mutation_patience, {{"mutations_sync", "2"}});
  if (!deleted)
    co_return fail(query::presentable(deleted.error(), *request.workspace->resources, request.workspace->database));
  co_return Status{};
}

Task<Status> Jobs::State::run_recorded_delete(DeleteRequest request, std::string condition, const catalog::Job& job) {
  const auto start = wall_now();
  auto status = co_await run_delete(request, std::move(condition));
  auto record = operation_record(*request.workspace, *request.source, "delete", start);
  record.operation_id = record.job_id = job.id;
  record.rows = job.rows_affected.value_or(0);
  record.options = {{"delete_condition", request.condition}};
  if (!status) record.error = status.error().message;
  parts.observer.record(std::move(record));
  co_return status;
}

Task<Result<std::uint64_t>> Jobs::State::count(const catalog::Workspace& workspace, const std::string& table,
                                               const std::string& condition) {
  const query::Composed composed{
      .sql = fmt::format("SELECT count() FROM {} WHERE {}", qualified(workspace.database, table), condition),
      .settings = {},
      .format = {},
      .data_sources = {},
      .pipes = {}};
  constexpr query::Format plain{.engine_name = "TabSeparated", .content_type = ""};
  CO_TRY(const auto text,
         co_await parts.runners.here().run_whole(composed, plain, *workspace.resources, workspace.database));
  std::uint64_t rows = 0;
  std::from_chars(text.data(), text.data() + text.size(), rows);
  co_return rows;
}

Task<Status> Jobs::State::truncate(const catalog::Workspace& workspace, const catalog::DataSource& source,
                                   bool quarantine) {
  const auto& table = quarantine ? source.quarantine_table : source.table;
  // Held: a batch on its way would come in again, because truncating forgets its token.
  CO_TRY(const auto hold, co_await parts.spool.hold({.database = workspace.database, .table = table},
                                                    spool::HoldKind::clear, Clock::now() + hold_patience));
  if (!quarantine) {
    // As for a job: durable before the first row goes.
    const catalog::LedgerKey key{.workspace_id = workspace.id, .data_source_id = source.id};
    CO_TRY_VOID(co_await parts.catalog.update([key](catalog::Transaction& transaction) -> Result<bool> {
      TRY_VOID(transaction.set_baseline(key, catalog::Baseline::unknown()));
      return true;
    }));
  }
  auto status =
      co_await execute(fmt::format("TRUNCATE TABLE {} SYNC", qualified(workspace.database, table)), statement_patience);
  co_return status;
}

Task<Result<std::uint64_t>> Jobs::count_rows(const DeleteRequest& request) {
  CO_TRY(const auto condition, condition_of(request));
  CO_TRY_VOID(co_await state_->parts.spool.flush(Clock::now() + hold_patience));
  auto rows = co_await state_->count(*request.workspace, request.source->table, condition);
  co_return rows;
}

Task<Result<std::shared_ptr<const catalog::Job>>> Jobs::delete_rows(DeleteRequest request) {
  auto pass = state_->gate.enter();
  if (!pass) co_return fail(Code::unavailable, "the server is stopping");
  CO_TRY(const auto condition, condition_of(request));
  catalog::Job entry{.kind = "delete_data",
                     .data_source_id = request.source->id,
                     .data_source_name = request.source->name,
                     .token_id = request.token_id,
                     .delete_condition = request.condition};
  // A condition that the engine refuses is told at once, not by a failed job.
  CO_TRY(const auto rows, co_await count_rows(request));
  CO_TRY(const auto job, co_await state_->write(request.workspace->id, entry, true));
  auto work = [self = state_, request, condition, rows](catalog::Job& j) {
    j.rows_affected = rows;
    return self->run_recorded_delete(request, condition, j);
  };
  state_->spawn(request.workspace->id, *job, std::move(*pass), nullptr, std::move(work));
  co_return job;
}

Task<Status> Jobs::truncate(std::shared_ptr<const catalog::Workspace> workspace,
                            std::shared_ptr<const catalog::DataSource> source, bool quarantine) {
  const auto start = wall_now();
  auto status = co_await state_->truncate(*workspace, *source, quarantine);
  auto record = operation_record(*workspace, *source, "truncate", start);
  record.operation_id = catalog::new_uuid();
  if (quarantine) record.options = {{"table", "quarantine"}};
  if (!status) record.error = status.error().message;
  state_->parts.observer.record(std::move(record));
  co_return status;
}

}  // namespace kinglet::jobs
