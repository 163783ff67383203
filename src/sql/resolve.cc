// SPDX-License-Identifier: Apache-2.0
// The resolver: one walk over the tree with a stack of SELECT scopes; tables are replaced in place.
#include "sql/resolve.h"

#include <algorithm>

#include "base/spelling.h"
#include "sql/functions.h"
#include "sql/printer.h"

namespace kinglet::sql {
namespace {

using Kind = Expr::Kind;

/// Names that one SELECT brings in; what is not found here is looked up in `parent`.
struct Frame {
  const Frame* parent = nullptr;
  const Select* select = nullptr;
  const Select* borrowed = nullptr;             // the first SELECT of a set operation lends its WITH to the others
  const WithItem* hidden = nullptr;             // the CTE whose body this is: its name means what it means outside
  std::vector<std::string_view> table_aliases;  // of this FROM, as printed
  struct Renamed {                              // a resource that is printed under another name
    std::string_view first;
    std::string_view second;  // of a name with two parts
    std::string_view alias;
  };
  std::vector<Renamed> renamed;
};

std::string at(const Position& where) {
  return fmt::format("line {}, column {}: ", where.line, where.column);
}

template <class... Args>
std::unexpected<Error> refuse(Code code, const Position& where, fmt::format_string<Args...> format, Args&&... args) {
  return fail(code, "{}{}", at(where), fmt::format(format, std::forward<Args>(args)...));
}

void add(std::vector<std::string>& list, std::string_view name) {
  if (std::find(list.begin(), list.end(), name) == list.end()) list.emplace_back(name);
}

/// Columns of the engine's own that show physical names or parts; three are harmless and useful.
bool is_denied_column(std::string_view name) {
  if (name.empty() || name[0] != '_') return false;
  for (const std::string_view denied :
       {"_table", "_database", "_part_index", "_part_uuid", "_partition_value", "_part_data_version",
        "_part_starting_offset", "_part_granule_offset", "_sample_factor", "_row_exists", "_block_number",
        "_block_offset", "_disk_name", "_shard_num", "_query_id"})
    if (name == denied) return true;
  return false;
}

bool has_alias(const Expr& expr, std::string_view name);

bool any_alias(const Exprs& exprs, std::string_view name) {
  return std::any_of(exprs.begin(), exprs.end(), [&](const Expr* one) { return has_alias(*one, name); });
}

/// Whether an expression, sub-queries left out, gives something the alias `name`.
bool has_alias(const Expr& expr, std::string_view name) {
  return expr.alias == name || any_alias(expr.args, name) || any_alias(expr.params, name);
}

bool has_alias(const Select& select, std::string_view name) {
  const auto in = [&](const Expr* one) { return one != nullptr && has_alias(*one, name); };
  for (const WithItem& item : select.with)
    if (in(item.expr)) return true;
  for (const FromItem& item : select.from)
    if (in(item.on) || any_alias(item.arrays, name) || any_alias(item.using_columns, name)) return true;
  for (const OrderItem& item : select.order_by)
    if (in(item.expr)) return true;
  return any_alias(select.items, name) || in(select.prewhere) || in(select.filter) ||
         any_alias(select.group_by, name) || in(select.having) || in(select.qualify);
}

const WithItem* find_cte(const Select* select, std::string_view name) {
  if (select == nullptr) return nullptr;
  for (const WithItem& item : select->with)
    if (item.query != nullptr && item.name == name) return &item;
  return nullptr;
}

/// The SELECT whose WITH the later branches of a set operation see.
const Select* first_select(const SetQuery& query) {
  const auto& first = query.branches[0];
  return first.nested != nullptr ? first_select(*first.nested) : first.select;
}

bool is_recursive_body(const SetQuery& query) {
  return std::any_of(query.branches.begin(), query.branches.end(),
                     [](const auto& branch) { return branch.op == SetQuery::Op::union_all; });
}

class Resolver {
 public:
  /// With a scope: resolves in place. Without: only reads names into `reads`.
  Resolver(Arena* arena, Scope* scope, const ResolveOptions& options, Resolved* out, Reads* reads)
      : arena_(arena), scope_(scope), options_(options), out_(out), reads_(reads) {}

