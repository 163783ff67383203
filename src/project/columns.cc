// SPDX-License-Identifier: Apache-2.0
#include "project/columns.h"

#include <algorithm>
#include <set>

#include "datafile/column_type.h"
#include "datafile/metadata_columns.h"

namespace kinglet::project {
namespace {

using datafile::NodeText;
using sql::Expr;
using sql::FromItem;
using sql::Select;
using sql::SetQuery;
using sql::Table;

using NameSet = std::set<std::string, std::less<>>;

/// Calls `visit` for every expression below `expr` and itself; sub-queries are left to `enter`.
template <class Visit, class Enter>
void walk(const Expr* expr, const Visit& visit, const Enter& enter) {
  if (expr == nullptr) return;
  if (!visit(*expr)) return;
  for (const auto* one : expr->params) walk(one, visit, enter);
  for (const auto* one : expr->args) walk(one, visit, enter);
  for (const auto& transformer : expr->transformers)
    for (const auto* one : transformer.exprs) walk(one, visit, enter);
  if (expr->window != nullptr) {
    for (const auto* one : expr->window->partition_by) walk(one, visit, enter);
    for (const auto& item : expr->window->order_by) walk(item.expr, visit, enter);
  }
  if (expr->query != nullptr) enter(*expr->query);
}

/// Every expression of a SELECT but those inside its FROM sub-queries and table functions.
template <class Visit, class Enter>
void walk(const Select& select, const Visit& visit, const Enter& enter) {
  const auto one = [&](const Expr* expr) { walk(expr, visit, enter); };
  const auto all = [&](const sql::Exprs& list) {
    for (const auto* expr : list) one(expr);
  };
  for (const auto& with : select.with) one(with.expr);
  all(select.items);
  for (const auto& item : select.from) {
    one(item.on);
    all(item.using_columns);
    all(item.arrays);
  }
  one(select.prewhere);
  one(select.filter);
  all(select.group_by);
  one(select.having);
  for (const auto& window : select.windows) {
    all(window.window->partition_by);
    for (const auto& item : window.window->order_by) one(item.expr);
  }
  one(select.qualify);
  for (const auto& item : select.order_by) one(item.expr);
  all(select.limit_by_columns);
}

/// Every name that a query gives to something: aliases are seen in the whole of it, in ways that only the engine knows
/// exactly, so none of them counts as unknown.
class GivenNames {
 public:
  explicit GivenNames(const sql::Query& query) { take(query.root); }
  NameSet names;

 private:
  void take(const SetQuery* set) {
    if (set == nullptr) return;
    for (const auto& branch : set->branches) {
      take(branch.nested);
      if (branch.select != nullptr) take(*branch.select);
    }
  }
  void take(const Select& select) {
    for (const auto& with : select.with) {
      names.emplace(with.name);
      for (const auto name : with.column_aliases) names.emplace(name);
      take(with.query);
    }
    for (const auto& item : select.from) {
      if (!item.table.alias.empty()) names.emplace(item.table.alias);
      for (const auto name : item.table.column_aliases) names.emplace(name);
      take(item.table.query);
    }
    for (const auto& window : select.windows) names.emplace(window.name);
    walk(
        select,
        [&](const Expr& expr) {
          if (!expr.alias.empty()) names.emplace(expr.alias);
          if (expr.kind == Expr::Kind::lambda)
            for (const auto& part : expr.names) names.emplace(part.text);
          for (const auto& transformer : expr.transformers)
            for (const auto name : transformer.names) names.emplace(name);
          return true;
        },
        [&](const SetQuery& inner) { take(&inner); });
    for (const auto* expr : select.interpolations)
      if (expr != nullptr && !expr->alias.empty()) names.emplace(expr->alias);
  }
};

bool is_in(const Expr& expr) {
  if (expr.kind == Expr::Kind::binary)
    return expr.op == sql::Operator::in || expr.op == sql::Operator::not_in || expr.op == sql::Operator::global_in ||
           expr.op == sql::Operator::global_not_in;
  return expr.kind == Expr::Kind::call &&
         (expr.text == "in" || expr.text == "notIn" || expr.text == "globalIn" || expr.text == "globalNotIn");
}

class Reader {
 public:
  explicit Reader(const Graph& graph)
      : graph_(graph), given_(graph.texts().size()), state_(graph.texts().size(), State::unread) {}

