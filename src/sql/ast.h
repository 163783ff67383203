// SPDX-License-Identifier: Apache-2.0
// The syntax tree of a SELECT. Names and texts are decoded; nothing in it points into the user's text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sql/arena.h"
#include "sql/lexer.h"

namespace kinglet::sql {

struct Expr;
struct SetQuery;
class Query;

using Names = List<std::string_view>;
using Exprs = List<Expr*>;

/// One part of a.b.c; JSON paths also know a.^b and a.:Type.
struct PathPart {
  enum class Style : std::uint8_t { plain, sub_object, type };
  std::string_view text;
  Style style = Style::plain;
};
using Path = List<PathPart>;

/// Binary operators, in the engine's classes of precedence.
enum class Operator : std::uint8_t {
  none,
  is_distinct_from,
  is_not_distinct_from,
  equals,
  not_equals,
  less,
  less_or_equals,
  greater,
  greater_or_equals,
  like,
  not_like,
  ilike,
  not_ilike,
  regexp,
  in,
  not_in,
  global_in,
  global_not_in,
  plus,
  minus,
  multiply,
  divide,
  modulo,
  int_div,
};

/// The function that the operator calls, e.g. "equals".
std::string_view function_name(Operator op);
/// How it is written, e.g. "=".
std::string_view spelling(Operator op);

struct OrderItem {
  Expr* expr = nullptr;
  enum class Nulls : std::uint8_t { unset, first, last };
  Nulls nulls = Nulls::unset;
  bool descending = false;
  bool fill = false;
  Expr* collation = nullptr;
  Expr* fill_from = nullptr;
  Expr* fill_to = nullptr;
  Expr* fill_step = nullptr;
  Expr* fill_staleness = nullptr;
};

struct FrameBound {
  enum class Kind : std::uint8_t { current_row, preceding, following };
  Kind kind = Kind::current_row;
  Expr* offset = nullptr;  // null with preceding or following: UNBOUNDED
};

struct Window {
  enum class Frame : std::uint8_t { none, rows, range, groups };
  std::string_view name;   // the window that it is (`reference`) or builds on
  bool reference = false;  // OVER w
  Frame frame = Frame::none;
  bool frame_between = false;
  Exprs partition_by;
  List<OrderItem> order_by;
  FrameBound frame_begin;
  FrameBound frame_end;
};

/// `* EXCEPT (a)`, `* REPLACE (e AS c)`, `* APPLY (f)`
struct Transformer {
  enum class Kind : std::uint8_t { except_names, except_pattern, replace, apply_function, apply_lambda };
  Kind kind = Kind::except_names;
  bool strict = false;
  std::string_view text;    // pattern, function name
  std::string_view prefix;  // APPLY (f, 'prefix')
  Names names;              // EXCEPT
  Exprs exprs;              // REPLACE: expressions with alias; APPLY: parameters, or the lambda
};

/// An expression. Special syntax of the engine (CASE, INTERVAL, EXTRACT, ?:, ::, FILTER, count(DISTINCT x)) is held as
/// the function call that the engine makes of it.
struct Expr {
  enum class Kind : std::uint8_t {
    number,  // text: digits as written, maybe with a minus sign; also inf, nan
    string,  // text: the bytes
    null,
    boolean,  // op_not: false
    column,   // names
    star,     // names: qualifier; transformers; op: * LIKE or ILIKE text
    columns,  // COLUMNS('pattern') or COLUMNS(a, b); names: qualifier; transformers
    call,     // text: function; params, args, window
    binary,   // op; args: left, right
    logical_and,
    logical_or,
    concat,
    not_,
    negate,
    between,     // args: value, low, high; op_not: NOT BETWEEN
    quantified,  // op; args: value, sub-query; op_not: ALL instead of ANY
    index,       // args: array, index
    element,     // text: number or name; args: tuple
    array,
    tuple,
    lambda,    // names: parameters; args: body
    subquery,  // query
  };
  Kind kind;
  Operator op = Operator::none;
  bool op_not = false;
  bool by_name = false;  // element: text is a name
  enum class Nulls : std::uint8_t { unset, respect, ignore };
  Nulls nulls = Nulls::unset;
  Position where = {};
  std::string_view text = {};
  std::string_view alias = {};
  Exprs args = {};
  Path names = {};
  Exprs params = {};
  bool has_params = false;   // f()(x) differs from f(x)
  std::uint32_t height = 1;  // longest way down, sub-queries included
  List<Transformer> transformers = {};
  Window* window = nullptr;
  SetQuery* query = nullptr;
};

/// One FROM item.
struct Table {
  enum class Kind : std::uint8_t {
    name,      // names, as written; after resolution a CTE
    function,  // function: the call
    subquery,  // query
    physical,  // resolved: database, physical
    inlined,   // resolved: a node or pipe, kept alive by the Query
  };
  Kind kind = Kind::name;
  bool final = false;
  Position where = {};
  Names names = {};
  std::string_view alias = {};
  Names column_aliases = {};
  Expr* function = nullptr;
  SetQuery* query = nullptr;
  Expr* sample = nullptr;
  Expr* sample_offset = nullptr;
  std::string_view database = {};
  std::string_view physical = {};
  const Query* inlined = nullptr;
};

struct FromItem {
  enum class Join : std::uint8_t { first, comma, inner, left, right, full, cross, paste, array_inner, array_left };
  enum class Strictness : std::uint8_t { unset, any, all, asof, semi, anti };
  Join join = Join::first;
  Strictness strictness = Strictness::unset;
  bool global = false;
  bool natural = false;
  Table table = {};
  Expr* on = nullptr;
  Exprs using_columns = {};
  Exprs arrays = {};  // ARRAY JOIN
};

struct WithItem {
  std::string_view name;  // CTE; empty for an expression
  Position where = {};
  bool materialized = false;
  Names column_aliases = {};
  SetQuery* query = nullptr;
  Expr* expr = nullptr;
};

struct NamedWindow {
  std::string_view name;
  Window* window = nullptr;
};

struct Setting {
  std::string_view name;
  std::string_view value;
  Position where = {};
};

struct Select {
  Position where = {};
  bool recursive = false;
  bool distinct = false;
  bool with_ties = false;
  bool group_by_all = false;
  bool grouping_sets = false;  // group_by holds tuples
  bool rollup = false;
  bool cube = false;
  bool totals = false;
  bool order_by_all = false;  // order_by then has one item without an expression
  bool interpolate = false;
  bool limit_by_all = false;
  bool distinct_on = false;  // limit_by is 1, limit_by_columns stand in DISTINCT ON
  List<WithItem> with = {};
  Exprs items = {};
  List<FromItem> from = {};
  Expr* prewhere = nullptr;
  Expr* filter = nullptr;
  Exprs group_by = {};
  Expr* having = nullptr;
  List<NamedWindow> windows = {};
  Expr* qualify = nullptr;
  List<OrderItem> order_by = {};
  Exprs interpolations = {};  // column (alias) and expression
  Expr* limit_by = nullptr;
  Expr* limit_by_offset = nullptr;
  Exprs limit_by_columns = {};
  Expr* limit = nullptr;
  Expr* offset = nullptr;
};

/// SELECTs joined by UNION, INTERSECT, EXCEPT; which binds tighter is left to the engine, the text order is kept.
struct SetQuery {
  enum class Op : std::uint8_t {
    first,
    union_plain,
    union_all,
    union_distinct,
    intersect,
    intersect_distinct,
    except_,
    except_distinct
  };
  struct Branch {
    Op op = Op::first;
    Select* select = nullptr;  // one of these two
    SetQuery* nested = nullptr;
  };
  List<Branch> branches = {};
};

/// A parsed text: owns its tree. Move-only; share it as `shared_ptr<const Query>` when it is inlined.
class Query {
 public:
  Query() : Query(Arena::first_bytes) {}
  /// `bytes`: what the tree will about need.
  explicit Query(std::size_t bytes) : arena_(std::make_unique<Arena>(bytes)) {}

  [[nodiscard]] Arena& arena() { return *arena_; }

  SetQuery* root = nullptr;
  std::string_view format;                            // FORMAT x, empty without
  List<Setting> settings;                             // of the outermost query only
  std::uint32_t height = 0;                           // of the tree
  std::uint32_t between_depth = 0;                    // BETWEENs inside the left side of a BETWEEN
  std::vector<std::shared_ptr<const Query>> inlined;  // what Table::inlined points to

  /// Set by resolve(): the text to send, without FORMAT and SETTINGS.
  std::string text;
  /// Counted by resolve(), inlined queries included.
  std::uint32_t query_count = 0;
  std::uint32_t query_depth = 0;

 private:
  std::unique_ptr<Arena> arena_;
};

/// A parsed expression: owns its tree.
class Expression {
 public:
  Expression() : arena_(std::make_unique<Arena>()) {}
  [[nodiscard]] Arena& arena() { return *arena_; }
  Expr* root = nullptr;

 private:
  std::unique_ptr<Arena> arena_;
};

}  // namespace kinglet::sql
