// SPDX-License-Identifier: Apache-2.0
#include "jobs/partition_fit.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <vector>

#include "base/result.h"
#include "sql/parser.h"
#include "sql/resolve.h"

namespace kinglet::jobs {
namespace {

using sql::Expr;
using Kind = sql::Expr::Kind;

/// How much of a time a function keeps, the most first. `exact` is the value itself.
enum class Grain : std::uint8_t { exact, second, minute, hour, day, week, month, quarter, year };

struct GrainFunction {
  std::string_view name;
  Grain grain;
};
// Week functions differ in their first day: only the ISO one is known.
constexpr std::array grain_functions{
    GrainFunction{"toDateTime", Grain::second},
    GrainFunction{"toStartOfSecond", Grain::second},
    GrainFunction{"toYYYYMMDDhhmmss", Grain::second},
    GrainFunction{"toStartOfMinute", Grain::minute},
    GrainFunction{"toStartOfHour", Grain::hour},
    GrainFunction{"toDate", Grain::day},
    GrainFunction{"toDate32", Grain::day},
    GrainFunction{"toStartOfDay", Grain::day},
    GrainFunction{"toYYYYMMDD", Grain::day},
    GrainFunction{"toMonday", Grain::week},
    GrainFunction{"toYYYYMM", Grain::month},
    GrainFunction{"toStartOfMonth", Grain::month},
    GrainFunction{"toStartOfQuarter", Grain::quarter},
    GrainFunction{"toYear", Grain::year},
    GrainFunction{"toStartOfYear", Grain::year},
};

/// Equal values at `fine` are equal at `coarse`.
bool determines(Grain fine, Grain coarse) {
  if (fine == coarse) return true;
  if (fine == Grain::week) return false;  // a week may lie in two months
  if (coarse == Grain::week) return fine < Grain::week;
  return fine < coarse;
}

/// One part of a key: what of which value of the source.
struct Part {
  Grain grain = Grain::exact;
  std::string base;
};

std::string text_of(const Part& part) {
  return part.grain == Grain::exact ? part.base : fmt::format("g{}({})", static_cast<int>(part.grain), part.base);
}

/// What a column of this name comes from; nothing when it cannot be traced.
using Lookup = std::function<std::optional<Part>(std::string_view name)>;
constexpr int depth_max = 64;

std::string_view last_name(const Expr& column) {
  return column.names.back().text;
}

std::optional<Part> part_of(const Expr& expr, const Lookup& lookup, int depth = 0) {
  if (depth > depth_max) return std::nullopt;
  if (expr.kind == Kind::column) return expr.names.size() > 2 ? std::nullopt : lookup(last_name(expr));
  const bool plain_call = expr.kind == Kind::call && !expr.has_params && expr.window == nullptr;
  if (plain_call && expr.args.size() == 1) {
    const auto* cut = std::ranges::find(grain_functions, expr.text, &GrainFunction::name);
    if (cut != grain_functions.end()) {
      auto value = part_of(*expr.args[0], lookup, depth + 1);
      if (!value) return std::nullopt;
      if (determines(value->grain, cut->grain)) {
        value->grain = cut->grain;
      } else if (!determines(cut->grain, value->grain)) {
        return std::nullopt;
      }
      return value;
    }
  }
  Part out;
  if (expr.kind == Kind::number) {
    out.base = expr.text;
    return out;
  }
  if (expr.kind == Kind::string) {
    out.base = fmt::format("'{}'", expr.text);
    return out;
  }
  if (plain_call) {
    out.base = expr.text;
  } else if (expr.kind == Kind::binary) {
    out.base = sql::function_name(expr.op);
  } else {
    return std::nullopt;
  }
  out.base += '(';
  for (const Expr* argument : expr.args) {
    const auto value = part_of(*argument, lookup, depth + 1);
    if (!value) return std::nullopt;
    out.base += text_of(*value) + ',';
  }
  out.base += ')';
  return out;
}

/// The SELECTs of a view, one inside the other, down to its source.
class View {
 public:
  /// False when the query is none of those that can be traced.
  bool open(const sql::SetQuery& query, std::string_view database, std::string_view table) {
    if (query.branches.size() != 1) return false;
    const auto& branch = query.branches[0];
    if (branch.nested != nullptr) return open(*branch.nested, database, table);
    const sql::Select* select = branch.select;
    if (select == nullptr || select->from.empty()) return false;
    selects_.push_back(select);
    for (const auto& with : select->with)
      if (with.query != nullptr) return false;
    for (std::uint32_t i = 1; i < select->from.size(); ++i) {
      const auto join = select->from[i].join;
      if (join != sql::FromItem::Join::array_inner && join != sql::FromItem::Join::array_left) return false;
    }
    const sql::Table& from = select->from[0].table;
    if (from.kind == sql::Table::Kind::subquery && from.query != nullptr) return open(*from.query, database, table);
    return from.kind == sql::Table::Kind::name && from.names.size() == 2 && from.names[0] == database &&
           from.names[1] == table;
  }

