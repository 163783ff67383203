// SPDX-License-Identifier: Apache-2.0
// Data sources: lists, details, datafile text, uploads, imports, truncate and delete (http-api.md 4,
// tb-client.md 4.1-4.2).
#include "api/reply.h"
#include "api/services.h"
#include "api/v0/jobs.h"
#include "api/v0/uploads.h"
#include "engine/system_rows.h"
#include "jobs/jobs.h"
#include "query/runner.h"

namespace kinglet::api {
namespace {

using jobs::ImportMode;

struct Size {
  std::uint64_t rows = 0, bytes = 0;
};

/// Rows and bytes on disk of the workspace's tables, by physical name. Empty when the engine is away: a list of data
/// sources is no reason to wait for it.
Task<std::map<std::string, Size, std::less<>>> sizes(Services& services, const catalog::Workspace& workspace) {
  std::map<std::string, Size, std::less<>> found;
  auto sql =
      fmt::format("SELECT name, ifNull(total_rows, 0), ifNull(total_bytes, 0) FROM system.tables WHERE database = '{}'",
                  workspace.database);
  const auto rows = co_await engine::system_rows(services.runners.here().client(), std::move(sql),
                                                 Clock::now() + std::chrono::seconds(5));
  if (!rows) co_return found;
  for (const auto& row : *rows) {
    if (row.size() != 3) continue;
    Size size;
    std::from_chars(row[1].data(), row[1].data() + row[1].size(), size.rows);
    std::from_chars(row[2].data(), row[2].data() + row[2].size(), size.bytes);
    found[row[0]] = size;
  }
  co_return found;
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::array used_by(query::PipeCache& cache, const catalog::Workspace& workspace, const catalog::DataSource& source) {
  json::array list;
  for (const auto& [name, pipe] : workspace.resources->pipes.by_name()) {
    const auto compiled = cache.get(pipe);
    if (pipe->definition.target == source.name || (compiled && (*compiled)->reads.contains(source.name)))
      list.push_back(json::object{{"id", pipe->id}, {"name", name}});
  }
  return list;
}

json::object show(query::PipeCache& cache, const catalog::Workspace& workspace, const catalog::DataSource& source,
                  const std::map<std::string, Size, std::less<>>& all_sizes) {
  const auto& d = source.definition;
  json::array columns;
  for (const auto& c : d.columns)
    columns.push_back(
        json::object{{"name", c.name},
                     {"normalized_name", c.name},
                     {"type", c.type},
                     {"nullable", c.type.starts_with("Nullable(") || c.type.starts_with("LowCardinality(Nullable(")},
                     {"codec", c.codec ? json::value(*c.codec) : json::value(nullptr)},
                     {"default_value",
                      c.default_expression ? json::value("DEFAULT " + *c.default_expression) : json::value(nullptr)},
                     {"jsonpath", c.path ? json::value(c.path->text) : json::value(nullptr)}});
  json::object engine{
      {"engine", d.engine.name},
      {"engine_sorting_key", d.engine.sorting_key},
      {"engine_partition_key", d.engine.partition_key},
      {"engine_primary_key", d.engine.primary_key.empty() ? d.engine.sorting_key : d.engine.primary_key},
      {"sorting_key", d.engine.sorting_key},
      {"partition_key", d.engine.partition_key},
      {"primary_key", d.engine.primary_key.empty() ? d.engine.sorting_key : d.engine.primary_key}};
  const auto option = [&](const char* key, const std::string& value) {
    if (!value.empty()) engine[key] = value;
  };
  option("engine_ttl", d.engine.ttl);
  option("engine_ver", d.engine.ver);
  option("engine_is_deleted", d.engine.is_deleted);
  option("engine_sign", d.engine.sign);
  option("engine_version", d.engine.version);
  option("engine_summing_columns", d.engine.summing_columns);
  option("engine_sampling_key", d.engine.sampling_key);
  json::array indexes;
  for (const auto& i : d.indexes)
    indexes.push_back(
        json::object{{"name", i.name}, {"expr", i.expression}, {"type_full", i.type}, {"granularity", i.granularity}});
  const auto find = [&](const std::string& table) {
    const auto it = all_sizes.find(table);
    return it == all_sizes.end() ? Size{} : it->second;
  };
  const auto size = find(source.table);
  json::object tags;
  if (!d.tags.empty()) tags["tags"] = json::array(d.tags.begin(), d.tags.end());
  return {{"id", source.id},
          {"name", source.name},
          {"description", d.description},
          {"type", "ndjson"},
          {"cluster", "kinglet"},
          {"replicated", false},
          {"version", 0},
          {"project", nullptr},
          {"tags", std::move(tags)},
          {"headers", json::object{}},
          {"shared_with", json::array(d.shared_with.begin(), d.shared_with.end())},
          {"created_at", catalog::format_time(source.created_at)},
          {"updated_at", catalog::format_time(source.updated_at)},
          {"engine", std::move(engine)},
          {"schema", json::object{{"columns", columns}}},
          {"columns", std::move(columns)},
          {"indexes", std::move(indexes)},
          {"new_columns_detected", json::object{}},
          {"quarantine_rows", find(source.quarantine_table).rows},
          {"statistics", json::object{{"bytes", size.bytes}, {"row_count", size.rows}}},
          {"ttl", text_or_null(d.engine.ttl)},
          {"forward_query", text_or_null(d.forward_query)},
          {"used_by", used_by(cache, workspace, source)}};
}

/// What became of every accepted row, and how far behind the table is (docs/design/0009-accounting.md).
void add_books(json::object& shown, const Services& services, const catalog::Workspace& workspace,
               const catalog::DataSource& source) {
  const auto account = services.observer.account(workspace.id, source.id);
  const auto counts = account ? account->read() : observe::RowCounts{};
  shown["rows"] = json::object{{"accepted", counts.accepted},         {"stored", counts.stored},
                               {"quarantined", counts.quarantined},   {"sampled_out", counts.sampled_out},
                               {"deduplicated", counts.deduplicated}, {"failed", counts.failed},
                               {"dropped", counts.dropped},           {"waiting", counts.pending()}};
  const auto stored_at = account ? account->last_stored_at() : 0;
  const auto waiting = account ? account->oldest_pending(Clock::now()) : std::chrono::milliseconds(0);
  shown["freshness"] =
      json::object{{"last_stored_at",
                    stored_at == 0 ? json::value(nullptr)
                                   : json::value(catalog::format_time(catalog::Time(std::chrono::seconds(stored_at))))},
                   {"oldest_waiting_seconds", std::chrono::duration<double>(waiting).count()}};
}

json::object show_with_books(Call& call, const catalog::Workspace& workspace, const catalog::DataSource& source,
                             const std::map<std::string, Size, std::less<>>& all_sizes) {
  auto shown = show(call.services.runners.here().pipes(), workspace, source, all_sizes);
  add_books(shown, call.services, workspace, source);
  return shown;
}

Task<Result<http::Response>> list(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_read_workspace());  // JWTs call endpoints and run queries, nothing else (platform.md 2.7)
  const auto all_sizes = co_await sizes(call.services, access.workspace());
  json::array sources;
  for (const auto& [name, source] : access.workspace().resources->data_sources.by_name())
    if (access.reads(*source)) sources.push_back(show_with_books(call, access.workspace(), *source, all_sizes));
  co_return json_reply(json::object{{"datasources", std::move(sources)}});
}

Task<Result<http::Response>> get(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_read_workspace());
  std::string_view name = call.path[0];
  const bool by_suffix = name.ends_with(".datasource");
  if (by_suffix) name.remove_suffix(std::string_view(".datasource").size());
  CO_TRY(const auto source, access.readable_data_source(name));
  if (by_suffix || call.request.query.get("format") == "datasource") co_return text_reply(source->text);
  const auto all_sizes = co_await sizes(call.services, access.workspace());
  co_return json_reply(show_with_books(call, access.workspace(), *source, all_sizes));
}

/// Where an upload's rows come from, once the request is understood.
struct Upload {
  jobs::ImportRequest request;
  std::string url;
};

Result<jobs::ImportRequest> import_request(const Call& call, const auth::Access& access, std::string_view name,
                                           ImportMode mode, const http::QueryParameters& fields) {
  if (name.empty()) return fail(Code::invalid, "the parameter `name` is missing: the data source");
  TRY(auto source, access.appendable_data_source(name));
  TRY_VOID(call.admit_append(access, *source));
  if (mode == ImportMode::replace) TRY_VOID(access.may_create_data_sources());
  jobs::ReplaceOptions replace{.condition = std::string(fields.get("replace_condition").value_or(""))};
  if (!replace.condition.empty() && mode != ImportMode::replace)
    return fail(Code::invalid, "replace_condition goes with mode=replace");
  TRY(replace.truncate_when_empty, flag(fields, "replace_truncate_when_empty", false));
  TRY(replace.skip_incompatible, flag(fields, "skip_incompatible_partition_key", false));
  // Types come from the data source; the parameter is checked, and has an effect in /v0/analyze.
  TRY_VOID(flag(fields, "type_guessing", true));
  TRY(const auto csv, csv_dialect(fields));
  return jobs::ImportRequest{.workspace = access.identity().workspace,
                             .source = std::move(source),
                             .mode = mode,
                             .request_id = call.request.id,
                             .csv = csv,
                             .replace = std::move(replace),
                             .bytes_max = call.services.limits.upload_bytes_max};
}

http::Response import_reply(const catalog::DataSource& source, const jobs::ImportResult& result) {
  json::object body{{"import_id", result.id},
                    {"id", result.id},
                    {"successful_rows", result.successful_rows},
                    {"quarantined_rows", result.quarantined_rows},
                    {"quarantine_rows", result.quarantined_rows},
                    {"invalid_lines", result.invalid_lines},
                    {"error", false}};
  if (result.dropped_rows > 0) body["dropped_rows"] = result.dropped_rows;
  if (!result.errors.empty()) body["errors"] = json::array(result.errors.begin(), result.errors.end());
  body["datasource"] = json::object{{"id", source.id}, {"name", source.name}, {"headers", json::object{}}};
  return json_reply(body);
}

http::Response job_reply(const Services& services, const catalog::Job& job) {
  const auto shown = show_job(services, job);
  json::object body{{"id", job.id},
                    {"job_id", job.id},
                    {"import_id", job.id},
                    {"job_url", shown.at("job_url")},
                    {"status", catalog::job_status_name(job.status)},
                    {"kind", job.kind}};
  if (shown.contains("datasource")) body["datasource"] = shown.at("datasource");
  if (job.kind == "delete_data") {
    body["delete_id"] = job.id;
    body.erase("import_id");
  }
  body["job"] = shown;
  return json_reply(body);
}

Task<Result<http::Response>> run_upload(Call& call, const auth::Access& access, Upload upload, http::BodyReader& body) {
  if (!upload.url.empty()) {
    CO_TRY(const auto job,
           co_await call.services.jobs.import_url(std::move(upload.request), upload.url, access.identity().token_id));
    co_return job_reply(call.services, *job);
  }
  const auto source = upload.request.source;
  CO_TRY(const auto result, co_await call.services.jobs.import_body(std::move(upload.request), body));
  co_return import_reply(*source, result);
}

ImportMode mode_of(const http::QueryParameters& fields) {
  return fields.get("mode") == "replace" ? ImportMode::replace : ImportMode::append;
}

/// The one file of a multipart upload; form fields before it count as parameters.
Task<Result<http::Response>> upload_multipart(Call& call, const auth::Access& access, std::string_view content_type) {
  CO_TRY(auto reader, http::MultipartReader::open(*call.request.body, content_type));
  auto fields = call.request.query;
  for (;;) {
    CO_TRY(const auto part, co_await reader.next_part());
    if (!part) break;
    if (!is_file(*part)) {
      CO_TRY(auto value, co_await reader.read_part(Limits::form_bytes_max));
      if (!fields.contains(part->name)) fields.add(part->name, std::move(value));
      continue;
    }
    Upload upload;
    CO_TRY(upload.request, import_request(call, access, fields.get("name").value_or(""), mode_of(fields), fields));
    CO_TRY(upload.request.format, wanted_format(fields.get("format"), part->filename.value_or(""), part->content_type));
    CO_TRY(upload.request.charset, charset_of(part->content_type));
    PartBody body(reader);
    auto reply = co_await run_upload(call, access, std::move(upload), body);
    co_return reply;
  }
  const std::string url(fields.get("url").value_or(""));
  if (url.empty())
    co_return fail(Code::invalid, "the form holds no file: send one part with a file name, or a field `url`");
  Upload upload{.request = {}, .url = url};
  CO_TRY(upload.request, import_request(call, access, fields.get("name").value_or(""), mode_of(fields), fields));
  CO_TRY(upload.request.format, wanted_format(fields.get("format"), url, ""));
  auto reply = co_await run_upload(call, access, std::move(upload), *call.request.body);
  co_return reply;
}

/// POST /v0/datasources
Task<Result<http::Response>> upload(Call& call) {
  CO_TRY(const auto access, call.authenticate_append());
  auto fields = call.request.query;
  const std::string content_type(call.request.headers.get("Content-Type").value_or(""));
  const auto media_type = http::media_type(content_type);
  const auto known_mode = [](std::string_view m) { return m == "append" || m == "replace"; };
  if (const auto mode = fields.get("mode"); mode && *mode != "create" && !known_mode(*mode))
    co_return fail(Code::invalid, "mode is append or replace, not '{}'", mode->substr(0, 32));
  if (media_type == "multipart/form-data") {
    if (fields.get("mode") == "create")
      co_return fail(Code::invalid,
                     "This is a Tinybird Forward workspace: data sources come from deployments; mode=create exists "
                     "only in Tinybird Classic workspaces");
    auto reply = co_await upload_multipart(call, access, content_type);
    co_return reply;
  }
  if (media_type == "application/x-www-form-urlencoded" && !fields.contains("url")) {
    // curl's default type: a form with `url`, or a raw file that nobody labelled.
    CO_TRY(const auto body, co_await call.request.body->read_all(8u << 20));
    CO_TRY(const auto form, http::parse_query(body));
    if (!form.contains("url") && !form.contains("schema"))
      co_return fail(Code::invalid,
                     "send the file as multipart/form-data, as a body with its own Content-Type (text/csv, "
                     "application/x-ndjson), or give `url`");
    for (const auto& [name, value] : form) fields.add(name, value);
  }
  const auto mode = fields.get("mode").value_or("create");
  if (!known_mode(mode))
    co_return fail(Code::invalid,
                   "This is a Tinybird Forward workspace: data sources come from deployments; mode=create exists only "
                   "in Tinybird Classic workspaces");
  Upload wanted;
  CO_TRY(wanted.request, import_request(call, access, fields.get("name").value_or(""),
                                        mode == "replace" ? ImportMode::replace : ImportMode::append, fields));
  wanted.url = fields.get("url").value_or("");
  CO_TRY(wanted.request.format,
         wanted_format(fields.get("format"), wanted.url, wanted.url.empty() ? content_type : ""));
  if (wanted.url.empty()) {
    CO_TRY(wanted.request.charset, charset_of(content_type));
  }
  if (wanted.url.empty()) wanted.request.content_encoding = call.request.headers.get("Content-Encoding").value_or("");
  auto reply = co_await run_upload(call, access, std::move(wanted), *call.request.body);
  co_return reply;
}

/// POST /v1/datasources/{name}/append|replace: always a job (tb-client.md 4.1).
Task<Result<http::Response>> import_v1(Call& call, ImportMode mode) {
  CO_TRY(const auto access, call.authenticate_append());
  const auto& fields = call.request.query;
  CO_TRY(auto request, import_request(call, access, call.path[0], mode, fields));
  const std::string url(fields.get("url").value_or(""));
  const std::string content_type(call.request.headers.get("Content-Type").value_or(""));
  CO_TRY(request.format, wanted_format(fields.get("format"), url, url.empty() ? content_type : ""));
  if (url.empty()) {
    CO_TRY(request.charset, charset_of(content_type));
  }
  if (url.empty()) request.content_encoding = call.request.headers.get("Content-Encoding").value_or("");
  auto started =
      url.empty()
          ? co_await call.services.jobs.import_later(std::move(request), *call.request.body, access.identity().token_id)
          : co_await call.services.jobs.import_url(std::move(request), url, access.identity().token_id);
  if (!started) co_return fail(std::move(started.error()));
  co_return job_reply(call.services, **started);
}
Task<Result<http::Response>> append_v1(Call& call) {
  return import_v1(call, ImportMode::append);
}
Task<Result<http::Response>> replace_v1(Call& call) {
  return import_v1(call, ImportMode::replace);
}

Task<Result<http::Response>> truncate(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_create_data_sources());
  std::string_view name = call.path[0];
  constexpr std::string_view suffix = "_quarantine";
  auto source = access.workspace().data_source(name);
  const bool quarantine = !source && name.ends_with(suffix);
  if (quarantine) source = access.workspace().data_source(name.substr(0, name.size() - suffix.size()));
  if (!source) co_return fail(Code::not_found, "there is no data source '{}'", name.substr(0, 128));
  CO_TRY_VOID(co_await call.services.jobs.truncate(access.identity().workspace, source, quarantine));
  co_return json_reply(json::object{{"status", "ok"}});
}

