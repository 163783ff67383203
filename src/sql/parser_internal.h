// SPDX-License-Identifier: Apache-2.0
// The parser's class; its members are spread over parse_*.cc by what they parse.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sql/parser.h"

namespace kinglet::sql::internal {

inline bool equals_lower(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() && std::equal(text.begin(), text.end(), lower.begin(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b;
         });
}

/// Recursive descent over tokens; operators by precedence climbing. Counts its depth before it recurses.
class Parser {
 public:
  /// Names and strings of the tree point into `arena`'s own copy of the text.
  Parser(std::string_view text, std::vector<Token> tokens, Arena& arena, const ParseLimits& limits);

  // parse_select.cc
  Status statement(Query& query);
  Result<SetQuery*> set_query();
  Result<List<OrderItem>> order_items();

  // parse_expression.cc
  Result<Expr*> expression(int precedence = 1);
  Result<Expr*> aliased(bool bare_alias = false);
  Status expect_end(std::string_view expected);

  // parse_type.cc
  Result<std::string> type();
  Status structure();

  [[nodiscard]] bool at_end() const { return token().type == Token::Type::end; }
  [[nodiscard]] std::uint32_t height() const { return tallest_; }
  [[nodiscard]] std::uint32_t between_depth() const;
  void forbid_subqueries() { subqueries_ = false; }
  void forbid_aliases() { aliases_ = false; }
  std::unexpected<Error> expected(std::string_view what) const;
  std::unexpected<Error> expected_without_hint(std::string_view what) const;
  [[nodiscard]] std::string hint(std::string_view what) const;

 private:
  /// One level of nesting; ends with its scope.
  struct Level {
    explicit Level(std::uint32_t& depth) : depth_(depth) { ++depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    ~Level() { --depth_; }
    std::uint32_t& depth_;
  };
  Status check_nesting() const;

  // Tokens.
  [[nodiscard]] const Token& token(std::uint32_t ahead = 0) const { return tokens_[std::min(next_ + ahead, last_)]; }
  [[nodiscard]] bool at(Keyword keyword, std::uint32_t ahead = 0) const { return token(ahead).keyword == keyword; }
  [[nodiscard]] bool at(std::string_view symbol, std::uint32_t ahead = 0) const { return token(ahead).is(symbol); }
  [[nodiscard]] bool at_name(std::uint32_t ahead = 0) const {
    const auto type = token(ahead).type;
    return type == Token::Type::word || type == Token::Type::quoted;
  }
  [[nodiscard]] bool at_string() const;
  [[nodiscard]] std::string_view raw(const Token& token) const {
    return {text_.data() + token.where.offset, token.size};
  }
  [[nodiscard]] bool is_word(std::string_view lower, std::uint32_t ahead = 0) const;
  bool take(Keyword keyword) {
    if (!at(keyword)) return false;
    ++next_;
    return true;
  }
  bool take(std::string_view symbol) {
    if (!at(symbol)) return false;
    ++next_;
    return true;
  }
  Status require(Keyword keyword, std::string_view spelled);
  Status require(std::string_view symbol);
  Result<std::string_view> name(std::string_view what);
  /// A name of ours to hand out: CTE, table or window. No dots, quotes, control characters, no leading "__".
  Result<std::string_view> plain_name(std::string_view what);
  std::string_view string_value(const Token& token) {
    return token.type == Token::Type::word ? raw(token) : value_in_quotes(token);
  }
  std::string_view value_in_quotes(const Token& token);
  /// Without a partner the end token stands in; the parser then reports what is missing there.
  [[nodiscard]] std::uint32_t closing(std::uint32_t open) const { return tokens_[open].partner; }

  std::unexpected<Error> too_many(const Position& where, std::uint32_t limit, std::string_view what) const;
  std::unexpected<Error> error(const Position& where, std::string message, Code code = Code::invalid) const;
  std::unexpected<Error> error_here(std::string message, Code code = Code::invalid) const {
    return error(token().where, std::move(message), code);
  }

