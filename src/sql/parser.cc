// SPDX-License-Identifier: Apache-2.0
// Entry points of the parser, and what all its parts share.
#include "sql/parser.h"

#include <algorithm>

#include "sql/hints.h"
#include "sql/parser_internal.h"

namespace kinglet::sql {
namespace internal {

Parser::Parser(std::string_view text, std::vector<Token> tokens, Arena& arena, const ParseLimits& limits)
    : text_(arena.keep(text)),
      tokens_(std::move(tokens)),
      last_(static_cast<std::uint32_t>(tokens_.size() - 1)),
      arena_(arena),
      limits_(limits) {}

Status Parser::check_nesting() const {
  if (nesting_ <= limits_.nesting) return {};
  return error_here(fmt::format("nested deeper than {} levels", limits_.nesting));
}

std::uint32_t Parser::between_depth() const {
  std::uint32_t depth = 0;
  for (const auto& between : betweens_) depth = std::max(depth, between.second);
  return depth;
}

bool Parser::at_string() const {
  const auto type = token().type;
  return type == Token::Type::string || type == Token::Type::hex_string || type == Token::Type::bin_string ||
         type == Token::Type::heredoc;
}

bool Parser::is_word(std::string_view lower, std::uint32_t ahead) const {
  return token(ahead).type == Token::Type::word && equals_lower(raw(token(ahead)), lower);
}

Status Parser::require(Keyword keyword, std::string_view spelled) {
  if (take(keyword)) return {};
  return expected(spelled);
}

Status Parser::require(std::string_view symbol) {
  if (take(symbol)) return {};
  return expected(fmt::format("'{}'", symbol));
}

std::string_view Parser::value_in_quotes(const Token& token) {
  if (token.type == Token::Type::string || token.type == Token::Type::quoted) {
    const std::string_view quoted = raw(token);
    const std::string_view inside = quoted.substr(1, quoted.size() - 2);
    const auto itself = [quote = quoted[0]](char c) { return c != '\\' && c != quote; };
    if (std::all_of(inside.begin(), inside.end(), itself)) return inside;
  }
  return arena_.keep(token_value(token, text_));
}

Result<std::string_view> Parser::name(std::string_view what) {
  if (!at_name()) return expected(what);
  const auto value = string_value(token());
  if (value.empty()) return error_here("a name may not be empty");
  ++next_;
  return value;
}

Result<std::string_view> Parser::plain_name(std::string_view what) {
  const Position where = token().where;
  TRY(const auto value, name(what));
  const auto bad = [](char c) {
    return c == '.' || c == '`' || c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  };
  if (std::any_of(value.begin(), value.end(), bad))
    return error(where, fmt::format("{} may not hold dots, quotes, backslashes or control characters", what));
  if (value.starts_with("__")) return error(where, fmt::format("{} may not start with \"__\"", what));
  for (const std::string_view reserved : {"system", "information_schema", "default"})
    if (equals_lower(value, reserved)) return error(where, fmt::format("{} may not be '{}'", what, reserved));
  return value;
}

std::unexpected<Error> Parser::too_many(const Position& where, std::uint32_t limit, std::string_view what) const {
  return error(where, fmt::format("more than {} {}", limit, what));
}

std::unexpected<Error> Parser::error(const Position& where, std::string message, Code code) const {
  return fail(code, "line {}, column {}: {}", where.line, where.column, message);
}

/// What the text at the next token probably meant.
std::string Parser::hint(std::string_view what) const {
  const Token& found = token();
  const Token* before = next_ == 0 ? nullptr : &tokens_[next_ - 1];
  const Token* two_before = next_ < 2 ? nullptr : &tokens_[next_ - 2];
  const bool after_number = before != nullptr && before->type == Token::Type::number;
  if (found.type == Token::Type::word && after_number && !interval_function(raw(found)).empty()) {
    const auto unit = interval_function(raw(found)).substr(std::string_view("toInterval").size());
    std::string upper(unit);
    std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) { return c >= 'a' && c <= 'z' ? c - 32 : c; });
    return fmt::format("write INTERVAL {} {}", raw(*before), upper);
  }
  if (before != nullptr && what.starts_with("an expression")) {
    const bool ends_a_list = found.type == Token::Type::end || found.is(",") || found.is(")") || found.is("]") ||
                             found.keyword != Keyword::none;
    if (before->is(",") && ends_a_list) return "take out the comma before it";
    if (before->is("(") && found.keyword != Keyword::none) return "close the parenthesis before it";
  }
  if (found.is(",") && two_before != nullptr && two_before->keyword == Keyword::in && !before->is(")"))
    return "a list after IN stands in parentheses: IN (a, b)";
  if (found.type == Token::Type::word && (what.starts_with("')'") || what.starts_with("the end of")))
    if (auto clause = clause_hint(raw(found), next_ + 1 < tokens_.size() ? raw(tokens_[next_ + 1]) : "");
        !clause.empty())
      return clause;
  // Behind these stands a name, which may look like a word of a clause.
  const auto names = [](const Token* t) {
    return t != nullptr && (t->keyword == Keyword::from || t->keyword == Keyword::join || t->keyword == Keyword::as);
  };
  const Token* after = names(before) ? nullptr : &found;
  if (names(two_before)) before = nullptr;
  // A misspelt word may have been taken as a name or an alias before the text stopped making sense.
  for (const Token* one : {before, after})
    if (one != nullptr && one->type == Token::Type::word && one->keyword == Keyword::none)
      if (auto near = keyword_hint(raw(*one)); !near.empty()) return near;
  return {};
}

