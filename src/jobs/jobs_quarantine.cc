// SPDX-License-Identifier: Apache-2.0
// Quarantines: replayed as a job, or cleared at once.
#include "base/clock.h"
#include "base/log.h"
#include "jobs/job_records.h"
#include "jobs/jobs_state.h"
#include "runtime/deadline.h"

namespace kinglet::jobs {

namespace {
constexpr auto replay_pause = std::chrono::seconds(1);
}

ReplayTools Jobs::State::replay_tools() {
  return {.intake = parts.intake, .runners = parts.runners, .spool = parts.spool};
}

Task<Status> Jobs::State::run_replay(ReplayRequest request, catalog::Job& job, std::shared_ptr<ImportControl> control) {
  const auto start = wall_now();
  ReplayProgress progress{.chosen = job.rows_affected.value_or(0),
                          .stored = job.row_count.value_or(0),
                          .quarantined = job.quarantine_rows.value_or(0),
                          .pieces = read_replay_parameters(job.parameters).pieces};
  const auto note = [&](const ReplayProgress& now) {
    job.rows_affected = now.chosen;
    job.row_count = now.stored;
    job.quarantine_rows = now.quarantined;
    job.parameters = replay_parameters(request.filter, request.target->id, now.pieces);
    if (now.chosen > 0)
      job.progress_percentage =
          100.0 * static_cast<double>(now.stored + now.quarantined) / static_cast<double>(now.chosen);
  };
  const auto workspace_id = request.workspace->id;
  auto write_progress = [this, workspace_id, &job, &note](const ReplayProgress& now) {
    note(now);
    return keep(workspace_id, job);
  };
  Status status;
  for (bool taken = false;;) {
    status = co_await jobs::replay_quarantine(replay_tools(), request, progress, taken, write_progress);
    if (status || !taken || control->stopped() != ImportControl::Stop::none) break;
    log::warning("a replay of a quarantine waits and goes on", {{"job", job.id}, {"error", status.error().message}});
    co_await sleep_until(Clock::now() + replay_pause);
  }
  note(progress);
  auto record = operation_record(*request.workspace, *request.target, "append", start);
  record.operation_id = record.import_id = record.job_id = job.id;
  record.source = "quarantine";
  if (!status) record.error = status.error().message;
  record.rows = record.written_rows = progress.stored;
  record.rows_quarantine = progress.quarantined;
  parts.observer.record(std::move(record));
  co_return status;
}

void Jobs::State::spawn_replay(ReplayRequest request, const catalog::Job& job, Gate::Pass pass) {
  auto control = make_control(job.id);
  const auto workspace_id = request.workspace->id;
  auto work = [self = shared_from_this(), request = std::move(request), control](catalog::Job& j) {
    return self->run_replay(request, j, control);
  };
  spawn(workspace_id, job, std::move(pass), control, std::move(work));
}

Status Jobs::State::resume_replay(const catalog::Workspace& workspace, const catalog::Job& job) {
  auto parameters = read_replay_parameters(job.parameters);
  ReplayRequest request{.workspace = parts.catalog.snapshot()->workspace(workspace.id),
                        .source = nullptr,
                        .target = nullptr,
                        .filter = std::move(parameters.filter),
                        .job_id = job.id};
  request.source = request.workspace ? request.workspace->data_source(job.data_source_name) : nullptr;
  if (!request.source || request.source->id != job.data_source_id)
    return fail(Code::unavailable, "its data source is gone");
  // Rows that were meant for a data source that is gone go back to where they were.
  request.target = request.workspace->data_source(parameters.target);
  if (!request.target) request.target = request.source;
  auto pass = gate.enter();
  if (!pass) return fail(Code::unavailable, "the server is stopping");
  log::info("an interrupted replay of a quarantine goes on", {{"job", job.id}, {"data_source", job.data_source_name}});
  spawn_replay(std::move(request), job, std::move(*pass));
  return {};
}

Task<Result<std::shared_ptr<const catalog::Job>>> Jobs::replay_quarantine(QuarantineRequest request) {
  auto pass = state_->gate.enter();
  if (!pass) co_return fail(Code::unavailable, "the server is stopping");
  for (const auto& job : *request.workspace->jobs)
    if (job->kind == replay_job_kind && job->data_source_id == request.source->id && !catalog::is_finished(job->status))
      co_return fail(Code::conflict, "the quarantine of '{}' is being replayed already, by job {}",
                     request.source->name, job->id);
  catalog::Job entry{.kind = std::string(replay_job_kind),
                     .data_source_id = request.source->id,
                     .data_source_name = request.source->name,
                     .token_id = request.token_id,
                     .parameters = replay_parameters(request.filter, request.target->id, 0)};
  CO_TRY(const auto job, co_await state_->write(request.workspace->id, std::move(entry), true));
  state_->spawn_replay({.workspace = request.workspace,
                        .source = request.source,
                        .target = request.target,
                        .filter = request.filter,
                        .job_id = job->id},
                       *job, std::move(*pass));
  co_return job;
}

Task<Result<std::uint64_t>> Jobs::clear_quarantine(QuarantineRequest request) {
  const auto start = wall_now();
  auto rows =
      co_await jobs::clear_quarantine(state_->replay_tools(), request.workspace, request.source, request.filter);
  auto record = operation_record(*request.workspace, *request.source, "delete", start);
  record.operation_id = catalog::new_uuid();
  record.options = {{"table", "quarantine"}};
  if (!rows)
    record.error = rows.error().message;
  else
    record.rows = *rows;
  state_->parts.observer.record(std::move(record));
  if (!rows)
    co_return fail(
        query::presentable(std::move(rows.error()), *request.workspace->resources, request.workspace->database));
  co_return rows;
}

}  // namespace kinglet::jobs
