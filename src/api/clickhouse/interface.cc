// SPDX-License-Identifier: Apache-2.0
#include "api/clickhouse/interface.h"

#include <boost/beast/core/detail/base64.hpp>

#include "api/reply_body.h"
#include "base/clock.h"
#include "query/runner.h"

namespace kinglet::api {
namespace {

constexpr std::size_t body_bytes_max = 256u << 10;

/// ClickHouse's number and name for an error of ours, and the status that goes with it (clickhouse-interface.md 7).
struct Exception {
  int code;
  std::string_view name;
  int status;
};

Exception exception_of(const Error& error) {
  switch (error.code) {
    case Code::unauthenticated:
      return {516, "AUTHENTICATION_FAILED", 403};
    case Code::forbidden:
      return {164, "READONLY", 403};
    case Code::not_found:
      return {60, "UNKNOWN_TABLE", 404};
    case Code::timeout:
      return {159, "TIMEOUT_EXCEEDED", 408};
    case Code::too_large:
      return {396, "TOO_MANY_ROWS_OR_BYTES", 500};
    case Code::unsupported:
      return {415, "UNSUPPORTED_METHOD", 415};
    case Code::busy:
      return {202, "TOO_MANY_SIMULTANEOUS_QUERIES", 429};
    case Code::unavailable:
      return {202, "TOO_MANY_SIMULTANEOUS_QUERIES", 503};
    case Code::engine_refused:
      return {error.engine_code, "ENGINE_ERROR", error.engine_code == 47 || error.engine_code == 46 ? 404 : 400};
    default:
      return {62, "SYNTAX_ERROR", 400};
  }
}

http::Response exception_reply(const Error& error) {
  const auto exception = exception_of(error);
  http::Response response;
  response.status = exception.status;
  response.headers.add("Content-Type", "text/plain; charset=UTF-8");
  response.headers.add("X-ClickHouse-Exception-Code", std::to_string(exception.code));
  if (exception.status == 429 || exception.status == 503) response.headers.add("Retry-After", "1");
  response.body = fmt::format("Code: {}. DB::Exception: {}. ({}) (version " KINGLET_VERSION ")\n", exception.code,
                              error.message, exception.name);
  return response;
}

http::Response text(std::string body) {
  http::Response response;
  response.headers.add("Content-Type", "text/html; charset=UTF-8");
  response.body = std::move(body);
  return response;
}

std::string decode_base64(std::string_view text) {
  namespace base64 = boost::beast::detail::base64;
  std::string out(base64::decoded_size(text.size()), '\0');
  out.resize(base64::decode(out.data(), text.data(), text.size()).first);
  return out;
}

/// The token: the password of Basic, X-ClickHouse-Key, `password=`, or a Bearer.
std::string token_of(const http::Request& request) {
  if (const auto header = request.headers.get("Authorization")) {
    if (header->starts_with("Basic ")) {
      const auto pair = decode_base64(header->substr(6));
      const auto colon = pair.find(':');
      return colon == pair.npos ? std::string() : pair.substr(colon + 1);
    }
    if (header->size() > 7) return std::string(header->substr(7));
  }
  if (const auto key = request.headers.get("X-ClickHouse-Key")) return std::string(*key);
  return std::string(request.query.get("password").value_or(request.query.get("token").value_or("")));
}

Task<Result<http::Response>> run(Services& services, http::Request& request) {
  const auto snapshot = services.catalog.snapshot();
  const auto now = wall_now();
  CO_TRY(const auto access, auth::authenticate(*snapshot, token_of(request), now));
  CO_TRY_VOID(access.require_workspace());
  auth::RateDecision rate;
  CO_TRY_VOID(check_rate(services.limiter, access, rate));
  CO_TRY(const auto body, co_await request.body->read_all(body_bytes_max));
  const auto parameter = request.query.get("query").value_or("");
  const std::string sql = parameter.empty() ? body
                          : body.empty()    ? std::string(parameter)
                                            : std::string(parameter) + "\n" + body;
  const auto workspace = access.identity().workspace;
  auto& runner = services.runners.here();
  query::Composer composer(
      {.resources = workspace->resources.get(), .database = workspace->database, .access = &access, .secret = {}},
      runner.pipes(), {});
  const auto composed = composer.plain_statement(sql);
  if (!composed) co_return fail(composed.error().error);
  const auto named = request.headers.get("X-ClickHouse-Format").value_or("TabSeparated");
  const auto word = composed->format.value_or(std::string(request.query.get("default_format").value_or(named)));
  const auto format = query::format_of_word(word);
  if (!format) co_return fail(Code::invalid, "unknown output format '{}'", word.substr(0, 64));
  request.cancel_on_disconnect();
  CO_TRY(auto answer, co_await runner.run(*composed, *format, *workspace->resources, workspace->database));
  http::Response response;
  response.headers.add("Content-Type", std::string(format->content_type));
  response.headers.add("X-ClickHouse-Format", std::string(format->engine_name));
  response.headers.add("X-ClickHouse-Timezone", "UTC");
  response.headers.add("X-ClickHouse-Query-Id", request.id);
  response.headers.add("X-ClickHouse-Server-Display-Name", "kinglet");
  if (answer.rest)
    response.stream = std::make_unique<ReplyBody>(std::move(answer));
  else
    response.body = std::move(answer.first);
  co_return response;
}

}  // namespace

Task<http::Response> handle_clickhouse(Services& services, http::Request& request) {
  const bool reads = request.method == http::Method::get || request.method == http::Method::head;
  if (request.path == "/ping" || request.path == "/replicas_status" ||
      (request.path == "/" && reads && !request.query.contains("query")))
    co_return text("Ok.\n");
  if (request.path != "/" || (!reads && request.method != http::Method::post)) {
    auto missing = text(fmt::format("There is no handle {}\n", request.path.substr(0, 200)));
    missing.status = 404;
    co_return missing;
  }
  auto response = co_await run(services, request);
  if (!response) co_return exception_reply(response.error());
  co_return std::move(*response);
}

}  // namespace kinglet::api
