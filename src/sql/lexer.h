// SPDX-License-Identifier: Apache-2.0
// Tokens of the engine's SQL dialect, cut where the engine's own lexer cuts them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sql/keywords.h"

namespace kinglet::sql {

/// A place in the user's text. `line` and `column` count from 1; columns are characters, not bytes.
struct Position {
  std::uint32_t offset = 0;
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

/// A symbol's one to three bytes as a number.
constexpr std::uint32_t symbol_code(std::string_view text) {
  std::uint32_t code = 0;
  for (const char c : text) code = code << 8 | static_cast<unsigned char>(c);
  return code;
}

struct alignas(8) Token {  // 32 bytes: the place of one in an array is a shift
  enum class Type : std::uint8_t {
    word,        // bare identifier or keyword
    quoted,      // `…` or "…"
    number,      // digits as written
    string,      // '…', with escapes
    hex_string,  // x'4142'
    bin_string,  // b'0101'
    heredoc,     // $tag$ … $tag$
    symbol,      // operator or punctuation; `symbol` says which
    end,
  };
  Type type = Type::end;
  Keyword keyword = Keyword::none;  // for bare words only
  std::uint32_t symbol = 0;         // symbol_code() of "<=", "(", …, else 0; the minus sign U+2212 is "-"
  std::uint32_t size = 0;
  Position where = {};
  std::uint32_t partner = 0;  // of ( and [: the index of the token that closes it; without one, of the end token

  [[nodiscard]] bool is(std::string_view text) const { return symbol == symbol_code(text); }
};

/// Cuts `text` into tokens; the last one is `end`. Blanks and comments are dropped.
///
/// Errors: invalid, with line and column: a character that starts no token, a quote or comment that is not closed,
/// typographic quotes, NUL, bytes that are not UTF-8, a name longer than limits::name_bytes.
/// Source: ClickHouse 26.7 `tokenizeQuery`; differences are deliberate refusals (docs/design/0002-sql-front-end.md).
Result<std::vector<Token>> tokenize(std::string_view text);

/// The bytes that a string token or the name that a word or quoted token stands for. `text` is what was tokenized.
std::string token_value(const Token& token, std::string_view text);

namespace limits {
inline constexpr std::size_t name_bytes = 256;
inline constexpr std::size_t text_bytes_ad_hoc = 64 * 1024;
inline constexpr std::size_t text_bytes_node = 256 * 1024;
}  // namespace limits

}  // namespace kinglet::sql
