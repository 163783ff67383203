// SPDX-License-Identifier: Apache-2.0
// Decodes a chunked body (RFC 9112 section 7.1) as it arrives.
//
// Our own, strict: Beast 1.81's chunk parser aborts on an assertion for some malformed trailers (found by
// fuzz/http_fuzz.cc), which is a remote stop of the server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "http/message.h"

namespace kinglet::http::internal {

class ChunkedDecoder {
 public:
  /// Longest line of a size with its extensions, or of one trailer.
  static constexpr std::size_t line_bytes_max = 8 << 10;
  static constexpr std::size_t trailers_max = 64;

  struct Step {
    std::size_t consumed = 0;  // of `in`
    std::size_t produced = 0;  // into `out`
    bool need_more = false;    // nothing can be done before more input follows what was left of `in`
  };
  /// Errors: invalid.
  Result<Step> decode(std::string_view in, std::span<char> out);
  bool done() const { return state_ == State::done; }
  /// Bytes of the current chunk that are still to come: they can be read from the socket straight into the caller's
  /// buffer and told to accept().
  std::uint64_t chunk_remaining() const { return state_ == State::data ? remaining_ : 0; }
  void accept(std::size_t size);
  const Headers& trailers() const { return trailers_; }

 private:
  enum class State : std::uint8_t { size, data, data_end, trailer, done };

  /// The next line without its CRLF; nothing when it is not complete. Errors: a bare CR or LF, a line too long.
  Result<std::optional<std::string_view>> take_line(std::string_view in, Step& step) const;
  Status read_size(std::string_view line);
  Status read_trailer(std::string_view line);

  State state_ = State::size;
  std::uint64_t remaining_ = 0;
  Headers trailers_;
};

}  // namespace kinglet::http::internal
