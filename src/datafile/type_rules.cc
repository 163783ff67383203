// SPDX-License-Identifier: Apache-2.0
// The types of columns by name, and the aliases of other databases.
#include "datafile/type_rules.h"

#include <algorithm>
#include <array>

#include "datafile/source.h"

namespace kinglet::datafile::internal {
namespace {

constexpr std::array rules = {
    TypeRule{"String"},
    TypeRule{"FixedString", Arguments::fixed_string},
    TypeRule{"UUID"},
    TypeRule{"Int8"},
    TypeRule{"Int16"},
    TypeRule{"Int32"},
    TypeRule{"Int64"},
    TypeRule{"Int128"},
    TypeRule{"Int256"},
    TypeRule{"UInt8"},
    TypeRule{"UInt16"},
    TypeRule{"UInt32"},
    TypeRule{"UInt64"},
    TypeRule{"UInt128"},
    TypeRule{"UInt256"},
    TypeRule{"Float32"},
    TypeRule{"Float64"},
    TypeRule{"BFloat16"},
    TypeRule{"Bool"},
    TypeRule{"Decimal", Arguments::decimal, 76},
    TypeRule{"Decimal32", Arguments::decimal_scale, 9},
    TypeRule{"Decimal64", Arguments::decimal_scale, 18},
    TypeRule{"Decimal128", Arguments::decimal_scale, 38},
    TypeRule{"Decimal256", Arguments::decimal_scale, 76},
    TypeRule{"Date"},
    TypeRule{"Date32"},
    TypeRule{"DateTime", Arguments::date_time},
    TypeRule{"DateTime64", Arguments::date_time64, 9},
    TypeRule{"Time"},
    TypeRule{"Time64", Arguments::time64, 9},
    TypeRule{"IPv4"},
    TypeRule{"IPv6"},
    TypeRule{"Enum", Arguments::enumeration},
    TypeRule{"Enum8", Arguments::enumeration},
    TypeRule{"Enum16", Arguments::enumeration},
    TypeRule{"Array", Arguments::one_type},
    TypeRule{"Nullable", Arguments::one_type},
    TypeRule{"LowCardinality", Arguments::one_type},
    TypeRule{"Map", Arguments::two_types},
    TypeRule{"Tuple", Arguments::elements},
    TypeRule{"Nested", Arguments::named_elements},
    TypeRule{"Variant", Arguments::some_types},
    TypeRule{"Dynamic", Arguments::dynamic},
    TypeRule{"JSON", Arguments::json},
    TypeRule{"AggregateFunction", Arguments::aggregate},
    TypeRule{"SimpleAggregateFunction", Arguments::simple_aggregate},
    TypeRule{"Point"},
    TypeRule{"Ring"},
    TypeRule{"Polygon"},
    TypeRule{"MultiPolygon"},
    TypeRule{"LineString"},
    TypeRule{"MultiLineString"},
};

constexpr std::array aliases = {
    Alias{"BIGINT", "Int64"},
    Alias{"BIGINT SIGNED", "Int64"},
    Alias{"BIGINT UNSIGNED", "UInt64"},
    Alias{"BINARY LARGE OBJECT", "String"},
    Alias{"BLOB", "String"},
    Alias{"BOOL", "Bool"},
    Alias{"BOOLEAN", "Bool"},
    Alias{"BYTE", "Int8"},
    Alias{"BYTEA", "String"},
    Alias{"CHAR", "String"},
    Alias{"CHARACTER", "String"},
    Alias{"CHAR VARYING", "String"},
    Alias{"CHARACTER VARYING", "String"},
    Alias{"CLOB", "String"},
    Alias{"DATE", "Date"},
    Alias{"DATE32", "Date32"},
    Alias{"DATETIME", "DateTime"},
    Alias{"DATETIME32", "DateTime"},
    Alias{"DATETIME64", "DateTime64"},
    Alias{"DEC", "Decimal"},
    Alias{"DECIMAL", "Decimal"},
    Alias{"DECIMAL32", "Decimal32"},
    Alias{"DECIMAL64", "Decimal64"},
    Alias{"DECIMAL128", "Decimal128"},
    Alias{"DECIMAL256", "Decimal256"},
    Alias{"DOUBLE", "Float64"},
    Alias{"DOUBLE PRECISION", "Float64"},
    Alias{"ENUM", "Enum"},
    Alias{"FIXED", "Decimal"},
    Alias{"FLOAT", "Float32"},
    Alias{"INET4", "IPv4"},
    Alias{"INET6", "IPv6"},
    Alias{"INT", "Int32"},
    Alias{"INT1", "Int8"},
    Alias{"INT SIGNED", "Int32"},
    Alias{"INT UNSIGNED", "UInt32"},
    Alias{"INTEGER", "Int32"},
    Alias{"INTEGER SIGNED", "Int32"},
    Alias{"INTEGER UNSIGNED", "UInt32"},
    Alias{"JSON", "JSON"},
    Alias{"LONGBLOB", "String"},
    Alias{"LONGTEXT", "String"},
    Alias{"MEDIUMBLOB", "String"},
    Alias{"MEDIUMINT", "Int32"},
    Alias{"MEDIUMTEXT", "String"},
    Alias{"NCHAR", "String"},
    Alias{"NUMERIC", "Decimal"},
    Alias{"NVARCHAR", "String"},
    Alias{"REAL", "Float32"},
    Alias{"SIGNED", "Int64"},
    Alias{"SINGLE", "Float32"},
    Alias{"SMALLINT", "Int16"},
    Alias{"SMALLINT UNSIGNED", "UInt16"},
    Alias{"TEXT", "String"},
    Alias{"TIMESTAMP", "DateTime"},
    Alias{"TINYBLOB", "String"},
    Alias{"TINYINT", "Int8"},
    Alias{"TINYINT UNSIGNED", "UInt8"},
    Alias{"TINYTEXT", "String"},
    Alias{"UNSIGNED", "UInt64"},
    Alias{"VARBINARY", "String"},
    Alias{"VARCHAR", "String"},
    Alias{"VARCHAR2", "String"},
    Alias{"YEAR", "UInt16"},
};

}  // namespace

const TypeRule* find_rule(std::string_view name) {
  const auto found = std::find_if(rules.begin(), rules.end(), [&](const TypeRule& rule) { return rule.name == name; });
  return found == rules.end() ? nullptr : &*found;
}

const Alias* find_alias(std::string_view name) {
  const auto wanted = upper(name);
  const auto found =
      std::find_if(aliases.begin(), aliases.end(), [&](const Alias& a) { return a.upper_case == wanted; });
  return found == aliases.end() ? nullptr : &*found;
}

std::span<const TypeRule> type_rules() {
  return rules;
}

}  // namespace kinglet::datafile::internal