Task<Result<http::Response>> remove_rows(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_create_data_sources());
  CO_TRY(const auto fields, co_await read_fields(call.request));
  const auto source = access.workspace().data_source(call.path[0]);
  if (!source) co_return fail(Code::not_found, "there is no data source '{}'", call.path[0].substr(0, 128));
  jobs::Jobs::DeleteRequest request{.workspace = access.identity().workspace,
                                    .source = source,
                                    .condition = std::string(fields.get("delete_condition").value_or("")),
                                    .token_id = access.identity().token_id};
  if (request.condition.empty())
    co_return fail(Code::invalid,
                   "the field `delete_condition` is missing: a SQL condition that selects the rows to delete");
  if (fields.get("dry_run") == "true") {
    CO_TRY(const auto rows, co_await call.services.jobs.count_rows(request));
    co_return json_reply(json::object{{"rows_to_be_deleted", rows}, {"status", "ok"}});
  }
  CO_TRY(const auto job, co_await call.services.jobs.delete_rows(std::move(request)));
  co_return job_reply(call.services, *job);
}

Task<Result<http::Response>> classic(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  co_return fail(Code::invalid,
                 "This is a Tinybird Forward workspace: data sources change by deployments. The operation exists "
                 "only in Tinybird Classic workspaces; change the project's files and deploy them");
}

}  // namespace

void add_data_source_routes(Router& router, Services& services) {
  using http::Method;
  router.add(Method::get, "/v0/datasources", handle(services, list));
  router.add(Method::post, "/v0/datasources", handle(services, upload));
  router.add(Method::get, "/v0/datasources/{name}", handle(services, get));
  router.add(Method::put, "/v0/datasources/{name}", handle(services, classic));
  router.add(Method::delete_, "/v0/datasources/{name}", handle(services, classic));
  router.add(Method::post, "/v0/datasources/{name}/alter", handle(services, classic));
  router.add(Method::post, "/v0/datasources/{name}/truncate", handle(services, truncate));
  router.add(Method::post, "/v0/datasources/{name}/delete", handle(services, remove_rows));
  router.add(Method::post, "/v1/datasources/{name}/append", handle(services, append_v1));
  router.add(Method::post, "/v1/datasources/{name}/replace", handle(services, replace_v1));
}

}  // namespace kinglet::api
