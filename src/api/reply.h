// SPDX-License-Identifier: Apache-2.0
// Replies of the API; the only place where an Error becomes a status code.
#pragma once

#include <string>
#include <string_view>

#include "http/message.h"
#include "json/document.h"

namespace kinglet::api {

/// The status of an error, by http-api.md 1.7.
int status_of(const Error& error);

/// 200 (or `status`) with a JSON body, `application/json; charset=UTF-8`.
http::Response json_reply(const json::value& body, int status = 200);
/// The same of a text that is JSON.
http::Response json_text_reply(std::string text, int status = 200);
/// Bare `text/plain`, as clients of datafile text need it (tb-client.md 1.2: no charset).
http::Response text_reply(std::string body, int status = 200);

/// `{"error": message}`; busy and unavailable get Retry-After, engine errors X-DB-Exception-Code.
http::Response error_reply(const Error& error);
http::Response error_reply(int status, std::string_view message);

}  // namespace kinglet::api
