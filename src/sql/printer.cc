// SPDX-License-Identifier: Apache-2.0
// The printer. Parentheses stand exactly where the parser's precedence needs them.
#include "sql/printer.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "sql/output.h"
#include "sql/parser.h"
#include "sql/precedence.h"

namespace kinglet::sql {
namespace {

using namespace internal;
using Kind = Expr::Kind;

constexpr Bytes word_bytes = [] {
  Bytes out{};
  for (std::size_t c = 0; c < out.size(); ++c) out[c] = ascii::is_word(static_cast<char>(c));
  return out;
}();

int binary_bind(Operator op) {
  using enum Operator;
  if (op <= is_not_distinct_from) return bind_distinct;
  if (op <= global_not_in) return bind_compare;
  return op <= minus ? bind_add : bind_multiply;
}

int bind(const Expr& expr) {
  switch (expr.kind) {
    case Kind::lambda:
      return bind_lambda;
    case Kind::logical_or:
      return bind_or;
    case Kind::logical_and:
      return bind_and;
    case Kind::not_:
      return bind_not;
    case Kind::between:
      return bind_between;
    case Kind::quantified:
      return bind_compare;
    case Kind::concat:
      return bind_concat;
    case Kind::negate:
      return bind_negate;
    case Kind::binary:
      return binary_bind(expr.op);
    default:
      return bind_atom;
  }
}

/// A function's name is safe without quotes when it is a plain word that begins no syntax.
bool bare_function(std::string_view name) {
  const auto word = [](char c) { return word_bytes[static_cast<unsigned char>(c)]; };
  if (name.empty() || ascii::is_digit(name[0]) || !std::all_of(name.begin(), name.end(), word)) return false;
  using enum Keyword;
  switch (find_keyword(name)) {
    case none:
    case cast:
    case left:
    case right:
    case replace:
    case format:
    case date:
    case exists:
    case values:
      return true;
    default:
      return false;
  }
}

class Printer {
 public:
  explicit Printer(Output& out) : out_(out) {}

  void query(const SetQuery& query) {
    for (const auto& branch : query.branches) {
      const bool except = branch.op == SetQuery::Op::except_ || branch.op == SetQuery::Op::except_distinct;
      if (except) close_star(star_end_);  // `* EXCEPT` would name columns
      switch (branch.op) {
        case SetQuery::Op::first:
          break;
        case SetQuery::Op::union_plain:
          out_ += " UNION ";
          break;
        case SetQuery::Op::union_all:
          out_ += " UNION ALL ";
          break;
        case SetQuery::Op::union_distinct:
          out_ += " UNION DISTINCT ";
          break;
        case SetQuery::Op::intersect:
          out_ += " INTERSECT ";
          break;
        case SetQuery::Op::intersect_distinct:
          out_ += " INTERSECT DISTINCT ";
          break;
        case SetQuery::Op::except_:
          out_ += " EXCEPT ";
          break;
        case SetQuery::Op::except_distinct:
          out_ += " EXCEPT DISTINCT ";
          break;
      }
      if (branch.nested != nullptr)
        nested(*branch.nested);
      else
        select(*branch.select);
    }
  }

  /// With its alias.
  void item(const Expr& expr) {
    expression(expr);
    alias(expr.alias);
  }

 private:
  void nested(const SetQuery& set) {
    out_ += '(';
    query(set);
    out_ += ')';
  }

  void name(std::string_view text) { append_quoted(out_, text, '`'); }
  void string(std::string_view text) { append_quoted(out_, text, '\''); }

  void alias(std::string_view text) {
    if (text.empty()) return;
    out_ += " AS ";
    name(text);
  }

  template <class T, class F>
  void list(const T& items, F&& print_one) {
    bool first = true;
    for (const auto& one : items) {
      if (!std::exchange(first, false)) out_ += ", ";
      print_one(one);
    }
  }
  void items(const Exprs& exprs) {
    list(exprs, [&](const Expr* expr) {
      if (expr == exprs[0])
        item(*expr);
      else
        later_item(*expr);
    });
  }
  /// A bare lambda would take what stands before it for its parameters.
  void later_item(const Expr& expr) {
    if (expr.kind != Expr::Kind::lambda) return item(expr);
    operand(expr, bind_lambda + 1);
  }
  void names(const Names& list_of_names) {
    list(list_of_names, [&](std::string_view one) { name(one); });
  }
  void bracketed_names(const Names& list_of_names) {
    if (list_of_names.empty()) return;
    out_ += " (";
    names(list_of_names);
    out_ += ')';
  }

