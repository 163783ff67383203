// SPDX-License-Identifier: Apache-2.0
// Tokens of the SQL fragments in a data source: columns, types, defaults, keys, indexes.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datafile/source.h"

namespace kinglet::datafile::internal {

struct Token {
  enum class Kind : std::uint8_t {
    word,  // letters, digits, _
    number,
    string,    // '…'
    name,      // `…` or "…"
    sign,      // one other character
    comment,   // -- or /*, which fragments must not hold
    unclosed,  // a quote that does not close (names: on the same line)
    end,
  };
  Kind kind = Kind::end;
  std::string_view text;  // as written, quotes included
  bool first_on_line = false;
  bool blank_before = false;

  bool is(char sign_character) const { return kind == Kind::sign && text.front() == sign_character; }
  bool is_word(std::string_view upper_case) const;
  /// Text of a name or word without its quotes.
  std::string_view inner() const;
  /// "`json:$.a`"
  bool is_json_path() const;
};

/// Cuts `text` into tokens; the last is `end`. Lines that start with # are skipped when `hash_comments`, and put into
/// `comments` when there is such a list.
std::vector<Token> tokenize(std::string_view text, bool hash_comments,
                            std::vector<std::string_view>* comments = nullptr);

/// One SQL fragment, checked so that it can stand inside a statement: quotes and brackets close, no comment, no `;`, no
/// sub-query, bounded size and depth. Reports what is wrong and returns nothing; `what` names it ("the DEFAULT of
/// column x"). The text comes back with every run of blanks as one blank. The tokens must come from one view of the
/// file.
std::optional<std::string> read_expression(Source& source, std::span<const Token> tokens, std::string_view what);

/// Splits at commas outside brackets.
std::vector<std::span<const Token>> split_list(std::span<const Token> tokens);
/// The text from the first to the last token, runs of blanks as one blank.
std::string joined(std::span<const Token> tokens);
/// Names that a fragment reads: words and quoted names that are no function, literal, or word of SQL.
std::vector<Token> column_references(std::span<const Token> tokens);

}  // namespace kinglet::datafile::internal
