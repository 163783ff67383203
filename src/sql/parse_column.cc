// SPDX-License-Identifier: Apache-2.0
// What starts with a word: columns, JSON paths, stars and their transformers; decides what is a call or special form.
#include "sql/parser_internal.h"

namespace kinglet::sql::internal {
namespace {

constexpr std::uint32_t path_parts_max = 64;

}  // namespace

/// Words that begin or join clauses: as a column they need quotes, so that a missing expression is noticed.
bool Parser::reserved_operand() const {
  using enum Keyword;
  const bool call = at("(", 1);  // and(a, b), in(x, y)
  switch (token().keyword) {
    case and_:
    case or_:
    case in:
    case like:
    case ilike:
      return !call;
    case from:
    case where:
    case prewhere:
    case select:
    case having:
    case qualify:
    case union_:
    case intersect:
    case is:
    case between:
    case as:
    case on:
    case using_:
    case join:
    case then:
    case when:
    case with:
    case by:
    case into:
    case distinct:
      return true;
    case group:
    case order:
      return at(Keyword::by, 1);
    default:
      return false;
  }
}

/// A column or a call.
Result<Expr*> Parser::name_operand() {
  return at("(", 1) ? call() : column();
}

Result<Expr*> Parser::keyword_operand() {
  const Token& head = token();
  using enum Keyword;
  switch (head.keyword) {
    case null_:
      ++next_;
      return make(Expr::Kind::null, head.where);
    case true_:
    case false_: {
      ++next_;
      Expr* node = make(Expr::Kind::boolean, head.where);
      node->op_not = head.keyword == false_;
      return node;
    }
    case nan:
    case inf:
    case infinity:
      ++next_;
      return make_number(head.keyword == nan ? "nan" : "inf", head.where);
    case case_:
      if (case_ahead()) return case_expression();
      break;
    case interval_:
      if (interval_ahead()) return interval();
      if (interval_is_unclear()) {
        auto refused = error_here(fmt::format("'{}' may be a column or an INTERVAL here", raw(head)));
        refused.error().hint = "write the column in backticks";
        return refused;
      }
      break;
    case date:
    case timestamp:
      if (token(1).type == Token::Type::string) {
        ++next_;
        TRY(Expr * text, primary());
        return finish(make_call(head.keyword == date ? "toDate" : "toDateTime", head.where, {text}));
      }
      break;
    case columns:
      if (at("(", 1)) return columns_matcher(make(Expr::Kind::columns, head.where));
      break;
    default:
      break;
  }
  if (reserved_operand()) return expected("an expression");
  return name_operand();
}

Status Parser::path_part(Path& path, std::string_view what, PathPart::Style style) {
  if (!at_name()) return expected(what);
  const auto text = string_value(token());
  if (text.empty()) return error_here("a name may not be empty");
  ++next_;
  path.push(arena_, {text, style});
  return {};
}

/// a.b.c, and what a dot can lead to: a.*, a.COLUMNS(…), JSON paths a.^b, a.b.:Int64, a.b[].c
Result<Expr*> Parser::column() {
  Expr* node = make(Expr::Kind::column, token().where);
  TRY_VOID(path_part(node->names, "a name"));
  while (true) {
    if (node->names.size() > path_parts_max)
      return error(node->where, fmt::format("a name has more than {} parts", path_parts_max));
    if (at("[") && at("]", 1) && node->names.size() > 1) {
      TRY_VOID(json_brackets(*node));
      continue;
    }
    if (!at(".") || token(1).type == Token::Type::number) break;
    if (at("*", 1)) {
      next_ += 2;
      node->kind = Expr::Kind::star;
      return star(node);
    }
    if (at(Keyword::columns, 1) && at("(", 2)) {
      ++next_;
      node->kind = Expr::Kind::columns;
      return columns_matcher(node);
    }
    ++next_;
    if (take("^")) {
      TRY_VOID(path_part(node->names, "the name of a JSON path", PathPart::Style::sub_object));
    } else if (take(":")) {
      TRY(const auto written, name("a type"));
      TRY(const std::string type, normalize_type(written));
      node->names.push(arena_, {arena_.keep(type), PathPart::Style::type});
    } else {
      TRY_VOID(path_part(node->names, "a name"));
    }
    if (at("(")) return error(node->where, "a function name has no dots", Code::forbidden);
  }
  return node;
}

/// `[]` after a JSON path: `[][]` is the type Array(Array(JSON)).
Status Parser::json_brackets(Expr& column) {
  std::string type = "JSON";
  while (at("[") && at("]", 1)) {
    next_ += 2;
    type = "Array(" + type + ")";
    if (type.size() > limits_.type_nesting * 6) return error_here("the JSON path is too deep");
  }
  column.names.push(arena_, {arena_.keep(type), PathPart::Style::type});
  return {};
}

/// * [LIKE|ILIKE 'pattern'] transformers; the pattern chooses columns by their names.
Result<Expr*> Parser::star(Expr* star) {
  if (star->kind == Expr::Kind::star && (at(Keyword::like) || at(Keyword::ilike))) {
    star->op = at(Keyword::like) ? Operator::like : Operator::ilike;
    ++next_;
    if (!at_string()) return expected("a pattern for the names of columns, a string");
    star->text = string_value(token());
    ++next_;
  }
  TRY_VOID(transformers(*star));
  return finish(star);
}

/// COLUMNS('pattern') | COLUMNS(a, b); the qualifier is already in `matcher`.
Result<Expr*> Parser::columns_matcher(Expr* matcher) {
  const Level level(nesting_);
  TRY_VOID(check_nesting());
  next_ += 2;
  if (at_string()) {
    matcher->text = string_value(token());
    ++next_;
  } else {
    do {
      TRY(Expr * item, column());
      if (item->kind != Expr::Kind::column) return error(item->where, "COLUMNS takes names of columns or a pattern");
      TRY_VOID(push(matcher->args, item, limits_.select_items, "columns"));
    } while (take(","));
  }
  TRY_VOID(require(")"));
  return star(matcher);
}

/// EXCEPT after a star joins two SELECTs only when the second one stands in parentheses.
bool Parser::transformer_ahead() const {
  if (at(Keyword::replace) || at(Keyword::apply)) return true;
  if (!at(Keyword::except)) return false;
  return !(at("(", 1) && query_content(next_ + 2));
}

Status Parser::transformers(Expr& star) {
  while (transformer_ahead()) {
    if (star.transformers.size() >= path_parts_max) return error_here("too many transformers");
    const Level level(nesting_);
    TRY_VOID(check_nesting());
    Transformer transformer;
    if (take(Keyword::except)) {
      TRY_VOID(except_transformer(transformer));
    } else if (take(Keyword::replace)) {
      TRY_VOID(replace_transformer(transformer));
    } else {
      ++next_;
      TRY_VOID(apply_transformer(transformer));
    }
    for (const Expr* expr : transformer.exprs) star.height = std::max(star.height, expr->height + 1);
    star.transformers.push(arena_, transformer);
  }
  return {};
}

Status Parser::except_transformer(Transformer& transformer) {
  transformer.strict = at(Keyword::strict) && (at("(", 1) || at_name(1)) && !at(Keyword::from, 1);
  if (transformer.strict) ++next_;
  const bool list = take("(");
  if (at_string()) {
    transformer.kind = Transformer::Kind::except_pattern;
    transformer.text = string_value(token());
    ++next_;
  } else {
    do {
      TRY(const auto column, name("a column's name"));
      if (transformer.names.size() >= limits_.select_items) return error_here("too many columns");
      transformer.names.push(arena_, column);
    } while (list && take(","));
  }
  if (list) TRY_VOID(require(")"));
  return {};
}

Status Parser::replace_transformer(Transformer& transformer) {
  transformer.kind = Transformer::Kind::replace;
  transformer.strict = take(Keyword::strict);
  const bool list = take("(");
  do {
    TRY(Expr * expr, aliased());
    if (expr->alias.empty()) return expected("AS and the name of the column to replace");
    TRY_VOID(push(transformer.exprs, expr, limits_.select_items, "replacements"));
  } while (list && take(","));
  if (list) TRY_VOID(require(")"));
  return {};
}

/// APPLY(f) | APPLY(f(params)) | APPLY(x -> …) | APPLY(f, 'prefix'), each also without parentheses
Status Parser::apply_transformer(Transformer& transformer) {
  const bool list = take("(");
  if (lambda_ahead()) {
    transformer.kind = Transformer::Kind::apply_lambda;
    TRY(Expr * body, lambda());
    transformer.exprs.push(arena_, body);
  } else {
    transformer.kind = Transformer::Kind::apply_function;
    TRY(transformer.text, name("a function or lambda"));
    if (at(".")) return error_here("a function name has no dots", Code::forbidden);
    if (take("(")) {
      TRY_VOID(arguments(transformer.exprs));
    }
  }
  if (!list) return {};
  if (take(",")) {
    if (!at_string()) return expected("the prefix of the new names, a string");
    transformer.prefix = string_value(token());
    ++next_;
  }
  return require(")");
}

}  // namespace kinglet::sql::internal