  Status run(Query& query) {
    query_ = &query;
    height_ = query.height;
    return set_query(*query.root, nullptr, nullptr);
  }

  /// Outside of any query.
  Status run(Expr& expr) { return expression(expr); }

  [[nodiscard]] std::uint32_t query_count() const { return query_count_; }
  [[nodiscard]] std::uint32_t query_depth() const { return deepest_; }
  [[nodiscard]] std::uint32_t height() const { return height_; }

 private:
  [[nodiscard]] bool checking() const { return reads_ == nullptr; }

  // Queries.

  Status set_query(SetQuery& query, const Frame* parent, const Select* borrowed, const WithItem* hidden = nullptr) {
    const Select* lender = borrowed;
    for (auto& branch : query.branches) {
      if (branch.op == SetQuery::Op::union_plain && checking()) TRY_VOID(plain_union(branch));
      TRY_VOID(branch.nested != nullptr ? set_query(*branch.nested, parent, lender, hidden)
                                        : select(*branch.select, parent, lender, hidden));
      if (branch.op == SetQuery::Op::first && lender == nullptr) lender = first_select(query);
    }
    return {};
  }

  /// A bare UNION means what union_default_mode says, and nothing by default.
  Status plain_union(SetQuery::Branch& branch) {
    for (const Setting& setting : query_->settings) {
      if (setting.name != "union_default_mode") continue;
      if (setting.value == "ALL") branch.op = SetQuery::Op::union_all;
      if (setting.value == "DISTINCT") branch.op = SetQuery::Op::union_distinct;
    }
    if (branch.op != SetQuery::Op::union_plain) return {};
    const Select* select = branch.nested != nullptr ? first_select(*branch.nested) : branch.select;
    return refuse(Code::invalid, select->where, "the UNION before this SELECT needs ALL or DISTINCT");
  }

  Status select(Select& select, const Frame* parent, const Select* borrowed, const WithItem* hidden) {
    Frame frame{.parent = parent,
                .select = &select,
                .borrowed = borrowed == &select ? nullptr : borrowed,
                .hidden = hidden,
                .table_aliases = {},
                .renamed = {}};
    ++depth_;
    deepest_ = std::max(deepest_, depth_);
    TRY_VOID(count(1, 0, select.where));
    frame_ = &frame;
    const Status status = clauses(select);
    frame_ = parent;
    --depth_;
    return status;
  }

  Status count(std::uint32_t queries, std::uint32_t below, const Position& where) {
    query_count_ += queries;
    deepest_ = std::max(deepest_, depth_ + below);
    if (!checking()) return {};
    if (query_count_ > ResolveLimits::queries)
      return refuse(Code::invalid, where, "more than {} sub-queries, with nodes and pipes counted",
                    ResolveLimits::queries);
    if (deepest_ > ResolveLimits::query_depth)
      return refuse(Code::invalid, where, "sub-queries are nested deeper than {}, with nodes and pipes counted",
                    ResolveLimits::query_depth);
    return {};
  }

  Status clauses(Select& select) {
    TRY_VOID(with(select));
    for (FromItem& item : select.from) {
      const bool array = item.join == FromItem::Join::array_inner || item.join == FromItem::Join::array_left;
      if (!array) TRY_VOID(table(item.table));
    }
    for (FromItem& item : select.from) {
      TRY_VOID(optional(item.on));
      TRY_VOID(expressions(item.using_columns));
      TRY_VOID(expressions(item.arrays));
    }
    TRY_VOID(expressions(select.items));
    for (Expr* one : {select.prewhere, select.filter, select.having, select.qualify, select.limit_by,
                      select.limit_by_offset, select.limit, select.offset})
      TRY_VOID(optional(one));
    TRY_VOID(expressions(select.group_by));
    TRY_VOID(expressions(select.limit_by_columns));
    TRY_VOID(expressions(select.interpolations));
    for (NamedWindow& one : select.windows) TRY_VOID(window(*one.window));
    return order(select.order_by);
  }

