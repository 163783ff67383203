// SPDX-License-Identifier: Apache-2.0
#include "jobs/jobs.h"

#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "base/log.h"
#include "engine/statement_text.h"
#include "http/address_policy.h"
#include "http/client.h"
#include "jobs/job_records.h"
#include "sql/resolve.h"

namespace kinglet::jobs {

using engine::qualified;

namespace {
constexpr auto statement_patience = std::chrono::seconds(60);
constexpr auto mutation_patience = std::chrono::hours(1);
constexpr auto download_patience = std::chrono::hours(2);
constexpr auto hold_patience = std::chrono::seconds(60);

/// Reads a kept upload from the disk, and removes it at the end.
class KeptFile final : public http::BodyReader {
 public:
  explicit KeptFile(std::string path) : path_(std::move(path)), in_(path_, std::ios::binary) {}
  ~KeptFile() override { ::unlink(path_.c_str()); }
  Task<Result<std::size_t>> read_some(std::span<char> to) override {
    in_.read(to.data(), static_cast<std::streamsize>(to.size()));
    if (in_.bad()) co_return fail(Code::unavailable, "the kept upload cannot be read");
    co_return static_cast<std::size_t>(in_.gcount());
  }
  std::optional<std::uint64_t> content_length() const override { return std::nullopt; }

 private:
  std::string path_;
  std::ifstream in_;
};
}  // namespace

struct Jobs::State : std::enable_shared_from_this<State> {
  State(Parts p, Options o) : parts(p), options(std::move(o)) {}
  Parts parts;
  Options options;
  Gate gate;
  std::atomic<std::size_t> running{0};

