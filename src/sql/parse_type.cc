// SPDX-License-Identifier: Apache-2.0
// Types in casts and structure strings: known names, their arguments, no aggregate states.
#include "base/spelling.h"
#include "sql/functions.h"
#include "sql/parser_internal.h"

namespace kinglet::sql::internal {
namespace {

/// Second words of SQL's long type names.
bool continues_name(std::string_view word) {
  for (const std::string_view second :
       {"precision", "unsigned", "signed", "varying", "large", "object", "char", "character"})
    if (equals_lower(word, second)) return true;
  return false;
}

void append_quoted(std::string& out, std::string_view text, char quote) {
  out += quote;
  for (const char c : text) {
    if (c == quote || c == '\\') out += '\\';
    out += c;
  }
  out += quote;
}

/// A bare word needs no quotes in a type.
bool bare(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
         std::string_view::npos;
}

void append_name(std::string& out, std::string_view name) {
  if (bare(name))
    out += name;
  else
    append_quoted(out, name, '`');
}

}  // namespace

Result<std::string> Parser::type() {
  std::string out;
  TRY_VOID(type_into(out, 0));
  return out;
}

Status Parser::type_into(std::string& out, std::uint32_t depth) {
  if (depth > limits_.type_nesting)
    return error_here(fmt::format("the type is nested deeper than {}", limits_.type_nesting));
  const Token first = token();
  TRY(const auto word, name("a type"));
  std::string name(word);
  while (token().type == Token::Type::word && continues_name(raw(token()))) {
    name += ' ';
    name += raw(token());
    ++next_;
  }
  if (name == "AggregateFunction" || name == "SimpleAggregateFunction")
    return error(first.where, fmt::format("type {} is not available here", name), Code::forbidden);
  if (!is_type(name)) {
    std::unexpected<Error> refused = error(first.where, fmt::format("unknown type '{}'", name));
    refused.error().hint = did_you_mean(name, type_names());
    return refused;
  }
  out += name;
  if (!at("(")) return {};
  ++next_;
  if (take(")")) return {};
  out += '(';
  do {
    if (out.back() != '(') out += ", ";
    TRY_VOID(type_argument(out, depth + 1));
  } while (take(","));
  TRY_VOID(require(")"));
  out += ')';
  return {};
}

/// A type, `name type`, a number, 'text', 'text' = n, name = n, SKIP path
Status Parser::type_argument(std::string& out, std::uint32_t depth) {
  const auto number = [&]() -> Status {
    if (take("-")) out += '-';
    if (token().type != Token::Type::number) return expected("a number");
    out += raw(token());
    ++next_;
    return {};
  };
  if (token().type == Token::Type::number || at("-")) return number();
  if (token().type == Token::Type::string) {
    append_quoted(out, token_value(token(), text_), '\'');
    ++next_;
    if (!take("=")) return {};
    out += " = ";
    return number();
  }
  if (!at_name()) return expected("a type or its argument");
  if (is_word("skip") && (at_name(1) || token(1).type == Token::Type::string)) {
    ++next_;
    out += "SKIP ";
    if (is_word("regexp") && token(1).type == Token::Type::string) {
      ++next_;
      out += "REGEXP ";
    }
    if (token().type == Token::Type::string) {
      append_quoted(out, token_value(token(), text_), '\'');
      ++next_;
      return {};
    }
    do {
      if (out.back() != ' ') out += '.';
      TRY(const auto part, name("a JSON path"));
      append_quoted(out, part, '`');
    } while (take("."));
    return {};
  }
  if (at("=", 1)) {
    TRY(const auto setting, name("a name"));
    append_name(out, setting);
    next_ += 1;
    out += " = ";
    return number();
  }
  if (at(".", 1)) {  // JSON: a.b Type
    std::string path;
    do {
      if (!path.empty()) path += '.';
      TRY(const auto part, name("a JSON path"));
      path += part;
    } while (take("."));
    append_quoted(out, path, '`');
    out += ' ';
    return type_into(out, depth);
  }
  const bool named = at_name(1) && !(token(1).type == Token::Type::word && continues_name(raw(token(1))));
  if (named) {
    TRY(const auto element, name("a name"));
    append_name(out, element);
    out += ' ';
  }
  return type_into(out, depth);
}

/// name Type, name Type
Status Parser::structure() {
  do {
    if (at_end()) return expected("a column: name and type");
    TRY(const auto column, name("a column's name"));
    (void)column;
    TRY(const std::string type, this->type());
  } while (take(","));
  return {};
}

}  // namespace kinglet::sql::internal