  Status with(Select& select) {
    for (std::uint32_t i = 0; i < select.with.size(); ++i) {
      WithItem& item = select.with[i];
      if (item.query == nullptr) {
        TRY_VOID(expression(*item.expr));
        continue;
      }
      for (std::uint32_t k = 0; k < i && checking(); ++k)
        if (select.with[k].name == item.name)
          return refuse(Code::invalid, item.where, "the CTE '{}' is defined twice", item.name);
      const bool sees_itself = select.recursive && is_recursive_body(*item.query);
      const Frame* const frame = frame_;
      TRY_VOID(set_query(*item.query, frame_, nullptr, sees_itself ? nullptr : &item));
      frame_ = frame;
    }
    return {};
  }

  /// The CTE that `name` means here.
  [[nodiscard]] const WithItem* find_cte(std::string_view name) const {
    const WithItem* hidden = nullptr;
    for (const Frame* frame = frame_; frame != nullptr; frame = frame->parent) {
      for (const Select* select : {frame->select, frame->borrowed}) {
        const WithItem* found = sql::find_cte(select, name);
        if (found != nullptr && found != hidden) return found;
      }
      // What a CTE's body hides stays hidden in the WITH around it, not further out.
      if (frame->hidden != nullptr) hidden = frame->hidden;
    }
    return nullptr;
  }

  // Tables.

  Status table(Table& table) {
    switch (table.kind) {
      case Table::Kind::name:
        TRY_VOID(named_table(table));
        break;
      case Table::Kind::function:
        TRY_VOID(table_function(*table.function));
        break;
      case Table::Kind::subquery: {
        const Frame* const frame = frame_;
        TRY_VOID(set_query(*table.query, frame_, nullptr));
        frame_ = frame;
        break;
      }
      case Table::Kind::physical:
      case Table::Kind::inlined:
        break;
    }
    if (!table.alias.empty()) mutable_frame().table_aliases.push_back(table.alias);
    return {};
  }

  Status named_table(Table& table) {
    const bool two_parts = table.names.size() == 2;
    if (!two_parts) {
      if (const WithItem* cte = find_cte(table.names[0])) {
        if (out_ != nullptr) add(out_->ctes, cte->name);
        if (table.final && checking()) return refuse_final(table);
        if (table.alias.empty()) mutable_frame().table_aliases.push_back(table.names[0]);
        return {};
      }
    }
    const std::string name =
        two_parts ? fmt::format("{}.{}", table.names[0], table.names[1]) : std::string(table.names[0]);
    if (!checking()) {
      add(reads_->tables, name);
      return {};
    }
    // A dot within one part is a name in quotes, not a database; no resource has one.
    auto target = !two_parts && name.find('.') != std::string::npos ? Result<Target>(fail(Code::not_found, "dot"))
                                                                    : scope_->table(name, table.where);
    if (!target) return not_found(std::move(target).error(), name, table.where);
    add(out_->tables, name);
    const std::string_view own = table.names[table.names.size() - 1];
    const std::string_view alias = table.alias.empty() ? free_alias(own) : table.alias;
    if (alias != own || two_parts)
      mutable_frame().renamed.push_back({table.names[0], two_parts ? table.names[1] : std::string_view(), alias});
    table.alias = alias;
    return place(table, std::move(*target));
  }

  std::unexpected<Error> refuse_final(const Table& table) {
    return refuse(Code::invalid, table.where, "FINAL can be used on data sources only");
  }

  std::unexpected<Error> not_found(Error error, std::string_view name, const Position& where) {
    if (error.code != Code::not_found && error.code != Code::forbidden) return fail(std::move(error));
    return missing(where, name, std::move(error.hint));
  }

  /// One text for what does not exist and what is not granted.
  static std::unexpected<Error> missing(const Position& where, std::string_view name, std::string hint = {}) {
    const auto dot = name.find('.');
    const std::string_view first = name.substr(0, dot);
    if (hint.empty() && dot != std::string_view::npos && first != "tinybird" && first != "organization")
      hint = first == "system" || first == "information_schema" || first == "INFORMATION_SCHEMA"
                 ? "system tables cannot be read"
                 : fmt::format("there are no databases here: write {}", name.substr(dot + 1));
    return fail(Error{.code = Code::invalid,
                      .message = fmt::format("{}Resource '{}' not found", at(where), name),
                      .hint = std::move(hint)});
  }

