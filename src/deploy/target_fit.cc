// SPDX-License-Identifier: Apache-2.0
#include "deploy/target_fit.h"

#include <algorithm>
#include <array>

#include "base/spelling.h"
#include "engine/type.h"

namespace kinglet::deploy {

namespace {

using datafile::Severity;
using engine::Kind;
using engine::Type;

enum class Match : std::uint8_t { fits, loses_null, states, differs };

const Type& without_wrappers(const Type& type) {
  const bool wrapper = type.kind == Kind::low_cardinality || type.kind == Kind::simple_aggregate_function;
  return wrapper && !type.elements.empty() ? without_wrappers(type.elements.front()) : type;
}

/// Bits of an integer; 0 for other types.
std::uint32_t bits(const Type& type) {
  constexpr std::array kinds{Kind::int8,  Kind::int16,  Kind::int32,  Kind::int64,  Kind::int128,  Kind::int256,
                             Kind::uint8, Kind::uint16, Kind::uint32, Kind::uint64, Kind::uint128, Kind::uint256};
  const auto at = std::ranges::find(kinds, type.kind);
  return at == kinds.end() ? 0 : 8u << ((at - kinds.begin()) % 6);
}

bool integer_fits(const Type& from, const Type& to) {
  const auto have = bits(from), room = bits(to);
  if (have == 0) return false;
  if (room == 0) return (to.kind == Kind::float64 && have <= 32) || (to.kind == Kind::float32 && have <= 16);
  return from.is_signed() ? to.is_signed() && room >= have : room >= have + (to.is_signed() ? 1 : 0);
}

bool enum_fits(const Type& from, const Type& to) {
  return std::ranges::all_of(from.members,
                             [&](const auto& m) { return std::ranges::find(to.members, m) != to.members.end(); });
}

/// Every value of `from` is one of `to`; both without wrappers, of different kind or parameters.
bool widens(const Type& from, const Type& to) {
  const bool from_enum = from.kind == Kind::enum8 || from.kind == Kind::enum16;
  if (integer_fits(from, to)) return true;
  switch (to.kind) {
    case Kind::string:
      return from_enum || from.kind == Kind::fixed_string;
    case Kind::boolean:
      return from.kind == Kind::uint8;  // what comparisons give
    case Kind::uint8:
      return from.kind == Kind::boolean;
    case Kind::float64:
      return from.kind == Kind::float32;
    case Kind::date32:
      return from.kind == Kind::date;
    case Kind::date_time:
      return from.kind == Kind::date_time;  // another zone
    case Kind::date_time64:
      return from.kind == Kind::date_time || (from.kind == Kind::date_time64 && from.scale <= to.scale);
    case Kind::time64:
      return from.kind == Kind::time || (from.kind == Kind::time64 && from.scale <= to.scale);
    case Kind::decimal:
      return from.kind == Kind::decimal && from.scale <= to.scale &&
             from.precision - from.scale <= to.precision - to.scale;
    case Kind::enum8:
    case Kind::enum16:
      return from_enum && enum_fits(from, to);
    case Kind::dynamic:
      return true;
    default:
      return false;
  }
}

/// The worse of two.
Match worse(Match a, Match b) {
  return std::max(a, b);
}

Match match(const Type& wrapped_from, const Type& wrapped_to) {
  const auto& from = without_wrappers(wrapped_from);
  const auto& to = without_wrappers(wrapped_to);
  if (from == to) return Match::fits;
  if (from.kind == Kind::aggregate_function && to.kind == Kind::aggregate_function) return Match::states;
  if (from.kind == Kind::aggregate_function || to.kind == Kind::aggregate_function) return Match::differs;
  if (from.kind == Kind::nullable || to.kind == Kind::nullable) {
    const bool loses = from.kind == Kind::nullable && to.kind != Kind::nullable;
    const auto& inner_from = from.kind == Kind::nullable ? from.elements.front() : from;
    const auto& inner_to = to.kind == Kind::nullable ? to.elements.front() : to;
    const auto inner = inner_from.kind == Kind::nothing ? Match::fits : match(inner_from, inner_to);
    return worse(inner, loses ? Match::loses_null : Match::fits);
  }
  const bool nested =
      to.kind == Kind::array || to.kind == Kind::map || to.kind == Kind::tuple || to.kind == Kind::nested;
  if (nested && from.kind == to.kind) {
    if (from.elements.size() != to.elements.size()) return Match::differs;
    auto result = Match::fits;
    for (std::size_t i = 0; i < from.elements.size(); ++i) {
      if (from.elements[i].kind == Kind::nothing) continue;  // []
      result = worse(result, match(from.elements[i], to.elements[i]));
    }
    return result == Match::states ? Match::differs : result;
  }
  return widens(from, to) ? Match::fits : Match::differs;
}

Match match_texts(const std::string& from, const std::string& to) {
  if (from == to) return Match::fits;
  const auto a = engine::parse_type(from), b = engine::parse_type(to);
  if (!a || !b) return Match::differs;
  return match(*a, *b);
}

std::string_view function_of(std::string_view aggregate) {
  return aggregate.substr(0, aggregate.find('('));
}
bool equal_any_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

/// What to write instead.
std::string advice(const Type& from_wrapped, const Type& to_wrapped, std::string_view call, std::string_view target) {
  const auto& from = without_wrappers(from_wrapped);
  const auto& to = without_wrappers(to_wrapped);
  const auto arguments = [](const Type& type) {
    std::vector<std::string> texts;
    for (const auto& e : type.elements) texts.push_back(engine::print(e));
    return fmt::format("{}", fmt::join(texts, ", "));
  };
  if (to.kind == Kind::aggregate_function) {
    const auto wanted = function_of(to.text);
    const auto dots = to.elements.empty() ? "" : "…";
    // Parameters, as in quantile(0.9), stand before the arguments.
    const auto parameters = std::string_view(to.text).substr(wanted.size());
    if (from.kind != Kind::aggregate_function || function_of(from.text) != wanted)
      return fmt::format("write {}State{}({})", wanted, parameters, dots);
    return fmt::format("its arguments must be {}: convert them inside {}State", arguments(to), wanted);
  }
  if (from.kind == Kind::aggregate_function) {
    const auto function = function_of(from.text);
    if (equal_any_case(call, std::string(function) + "State"))
      return fmt::format("write {}(…), or make the column {}", function, engine::print(from));
    return fmt::format("write {}Merge(…), or make the column {}", function, engine::print(from));
  }
  const auto plain =
      to.kind == Kind::nullable && from.kind != Kind::nullable ? engine::print(to.elements.front()) : engine::print(to);
  return fmt::format("write CAST(…, '{}'), or make the column of '{}' {}", plain, target, engine::print(from));
}

}  // namespace

StateConversions state_questions(std::span<const OutputColumn> columns, const datafile::DataSource& target) {
  StateConversions questions;
  for (const auto& column : columns) {
    const auto wanted = std::ranges::find(target.columns, column.name, &datafile::ColumnDefinition::name);
    if (wanted == target.columns.end()) continue;
    if (match_texts(column.type, wanted->type) == Match::states)
      questions.emplace(std::pair(column.type, wanted->type), false);
  }
  return questions;
}

std::vector<Misfit> misfits(std::span<const OutputColumn> columns, const datafile::DataSource& target,
                            const StateConversions& conversions,
                            const std::map<std::string, std::string, std::less<>>& calls) {
  std::vector<Misfit> found;
  std::vector<std::string_view> unfilled;  // columns of the target that the query does not give
  for (const auto& column : target.columns)
    if (std::ranges::find(columns, column.name, &OutputColumn::name) == columns.end()) unfilled.push_back(column.name);

  for (auto at = columns.begin(); at != columns.end(); ++at) {
    const auto& column = *at;
    if (std::ranges::find(columns.begin(), at, column.name, &OutputColumn::name) != at) {
      found.push_back({.column = column.name,
                       .message = fmt::format("the query gives two columns named `{}`", column.name),
                       .hint = "give one of them another name"});
      continue;
    }
    const auto wanted = std::ranges::find(target.columns, column.name, &datafile::ColumnDefinition::name);
    if (wanted == target.columns.end()) {
      found.push_back({.column = column.name,
                       .message = fmt::format("the query gives a column `{}` that data source '{}' does not have",
                                              column.name, target.name),
                       .hint = did_you_mean(column.name, unfilled)});
      continue;
    }
    auto result = match_texts(column.type, wanted->type);
    if (result == Match::states) {
      const auto known = conversions.find({column.type, wanted->type});
      result = known != conversions.end() && known->second ? Match::fits : Match::differs;
    }
    if (result == Match::fits) continue;
    const auto call = calls.find(column.name);
    const auto by = call == calls.end() ? std::string() : fmt::format(" by {}()", call->second);
    if (result == Match::loses_null) {
      found.push_back({.severity = Severity::warning,
                       .column = column.name,
                       .message = fmt::format("column `{}` of the query can be NULL ({}{}), that of data source '{}' "
                                              "cannot ({}): a NULL would stop the insert",
                                              column.name, column.type, by, target.name, wanted->type),
                       .hint = "write ifNull(…, …) or assumeNotNull(…)"});
      continue;
    }
    const auto from = engine::parse_type(column.type), to = engine::parse_type(wanted->type);
    found.push_back({.column = column.name,
                     .message = fmt::format("column `{}`: the query gives {}{}, data source '{}' has {}", column.name,
                                            column.type, by, target.name, wanted->type),
                     .hint = from && to ? advice(*from, *to, call == calls.end() ? "" : call->second, target.name)
                                        : std::string()});
  }
  std::vector<std::string_view> given;
  for (const auto& column : columns)
    if (std::ranges::find(target.columns, column.name, &datafile::ColumnDefinition::name) == target.columns.end())
      given.push_back(column.name);
  for (const auto& column : target.columns) {
    if (column.default_expression || std::ranges::find(unfilled, std::string_view(column.name)) == unfilled.end())
      continue;
    // Told already, from the other side, when a name of the query is only spelt wrong.
    const bool misspelt =
        std::ranges::any_of(given, [&](std::string_view name) { return nearest(name, unfilled) == column.name; });
    if (misspelt) continue;
    found.push_back({.column = {},
                     .message = fmt::format("data source '{}' has a column `{}` that the query does not give",
                                            target.name, column.name),
                     .hint = {}});
  }
  return found;
}

}  // namespace kinglet::deploy
