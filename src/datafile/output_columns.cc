// SPDX-License-Identifier: Apache-2.0
// Names and types of the columns of a SELECT, where they can be known without the engine. What is not certain is left
// unknown: a wrong type would make a wrong table.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>

#include "datafile/classic_target.h"
#include "datafile/column_type.h"
#include "datafile/source.h"
#include "sql/parser.h"

namespace kinglet::datafile::internal {
namespace {

using sql::Expr;
using Columns = std::vector<OutputColumn>;

constexpr std::size_t depth_max = 32;  // nodes, sub-queries and nested expressions

struct Function {
  std::string_view name, type;
};
/// Scalar functions that give one type whatever they get, or NULL for NULL. Source: ClickHouse's function reference.
constexpr std::array functions = {
    Function{"toDate", "Date"},
    Function{"toDate32", "Date32"},
    Function{"toStartOfYear", "Date"},
    Function{"toStartOfQuarter", "Date"},
    Function{"toStartOfMonth", "Date"},
    Function{"toStartOfWeek", "Date"},
    Function{"toMonday", "Date"},
    Function{"toYear", "UInt16"},
    Function{"toMonth", "UInt8"},
    Function{"toDayOfMonth", "UInt8"},
    Function{"toDayOfWeek", "UInt8"},
    Function{"toHour", "UInt8"},
    Function{"toMinute", "UInt8"},
    Function{"toYYYYMM", "UInt32"},
    Function{"toYYYYMMDD", "UInt32"},
    Function{"toUnixTimestamp", "UInt32"},
    Function{"toString", "String"},
    Function{"lower", "String"},
    Function{"upper", "String"},
    Function{"concat", "String"},
    Function{"domain", "String"},
    Function{"domainWithoutWWW", "String"},
    Function{"path", "String"},
    Function{"toInt8", "Int8"},
    Function{"toInt16", "Int16"},
    Function{"toInt32", "Int32"},
    Function{"toInt64", "Int64"},
    Function{"toUInt8", "UInt8"},
    Function{"toUInt16", "UInt16"},
    Function{"toUInt32", "UInt32"},
    Function{"toUInt64", "UInt64"},
    Function{"toFloat32", "Float32"},
    Function{"toFloat64", "Float64"},
    Function{"toUUID", "UUID"},
    Function{"length", "UInt64"},
    Function{"cityHash64", "UInt64"},
    Function{"sipHash64", "UInt64"},
    Function{"xxHash64", "UInt64"},
    Function{"JSONExtractString", "String"},
    Function{"JSONExtractInt", "Int64"},
    Function{"JSONExtractUInt", "UInt64"},
    Function{"JSONExtractFloat", "Float64"},
    Function{"JSONExtractRaw", "String"},
};
/// Aggregate functions whose result is their first argument's type.
constexpr std::array<std::string_view, 6> keep_type = {"any", "anyLast", "min", "max", "argMin", "argMax"};

bool is_nullable_type(std::string_view type) {
  return type.find("Nullable(") != std::string_view::npos;
}

class Reader {
 public:
  Reader(const Project& project) : project_(project) {}

  std::optional<Columns> pipe(const Pipe& pipe, std::size_t node) {
    if (pipe.nodes.empty() || node >= pipe.nodes.size() || depth_ >= depth_max) return std::nullopt;
    ++depth_;
    auto out = text(pipe, pipe.nodes[node]);
    --depth_;
    return out;
  }

 private:
  struct Scope {
    const Pipe* pipe = nullptr;
    const sql::Select* select = nullptr;
    std::map<std::string, Columns, std::less<>> common = {};   // WITH name AS (SELECT …)
    std::vector<std::pair<std::string, Columns>> tables = {};  // by alias or name
    bool complete = true;                                      // all tables are known
  };

  std::optional<Columns> text(const Pipe& pipe, const Node& node) {
    std::string_view text = node.sql;
    if (trim(text).starts_with('%')) {
      text = trim(text).substr(1);
      if (text.find("{{") != std::string_view::npos || text.find("{%") != std::string_view::npos) return std::nullopt;
    }
    auto query = sql::parse_query(text);
    if (!query) return std::nullopt;
    return set_query(*query->root, {.pipe = &pipe});
  }

