// SPDX-License-Identifier: Apache-2.0
// Tokens of the SQL fragments in a data source, and the checks that make a fragment safe inside a statement.
#include "datafile/tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "datafile/limits.h"

namespace kinglet::datafile::internal {
namespace {

using ascii::is_digit;
using ascii::is_word;
using ascii::is_word_start;

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

/// End of the quoted text that starts at `at`, or npos. Doubled quotes and backslashes are part of it.
std::size_t quoted_end(std::string_view text, std::size_t at) {
  const char quote = text[at];
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == '\\' && quote != '`') {
      ++i;
    } else if (text[i] == quote) {
      if (i + 1 < text.size() && text[i + 1] == quote) {
        ++i;
        continue;
      }
      return i + 1;
    } else if (text[i] == '\n' && quote != '\'') {
      return std::string_view::npos;
    }
  }
  return std::string_view::npos;
}

std::size_t number_end(std::string_view text, std::size_t at) {
  std::size_t i = at;
  while (i < text.size() &&
         (is_word(text[i]) || text[i] == '.' ||
          ((text[i] == '+' || text[i] == '-') && (text[i - 1] == 'e' || text[i - 1] == 'E') && i > at)))
    ++i;
  return i;
}

constexpr std::string_view sql_words[] = {
    "AND",  "OR",  "NOT", "IN",   "IS",    "NULL",    "TRUE",  "FALSE",    "CASE",   "WHEN",       "THEN",
    "ELSE", "END", "AS",  "LIKE", "ILIKE", "BETWEEN", "DIV",   "MOD",      "XOR",    "ASC",        "DESC",
    "INF",  "NAN", "SET", "BY",   "CODEC", "WHERE",   "GROUP", "INTERVAL", "DELETE", "RECOMPRESS",
};
/// Words only behind a number: INTERVAL 3 DAY. Elsewhere they may be columns.
constexpr std::string_view interval_units[] = {
    "NANOSECOND", "MICROSECOND", "MILLISECOND", "SECOND",  "MINUTE", "HOUR", "DAY",   "WEEK",   "MONTH",
    "QUARTER",    "YEAR",        "SECONDS",     "MINUTES", "HOURS",  "DAYS", "WEEKS", "MONTHS", "YEARS",
};

}  // namespace

bool Token::is_word(std::string_view upper_case) const {
  return kind == Kind::word && equal_ignoring_case(text, upper_case);
}

std::string_view Token::inner() const {
  return kind == Kind::name && text.size() >= 2 ? text.substr(1, text.size() - 2) : text;
}

bool Token::is_json_path() const {
  return kind == Kind::name && text.starts_with("`json:");
}

std::vector<Token> tokenize(std::string_view text, bool hash_comments, std::vector<std::string_view>* comments) {
  std::vector<Token> out;
  bool line_start = true, blank = false;
  std::size_t i = 0;
  const auto push = [&](Token::Kind kind, std::size_t end) {
    out.push_back({.kind = kind, .text = text.substr(i, end - i), .first_on_line = line_start, .blank_before = blank});
    line_start = blank = false;
    i = end;
  };
  while (i < text.size()) {
    const char c = text[i];
    const auto rest = text.substr(i);
    if (c == '\n') {
      line_start = blank = true;
      ++i;
    } else if (is_blank(c)) {
      blank = true;
      ++i;
    } else if (hash_comments && line_start && c == '#') {
      const auto end = std::min(text.find('\n', i), text.size());
      if (comments != nullptr) comments->push_back(trim(text.substr(i, end - i)));
      i = end;
    } else if (rest.starts_with("--") || rest.starts_with("/*")) {
      push(Token::Kind::comment, std::min(text.find('\n', i), text.size()));
    } else if (c == '\'' || c == '`' || c == '"') {
      const auto end = quoted_end(text, i);
      if (end == std::string_view::npos)
        push(Token::Kind::unclosed, std::min(text.find('\n', i), text.size()));
      else
        push(c == '\'' ? Token::Kind::string : Token::Kind::name, end);
    } else if (is_word_start(c)) {
      std::size_t end = i;
      while (end < text.size() && is_word(text[end])) ++end;
      push(Token::Kind::word, end);
    } else if (is_digit(c)) {
      push(Token::Kind::number, number_end(text, i));
    } else {
      std::size_t end = i + 1;  // a whole character, so that messages stay UTF-8
      while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0u) == 0x80u) ++end;
      push(Token::Kind::sign, end);
    }
  }
  push(Token::Kind::end, i);
  return out;
}