  Status place(Table& table, Target target) {
    if (auto* physical = std::get_if<PhysicalTable>(&target)) {
      table.kind = Table::Kind::physical;
      table.database = arena_->keep(physical->database);
      table.physical = arena_->keep(physical->table);
      return {};
    }
    auto& inlined = std::get<Inlined>(target);
    if (table.final) return refuse_final(table);
    if (table.sample != nullptr) return refuse(Code::invalid, table.where, "SAMPLE can be used on data sources only");
    if (between_level_ != 0 && between_level_ + inlined.query->between_depth > ResolveLimits::between_depth)
      return refuse(Code::invalid, table.where, "BETWEEN is nested in the left side of BETWEEN more than {} deep",
                    ResolveLimits::between_depth);
    TRY_VOID(count(inlined.query->query_count, inlined.query->query_depth, table.where));
    // Sub-queries of one text stand at most as deep as the whole tree is high.
    height_ = std::max(height_, query_->height + inlined.query->height);
    if (height_ > ResolveLimits::tree_height) return refuse(Code::invalid, table.where, "the query is too deep");
    table.kind = Table::Kind::inlined;
    table.inlined = inlined.query.get();
    query_->inlined.push_back(std::move(inlined.query));
    return {};
  }

  /// `name`, or the first of name_2, name_3 … that this FROM does not use yet.
  std::string_view free_alias(std::string_view name) {
    const auto& used = mutable_frame().table_aliases;
    const auto taken = [&](std::string_view one) {
      return std::find(used.begin(), used.end(), one) != used.end() ||
             std::any_of(frame_->select->from.begin(), frame_->select->from.end(),
                         [&](const FromItem& item) { return item.table.alias == one; });
    };
    if (!taken(name)) return arena_->keep(name);
    for (std::uint32_t i = 2;; ++i)
      if (const std::string numbered = fmt::format("{}_{}", name, i); !taken(numbered)) return arena_->keep(numbered);
  }

  Status table_function(Expr& call) {
    if (out_ != nullptr) add(out_->table_functions, call.text);
    if (!checking()) {
      add(reads_->table_functions, call.text);
      return expressions(call.args);
    }
    const auto kind = table_function_kind(call.text);
    if (kind == TableFunctionKind::denied || (kind == TableFunctionKind::external && !options_.external_tables))
      return refuse(Code::forbidden, call.where, "table function {}() is not available", call.text);
    if (kind == TableFunctionKind::structure) {
      if (!call.args.empty() && call.args[0]->kind == Kind::string) {
        if (const auto status = check_structure(call.args[0]->text); !status)
          return refuse(status.error().code, call.args[0]->where, "in the columns of {}(): {}", call.text,
                        status.error().message);
      } else if (call.text != "values" || call.args.empty() || !is_literal(*call.args[0])) {
        return refuse(Code::invalid, call.where,
                      "{}() needs its columns as a literal string, such as 'a UInt8, b String'", call.text);
      }
    }
    if (kind == TableFunctionKind::external) return external_arguments(call);
    return expressions(call.args);
  }

  /// Literals, names, and name = literal: nothing that could read.
  Status external_arguments(const Expr& call) {
    for (const Expr* arg : call.args) {
      const bool pair = arg->kind == Kind::binary && arg->op == Operator::equals &&
                        arg->args[0]->kind == Kind::column && is_literal(*arg->args[1]);
      if (!pair && !is_literal(*arg) && arg->kind != Kind::column)
        return refuse(Code::invalid, arg->where, "the arguments of {}() must be literals", call.text);
    }
    return {};
  }

  static bool is_literal(const Expr& expr) {
    switch (expr.kind) {
      case Kind::number:
      case Kind::string:
      case Kind::null:
      case Kind::boolean:
        return true;
      case Kind::array:
      case Kind::tuple:
        return std::all_of(expr.args.begin(), expr.args.end(), [](const Expr* one) { return is_literal(*one); });
      default:
        return false;
    }
  }

  // Expressions.

  Status optional(Expr* expr) { return expr == nullptr ? Status() : expression(*expr); }

  Status expressions(Exprs& list) {
    for (Expr* one : list) TRY_VOID(expression(*one));
    return {};
  }

  void use_function(std::string_view name) {
    if (out_ != nullptr) out_->functions.push_back(name);
  }