  std::optional<Columns> set_query(const sql::SetQuery& query, const Scope& outer) {
    if (query.branches.empty() || depth_ >= depth_max) return std::nullopt;
    const auto& branch = query.branches[0];
    ++depth_;
    auto out = branch.nested != nullptr ? set_query(*branch.nested, outer) : select(*branch.select, outer);
    --depth_;
    // Branches of a UNION may widen the types of each other.
    if (out && query.branches.size() > 1)
      for (auto& column : *out) column.type.clear();
    return out;
  }

  std::optional<Columns> select(const sql::Select& select, const Scope& outer) {
    Scope scope{.pipe = outer.pipe, .select = &select, .common = outer.common};
    for (const auto& with : select.with)
      if (with.query != nullptr)
        if (auto columns = set_query(*with.query, scope))
          scope.common.insert_or_assign(std::string(with.name), std::move(*columns));
    for (const auto& item : select.from) {
      using Join = sql::FromItem::Join;
      if (item.join == Join::array_inner || item.join == Join::array_left) {
        scope.complete = false;
        continue;
      }
      auto columns = table(item.table, scope);
      const auto name = !item.table.alias.empty()  ? item.table.alias
                        : item.table.names.empty() ? std::string_view()
                                                   : item.table.names.back();
      if (columns)
        scope.tables.emplace_back(name, std::move(*columns));
      else
        scope.complete = false;
    }
    Columns out;
    for (const auto* item : select.items) {
      if (item->kind == Expr::Kind::star && item->names.empty() && item->transformers.empty() &&
          item->op == sql::Operator::none) {
        if (!scope.complete || scope.tables.size() != 1) return std::nullopt;
        out.insert(out.end(), scope.tables[0].second.begin(), scope.tables[0].second.end());
        continue;
      }
      if (item->kind == Expr::Kind::star || item->kind == Expr::Kind::columns) return std::nullopt;
      std::string_view name = item->alias;
      if (name.empty() && item->kind == Expr::Kind::column) name = item->names.back().text;
      out.push_back({.name = std::string(name), .type = type(*item, scope)});
    }
    return out;
  }

  std::optional<Columns> table(const sql::Table& table, const Scope& scope) {
    if (table.kind == sql::Table::Kind::subquery) return set_query(*table.query, scope);
    if (table.kind != sql::Table::Kind::name || table.names.size() != 1) return std::nullopt;
    const auto name = table.names[0];
    if (const auto common = scope.common.find(name); common != scope.common.end()) return common->second;
    const auto& nodes = scope.pipe->nodes;
    for (std::size_t i = 0; i < nodes.size(); ++i)
      if (nodes[i].name == name) return pipe(*scope.pipe, i);
    if (const auto source = project_.data_sources.find(name); source != project_.data_sources.end()) {
      Columns out;
      for (const auto& column : source->second.columns) out.push_back({.name = column.name, .type = column.type});
      return out;
    }
    if (const auto other = project_.pipes.find(name); other != project_.pipes.end())
      return pipe(other->second, other->second.output_node);
    return std::nullopt;
  }

  std::string column_type(const Expr& expr, const Scope& scope) {
    if (expr.names.size() > 2) return {};
    const auto name = expr.names.back().text;
    if (expr.names.size() == 1) {
      for (const auto* item : scope.select->items)
        if (item->alias == name && !open_.contains(item)) return type(*item, scope);
      for (const auto& with : scope.select->with)
        if (with.expr != nullptr && with.expr->alias == name) return type(*with.expr, scope);
    }
    if (!scope.complete) return {};
    std::string found;
    for (const auto& [table, columns] : scope.tables) {
      if (expr.names.size() == 2 && table != expr.names[0].text) continue;
      for (const auto& column : columns)
        if (column.name == name && found.empty()) found = column.type;
    }
    return found;
  }

  std::string type(const Expr& expr, const Scope& scope) {
    if (depth_ >= depth_max) return {};
    const bool is_new = open_.insert(&expr).second;
    ++depth_;
    auto out = is_new ? type_inside(expr, scope) : std::string();
    --depth_;
    if (is_new) open_.erase(&expr);
    return out;
  }

  std::string type_inside(const Expr& expr, const Scope& scope) {
    switch (expr.kind) {
      case Expr::Kind::column:
        return column_type(expr, scope);
      case Expr::Kind::string:
        return "String";
      case Expr::Kind::number:
        return number_type(expr.text);
      case Expr::Kind::call:
        return expr.window != nullptr ? std::string() : call_type(expr, scope);
      default:
        return {};
    }
  }

  static std::string number_type(std::string_view text) {
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return {};
    return value <= 0xFF ? "UInt8" : value <= 0xFFFF ? "UInt16" : value <= 0xFFFFFFFF ? "UInt32" : "UInt64";
  }