std::optional<std::string> read_expression(Source& source, std::span<const Token> tokens, std::string_view what) {
  std::vector<Token> open;
  std::size_t bytes = 0;
  for (const Token& token : tokens) {
    bytes += token.text.size() + 1;
    if (bytes > limits::expression_bytes_max) {
      source.error(tokens.front().text, fmt::format("{} is longer than {} bytes", what, limits::expression_bytes_max));
      return std::nullopt;
    }
    switch (token.kind) {
      case Token::Kind::unclosed:
        source.error(token.text, fmt::format("{} has a quote {} that is never closed", what, token.text.front()));
        return std::nullopt;
      case Token::Kind::comment:
        source.error(token.text, fmt::format("{} holds an SQL comment", what),
                     "in datafiles a comment is a line of its own that starts with #");
        return std::nullopt;
      case Token::Kind::word:
        if (token.is_word("SELECT")) {
          source.error(token.text,
                       fmt::format("{} holds a sub-query; only expressions over columns are possible here", what));
          return std::nullopt;
        }
        break;
      case Token::Kind::sign: {
        const char c = token.text.front();
        if (c == '(' || c == '[' || c == '{') {
          if (open.size() >= limits::expression_depth_max) {
            source.error(token.text, fmt::format("{} is nested deeper than {}", what, limits::expression_depth_max));
            return std::nullopt;
          }
          open.push_back(token);
        } else if (c == ')' || c == ']' || c == '}') {
          const char wanted = c == ')' ? '(' : c == ']' ? '[' : '{';
          if (open.empty() || open.back().text.front() != wanted) {
            source.error(token.text, fmt::format("{} has a '{}' without its '{}'", what, c, wanted));
            return std::nullopt;
          }
          open.pop_back();
        } else if (c == ';' || static_cast<unsigned char>(c) >= 0x80 || c == '\\' || c == '#' || c == '$') {
          source.error(token.text, fmt::format("{} holds {}, which has no meaning there", what, quoted(token.text)));
          return std::nullopt;
        }
        break;
      }
      default:
        break;
    }
  }
  if (!open.empty()) {
    source.error(open.back().text, fmt::format("{} has a '{}' that is never closed", what, open.back().text));
    return std::nullopt;
  }
  return joined(tokens);
}

std::vector<std::span<const Token>> split_list(std::span<const Token> tokens) {
  std::vector<std::span<const Token>> out;
  std::size_t depth = 0, start = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    if (token.is('(') || token.is('[') || token.is('{')) ++depth;
    if ((token.is(')') || token.is(']') || token.is('}')) && depth > 0) --depth;
    if (token.is(',') && depth == 0) {
      out.push_back(tokens.subspan(start, i - start));
      start = i + 1;
    }
  }
  out.push_back(tokens.subspan(start));
  return out;
}

std::string joined(std::span<const Token> tokens) {
  std::string out;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].kind == Token::Kind::end) break;
    if (i > 0 && tokens[i].blank_before) out += ' ';
    out += tokens[i].text;
  }
  return out;
}

std::vector<Token> column_references(std::span<const Token> tokens) {
  std::vector<Token> out;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    if (token.kind != Token::Kind::word && token.kind != Token::Kind::name) continue;
    if (i + 1 < tokens.size() && tokens[i + 1].is('(')) continue;
    if (i > 0 && tokens[i - 1].is('.')) continue;  // a field of the name before
    const auto among = [&](const auto& words) {
      return token.kind == Token::Kind::word && std::any_of(std::begin(words), std::end(words),
                                                            [&](std::string_view word) { return token.is_word(word); });
    };
    if (among(sql_words)) continue;
    const bool behind_value = i > 0 && (tokens[i - 1].kind == Token::Kind::number ||
                                        tokens[i - 1].kind == Token::Kind::string || tokens[i - 1].is(')'));
    if (behind_value && among(interval_units)) continue;
    const bool before_text = i + 1 < tokens.size() && tokens[i + 1].kind == Token::Kind::string;
    if (before_text && (token.is_word("DATE") || token.is_word("TIMESTAMP"))) continue;
    out.push_back(token);
  }
  return out;
}

}  // namespace kinglet::datafile::internal
