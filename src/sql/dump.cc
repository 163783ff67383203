// SPDX-License-Identifier: Apache-2.0
// The tree as text that tells any two trees apart; a resolved table looks like the text that is printed for it.
#include <algorithm>
#include <utility>

#include "sql/engine_tree.h"
#include "sql/functions.h"
#include "sql/printer.h"

namespace kinglet::sql {
namespace {

bool is_literal(const Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::number:
    case Expr::Kind::string:
    case Expr::Kind::null:
    case Expr::Kind::boolean:
      return expr.alias.empty();
    case Expr::Kind::array:
    case Expr::Kind::tuple:
      return expr.alias.empty() && !expr.args.empty() &&
             std::all_of(expr.args.begin(), expr.args.end(), [](const Expr* one) { return is_literal(*one); });
    default:
      return false;
  }
}

/// Texts carry their length, so that no text can look like structure. `shape` leaves out the values of literals.
class Dumper {
 public:
  explicit Dumper(std::string& out, bool shape = false) : out_(out), shape_(shape) {}

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
    if (shape_ && shape(*expr)) return;
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
    if (shape_ && expr->kind == Expr::Kind::call)
      arguments(*expr);
    else
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
  /// Writes a literal without its value; false when it is none.
  bool shape(const Expr& expr) {
    if (!expr.alias.empty()) return false;
    switch (expr.kind) {
      case Expr::Kind::string:
        out_ += 's';
        return true;
      case Expr::Kind::number:
        return number_shape(expr.text);
      case Expr::Kind::array:
      case Expr::Kind::tuple:
        if (!is_literal(expr)) return false;
        out_ += expr.kind == Expr::Kind::array ? 'A' : 'T';
        return true;
      default:
        return false;
    }
  }

  /// Digits, with a sign and a point at most; 1e5, 0x1F, inf … stay as they are.
  bool number_shape(std::string_view text) {
    const bool minus = text.starts_with('-');
    if (minus) text.remove_prefix(1);
    const std::size_t point = text.find('.');
    const auto digits = [](std::string_view part) {
      return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
    };
    if (!digits(text.substr(0, point))) return false;
    if (point != std::string_view::npos && !digits(text.substr(point + 1))) return false;
    const bool whole = point == std::string_view::npos;
    out_ += minus ? (whole ? 'm' : 'g') : (whole ? 'n' : 'f');
    return true;
  }

  /// Literals that are names (types, aggregate functions) stay.
  void arguments(const Expr& call) {
    const Function* function = find_function(call.text);
    const int count = static_cast<int>(call.args.size());
    int name = -1;
    if (function != nullptr && function->code_argument != CodeArgument::none)
      name = function->code_index < 0 ? count + function->code_index : function->code_index;
    out_ += '[';
    for (int i = 0; i < count; ++i) {
      if (i == name) shape_ = false;
      expr(call.args[static_cast<std::uint32_t>(i)]);
      if (i == name) shape_ = true;
    }
    out_ += ']';
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
          select.cube, select.totals, select.order_by_all, select.interpolate, select.limit_by_all, select.distinct_on})
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
      case Table::Kind::function: {
        const bool shape = std::exchange(shape_, false);  // structures are among the arguments
        expr(table.function);
        shape_ = shape;
        break;
      }
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
  bool shape_;
};

}  // namespace

std::string dump(const Query& query) {
  std::string out;
  Dumper(out).query(*query.root);
  return out;
}

std::string shape_key(const Query& resolved) {
  std::string out;
  Dumper(out, true).query(*resolved.root);
  return out;
}

std::string dump(const Expression& expression) {
  std::string out;
  Dumper(out).expr(expression.root);
  return out;
}

}  // namespace kinglet::sql