  Status expression(Expr& expr) {
    switch (expr.kind) {
      case Kind::number:
      case Kind::string:
      case Kind::null:
      case Kind::boolean:
        return {};
      case Kind::column:
        return column(expr);
      case Kind::star:
      case Kind::columns:
        return star(expr);
      case Kind::call:
        return call(expr);
      case Kind::binary:
        return binary(expr);
      case Kind::logical_and:
        return operands(expr, "and");
      case Kind::logical_or:
        return operands(expr, "or");
      case Kind::concat:
        return operands(expr, "concat");
      case Kind::not_:
        return operands(expr, "not");
      case Kind::negate:
        return operands(expr, "negate");
      case Kind::index:
        return operands(expr, "arrayElement");
      case Kind::element:
        return element(expr);
      case Kind::array:
        return operands(expr, "array");
      case Kind::tuple:
        return operands(expr, "tuple");
      case Kind::between:
        return between(expr);
      case Kind::quantified:
        return quantified(expr);
      case Kind::lambda:
        return lambda(expr);
      case Kind::subquery:
        return subquery(expr);
    }
    return {};
  }

  Status operands(Expr& expr, std::string_view function) {
    use_function(function);
    return expressions(expr.args);
  }

  Status binary(Expr& expr) {
    use_function(function_name(expr.op));
    const bool in = expr.op >= Operator::in && expr.op <= Operator::global_not_in;
    TRY_VOID(expression(*expr.args[0]));
    return in ? in_right_side(expr.args[1]) : expression(*expr.args[1]);
  }

  Status element(Expr& expr) {
    if (checking() && expr.by_name && is_denied_column(expr.text))
      return refuse(Code::forbidden, expr.where, "column '{}' is not available", expr.text);
    return operands(expr, "tupleElement");
  }

  Status subquery(Expr& expr) {
    if (checking() && scope_ == nullptr) return refuse(Code::invalid, expr.where, "a sub-query is not allowed here");
    const Frame* const frame = frame_;
    TRY_VOID(set_query(*expr.query, frame_, nullptr));
    frame_ = frame;
    return {};
  }

  Status between(Expr& expr) {
    use_function(expr.op_not ? "or" : "and");
    use_function(expr.op_not ? "less" : "greaterOrEquals");
    use_function(expr.op_not ? "greater" : "lessOrEquals");
    ++between_level_;
    TRY_VOID(expression(*expr.args[0]));
    --between_level_;
    TRY_VOID(expression(*expr.args[1]));
    return expression(*expr.args[2]);
  }

  Status quantified(Expr& expr) {
    if (expr.op == Operator::equals || expr.op == Operator::not_equals) {
      const bool plain = (expr.op == Operator::equals) != expr.op_not;
      use_function(expr.op == Operator::equals ? "in" : "notIn");
      if (!plain) use_function("singleValueOrNull");
    } else {
      const bool less = expr.op == Operator::less || expr.op == Operator::less_or_equals;
      use_function(function_name(expr.op));
      use_function(less == expr.op_not ? "min" : "max");
    }
    return expressions(expr.args);
  }

  Status lambda(Expr& expr) {
    // An aliased lambda would replace functions and operators by that name, also in nodes and filters around it.
    if (!expr.alias.empty() && checking())
      return refuse(Code::forbidden, expr.where, "a lambda may not have an alias ('{}')", expr.alias);
    const std::size_t outer = lambda_names_.size();
    for (const PathPart& part : expr.names) lambda_names_.push_back(part.text);
    use_function("lambda");
    TRY_VOID(expressions(expr.args));
    lambda_names_.resize(outer);
    return {};
  }

  Status column(Expr& expr) {
    if (!checking()) return {};
    for (const PathPart& part : expr.names)
      if (part.style == PathPart::Style::plain && is_denied_column(part.text))
        return refuse(Code::forbidden, expr.where, "column '{}' is not available", part.text);
    qualify(expr.names);
    return {};
  }

