// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/statement.h"

#include <algorithm>
#include <cctype>

#include "engine/embedded/errors.h"

namespace kinglet::embedded {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}
bool is_word(char c) {
  return (std::isalnum(static_cast<unsigned char>(c)) != 0) || c == '_' || (static_cast<unsigned char>(c) & 0x80) != 0;
}

bool is_keyword(std::string_view token, std::string_view upper) {
  return std::ranges::equal(token, upper,
                            [](char a, char b) { return std::toupper(static_cast<unsigned char>(a)) == b; });
}

bool is_name(std::string_view token) {
  return !token.empty() && (is_word(token.front()) || token.front() == '`' || token.front() == '"');
}

/// The end of a quoted part that begins at `at`, or npos. Backslash escapes and doubled quotes.
std::size_t quoted_end(std::string_view sql, std::size_t at) {
  const char quote_char = sql[at];
  for (std::size_t i = at + 1; i < sql.size(); ++i) {
    if (sql[i] == '\\') {
      ++i;
    } else if (sql[i] == quote_char) {
      if (i + 1 < sql.size() && sql[i + 1] == quote_char) {
        ++i;
      } else {
        return i + 1;
      }
    }
  }
  return std::string_view::npos;
}

/// The end of a comment that begins at `at`, `at` when none does, npos when it does not end. Block comments nest.
std::size_t comment_end(std::string_view sql, std::size_t at) {
  const auto rest = sql.substr(at);
  if (rest.starts_with("--") || rest.starts_with("#!") || rest.starts_with("# ")) {
    const std::size_t end = sql.find('\n', at);
    return end == std::string_view::npos ? sql.size() : end + 1;
  }
  if (!rest.starts_with("/*")) return at;
  std::size_t depth = 1;
  for (std::size_t i = at + 2; i + 1 < sql.size();) {
    if (sql[i] == '*' && sql[i + 1] == '/') {
      i += 2;
      if (--depth == 0) return i;
    } else if (sql[i] == '/' && sql[i + 1] == '*') {
      i += 2;
      ++depth;
    } else {
      ++i;
    }
  }
  return std::string_view::npos;
}

bool begins_select(std::string_view token) {
  return is_keyword(token, "SELECT") || is_keyword(token, "WITH") || token == "(";
}

/// Where the optional list in brackets that begins at `at` ends; `at` when there is none, npos when it does not close.
std::size_t brackets_end(const std::vector<std::string_view>& tokens, std::size_t at) {
  if (at >= tokens.size() || tokens[at] != "(") return at;
  std::size_t depth = 0;
  for (std::size_t i = at; i < tokens.size(); ++i) {
    if (tokens[i] == "(") ++depth;
    if (tokens[i] == ")" && --depth == 0) return i + 1;
  }
  return std::string_view::npos;
}

/// The first token behind `INSERT INTO [TABLE] [db.]table [(columns)]`.
Result<std::size_t> insert_head_end(const std::vector<std::string_view>& tokens) {
  const auto is = [&](std::size_t i, std::string_view keyword) {
    return i < tokens.size() && is_keyword(tokens[i], keyword);
  };
  const auto wrong = [] { return refuse(number::bad_arguments, "Expected INSERT INTO [database.]table [(columns)]"); };
  if (!is(0, "INSERT") || !is(1, "INTO")) return wrong();
  std::size_t at = is(2, "TABLE") && tokens.size() > 3 && is_name(tokens[3]) ? 3 : 2;
  if (at >= tokens.size() || !is_name(tokens[at])) return wrong();
  ++at;
  if (at < tokens.size() && tokens[at] == ".") {
    if (at + 1 >= tokens.size() || !is_name(tokens[at + 1])) return wrong();
    at += 2;
  }
  const std::size_t end = brackets_end(tokens, at);
  if (end == std::string_view::npos) return wrong();
  return end;
}

}  // namespace

