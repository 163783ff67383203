// SPDX-License-Identifier: Apache-2.0
#include "template/sql_text.h"

#include <array>

#include "template/limits.h"

namespace kinglet::templates::internal {
namespace {

constexpr bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
}

// Bytes of code that change nothing by themselves: the cursor skips runs of them.
constexpr std::array<bool, 256> quiet = [] {
  std::array<bool, 256> table{};
  table.fill(true);
  for (const char c : {'\'', '"', '`', '-', '/', '#', '$'}) table[static_cast<unsigned char>(c)] = false;
  return table;
}();

/// Size of `$tag$` at the start of `text`, or 0.
std::size_t heredoc_tag(std::string_view text) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '$') return i + 1;
    if (!is_word(text[i])) return 0;
  }
  return 0;
}

}  // namespace

bool append_literal(std::string& out, std::string_view text) {
  if (text.find('\0') != text.npos) return false;
  out += '\'';
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\'' && text[i] != '\\') continue;
    out.append(text, start, i - start);
    out += '\\';
    start = i;
  }
  out.append(text, start);
  out += '\'';
  return true;
}

bool append_identifier(std::string& out, std::string_view text) {
  if (text.empty() || text.size() > Limits::identifier_bytes_max) return false;
  bool first = true;
  for (const char c : text) {
    if (c == '.' ? first : !(is_word(c) && c != '$') || (first && c >= '0' && c <= '9')) return false;
    first = c == '.';
  }
  if (first) return false;  // ends with a dot
  out += '`';
  for (const char c : text) {
    if (c == '.')
      out += "`.`";
    else
      out += c;
  }
  out += '`';
  return true;
}

void SqlCursor::advance(std::string_view text) {
  const auto quote_mode = [](char c) {
    return c == '\'' ? Mode::single_quotes : c == '"' ? Mode::double_quotes : Mode::backticks;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    switch (mode_) {
      case Mode::code: {
        const char before = previous_;
        previous_ = 0;
        if (before == '/' && c == '*') {
          mode_ = Mode::block_comment;
          depth_ = 1;
          continue;
        }
        // A # before anything else is an error of the SQL.
        if (before == '#' && (c == ' ' || c == '!')) {
          mode_ = Mode::line_comment;
          continue;
        }
        if (quiet[static_cast<unsigned char>(c)]) {
          std::size_t end = i + 1;
          while (end < text.size() && quiet[static_cast<unsigned char>(text[end])]) ++end;
          in_word_ = is_word(text[end - 1]);
          i = end - 1;
          continue;
        }
        if (c == '$') {
          // A heredoc begins where a word may begin; inside a word `$` is a letter.
          const std::size_t tag = in_word_ ? 0 : heredoc_tag(text.substr(i));
          in_word_ = true;
          if (tag == 0) continue;
          const std::size_t close = text.find(text.substr(i, tag), i + tag);
          // Not closed in this piece: what follows may be inside or not, so nothing may be printed there.
          if (close == text.npos) {
            mode_ = Mode::heredoc;
            return;
          }
          i = close + tag - 1;
          in_word_ = false;
          continue;
        }
        in_word_ = false;
        if (c == '\'' || c == '"' || c == '`') {
          mode_ = quote_mode(c);
        } else if (c == '-' && before == '-') {
          mode_ = Mode::line_comment;
        } else if (c == '/' && before == '/') {
          mode_ = Mode::line_comment;
        } else {
          previous_ = c;
        }
        continue;
      }
      case Mode::single_quotes:
      case Mode::double_quotes:
      case Mode::backticks: {
        if (previous_ == '\\') {
          previous_ = 0;
          continue;
        }
        const char quote = mode_ == Mode::single_quotes ? '\'' : mode_ == Mode::double_quotes ? '"' : '`';
        if (c == '\\') {
          previous_ = c;
        } else if (c == quote) {
          mode_ = Mode::code;  // a doubled quote closes and opens again, which comes to the same
        }
        continue;
      }
      case Mode::line_comment:
        i = text.find('\n', i);
        if (i == text.npos) return;
        mode_ = Mode::code;
        continue;
      case Mode::block_comment: {
        const char before = previous_;
        previous_ = c;
        if (before == '*' && c == '/') {
          previous_ = 0;
          if (--depth_ == 0) mode_ = Mode::code;
        } else if (before == '/' && c == '*') {
          previous_ = 0;
          ++depth_;
        }
        continue;
      }
      case Mode::heredoc:
        return;
    }
  }
}

void SqlCursor::value_printed(char last) {
  if (mode_ != Mode::code) return;
  previous_ = 0;
  in_word_ = is_word(last);
}

SqlCursor::Where SqlCursor::where() const {
  switch (mode_) {
    case Mode::code:
      return Where::code;
    case Mode::single_quotes:
    case Mode::double_quotes:
    case Mode::backticks:
      return Where::quotes;
    case Mode::line_comment:
    case Mode::block_comment:
      return Where::comment;
    case Mode::heredoc:
      return Where::heredoc;
  }
  return Where::code;
}

}  // namespace kinglet::templates::internal
