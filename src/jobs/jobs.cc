// SPDX-License-Identifier: Apache-2.0
#include "jobs/jobs.h"

#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "base/clock.h"
#include "base/log.h"
#include "engine/statement_text.h"
#include "http/client.h"
#include "jobs/job_records.h"
#include "json/document.h"
#include "runtime/deadline.h"
#include "sql/resolve.h"

namespace kinglet::jobs {

using engine::qualified;

namespace {
constexpr auto statement_patience = std::chrono::seconds(60);
constexpr auto mutation_patience = std::chrono::hours(1);
constexpr auto hold_patience = std::chrono::seconds(60);
constexpr auto replay_pause = std::chrono::seconds(1);

// Keys of pieces live 24 h (SpoolOptions::key_lifetime): later, a piece could be stored twice.
constexpr auto resume_within = std::chrono::hours(20);
constexpr std::string_view upload_prefix = "upload-";

/// Reads a kept upload from the disk.
class KeptFile final : public http::BodyReader {
 public:
  KeptFile(const std::string& path, BlockingPool& pool, ImportControl& control)
      : in_(path, std::ios::binary), pool_(pool), control_(control) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    if (!error) control_.counters.bytes_total = size;
  }
  Task<Result<std::size_t>> read_some(std::span<char> to) override {
    auto work = [&]() -> Result<std::size_t> {
      in_.read(to.data(), static_cast<std::streamsize>(to.size()));
      if (in_.bad() || !in_.is_open()) return fail(Code::unavailable, "the kept upload cannot be read");
      return static_cast<std::size_t>(in_.gcount());
    };
    auto count = co_await pool_.run(Clock::now() + statement_patience, std::move(work));
    if (count) control_.counters.bytes_read += *count;
    co_return count;
  }
  std::optional<std::uint64_t> content_length() const override { return std::nullopt; }

 private:
  std::ifstream in_;
  BlockingPool& pool_;
  ImportControl& control_;
};

/// Counts what an upload brings, so that its job can tell.
class CountedBody final : public http::BodyReader {
 public:
  CountedBody(http::BodyReader& body, ImportControl& control) : body_(body), control_(control) {
    control_.counters.bytes_total = body.content_length().value_or(0);
  }
  Task<Result<std::size_t>> read_some(std::span<char> to) override {
    auto count = co_await body_.read_some(to);
    if (count) control_.counters.bytes_read += *count;
    co_return count;
  }
  std::optional<std::uint64_t> content_length() const override { return body_.content_length(); }

 private:
  http::BodyReader& body_;
  ImportControl& control_;
};

/// What an import needs to be started again. The URL stands in the job; one with a password is not kept.
std::string parameters_of(const ImportRequest& request, std::string_view upload, bool secret) {
  json::object out;
  if (!request.content_encoding.empty()) out["content_encoding"] = request.content_encoding;
  if (request.charset == rows::Charset::latin1) out["charset"] = "latin1";
  if (request.csv.delimiter) out["delimiter"] = std::string(1, *request.csv.delimiter);
  if (request.csv.escape) out["escape"] = std::string(1, *request.csv.escape);
  if (request.csv.header) out["header"] = *request.csv.header;
  if (!request.replace.condition.empty()) out["replace_condition"] = request.replace.condition;
  if (request.replace.truncate_when_empty) out["replace_truncate_when_empty"] = true;
  if (request.replace.skip_incompatible) out["skip_incompatible_partition_key"] = true;
  if (!upload.empty()) out["upload"] = upload;
  if (secret) out["secret"] = true;
  return json::write(out);
}

/// The same back, but for workspace, source and limits.
ImportRequest request_of(const catalog::Job& job, const json::object& o) {
  const auto text = [&](std::string_view key) { return std::string(json::get_string(o, key).value_or("")); };
  const auto flag = [&](std::string_view key) {
    const auto* found = o.if_contains(key);
    return found != nullptr && found->is_bool() && found->get_bool();
  };
  ImportRequest out;
  out.mode = job.mode == "replace" ? ImportMode::replace : ImportMode::append;
  out.format = file_format(job.format);
  out.content_encoding = text("content_encoding");
  if (text("charset") == "latin1") out.charset = rows::Charset::latin1;
  if (const auto delimiter = text("delimiter"); !delimiter.empty()) out.csv.delimiter = delimiter[0];
  if (const auto escape = text("escape"); !escape.empty()) out.csv.escape = escape[0];
  if (o.contains("header")) out.csv.header = flag("header");
  out.replace = {.condition = text("replace_condition"),
                 .truncate_when_empty = flag("replace_truncate_when_empty"),
                 .skip_incompatible = flag("skip_incompatible_partition_key")};
  return out;
}

json::object parameters_object(const catalog::Job& job) {
  const auto parsed = json::parse(job.parameters);
  return parsed && parsed->is_object() ? parsed->get_object() : json::object{};
}
}  // namespace

