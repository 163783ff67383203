// SPDX-License-Identifier: Apache-2.0
#include "rows/infer.h"

#include <gtest/gtest.h>

namespace kinglet::rows {
namespace {

std::string columns_of(std::string_view text, InferenceOptions options = {}) {
  SchemaInference inference(options);
  inference.feed(text);
  inference.finish(true);
  std::string out;
  for (const auto& one : inference.columns())
    out +=
        fmt::format("{}{} {}{}", out.empty() ? "" : ", ", one.name, one.type, one.path.empty() ? "" : " " + one.path);
  return out;
}
std::string type_of(std::string_view values) {
  std::string text;
  for (std::size_t at = 0; at < values.size();) {
    const auto end = std::min(values.find('|', at), values.size());
    text += fmt::format("{{\"v\":{}}}\n", values.substr(at, end - at));
    at = end + 1;
  }
  const auto all = columns_of(text);
  return all.substr(2, all.rfind(' ') - 2);
}

TEST(Infer, IntegersTakeTheSmallestTypeThatHoldsAll) {
  EXPECT_EQ(type_of("1|2|-3"), "Int16");
  EXPECT_EQ(type_of("32767|-32768"), "Int16");
  EXPECT_EQ(type_of("32768"), "Int32");
  EXPECT_EQ(type_of("1|2147483648"), "Int64");
  EXPECT_EQ(type_of("9223372036854775808"), "UInt64");
  EXPECT_EQ(type_of("18446744073709551615|-1"), "Int128");
  EXPECT_EQ(type_of("18446744073709551616"), "Int128");
  EXPECT_EQ(type_of("1" + std::string(100, '0')), "String");
}

TEST(Infer, I4NumbersKeepTheirDigits) {
  EXPECT_EQ(type_of("1.5|2"), "Float32");
  EXPECT_EQ(type_of("1.23456789"), "Float64");
  EXPECT_EQ(type_of("0.5|16777217"), "Float64");
  EXPECT_EQ(type_of("1e300"), "Float64");
}

TEST(Infer, TextsAreDatesOnlyWhenAllAre) {
  EXPECT_EQ(type_of("\"2026-01-01\""), "Date");
  EXPECT_EQ(type_of("\"1900-01-01\""), "Date32");
  EXPECT_EQ(type_of("\"2026-01-01 10:00:00\"|\"2026-01-01T10:00:00Z\""), "DateTime");
  EXPECT_EQ(type_of("\"2026-01-01\"|\"2026-01-01 10:00:00\""), "DateTime");
  EXPECT_EQ(type_of("\"2026-01-01 10:00:00.5\""), "DateTime64(3)");
  EXPECT_EQ(type_of("\"2026-01-01 10:00:00.123456\""), "DateTime64(6)");
  EXPECT_EQ(type_of("\"1950-01-01 10:00:00\""), "DateTime64(3)");
  EXPECT_EQ(type_of("\"2026-02-30\""), "String");
  EXPECT_EQ(type_of("\"2026-01-01\"|\"soon\""), "String");
  EXPECT_EQ(type_of("\"007\""), "String");
}

TEST(Infer, OtherKinds) {
  EXPECT_EQ(type_of("true|false"), "Bool");
  EXPECT_EQ(type_of("true|1"), "String");
  EXPECT_EQ(type_of("[1,2]|[300000]"), "Array(Int32)");
  EXPECT_EQ(type_of("[1,null]"), "Array(Nullable(Int16))");
  EXPECT_EQ(type_of("[]"), "Array(String)");
  EXPECT_EQ(type_of("[{\"a\":1}]"), "String");
  EXPECT_EQ(type_of("[[1]]"), "String");
  EXPECT_EQ(type_of("{}"), "String");
  EXPECT_EQ(type_of("{\"a\":1}|2"), "String");
}

TEST(Infer, Ask33ANullOrAMissingKeyAnywhereMakesItNullable) {
  EXPECT_EQ(type_of("1|null"), "Nullable(Int16)");
  std::string text;
  for (int i = 0; i < 9'000; ++i) text += "{\"a\":1,\"b\":2}\n";
  EXPECT_EQ(columns_of(text + "{\"a\":null}\n"), "a Nullable(Int16) $.a, b Nullable(Int16) $.b");
  EXPECT_EQ(columns_of("{\"o\":{\"x\":1}}\n{}\n"), "o_x Nullable(Int16) $.o.x");
}

TEST(Infer, ObjectsBecomeColumnsByPathInOrder) {
  EXPECT_EQ(columns_of(R"({"z":1,"purchase":{"name":"a","datetime":"2026-01-01 00:00:00"},"tags":["x"]})"),
            "purchase_datetime DateTime $.purchase.datetime, purchase_name String $.purchase.name, tags Array(String) "
            "$.tags[:], z Int16 $.z");
  EXPECT_EQ(columns_of(R"({"a b":1,"a_b":2,"1st":3,"x.y":4})"),
            "_1st Int16 $.1st, a_b Int16 $.['a b'], x_y Int16 $.['x.y'], a_b_2 Int16 $.a_b");
}

TEST(Infer, CsvGoesByHeaderOrPosition) {
  EXPECT_EQ(columns_of("id,name,at\n1,a,2026-01-01\n2,,2026-01-02\n", {.csv = true}),
            "id Int16, name Nullable(String), at Date");
  EXPECT_EQ(columns_of("1;a\n2;b\n", {.csv = true}), "column_1 Int16, column_2 String");
  EXPECT_EQ(columns_of("id,name\n1,a\n", {.csv = true, .type_guessing = false}), "id String, name String");
  EXPECT_EQ(columns_of("id,zip\n1,00501\n", {.csv = true}), "id Int16, zip String");
}

TEST(Infer, LinesThatAreNoRowsAreCounted) {
  SchemaInference inference({});
  inference.feed("{\"a\":1}\nnonsense\n\n[1]\n{\"a\":");
  inference.finish(true);
  EXPECT_EQ(inference.row_count(), 1u);
  EXPECT_EQ(inference.malformed_count(), 3u);
}

TEST(Infer, CutsChangeNothing) {
  const std::string text = "{\"a\":1,\"o\":{\"b\":[1.5]}}\n{\"a\":-70000}\n";
  const auto whole = columns_of(text);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    SchemaInference inference({});
    inference.feed(text.substr(0, cut));
    inference.feed(text.substr(cut));
    inference.finish(true);
    std::string out;
    for (const auto& one : inference.columns())
      out += fmt::format("{}{} {} {}", out.empty() ? "" : ", ", one.name, one.type, one.path);
    EXPECT_EQ(out, whole);
  }
}

TEST(Infer, TheSampleIsBounded) {
  SchemaInference inference({.rows_max = 3, .columns_max = 2});
  inference.feed("{\"a\":1,\"b\":1,\"c\":1}\n{\"a\":1}\n{\"a\":1}\n{\"a\":null}\n");
  EXPECT_TRUE(inference.full());
  EXPECT_EQ(inference.row_count(), 3u);
  EXPECT_EQ(inference.columns().size(), 2u);
}

}  // namespace
}  // namespace kinglet::rows