  void read_all() {
    for (std::size_t i = 0; i < given_.size(); ++i) read(i);
  }
  std::vector<KnownColumns> given() { return std::move(given_); }
  std::vector<UnknownColumn> unknown() { return std::move(unknown_); }

 private:
  enum class State : std::uint8_t { unread, open, read };
  /// Of what is being read: a request without parameters asks it, one with all of them, or one branch was forced, whose
  /// text need not make sense with the rest.
  enum class Doubt : std::uint8_t { none, some, much };

  /// One item of a FROM.
  struct Source {
    std::string name;   // as written
    std::string alias;  // or the last part of the name
    KnownColumns columns;
  };
  struct Cte {
    std::string_view name;
    const SetQuery* query = nullptr;
    const sql::Names* column_aliases = nullptr;
  };
  struct Scope {
    std::vector<Source> sources;
    bool complete = true;
  };
  /// What is being read: the node, its names, the CTEs and SELECTs around.
  struct Context {
    std::size_t text = 0;
    const NameSet* given = nullptr;
    std::vector<Cte> ctes = {};
    std::vector<const Scope*> outer = {};
  };

  const KnownColumns& read(std::size_t text) {
    static const KnownColumns nothing{.columns = {}, .complete = false};
    if (state_[text] == State::open) return nothing;  // a circle, told elsewhere
    if (state_[text] == State::read) return given_[text];
    if (depth_ >= depth_max) return nothing;
    ++depth_;
    state_[text] = State::open;
    auto queries = graph_.texts()[text].queries;
    const auto told = queries.size();
    const auto& branches = graph_.texts()[text].branches;
    queries.insert(queries.end(), branches.begin(), branches.end());
    KnownColumns out{.columns = {}, .complete = !queries.empty()};
    const auto outer_doubt = doubt_;
    for (std::size_t i = 0; i < queries.size(); ++i) {
      const bool first = i == 0;
      const auto& query = queries[i];
      doubt_ = first ? Doubt::none : i < told ? Doubt::some : Doubt::much;
      const GivenNames names(*query);
      Context context{.text = text, .given = &names.names};
      auto columns = read(query->root, context);
      if (first) {
        out = std::move(columns);
      } else if (out.columns != columns.columns || out.complete != columns.complete) {
        for (auto& column : columns.columns)  // parameters decide which: any of them may be there
          if (out.find(column.name) == nullptr) out.columns.push_back(std::move(column));
        out.complete = false;
      }
    }
    doubt_ = outer_doubt;
    given_[text] = std::move(out);
    state_[text] = State::read;
    --depth_;
    return given_[text];
  }

  KnownColumns read(const SetQuery* set, Context& context) {
    KnownColumns out{.columns = {}, .complete = false};
    if (set == nullptr) return out;
    bool first = true;
    for (const auto& branch : set->branches) {
      auto columns = branch.nested != nullptr ? read(branch.nested, context) : read(*branch.select, context);
      if (first) out = std::move(columns);
      first = false;
    }
    if (set->branches.size() > 1)
      for (auto& column : out.columns) column.type.clear(), column.call.clear();  // of all branches together
    return out;
  }

  KnownColumns read(const Select& select, Context& context) {
    const auto ctes_before = context.ctes.size();
    for (const auto& with : select.with) {
      if (with.query == nullptr) continue;
      context.ctes.push_back({.name = with.name, .query = with.query, .column_aliases = &with.column_aliases});
    }
    Scope scope;
    for (const auto& item : select.from) read(item, scope, context);
    if (context.outer.size() < depth_max) {
      check_columns(select, scope, context);
      context.outer.push_back(&scope);
      walk(select, [](const Expr&) { return true; }, [&](const SetQuery& inner) { (void)read(&inner, context); });
      context.outer.pop_back();
    }
    auto out = given_by(select, scope, *context.given);
    context.ctes.resize(ctes_before);
    return out;
  }

