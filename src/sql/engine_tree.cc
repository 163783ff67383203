// SPDX-License-Identifier: Apache-2.0
// Reads EXPLAIN AST strictly, collects the same from our tree, and compares.
#include "sql/engine_tree.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_set>
#include <vector>

#include "sql/functions.h"
#include "sql/printer.h"

namespace kinglet::sql {
namespace {

using Kind = Expr::Kind;
using NameSet = std::set<std::string, std::less<>>;

/// Of literals the engine makes constants or calls, as it likes; they reach nothing.
bool is_unnamed(std::string_view function) {
  return function == "tuple" || function == "array" || function == "negate";
}

// What our own tree says.

class Collector {
 public:
  explicit Collector(EngineNames& out) : out_(out) {}

  void query(const SetQuery& query) {
    for (const auto& branch : query.branches) {
      if (branch.nested != nullptr)
        this->query(*branch.nested);
      else
        select(*branch.select);
    }
  }

 private:
  void add(NameSet& names, std::string_view name) {
    if (!names.contains(name)) names.emplace(name);
  }
  void function(std::string_view name) {
    if (!is_unnamed(name)) add(out_.functions, name);
  }

  void select(const Select& select) {
    for (const WithItem& item : select.with) {
      if (item.query != nullptr) query(*item.query);
      optional(item.expr);
    }
    for (const FromItem& item : select.from) {
      const bool array = item.join == FromItem::Join::array_inner || item.join == FromItem::Join::array_left;
      if (!array) table(item.table);
      optional(item.on);
      all(item.using_columns);
      all(item.arrays);
    }
    all(select.items);
    for (const Expr* one : {select.prewhere, select.filter, select.having, select.qualify, select.limit_by,
                            select.limit_by_offset, select.limit, select.offset})
      optional(one);
    all(select.group_by);
    all(select.limit_by_columns);
    all(select.interpolations);
    for (const NamedWindow& one : select.windows) window(*one.window);
    order(select.order_by);
  }

  void table(const Table& table) {
    switch (table.kind) {
      case Table::Kind::name: {
        std::string name;
        for (const auto part : table.names) {
          if (!name.empty()) name += '.';
          name += part;
        }
        add(out_.tables, name);
        break;
      }
      case Table::Kind::physical:
        add(out_.tables, fmt::format("{}.{}", table.database, table.physical));
        break;
      case Table::Kind::function:
        add(out_.table_functions, table.function->text);
        all(table.function->args);
        break;
      case Table::Kind::subquery:
        query(*table.query);
        break;
      case Table::Kind::inlined:
        query(*table.inlined->root);
        break;
    }
  }

  void optional(const Expr* expr) {
    if (expr != nullptr) expression(*expr);
  }
  void all(const Exprs& exprs) {
    for (const Expr* one : exprs) expression(*one);
  }

  void expression(const Expr& expr) {
    switch (expr.kind) {
      case Kind::number:
      case Kind::string:
      case Kind::null:
      case Kind::boolean:
      case Kind::column:
        return;
      case Kind::star:
      case Kind::columns:
        return star(expr);
      case Kind::call: {
        function(expr.text);
        const Function* known = find_function(expr.text);
        if (known != nullptr && known->is_in && expr.args.size() > 1) right_of_in(*expr.args[1]);
        break;
      }
      case Kind::binary:
        function(function_name(expr.op));
        if (expr.op >= Operator::in && expr.op <= Operator::global_not_in) right_of_in(*expr.args[1]);
        break;
      case Kind::logical_and:
        function("and");
        break;
      case Kind::logical_or:
        function("or");
        break;
      case Kind::concat:
        function("concat");
        break;
      case Kind::not_:
        function("not");
        break;
      case Kind::index:
        function("arrayElement");
        break;
      case Kind::element:
        function("tupleElement");
        break;
      case Kind::between:
        function(expr.op_not ? "or" : "and");
        function(expr.op_not ? "less" : "greaterOrEquals");
        function(expr.op_not ? "greater" : "lessOrEquals");
        break;
      case Kind::quantified:
        quantified(expr);
        break;
      case Kind::lambda:
        function("lambda");
        break;
      case Kind::negate:
      case Kind::array:
      case Kind::tuple:
        break;
      case Kind::subquery:
        return query(*expr.query);
    }
    all(expr.params);
    all(expr.args);
    if (expr.window != nullptr) window(*expr.window);
  }

