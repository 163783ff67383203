// SPDX-License-Identifier: Apache-2.0
#include "api/gateway.h"

#include "api/reply.h"

namespace kinglet::api {

namespace {

/// The keys of this machine are not for web pages.
constexpr std::string_view private_lines = "X-Content-Type-Options: nosniff\r\n";
/// Browsers call events and endpoints from other origins (http-api.md 1.4); credentials are tokens, never cookies.
constexpr std::string_view public_lines =
    "Access-Control-Allow-Origin: *\r\n"
    "Access-Control-Expose-Headers: X-Request-Id, X-DB-Exception-Code, Retry-After, X-RateLimit-Limit, "
    "X-RateLimit-Remaining, X-RateLimit-Reset\r\n"
    "X-Content-Type-Options: nosniff\r\n";

http::Response preflight() {
  http::Response response;
  response.status = 204;
  response.headers.add("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS");
  response.headers.add("Access-Control-Allow-Headers",
                       "Authorization, Content-Type, Content-Encoding, Idempotency-Key");
  response.headers.add("Access-Control-Max-Age", "86400");
  return response;
}

http::Response not_here(const http::Request& request, const Router::Match& match) {
  if (match.allowed.empty())
    return error_reply(404, fmt::format("there is nothing at {}", request.path.substr(0, 200)));
  std::string allowed;
  for (const auto method : match.allowed)
    if (const auto text = http::method_text(method); allowed.find(text) == allowed.npos)
      allowed += (allowed.empty() ? "" : ", ") + std::string(text);
  auto response = error_reply(405, fmt::format("{} is not possible here; {} is", request.method_name, allowed));
  response.headers.add("Allow", allowed);
  return response;
}

}  // namespace

Gateway::Gateway(Services& services) : services_(services) {
  add_routes(router_, services_);
}

Task<http::Response> Gateway::handle(http::Request& request) {
  http::Response response;
  if (request.method == http::Method::options) {
    response = preflight();
  } else {
    const auto match = router_.find(request.method, request.path);
    if (match.handler == nullptr)
      response = not_here(request, match);
    else
      response = co_await (*match.handler)(request, match.arguments);
  }
  response.headers.set("X-Request-Id", request.id);
  response.fixed_lines = request.path == "/tokens" ? private_lines : public_lines;
  co_return response;
}

}  // namespace kinglet::api