  void read(const FromItem& item, Scope& scope, Context& context) {
    if (item.join == FromItem::Join::array_inner || item.join == FromItem::Join::array_left) return;
    const auto& table = item.table;
    Source source{.name = {}, .alias = std::string(table.alias), .columns = {.columns = {}, .complete = false}};
    if (table.kind == Table::Kind::subquery) {
      source.columns = read(table.query, context);
      source.name = source.alias.empty() ? "the sub-query" : source.alias;
    } else if (table.kind == Table::Kind::name && !table.names.empty()) {
      source.name = fmt::format("{}", fmt::join(table.names, "."));
      if (source.alias.empty()) source.alias = std::string(table.names[table.names.size() - 1]);
      source.columns = of_name(source.name, context);
    }
    if (!table.column_aliases.empty()) {
      source.columns.columns.clear();
      for (const auto name : table.column_aliases) source.columns.columns.push_back({.name = std::string(name)});
    }
    scope.complete = scope.complete && source.columns.complete;
    scope.sources.push_back(std::move(source));
  }

  KnownColumns of_name(const std::string& name, Context& context) {
    for (auto i = context.ctes.size(); i-- > 0;) {
      if (context.ctes[i].name != name) continue;
      // Inside a CTE only those before it are seen; one that names itself is recursive.
      Context inside{.text = context.text, .given = context.given};
      inside.ctes.assign(context.ctes.begin(), context.ctes.begin() + static_cast<std::ptrdiff_t>(i));
      const auto* query = context.ctes[i].query;
      if (!ctes_.contains(query)) {
        if (depth_ >= depth_max) return {.columns = {}, .complete = false};
        ++depth_;
        auto columns = read(query, inside);
        --depth_;
        ctes_.emplace(query, std::move(columns));
      }
      if (context.ctes[i].column_aliases->empty()) return ctes_.at(query);
      KnownColumns named;
      for (const auto alias : *context.ctes[i].column_aliases) named.columns.push_back({.name = std::string(alias)});
      return named;
    }
    const auto vertex = graph_.resolve(context.text, name);
    if (!vertex) return {.columns = {}, .complete = false};
    return of_vertex(*vertex);
  }

  KnownColumns of_vertex(VertexId id) {
    const auto& vertex = graph_[id];
    switch (vertex.kind) {
      case VertexKind::data_source:
      case VertexKind::vendored:
        return columns_of(*vertex.source);
      case VertexKind::quarantine:
        return quarantine_columns_of(*vertex.source);
      case VertexKind::node:
        return read(vertex.text);
      case VertexKind::pipe:
        for (const auto& edge : graph_.edges(id))
          if (edge.kind == EdgeKind::output) return read(graph_[edge.to].text);
        return {.columns = {}, .complete = false};
      default:
        return {.columns = {}, .complete = false};
    }
  }

  static bool has(const KnownColumns& columns, std::string_view name) {
    const auto prefix = std::string(name) + ".";
    return std::ranges::any_of(columns.columns,
                               [&](const KnownColumn& c) { return c.name == name || c.name.starts_with(prefix); });
  }

  /// Could `path` be a column of the scope? Every doubt counts as yes.
  static bool is_known(const sql::Path& path, const Scope& scope) {
    if (!scope.complete) return true;
    for (const auto& source : scope.sources) {
      if (has(source.columns, path[0].text)) return true;
      if (path.size() < 2) continue;
      const bool qualified = path[0].text == source.alias || path[0].text == source.name;
      if (qualified && has(source.columns, path[1].text)) return true;
      if (path.size() > 2 && source.name.starts_with(std::string(path[0].text) + '.')) return true;
    }
    return false;
  }

  void check_columns(const Select& select, const Scope& scope, const Context& context) {
    if (select.from.empty() || !scope.complete || doubt_ == Doubt::much) return;
    std::set<const Expr*> tables;  // right of IN
    walk(
        select,
        [&](const Expr& expr) {
          if (is_in(expr) && expr.args.size() == 2) tables.insert(expr.args[1]);
          if (expr.kind != Expr::Kind::column || tables.contains(&expr) || expr.names.empty()) return true;
          const auto name = expr.names[0].text;
          const bool qualifies = std::ranges::any_of(scope.sources, [&](const Source& s) {
            return expr.names.size() > 1 && (s.alias == name || s.name == name);
          });
          if (name.starts_with('_') || (context.given->contains(name) && !qualifies)) return true;
          if (qualifies && context.given->contains(expr.names[1].text)) return true;
          if (is_known(expr.names, scope)) return true;
          if (std::ranges::any_of(context.outer, [&](const Scope* s) { return is_known(expr.names, *s); })) return true;
          report(expr, scope, context, qualifies);
          return true;
        },
        [](const SetQuery&) {});
  }