  /// A column of the output of the SELECT at `level`; beyond the last one stands the source.
  std::optional<Part> column(std::string_view name, std::size_t level, int depth) const {
    if (level >= selects_.size()) return Part{.grain = Grain::exact, .base = std::string(name)};
    bool star = false;
    for (const Expr* item : selects_[level]->items) {
      if (item->kind == Kind::star && (!item->transformers.empty() || !item->text.empty())) return std::nullopt;
      star = star || item->kind == Kind::star;
      const bool named =
          item->alias.empty() ? item->kind == Kind::column && last_name(*item) == name : item->alias == name;
      if (named) return item_part(*item, level, depth);
    }
    return star ? column(name, level + 1, depth + 1) : std::nullopt;
  }

 private:
  std::optional<Part> item_part(const Expr& item, std::size_t level, int depth) const {
    if (depth > depth_max) return std::nullopt;
    return part_of(item, [&](std::string_view name) { return name_in(name, level, item, depth + 1); });
  }
  /// A name inside a SELECT: an alias of another item wins over a column (prefer_column_name_to_alias = 0).
  std::optional<Part> name_in(std::string_view name, std::size_t level, const Expr& self, int depth) const {
    const sql::Select& select = *selects_[level];
    for (const auto& item : select.from)
      for (const Expr* array : item.arrays)
        if (array->alias == name || (array->alias.empty() && array->kind == Kind::column && last_name(*array) == name))
          return std::nullopt;
    for (const auto& with : select.with)
      if (with.expr != nullptr && with.expr != &self && (with.expr->alias == name || with.name == name))
        return item_part(*with.expr, level, depth);
    for (const Expr* item : select.items)
      if (item->alias == name && item != &self) return item_part(*item, level, depth);
    return column(name, level + 1, depth);
  }

  std::vector<const sql::Select*> selects_;  // the outermost first
};

std::optional<std::vector<Part>> key_parts(std::string_view key, const Lookup& lookup) {
  std::vector<Part> parts;
  if (key.empty()) return parts;
  const auto parsed = sql::parse_expression(key);
  if (!parsed) return std::nullopt;
  const Expr& root = *parsed->root;
  const auto add = [&](const Expr& expr) {
    auto part = part_of(expr, lookup);
    if (part) parts.push_back(std::move(*part));
    return part.has_value();
  };
  if (root.kind != Kind::tuple && !(root.kind == Kind::call && root.text == "tuple")) {
    if (!add(root)) return std::nullopt;
    return parts;
  }
  for (const Expr* one : root.args)
    if (!add(*one)) return std::nullopt;
  return parts;
}

}  // namespace

bool partitions_follow(std::string_view view_sql, std::string_view source_database, std::string_view source_table,
                       std::string_view source_key, std::string_view target_key) {
  const auto query = sql::parse_query(view_sql, {.text_bytes = sql::ResolveLimits::text_bytes});
  if (!query) return false;
  View view;
  if (!view.open(*query->root, source_database, source_table)) return false;
  const auto source = key_parts(source_key, [](std::string_view name) {
    return std::optional(Part{.grain = Grain::exact, .base = std::string(name)});
  });
  if (!source) return false;
  if (source->empty()) return true;  // one partition: all of the target is made anew
  const auto target = key_parts(target_key, [&](std::string_view name) { return view.column(name, 0, 0); });
  if (!target) return false;
  return std::ranges::all_of(*source, [&](const Part& wanted) {
    return std::ranges::any_of(
        *target, [&](const Part& given) { return given.base == wanted.base && determines(given.grain, wanted.grain); });
  });
}

}  // namespace kinglet::jobs