  /// Where a table has an alias of ours or the user's, `table.column` is written with it.
  void qualify(Path& names) {
    if (names.empty()) return;
    for (const Frame* frame = frame_; frame != nullptr; frame = frame->parent) {
      const auto& aliases = frame->table_aliases;
      for (const auto& renamed : frame->renamed) {
        const bool two = !renamed.second.empty();
        const std::uint32_t parts = two ? 2 : 1;
        const bool same =
            names.size() > parts && names[0].text == renamed.first && (!two || names[1].text == renamed.second);
        if (!same || (!two && std::find(aliases.begin(), aliases.end(), renamed.first) != aliases.end())) continue;
        Path path;
        path.push(*arena_, {renamed.alias});
        for (std::uint32_t i = parts; i < names.size(); ++i) path.push(*arena_, names[i]);
        names = path;
        return;
      }
      if (std::find(aliases.begin(), aliases.end(), names[0].text) != aliases.end()) return;
    }
  }

  Status star(Expr& expr) {
    if (checking() && scope_ == nullptr) return refuse(Code::invalid, expr.where, "a star is not allowed here");
    if (checking() && !expr.names.empty()) {
      Path with_star = expr.names;
      with_star.push(*arena_, {"*"});
      qualify(with_star);
      Path qualifier;
      for (std::uint32_t i = 0; i + 1 < with_star.size(); ++i) qualifier.push(*arena_, with_star[i]);
      expr.names = qualifier;
    }
    TRY_VOID(expressions(expr.args));
    for (Transformer& transformer : expr.transformers) {
      if (transformer.kind == Transformer::Kind::apply_function) {
        use_function(transformer.text);
        if (checking()) TRY_VOID(applied_function(transformer, expr.where));
      }
      TRY_VOID(expressions(transformer.exprs));
    }
    return {};
  }

  Status applied_function(const Transformer& transformer, const Position& where) {
    TRY(const Function* function, check_function(transformer.text, where));
    if (function->code_argument == CodeArgument::none && !function->higher_order && !function->is_in) return {};
    return refuse(Code::invalid, where, "function {}() cannot be used in APPLY by its name: use a lambda",
                  transformer.text);
  }

  Status call(Expr& expr) {
    use_function(expr.text);
    const Function* function = nullptr;
    if (checking()) {
      TRY(function, check_function(expr.text, expr.where));
      TRY_VOID(function_reference(*function, expr));
      TRY_VOID(code_argument(*function, expr));
    } else {
      function = find_function(expr.text);
    }
    TRY_VOID(expressions(expr.params));
    const bool in = function != nullptr && function->is_in && expr.args.size() > 1;
    for (std::uint32_t i = 0; i < expr.args.size(); ++i)
      TRY_VOID(in && i == 1 ? in_right_side(expr.args[i]) : expression(*expr.args[i]));
    return expr.window == nullptr ? Status() : window(*expr.window);
  }

  /// arrayMap(file, …): a bare name may be a function when no column has it.
  Status function_reference(const Function& function, const Expr& expr) {
    if (!function.higher_order || expr.args.empty()) return {};
    const Expr& first = *expr.args[0];
    if (first.kind != Kind::column || first.names.size() != 1) return {};
    const std::string_view name = first.names[0].text;
    if (std::find(lambda_names_.begin(), lambda_names_.end(), name) != lambda_names_.end()) return {};
    if (find_function(name) == nullptr) return {};
    TRY_VOID(check_function(name, first.where));
    use_function(name);
    return {};
  }

  /// Types and aggregate functions that are given as texts.
  Status code_argument(const Function& function, const Expr& expr) {
    if (function.code_argument == CodeArgument::none) return {};
    const int count = static_cast<int>(expr.args.size());
    const int index = function.code_index < 0 ? count + function.code_index : function.code_index;
    if (index < 0 || index >= count) return {};
    const Expr& text = *expr.args[static_cast<std::uint32_t>(index)];
    const bool type = function.code_argument == CodeArgument::type;
    if (text.kind != Kind::string)
      return refuse(Code::invalid, text.where, "the {} in {}() must be a literal string", type ? "type" : "function",
                    expr.text);
    if (!type) {
      const std::string_view aggregate = text.text.substr(0, text.text.find('('));
      use_function(aggregate);
      TRY_VOID(check_function(aggregate, text.where));
      return {};
    }
    if (const auto checked = normalize_type(text.text); !checked)
      return fail(
          Error{.code = checked.error().code,
                .message = fmt::format("{}in the type of {}(): {}", at(text.where), expr.text, checked.error().message),
                .hint = checked.error().hint});
    return {};
  }