  // parse_select.cc
  Result<Select*> select();
  Status with_clause(Select& select);
  Result<WithItem> with_item();
  Status select_clause(Select& select);
  Status group_by(Select& select);
  Status order_by(Select& select);
  Status interpolate(Select& select);
  Status limit_clauses(Select& select);
  Status limit(Select& select);
  Status settings(Query& query);
  Result<SetQuery*> nested_query();
  [[nodiscard]] bool query_content(std::uint32_t index) const;
  [[nodiscard]] SetQuery::Op set_operation() const;
  Status expressions(Exprs& list, std::string_view what);

  // parse_table.cc
  Status from_clause(Select& select);
  Result<bool> join(Select& select);
  Status array_join(Select& select, FromItem::Join kind);
  Status check_join(FromItem& item, bool kind_given, const Position& where) const;
  Status join_condition(FromItem& item);
  Result<Table> table();
  Status table_source(Table& table);
  Status parenthesised_table(Table& table);
  Status table_modifiers(Table& table);
  Result<Expr*> table_function(const Token& name);
  Result<Expr*> sample_ratio();
  Result<Names> column_aliases();
  SetQuery* wrap(Select* select);
  Result<SetQuery*> values_query();

  // parse_expression.cc
  struct Infix {
    enum class Kind : std::uint8_t { none, binary, list, is, is_distinct, between, ternary, time_zone };
    Kind kind = Kind::none;
    Operator op = Operator::none;
    Expr::Kind list = Expr::Kind::logical_and;
    int bind = 0;
    std::uint32_t tokens = 1;
    bool negated = false;
  };
  [[nodiscard]] Infix infix() const;
  [[nodiscard]] Infix symbol_infix() const;
  [[nodiscard]] Infix word_infix() const;
  [[nodiscard]] Infix negatable_infix() const;
  /// Whether infix() needs to be asked: most expressions are one operand.
  [[nodiscard]] bool operator_ahead() const {
    return token().keyword != Keyword::none || (token().symbol != 0 && !at(",") && !at(")"));
  }
  /// Takes operators that bind at least as tightly as `precedence`; `left` is read and began at token `start`.
  Result<Expr*> operators(Expr* left, std::uint32_t start, int precedence);
  Result<Expr*> infix_node(const Infix& infix, Expr* left, std::uint32_t start, Expr*& open);
  Result<Expr*> list_node(const Infix& infix, Expr* left, Expr*& open);
  Result<Expr*> between(Expr* left, std::uint32_t start, bool negated);
  Result<Expr*> is_test(Expr* left);
  [[nodiscard]] bool bracketed_query(std::uint32_t index) const;
  Result<Expr*> quantified(Expr* left, const Infix& infix);
  Result<Expr*> time_zone(Expr* left);
  Result<Expr*> ternary(Expr* condition);
  Result<Expr*> prefix(bool after_plus = false);
  Result<Expr*> sign(bool after_plus);
  Result<Expr*> negation();
  /// `text_of_literal`: a cast with :: takes a literal by its text.
  Result<Expr*> postfix(Expr* base, bool text_of_literal = true);
  [[nodiscard]] bool postfix_ahead() const { return at("[") || at(".") || at("::"); }
  Result<Expr*> primary();
  Result<Expr*> literal();
  Result<Expr*> name_operand();
  Result<Expr*> keyword_operand();
  Result<Expr*> symbol_operand();
  Result<Expr*> parenthesised();
  Result<Expr*> bracketed();
  Result<Expr*> case_expression();
  Result<Expr*> interval();
  Result<Expr*> interval_text(const Token& text);
  Result<Expr*> lambda();
  Result<Expr*> lambda_behind(Exprs& before);
  std::unexpected<Error> lambda_needs_parentheses() const;
  Result<Expr*> column();
  Status path_part(Path& path, std::string_view what, PathPart::Style style = PathPart::Style::plain);
  Status json_brackets(Expr& column);
  Result<Expr*> star(Expr* star);
  Result<Expr*> columns_matcher(Expr* matcher);
  Status transformers(Expr& star);
  Status except_transformer(Transformer& transformer);
  Status replace_transformer(Transformer& transformer);
  Status apply_transformer(Transformer& transformer);
  [[nodiscard]] bool lambda_ahead() const;
  [[nodiscard]] bool interval_ahead() const;
  [[nodiscard]] bool interval_is_unclear() const;
  [[nodiscard]] static bool infix_symbol(const Token& token);
  [[nodiscard]] bool case_ahead() const;
  [[nodiscard]] bool transformer_ahead() const;
  [[nodiscard]] bool reserved_operand() const;
  /// Reads the name after AS.
  Status alias(Expr& expr);

