// SPDX-License-Identifier: Apache-2.0
// FROM: tables, sub-queries, table functions, joins and ARRAY JOIN.
#include "sql/parser_internal.h"

namespace kinglet::sql::internal {
Status Parser::from_clause(Select& select) {
  FromItem first;
  TRY(first.table, table());
  select.from.push(arena_, first);
  while (true) {
    TRY(const bool more, join(select));
    if (!more) return {};
    if (select.from.size() > limits_.tables_per_from)
      return error_here(fmt::format("more than {} tables in one FROM", limits_.tables_per_from));
  }
}

/// One more item of FROM; false when there is none.
Result<bool> Parser::join(Select& node) {
  using enum Keyword;
  FromItem item;
  if (take(",")) {
    item.join = FromItem::Join::comma;
    TRY(item.table, table());
    node.from.push(arena_, item);
    return true;
  }
  const bool array_word = at(array) || ((at(left) || at(inner)) && at(array, 1));
  if (array_word) {
    const auto kind = at(left) ? FromItem::Join::array_left : FromItem::Join::array_inner;
    next_ += at(array) ? 1 : 2;
    TRY_VOID(require(Keyword::join, "JOIN"));
    TRY_VOID(array_join(node, kind));
    return true;
  }
  const std::uint32_t start = next_;
  item.global = take(global);
  if (!item.global) take(local);  // the default
  item.natural = take(natural);
  const auto strictness = [&] {
    using S = FromItem::Strictness;
    if (item.strictness != S::unset) return;
    if (take(any))
      item.strictness = S::any;
    else if (take(all))
      item.strictness = S::all;
    else if (take(asof))
      item.strictness = S::asof;
    else if (take(semi))
      item.strictness = S::semi;
    else if (take(anti))
      item.strictness = S::anti;
  };
  strictness();
  const std::uint32_t kind_at = next_;
  item.join = FromItem::Join::inner;
  if (take(inner))
    item.join = FromItem::Join::inner;
  else if (take(left))
    item.join = FromItem::Join::left;
  else if (take(right))
    item.join = FromItem::Join::right;
  else if (take(full))
    item.join = FromItem::Join::full;
  else if (take(cross))
    item.join = FromItem::Join::cross;
  else if (take(paste))
    item.join = FromItem::Join::paste;
  const bool kind_given = next_ != kind_at;
  strictness();
  take(outer);
  if (!take(Keyword::join)) {
    if (next_ != start) return expected("JOIN");
    return false;
  }
  TRY_VOID(check_join(item, kind_given, tokens_[start].where));
  TRY(item.table, table());
  TRY_VOID(join_condition(item));
  node.from.push(arena_, item);
  return true;
}

/// What the engine's parser refuses; a SEMI or ANTI join without a side is a LEFT one.
Status Parser::check_join(FromItem& item, bool kind_given, const Position& where) const {
  using Join = FromItem::Join;
  using Strictness = FromItem::Strictness;
  const bool loose = item.join == Join::cross || item.join == Join::paste;
  if (item.strictness != Strictness::unset && (loose || item.natural))
    return error(where, "CROSS, PASTE and NATURAL joins take no ANY, ALL, ASOF, SEMI or ANTI");
  if (item.natural && loose) return error(where, "a NATURAL join cannot be CROSS or PASTE");
  if (item.strictness != Strictness::semi && item.strictness != Strictness::anti) return {};
  if (!kind_given) item.join = Join::left;
  if (item.join != Join::left && item.join != Join::right) return error(where, "a SEMI or ANTI join is LEFT or RIGHT");
  return {};
}

Status Parser::join_condition(FromItem& item) {
  const bool free = item.natural || item.join == FromItem::Join::cross || item.join == FromItem::Join::paste;
  if (free) return {};
  if (take(Keyword::on)) {
    TRY(item.on, expression());
    return {};
  }
  if (!take(Keyword::using_)) return expected("ON or USING");
  const bool list = take("(");
  TRY_VOID(expressions(item.using_columns, "USING"));
  return list ? require(")") : Status();
}

Status Parser::array_join(Select& select, FromItem::Join kind) {
  FromItem item;
  item.join = kind;
  TRY_VOID(expressions(item.arrays, "ARRAY JOIN"));
  select.from.push(arena_, item);
  return {};
}

Result<Table> Parser::table() {
  Table table;
  table.where = token().where;
  TRY_VOID(table_source(table));
  if (at(Keyword::uuid)) return error_here("UUID after a table is not available", Code::forbidden);
  if (take(Keyword::as) || (at_name() && !blocks_table_alias(token().keyword))) {
    TRY(table.alias, plain_name("a table's alias"));
  }
  if (at("(")) {
    // Printed in backticks, a text with a list behind it would read as a table function.
    if (table.kind == Table::Kind::name && table.alias.empty()) return error_here("a list of columns follows an alias");
    TRY(table.column_aliases, column_aliases());
  }
  TRY_VOID(table_modifiers(table));
  return table;
}

Status Parser::table_source(Table& table) {
  if (at("(")) return parenthesised_table(table);
  if (token().type == Token::Type::string) {  // FROM 'events' is a name too
    const auto written = string_value(token());
    if (written.empty() || written.size() > limits::name_bytes ||
        written.find_first_of("\n\r") != std::string_view::npos)
      return error_here("a text in place of a table must be its name");
    table.names.push(arena_, written);
    ++next_;
    return {};
  }
  const Token first = token();
  TRY(const auto part, name("a table, a sub-query or a table function"));
  table.names.push(arena_, part);
  while (take(".")) {
    if (table.names.size() == 2) return error(first.where, "a table's name has at most two parts");
    TRY(const auto next, name("the name of a table"));
    table.names.push(arena_, next);
  }
  if (!at("(")) return {};
  if (table.names.size() > 1) return error(first.where, "parameterised views are not available", Code::forbidden);
  table.kind = Table::Kind::function;
  TRY(table.function, table_function(first));
  return {};
}

/// (query) | (VALUES …) | (a JOIN b …)
Status Parser::parenthesised_table(Table& table) {
  if (at(Keyword::explain, 1)) return error_here("EXPLAIN is not available", Code::forbidden);
  if (at(Keyword::describe, 1)) return error_here("DESCRIBE is not available", Code::forbidden);
  table.kind = Table::Kind::subquery;
  if (query_content(next_ + 1)) {
    TRY(table.query, nested_query());
    return {};
  }
  const Level level(nesting_);
  TRY_VOID(check_nesting());
  if (at(Keyword::values, 1) && at("(", 2)) {
    TRY(table.query, values_query());
    return {};
  }
  ++next_;
  auto* select = arena_.make<Select>();
  select->where = table.where;
  TRY_VOID(from_clause(*select));
  TRY_VOID(require(")"));
  const FromItem& only = select->from[0];
  if (select->from.size() == 1) {
    const bool bare = only.table.kind == Table::Kind::subquery && only.table.alias.empty();
    if (!bare) return error(table.where, "expected a JOIN or a sub-query in the parentheses");
    table.query = only.table.query;
    return {};
  }
  table.query = wrap(select);
  return {};
}

/// SELECT * FROM …, as the engine reads a parenthesised join.
SetQuery* Parser::wrap(Select* select) {
  select->items.push(arena_, make(Expr::Kind::star, select->where));
  auto* query = arena_.make<SetQuery>();
  query->branches.push(arena_, {.select = select});
  return query;
}

/// (VALUES (1, 2), …): the engine makes the table function SQLStandardValues of it.
Result<SetQuery*> Parser::values_query() {
  const Position where = token().where;
  next_ += 2;
  Expr* call = make(Expr::Kind::call, where);
  call->text = "SQLStandardValues";
  do {
    TRY(Expr * row, expression());
    TRY_VOID(push(call->args, row, limits_.list_items, "rows in VALUES"));
  } while (take(","));
  TRY_VOID(require(")"));
  auto* select = arena_.make<Select>();
  select->where = where;
  FromItem item;
  item.table.kind = Table::Kind::function;
  item.table.where = where;
  TRY(item.table.function, finish(call));
  select->from.push(arena_, item);
  return wrap(select);
}

Result<Expr*> Parser::table_function(const Token& name) {
  const Level level(nesting_);
  TRY_VOID(check_nesting());
  Expr* node = make(Expr::Kind::call, name.where);
  node->text = string_value(name);
  ++next_;
  // Only view(), viewExplain() and eval() take a whole SELECT; none of them is available.
  if (query_content(next_) || at(Keyword::explain))
    return error(name.where, fmt::format("table function {}() is not available", node->text), Code::forbidden);
  if (at(Keyword::settings)) return error_here("SETTINGS is not allowed here", Code::forbidden);
  do {
    if (at(")")) break;
    if (at(Keyword::settings)) return error_here("SETTINGS is not allowed here", Code::forbidden);
    TRY(Expr * arg, aliased());
    TRY_VOID(push(node->args, arg, limits_.list_items, "arguments"));
  } while (take(","));
  TRY_VOID(require(")"));
  return finish(node);
}

/// [(a, b)]
Result<Names> Parser::column_aliases() {
  Names names;
  if (!take("(")) return names;
  do {
    if (names.size() >= limits_.select_items) return error_here("too many columns");
    TRY(const auto column, name("a column's name"));
    names.push(arena_, column);
  } while (take(","));
  TRY_VOID(require(")"));
  return names;
}

Status Parser::table_modifiers(Table& table) {
  table.final = take(Keyword::final_);
  if (take(Keyword::sample)) {
    TRY(table.sample, sample_ratio());
    if (take(Keyword::offset)) {
      TRY(table.sample_offset, sample_ratio());
    }
  }
  if (at(Keyword::stream) || at(Keyword::cursor)) return error_here("STREAM is not available", Code::forbidden);
  if (at(Keyword::uuid)) return error_here("UUID after a table is not available", Code::forbidden);
  return {};
}

/// n | n / m
Result<Expr*> Parser::sample_ratio() {
  if (token().type != Token::Type::number) return expected("a number or ratio");
  TRY(Expr * number, primary());
  if (!take("/")) return number;
  if (token().type != Token::Type::number) return expected("a number");
  Expr* ratio = make(Expr::Kind::binary, number->where);
  ratio->op = Operator::divide;
  TRY(Expr * divisor, primary());
  ratio->args.push(arena_, number);
  ratio->args.push(arena_, divisor);
  return finish(ratio);
}

}  // namespace kinglet::sql::internal