  /// A lone name right of IN: alias, parameter or table alias; else CTE; else a resource; else a column.
  Status in_right_side(Expr*& right) {
    if (right->kind != Kind::column || right->names.size() > 2) return expression(*right);
    const std::string_view first = right->names[0].text;
    if (std::any_of(right->names.begin(), right->names.end(),
                    [](const PathPart& p) { return p.style != PathPart::Style::plain; }))
      return expression(*right);
    if (right->names.size() == 2) {
      const bool known =
          frame_ != nullptr && std::any_of(frame_->select->from.begin(), frame_->select->from.end(),
                                           [&](const FromItem& item) { return is_called(item.table, first); });
      if (known) return expression(*right);
      if (!checking()) {
        add(reads_->maybe_tables, fmt::format("{}.{}", first, right->names[1].text));
        return {};
      }
      return missing(right->where, fmt::format("{}.{}", first, right->names[1].text));
    }
    if (std::find(lambda_names_.begin(), lambda_names_.end(), first) != lambda_names_.end()) return {};
    for (const Frame* frame = frame_; frame != nullptr; frame = frame->parent) {
      const auto& aliases = frame->table_aliases;
      const bool table_alias = std::find(aliases.begin(), aliases.end(), first) != aliases.end();
      const bool alias =
          has_alias(*frame->select, first) || (frame->borrowed != nullptr && has_alias(*frame->borrowed, first));
      if (table_alias || alias) {
        if (out_ != nullptr && alias) add(out_->ctes, first);
        return {};
      }
    }
    if (const WithItem* cte = find_cte(first)) {
      if (out_ != nullptr) add(out_->ctes, cte->name);
      return {};
    }
    if (!checking()) {
      add(reads_->maybe_tables, first);
      return {};
    }
    if (scope_ == nullptr || first.find('.') != std::string_view::npos) return column(*right);
    auto target = scope_->table(first, right->where);
    if (!target) {
      const Code code = target.error().code;
      if (code != Code::not_found && code != Code::forbidden) return fail(std::move(target).error());
      return column(*right);
    }
    add(out_->tables, first);
    return replace_by_query(right, first, std::move(*target));
  }

  [[nodiscard]] static bool is_called(const Table& table, std::string_view name) {
    if (!table.alias.empty()) return table.alias == name;
    return table.kind == Table::Kind::name && table.names.size() == 1 && table.names[0] == name;
  }

  /// (SELECT * FROM target)
  Status replace_by_query(Expr*& right, std::string_view name, Target target) {
    auto* select = arena_->make<Select>();
    select->where = right->where;
    auto* star = arena_->make<Expr>();
    star->kind = Kind::star;
    star->where = right->where;
    select->items.push(*arena_, star);
    FromItem item;
    item.table.where = right->where;
    item.table.alias = name;
    ++depth_;
    TRY_VOID(count(1, 0, right->where));
    TRY_VOID(place(item.table, std::move(target)));
    --depth_;
    select->from.push(*arena_, item);
    auto* query = arena_->make<SetQuery>();
    query->branches.push(*arena_, {.select = select});
    auto* node = arena_->make<Expr>();
    node->kind = Kind::subquery;
    node->where = right->where;
    node->alias = right->alias;
    node->query = query;
    right = node;
    return {};
  }

  Status window(Window& window) {
    TRY_VOID(expressions(window.partition_by));
    TRY_VOID(optional(window.frame_begin.offset));
    TRY_VOID(optional(window.frame_end.offset));
    return order(window.order_by);
  }

  Status order(List<OrderItem>& items) {
    for (OrderItem& item : items)
      for (Expr* one : {item.expr, item.collation, item.fill_from, item.fill_to, item.fill_step, item.fill_staleness})
        TRY_VOID(optional(one));
    return {};
  }

  Frame& mutable_frame() { return const_cast<Frame&>(*frame_); }