std::unexpected<Error> Parser::expected(std::string_view what) const {
  std::unexpected<Error> refused = expected_without_hint(what);
  refused.error().hint = hint(what);
  if (at("{") && (at("{", 1) || at("%", 1))) {
    refused = error_here(fmt::format("'{{{}' in SQL that is no template", raw(token(1))));
    refused.error().hint = "a template starts with a line that holds only %";
  }
  return refused;
}

std::unexpected<Error> Parser::expected_without_hint(std::string_view what) const {
  const Token& found = token();
  if (found.type == Token::Type::end)
    return error(found.where, fmt::format("expected {}, found the end of the text", what));
  constexpr std::size_t shown = 40;
  std::string_view text = raw(found);
  std::size_t cut = std::min(shown, text.size());
  while (cut < text.size() && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return error(found.where,
               fmt::format("expected {}, found {}{}", what, text.substr(0, cut), cut < text.size() ? "…" : ""));
}

Status Parser::expect_end(std::string_view what) {
  if (at_end()) return {};
  return expected(what);
}

Expr* Parser::make_call(std::string_view function, const Position& where, std::initializer_list<Expr*> args) {
  Expr* call = make(Expr::Kind::call, where);
  call->text = function;
  for (Expr* arg : args) call->args.push(arena_, arg);
  return call;
}

Expr* Parser::make_string(std::string_view text, const Position& where) {
  Expr* expr = make(Expr::Kind::string, where);
  expr->text = text;
  return expr;
}

Expr* Parser::make_number(std::string_view text, const Position& where) {
  Expr* expr = make(Expr::Kind::number, where);
  // After a word ".5" would be access to an element.
  expr->text = text.starts_with('.') ? arena_.keep("0" + std::string(text)) : text;
  return expr;
}

}  // namespace internal

namespace {

Result<std::vector<Token>> checked_tokens(std::string_view text, const ParseLimits& limits) {
  if (text.size() > limits.text_bytes)
    return fail(Code::too_large, "the SQL text has {} bytes; the limit is {}", text.size(), limits.text_bytes);
  return tokenize(text);
}

}  // namespace

Result<Query> parse_query(std::string_view text, const ParseLimits& limits) {
  TRY(auto tokens, checked_tokens(text, limits));
  // A tree takes some 20 times its text; a long list of literals less.
  constexpr std::size_t most_at_once = 256 * 1024;
  Query query(std::clamp(text.size() * 20, Arena::first_bytes, most_at_once));
  internal::Parser parser(text, std::move(tokens), query.arena(), limits);
  TRY_VOID(parser.statement(query));
  query.height = parser.height();
  query.between_depth = parser.between_depth();
  return query;
}

Result<Expression> parse_expression(std::string_view text, const ExpressionOptions& options) {
  TRY(auto tokens, checked_tokens(text, options.limits));
  Expression expression;
  internal::Parser parser(text, std::move(tokens), expression.arena(), options.limits);
  if (!options.subqueries) parser.forbid_subqueries();
  if (!options.aliases) parser.forbid_aliases();
  TRY(expression.root, parser.aliased());
  TRY_VOID(parser.expect_end("an operator or the end of the expression"));
  return expression;
}

Result<std::string> normalize_type(std::string_view text) {
  TRY(auto tokens, tokenize(text));
  Arena arena;
  internal::Parser parser(text, std::move(tokens), arena, {});
  TRY(auto type, parser.type());
  TRY_VOID(parser.expect_end("the end of the type"));
  return type;
}

Status check_structure(std::string_view text) {
  TRY(auto tokens, tokenize(text));
  Arena arena;
  internal::Parser parser(text, std::move(tokens), arena, {});
  TRY_VOID(parser.structure());
  return parser.expect_end("',' or the end of the structure");
}

}  // namespace kinglet::sql
