// SPDX-License-Identifier: Apache-2.0
// ClickHouse data types as a tree: parse the text of a type, ask what it is, print it back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace kinglet::engine {

/// Each ClickHouse type that can stand in a schema or come out of a query. Aliases (INT, TEXT, Boolean …) are resolved.
enum class Kind : std::uint8_t {
  int8,
  int16,
  int32,
  int64,
  int128,
  int256,
  uint8,
  uint16,
  uint32,
  uint64,
  uint128,
  uint256,
  float32,
  float64,
  bfloat16,
  boolean,
  decimal,
  string,
  fixed_string,
  uuid,
  ipv4,
  ipv6,
  date,
  date32,
  date_time,
  date_time64,
  time,
  time64,
  enum8,
  enum16,
  interval,
  nullable,
  low_cardinality,
  array,
  map,
  tuple,
  nested,
  json,
  variant,
  dynamic,
  object_geo,
  simple_aggregate_function,
  aggregate_function,
  nothing,
};

/// One type. Which members mean something depends on `kind`.
struct Type {
  Kind kind = Kind::string;
  std::uint32_t width = 0;      // bytes of one value in a Native block; 0: not of fixed width
  std::uint32_t precision = 0;  // decimal: digits in all
  std::uint32_t scale = 0;      // decimal: digits after the point; date_time64, time64: digits of a second
  std::string zone;             // date_time, date_time64: time zone, may be empty
  std::string text;             // interval and geo: own name; json: arguments as written; aggregates: the function
  std::vector<std::pair<std::string, std::int32_t>> members;  // enum8, enum16: in order of number
  /// nullable, low_cardinality, array, simple_aggregate_function: 1; map: 2; tuple, nested, variant: each element;
  /// json: types of typed paths; aggregate_function: argument types.
  std::vector<Type> elements;
  std::vector<std::string> names;  // of tuple and nested elements (empty when unnamed), paths of json

  bool operator==(const Type&) const = default;

  bool is_integer() const { return kind >= Kind::int8 && kind <= Kind::uint256; }
  bool is_signed() const { return kind >= Kind::int8 && kind <= Kind::int256; }
  /// Nullable(T) or LowCardinality(Nullable(T)).
  bool takes_null() const;
};

struct TypeLimits {
  static constexpr std::size_t text_bytes_max = 256 << 10;
  static constexpr std::uint32_t depth_max = 32;
  static constexpr std::size_t elements_max = 4096;
};

/// Reads the whole of `text` as one type. Errors: invalid, naming the byte and what was expected.
Result<Type> parse_type(std::string_view text);

/// The text that `system.columns` would show: `Enum8('a' = 1)`, `Tuple(a UInt8, \`b c\` String)`, `Decimal(9, 2)`.
std::string print(const Type& type);

/// What we send for a column of this type: LowCardinality and SimpleAggregateFunction peeled off at every depth
/// (native-format.md 7: taken with conversion off).
Type sent_type(const Type& type);

/// Can rows carry this type into a table? No for aggregate states, Variant, Dynamic, intervals and Nothing, at any
/// depth.
bool is_insertable(const Type& type);

}  // namespace kinglet::engine
