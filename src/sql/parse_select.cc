// SPDX-License-Identifier: Apache-2.0
// Statements: set operations, the clauses of a SELECT, and what may follow the outermost one.
#include <algorithm>
#include <utility>

#include "sql/parser_internal.h"

namespace kinglet::sql::internal {

/// Whether what starts at token `index` is a SELECT or a set operation: SELECT …, WITH …, (SELECT …) UNION …
bool Parser::query_content(std::uint32_t index) const {
  using enum Keyword;
  for (std::uint32_t depth = 0; depth <= limits_.nesting && index < tokens_.size(); ++depth, ++index) {
    const Keyword keyword = tokens_[index].keyword;
    if (keyword == select || keyword == with || keyword == from) return true;
    if (!tokens_[index].is("(")) return false;
    const std::uint32_t after = closing(index) + 1;
    if (after >= tokens_.size()) return false;
    const Keyword operation = tokens_[after].keyword;
    if (operation != union_ && operation != intersect && operation != except) return false;
  }
  return false;
}

Status Parser::statement(Query& query) {
  using enum Keyword;
  if (!at(select) && !at(with) && !at(from) && !at("("))
    return expected("SELECT or WITH (other statements are not available)");
  TRY(query.root, set_query());
  while (true) {
    if (at(settings)) {
      if (!query.settings.empty()) return error_here("SETTINGS is given twice");
      ++next_;
      TRY_VOID(this->settings(query));
    } else if (at(format)) {
      if (!query.format.empty()) return error_here("FORMAT is given twice");
      ++next_;
      TRY(query.format, name("the name of a format"));
    } else {
      break;
    }
  }
  if (at(into)) return error_here("INTO OUTFILE is not available", Code::forbidden);
  if (at(parallel)) return error_here("PARALLEL WITH is not available: only one statement is allowed", Code::forbidden);
  if (!query.settings.empty() && set_operation() != SetQuery::Op::first)
    return error(query.settings[0].where, "SETTINGS is allowed only at the end of the outermost query",
                 Code::forbidden);
  if (at(";")) {
    while (take(";")) {
    }
    if (!at_end()) return error_here("several statements are not allowed");
  }
  return expect_end("the end of the query");
}

Status Parser::settings(Query& query) {
  do {
    Setting setting;
    setting.where = token().where;
    TRY(setting.name, name("the name of a setting"));
    TRY_VOID(require("="));
    const bool minus = take("-");
    const Token& value = token();
    if (value.type == Token::Type::number) {
      setting.value = arena_.keep(minus ? "-" + std::string(raw(value)) : std::string(raw(value)));
    } else if (!minus && value.type == Token::Type::string) {
      setting.value = string_value(value);
    } else if (!minus && (at(Keyword::true_) || at(Keyword::false_))) {
      setting.value = at(Keyword::true_) ? "1" : "0";
    } else {
      return expected("a number, a string, true or false");
    }
    ++next_;
    query.settings.push(arena_, setting);
  } while (take(","));
  return {};
}

SetQuery::Op Parser::set_operation() const {
  using enum Keyword;
  using Op = SetQuery::Op;
  if (at(union_)) return at(all, 1) ? Op::union_all : at(distinct, 1) ? Op::union_distinct : Op::union_plain;
  if (at(intersect)) return at(distinct, 1) ? Op::intersect_distinct : Op::intersect;
  if (at(except)) return at(distinct, 1) ? Op::except_distinct : Op::except_;
  return Op::first;
}

Result<SetQuery*> Parser::set_query() {
  auto* query = arena_.make<SetQuery>();
  SetQuery::Branch branch;
  while (true) {
    if (query->branches.size() >= limits_.union_branches)
      return error_here(fmt::format("more than {} SELECTs in a UNION", limits_.union_branches));
    if (at("(")) {
      branch.select = nullptr;
      TRY(branch.nested, nested_query());
    } else {
      branch.nested = nullptr;
      TRY(branch.select, select());
    }
    query->branches.push(arena_, branch);
    branch.op = set_operation();
    if (branch.op == SetQuery::Op::first) return query;
    ++next_;
    if (at(Keyword::all) || at(Keyword::distinct)) ++next_;
  }
}

/// ( query )
Result<SetQuery*> Parser::nested_query() {
  if (!subqueries_) return error_here("a sub-query is not allowed here");
  const Level level(nesting_);
  TRY_VOID(check_nesting());
  TRY_VOID(require("("));
  TRY(SetQuery * query, set_query());
  if (at(Keyword::settings))
    return error_here("SETTINGS is allowed only at the end of the outermost query", Code::forbidden);
  if (!take(")")) return expected("')' after the sub-query");
  return query;
}

Status Parser::expressions(Exprs& list, std::string_view what) {
  do {
    TRY(Expr * expr, aliased());
    if (list.size() >= limits_.select_items)
      return error(expr->where, fmt::format("more than {} expressions in {}", limits_.select_items, what));
    list.push(arena_, expr);
  } while (take(","));
  return {};
}

Result<Select*> Parser::select() {
  auto* node = arena_.make<Select>();
  node->where = token().where;
  const std::uint32_t outer_windows = std::exchange(window_count_, 0);
  const std::uint32_t outer_height = std::exchange(tallest_, leaf_height);
  using enum Keyword;
  if (take(with)) TRY_VOID(with_clause(*node));
  const bool from_first = take(from);
  if (from_first) TRY_VOID(from_clause(*node));
  if (!take(Keyword::select)) return expected(from_first ? "SELECT" : "SELECT or FROM");
  TRY_VOID(select_clause(*node));
  if (!from_first && take(from)) TRY_VOID(from_clause(*node));
  if (take(prewhere)) {
    TRY(node->prewhere, aliased());
  }
  if (take(where)) {
    TRY(node->filter, aliased());
  }
  if (at(group) && at(by, 1)) {
    next_ += 2;
    TRY_VOID(group_by(*node));
  }
  while (at(with) && (at(rollup, 1) || at(cube, 1) || at(totals, 1))) {
    (at(rollup, 1) ? node->rollup : at(cube, 1) ? node->cube : node->totals) = true;
    next_ += 2;
  }
  if (take(having)) {
    TRY(node->having, aliased());
  }
  if (take(window)) {
    do {
      NamedWindow named;
      TRY(named.name, name("the name of a window"));
      TRY_VOID(require(as, "AS"));
      TRY(named.window, window_definition());
      node->windows.push(arena_, named);
    } while (take(","));
  }
  if (take(qualify)) {
    TRY(node->qualify, aliased());
  }
  if (at(order) && at(by, 1)) {
    next_ += 2;
    TRY_VOID(order_by(*node));
  }
  TRY_VOID(limit_clauses(*node));
  if (node->with_ties && node->order_by.empty()) return error(node->where, "WITH TIES needs ORDER BY");
  if (node->with_ties && node->limit_by != nullptr)
    return error(node->where, "WITH TIES cannot stand with LIMIT BY or DISTINCT ON");
  if (from_first && node->offset != nullptr && node->limit == nullptr) {
    // Written after FROM, this OFFSET would become the sample's: give the sample its own.
    Table& last = node->from.back().table;
    if (last.sample != nullptr && last.sample_offset == nullptr) last.sample_offset = make_number("0", last.where);
  }
  window_count_ = outer_windows;
  // The SELECT adds levels of its own between its expressions and what holds it.
  constexpr std::uint32_t own_levels = 3;
  tallest_ += own_levels;
  if (tallest_ > limits_.tree_height) return error(node->where, "the query is too deep");
  tallest_ = std::max(tallest_, outer_height);
  return node;
}

Status Parser::with_clause(Select& node) {
  node.recursive = take(Keyword::recursive);
  if (node.recursive && at(Keyword::as)) return expected("a name (RECURSIVE is a keyword here, `recursive` a name)");
  do {
    if (at(Keyword::select) || at(Keyword::from)) return {};  // after a last comma
    if (node.with.size() >= limits_.select_items) return error_here("too many items in WITH");
    TRY(const WithItem item, with_item());
    node.with.push(arena_, item);
  } while (take(","));
  return {};
}

/// name [(columns)] AS [MATERIALIZED] (query) | expression [AS alias]
Result<WithItem> Parser::with_item() {
  WithItem item;
  item.where = token().where;
  const std::uint32_t as = at_name() && at("(", 1) ? closing(next_ + 1) - next_ + 1 : 1;
  const std::uint32_t open = at(Keyword::materialized, as + 1) ? as + 2 : as + 1;
  if (at_name() && at(Keyword::as, as) && at("(", open)) {
    std::uint32_t content = next_ + open + 1;
    while (content < tokens_.size() && tokens_[content].is("(")) ++content;
    const Keyword first = tokens_[std::min<std::size_t>(content, tokens_.size() - 1)].keyword;
    if (first == Keyword::select || first == Keyword::with || first == Keyword::from) {
      TRY(item.name, plain_name("the name of a CTE"));
      TRY(item.column_aliases, column_aliases());
      ++next_;
      item.materialized = take(Keyword::materialized);
      // Parentheses around a whole query change nothing.
      std::uint32_t extra = 0;
      while (at("(") && at("(", 1) && closing(next_) == closing(next_ + 1) + 1) {
        ++next_;
        ++extra;
      }
      TRY(item.query, nested_query());
      for (; extra != 0; --extra) TRY_VOID(require(")"));
      return item;
    }
  }
  TRY(item.expr, aliased());
  return item;
}

/// [ALL | DISTINCT [ON (…)]] [TOP n [WITH TIES]] items
Status Parser::select_clause(Select& node) {
  using enum Keyword;
  if (take(distinct)) {
    if (at(on) && at("(", 1)) {  // the engine makes LIMIT 1 BY of it
      next_ += 2;
      node.distinct_on = true;
      node.limit_by = make_number("1", token().where);
      TRY_VOID(expressions(node.limit_by_columns, "DISTINCT ON"));
      TRY_VOID(require(")"));
    } else {
      node.distinct = true;
    }
  } else if (at(all) && !at(",", 1) && !at(from, 1) && !at("(", 1) && !at(".", 1) &&
             token(1).type != Token::Type::end) {
    ++next_;
  }
  const bool bracket = at("(", 1) && token(2).type == Token::Type::number && at(")", 3);
  if (at(top) && (token(1).type == Token::Type::number || bracket)) {
    next_ += bracket ? 2 : 1;
    node.limit = make_number(raw(token()), token().where);
    next_ += bracket ? 2 : 1;
    if (at(with) && at(ties, 1)) {
      next_ += 2;
      node.with_ties = true;
    }
  }
  do {
    // After a last comma; but from(a, b) would be a call to the engine.
    if (!node.items.empty() && at(from) && (!at("(", 1) || query_content(next_ + 2))) return {};
    TRY(Expr * item, aliased(true));
    TRY_VOID(push(node.items, item, limits_.select_items, "columns in SELECT"));
  } while (take(","));
  return {};
}

Status Parser::group_by(Select& node) {
  using enum Keyword;
  const bool ends = !at("(", 1) && !at(",", 1) && !at(".", 1);
  if (at(all) && ends) {
    ++next_;
    node.group_by_all = true;
    return {};
  }
  if ((at(rollup) || at(cube)) && at("(", 1)) {
    (at(rollup) ? node.rollup : node.cube) = true;
    next_ += 2;
    TRY_VOID(expressions(node.group_by, "GROUP BY"));
    return require(")");
  }
  if (!at(grouping) || !at(sets, 1)) {
    TRY_VOID(expressions(node.group_by, "GROUP BY"));
    return {};
  }
  next_ += 2;
  node.grouping_sets = true;
  TRY_VOID(require("("));
  do {
    Expr* set = make(Expr::Kind::tuple, token().where);
    if (take("(")) {
      if (!at(")")) {
        TRY_VOID(expressions(set->args, "a grouping set"));
      }
      TRY_VOID(require(")"));
    } else {
      TRY(Expr * expr, aliased());
      set->args.push(arena_, expr);
    }
    TRY(set, finish(set));
    TRY_VOID(push(node.group_by, set, limits_.select_items, "grouping sets"));
  } while (take(","));
  return require(")");
}

Status Parser::order_by(Select& node) {
  using enum Keyword;
  const bool column = at(",", 1) || at("(", 1) || at(".", 1) || at("[", 1);
  if (at(all) && !column) {
    node.order_by_all = true;
    ++next_;
    OrderItem item;
    item.descending = at(desc) || at(descending);
    if (item.descending || at(asc) || at(ascending)) ++next_;
    if (take(nulls)) {
      item.nulls = at(first) ? OrderItem::Nulls::first : OrderItem::Nulls::last;
      if (!take(first) && !take(last)) return expected("FIRST or LAST");
    }
    node.order_by.push(arena_, item);
    return {};
  }
  TRY(node.order_by, order_items());
  if (!at(Keyword::interpolate)) return {};
  if (std::none_of(node.order_by.begin(), node.order_by.end(), [](const OrderItem& one) { return one.fill; }))
    return error_here("INTERPOLATE needs WITH FILL in ORDER BY");
  return this->interpolate(node);
}

Result<List<OrderItem>> Parser::order_items() {
  using enum Keyword;
  List<OrderItem> items;
  do {
    if (items.size() >= limits_.select_items) return error_here("too many items in ORDER BY");
    OrderItem item;
    TRY(item.expr, aliased());
    item.descending = at(desc) || at(descending);
    if (item.descending || at(asc) || at(ascending)) ++next_;
    if (at(nulls) && (at(first, 1) || at(last, 1))) {
      item.nulls = at(first, 1) ? OrderItem::Nulls::first : OrderItem::Nulls::last;
      next_ += 2;
    }
    if (take(collate)) {
      if (!at_string()) return expected("the name of a collation, a string");
      TRY(item.collation, primary());
    }
    if (at(with) && at(fill, 1)) {
      next_ += 2;
      item.fill = true;
      if (take(from)) {
        TRY(item.fill_from, expression());
      }
      if (take(to)) {
        TRY(item.fill_to, expression());
      }
      if (take(step)) {
        TRY(item.fill_step, expression());
      }
      if (take(staleness)) {
        TRY(item.fill_staleness, expression());
      }
    }
    items.push(arena_, item);
  } while (take(","));
  return items;
}

/// INTERPOLATE [(column [AS expression], …)]
Status Parser::interpolate(Select& node) {
  ++next_;
  node.interpolate = true;
  if (!take("(")) return {};
  while (!at(")")) {
    Expr* item = make(Expr::Kind::column, token().where);
    TRY(const auto column, name("a column's name"));
    item->names.push(arena_, {column});
    if (take(Keyword::as)) {
      TRY(item, expression());
      if (!item->alias.empty()) return error(item->where, "an alias is not allowed here");
    }
    item->alias = column;
    TRY_VOID(push(node.interpolations, item, limits_.select_items, "columns in INTERPOLATE"));
    if (!take(",")) break;
  }
  return require(")");
}

Status Parser::limit_clauses(Select& node) {
  using enum Keyword;
  while (true) {
    if (at(limit_) && node.offset != nullptr && node.limit == nullptr) return error_here("LIMIT stands before OFFSET");
    if (take(limit_)) {
      TRY_VOID(limit(node));
    } else if (at(offset) && node.offset == nullptr) {
      if (node.limit_by != nullptr && !node.distinct_on && node.limit == nullptr)
        return error_here("after LIMIT BY, OFFSET needs a LIMIT of its own");
      ++next_;
      TRY(node.offset, expression());
      if (!take(row)) take(rows);
      if (!at(fetch)) continue;
      ++next_;
      if (node.limit != nullptr) return error_here("FETCH and LIMIT exclude each other");
      if (!take(first) && !take(next)) return expected("FIRST or NEXT");
      TRY(node.limit, expression());
      if (!take(row) && !take(rows)) return expected("ROW or ROWS");
      if (at(with) && at(ties, 1)) {
        next_ += 2;
        node.with_ties = true;
      } else {
        TRY_VOID(require(only, "ONLY or WITH TIES"));
      }
    } else {
      return {};
    }
  }
}

/// LIMIT n | LIMIT m, n | LIMIT n OFFSET m, then BY columns or WITH TIES
Status Parser::limit(Select& node) {
  using enum Keyword;
  const Position start = token().where;
  TRY(Expr * count, expression());
  Expr* skipped = nullptr;
  if (take(",")) {
    skipped = count;
    TRY(count, expression());
  } else if (at(offset)) {
    ++next_;
    TRY(skipped, expression());
  }
  if (take(by)) {
    if (node.limit_by != nullptr) return error(start, "LIMIT BY is given twice");
    node.limit_by = count;
    node.limit_by_offset = skipped;
    if (at(all) && !at(",", 1) && !at(".", 1) && !at("(", 1)) {
      ++next_;
      node.limit_by_all = true;
      return {};
    }
    TRY_VOID(expressions(node.limit_by_columns, "LIMIT BY"));
    return {};
  }
  if (node.limit != nullptr || (skipped != nullptr && node.offset != nullptr))
    return error(start, "LIMIT is given twice");
  node.limit = count;
  if (skipped != nullptr) node.offset = skipped;
  if (at(with) && at(ties, 1)) {
    next_ += 2;
    node.with_ties = true;
  }
  return {};
}

}  // namespace kinglet::sql::internal