  /// Of all arguments; nothing when one is not known.
  std::optional<std::vector<std::string>> argument_types(const Expr& call, const Scope& scope) {
    std::vector<std::string> out;
    for (const auto* argument : call.args) {
      out.push_back(type(*argument, scope));
      if (out.back().empty()) return std::nullopt;
    }
    return out;
  }

  std::string call_type(const Expr& call, const Scope& scope) {
    const auto name = call.text;
    if (equal_ignoring_case(name, "CAST") && call.args.size() == 2 && call.args[1]->kind == Expr::Kind::string) {
      const auto normal = normalise_type(call.args[1]->text);
      return normal ? *normal : std::string();
    }
    if (name == "now" && call.args.empty()) return "DateTime";
    if (name == "today" && call.args.empty()) return "Date";
    if (equal_ignoring_case(name, "count")) return "UInt64";
    if (name == "uniq" || name == "uniqExact" || name == "uniqCombined" || name == "uniqCombined64" ||
        name == "uniqHLL12" || name == "countIf" || name == "uniqIf" || name == "uniqExactIf")
      return "UInt64";
    const auto arguments = argument_types(call, scope);
    if (!arguments) return {};
    if (name.ends_with("SimpleState")) return simple_state(name.substr(0, name.size() - 11), *arguments);
    if (name.ends_with("State")) return state(name.substr(0, name.size() - 5), call, *arguments);
    if (std::find(keep_type.begin(), keep_type.end(), name) != keep_type.end() && !arguments->empty())
      return arguments->front();
    if (name == "sum" && arguments->size() == 1) return sum_type(arguments->front());
    const bool null =
        std::any_of(arguments->begin(), arguments->end(), [](const auto& t) { return is_nullable_type(t); });
    if (name == "toDateTime" || name == "toStartOfHour" || name == "toStartOfDay" || name == "toStartOfMinute" ||
        name == "toStartOfFiveMinutes" || name == "toStartOfTenMinutes" || name == "toStartOfFifteenMinutes") {
      // With a time zone the type has it.
      const bool plain = arguments->size() == 1 && arguments->front().find('\'') == std::string::npos;
      return !plain ? "" : null ? "Nullable(DateTime)" : "DateTime";
    }
    for (const auto& function : functions)
      if (equal_ignoring_case(function.name, name))
        return null ? fmt::format("Nullable({})", function.type) : std::string(function.type);
    return {};
  }

  static std::string sum_type(std::string_view type) {
    if (type.starts_with("UInt") && type != "UInt128" && type != "UInt256") return "UInt64";
    if (type.starts_with("Int") && type != "Int128" && type != "Int256") return "Int64";
    return type.starts_with("Float") ? "Float64" : "";
  }

  static std::string simple_state(std::string_view function, const std::vector<std::string>& arguments) {
    if (arguments.size() != 1 || arguments[0].starts_with("LowCardinality")) return {};
    if (function == "sum") {
      const auto type = sum_type(arguments[0]);
      return type.empty() ? "" : fmt::format("SimpleAggregateFunction(sum, {})", type);
    }
    if (function == "any" || function == "anyLast" || function == "min" || function == "max")
      return fmt::format("SimpleAggregateFunction({}, {})", function, arguments[0]);
    return {};
  }

  static std::string state(std::string_view function, const Expr& call, const std::vector<std::string>& arguments) {
    std::string out = fmt::format("AggregateFunction({}", function);
    for (std::uint32_t i = 0; i < call.params.size(); ++i) {
      if (call.params[i]->kind != Expr::Kind::number) return {};
      out += fmt::format("{}{}", i == 0 ? "(" : ", ", call.params[i]->text);
    }
    if (!call.params.empty()) out += ')';
    for (const auto& type : arguments) {
      if (type.find("LowCardinality") != std::string::npos) return {};  // the state may be of the inner type
      out += fmt::format(", {}", type);
    }
    const auto normal = normalise_type(out + ")");
    return normal ? *normal : std::string();
  }

  const Project& project_;
  std::size_t depth_ = 0;
  std::set<const Expr*> open_;  // being looked at: SELECT a + 1 AS a
};

}  // namespace

std::optional<std::vector<OutputColumn>> output_columns(const Project& project, const Pipe& pipe) {
  return Reader(project).pipe(pipe, pipe.output_node);
}

}  // namespace kinglet::datafile::internal
