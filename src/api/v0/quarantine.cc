// SPDX-License-Identifier: Apache-2.0
// The quarantine of a data source: its rows, what they have in common, replay and clear. Kinglet's own addition
// (docs/quarantine.md).
#include <charconv>

#include "api/reply.h"
#include "api/services.h"
#include "api/v0/jobs.h"
#include "jobs/jobs.h"
#include "query/composer.h"
#include "query/runner.h"
#include "rows/quarantine.h"
#include "sql/printer.h"

namespace kinglet::api {
namespace {

constexpr std::uint64_t rows_default = 100, rows_max = 10'000, groups_max = 1'000;

Result<std::uint64_t> whole_number(const http::QueryParameters& query, std::string_view name, std::uint64_t otherwise,
                                   std::uint64_t most) {
  const auto text = query.get(name);
  if (!text || text->empty()) return otherwise;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() || value > most)
    return fail(Code::invalid, "{} is a whole number from 0 to {}, not '{}'", name, most, text->substr(0, 32));
  return value;
}

Result<bool> flag(const http::QueryParameters& query, std::string_view name) {
  const auto text = query.get(name).value_or("false");
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return fail(Code::invalid, "{} is true or false, not '{}'", name, text.substr(0, 32));
}

Result<jobs::QuarantineFilter> filter_of(const http::QueryParameters& fields) {
  const auto text = [&](std::string_view name) { return std::string(fields.get(name).value_or("")); };
  jobs::QuarantineFilter filter{.column = text("column"), .import_id = text("import_id"), .since = text("since")};
  TRY_VOID(jobs::check_filter(filter));
  return filter;
}

/// Names of the columns that a quarantined row keeps, quoted.
std::vector<std::string> kept_columns(const catalog::DataSource& source) {
  std::vector<std::string> out;
  for (const auto& [name, type] : rows::quarantine_columns(source.definition))
    if (name != "c__error_column" && name != "c__error" && name != "c__import_id" && name != "insertion_date")
      out.push_back(name);
  return out;
}

std::string rows_sql(const catalog::DataSource& source, const std::string& condition, std::uint64_t limit,
                     std::uint64_t offset) {
  std::string columns = "c__error_column, c__error, c__import_id";
  for (const auto& name : kept_columns(source)) columns += ", " + sql::quote_name(name);
  return fmt::format("SELECT {}, insertion_date FROM {} WHERE {} ORDER BY insertion_date DESC LIMIT {} OFFSET {}",
                     columns, sql::quote_name(source.name + "_quarantine"), condition, limit, offset);
}

/// One line for each column and kind of error: the text of an error without the value in it. A line that was no row has
/// no column; its kind is what stands before the line's own text.
std::string groups_sql(const catalog::DataSource& source, const std::string& condition) {
  std::string row;
  for (const auto& name : kept_columns(source))
    row += fmt::format("{}{}, {}", row.empty() ? "" : ", ", sql::quote_string(name), sql::quote_name(name));
  return fmt::format(
      "SELECT fault.1 AS column, if(fault.1 = '', replaceRegexpOne(fault.2, '(?s)^([^:]*):.*$', '\\\\1'), "
      "replaceRegexpOne(fault.2, '(?s)^value \\'.*\\' on column', 'value … on column')) AS error, count() AS rows, "
      "min(insertion_date) AS first_seen, max(insertion_date) AS last_seen, any(fault.2) AS sample_error, "
      "any(kept) AS sample FROM (SELECT arrayJoin(if(empty(c__error_column), [('', arrayElement(c__error, 1))], "
      "arrayZip(c__error_column, c__error))) AS fault, insertion_date, map({}) AS kept FROM {} WHERE {}) "
      "GROUP BY column, error ORDER BY rows DESC, column, error LIMIT {}",
      row, sql::quote_name(source.name + "_quarantine"), condition, groups_max);
}

/// GET /v0/datasources/{name}/quarantine: under the caller's own grants and filters, as any other query.
Task<Result<http::Response>> show(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  const auto source = access.workspace().data_source(call.path[0]);
  if (!source || !access.reads_quarantine(*source)) {
    CO_TRY(const auto unknown, access.readable_data_source(call.path[0]));
    CO_TRY_VOID(access.may_read_quarantine(*unknown));
  }
  const auto& query = call.request.query;
  CO_TRY(const bool group, flag(query, "group"));
  CO_TRY(const auto filter, filter_of(query));
  CO_TRY(const auto limit, whole_number(query, "limit", rows_default, rows_max));
  CO_TRY(const auto offset, whole_number(query, "offset", 0, UINT32_MAX));
  const auto condition = jobs::filter_condition(filter);
  const auto workspace = access.identity().workspace;
  const query::World world{.resources = workspace->resources.get(),
                           .database = workspace->database,
                           .access = &access,
                           .secret = {},
                           .organization_id = {}};
  auto& runner = call.services.runners.here();
  query::Composer composer(world, runner.pipes(), {});
  const auto composed =
      composer.plain_statement(group ? groups_sql(*source, condition) : rows_sql(*source, condition, limit, offset));
  if (!composed) co_return fail(composed.error().error);
  call.request.cancel_on_disconnect();
  CO_TRY(auto body, co_await runner.run_whole(*composed, *query::format_of_word("JSON"), *workspace->resources,
                                              workspace->database));
  http::Response response;
  response.headers.add("Content-Type", "application/json; charset=UTF-8");
  response.body = std::move(body);
  co_return response;
}

Task<Result<jobs::Jobs::QuarantineRequest>> request_of(Call& call, const auth::Access& access) {
  CO_TRY_VOID(access.may_create_data_sources());
  CO_TRY(const auto fields, co_await read_fields(call.request));
  const auto source = access.workspace().data_source(call.path[0]);
  if (!source) co_return fail(Code::not_found, "there is no data source '{}'", call.path[0].substr(0, 128));
  CO_TRY(auto filter, filter_of(fields.values));
  auto target = source;
  if (const auto into = fields.get("into"); into && !into->empty()) {
    target = access.workspace().data_source(*into);
    if (!target) co_return fail(Code::not_found, "there is no data source '{}' to replay into", into->substr(0, 128));
  }
  co_return jobs::Jobs::QuarantineRequest{.workspace = access.identity().workspace,
                                          .source = source,
                                          .target = std::move(target),
                                          .filter = std::move(filter),
                                          .token_id = access.identity().token_id};
}

Task<Result<http::Response>> replay(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY(auto request, co_await request_of(call, access));
  CO_TRY(const auto job, co_await call.services.jobs.replay_quarantine(std::move(request)));
  auto shown = show_job(call.services, *job);
  const json::object envelope{{"id", job->id},
                              {"job_id", job->id},
                              {"job_url", shown["job_url"]},
                              {"status", shown["status"]},
                              {"job", std::move(shown)}};
  co_return json_reply(envelope);
}

Task<Result<http::Response>> clear(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY(auto request, co_await request_of(call, access));
  CO_TRY(const auto rows, co_await call.services.jobs.clear_quarantine(std::move(request)));
  co_return json_reply(json::object{{"status", "ok"}, {"deleted_rows", rows}});
}

}  // namespace

void add_quarantine_routes(Router& router, Services& services) {
  using http::Method;
  router.add(Method::get, "/v0/datasources/{name}/quarantine", handle(services, show));
  router.add(Method::post, "/v0/datasources/{name}/quarantine/replay", handle(services, replay));
  router.add(Method::post, "/v0/datasources/{name}/quarantine/clear", handle(services, clear));
}

}  // namespace kinglet::api