  void quantified(const Expr& expr) {
    if (expr.op == Operator::equals || expr.op == Operator::not_equals) {
      function(expr.op == Operator::equals ? "in" : "notIn");
      if ((expr.op == Operator::equals) == expr.op_not) function("singleValueOrNull");
      return;
    }
    const bool less = expr.op == Operator::less || expr.op == Operator::less_or_equals;
    function(function_name(expr.op));
    function(less == expr.op_not ? "min" : "max");
  }

  void star(const Expr& expr) {
    all(expr.args);
    for (const Transformer& one : expr.transformers)
      if (one.kind == Transformer::Kind::replace) all(one.exprs);  // the engine does not show what APPLY holds
  }

  /// A column, as the engine writes it.
  void right_of_in(const Expr& expr) {
    if (expr.kind != Kind::column) return;
    std::string name;
    for (const PathPart& part : expr.names) {
      if (!name.empty()) name += '.';
      if (part.style == PathPart::Style::plain) {
        name += part.text;
      } else {
        name += part.style == PathPart::Style::sub_object ? '^' : ':';
        name += quote_name(part.text);
      }
    }
    add(out_.right_of_in, name);
  }

  void window(const Window& window) {
    all(window.partition_by);
    optional(window.frame_begin.offset);
    optional(window.frame_end.offset);
    order(window.order_by);
  }

  void order(const List<OrderItem>& items) {
    for (const OrderItem& item : items)
      for (const Expr* one :
           {item.expr, item.collation, item.fill_from, item.fill_to, item.fill_step, item.fill_staleness})
        optional(one);
  }

  EngineNames& out_;
};

// What the engine says.

/// Kinds of nodes that the parse of a SELECT has; any other is refused, whatever a later engine calls it.
bool is_known(std::string_view kind) {
  static const std::unordered_set<std::string_view> kinds = {"SelectWithUnionQuery",
                                                             "SelectIntersectExceptQuery",
                                                             "SelectQuery",
                                                             "ExpressionList",
                                                             "Function",
                                                             "Identifier",
                                                             "TableIdentifier",
                                                             "Literal",
                                                             "Subquery",
                                                             "WithElement",
                                                             "TablesInSelectQuery",
                                                             "TablesInSelectQueryElement",
                                                             "TableExpression",
                                                             "TableJoin",
                                                             "ArrayJoin",
                                                             "SampleRatio",
                                                             "OrderByElement",
                                                             "InterpolateElement",
                                                             "WindowListElement",
                                                             "WindowDefinition",
                                                             "Asterisk",
                                                             "QualifiedAsterisk",
                                                             "ColumnsRegexpMatcher",
                                                             "ColumnsListMatcher",
                                                             "QualifiedColumnsRegexpMatcher",
                                                             "QualifiedColumnsListMatcher",
                                                             "ColumnsTransformerList",
                                                             "ColumnsExceptTransformer",
                                                             "ColumnsReplaceTransformer",
                                                             "ColumnsReplaceTransformer::Replacement",
                                                             "ColumnsApplyTransformer"};
  return kinds.contains(kind);
}

struct Line {
  std::size_t indent = 0;
  std::string_view kind;
  std::string_view name;
  std::size_t children = 0;
};

/// `  Kind name (alias x) (children 2)`
Line split_line(std::string_view text) {
  Line line;
  line.indent = std::min(text.find_first_not_of(' '), text.size());
  text.remove_prefix(line.indent);
  constexpr std::string_view children = " (children ";
  if (const auto at = text.rfind(children); at != std::string_view::npos && text.ends_with(')')) {
    const std::string_view digits = text.substr(at + children.size(), text.size() - at - children.size() - 1);
    std::size_t count = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
    if (error == std::errc() && end == digits.data() + digits.size()) {
      line.children = count;
      text.remove_suffix(text.size() - at);
    }
  }
  line.kind = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(line.kind.size() + 1, text.size()));
  line.name = text.substr(0, text.find(" (alias "));
  return line;
}

class TreeReader {
 public:
  Result<EngineNames> read(std::string_view text) {
    if (text.size() > EngineTreeLimits::text_bytes)
      return fail(Code::invalid, "the engine's tree has {} bytes; the limit is {}", text.size(),
                  EngineTreeLimits::text_bytes);
    while (text.ends_with('\n')) text.remove_suffix(1);
    while (!text.empty()) {
      ++number_;
      const std::string_view line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(line.size() + 1, text.size()));
      TRY_VOID(node(split_line(line)));
    }
    close();
    if (number_ == 0 || !stack_.empty()) return fail(Code::invalid, "the engine's tree ends too early");
    return std::move(out_);
  }

