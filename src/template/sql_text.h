// SPDX-License-Identifier: Apache-2.0
// SQL as text: literals, identifiers, and where in a text a value would land.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kinglet::templates::internal {

/// Appends `'text'` with `\\` and `\'`, the only two escapes needed. False for a NUL, which SQL refuses.
bool append_literal(std::string& out, std::string_view text);
/// Appends `ident{.ident}` (ASCII letters, digits, underscore, no digit first), each part in backticks; false for
/// anything else, however it is spelled (attacks.md S3).
bool append_identifier(std::string& out, std::string_view text);

/// Follows quotes and comments of SQL text as it grows, so that a value never lands where quoting does not hold.
///
/// A value printed inside the author's own quotes would end them; one inside a line comment could end the comment.
/// The lexical rules are the engine's (sql-resolution.md section 3).
class SqlCursor {
 public:
  enum class Where : std::uint8_t { code, quotes, comment, heredoc };
  void advance(std::string_view text);
  Where where() const;
  /// A value was printed at this place; it is closed in itself and ends with `last`.
  void value_printed(char last);
  /// True when the next text, not beginning with `$`, is read as it would be at the start of a statement.
  bool plain() const { return mode_ == Mode::code && previous_ == 0; }

 private:
  enum class Mode : std::uint8_t {
    code,
    single_quotes,
    double_quotes,
    backticks,
    line_comment,
    block_comment,
    heredoc
  };
  Mode mode_ = Mode::code;
  char previous_ = 0;  // '-' '/' '#' in code, '*' '/' in a block comment, '\\' in quotes: may join with the next byte
  bool in_word_ = false;
  std::uint32_t depth_ = 0;  // of block comments, which nest
};

}  // namespace kinglet::templates::internal
