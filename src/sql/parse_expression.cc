// SPDX-License-Identifier: Apache-2.0
// Expressions: operators by precedence climbing, prefixes, parentheses, CASE, INTERVAL, lambdas.
#include <algorithm>

#include "sql/hints.h"
#include "sql/parser_internal.h"
#include "sql/precedence.h"

namespace kinglet::sql::internal {

Status Parser::alias(Expr& expr) {
  if (!aliases_) return error_here("an alias is not allowed here");
  if (expr.kind == Expr::Kind::star || expr.kind == Expr::Kind::columns)
    return error_here("a star stands for several columns: it has no alias");
  if (!expr.alias.empty()) return error_here(fmt::format("the expression already has the alias '{}'", expr.alias));
  TRY(expr.alias, name("an alias"));
  return {};
}

Result<Expr*> Parser::aliased(bool bare_alias) {
  TRY(Expr * expr, expression());
  const bool star = expr->kind == Expr::Kind::star || expr->kind == Expr::Kind::columns;
  const bool bare = bare_alias && !star && at_name() && !blocks_column_alias(token().keyword);
  if (!bare && !take(Keyword::as)) return expr;
  TRY_VOID(alias(*expr));
  return expr;
}

Result<Expr*> Parser::expression(int precedence) {
  if (precedence <= bind_lambda && lambda_ahead()) return lambda();
  const std::uint32_t start = next_;
  const bool prefixed = at("-") || at("+") || at(Keyword::not_);
  TRY(Expr * left, prefixed ? prefix() : primary());
  if (!prefixed && postfix_ahead()) {
    TRY(left, postfix(left));
  }
  return operator_ahead() ? operators(left, start, precedence) : left;
}

Parser::Infix Parser::symbol_infix() const {
  using enum Operator;
  const auto binary = [](Operator op, int bind) { return Infix{.kind = Infix::Kind::binary, .op = op, .bind = bind}; };
  switch (token().symbol) {
    case symbol_code("="):
    case symbol_code("=="):
      return binary(equals, bind_compare);
    case symbol_code("!="):
    case symbol_code("<>"):
      return binary(not_equals, bind_compare);
    case symbol_code("<"):
      return binary(less, bind_compare);
    case symbol_code("<="):
      return binary(less_or_equals, bind_compare);
    case symbol_code("<=>"):
      return binary(is_not_distinct_from, bind_compare);
    case symbol_code(">"):
      return binary(greater, bind_compare);
    case symbol_code(">="):
      return binary(greater_or_equals, bind_compare);
    case symbol_code("+"):
      return binary(plus, bind_add);
    case symbol_code("-"):
      return binary(minus, bind_add);
    case symbol_code("*"):
      return binary(multiply, bind_multiply);
    case symbol_code("/"):
      return binary(divide, bind_multiply);
    case symbol_code("%"):
      return binary(modulo, bind_multiply);
    case symbol_code("?"):
      return {.kind = Infix::Kind::ternary, .bind = bind_ternary};
    case symbol_code("||"):
      return {.kind = Infix::Kind::list, .list = Expr::Kind::concat, .bind = bind_concat};
    default:
      return {};
  }
}

Parser::Infix Parser::infix() const {
  if (token().type == Token::Type::symbol) return symbol_infix();
  return token().keyword == Keyword::none ? Infix{} : word_infix();
}

Parser::Infix Parser::word_infix() const {
  using enum Keyword;
  using IKind = Infix::Kind;
  switch (token().keyword) {
    case or_:
      return {.kind = IKind::list, .list = Expr::Kind::logical_or, .bind = bind_or};
    case and_:
      return {.kind = IKind::list, .list = Expr::Kind::logical_and, .bind = bind_and};
    case div:
      return {.kind = IKind::binary, .op = Operator::int_div, .bind = bind_multiply};
    case mod:
      return {.kind = IKind::binary, .op = Operator::modulo, .bind = bind_multiply};
    case regexp:
      return {.kind = IKind::binary, .op = Operator::regexp, .bind = bind_compare};
    case is:
      if (at(distinct, at(not_, 1) ? 2 : 1)) return {.kind = IKind::is_distinct, .bind = bind_distinct};
      return {.kind = IKind::is, .bind = bind_is};
    case at_:
      if (!at(time, 1) && !at(local, 1)) return {};
      return {.kind = IKind::time_zone, .bind = bind_time_zone};
    case global:
    case not_:
    case in:
    case like:
    case ilike:
    case between:
      return negatable_infix();
    default:
      return {};
  }
}

/// [GLOBAL] [NOT] IN | [NOT] LIKE, ILIKE, BETWEEN
Parser::Infix Parser::negatable_infix() const {
  using enum Keyword;
  const std::uint32_t global_words = at(global) ? 1 : 0;
  const bool negated = at(not_, global_words);
  const std::uint32_t word = global_words + (negated ? 1 : 0);
  const auto compare = [&](Operator plain, Operator negative) {
    return Infix{
        .kind = Infix::Kind::binary, .op = negated ? negative : plain, .bind = bind_compare, .tokens = word + 1};
  };
  const Keyword keyword = token(word).keyword;
  if (keyword == in)
    return global_words != 0 ? compare(Operator::global_in, Operator::global_not_in)
                             : compare(Operator::in, Operator::not_in);
  if (global_words != 0) return {};
  if (keyword == like) return compare(Operator::like, Operator::not_like);
  if (keyword == ilike) return compare(Operator::ilike, Operator::not_ilike);
  if (keyword == between)
    return {.kind = Infix::Kind::between, .bind = bind_between, .tokens = word + 1, .negated = negated};
  return {};
}

Result<Expr*> Parser::operators(Expr* left, std::uint32_t start, int precedence) {
  Expr* open = nullptr;  // an AND, OR or || made here: the next operand of the same kind joins it
  for (std::uint32_t chain = 0;;) {
    const Infix next = infix();
    if (next.kind == Infix::Kind::none || next.bind < precedence) return left;
    const Expr* const before = left;
    TRY(left, infix_node(next, left, start, open));
    if (left != open) open = nullptr;
    if (left != before && ++chain > limits_.chain)
      return error(left->where, fmt::format("more than {} operators in a row", limits_.chain));
  }
}

Result<Expr*> Parser::infix_node(const Infix& infix, Expr* left, std::uint32_t start, Expr*& open) {
  switch (infix.kind) {
    case Infix::Kind::list:
      return list_node(infix, left, open);
    case Infix::Kind::is:
    case Infix::Kind::is_distinct:
      return is_test(left);
    case Infix::Kind::time_zone:
      return time_zone(left);
    case Infix::Kind::ternary:
      return ternary(left);
    case Infix::Kind::between:
      next_ += infix.tokens;
      return between(left, start, infix.negated);
    default:
      break;
  }
  const Position where = token().where;
  next_ += infix.tokens;
  const bool some = infix.bind == bind_compare && (at(Keyword::any) || at(Keyword::all) || at(Keyword::some));
  if (some && at("(", 1) && (bracketed_query(next_ + 1) || at(Keyword::all))) return quantified(left, infix);
  Expr* node = make(Expr::Kind::binary, where);
  node->op = infix.op;
  TRY(Expr * right, expression(infix.bind + 1));
  node->args.push(arena_, left);
  node->args.push(arena_, right);
  return finish(node);
}

Result<Expr*> Parser::list_node(const Infix& infix, Expr* left, Expr*& open) {
  const Position where = token().where;
  ++next_;
  TRY(Expr * right, expression(infix.bind + 1));
  if (left != open || left->kind != infix.list) {
    open = make(infix.list, where);
    open->args.push(arena_, left);
  }
  TRY_VOID(push(open->args, right, limits_.list_items, "operands"));
  return finish(open);
}

/// `left` began at token `start`: the engine copies it, so a BETWEEN inside doubles the work at each level.
Result<Expr*> Parser::between(Expr* left, std::uint32_t start, bool negated) {
  std::uint32_t depth = 1;
  for (const auto& [inner_start, inner_depth] : betweens_)
    if (inner_start >= start) depth = std::max(depth, inner_depth + 1);
  if (depth > limits_.between_depth)
    return error_here(
        fmt::format("BETWEEN is nested in the left side of BETWEEN more than {} deep", limits_.between_depth));
  Expr* node = make(Expr::Kind::between, left->where);
  node->op_not = negated;
  node->args.push(arena_, left);
  TRY(Expr * low, expression(bind_between + 1));
  TRY_VOID(require(Keyword::and_, "AND"));
  TRY(Expr * high, expression(bind_compare));
  node->args.push(arena_, low);
  node->args.push(arena_, high);
  betweens_.emplace_back(start, depth);
  return finish(node);
}

/// IS [NOT] NULL | TRUE | FALSE | UNKNOWN | DISTINCT FROM
Result<Expr*> Parser::is_test(Expr* left) {
  const Position where = token().where;
  ++next_;
  const bool negated = take(Keyword::not_);
  if (take(Keyword::null_) || take(Keyword::unknown))
    return finish(make_call(negated ? "isNotNull" : "isNull", where, {left}));
  Expr* node = make(Expr::Kind::binary, where);
  node->args.push(arena_, left);
  if (at(Keyword::true_) || at(Keyword::false_)) {
    node->op = negated ? Operator::is_distinct_from : Operator::is_not_distinct_from;
    Expr* constant = make(Expr::Kind::boolean, token().where);
    constant->op_not = at(Keyword::false_);
    ++next_;
    node->args.push(arena_, constant);
    return finish(node);
  }
  if (!take(Keyword::distinct)) return expected("NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM");
  TRY_VOID(require(Keyword::from, "FROM"));
  node->op = negated ? Operator::is_not_distinct_from : Operator::is_distinct_from;
  TRY(Expr * right, expression(bind_distinct + 1));
  node->args.push(arena_, right);
  return finish(node);
}

/// Whether the parenthesis at token `index` holds a query, in parentheses of its own or not.
bool Parser::bracketed_query(std::uint32_t index) const {
  while (index + 1 < tokens_.size() && tokens_[index + 1].is("(") && closing(index) == closing(index + 1) + 1) ++index;
  return query_content(index + 1);
}

/// `x = ANY (SELECT …)`
Result<Expr*> Parser::quantified(Expr* left, const Infix& infix) {
  const bool comparison = infix.op >= Operator::equals && infix.op <= Operator::greater_or_equals;
  if (!comparison) return expected("an expression");
  Expr* node = make(Expr::Kind::quantified, token().where);
  node->op = infix.op;
  node->op_not = at(Keyword::all);
  ++next_;
  if (!bracketed_query(next_)) return expected("a sub-query after ALL");
  TRY(Expr * query, parenthesised());
  node->args.push(arena_, left);
  node->args.push(arena_, query);
  return finish(node);
}

/// x AT TIME ZONE 'tz' | x AT LOCAL
Result<Expr*> Parser::time_zone(Expr* left) {
  const Position where = token().where;
  ++next_;
  if (take(Keyword::local)) return finish(make_call("toTimeZone", where, {left, make_call("timeZone", where, {})}));
  ++next_;
  TRY_VOID(require(Keyword::zone, "ZONE"));
  TRY(Expr * zone, expression(bind_element));
  return finish(make_call("toTimeZone", where, {left, zone}));
}

Result<Expr*> Parser::ternary(Expr* condition) {
  const Position where = token().where;
  ++next_;
  TRY(Expr * then, expression(bind_or));
  TRY_VOID(require(":"));
  TRY(Expr * otherwise, expression(bind_or));
  return finish(make_call("if", where, {condition, then, otherwise}));
}

/// `after_plus`: the engine then takes a minus as an operator, and the literal before :: by its value.
Result<Expr*> Parser::prefix(bool after_plus) {
  if (at("-") || at("+")) return sign(after_plus);
  if (at(Keyword::not_)) return negation();
  TRY(Expr * base, primary());
  return postfix_ahead() ? postfix(base, !after_plus) : base;
}

Result<Expr*> Parser::sign(bool after_plus) {
  const Position where = token().where;
  const bool minus = at("-");
  const bool literal = (!after_plus || !minus) && (token(1).type == Token::Type::number || at(Keyword::inf, 1) ||
                                                   at(Keyword::infinity, 1) || at(Keyword::nan, 1));
  const Level level(nesting_);
  TRY_VOID(check_nesting());
  ++next_;
  if (literal) {
    TRY(Expr * number, primary());
    if (minus) number->text = arena_.keep("-" + std::string(number->text));
    return postfix(number, minus);
  }
  TRY(Expr * operand, prefix(!minus));
  if (!minus) return operand;
  Expr* node = make(Expr::Kind::negate, where);
  node->args.push(arena_, operand);
  return finish(node);
}

Result<Expr*> Parser::negation() {
  const Position where = token().where;
  const Level level(nesting_);
  TRY_VOID(check_nesting());
  ++next_;
  TRY(Expr * operand, expression(bind_not));
  Expr* node = make(Expr::Kind::not_, where);
  node->args.push(arena_, operand);
  return finish(node);
}

/// [index] .element ::Type
Result<Expr*> Parser::postfix(Expr* base, bool text_of_literal) {
  for (std::uint32_t chain = 0;; ++chain) {
    if (chain > limits_.chain) return error_here(fmt::format("more than {} operators in a row", limits_.chain));
    const Position where = token().where;
    if (at("[")) {
      const Level level(nesting_);
      TRY_VOID(check_nesting());
      ++next_;
      Expr* node = make(Expr::Kind::index, where);
      node->args.push(arena_, base);
      TRY(Expr * index, aliased());
      node->args.push(arena_, index);
      TRY_VOID(require("]"));
      TRY(base, finish(node));
    } else if (at(".")) {
      ++next_;
      Expr* node = make(Expr::Kind::element, where);
      node->args.push(arena_, base);
      if (token().type == Token::Type::number) {
        node->text = raw(token());
        ++next_;
      } else {
        node->by_name = true;
        TRY(node->text, name("the number or name of a tuple element"));
      }
      TRY(base, finish(node));
    } else if (at("::")) {
      ++next_;
      TRY(const std::string type, this->type());
      Expr* value = base;
      if (text_of_literal) {
        TRY(value, cast_literal(base, where));
      }
      TRY(base, finish(make_call("CAST", where, {value, make_string(arena_.keep(type), where)})));
    } else {
      return base;
    }
  }
}

/// On the way to a literal or column each function only hands on: their leaves are what most expressions are.
Result<Expr*> Parser::primary() {
  switch (token().type) {
    case Token::Type::number:
    case Token::Type::string:
    case Token::Type::hex_string:
    case Token::Type::bin_string:
    case Token::Type::heredoc:
      return literal();
    case Token::Type::word:
      return token().keyword == Keyword::none ? name_operand() : keyword_operand();
    case Token::Type::quoted:
      return name_operand();
    case Token::Type::symbol:
    case Token::Type::end:
      break;
  }
  return symbol_operand();
}

Result<Expr*> Parser::literal() {
  const Token& written = token();
  ++next_;
  if (written.type == Token::Type::number) return make_number(raw(written), written.where);
  return make_string(string_value(written), written.where);
}

Result<Expr*> Parser::symbol_operand() {
  if (at("(")) return parenthesised();
  if (at("[")) return bracketed();
  if (at("*")) {
    const Position where = token().where;
    ++next_;
    return star(make(Expr::Kind::star, where));
  }
  if (at("{") && (at("{", 1) || at("%", 1))) return expected("an expression");
  if (at("{")) return error_here("substitutions ({name:Type}) are not available: use template parameters");
  if (at("@@")) return error_here("server variables (@@) are not available", Code::forbidden);
  return expected("an expression");
}

/// ( ) tuple, one expression, or a sub-query
Result<Expr*> Parser::parenthesised() {
  const Position where = token().where;
  if (query_content(next_ + 1)) {
    Expr* node = make(Expr::Kind::subquery, where);
    const std::uint32_t outer = std::exchange(tallest_, leaf_height);
    TRY(node->query, nested_query());
    node->height = tallest_ + 1;
    tallest_ = std::max(tallest_, outer);
    return finish(node);
  }
  const Level level(nesting_);
  TRY_VOID(check_nesting());
  ++next_;
  Expr* node = make(Expr::Kind::tuple, where);
  bool comma = false;
  while (!at(")")) {
    if (!node->args.empty() && lambda_ahead()) return lambda_needs_parentheses();
    TRY(Expr * item, aliased());
    TRY_VOID(push(node->args, item, limits_.list_items, "items in a list"));
    comma = take(",");
    if (!comma) break;
  }
  TRY_VOID(require(")"));
  if (node->args.size() == 1 && !comma) return node->args[0];
  return finish(node);
}

Result<Expr*> Parser::bracketed() {
  const Level level(nesting_);
  TRY_VOID(check_nesting());
  Expr* node = make(Expr::Kind::array, token().where);
  ++next_;
  while (!at("]")) {
    if (!node->args.empty() && lambda_ahead()) return lambda_needs_parentheses();
    TRY(Expr * item, aliased());
    TRY_VOID(push(node->args, item, limits_.list_items, "items in an array"));
    if (!take(",")) break;
  }
  TRY_VOID(require("]"));
  return finish(node);
}

/// CASE is a column's name when nothing that could be an operand follows.
bool Parser::case_ahead() const {
  const Token& follower = token(1);
  if (follower.type == Token::Type::end) return false;
  if (follower.type == Token::Type::symbol) return follower.is("(") || follower.is("[") || follower.is("-");
  return follower.keyword == Keyword::not_ || !blocks_column_alias(follower.keyword);
}

/// Held as the call that the engine makes of it: multiIf(…) or caseWithExpression(x, …).
Result<Expr*> Parser::case_expression() {
  const Level level(nesting_);
  TRY_VOID(check_nesting());
  const Position where = token().where;
  ++next_;
  Expr* node = make(Expr::Kind::call, where);
  node->text = "multiIf";
  if (!at(Keyword::when)) {
    node->text = "caseWithExpression";
    TRY(Expr * value, aliased());
    node->args.push(arena_, value);
  }
  if (!at(Keyword::when)) return expected("WHEN");
  while (take(Keyword::when)) {
    TRY(Expr * when, aliased());
    TRY_VOID(require(Keyword::then, "THEN"));
    TRY(Expr * then, aliased());
    TRY_VOID(push(node->args, when, limits_.list_items, "items in a CASE"));
    node->args.push(arena_, then);
  }
  Expr* otherwise = make(Expr::Kind::null, where);
  if (take(Keyword::else_)) {
    TRY(otherwise, aliased());
  }
  node->args.push(arena_, otherwise);
  TRY_VOID(require(Keyword::end, "WHEN, ELSE or END"));
  return finish(node);
}

/// INTERVAL is a name when no amount and unit follow.
bool Parser::interval_ahead() const {
  const Token& next = token(1);
  const auto unit = [&](std::uint32_t index) {
    return index < tokens_.size() && tokens_[index].type == Token::Type::word &&
           !interval_function(raw(tokens_[index])).empty();
  };
  switch (next.type) {
    case Token::Type::number:
    case Token::Type::string:
      return true;
    case Token::Type::symbol:
      if (next.is("-")) return token(2).type == Token::Type::number ? unit(next_ + 3) : unit(next_ + 3) && at_name(2);
      if (next.is("*")) return unit(next_ + 2);
      return next.is("(") && unit(closing(next_ + 1) + 1);
    case Token::Type::quoted:
      return true;
    case Token::Type::word: {
      if (blocks_column_alias(next.keyword)) return false;
      const Token& after = token(2);
      return after.is("(") || after.is(".") || unit(next_ + 2) || infix_symbol(after);
    }
    default:
      return false;
  }
}

/// `interval IN (1) day`: a column to a reader, but to the engine an INTERVAL of what a function IN() gives. Such a
/// text is refused: an operator or clause, parentheses, and a unit at the end of the same expression.
bool Parser::interval_is_unclear() const {
  const auto is_word = [&](std::uint32_t i) { return tokens_[i].type == Token::Type::word; };
  std::uint32_t index = next_ + 1;
  while (is_word(index) && blocks_column_alias(tokens_[index].keyword)) ++index;
  if (index == next_ + 1 || !tokens_[index].is("(")) return false;
  const Keyword inside = tokens_[index + 1].keyword;
  const bool is_query = inside == Keyword::select || inside == Keyword::with;
  if (is_query && tokens_[index - 1].keyword != Keyword::not_) return false;
  using enum Keyword;
  bool after_operand = true;
  for (index = closing(index) + 1; index < last_; ++index) {
    const Token& one = tokens_[index];
    if (one.is(",") || one.is(")") || one.is("]") || one.is(";")) return false;
    if (one.type == Token::Type::symbol) {
      after_operand = one.is("(") || one.is("[");
      if (after_operand) index = closing(index);
      continue;
    }
    const bool joins = one.keyword == and_ || one.keyword == or_ || one.keyword == in || one.keyword == not_ ||
                       one.keyword == like || one.keyword == ilike || one.keyword == between || one.keyword == is ||
                       one.keyword == regexp || one.keyword == div || one.keyword == mod || one.keyword == global;
    if (!joins && after_operand) return is_word(index) && !interval_function(raw(one)).empty();
    after_operand = !joins;
  }
  return false;
}

bool Parser::infix_symbol(const Token& token) {
  return token.is("+") || token.is("-") || token.is("*") || token.is("/") || token.is("[");
}

Result<Expr*> Parser::interval() {
  const Level level(nesting_);
  TRY_VOID(check_nesting());
  const Position where = token().where;
  ++next_;
  if (token().type == Token::Type::string &&
      (token(1).type != Token::Type::word || interval_function(raw(token(1))).empty())) {
    const Token& text = token();
    const std::size_t blank = token_value(text, text_).find(' ');
    if (blank != std::string::npos) {
      ++next_;
      return interval_text(text);
    }
  }
  TRY(Expr * amount, expression(bind_ternary));
  const auto function = token().type == Token::Type::word ? interval_function(raw(token())) : std::string_view();
  if (function.empty()) {
    std::unexpected<Error> refused = expected("the unit of an INTERVAL (SECOND … YEAR)");
    if (const auto near = unit_hint(raw(token())); !near.empty()) refused.error().hint = near;
    return refused;
  }
  ++next_;
  return finish(make_call(function, where, {amount}));
}

/// INTERVAL '1 day 2 hours'
Result<Expr*> Parser::interval_text(const Token& text) {
  const std::string value = token_value(text, text_);
  Expr* node = make(Expr::Kind::call, text.where);
  node->text = "tuple";
  std::string_view rest = value;
  const auto next = [&] {
    while (rest.starts_with(' ')) rest.remove_prefix(1);
    const auto part = rest.substr(0, rest.find(' '));
    rest.remove_prefix(part.size());
    return part;
  };
  const auto number = [](std::string_view part) {
    if (part.starts_with('-')) part.remove_prefix(1);
    return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
  };
  for (auto amount = next(); !amount.empty(); amount = next()) {
    const auto function = interval_function(next());
    if (!number(amount) || function.empty())
      return error(text.where, "expected amounts and units in an INTERVAL, such as '1 day 2 hours'");
    node->args.push(arena_, make_call(function, text.where, {make_number(arena_.keep(amount), text.where)}));
    for (Expr* call : node->args) TRY_VOID(finish(call));
  }
  return node->args.size() == 1 ? node->args[0] : finish(node);
}

/// x -> … | (x, y) -> …
bool Parser::lambda_ahead() const {
  if (at_name()) return at("->", 1);
  return at("(") && closing(next_) + 1 < tokens_.size() && tokens_[closing(next_) + 1].is("->");
}

Result<Expr*> Parser::lambda() {
  const Level level(nesting_);
  const Level lambda_level(lambda_depth_);
  TRY_VOID(check_nesting());
  if (lambda_depth_ > limits_.lambda_depth)
    return error_here(fmt::format("lambdas are nested deeper than {}", limits_.lambda_depth));
  Expr* node = make(Expr::Kind::lambda, token().where);
  const bool list = take("(");
  do {
    TRY(const auto parameter, name("the name of a lambda's parameter"));
    node->names.push(arena_, {parameter});
    if (node->names.size() > limits_.list_items) return error_here("a lambda has too many parameters");
  } while (list && take(","));
  if (list) TRY_VOID(require(")"));
  TRY_VOID(require("->"));
  if (lambda_ahead()) return expected("an expression (a lambda in a lambda needs parentheses)");
  TRY(Expr * body, expression(bind_ternary));
  node->args.push(arena_, body);
  return finish(node);
}

/// f(x, y -> …): as in the engine, all arguments before a bare lambda are its parameters. They leave `before`.
Result<Expr*> Parser::lambda_behind(Exprs& before) {
  if (!at_name()) return lambda_needs_parentheses();
  Names names;
  for (const Expr* one : before) {
    if (one->kind != Expr::Kind::column || one->names.size() != 1 || !one->alias.empty())
      return lambda_needs_parentheses();
    names.push(arena_, one->names[0].text);
  }
  TRY(Expr * node, lambda());
  Expr* whole = make(Expr::Kind::lambda, before[0]->where);
  for (const std::string_view one : names) whole->names.push(arena_, {one});
  for (const PathPart& part : node->names) whole->names.push(arena_, part);
  whole->args = node->args;
  before = {};
  return finish(whole);
}

std::unexpected<Error> Parser::lambda_needs_parentheses() const {
  return error_here("a lambda behind other expressions needs parentheses: (x -> …)");
}

}  // namespace kinglet::sql::internal
