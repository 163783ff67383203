// SPDX-License-Identifier: Apache-2.0
// ClickHouse's errors on the wire: their text, their codes, and the block that ends a reply which failed late.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace kinglet::engine {

/// What a caller can do about ClickHouse's error number.
Code code_of_exception(int engine_code);

/// "Code: 47. DB::Exception: TEXT. (NAME) (version 26.7 …)" -> engine_code 47, message "TEXT. (NAME)". A text of
/// another form becomes the message as it is, with engine_code 0.
Error parse_exception(std::string_view text);

/// Finds the late error block of clickhouse-interface.md 7 in a reply's body, wherever the pieces are cut:
/// CRLF __exception__ CRLF TAG CRLF text LF length SP TAG CRLF __exception__ CRLF. Nothing of it comes out as data.
class LateExceptionFilter {
 public:
  /// `tag` is the reply's X-ClickHouse-Exception-Tag; empty for servers before 25.11, which write the bare text.
  explicit LateExceptionFilter(std::string_view tag);

  /// The part of the body that is surely data; empty when all of it must wait for what follows.
  std::string pass(std::string_view bytes);
  /// After a good end: what was held back.
  std::string rest();
  /// After the end: the Error of the block, if there was one. `cut`: the last chunk is missing.
  std::optional<Error> exception(bool cut) const;

 private:
  static constexpr std::size_t block_bytes_max = 32 << 10;
  static constexpr std::size_t tail_bytes_max = 4 << 10;

  std::string mark_;   // the beginning of the block; empty without a tag
  std::string held_;   // a suffix that may be the beginning of the mark
  std::string block_;  // what followed the mark
  bool found_ = false;
  std::string tail_;  // without a tag: the last bytes, in which a cut reply has its bare text
};

}  // namespace kinglet::engine
