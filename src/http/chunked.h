// SPDX-License-Identifier: Apache-2.0
// Decodes a chunked body (RFC 9112 section 7.1) as it arrives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "http/message.h"

namespace kinglet::http::internal {

class ChunkedDecoder {
 public:
  /// Longest line of sizes and extensions, and all trailers together.
  static constexpr std::size_t line_bytes_max = 16 << 10;

  ChunkedDecoder();
  ~ChunkedDecoder();

  struct Step {
    std::size_t consumed = 0;  // of `in`
    std::size_t produced = 0;  // into `out`
    bool need_more = false;    // nothing can be done before more input follows what was left of `in`
  };
  /// Errors: invalid.
  Result<Step> decode(std::string_view in, std::span<char> out);
  bool done() const;
  /// Bytes of the current chunk that are still to come: they can be read from the socket straight into the caller's
  /// buffer and told to accept().
  std::uint64_t chunk_remaining() const;
  Status accept(std::string_view body);
  const Headers& trailers() const;

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace kinglet::http::internal