struct Jobs::State : std::enable_shared_from_this<State> {
  State(Parts p, Options o) : parts(p), options(std::move(o)) {}
  Parts parts;
  Options options;
  Gate gate;
  std::atomic<std::size_t> running{0};

  BlockingPool files{{.name = "import-files", .thread_count = 2}};
  Guarded<std::map<std::string, std::shared_ptr<ImportControl>>> controls;  // of unfinished imports, by job id

  ReaderTools reader() {
    return {.process = parts.reader,
            .address = parts.reader != nullptr ? parts.reader->address() : engine::Address{},
            .scratch = options.scratch,
            .files = &files};
  }
  ImportTools tools(std::function<Task<Status>(std::string)> write_plan) {
    return {.intake = parts.intake,
            .runners = parts.runners,
            .reader = reader(),
            .catalog = parts.catalog,
            .observer = parts.observer,
            .write_plan = std::move(write_plan)};
  }

  Task<Result<std::shared_ptr<const catalog::Job>>> write(std::string workspace_id, catalog::Job job, bool is_new) {
    auto observed_in = workspace_id;
    auto change = [workspace_id = std::move(workspace_id), job = std::move(job), is_new](catalog::Transaction& t) {
      return is_new ? t.insert_job(workspace_id, job) : t.update_job(workspace_id, job);
    };
    auto written = co_await parts.catalog.update(std::move(change));
    if (written) parts.observer.record(job_record(std::move(observed_in), **written));
    co_return written;
  }

  std::shared_ptr<ImportControl> make_control(const std::string& job_id) {
    auto control = std::make_shared<ImportControl>();
    controls.with([&](auto& all) { all[job_id] = control; });
    return control;
  }
  std::shared_ptr<ImportControl> control_of(const std::string& job_id) const {
    return controls.with([&](const auto& all) {
      const auto found = all.find(job_id);
      return found == all.end() ? nullptr : found->second;
    });
  }

