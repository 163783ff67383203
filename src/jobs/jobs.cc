// SPDX-License-Identifier: Apache-2.0
#include "jobs/jobs.h"

#include <unistd.h>

#include <filesystem>
#include <set>

#include "base/clock.h"
#include "base/log.h"
#include "jobs/job_records.h"
#include "jobs/jobs_state.h"
#include "runtime/deadline.h"

namespace kinglet::jobs {

json::object Jobs::State::parameters_object(const catalog::Job& job) {
  const auto parsed = json::parse(job.parameters);
  return parsed && parsed->is_object() ? parsed->get_object() : json::object{};
}

ReaderTools Jobs::State::reader() {
  return {.process = parts.reader,
          .address = parts.reader != nullptr ? parts.reader->address() : engine::Address{},
          .scratch = options.scratch,
          .files = &files};
}

Task<Result<std::shared_ptr<const catalog::Job>>> Jobs::State::write(std::string workspace_id, catalog::Job job,
                                                                     bool is_new) {
  auto observed_in = workspace_id;
  auto change = [workspace_id = std::move(workspace_id), job = std::move(job),
                 is_new](catalog::Transaction& t) -> Result<std::shared_ptr<const catalog::Job>> {
    if (!is_new) return t.update_job(workspace_id, job);
    // Durable before the first row changes: a server that is killed meanwhile takes no old count for a measure.
    if (job.changes_rows() && !job.data_source_id.empty())
      TRY_VOID(t.set_baseline({.workspace_id = workspace_id, .data_source_id = job.data_source_id},
                              catalog::Baseline::unknown()));
    return t.insert_job(workspace_id, job);
  };
  auto written = co_await parts.catalog.update(std::move(change));
  if (written) parts.observer.record(job_record(std::move(observed_in), **written));
  co_return written;
}

Task<Status> Jobs::State::keep(std::string workspace_id, catalog::Job job) {
  const auto written = co_await write(std::move(workspace_id), std::move(job), false);
  if (!written) co_return fail(written.error());
  co_return Status{};
}

std::shared_ptr<ImportControl> Jobs::State::make_control(const std::string& job_id) {
  auto control = std::make_shared<ImportControl>();
  controls.with([&](auto& all) { all[job_id] = control; });
  return control;
}

std::shared_ptr<ImportControl> Jobs::State::control_of(const std::string& job_id) const {
  return controls.with([&](const auto& all) {
    const auto found = all.find(job_id);
    return found == all.end() ? nullptr : found->second;
  });
}

void Jobs::State::spawn(std::string workspace_id, catalog::Job job, Gate::Pass pass,
                        std::shared_ptr<ImportControl> control,
                        std::move_only_function<Task<Status>(catalog::Job&)> work) {
  auto run = [](std::shared_ptr<State> self, std::string workspace, catalog::Job j, Gate::Pass inside,
                std::shared_ptr<ImportControl> watched,
                std::move_only_function<Task<Status>(catalog::Job&)> w) -> Task<void> {
    (void)inside;
    const auto executor = co_await asio::this_coro::executor;
    const auto stopped = [&] { return watched ? watched->stopped() : ImportControl::Stop::none; };
    while (self->running >= self->options.running_max && stopped() == ImportControl::Stop::none) {
      asio::steady_timer pause(executor, std::chrono::milliseconds(50));
      co_await pause.async_wait(use_task);
    }
    Status ended = watched ? watched->check() : Status{};
    if (ended) {
      ++self->running;
      j.status = catalog::JobStatus::working;
      j.started_at = wall_now();
      if (auto begun = co_await self->write(workspace, j, false); begun) j = **begun;
      ended = co_await w(j);
      --self->running;
    }
    // What the next start goes on with stays in the books as it is.
    const bool goes_on = !ended && stopped() == ImportControl::Stop::leaving;
    if (!goes_on) {
      const bool cancelled = !ended && stopped() == ImportControl::Stop::cancelled;
      j.status = ended       ? catalog::JobStatus::done
                 : cancelled ? catalog::JobStatus::cancelled
                             : catalog::JobStatus::error;
      j.is_cancellable = false;
      if (!ended) j.error = ended.error().message;
      const auto written = co_await self->write(workspace, j, false);
      if (!written)
        log::error("a job's end could not be written down", {{"job", j.id}, {"error", written.error().message}});
      ::unlink(self->upload_path(j.id).c_str());
    }
    self->controls.with([&](auto& all) { all.erase(j.id); });
  };
  const auto index = IoThreads::current_index().value_or(0);
  asio::co_spawn(parts.threads.executor(index),
                 run(shared_from_this(), std::move(workspace_id), std::move(job), std::move(pass), std::move(control),
                     std::move(work)),
                 asio::detached);
}

Task<Status> Jobs::State::execute(std::string sql, std::chrono::nanoseconds patience, engine::Settings settings) {
  auto& runner = parts.runners.here();
  const auto deadline = Clock::now() + patience;
  CO_TRY_VOID(co_await runner.engine_ready(deadline));
  auto status = co_await runner.client().execute(std::move(sql), deadline, std::move(settings));
  co_return status;
}

Status Jobs::State::take_up(const catalog::Workspace& workspace, const catalog::Job& job) {
  auto ended = job;
  const bool replaced = parameters_object(job).contains(plan_key);
  if (job.status == catalog::JobStatus::cancelling) {
    ended.status = catalog::JobStatus::cancelled;
    ended.error = "the job was cancelled";
  } else if (replaced) {
    ended.status = catalog::JobStatus::done;  // by finish_replacements()
  } else if (const auto resumed = resume(workspace, job); resumed) {
    return {};
  } else {
    ended.status = catalog::JobStatus::error;
    ended.error = fmt::format("interrupted: the server stopped while the job was at work; {}",
                              job.mode == "replace" ? "nothing was replaced" : resumed.error().message);
  }
  ended.is_cancellable = false;
  auto change = [workspace_id = workspace.id, ended](catalog::Transaction& t) {
    return t.update_job(workspace_id, ended);
  };
  const auto written = parts.catalog.update_blocking(std::move(change));
  if (!written) return fail(written.error());
  parts.observer.record(job_record(workspace.id, **written));
  ::unlink(upload_path(job.id).c_str());
  return {};
}

Status Jobs::State::resume(const catalog::Workspace& workspace, const catalog::Job& job) {
  return job.kind == replay_job_kind ? resume_replay(workspace, job) : resume_import(workspace, job);
}

Jobs::Jobs(Parts parts, Options options) : state_(std::make_shared<State>(parts, std::move(options))) {}
Jobs::~Jobs() = default;

Status Jobs::start() {
  auto& s = *state_;
  const auto snapshot = s.parts.catalog.snapshot();
  std::set<std::string> kept;
  for (const auto& [id, workspace] : snapshot->workspaces)
    for (const auto& job : *workspace->jobs)
      if (!catalog::is_finished(job->status)) kept.insert(s.upload_name(job->id));
  std::error_code ignored;
  std::filesystem::create_directories(s.options.scratch, ignored);
  for (const auto& file : std::filesystem::directory_iterator(s.options.scratch, ignored))
    if (!kept.contains(file.path().filename().string())) std::filesystem::remove_all(file.path(), ignored);
  for (const auto& [id, workspace] : snapshot->workspaces)
    for (const auto& job : *workspace->jobs)
      if (!catalog::is_finished(job->status)) TRY_VOID(s.take_up(*workspace, *job));
  return {};
}

void Jobs::stop(Deadline deadline) {
  state_->gate.close();
  state_->controls.with([](const auto& all) {
    for (const auto& [id, control] : all) control->stop(ImportControl::Stop::leaving);
  });
  if (!state_->gate.wait_empty_blocking(deadline)) log::warning("jobs are still at work and are interrupted");
  state_->files.stop();
}

std::optional<Jobs::Progress> Jobs::progress(const std::string& job_id) const {
  const auto control = state_->control_of(job_id);
  if (!control) return std::nullopt;
  const auto& c = control->counters;
  Progress out{
      .rows = c.rows, .quarantined = c.quarantined, .invalid_lines = c.invalid, .content_bytes = c.content_bytes};
  out.cancelling = control->stopped() == ImportControl::Stop::cancelled;
  if (const std::uint64_t total = c.bytes_total; total > 0)
    out.percentage = std::min(100.0, 100.0 * static_cast<double>(c.bytes_read) / static_cast<double>(total));
  return out;
}

Task<Result<std::shared_ptr<const catalog::Job>>> Jobs::cancel(std::string workspace_id, std::string job_id) {
  const auto workspace = state_->parts.catalog.snapshot()->workspace(workspace_id);
  const auto job = workspace ? workspace->job(job_id) : nullptr;
  if (!job) co_return fail(Code::not_found, "there is no job '{}'", job_id);
  if (job->status == catalog::JobStatus::cancelled) co_return job;
  const auto control = state_->control_of(job_id);
  if (!control || !job->is_cancellable)
    co_return fail(Code::conflict, "a job of kind {} cannot be cancelled while it is {}", job->kind,
                   catalog::job_status_name(job->status));
  control->stop(ImportControl::Stop::cancelled);
  // It may have ended meanwhile; then its end stands.
  auto change = [workspace_id, job_id](catalog::Transaction& t) -> Result<std::shared_ptr<const catalog::Job>> {
    const auto here = t.snapshot().workspace(workspace_id);
    const auto present = here ? here->job(job_id) : nullptr;
    if (!present) return fail(Code::not_found, "there is no job '{}'", job_id);
    if (catalog::is_finished(present->status)) return present;
    auto marked = *present;
    marked.status = catalog::JobStatus::cancelling;
    return t.update_job(workspace_id, marked);
  };
  auto marked = co_await state_->parts.catalog.update(std::move(change));
  co_return marked;
}

}  // namespace kinglet::jobs