  // parse_function.cc
  Result<Expr*> call();
  Result<Expr*> cast_call(const Token& name);
  Result<Expr*> extract_call(const Token& name);
  Result<Expr*> substring_call(const Token& name);
  Result<Expr*> trim_call(const Token& name);
  Result<Expr*> position_call(const Token& name);
  Result<Expr*> overlay_call(const Token& name);
  Result<Expr*> date_add_call(const Token& name, Operator op);
  Result<Expr*> date_diff_call(const Token& name);
  Result<Expr*> exists_call(const Token& name);
  Status arguments(Exprs& list);
  Result<Expr*> call_tail(Expr* call);
  Result<Window*> window_reference();
  Result<Window*> window_definition();
  Status window_frame(Window& window);
  Result<FrameBound> frame_bound();
  Result<Expr*> cast_literal(Expr* value, const Position& where);

  // parse_type.cc
  Status type_into(std::string& out, std::uint32_t depth);
  Status type_argument(std::string& out, std::uint32_t depth);

  // Nodes.
  Expr* make(Expr::Kind kind, const Position& where) {
    auto* expr = arena_.make<Expr>();
    expr->kind = kind;
    expr->where = where;
    return expr;
  }
  Expr* make_call(std::string_view function, const Position& where, std::initializer_list<Expr*> args);
  Expr* make_string(std::string_view text, const Position& where);
  Expr* make_number(std::string_view text, const Position& where);
  static constexpr std::uint32_t leaf_height = 1;
  /// Every node with children passes here: measures its height.
  Result<Expr*> finish(Expr* expr) {
    std::uint32_t below = expr->height - 1;
#pragma clang loop vectorize(disable)  // most lists have one to three items
    for (const Expr* arg : expr->args) below = std::max(below, arg->height);
#pragma clang loop vectorize(disable)
    for (const Expr* param : expr->params) below = std::max(below, param->height);
    expr->height = below + 1;
    tallest_ = std::max(tallest_, expr->height);
    if (expr->height > limits_.tree_height) return error(expr->where, "the expression is too deep");
    return expr;
  }
  Status push(Exprs& list, Expr* expr, std::uint32_t limit, std::string_view what) {
    if (list.size() >= limit) return too_many(expr->where, limit, what);
    list.push(arena_, expr);
    return {};
  }

  std::string_view text_;
  std::vector<Token> tokens_;
  const std::uint32_t last_;  // the end token
  Arena& arena_;
  const ParseLimits limits_;
  std::uint32_t next_ = 0;
  std::uint32_t nesting_ = 0;
  std::uint32_t lambda_depth_ = 0;
  std::uint32_t tallest_ = leaf_height;
  bool subqueries_ = true;
  bool aliases_ = true;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> betweens_;  // token where the left side starts, depth
  std::uint32_t window_count_ = 0;
};

/// The interval function of a unit word ("day", "SQL_TSI_DAY", "d"): "toIntervalDay"; empty when it is no unit.
std::string_view interval_function(std::string_view unit);

}  // namespace kinglet::sql::internal
