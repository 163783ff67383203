// SPDX-License-Identifier: Apache-2.0
// What went wrong, for a reader: the one error type of the whole server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kinglet {

/// What a caller can do about an error. api/ maps each to one HTTP status; a new code needs a caller that acts on it.
enum class Code : std::uint8_t {
  invalid,          // 400: the request is wrong; say where and what was expected
  unauthenticated,  // 403: no token, or none that we know
  forbidden,        // 403: the token lacks the scope
  not_found,        // 404
  conflict,         // 409
  too_large,        // 413
  unsupported,      // 415: an encoding or media type we do not read
  busy,             // 429: a limit of the caller's was reached; retry after a while
  timeout,          // 408
  cancelled,        // the caller left; nobody reads the answer
  engine_refused,   // 400: the engine understood and said no (engine_code tells why)
  unavailable,      // 503: a part of the server is not there right now; retry
  internal,         // 500
};

std::string_view code_name(Code code);

/// An error as a value. `message` is for the user: what is wrong, where, what was expected; never a secret, a path of
/// the host or a stack. `hint` says what to try, and may be empty. `engine_code` is ClickHouse's number, 0 if not its.
struct Error {
  Code code = Code::internal;
  std::string message;
  std::string hint = {};
  int engine_code = 0;
};

}  // namespace kinglet
