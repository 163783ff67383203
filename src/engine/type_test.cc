// SPDX-License-Identifier: Apache-2.0
// Type texts: wrong ones, aliases, and print∘parse.
#include "engine/type.h"

#include <gtest/gtest.h>

namespace kinglet::engine {
namespace {

TEST(Type, WrongTextsNameTheByte) {
  for (const char* text : {"",
                           "Foo",
                           "Array",
                           "Array(",
                           "Array()",
                           "Array(String",
                           "Map(String)",
                           "Map(String, Int8, Int8)",
                           "Nullable(Array(Int8))",
                           "Nullable(Nullable(Int8))",
                           "LowCardinality(Array(String))",
                           "Tuple(a Int8, String)",
                           "Tuple(a Int8, a Int8)",
                           "Nested(String)",
                           "FixedString",
                           "FixedString(0)",
                           "FixedString(x)",
                           "DateTime64(10)",
                           "DateTime64(3, UTC)",
                           "Decimal(77, 1)",
                           "Decimal(9, 10)",
                           "Decimal32(10)",
                           "Enum8()",
                           "Enum8('a' = 1, 'b' = 1)",
                           "Enum8('a' = 1, 'a' = 2)",
                           "Enum8('a' = 300)",
                           "Enum8('a)",
                           "Int8 x",
                           "Int8)",
                           "SimpleAggregateFunction(sum)",
                           "AggregateFunction()",
                           "JSON(a)"}) {
    auto type = parse_type(text);
    ASSERT_FALSE(type.has_value()) << text;
    EXPECT_EQ(type.error().code, Code::invalid);
    EXPECT_TRUE(type.error().message.starts_with("type '")) << type.error().message;
  }
}

TEST(Type, DepthAndSizeHaveLimits) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "Array(";
  EXPECT_FALSE(parse_type(deep).has_value());
  EXPECT_FALSE(parse_type(std::string(TypeLimits::text_bytes_max + 1, 'a')).has_value());
}

TEST(Type, PrintsWhatTheEngineShows) {
  for (const char* text : {"Int8",
                           "UInt256",
                           "Float64",
                           "BFloat16",
                           "Bool",
                           "String",
                           "FixedString(16)",
                           "UUID",
                           "IPv4",
                           "IPv6",
                           "Date",
                           "Date32",
                           "DateTime",
                           "DateTime('Europe/Madrid')",
                           "DateTime64(3)",
                           "DateTime64(9, 'UTC')",
                           "Time",
                           "Time64(3)",
                           "Decimal(76, 10)",
                           "Enum8('a' = 1, 'b\\'c' = 2)",
                           "Enum16('x' = -5, 'y' = 30000)",
                           "Nullable(UInt8)",
                           "LowCardinality(Nullable(String))",
                           "Array(Array(LowCardinality(String)))",
                           "Map(String, Array(Int64))",
                           "Tuple(UInt8, String)",
                           "Tuple(a UInt8, `b c` String)",
                           "Tuple()",
                           "Nested(a UInt8, b Array(String))",
                           "JSON",
                           "JSON(max_dynamic_paths=10)",
                           "JSON(a.b UInt8, SKIP x)",
                           "Variant(String, UInt64)",
                           "Dynamic",
                           "Point",
                           "IntervalDay",
                           "Nullable(Nothing)",
                           "SimpleAggregateFunction(sum, UInt64)",
                           "AggregateFunction(count)",
                           "AggregateFunction(quantile(0.95), Float64)"}) {
    auto type = parse_type(text);
    ASSERT_TRUE(type.has_value()) << type.error().message;
    EXPECT_EQ(print(*type), text);
  }
}

TEST(Type, AliasesAndShortForms) {
  for (auto [text, printed] : {std::pair{"Decimal32(2)", "Decimal(9, 2)"},
                               {"Decimal(5)", "Decimal(5, 0)"},
                               {"INT", "Int32"},
                               {"Boolean", "Bool"},
                               {"varchar(20)", "String"},
                               {"Array( Int8 )", "Array(Int8)"},
                               {"Enum8('a','b')", "Enum8('a' = 1, 'b' = 2)"},
                               {"Enum('a' = 1, 'b' = 200)", "Enum16('a' = 1, 'b' = 200)"},
                               {"DateTime(3)", "DateTime64(3)"},
                               {"TIMESTAMP", "DateTime"}}) {
    auto type = parse_type(text);
    ASSERT_TRUE(type.has_value()) << type.error().message;
    EXPECT_EQ(print(*type), printed);
  }
}

TEST(Type, SentTypePeelsWhatTheEngineConverts) {
  for (auto [text, sent] : {std::pair{"LowCardinality(Nullable(String))", "Nullable(String)"},
                            {"Array(LowCardinality(String))", "Array(String)"},
                            {"Map(LowCardinality(String), UInt8)", "Map(String, UInt8)"},
                            {"SimpleAggregateFunction(sum, UInt64)", "UInt64"},
                            {"Point", "Tuple(Float64, Float64)"}})
    EXPECT_EQ(print(sent_type(*parse_type(text))), sent);
  EXPECT_FALSE(is_insertable(*parse_type("Array(AggregateFunction(count))")));
  EXPECT_TRUE(is_insertable(*parse_type("SimpleAggregateFunction(sum, UInt64)")));
}

}  // namespace
}  // namespace kinglet::engine
