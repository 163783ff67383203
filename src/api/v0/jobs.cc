// SPDX-License-Identifier: Apache-2.0
// /v0/jobs (http-api.md 8, tb-client.md 4.8).
#include "api/v0/jobs.h"

#include "api/reply.h"
#include "base/clock.h"
#include "jobs/jobs.h"

namespace kinglet::api {

json::object show_job(const Services& services, const catalog::Job& job) {
  const auto number = [](const auto& n) { return n ? json::value(*n) : json::value(nullptr); };
  json::object o{{"id", job.id},
                 {"job_id", job.id},
                 {"kind", job.kind},
                 {"status", catalog::job_status_name(job.status)},
                 {"created_at", catalog::format_time(job.created_at)},
                 {"updated_at", catalog::format_time(job.updated_at)},
                 {"is_cancellable", job.is_cancellable},
                 {"job_url", fmt::format("{}/v0/jobs/{}", services.public_url, job.id)}};
  o["started_at"] = job.started_at ? json::value(catalog::format_time(*job.started_at)) : json::value(nullptr);
  if (!job.error.empty()) o["error"] = job.error;
  if (!job.errors.empty()) o["errors"] = json::array(job.errors.begin(), job.errors.end());
  if (!job.data_source_name.empty())
    o["datasource"] = json::object{{"id", job.data_source_id}, {"name", job.data_source_name}};
  if (job.kind == "import") {
    o["import_id"] = job.id;
    o["mode"] = job.mode;
    if (!job.url.empty()) o["url"] = job.url;
    o["quarantine_rows"] = job.quarantine_rows.value_or(0);
    o["invalid_lines"] = job.invalid_lines.value_or(0);
    o["statistics"] =
        job.row_count ? json::value(json::object{{"bytes", number(job.bytes)}, {"row_count", number(job.row_count)}})
                      : json::value(nullptr);
    if (const auto progress = catalog::is_finished(job.status) ? std::nullopt : services.jobs.progress(job.id)) {
      if (job.status != catalog::JobStatus::waiting)
        o["statistics"] = json::object{{"bytes", progress->content_bytes}, {"row_count", progress->rows}};
      o["quarantine_rows"] = progress->quarantined;
      o["invalid_lines"] = progress->invalid_lines;
      if (progress->percentage) o["progress_percentage"] = *progress->percentage;
      if (progress->cancelling) o["status"] = catalog::job_status_name(catalog::JobStatus::cancelling);
    }
  }
  if (job.kind == jobs::replay_job_kind) {
    o["rows_chosen"] = job.rows_affected.value_or(0);
    o["successful_rows"] = job.row_count.value_or(0);
    o["quarantined_rows"] = job.quarantine_rows.value_or(0);
    if (job.progress_percentage) o["progress_percentage"] = *job.progress_percentage;
  }
  if (job.kind == "delete_data") {
    o["delete_id"] = job.id;
    o["delete_condition"] = job.delete_condition;
    o["rows_affected"] = number(job.rows_affected);
  }
  return o;
}

namespace {

/// The starter's own jobs, and all for the admin. JWTs have no id: what one started belongs to nobody.
bool sees(const auth::Access& access, const catalog::Job& job) {
  const auto& token = access.identity().token_id;
  return access.is_admin() || (!token.empty() && job.token_id == token);
}

Task<Result<http::Response>> list(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_read_workspace());
  const auto text = [&](std::string_view name) { return std::string(call.request.query.get(name).value_or("")); };
  catalog::JobFilter filter{
      .kind = text("kind"), .status = text("status"), .pipe_id = text("pipe_id"), .pipe_name = text("pipe_name")};
  if (const auto after = text("created_after"); !after.empty()) {
    CO_TRY(filter.created_after, catalog::parse_time(after));
  }
  if (const auto before = text("created_before"); !before.empty()) {
    CO_TRY(filter.created_before, catalog::parse_time(before));
  }
  const auto now = wall_now();
  json::array jobs;
  for (const auto& job : access.workspace().list_jobs(filter, now))
    if (sees(access, *job)) jobs.push_back(show_job(call.services, *job));
  co_return json_reply(json::object{{"jobs", std::move(jobs)}});
}

Result<std::shared_ptr<const catalog::Job>> visible_job(const auth::Access& access, std::string_view id) {
  auto job = access.workspace().job(id);
  if (!job || !sees(access, *job)) return fail(Code::not_found, "there is no job '{}'", id.substr(0, 64));
  return job;
}

Task<Result<http::Response>> get(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY(const auto job, visible_job(access, call.path[0]));
  co_return json_reply(show_job(call.services, *job));
}

Task<Result<http::Response>> cancel(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY(const auto job, visible_job(access, call.path[0]));
  CO_TRY(const auto after, co_await call.services.jobs.cancel(access.workspace().id, job->id));
  co_return json_reply(show_job(call.services, *after));
}

Task<Result<http::Response>> retry(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY(const auto job, visible_job(access, call.path[0]));
  CO_TRY(const auto source, access.appendable_data_source(job->data_source_name));
  if (job->mode == "replace") CO_TRY_VOID(access.may_create_data_sources());
  CO_TRY(const auto started,
         co_await call.services.jobs.retry(access.identity().workspace, job->id, access.identity().token_id));
  co_return json_reply(show_job(call.services, *started));
}

}  // namespace

void add_job_routes(Router& router, Services& services) {
  router.add(http::Method::get, "/v0/jobs", handle(services, list));
  router.add(http::Method::get, "/v0/jobs/{id}", handle(services, get));
  router.add(http::Method::post, "/v0/jobs/{id}/cancel", handle(services, cancel));
  router.add(http::Method::post, "/v0/jobs/{id}/retry", handle(services, retry));
}

}  // namespace kinglet::api