  /// Runs `work` on this io thread and writes down how it ended. `control` is null for what cannot be broken off.
  template <class Work>
  void spawn(std::string workspace_id, catalog::Job job, Gate::Pass pass, std::shared_ptr<ImportControl> control,
             Work work) {
    auto run = [](std::shared_ptr<State> self, std::string workspace, catalog::Job j, Gate::Pass inside,
                  std::shared_ptr<ImportControl> watched, Work w) -> Task<void> {
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
        self->remove_upload(j.id);
      }
      self->controls.with([&](auto& all) { all.erase(j.id); });
    };
    const auto index = IoThreads::current_index().value_or(0);
    asio::co_spawn(parts.threads.executor(index),
                   run(shared_from_this(), std::move(workspace_id), std::move(job), std::move(pass), std::move(control),
                       std::move(work)),
                   asio::detached);
  }

  std::string upload_name(const std::string& job_id) const { return fmt::format("{}{}", upload_prefix, job_id); }
  void remove_upload(const std::string& job_id) const {
    ::unlink(fmt::format("{}/{}", options.scratch, upload_name(job_id)).c_str());
  }

  void record(const ImportRequest& request, const Status& status, const ImportResult& result, bool is_job,
              WallTime start) {
    auto record = operation_record(*request.workspace, *request.source,
                                   request.mode == ImportMode::append ? "append" : "replace", start);
    record.operation_id = record.import_id = result.id;
    record.request_id = request.request_id;
    record.parser = format_name(result.format);
    if (is_job) record.job_id = result.id;
    if (!status) record.error = status.error().message;
    record.rows = record.written_rows = result.successful_rows;
    record.rows_quarantine = result.quarantined_rows;
    record.read_bytes = result.bytes;
    if (!request.replace.condition.empty()) record.options = {{"replace_condition", request.replace.condition}};
    parts.observer.record(std::move(record));
  }

  static void fill(catalog::Job& job, const ImportResult& result) {
    job.row_count = result.successful_rows;
    job.bytes = result.bytes;
    job.quarantine_rows = result.quarantined_rows;
    job.invalid_lines = result.invalid_lines;
    job.errors = result.errors;
    job.format = format_name(result.format);
  }

  catalog::Job import_job(const ImportRequest& request, std::string url, std::string token_id,
                          std::string parameters) const {
    return {.kind = "import",
            .is_cancellable = true,
            .data_source_id = request.source->id,
            .data_source_name = request.source->name,
            .mode = request.mode == ImportMode::append ? "append" : "replace",
            .url = std::move(url),
            .format = request.format ? std::string(format_name(*request.format)) : std::string(),
            .token_id = std::move(token_id),
            .parameters = std::move(parameters),
            .attempts = 1};
  }

  /// A replace that was killed after this is finished by the next start.
  Task<Status> write_plan(std::string workspace_id, catalog::Job& job, const ImportResult& result, std::string plan) {
    auto parameters = parameters_object(job);
    CO_TRY(auto document, json::parse(plan));
    parameters[plan_key] = std::move(document);
    fill(job, result);
    job.parameters = json::write(parameters);
    const auto written = co_await write(std::move(workspace_id), job, false);
    if (!written) co_return fail(written.error());
    co_return Status{};
  }

  /// The import of a job, from the body to its end in the books.
  Task<Status> run_job(ImportRequest request, http::BodyReader& body, catalog::Job& job,
                       std::shared_ptr<ImportControl> control) {
    ImportResult result;
    const auto workspace_id = request.workspace->id;
    auto plan = [this, workspace_id, &job, &result](std::string text) {
      return write_plan(workspace_id, job, result, std::move(text));
    };
    auto status = co_await run_import(tools(std::move(plan)), request, job.id, body, control, result);
    if (!status && control->stopped() == ImportControl::Stop::leaving) co_return status;
    fill(job, result);
    if (!status && request.mode == ImportMode::append && result.successful_rows + result.quarantined_rows > 0)
      status.error().message += fmt::format("; {} rows had been appended and {} quarantined before, which stay",
                                            result.successful_rows, result.quarantined_rows);
    record(request, status, result, true, job.started_at.value_or(wall_now()));
    co_return status;
  }

  Task<Status> run_download(ImportRequest request, http::Url url, catalog::Job& job,
                            std::shared_ptr<ImportControl> control) {
    auto remote_options = options.remote;
    remote_options.private_addresses = options.private_addresses;
    RemoteFile file(co_await asio::this_coro::executor, std::move(url), control, remote_options);
    auto status = co_await open_remote(file, request);
    if (status) {
      status = co_await run_job(request, file, job, control);
      co_return status;
    }
    if (control->stopped() != ImportControl::Stop::leaving) {
      const ImportResult nothing{.id = job.id, .errors = {}};
      record(request, status, nothing, true, job.started_at.value_or(wall_now()));
    }
    co_return status;
  }

  /// What the first answer says about the file, where the request says nothing.
  static Task<Status> open_remote(RemoteFile& file, ImportRequest& request) {
    CO_TRY_VOID(co_await file.open());
    const auto type = file.headers().get("Content-Type").value_or("");
    if (request.content_encoding.empty())
      request.content_encoding = file.headers().get("Content-Encoding").value_or("");
    if (!request.format) request.format = format_of_media_type(http::media_type(type));
    if (const auto charset = http::header_parameter(type, "charset"); charset && !is_container_or_unknown(request)) {
      CO_TRY(request.charset, rows::parse_charset(*charset));
    }
    co_return Status{};
  }
  static bool is_container_or_unknown(const ImportRequest& request) {
    return request.format && is_container(*request.format);
  }

  Task<Status> run_kept(ImportRequest request, catalog::Job& job, std::shared_ptr<ImportControl> control) {
    KeptFile file(fmt::format("{}/{}", options.scratch, upload_name(job.id)), files, *control);
    auto status = co_await run_job(std::move(request), file, job, std::move(control));
    co_return status;
  }

  void spawn_import(ImportRequest request, const catalog::Job& job, std::optional<http::Url> url, Gate::Pass pass) {
    request.keyed = true;
    auto control = make_control(job.id);
    const auto workspace_id = request.workspace->id;
    auto work = [self = shared_from_this(), request = std::move(request), url = std::move(url),
                 control](catalog::Job& j) {
      return url ? self->run_download(request, *url, j, control) : self->run_kept(request, j, control);
    };
    spawn(workspace_id, job, std::move(pass), control, std::move(work));
  }

  /// A job of a former process goes on. Errors: why it cannot.
  Status resume(const catalog::Workspace& workspace, const catalog::Job& job) {
    if (job.kind == replay_job_kind) return resume_replay(workspace, job);
    const auto parameters = parameters_object(job);
    const bool upload = json::get_string(parameters, "upload").has_value();
    if (job.kind != "import" || (job.url.empty() && !upload))
      return fail(Code::unavailable, "what it had done stays; start it again for the rest");
    if (parameters.contains("secret"))
      return fail(Code::unavailable, "its URL has a password, which is not kept; what it had appended stays");
    if (job.attempts >= options.attempts_max)
      return fail(Code::unavailable, "the server ended {} times while it was at work; what it had appended stays",
                  job.attempts);
    if (wall_now() - job.updated_at > resume_within)
      return fail(Code::unavailable,
                  "that is too long ago to go on without storing rows twice; what it had appended stays");
    std::error_code error;
    if (upload && !std::filesystem::exists(fmt::format("{}/{}", options.scratch, upload_name(job.id)), error))
      return fail(Code::unavailable, "its file is gone; what it had appended stays");
    auto request = request_of(job, parameters);
    request.workspace = parts.catalog.snapshot()->workspace(workspace.id);
    request.source = request.workspace ? request.workspace->data_source(job.data_source_name) : nullptr;
    if (!request.source || request.source->id != job.data_source_id)
      return fail(Code::unavailable, "its data source is gone");
    request.bytes_max = request.content_bytes_max = options.import_bytes_max;
    std::optional<http::Url> url;
    if (!upload) {
      TRY(url, http::parse_url(job.url));
    }
    auto pass = gate.enter();
    if (!pass) return fail(Code::unavailable, "the server is stopping");
    auto next = job;
    ++next.attempts;
    log::info("an interrupted import goes on", {{"job", job.id}, {"data_source", job.data_source_name}});
    spawn_import(std::move(request), next, std::move(url), std::move(*pass));
    return {};
  }

  ReplayTools replay_tools() { return {.intake = parts.intake, .runners = parts.runners, .spool = parts.spool}; }

  Task<Status> keep(std::string workspace_id, catalog::Job job) {
    const auto written = co_await write(std::move(workspace_id), std::move(job), false);
    if (!written) co_return fail(written.error());
    co_return Status{};
  }

  /// Once rows were taken out, only the end of the server keeps a replay from its end.
  Task<Status> run_replay(ReplayRequest request, catalog::Job& job, std::shared_ptr<ImportControl> control) {
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

  void spawn_replay(ReplayRequest request, const catalog::Job& job, Gate::Pass pass) {
    auto control = make_control(job.id);
    const auto workspace_id = request.workspace->id;
    auto work = [self = shared_from_this(), request = std::move(request), control](catalog::Job& j) {
      return self->run_replay(request, j, control);
    };
    spawn(workspace_id, job, std::move(pass), control, std::move(work));
  }

  /// A replay of a former process goes on. Errors: why it cannot.
  Status resume_replay(const catalog::Workspace& workspace, const catalog::Job& job) {
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
    log::info("an interrupted replay of a quarantine goes on",
              {{"job", job.id}, {"data_source", job.data_source_name}});
    spawn_replay(std::move(request), job, std::move(*pass));
    return {};
  }

  Task<Status> run_delete(DeleteRequest request, std::string condition) {
    const auto sql = fmt::format("ALTER TABLE {} DELETE WHERE {}",
                                 qualified(request.workspace->database, request.source->table), condition);
    const auto deleted = co_await execute(sql, mutation_patience, {{"mutations_sync", "2"}});
    if (!deleted)
      co_return fail(query::presentable(deleted.error(), *request.workspace->resources, request.workspace->database));
    co_return Status{};
  }

  Task<Status> run_recorded_delete(DeleteRequest request, std::string condition, const catalog::Job& job) {
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

  Task<Result<std::string>> condition_of(const DeleteRequest& request) {
    auto printed = sql::checked_expression(request.condition);
    if (!printed) co_return fail(Code::invalid, "delete_condition: {}", printed.error().message);
    co_return std::move(*printed);
  }

  Task<Result<std::uint64_t>> count(const catalog::Workspace& workspace, const std::string& table,
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

  Task<Status> truncate(const catalog::Workspace& workspace, const std::string& table) {
    // Held: a batch on its way would come in again, because truncating forgets its token.
    CO_TRY(const auto hold, co_await parts.spool.hold({.database = workspace.database, .table = table},
                                                      spool::HoldKind::clear, Clock::now() + hold_patience));
    auto status = co_await execute(fmt::format("TRUNCATE TABLE {} SYNC", qualified(workspace.database, table)),
                                   statement_patience);
    co_return status;
  }

  Task<Status> execute(std::string sql, std::chrono::nanoseconds patience, engine::Settings settings = {}) {
    auto& runner = parts.runners.here();
    const auto deadline = Clock::now() + patience;
    CO_TRY_VOID(co_await runner.engine_ready(deadline));
    auto status = co_await runner.client().execute(std::move(sql), deadline, std::move(settings));
    co_return status;
  }
};

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
    for (const auto& job : *workspace->jobs) {
      if (catalog::is_finished(job->status)) continue;
      auto ended = *job;
      const bool replaced = parameters_object(*job).contains(plan_key);
      if (job->status == catalog::JobStatus::cancelling) {
        ended.status = catalog::JobStatus::cancelled;
        ended.error = "the job was cancelled";
      } else if (replaced) {
        ended.status = catalog::JobStatus::done;  // by finish_replacements()
      } else if (const auto resumed = s.resume(*workspace, *job); resumed) {
        continue;
      } else {
        ended.status = catalog::JobStatus::error;
        ended.error = fmt::format("interrupted: the server stopped while the job was at work; {}",
                                  job->mode == "replace" ? "nothing was replaced" : resumed.error().message);
      }
      ended.is_cancellable = false;
      auto change = [workspace_id = id, ended](catalog::Transaction& t) { return t.update_job(workspace_id, ended); };
      const auto written = s.parts.catalog.update_blocking(std::move(change));
      if (!written) return fail(written.error());
      s.parts.observer.record(job_record(id, **written));
      s.remove_upload(job->id);
    }
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

Task<Result<ImportResult>> Jobs::import_body(ImportRequest request, http::BodyReader& body) {
  auto& s = *state_;
  const auto pass = s.gate.enter();
  if (!pass) co_return fail(Code::unavailable, "the server is stopping");
  const auto start = wall_now();
  ImportResult result;
  const auto control = std::make_shared<ImportControl>();
  if (request.mode == ImportMode::append) {
    const auto status = co_await run_import(s.tools({}), request, catalog::new_uuid(), body, control, result);
    s.record(request, status, result, false, start);
    if (!status) co_return fail(status.error());
    co_return result;
  }
  // A replace may be half done when the server is killed: its job is where the next start finds how to finish it.
  auto entry = s.import_job(request, {}, {}, "{}");
  entry.is_cancellable = false;
  entry.status = catalog::JobStatus::working;
  entry.started_at = start;
  CO_TRY(const auto written, co_await s.write(request.workspace->id, std::move(entry), true));
  auto job = *written;
  CountedBody counted(body, *control);
  const auto workspace_id = request.workspace->id;
  auto plan = [&s, workspace_id, &job, &result](std::string text) {
    return s.write_plan(workspace_id, job, result, std::move(text));
  };
  auto status = co_await run_import(s.tools(std::move(plan)), request, job.id, counted, control, result);
  s.record(request, status, result, true, start);
  State::fill(job, result);
  job.status = status ? catalog::JobStatus::done : catalog::JobStatus::error;
  if (!status) job.error = status.error().message;
  const auto ended = co_await s.write(workspace_id, job, false);
  if (!ended) log::error("a job's end could not be written down", {{"job", job.id}, {"error", ended.error().message}});
  if (!status) co_return fail(std::move(status.error()));
  co_return result;
}

Task<Result<std::shared_ptr<const catalog::Job>>> Jobs::import_url(ImportRequest request, std::string text,
                                                                   std::string token_id) {
  auto pass = state_->gate.enter();
  if (!pass) co_return fail(Code::unavailable, "the server is stopping");
  CO_TRY(auto url, http::parse_url(text));
  request.bytes_max = state_->options.import_bytes_max;
  request.content_bytes_max = state_->options.import_bytes_max;
  const bool secret = !url.user.empty() || !url.password.empty();
  auto entry =
      state_->import_job(request, http::print_url(url), std::move(token_id), parameters_of(request, {}, secret));
  CO_TRY(const auto job, co_await state_->write(request.workspace->id, std::move(entry), true));
  state_->spawn_import(std::move(request), *job, std::move(url), std::move(*pass));
  co_return job;
}

Task<Result<std::shared_ptr<const catalog::Job>>> Jobs::import_later(ImportRequest request, http::BodyReader& body,
                                                                     std::string token_id) {
  auto& s = *state_;
  auto pass = s.gate.enter();
  if (!pass) co_return fail(Code::unavailable, "the server is stopping");
  const auto id = catalog::new_uuid();
  const auto reader = s.reader();
  const auto name = s.upload_name(id);
  ScratchFile file(reader, name);
  const auto buffer = std::make_unique_for_overwrite<std::array<char, 256u << 10>>();
  for (std::uint64_t size = 0;;) {
    CO_TRY(const auto count, co_await body.read_some(*buffer));
    if (count == 0) break;
    size += count;
    if (size > request.bytes_max)
      co_return fail(Code::too_large, "the file is larger than {} MB", request.bytes_max >> 20);
    CO_TRY_VOID(co_await file.append({buffer->data(), count}));
  }
  CO_TRY_VOID(co_await file.sync());
  auto entry = s.import_job(request, {}, std::move(token_id), parameters_of(request, name, false));
  entry.id = id;
  CO_TRY(const auto job, co_await s.write(request.workspace->id, std::move(entry), true));
  file.keep();  // until its job ends
  s.spawn_import(std::move(request), *job, std::nullopt, std::move(*pass));
  co_return job;
}

Task<Result<std::shared_ptr<const catalog::Job>>> Jobs::retry(std::shared_ptr<const catalog::Workspace> workspace,
                                                              std::string job_id, std::string token_id) {
  const auto job = workspace->job(job_id);
  if (!job) co_return fail(Code::not_found, "there is no job '{}'", job_id);
  const auto parameters = parameters_object(*job);
  if (job->kind != "import" || job->url.empty() || parameters.contains("secret"))
    co_return fail(Code::conflict, "only an import by URL can be started again: its file is not kept");
  if (job->status != catalog::JobStatus::error && job->status != catalog::JobStatus::cancelled)
    co_return fail(Code::conflict, "a job that is {} is not started again", catalog::job_status_name(job->status));
  auto request = request_of(*job, parameters);
  request.workspace = workspace;
  request.source = workspace->data_source(job->data_source_name);
  if (!request.source) co_return fail(Code::not_found, "there is no data source '{}'", job->data_source_name);
  auto started = co_await import_url(std::move(request), job->url, std::move(token_id));
  co_return started;
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

Task<Result<Analysis>> Jobs::analyze_body(AnalyzeRequest request, http::BodyReader& body) {
  const auto pass = state_->gate.enter();
  if (!pass) co_return fail(Code::unavailable, "the server is stopping");
  auto analysis = co_await analyze(state_->reader(), std::move(request), body, std::make_shared<ImportControl>());
  co_return analysis;
}

Task<Result<Analysis>> Jobs::analyze_url(AnalyzeRequest request, std::string text) {
  const auto pass = state_->gate.enter();
  if (!pass) co_return fail(Code::unavailable, "the server is stopping");
  CO_TRY(auto url, http::parse_url(text));
  const auto control = std::make_shared<ImportControl>();
  auto remote_options = state_->options.remote;
  remote_options.private_addresses = state_->options.private_addresses;
  remote_options.patience = analyze_patience;
  RemoteFile file(co_await asio::this_coro::executor, std::move(url), control, remote_options);
  CO_TRY_VOID(co_await file.open());
  const auto type = file.headers().get("Content-Type").value_or("");
  if (request.content_encoding.empty()) request.content_encoding = file.headers().get("Content-Encoding").value_or("");
  if (!request.format) request.format = format_of_media_type(http::media_type(type));
  if (const auto charset = http::header_parameter(type, "charset"); charset) {
    CO_TRY(request.charset, rows::parse_charset(*charset));
  }
  auto analysis = co_await analyze(state_->reader(), std::move(request), file, control);
  co_return analysis;
}

Task<Result<std::uint64_t>> Jobs::count_rows(const DeleteRequest& request) {
  CO_TRY(const auto condition, co_await state_->condition_of(request));
  CO_TRY_VOID(co_await state_->parts.spool.flush(Clock::now() + hold_patience));
  auto rows = co_await state_->count(*request.workspace, request.source->table, condition);
  co_return rows;
}

Task<Result<std::shared_ptr<const catalog::Job>>> Jobs::delete_rows(DeleteRequest request) {
  auto pass = state_->gate.enter();
  if (!pass) co_return fail(Code::unavailable, "the server is stopping");
  CO_TRY(const auto condition, co_await state_->condition_of(request));
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
  auto status = co_await state_->truncate(*workspace, quarantine ? source->quarantine_table : source->table);
  auto record = operation_record(*workspace, *source, "truncate", start);
  record.operation_id = catalog::new_uuid();
  if (quarantine) record.options = {{"table", "quarantine"}};
  if (!status) record.error = status.error().message;
  state_->parts.observer.record(std::move(record));
  co_return status;
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