Result<std::vector<std::string_view>> tokens_of(std::string_view sql) {
  std::vector<std::string_view> tokens;
  for (std::size_t at = 0; at < sql.size();) {
    const char c = sql[at];
    if (is_space(c)) {
      ++at;
      continue;
    }
    if (c == '\0') return refuse(number::syntax_error, fmt::format("Syntax error: a NUL byte at {}", at));
    std::size_t end = comment_end(sql, at);
    if (end == std::string_view::npos)
      return refuse(number::syntax_error, fmt::format("Syntax error: the comment at {} does not end", at));
    if (end != at) {
      at = end;
      continue;
    }
    if (c == '\'' || c == '`' || c == '"') {
      end = quoted_end(sql, at);
      if (end == std::string_view::npos)
        return refuse(number::syntax_error, fmt::format("Syntax error: the quote at {} does not end", at));
    } else if (is_word(c)) {
      end = at;
      while (end < sql.size() && is_word(sql[end])) ++end;
    } else {
      end = at + 1;
    }
    tokens.push_back(sql.substr(at, end - at));
    at = end;
  }
  return tokens;
}

Result<Statement> read_statement(std::string_view sql) {
  TRY(auto tokens, tokens_of(sql));
  while (!tokens.empty() && tokens.back() == ";") tokens.pop_back();
  if (tokens.empty()) return refuse(number::syntax_error, "Syntax error: empty statement");
  Statement statement;
  const std::string_view first = tokens.front();
  if (begins_select(first)) statement.kind = Statement::Kind::select;
  if (tokens.size() > 2 && is_keyword(first, "EXPLAIN") && is_keyword(tokens[1], "AST") && begins_select(tokens[2])) {
    statement.kind = Statement::Kind::explain_ast;
    statement.inner = static_cast<std::size_t>(tokens[2].data() - first.data());
  }
  if (is_keyword(first, "INSERT")) statement.kind = Statement::Kind::insert;
  if (is_keyword(first, "KILL")) statement.kind = Statement::Kind::kill;
  if (tokens.size() > 2 && is_keyword(tokens[tokens.size() - 2], "FORMAT") && is_word(tokens.back().front())) {
    statement.format = tokens.back();
    tokens.resize(tokens.size() - 2);
  }
  const char* begin = tokens.front().data();
  statement.text.assign(begin, tokens.back().data() + tokens.back().size());
  return statement;
}

Result<std::string> insert_with_settings(std::string_view sql, std::string_view settings) {
  TRY(const auto tokens, tokens_of(sql));
  TRY(const std::size_t end, insert_head_end(tokens));
  if (end != tokens.size()) {
    return refuse(
        number::bad_arguments,
        "Nothing may follow INSERT INTO [database.]table [(columns)]: rows are the body, settings are URL parameters");
  }
  std::string text(tokens.front().data(), tokens.back().data() + tokens.back().size());
  if (!settings.empty()) text += fmt::format(" SETTINGS {}", settings);
  return text;
}

Status check_insert_select(std::string_view sql) {
  TRY(const auto tokens, tokens_of(sql));
  TRY(std::size_t at, insert_head_end(tokens));
  if (at < tokens.size() && is_keyword(tokens[at], "SETTINGS")) {
    while (at < tokens.size() && !begins_select(tokens[at])) ++at;
  }
  if (at < tokens.size() && begins_select(tokens[at])) return {};
  return refuse(number::bad_arguments,
                "An INSERT in the body must be INSERT … SELECT: rows are sent with ?query=INSERT INTO …");
}

Result<std::string> killed_query_id(std::string_view sql) {
  TRY(auto tokens, tokens_of(sql));
  const auto is = [&](std::size_t i, std::string_view keyword) {
    return i < tokens.size() && is_keyword(tokens[i], keyword);
  };
  const auto wrong = [] { return refuse(number::readonly, "Only KILL QUERY WHERE query_id = '…' is answered"); };
  if (is(tokens.size() - 1, "ASYNC") || is(tokens.size() - 1, "SYNC")) tokens.pop_back();
  if (tokens.size() != 6 || !is(0, "KILL") || !is(1, "QUERY") || !is(2, "WHERE") || !is(3, "QUERY_ID") ||
      tokens[4] != "=")
    return wrong();
  const std::string_view literal = tokens[5];
  if (literal.size() < 3 || literal.front() != '\'') return wrong();
  std::string id;
  for (std::size_t i = 1; i + 1 < literal.size(); ++i) {
    if (literal[i] == '\\' || literal[i] == '\'') ++i;
    id += literal[i];
  }
  return id;
}

std::string quote(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\\' || c == '\'') out += '\\';
    out += c;
  }
  return out + '\'';
}

}  // namespace kinglet::embedded