  Arena* const arena_;
  Scope* const scope_;
  const ResolveOptions options_;
  Resolved* const out_;
  Reads* const reads_;
  Query* query_ = nullptr;
  const Frame* frame_ = nullptr;
  std::vector<std::string_view> lambda_names_;
  std::uint32_t depth_ = 0;
  std::uint32_t deepest_ = 0;
  std::uint32_t query_count_ = 0;
  std::uint32_t between_level_ = 0;
  std::uint32_t height_ = 0;
};

Status take_settings(Resolved& out, const ResolveOptions& options) {
  for (const Setting& setting : out.query.settings) {
    if (!options.settings) return refuse(Code::forbidden, setting.where, "SETTINGS is not allowed here");
    const SettingRule rule = setting_rule(setting.name);
    if (rule == SettingRule::refused)
      return fail(Error{.code = Code::forbidden,
                        .message = fmt::format("{}setting '{}' is not available", at(setting.where), setting.name),
                        .hint = did_you_mean(setting.name, setting_names())});
    const bool number =
        !setting.value.empty() && setting.value.find_first_not_of("0123456789.") == std::string_view::npos;
    if (rule == SettingRule::lower_only && !number)
      return refuse(Code::invalid, setting.where, "setting '{}' needs a number of 0 or more", setting.name);
    out.settings.emplace_back(setting.name, setting.value);
  }
  return {};
}

Status take_format(Resolved& out, const ResolveOptions& options) {
  const std::string_view written = out.query.format;
  if (written.empty()) return {};
  if (!options.format) return fail(Code::invalid, "FORMAT is not allowed here");
  const std::string_view format = find_format(written);
  if (format.empty())
    return fail(Error{.code = Code::invalid,
                      .message = fmt::format("format '{}' is not available", written),
                      .hint = did_you_mean(written, format_names())});
  out.format = std::string(format);
  return {};
}

}  // namespace

Result<Resolved> resolve(Query query, Scope& scope, const ResolveOptions& options) {
  Resolved out;
  out.query = std::move(query);
  TRY_VOID(take_settings(out, options));
  TRY_VOID(take_format(out, options));
  constexpr std::size_t usual_functions = 64;
  out.functions.reserve(usual_functions);
  Resolver resolver(&out.query.arena(), &scope, options, &out, nullptr);
  TRY_VOID(resolver.run(out.query));
  out.query.query_count = resolver.query_count();
  out.query.query_depth = resolver.query_depth();
  out.query.height = resolver.height();
  const auto& branches = out.query.root->branches;
  if (branches.size() == 1 && branches[0].select != nullptr) {
    out.has_limit = branches[0].select->limit != nullptr;
    out.has_totals = branches[0].select->totals;
  }
  out.query.text = print(out.query);
  if (out.query.text.size() > ResolveLimits::text_bytes)
    return fail(Code::invalid, "the query has {} bytes with its nodes and pipes; the limit is {}",
                out.query.text.size(), ResolveLimits::text_bytes);
  return out;
}

Reads names_read(const Query& query) {
  Reads reads;
  // Reading changes nothing; the walk is shared with resolve(), which does.
  Resolver resolver(nullptr, nullptr, {}, nullptr, &reads);
  auto& tree = const_cast<Query&>(query);
  const Status status = resolver.run(tree);
  (void)status;  // only checks fail, and none is made
  return reads;
}

Status check_expression(const Expression& expression) {
  Resolved unused;
  Resolver resolver(nullptr, nullptr, {}, &unused, nullptr);
  return resolver.run(*expression.root);
}

Result<std::string> checked_expression(std::string_view text) {
  TRY(const Expression expression, parse_expression(text));
  TRY_VOID(check_expression(expression));
  return print(expression);
}

namespace {

void collect_columns(const Expr& expr, std::vector<std::string_view>& bound, std::vector<std::string>& out) {
  const std::size_t outer = bound.size();
  if (expr.kind == Kind::lambda)
    for (const PathPart& part : expr.names) bound.push_back(part.text);
  if (expr.kind == Kind::column && std::find(bound.begin(), bound.end(), expr.names[0].text) == bound.end())
    add(out, expr.names[0].text);
  for (const Expr* one : expr.params) collect_columns(*one, bound, out);
  for (const Expr* one : expr.args) collect_columns(*one, bound, out);
  bound.resize(outer);
}

}  // namespace

std::vector<std::string> columns_read(const Expression& expression) {
  std::vector<std::string_view> bound;
  std::vector<std::string> out;
  collect_columns(*expression.root, bound, out);
  return out;
}

}  // namespace kinglet::sql