  /// In parentheses unless it binds at least as tightly as `required`.
  void operand(const Expr& expr, int required) {
    if (expr.alias.empty() && bind(expr) >= required) return expression(expr);
    out_ += '(';
    item(expr);
    out_ += ')';
  }

  void path(const Path& parts) {
    bool first = true;
    for (const PathPart& part : parts) {
      if (!std::exchange(first, false)) out_ += '.';
      if (part.style == PathPart::Style::sub_object) out_ += '^';
      if (part.style == PathPart::Style::type) out_ += ':';
      name(part.text);
    }
  }

  void expression(const Expr& expr) {
    switch (expr.kind) {
      case Kind::number:
        out_ += expr.text;
        return;
      case Kind::string:
        return string(expr.text);
      case Kind::null:
        out_ += "NULL";
        return;
      case Kind::boolean:
        out_ += expr.op_not ? "false" : "true";
        return;
      case Kind::column:
        return path(expr.names);
      case Kind::star:
      case Kind::columns:
        return star(expr);
      case Kind::call:
        return call(expr);
      case Kind::binary: {
        const int own = bind(expr);
        operand(*expr.args[0], own);
        if (expr.op == Operator::like || expr.op == Operator::ilike)
          close_star(bare_star_end_);  // else it chooses columns
        out_ += ' ';
        out_ += spelling(expr.op);
        out_ += ' ';
        return operand(*expr.args[1], own + 1);
      }
      case Kind::logical_and:
        return chain(expr, " AND ");
      case Kind::logical_or:
        return chain(expr, " OR ");
      case Kind::concat:
        return chain(expr, " || ");
      case Kind::not_:
        out_ += "NOT ";
        return operand(*expr.args[0], bind_not);
      case Kind::negate: {
        out_ += '-';
        const Expr& inner = *expr.args[0];
        return operand(inner, inner.kind == Kind::number ? bind_atom + 1 : bind_element);
      }
      case Kind::between:
        operand(*expr.args[0], bind_between + 1);
        out_ += expr.op_not ? " NOT BETWEEN " : " BETWEEN ";
        operand(*expr.args[1], bind_concat);
        out_ += " AND ";
        return operand(*expr.args[2], bind_concat);
      case Kind::quantified:
        operand(*expr.args[0], bind_compare);
        out_ += ' ';
        out_ += spelling(expr.op);
        out_ += expr.op_not ? " ALL " : " ANY ";
        return expression(*expr.args[1]);
      case Kind::index:
        base(*expr.args[0], false);
        out_ += '[';
        item(*expr.args[1]);
        out_ += ']';
        return;
      case Kind::element:
        base(*expr.args[0], expr.by_name);
        out_ += '.';
        if (expr.by_name)
          name(expr.text);
        else
          out_ += expr.text;
        return;
      case Kind::array:
        out_ += '[';
        items(expr.args);
        out_ += ']';
        return;
      case Kind::tuple:
        out_ += '(';
        items(expr.args);
        out_ += expr.args.size() == 1 ? ",)" : ")";
        return;
      case Kind::lambda:
        return lambda(expr);
      case Kind::subquery:
        return nested(*expr.query);
    }
  }

  void chain(const Expr& expr, std::string_view between) {
    bool first = true;
    for (const Expr* arg : expr.args) {
      if (!std::exchange(first, false)) out_ += between;
      operand(*arg, bind(expr) + 1);
    }
  }

  /// What stands before [i] or .e; a column before .name would swallow the name.
  void base(const Expr& expr, bool by_name) {
    bool bare = false;
    switch (expr.kind) {
      case Kind::column:
        bare = !by_name;
        break;
      case Kind::call:
        bare = expr.window == nullptr && expr.nulls == Expr::Nulls::unset;
        break;
      case Kind::index:
      case Kind::element:
      case Kind::array:
      case Kind::tuple:
        bare = true;
        break;
      default:
        break;
    }
    operand(expr, bare ? bind_element : bind_atom + 1);
  }

