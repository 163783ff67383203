// SPDX-License-Identifier: Apache-2.0
#include "api/reply.h"

namespace kinglet::api {

int status_of(const Error& error) {
  switch (error.code) {
    case Code::invalid:
      return 400;
    case Code::engine_refused:
      return error.engine_code == 241 ? 500 : 400;  // out of memory: http-api.md 5.1
    case Code::unauthenticated:
    case Code::forbidden:
      return 403;
    case Code::not_found:
      return 404;
    case Code::timeout:
      return 408;
    case Code::conflict:
      return 409;
    case Code::too_large:
      return 413;
    case Code::unsupported:
      return 415;
    case Code::busy:
      return 429;
    case Code::cancelled:
      return 499;
    case Code::unavailable:
      return 503;
    case Code::internal:
      return 500;
  }
  return 500;
}

http::Response json_reply(const json::value& body, int status) {
  return json_text_reply(json::write(body), status);
}

http::Response json_text_reply(std::string text, int status) {
  http::Response response;
  response.status = status;
  response.headers.add("Content-Type", "application/json; charset=UTF-8");
  response.body = std::move(text);
  return response;
}

http::Response text_reply(std::string body, int status) {
  http::Response response;
  response.status = status;
  response.headers.add("Content-Type", "text/plain");
  response.body = std::move(body);
  return response;
}

http::Response error_reply(int status, std::string_view message) {
  return json_reply(json::object{{"error", message}}, status);
}

http::Response error_reply(const Error& error) {
  std::string message = error.message;
  if (!error.hint.empty()) {
    const auto first = message.size() + 2;
    message += ". " + error.hint;
    if (message[first] >= 'a' && message[first] <= 'z') message[first] = static_cast<char>(message[first] - 'a' + 'A');
  }
  auto response = error_reply(status_of(error), message);
  if (error.code == Code::busy || error.code == Code::unavailable) response.headers.add("Retry-After", "1");
  if (error.engine_code != 0) response.headers.add("X-DB-Exception-Code", std::to_string(error.engine_code));
  return response;
}

}  // namespace kinglet::api