  void report(const Expr& expr, const Scope& scope, const Context& context, bool qualifies) {
    const auto& text = graph_.texts()[context.text];
    UnknownColumn found{.text = context.text,
                        .position = {},
                        .name = {},
                        .from = {},
                        .candidates = {},
                        .certain = doubt_ == Doubt::none};
    const auto name = qualifies ? expr.names[1].text : expr.names[0].text;
    if (text.is_template) {
      const auto place = place_of_word(text.node(), name);
      if (!place) return;  // made by the template: the stand-in value is not the author's
      found.position = *place;
    } else {
      found.position = datafile::place_in_file(text.node(), expr.where.line, expr.where.column);
    }
    found.name = qualifies ? fmt::format("{}.{}", expr.names[0].text, name) : std::string(name);
    for (const auto& source : scope.sources) {
      if (qualifies && source.alias != expr.names[0].text && source.name != expr.names[0].text) continue;
      found.from.push_back(source.name);
      for (const auto& column : source.columns.columns) found.candidates.push_back(column.name);
    }
    const auto same = [&](const UnknownColumn& u) {
      return u.text == found.text && u.position == found.position && u.name == found.name;
    };
    if (std::ranges::none_of(unknown_, same)) unknown_.push_back(std::move(found));
  }

  static KnownColumns given_by(const Select& select, const Scope& scope, const NameSet& given) {
    KnownColumns out;
    for (const auto* item : select.items) {
      if (item->kind == Expr::Kind::star) {
        add_star(*item, select, scope, out);
      } else if (item->kind == Expr::Kind::columns) {
        out.complete = false;
      } else if (item->kind == Expr::Kind::column) {
        add_column(*item, scope, given, out);
      } else if (!item->alias.empty()) {
        out.columns.push_back({.name = std::string(item->alias),
                               .type = {},
                               .call = item->kind == Expr::Kind::call ? std::string(item->text) : std::string()});
      } else {
        out.complete = false;  // its name is the engine's text of the expression
      }
    }
    return out;
  }

  static void add_star(const Expr& item, const Select& select, const Scope& scope, KnownColumns& out) {
    const bool simple = std::ranges::all_of(
        item.transformers, [](const sql::Transformer& t) { return t.kind == sql::Transformer::Kind::except_names; });
    const bool joined = select.from.size() != 1;
    if (!simple || (joined && item.names.empty())) {
      out.complete = false;
      return;
    }
    const Source* from = nullptr;
    for (const auto& source : scope.sources)
      if (item.names.empty() || item.names[0].text == source.alias || item.names[0].text == source.name) from = &source;
    if (from == nullptr) {
      out.complete = false;
      return;
    }
    out.complete = out.complete && from->columns.complete;
    for (const auto& column : from->columns.columns) {
      const bool left_out = std::ranges::any_of(item.transformers, [&](const sql::Transformer& t) {
        return std::ranges::find(t.names, std::string_view(column.name)) != t.names.end();
      });
      if (!left_out) out.columns.push_back({.name = column.name, .type = column.type});
    }
  }

  static void add_column(const Expr& item, const Scope& scope, const NameSet& given, KnownColumns& out) {
    KnownColumn column{.name = std::string(item.alias.empty() ? item.names[item.names.size() - 1].text : item.alias)};
    std::size_t owners = 0;
    for (const auto& source : scope.sources) {
      const bool qualified =
          item.names.size() == 2 && (item.names[0].text == source.alias || item.names[0].text == source.name);
      const auto* known = qualified                ? source.columns.find(item.names[1].text)
                          : item.names.size() == 1 ? source.columns.find(item.names[0].text)
                                                   : nullptr;
      if (known == nullptr) continue;
      ++owners;
      column.type = known->type;
    }
    // An outer join may add NULL or defaults, an alias elsewhere may hide the column: one table, or no type.
    if (owners != 1 || scope.sources.size() != 1 || given.contains(item.names[0].text)) column.type.clear();
    if (item.names.size() > 1 && item.alias.empty() && scope.sources.size() != 1) {
      out.complete = false;  // `t.x` keeps its table in its name when both sides have an x
      return;
    }
    out.columns.push_back(std::move(column));
  }

  static constexpr std::size_t depth_max = 100;  // pipes, nodes and CTEs inside each other