  void lambda(const Expr& expr) {
    const bool one = expr.names.size() == 1;
    if (!one) out_ += '(';
    list(expr.names, [&](const PathPart& part) { name(part.text); });
    out_ += one ? " -> " : ") -> ";
    operand(*expr.args[0], bind_lambda + 1);
  }

  void call(const Expr& expr) {
    if (bare_function(expr.text))
      out_ += expr.text;
    else
      name(expr.text);
    if (expr.text == "exists" && expr.args.size() == 1 && expr.args[0]->kind == Kind::subquery &&
        expr.args[0]->alias.empty())
      return nested(*expr.args[0]->query);
    if (expr.has_params) {
      out_ += '(';
      items(expr.params);
      out_ += ')';
    }
    out_ += '(';
    if (expr.text == "position" && !expr.args.empty() && expr.args[0]->alias.empty()) {
      operand(*expr.args[0], bind_concat);  // position(a IN b) means something else
      for (std::uint32_t i = 1; i < expr.args.size(); ++i) {
        out_ += ", ";
        later_item(*expr.args[i]);
      }
    } else {
      items(expr.args);
    }
    out_ += ')';
    if (expr.nulls != Expr::Nulls::unset)
      out_ += expr.nulls == Expr::Nulls::respect ? " RESPECT NULLS" : " IGNORE NULLS";
    if (expr.window == nullptr) return;
    out_ += " OVER ";
    if (expr.window->reference)
      name(expr.window->name);
    else
      window(*expr.window);
  }

  void window(const Window& window) {
    out_ += '(';
    bool blank = false;
    const auto next = [&] {
      if (std::exchange(blank, true)) out_ += ' ';
    };
    if (!window.name.empty()) {
      next();
      name(window.name);
    }
    if (!window.partition_by.empty()) {
      next();
      out_ += "PARTITION BY ";
      items(window.partition_by);
    }
    if (!window.order_by.empty()) {
      next();
      out_ += "ORDER BY ";
      order(window.order_by);
    }
    if (window.frame != Window::Frame::none) {
      next();
      out_ += window.frame == Window::Frame::rows    ? "ROWS "
              : window.frame == Window::Frame::range ? "RANGE "
                                                     : "GROUPS ";
      if (window.frame_between) out_ += "BETWEEN ";
      bound(window.frame_begin);
      if (window.frame_between) {
        out_ += " AND ";
        bound(window.frame_end);
      }
    }
    out_ += ')';
  }

  void bound(const FrameBound& bound) {
    if (bound.kind == FrameBound::Kind::current_row) {
      out_ += "CURRENT ROW";
      return;
    }
    if (bound.offset == nullptr)
      out_ += "UNBOUNDED";
    else
      operand(*bound.offset, bind_concat);
    out_ += bound.kind == FrameBound::Kind::preceding ? " PRECEDING" : " FOLLOWING";
  }

  void star(const Expr& expr) {
    star_begin_ = out_.size();
    path(expr.names);
    if (!expr.names.empty()) out_ += '.';
    if (expr.kind == Kind::star) {
      out_ += '*';
      if (expr.op != Operator::none) {
        out_ += ' ';
        out_ += spelling(expr.op);
        out_ += ' ';
        string(expr.text);
      }
    } else {
      out_ += "COLUMNS(";
      if (expr.args.empty())
        string(expr.text);
      else
        items(expr.args);
      out_ += ')';
    }
    for (const Transformer& transformer : expr.transformers) this->transformer(transformer);
    star_end_ = out_.size();
    if (expr.kind == Kind::star && expr.op == Operator::none && expr.transformers.empty()) bare_star_end_ = star_end_;
  }

  /// Puts a star that ends here into parentheses: what follows would change its meaning.
  void close_star(std::size_t end) {
    if (end != out_.size()) return;
    out_.insert(star_begin_, '(');
    out_ += ')';
  }

  void transformer(const Transformer& transformer) {
    using TKind = Transformer::Kind;
    switch (transformer.kind) {
      case TKind::except_names:
      case TKind::except_pattern:
        out_ += transformer.strict ? " EXCEPT STRICT (" : " EXCEPT (";
        if (transformer.kind == TKind::except_pattern)
          string(transformer.text);
        else
          names(transformer.names);
        break;
      case TKind::replace:
        out_ += transformer.strict ? " REPLACE STRICT (" : " REPLACE (";
        items(transformer.exprs);
        break;
      case TKind::apply_lambda:
        out_ += " APPLY (";
        item(*transformer.exprs[0]);
        break;
      case TKind::apply_function:
        out_ += " APPLY (";
        if (bare_function(transformer.text))
          out_ += transformer.text;
        else
          name(transformer.text);
        if (!transformer.exprs.empty()) {
          out_ += '(';
          items(transformer.exprs);
          out_ += ')';
        }
        break;
    }
    if (!transformer.prefix.empty()) {
      out_ += ", ";
      string(transformer.prefix);
    }
    out_ += ')';
  }

