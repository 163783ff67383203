// SPDX-License-Identifier: Apache-2.0
// Calls of endpoints and ad-hoc SQL: /v0/pipes/NAME.FORMAT and /v0/sql (http-api.md 2, 5.1, 6).
#include "api/v0/query.h"

#include <array>

#include "api/reply.h"
#include "api/reply_body.h"
#include "api/v0/call_record.h"
#include "query/runner.h"

namespace kinglet::api {

namespace {

/// Settings that a request may carry beside its parameters (http-api.md 6.1); values 0 and 1.
constexpr std::array request_settings{"output_format_json_quote_64bit_integers", "output_format_json_quote_denormals",
                                      "output_format_parquet_string_as_string"};
constexpr std::array reserved{"token", "q", "from", "pipeline", "explain", "release_replacements", "cli_version"};

http::Response refusal_reply(const query::Refusal& refusal) {
  if (refusal.body_json) {
    http::Response response;
    response.status = refusal.status == 0 ? 400 : refusal.status;
    response.headers.add("Content-Type", "application/json; charset=UTF-8");
    response.body = *refusal.body_json;
    return response;
  }
  auto response = error_reply(refusal.error);
  if (refusal.status != 0) response.status = refusal.status;
  return response;
}

enum class BodyText : std::uint8_t { sql, form };

/// What a POST body adds: form fields, JSON fields, or the text itself as `q`. `unlabelled`: what a body is that
/// neither has a field `q` nor begins like SQL.
Status add_body(http::QueryParameters& parameters, std::string body, std::string_view content_type,
                BodyText unlabelled) {
  const auto first = body.find_first_not_of(" \t\r\n");
  if (first == body.npos) return {};
  if (body[first] == '{') {
    TRY(const auto document, json::parse(body));
    for (const auto& [key, value] : document.get_object()) {
      if (value.is_null()) continue;
      if (value.is_array()) {
        const bool flat = std::ranges::none_of(value.get_array(), [](const auto& e) { return e.is_structured(); });
        if (flat && !value.get_array().empty()) {
          for (const auto& e : value.get_array())
            parameters.add(std::string(key), e.is_string() ? std::string(e.get_string()) : json::write(e));
          continue;
        }
      }
      parameters.add(std::string(key), value.is_string() ? std::string(value.get_string()) : json::write(value));
    }
    return {};
  }
  // SQL often holds `=`, `&`, `%` and `+`: a body is a form only when it has a field named exactly `q` or does not look
  // like SQL (http-api.md 6.1).
  const bool form_type = content_type.empty() || content_type == "application/x-www-form-urlencoded";
  if (form_type) {
    TRY(const auto form, http::parse_query(body));
    const std::string_view start = std::string_view(body).substr(first, 6);
    const auto begins = [&](std::string_view word) {
      return std::ranges::equal(start.substr(0, word.size()), word, {},
                                [](unsigned char c) { return std::tolower(c); });
    };
    const bool sql = unlabelled == BodyText::sql || begins("select") || begins("with") || begins("from") ||
                     start.starts_with('%') || start.starts_with('(');
    if (form.contains("q") || !sql) {
      for (const auto& [name, value] : form) parameters.add(name, value);
      return {};
    }
  }
  if (!parameters.contains("q")) parameters.add("q", std::move(body));
  return {};
}

templates::Arguments arguments_of(const http::QueryParameters& parameters) {
  templates::Arguments arguments;
  for (const auto& [name, value] : parameters) {
    if (name.starts_with("__tb_") || std::ranges::find(reserved, name) != reserved.end()) continue;
    arguments[name].push_back(value);
  }
  return arguments;
}

Result<engine::Settings> settings_of(const http::QueryParameters& parameters) {
  engine::Settings settings;
  for (const auto* name : request_settings) {
    const auto value = parameters.get(name);
    if (!value) continue;
    if (*value != "0" && *value != "1")
      return fail(Code::invalid, "{} is 0 or 1, not '{}'", name, value->substr(0, 32));
    settings.emplace_back(name, std::string(*value));
  }
  return settings;
}

query::World world_of(const Services& services, const auth::Access& access) {
  const auto workspace = access.identity().workspace;
  return {.resources = workspace->resources.get(),
          .database = workspace->database,
          .access = &access,
          .secret = [&catalog = services.catalog, workspace](std::string_view name) -> std::optional<std::string> {
            auto value = catalog.secret(*workspace, name);
            if (!value) return std::nullopt;
            return std::move(*value);
          },
          .organization_id = services.catalog.snapshot()->account->organization_id};
}

Task<http::Response> run(Call& call, const auth::Access& access, const query::Composed& composed, query::Format format,
                         const CallFacts& facts) {
  auto settings = settings_of(facts.parameters);
  if (!settings) co_return error_reply(settings.error());
  const auto workspace = access.identity().workspace;
  call.request.cancel_on_disconnect();
  auto& runner = call.services.runners.here();
  auto answer = co_await runner.run(composed, format, *workspace->resources, workspace->database, std::move(*settings));
  if (!answer) co_return error_reply(answer.error());
  *facts.summary = answer->summary;
  http::Response response;
  response.headers.add("Content-Type", std::string(format.content_type));
  if (answer->rest)
    response.stream = std::make_unique<ReplyBody>(std::move(*answer), facts.summary);
  else
    response.body = std::move(answer->first);
  co_return response;
}

/// Query and body parameters of a call. The body of a POST is read here, with the limit of ad-hoc SQL.
Task<Result<http::QueryParameters>> parameters_of(http::Request& request, BodyText unlabelled) {
  auto parameters = request.query;
  if (request.method == http::Method::post) {
    CO_TRY(auto body, co_await request.body->read_all(Limits::form_bytes_max));
    const auto type = http::media_type(request.headers.get("Content-Type").value_or(""));
    CO_TRY_VOID(add_body(parameters, std::move(body), type, unlabelled));
  }
  co_return parameters;
}

Status check_sql_size(std::string_view sql) {
  if (sql.size() > Limits::sql_bytes_max)
    return fail(Code::too_large, "the SQL text has {} bytes; at most {} are taken", sql.size(), Limits::sql_bytes_max);
  return {};
}

Task<Result<http::Response>> answer_sql(Call& call, const auth::Access& access, CallFacts& facts) {
  CO_TRY(facts.parameters, co_await parameters_of(call.request, BodyText::sql));
  const auto text = facts.parameters.get("q");
  if (!text || text->find_first_not_of(" \t\r\n") == text->npos)
    co_return fail(Code::invalid, "no SQL: send it as `q`, or as the body of a POST");
  CO_TRY_VOID(check_sql_size(*text));
  std::shared_ptr<const catalog::Pipe> pipeline;
  if (const auto name = facts.parameters.get("pipeline"); name && !name->empty()) {
    CO_TRY(pipeline, access.readable_pipe(*name));
  }
  query::Composer composer(world_of(call.services, access), call.services.runners.here().pipes(),
                           arguments_of(facts.parameters));
  const auto composed = composer.statement(*text, pipeline);
  if (!composed) co_return refusal_reply(composed.error());
  facts.reads_service = composed->reads_service;
  const auto format = query::format_of_word(composed->format.value_or("JSON"));
  if (!format) co_return error_reply(400, fmt::format("unknown output format '{}'", *composed->format));
  auto response = co_await run(call, access, *composed, *format, facts);
  co_return response;
}

/// The reply of a call whose token is good, booked however it ended.
http::Response booked(Call& call, const auth::Access& access, const CallFacts& facts, Result<http::Response> answered) {
  http::Response response = answered ? std::move(*answered) : error_reply(answered.error());
  record_call(call, response, access, facts);
  return response;
}

Task<Result<http::Response>> sql(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CallFacts facts;
  auto answered = co_await answer_sql(call, access, facts);
  co_return booked(call, access, facts, std::move(answered));
}

Task<Result<http::Response>> answer_endpoint(Call& call, const auth::Access& access,
                                             const std::shared_ptr<const catalog::Pipe>& pipe, query::Format format,
                                             CallFacts& facts) {
  CO_TRY(facts.parameters, co_await parameters_of(call.request, BodyText::form));
  const auto q = facts.parameters.get("q");
  if (q) CO_TRY_VOID(check_sql_size(*q));
  query::Composer composer(world_of(call.services, access), call.services.runners.here().pipes(),
                           arguments_of(facts.parameters));
  const auto composed = composer.endpoint(pipe, q);
  if (!composed) co_return refusal_reply(composed.error());
  facts.reads_service = composed->reads_service;
  if (composed->format) {
    const auto word = query::format_of_word(*composed->format);
    if (!word) co_return fail(Code::invalid, "unknown output format '{}'", *composed->format);
    format = *word;
  }
  auto response = co_await run(call, access, *composed, format, facts);
  co_return response;
}

}  // namespace

Task<Result<http::Response>> call_endpoint(Call& call, std::string_view name, std::string_view suffix) {
  CO_TRY(const auto access, call.authenticate_workspace());
  const auto format = query::format_of_suffix(suffix);
  if (!format) co_return fail(Code::not_found, "unknown format '.{}'", suffix);
  CO_TRY(const auto pipe, access.readable_pipe(name));
  if (pipe->definition.type != datafile::PipeType::endpoint)
    co_return fail(Code::not_found, "The pipe '{}' does not have an endpoint yet", pipe->name);
  CallFacts facts{.pipe = pipe.get()};
  auto answered = co_await answer_endpoint(call, access, pipe, *format, facts);
  co_return booked(call, access, facts, std::move(answered));
}

void add_sql_routes(Router& router, Services& services) {
  router.add(http::Method::get, "/v0/sql", handle(services, sql));
  router.add(http::Method::post, "/v0/sql", handle(services, sql));
}

}  // namespace kinglet::api