  const Graph& graph_;
  std::vector<KnownColumns> given_;
  std::vector<State> state_;
  std::vector<UnknownColumn> unknown_;
  std::map<const SetQuery*, KnownColumns> ctes_;  // each is read once, however often it is named
  std::size_t depth_ = 0;
  Doubt doubt_ = Doubt::none;
};

enum class Family : std::uint8_t {
  unknown,
  number,
  decimal,
  text,
  day,
  time,
  uuid,
  address,
  array,
  map,
  state,
  boolean
};

Family family_of(std::string_view type) {
  const auto is = [&](std::string_view start) { return type.starts_with(start); };
  if (is("AggregateFunction(")) return Family::state;
  if (is("Array(")) return Family::array;
  if (is("Map(")) return Family::map;
  if (is("DateTime")) return Family::time;
  if (is("Date")) return Family::day;
  if (is("UUID")) return Family::uuid;
  if (is("IPv")) return Family::address;
  if (is("Decimal")) return Family::decimal;
  if (is("Int") || is("UInt") || is("Float")) return Family::number;
  if (is("String") || is("FixedString")) return Family::text;
  if (is("Bool")) return Family::boolean;
  return Family::unknown;
}

/// Of Nullable, LowCardinality and SimpleAggregateFunction(f, T).
std::string_view inner(std::string_view type) {
  for (;;) {
    if (type.starts_with("SimpleAggregateFunction(")) {
      const auto comma = type.find(", ");
      if (comma == std::string_view::npos) return type;
      type = type.substr(comma + 2, type.size() - comma - 3);
    } else if (type.starts_with("Nullable(") || type.starts_with("LowCardinality(")) {
      const auto open = type.find('(');
      type = type.substr(open + 1, type.size() - open - 2);
    } else {
      return type;
    }
  }
}

/// Bits of an integer type; 0 for others.
unsigned integer_bits(std::string_view type) {
  if (type.starts_with('U')) type.remove_prefix(1);
  if (!type.starts_with("Int")) return 0;
  unsigned bits = 0;
  for (const char c : type.substr(3)) {
    if (c < '0' || c > '9') return 0;
    bits = bits * 10 + static_cast<unsigned>(c - '0');
  }
  return bits;
}

}  // namespace

const KnownColumn* KnownColumns::find(std::string_view name) const {
  const auto found = std::ranges::find(columns, name, &KnownColumn::name);
  return found == columns.end() ? nullptr : &*found;
}

ColumnReader::ColumnReader(const Graph& graph) {
  Reader reader(graph);
  reader.read_all();
  given_ = reader.given();
  unknown_ = reader.unknown();
}

KnownColumns columns_of(const datafile::DataSource& source) {
  KnownColumns out{.columns = {}, .complete = !source.columns.empty()};
  for (const auto& column : source.columns)  // the type of one with a fault is empty
    out.columns.push_back({.name = column.name, .type = column.type});
  for (const auto& column : datafile::metadata_columns(source))
    out.columns.push_back({.name = column.name, .type = column.type});
  return out;
}

KnownColumns quarantine_columns_of(const datafile::DataSource& source) {
  KnownColumns out;
  for (const char* name : {"c__error_column", "c__error"})
    out.columns.push_back({.name = name, .type = "Array(String)"});
  out.columns.push_back({.name = "c__import_id", .type = "Nullable(String)"});
  for (const auto& column : columns_of(source).columns)
    out.columns.push_back({.name = column.name, .type = "Nullable(String)"});
  out.columns.push_back({.name = "insertion_date", .type = "DateTime"});
  out.complete = !source.columns.empty();
  return out;
}

bool plainly_differs(std::string_view from, std::string_view to) {
  from = inner(from);
  to = inner(to);
  if (from == to) return false;
  const auto a = family_of(from), b = family_of(to);
  if (a == Family::unknown || b == Family::unknown) return false;
  if (a == b) {
    const auto have = integer_bits(from), room = integer_bits(to);
    return have != 0 && room != 0 && have > room;
  }
  const auto both = [&](Family x, Family y) { return (a == x && b == y) || (a == y && b == x); };
  return !both(Family::boolean, Family::number) && !(a == Family::day && b == Family::time) &&
         !both(Family::number, Family::decimal);
}

}  // namespace kinglet::project
