// SPDX-License-Identifier: Apache-2.0
// Imports and analyses: of a body while its sender waits, of a kept upload, of a URL.
#include <array>
#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "base/log.h"
#include "http/client.h"
#include "jobs/job_records.h"
#include "jobs/jobs_state.h"

namespace kinglet::jobs {

namespace {
constexpr auto read_patience = std::chrono::seconds(60);
// Keys of pieces live 24 h (SpoolOptions::key_lifetime): later, a piece could be stored twice.
constexpr auto resume_within = std::chrono::hours(20);

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
    auto count = co_await pool_.run(Clock::now() + read_patience, std::move(work));
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

observe::OperationRecord import_record(const ImportRequest& request, const Status& status, const ImportResult& result,
                                       bool is_job, WallTime start) {
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
  return record;
}

void fill(catalog::Job& job, const ImportResult& result) {
  job.row_count = result.successful_rows;
  job.bytes = result.bytes;
  job.quarantine_rows = result.quarantined_rows;
  job.invalid_lines = result.invalid_lines;
  job.errors = result.errors;
  job.format = format_name(result.format);
}

catalog::Job import_job(const ImportRequest& request, std::string url, std::string token_id, std::string parameters) {
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

/// What the first answer says about the file, where the request says nothing: of an import, and of an analysis.
template <class Request>
Task<Status> open_remote(RemoteFile& file, Request& request) {
  CO_TRY_VOID(co_await file.open());
  const auto type = file.headers().get("Content-Type").value_or("");
  if (request.content_encoding.empty()) request.content_encoding = file.headers().get("Content-Encoding").value_or("");
  if (!request.format) request.format = format_of_media_type(http::media_type(type));
  if (const auto charset = http::header_parameter(type, "charset");
      charset && !(request.format && is_container(*request.format))) {
    CO_TRY(request.charset, rows::parse_charset(*charset));
  }
  co_return Status{};
}
}  // namespace

ImportTools Jobs::State::tools(std::function<Task<Status>(std::string)> write_plan) {
  return {.intake = parts.intake,
          .runners = parts.runners,
          .reader = reader(),
          .catalog = parts.catalog,
          .observer = parts.observer,
          .write_plan = std::move(write_plan)};
}

Task<Status> Jobs::State::write_plan(std::string workspace_id, catalog::Job& job, const ImportResult& result,
                                     std::string plan) {
  auto parameters = parameters_object(job);
  CO_TRY(auto document, json::parse(plan));
  parameters[plan_key] = std::move(document);
  fill(job, result);
  job.parameters = json::write(parameters);
  auto written = co_await keep(std::move(workspace_id), job);
  co_return written;
}

Task<Status> Jobs::State::run_job(ImportRequest request, http::BodyReader& body, catalog::Job& job,
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
  parts.observer.record(import_record(request, status, result, true, job.started_at.value_or(wall_now())));
  co_return status;
}

Task<Status> Jobs::State::run_download(ImportRequest request, http::Url url, catalog::Job& job,
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
    parts.observer.record(import_record(request, status, nothing, true, job.started_at.value_or(wall_now())));
  }
  co_return status;
}

Task<Status> Jobs::State::run_kept(ImportRequest request, catalog::Job& job, std::shared_ptr<ImportControl> control) {
  KeptFile file(upload_path(job.id), files, *control);
  auto status = co_await run_job(std::move(request), file, job, std::move(control));
  co_return status;
}

void Jobs::State::spawn_import(ImportRequest request, const catalog::Job& job, std::optional<http::Url> url,
                               Gate::Pass pass) {
  request.keyed = true;
  auto control = make_control(job.id);
  const auto workspace_id = request.workspace->id;
  auto work = [self = shared_from_this(), request = std::move(request), url = std::move(url),
               control](catalog::Job& j) {
    return url ? self->run_download(request, *url, j, control) : self->run_kept(request, j, control);
  };
  spawn(workspace_id, job, std::move(pass), control, std::move(work));
}

Status Jobs::State::resume_import(const catalog::Workspace& workspace, const catalog::Job& job) {
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
  if (upload && !std::filesystem::exists(upload_path(job.id), error))
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

Task<Result<ImportResult>> Jobs::import_body(ImportRequest request, http::BodyReader& body) {
  auto& s = *state_;
  const auto pass = s.gate.enter();
  if (!pass) co_return fail(Code::unavailable, "the server is stopping");
  const auto start = wall_now();
  ImportResult result;
  const auto control = std::make_shared<ImportControl>();
  if (request.mode == ImportMode::append) {
    const auto status = co_await run_import(s.tools({}), request, catalog::new_uuid(), body, control, result);
    s.parts.observer.record(import_record(request, status, result, false, start));
    if (!status) co_return fail(status.error());
    co_return result;
  }
  // A replace may be half done when the server is killed: its job is where the next start finds how to finish it.
  auto entry = import_job(request, {}, {}, "{}");
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
  s.parts.observer.record(import_record(request, status, result, true, start));
  fill(job, result);
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
  auto entry = import_job(request, http::print_url(url), std::move(token_id), parameters_of(request, {}, secret));
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
  const auto name = State::upload_name(id);
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
  auto entry = import_job(request, {}, std::move(token_id), parameters_of(request, name, false));
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
  const auto parameters = State::parameters_object(*job);
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
  CO_TRY_VOID(co_await open_remote(file, request));
  auto analysis = co_await analyze(state_->reader(), std::move(request), file, control);
  co_return analysis;
}

}  // namespace kinglet::jobs
