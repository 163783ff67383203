// SPDX-License-Identifier: Apache-2.0
// POST /v0/analyze (http-api.md 9): what a data source for a file would look like.
#include "api/reply.h"
#include "api/services.h"
#include "api/v0/uploads.h"
#include "jobs/jobs.h"

namespace kinglet::api {
namespace {

Result<jobs::AnalyzeRequest> analyze_request(const Call& call, const http::QueryParameters& fields) {
  jobs::AnalyzeRequest request;
  TRY(request.csv, csv_dialect(fields));
  TRY(request.type_guessing, flag(fields, "type_guessing", true));
  request.container_bytes_max = call.services.limits.upload_bytes_max;
  return request;
}

/// A column with its path; in CSV files columns have none.
json::object show_column(const rows::InferredColumn& column) {
  json::object out;
  if (!column.path.empty()) out["path"] = column.path;
  out["recommended_type"] = column.type;
  // Two digits, and never 1 for a column that some row lacks.
  const auto percent = std::floor(column.present_pct * 100) / 100;
  out["present_pct"] = percent == 1 ? json::value(1) : json::value(percent);
  out["name"] = column.name;
  return out;
}

http::Response analysis_reply(const jobs::Analysis& analysis) {
  json::array columns, meta, data;
  for (const auto& column : analysis.columns) {
    columns.push_back(show_column(column));
    meta.push_back(json::object{{"name", column.name}, {"type", column.type}});
  }
  for (const auto& row : analysis.preview) {
    json::object out;
    for (std::size_t i = 0; i < row.size() && i < analysis.columns.size(); ++i) {
      auto value = json::parse(row[i]);
      out[analysis.columns[i].name] = value ? std::move(*value) : json::value(row[i]);
    }
    data.push_back(std::move(out));
  }
  const auto rows = data.size();
  return json_reply(json::object{
      {"analysis", json::object{{"columns", std::move(columns)},
                                {"schema", jobs::schema_text(analysis.columns)},
                                {"format", jobs::format_name(analysis.format)}}},
      {"preview",
       json::object{{"meta", std::move(meta)},
                    {"data", std::move(data)},
                    {"rows", rows},
                    {"statistics", json::object{{"elapsed", std::chrono::duration<double>(analysis.elapsed).count()},
                                                {"rows_read", analysis.rows},
                                                {"bytes_read", analysis.bytes}}}}}});
}

/// What stands behind the sample is read and dropped: clients send all before they look for an answer.
Task<void> read_rest(http::BodyReader& body, std::uint64_t bytes_max) {
  const auto buffer = std::make_unique<std::array<char, 64u << 10>>();
  for (std::uint64_t size = 0; size < bytes_max;) {
    const auto count = co_await body.read_some(*buffer);
    if (!count || *count == 0) co_return;
    size += *count;
  }
}

Task<Result<http::Response>> run(Call& call, jobs::AnalyzeRequest request, http::BodyReader& body) {
  CO_TRY(const auto analysis, co_await call.services.jobs.analyze_body(std::move(request), body));
  co_await read_rest(*call.request.body, call.services.limits.upload_bytes_max);
  co_return analysis_reply(analysis);
}

Task<Result<http::Response>> analyze(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_create_data_sources());
  const auto& query = call.request.query;
  const std::string content_type(call.request.headers.get("Content-Type").value_or(""));
  CO_TRY(auto request, analyze_request(call, query));
  if (const auto url = query.get("url"); url && !url->empty()) {
    CO_TRY(request.format, wanted_format(query.get("format"), *url, ""));
    CO_TRY(const auto analysis, co_await call.services.jobs.analyze_url(std::move(request), std::string(*url)));
    co_return analysis_reply(analysis);
  }
  if (http::media_type(content_type) == "multipart/form-data") {
    CO_TRY(auto reader, http::MultipartReader::open(*call.request.body, content_type));
    for (;;) {
      CO_TRY(const auto part, co_await reader.next_part());
      if (!part) co_return fail(Code::invalid, "the form holds no file: send one part named `file`, or give `url`");
      if (!is_file(*part)) continue;
      CO_TRY(request.format, wanted_format(query.get("format"), part->filename.value_or(""), part->content_type));
      CO_TRY(request.charset, charset_of(part->content_type));
      PartBody body(reader);
      auto reply = co_await run(call, std::move(request), body);
      co_return reply;
    }
  }
  // The official client sends the bytes without a type, or with that of a form.
  const bool form = http::media_type(content_type) == "application/x-www-form-urlencoded";
  CO_TRY(request.format, wanted_format(query.get("format"), "", form ? "" : content_type));
  CO_TRY(request.charset, charset_of(content_type));
  request.content_encoding = call.request.headers.get("Content-Encoding").value_or("");
  auto reply = co_await run(call, std::move(request), *call.request.body);
  co_return reply;
}

}  // namespace

void add_analyze_routes(Router& router, Services& services) {
  router.add(http::Method::post, "/v0/analyze", handle(services, analyze));
}

}  // namespace kinglet::api
