// SPDX-License-Identifier: Apache-2.0
// multipart/form-data (RFC 7578), read as it arrives: a part's body is never in memory as a whole unless asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace kinglet::http {

struct MultipartLimits {
  std::size_t parts_max = 1'000;
  std::size_t part_head_bytes_max = 16 << 10;
  std::size_t part_headers_max = 20;
  std::uint64_t part_bytes_max = std::uint64_t{8} << 30;  // of one part's body
};

/// What stands above a part's body.
struct PartHead {
  std::string name;                     // of the form field
  std::optional<std::string> filename;  // as sent: may hold a path; never use it as one
  std::string content_type;             // empty when not given
  Headers headers;
};

/// The boundary of a Content-Type. Errors: unsupported (another media type), invalid (no boundary, or a bad one).
Result<std::string> multipart_boundary(std::string_view content_type);

/// Splits the bytes of a body into events; where the pieces are cut never changes them. Owns no socket: see
/// MultipartReader for the whole journey.
class MultipartParser {
 public:
  enum class Kind : std::uint8_t { need_more, part, data, part_end, end };
  struct Event {
    Kind kind = Kind::need_more;
    PartHead part = {};          // of Kind::part
    std::string_view data = {};  // of Kind::data; valid until the next call of feed() or next()
  };

  explicit MultipartParser(std::string boundary, MultipartLimits limits = {});

  /// Hands over the next bytes. Call next() until it needs more before feeding again.
  void feed(std::string_view bytes);
  /// The body ended: what comes now must be complete.
  void finish() { finished_ = true; }
  /// Errors: invalid (malformed, cut), too_large (a limit, named in the message).
  Result<Event> next();

 private:
  enum class State : std::uint8_t { preamble, after_boundary, head, body, epilogue };

  Result<Event> read_preamble();
  Result<Event> read_after_boundary();
  Result<Event> read_head();
  Result<Event> read_body();
  Result<Event> need_more(std::string_view what) const;
  std::string_view rest() const { return std::string_view(bytes_).substr(at_); }

  MultipartLimits limits_;
  std::string delimiter_;  // CRLF "--" boundary
  std::string bytes_;
  std::size_t at_ = 0;
  std::size_t searched_ = 0;  // behind at_: no end of the head there
  State state_ = State::preamble;
  bool finished_ = false;
  bool body_begun_ = false;  // false: at_ is still at the line break above the body
  std::size_t part_count_ = 0;
  std::uint64_t part_bytes_ = 0;
};

/// The parts of a request's body, one after the other.
class MultipartReader {
 public:
  /// Errors: as multipart_boundary(). `body` must outlive the reader.
  static Result<MultipartReader> open(BodyReader& body, std::string_view content_type, MultipartLimits limits = {});

  /// The next part; nothing at the end. What the caller left of the part before is skipped.
  Task<Result<std::optional<PartHead>>> next_part();
  /// The next bytes of the current part; empty at its end. The view lives until the next call.
  Task<Result<std::string_view>> read_some();
  /// The rest of the current part. Errors: too_large.
  Task<Result<std::string>> read_part(std::size_t bytes_max);

 private:
  MultipartReader(BodyReader& body, std::string boundary, const MultipartLimits& limits);
  Task<Result<MultipartParser::Event>> next_event();

  BodyReader* body_;
  MultipartParser parser_;
  std::string buffer_;
  bool in_part_ = false;
};

struct Part {
  PartHead head;
  std::string body;
};
/// All parts in memory; `bytes_max` limits the sum of their bodies. Errors: too_large, invalid.
Task<Result<std::vector<Part>>> read_all_parts(BodyReader& body, std::string content_type, std::size_t bytes_max,
                                               MultipartLimits limits = {});

/// The parameters of an application/x-www-form-urlencoded body. Errors: too_large, invalid.
Task<Result<QueryParameters>> read_form(BodyReader& body, std::size_t bytes_max, std::size_t parameters_max = 10'000);

/// Makes a multipart/form-data body, for the client.
class MultipartWriter {
 public:
  MultipartWriter();
  void add(std::string_view name, std::string_view body, std::string_view filename = {},
           std::string_view content_type = {});
  std::string content_type() const;
  /// The whole body; the writer is done then.
  std::string take();

 private:
  std::string boundary_;
  std::string body_;
};

}  // namespace kinglet::http