  void order(const List<OrderItem>& order_items) {
    list(order_items, [&](const OrderItem& one) {
      if (one.expr == nullptr)
        out_ += "ALL";
      else
        item(*one.expr);
      if (one.descending) out_ += " DESC";
      if (one.nulls != OrderItem::Nulls::unset)
        out_ += one.nulls == OrderItem::Nulls::first ? " NULLS FIRST" : " NULLS LAST";
      clause(" COLLATE ", one.collation);
      if (!one.fill) return;
      out_ += " WITH FILL";
      plain_clause(" FROM ", one.fill_from);
      plain_clause(" TO ", one.fill_to);
      plain_clause(" STEP ", one.fill_step);
      plain_clause(" STALENESS ", one.fill_staleness);
    });
  }

  /// Where the grammar takes no alias.
  void plain_clause(std::string_view keyword, const Expr* expr) {
    if (expr == nullptr) return;
    out_ += keyword;
    operand(*expr, bind_lambda);
  }

  void clause(std::string_view keyword, const Expr* expr) {
    if (expr == nullptr) return;
    out_ += keyword;
    item(*expr);
  }

  void select(const Select& select) {
    if (!select.with.empty()) {
      out_ += select.recursive ? "WITH RECURSIVE " : "WITH ";
      list(select.with, [&](const WithItem& one) { with_item(one); });
      out_ += ' ';
    }
    out_ += select.distinct ? "SELECT DISTINCT " : "SELECT ";
    if (select.distinct_on) {
      out_ += "DISTINCT ON (";
      items(select.limit_by_columns);
      out_ += ") ";
    }
    items(select.items);
    if (!select.from.empty()) out_ += " FROM ";
    for (const FromItem& one : select.from) from_item(one);
    clause(" PREWHERE ", select.prewhere);
    clause(" WHERE ", select.filter);
    group_by(select);
    clause(" HAVING ", select.having);
    if (!select.windows.empty()) {
      out_ += " WINDOW ";
      list(select.windows, [&](const NamedWindow& one) {
        name(one.name);
        out_ += " AS ";
        window(*one.window);
      });
    }
    clause(" QUALIFY ", select.qualify);
    if (!select.order_by.empty()) {
      out_ += " ORDER BY ";
      order(select.order_by);
    }
    if (select.interpolate) interpolate(select);
    limits(select);
  }

  void with_item(const WithItem& one) {
    if (one.query == nullptr) return item(*one.expr);
    name(one.name);
    bracketed_names(one.column_aliases);
    out_ += one.materialized ? " AS MATERIALIZED " : " AS ";
    nested(*one.query);
  }

  void group_by(const Select& select) {
    if (select.group_by_all) {
      out_ += " GROUP BY ALL";
    } else if (select.grouping_sets) {
      out_ += " GROUP BY GROUPING SETS (";
      list(select.group_by, [&](const Expr* set) {
        out_ += '(';
        items(set->args);
        out_ += ')';
      });
      out_ += ')';
    } else if (!select.group_by.empty()) {
      out_ += " GROUP BY ";
      items(select.group_by);
    }
    if (select.rollup) out_ += " WITH ROLLUP";
    if (select.cube) out_ += " WITH CUBE";
    if (select.totals) out_ += " WITH TOTALS";
  }

  void interpolate(const Select& select) {
    out_ += " INTERPOLATE";
    if (select.interpolations.empty()) return;
    out_ += " (";
    list(select.interpolations, [&](const Expr* one) {
      name(one->alias);
      out_ += " AS ";
      expression(*one);
    });
    out_ += ')';
  }

