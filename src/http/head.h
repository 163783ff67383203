// SPDX-License-Identifier: Apache-2.0
// The head of a message: finding its end byte by byte as it arrives, then parsing it strictly (RFC 9112).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/message.h"

namespace kinglet::http::internal {

/// An answer of the server's own: the status and why.
struct Refusal {
  int status = 400;
  std::string message;
};

/// Finds the empty line that ends a head. Refuses what two parsers could read differently (attacks.md I10): a line feed
/// without carriage return, a folded line.
class HeadScanner {
 public:
  struct Limits {
    std::size_t start_line_max = 0;
    std::size_t fields_max = 0;
  };
  enum class State : std::uint8_t { more, done, bad, start_line_too_long, fields_too_long };

  /// `bytes` begins with the head and holds at least what the last call saw.
  State scan(std::string_view bytes, const Limits& limits);
  /// Length of the head with its empty line, once done.
  std::size_t head_size() const { return scanned_; }
  void reset() { *this = HeadScanner(); }

 private:
  std::size_t scanned_ = 0;       // everything before it is scanned
  std::size_t line_start_ = 0;    // of the unfinished line
  std::size_t fields_start_ = 0;  // 0: still in the start line
};

/// How the body of a message is delimited.
struct Framing {
  bool chunked = false;
  std::optional<std::uint64_t> content_length;
};

struct RequestHead {
  std::string method;
  std::string target;
  int version_minor = 1;
  Headers headers;
  Framing framing;
  bool keep_alive = true;
  bool expect_continue = false;
};

struct ResponseHead {
  int status = 0;
  int version_minor = 1;
  Headers headers;
  Framing framing;
  bool keep_alive = true;
};

/// `head` is one whole head with its empty line.
std::expected<RequestHead, Refusal> parse_request_head(std::string_view head, std::size_t headers_max);
/// Errors: unavailable.
Result<ResponseHead> parse_response_head(std::string_view head, std::size_t headers_max);

/// Path and query of a request target (origin form, absolute form or `*`).
struct Target {
  std::string path;
  QueryParameters query;
};
std::expected<Target, Refusal> parse_target(std::string_view target, std::size_t parameters_max);

}  // namespace kinglet::http::internal