 private:
  struct Open {
    std::size_t children = 0;  // still to come
    std::size_t seen = 0;
    bool table_expression = false;
    bool in = false;            // a function like in()
    bool in_arguments = false;  // its arguments
  };

  void close() {
    while (!stack_.empty() && stack_.back().children == 0) stack_.pop_back();
  }

  Status node(const Line& line) {
    close();
    if (line.indent != stack_.size() || (stack_.empty() && number_ != 1))
      return fail(Code::invalid, "line {} of the engine's tree does not fit its parent", number_);
    if (line.indent > EngineTreeLimits::depth)
      return fail(Code::invalid, "the engine's tree is deeper than {}", EngineTreeLimits::depth);
    if (!is_known(line.kind))
      return fail(Code::forbidden, "the engine reads a node '{}' in it", line.kind.substr(0, shown_max));
    if (stack_.empty() && line.kind != "SelectWithUnionQuery")
      return fail(Code::forbidden, "the engine does not read a SELECT");
    Open open{.children = line.children};
    if (stack_.empty()) {
      stack_.push_back(open);
      return {};
    }
    Open& parent = stack_.back();
    const std::size_t index = parent.seen++;
    --parent.children;
    if (line.kind == "TableIdentifier") {
      out_.tables.emplace(line.name);
    } else if (line.kind == "TableExpression") {
      open.table_expression = true;
    } else if (line.kind == "Function") {
      if (parent.table_expression)
        out_.table_functions.emplace(line.name);
      else if (!is_unnamed(line.name))
        out_.functions.emplace(line.name);
      const Function* known = find_function(line.name);
      open.in = known != nullptr && known->is_in;
    } else if (line.kind == "ExpressionList") {
      open.in_arguments = parent.in && index == 0;
    } else if (line.kind == "Identifier") {
      if (parent.in_arguments && index == 1) out_.right_of_in.emplace(line.name);
    }
    stack_.push_back(open);
    return {};
  }

  static constexpr std::size_t shown_max = 60;
  EngineNames out_;
  std::vector<Open> stack_;
  std::size_t number_ = 0;
};

/// A name of `theirs` that `ours` lacks, else empty.
std::string_view added(const NameSet& ours, const NameSet& theirs) {
  const auto found = std::find_if(theirs.begin(), theirs.end(), [&](const auto& name) { return !ours.contains(name); });
  return found == theirs.end() ? std::string_view() : std::string_view(*found);
}

Status compare(const NameSet& ours, const NameSet& theirs, std::string_view what) {
  if (ours == theirs) return {};
  const std::string_view name = added(ours, theirs);
  if (name.empty())
    return fail(Code::forbidden, "the query is refused: the engine does not find every {} that was checked", what);
  return fail(Code::forbidden, "the query is refused: the engine reads '{}' as a {}, the check did not", name, what);
}

}  // namespace

EngineNames names_of(const Query& query) {
  EngineNames names;
  Collector(names).query(*query.root);
  return names;
}

Result<EngineNames> read_engine_tree(std::string_view explain_ast) {
  return TreeReader().read(explain_ast);
}

Status agrees(const Query& printed, std::string_view explain_ast) {
  auto theirs = read_engine_tree(explain_ast);
  if (!theirs) return fail(Code::forbidden, "the query is refused: {}", theirs.error().message);
  const EngineNames ours = names_of(printed);
  TRY_VOID(compare(ours.tables, theirs->tables, "table"));
  TRY_VOID(compare(ours.table_functions, theirs->table_functions, "table function"));
  TRY_VOID(compare(ours.functions, theirs->functions, "function"));
  return compare(ours.right_of_in, theirs->right_of_in, "name right of IN");
}

std::string explain_ast_of(const Query& printed) {
  return "EXPLAIN AST " + print(printed);
}

}  // namespace kinglet::sql
