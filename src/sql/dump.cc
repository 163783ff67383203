// SPDX-License-Identifier: Apache-2.0
// The tree as text that tells any two trees apart; a resolved table looks like the text that is printed for it.
#include <utility>

#include "sql/printer.h"

namespace kinglet::sql {
namespace {

/// Texts carry their length, so that no text can look like structure.
class Dumper {
 public:
  explicit Dumper(std::string& out) : out_(out) {}

  void query(const SetQuery& query) {
    open("query");
    for (const auto& branch : query.branches) {
      number(static_cast<unsigned>(branch.op));
      if (branch.nested != nullptr)
        this->query(*branch.nested);
      else
        select(*branch.select);
    }
    close();
  }

  void expr(const Expr* expr) {
    if (expr == nullptr) {
      out_ += '-';
      return;
    }
    open("e");
    number(static_cast<unsigned>(expr->kind));
    number(static_cast<unsigned>(expr->op));
    number(static_cast<unsigned>(expr->nulls));
    number(static_cast<unsigned>(expr->op_not) + 2U * static_cast<unsigned>(expr->by_name) +
           4U * static_cast<unsigned>(expr->has_params));
    text(expr->text);
    text(expr->alias);
    for (const PathPart& part : expr->names) {
      number(static_cast<unsigned>(part.style));
      text(part.text);
    }
    exprs(expr->params);
    exprs(expr->args);
    for (const Transformer& one : expr->transformers) transformer(one);
    if (expr->window != nullptr) window(*expr->window);
    if (expr->query != nullptr) query(*expr->query);
    close();
  }

 private:
  void open(std::string_view what) {
    out_ += '(';
    out_ += what;
  }
  void close() { out_ += ')'; }
  void number(unsigned value) {
    out_ += ' ';
    out_ += std::to_string(value);
  }
  void text(std::string_view value) {
    out_ += ' ';
    out_ += std::to_string(value.size());
    out_ += ':';
    out_ += value;
  }
  void exprs(const Exprs& list) {
    out_ += '[';
    for (const Expr* one : list) expr(one);
    out_ += ']';
  }
  void names(const Names& list) {
    out_ += '[';
    for (const auto name : list) text(name);
    out_ += ']';
  }

  void transformer(const Transformer& one) {
    open("transformer");
    number(static_cast<unsigned>(one.kind) * 2 + static_cast<unsigned>(one.strict));
    text(one.text);
    text(one.prefix);
    names(one.names);
    exprs(one.exprs);
    close();
  }

  void window(const Window& window) {
    open("window");
    number(static_cast<unsigned>(window.frame) * 4 + 2U * static_cast<unsigned>(window.reference) +
           static_cast<unsigned>(window.frame_between));
    text(window.name);
    exprs(window.partition_by);
    order(window.order_by);
    for (const FrameBound* bound : {&window.frame_begin, &window.frame_end}) {
      number(static_cast<unsigned>(bound->kind));
      expr(bound->offset);
    }
    close();
  }

  void order(const List<OrderItem>& items) {
    for (const OrderItem& item : items) {
      open("order");
      number(static_cast<unsigned>(item.nulls) * 4 + 2U * static_cast<unsigned>(item.fill) +
             static_cast<unsigned>(item.descending));
      for (const Expr* one :
           {item.expr, item.collation, item.fill_from, item.fill_to, item.fill_step, item.fill_staleness})
        expr(one);
      close();
    }
  }

  void select(const Select& select) {
    open("select");
    for (const bool flag :
         {select.recursive, select.distinct, select.with_ties, select.group_by_all, select.grouping_sets, select.rollup,
          select.cube, select.totals, select.order_by_all, select.interpolate, select.limit_by_all})
      out_ += flag ? '1' : '0';
    for (const WithItem& item : select.with) {
      open(item.materialized ? "materialized" : "with");
      text(item.name);
      names(item.column_aliases);
      if (item.query != nullptr) query(*item.query);
      expr(item.expr);
      close();
    }
    exprs(select.items);
    for (const FromItem& item : select.from) from_item(item);
    for (const Expr* one : {select.prewhere, select.filter, select.having, select.qualify}) expr(one);
    exprs(select.group_by);
    for (const NamedWindow& one : select.windows) {
      text(one.name);
      window(*one.window);
    }
    order(select.order_by);
    exprs(select.interpolations);
    for (const Expr* one : {select.limit_by, select.limit_by_offset, select.limit, select.offset}) expr(one);
    exprs(select.limit_by_columns);
    close();
  }

  void from_item(const FromItem& item) {
    open("from");
    number(static_cast<unsigned>(item.join));
    number(static_cast<unsigned>(item.strictness) * 4 + 2U * static_cast<unsigned>(item.global) +
           static_cast<unsigned>(item.natural));
    table(item.table);
    expr(item.on);
    exprs(item.using_columns);
    exprs(item.arrays);
    close();
  }

  void table(const Table& table) {
    open(table.final ? "final" : "table");
    switch (table.kind) {
      case Table::Kind::name:
        names(table.names);
        break;
      case Table::Kind::physical:
        out_ += '[';
        text(table.database);
        text(table.physical);
        out_ += ']';
        break;
      case Table::Kind::function:
        expr(table.function);
        break;
      case Table::Kind::subquery:
        query(*table.query);
        break;
      case Table::Kind::inlined:
        query(*table.inlined->root);
        break;
    }
    text(table.alias);
    names(table.column_aliases);
    expr(table.sample);
    expr(table.sample_offset);
    close();
  }

  std::string& out_;
};

}  // namespace

std::string dump(const Query& query) {
  std::string out;
  Dumper(out).query(*query.root);
  return out;
}

std::string dump(const Expression& expression) {
  std::string out;
  Dumper(out).expr(expression.root);
  return out;
}

}  // namespace kinglet::sql