  ImportTools tools() {
    engine::Address reader;
    if (parts.reader != nullptr) reader = parts.reader->address();
    return {.intake = parts.intake,
            .runners = parts.runners,
            .reader = parts.reader,
            .reader_address = reader,
            .scratch = options.scratch,
            .catalog = parts.catalog,
            .observer = parts.observer};
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

  /// Runs `work` on this io thread and writes down how it ended.
  template <class Work>
  void spawn(std::string workspace_id, catalog::Job job, Gate::Pass pass, Work work) {
    auto run = [](std::shared_ptr<State> self, std::string workspace, catalog::Job j, Gate::Pass inside,
                  Work w) -> Task<void> {
      (void)inside;
      const auto executor = co_await asio::this_coro::executor;
      while (self->running >= self->options.running_max) {
        asio::steady_timer pause(executor, std::chrono::milliseconds(50));
        co_await pause.async_wait(use_task);
      }
      ++self->running;
      j.status = catalog::JobStatus::working;
      j.started_at = wall_now();
      if (auto begun = co_await self->write(workspace, j, false); begun) j = **begun;
      const Status ended = co_await w(j);
      --self->running;
      j.status = ended ? catalog::JobStatus::done : catalog::JobStatus::error;
      if (!ended) j.error = ended.error().message;
      const auto written = co_await self->write(workspace, j, false);
      if (!written)
        log::error("a job's end could not be written down", {{"job", j.id}, {"error", written.error().message}});
    };
    const auto index = IoThreads::current_index().value_or(0);
    asio::co_spawn(parts.threads.executor(index),
                   run(shared_from_this(), std::move(workspace_id), std::move(job), std::move(pass), std::move(work)),
                   asio::detached);
  }

  void record(const ImportRequest& request, const Result<ImportResult>& result, std::string_view id, bool is_job,
              WallTime start) {
    auto record = operation_record(*request.workspace, *request.source,
                                   request.mode == ImportMode::append ? "append" : "replace", start);
    record.operation_id = record.import_id = id;
    record.request_id = request.request_id;
    if (is_job) record.job_id = id;
    if (!result) {
      record.error = result.error().message;
    } else {
      record.rows = record.written_rows = result->successful_rows;
      record.rows_quarantine = result->quarantined_rows;
      record.read_bytes = result->bytes;
    }
    parts.observer.record(std::move(record));
  }

  static void fill(catalog::Job& job, const ImportResult& result) {
    job.row_count = result.successful_rows;
    job.bytes = result.bytes;
    job.quarantine_rows = result.quarantined_rows;
    job.invalid_lines = result.invalid_lines;
    job.errors = result.errors;
  }

  static catalog::Job import_job(const ImportRequest& request, std::string url, std::string token_id) {
    return {.kind = "import",
            .data_source_id = request.source->id,
            .data_source_name = request.source->name,
            .mode = request.mode == ImportMode::append ? "append" : "replace",
            .url = std::move(url),
            .format = request.format == FileFormat::csv      ? "csv"
                      : request.format == FileFormat::ndjson ? "ndjson"
                                                             : "parquet",
            .token_id = std::move(token_id)};
  }

  Task<Result<ImportResult>> download(ImportRequest request, std::string id, http::Url url) {
    const auto executor = co_await asio::this_coro::executor;
    http::ClientOptions client_options;
    if (!options.private_addresses) client_options.address_policy = http::public_addresses_only();
    http::Client client(executor, std::move(client_options));
    http::ClientRequest get;
    get.deadline = Clock::now() + download_patience;
    CO_TRY(const auto reply, co_await client.send_following(std::move(url), std::move(get)));
    if (reply->status() != 200) co_return fail(Code::invalid, "the address answered with status {}", reply->status());
    if (request.content_encoding.empty())
      request.content_encoding = reply->headers().get("Content-Encoding").value_or("");
    auto result = co_await run_import(tools(), std::move(request), std::move(id), reply->body());
    co_return result;
  }

  Status finish(const ImportRequest& request, Result<ImportResult> result, catalog::Job& job) {
    record(request, result, job.id, true, job.started_at.value_or(wall_now()));
    if (!result) return fail(std::move(result.error()));
    fill(job, *result);
    return {};
  }

  Task<Status> run_download(ImportRequest request, http::Url url, catalog::Job& job) {
    auto result = co_await download(request, job.id, std::move(url));
    auto status = finish(request, std::move(result), job);
    co_return status;
  }

  Task<Status> run_kept(ImportRequest request, std::string path, catalog::Job& job) {
    KeptFile file(std::move(path));
    auto result = co_await run_import(tools(), request, job.id, file);
    auto status = finish(request, std::move(result), job);
    co_return status;
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
  std::error_code ignored;
  std::filesystem::remove_all(state_->options.scratch, ignored);
  std::filesystem::create_directories(state_->options.scratch, ignored);
  const auto snapshot = state_->parts.catalog.snapshot();
  for (const auto& [id, workspace] : snapshot->workspaces)
    for (const auto& job : *workspace->jobs) {
      if (catalog::is_finished(job->status)) continue;
      auto ended = *job;
      ended.status = catalog::JobStatus::error;
      ended.error =
          "interrupted: the server stopped while the job was at work; what it had appended stays, start it again for "
          "the rest";
      auto change = [workspace_id = id, ended](catalog::Transaction& t) { return t.update_job(workspace_id, ended); };
      const auto written = state_->parts.catalog.update_blocking(std::move(change));
      if (!written) return fail(written.error());
      state_->parts.observer.record(job_record(id, **written));
    }
  return {};
}

void Jobs::stop(Deadline deadline) {
  state_->gate.close();
  if (!state_->gate.wait_empty_blocking(deadline)) log::warning("jobs are still at work and are interrupted");
}

Task<Result<ImportResult>> Jobs::import_body(ImportRequest request, http::BodyReader& body) {
  const auto pass = state_->gate.enter();
  if (!pass) co_return fail(Code::unavailable, "the server is stopping");
  const auto id = catalog::new_uuid();
  const auto start = wall_now();
  auto result = co_await run_import(state_->tools(), request, id, body);
  state_->record(request, result, id, false, start);
  co_return result;
}

Task<Result<std::shared_ptr<const catalog::Job>>> Jobs::import_url(ImportRequest request, std::string text,
                                                                   std::string token_id) {
  auto pass = state_->gate.enter();
  if (!pass) co_return fail(Code::unavailable, "the server is stopping");
  CO_TRY(auto url, http::parse_url(text));
  request.bytes_max = state_->options.import_bytes_max;
  request.content_bytes_max = state_->options.import_bytes_max;
  CO_TRY(const auto job, co_await state_->write(request.workspace->id,
                                                State::import_job(request, http::print_url(url), token_id), true));
  auto work = [self = state_, request, url](catalog::Job& j) { return self->run_download(request, url, j); };
  state_->spawn(request.workspace->id, *job, std::move(*pass), std::move(work));
  co_return job;
}

Task<Result<std::shared_ptr<const catalog::Job>>> Jobs::import_later(ImportRequest request, http::BodyReader& body,
                                                                     std::string token_id) {
  auto pass = state_->gate.enter();
  if (!pass) co_return fail(Code::unavailable, "the server is stopping");
  const auto path = fmt::format("{}/upload-{}", state_->options.scratch, catalog::new_uuid());
  {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    const auto buffer = std::make_unique_for_overwrite<std::array<char, 256u << 10>>();
    std::uint64_t size = 0;
    for (;;) {
      auto count = co_await body.read_some(*buffer);
      if (count && *count > 0) {
        size += *count;
        out.write(buffer->data(), static_cast<std::streamsize>(*count));
        if (size > request.bytes_max)
          count = fail(Code::too_large, "the file is larger than {} MB", request.bytes_max >> 20);
        else if (!out)
          count = fail(Code::unavailable, "no room for the file on the server's disk");
      }
      if (!count) {
        ::unlink(path.c_str());
        co_return fail(std::move(count.error()));
      }
      if (*count == 0) break;
    }
  }
  CO_TRY(const auto job, co_await state_->write(request.workspace->id, State::import_job(request, {}, token_id), true));
  auto work = [self = state_, request, path](catalog::Job& j) { return self->run_kept(request, path, j); };
  state_->spawn(request.workspace->id, *job, std::move(*pass), std::move(work));
  co_return job;
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
  state_->spawn(request.workspace->id, *job, std::move(*pass), std::move(work));
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

Task<Result<std::shared_ptr<const catalog::Job>>> Jobs::cancel(std::string workspace_id, std::string job_id) {
  const auto workspace = state_->parts.catalog.snapshot()->workspace(workspace_id);
  const auto job = workspace ? workspace->job(job_id) : nullptr;
  if (!job) co_return fail(Code::not_found, "there is no job '{}'", job_id);
  if (job->status == catalog::JobStatus::cancelled) co_return job;
  co_return fail(Code::conflict, "a job of kind {} cannot be cancelled while it is {}", job->kind,
                 catalog::job_status_name(job->status));
}

}  // namespace kinglet::jobs