  void limits(const Select& select) {
    if (select.limit_by != nullptr && !select.distinct_on) {
      plain_clause(" LIMIT ", select.limit_by);
      plain_clause(" OFFSET ", select.limit_by_offset);
      out_ += " BY ";
      if (select.limit_by_all)
        out_ += "ALL";
      else
        items(select.limit_by_columns);
    }
    plain_clause(" LIMIT ", select.limit);
    plain_clause(" OFFSET ", select.offset);
    if (select.with_ties) out_ += " WITH TIES";
  }

  void from_item(const FromItem& one) {
    using Join = FromItem::Join;
    using Strictness = FromItem::Strictness;
    if (one.join == Join::comma) out_ += ", ";
    if (one.join == Join::array_inner || one.join == Join::array_left) {
      out_ += one.join == Join::array_left ? " LEFT ARRAY JOIN " : " ARRAY JOIN ";
      return items(one.arrays);
    }
    if (one.join > Join::comma) {
      if (one.global) out_ += " GLOBAL";
      if (one.natural) out_ += " NATURAL";
      switch (one.strictness) {
        case Strictness::unset:
          break;
        case Strictness::any:
          out_ += " ANY";
          break;
        case Strictness::all:
          out_ += " ALL";
          break;
        case Strictness::asof:
          out_ += " ASOF";
          break;
        case Strictness::semi:
          out_ += " SEMI";
          break;
        case Strictness::anti:
          out_ += " ANTI";
          break;
      }
      switch (one.join) {
        case Join::inner:
          out_ += " INNER";
          break;
        case Join::left:
          out_ += " LEFT";
          break;
        case Join::right:
          out_ += " RIGHT";
          break;
        case Join::full:
          out_ += " FULL";
          break;
        case Join::cross:
          out_ += " CROSS";
          break;
        default:
          out_ += " PASTE";
          break;
      }
      out_ += " JOIN ";
    }
    table(one.table);
    plain_clause(" ON ", one.on);
    if (!one.using_columns.empty()) {
      out_ += " USING (";
      items(one.using_columns);
      out_ += ')';
    }
  }

  void table(const Table& table) {
    switch (table.kind) {
      case Table::Kind::name:
        list_of_parts(table.names);
        break;
      case Table::Kind::function:
        call(*table.function);
        break;
      case Table::Kind::subquery:
        nested(*table.query);
        break;
      case Table::Kind::physical:
        name(table.database);
        out_ += '.';
        name(table.physical);
        break;
      case Table::Kind::inlined:
        out_ += '(';
        if (table.inlined->text.empty())
          query(*table.inlined->root);
        else
          out_ += table.inlined->text;
        out_ += ')';
        break;
    }
    alias(table.alias);
    bracketed_names(table.column_aliases);
    if (table.final) out_ += " FINAL";
    clause(" SAMPLE ", table.sample);
    clause(" OFFSET ", table.sample_offset);
  }

  void list_of_parts(const Names& parts) {
    bool first = true;
    for (const auto part : parts) {
      if (!std::exchange(first, false)) out_ += '.';
      name(part);
    }
  }

  Output& out_;
  std::size_t star_begin_ = 0;  // of the last star written
  std::size_t star_end_ = std::string::npos;
  std::size_t bare_star_end_ = std::string::npos;  // of the last one without pattern and transformers
};

}  // namespace

std::string print(const Query& query) {
  if (!query.text.empty()) return query.text;
  constexpr std::size_t usual_bytes = 2048;
  Output out(usual_bytes);
  Printer(out).query(*query.root);
  return out.take();
}

std::string print(const Expression& expression) {
  constexpr std::size_t usual_bytes = 256;
  Output out(usual_bytes);
  Printer(out).item(*expression.root);
  return out.take();
}

std::string quote_string(std::string_view text) {
  Output out(text.size() + 2);
  append_quoted(out, text, '\'');
  return out.take();
}

std::string quote_name(std::string_view name) {
  Output out(name.size() + 2);
  append_quoted(out, name, '`');
  return out.take();
}

Status check_round_trip(const Query& query) {
  // Inlining deepens the text beyond what one user may write; the tree's height still bounds it.
  ParseLimits limits;
  limits.text_bytes = 1024 * 1024;
  limits.nesting = limits.tree_height;
  limits.lambda_depth = limits.tree_height;
  TRY(const Query again, parse_query(print(query), limits));
  if (dump(again) == dump(query)) return {};
  return fail(Code::internal, "the printed query does not read back as the checked one");
}

}  // namespace kinglet::sql
