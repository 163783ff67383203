// SPDX-License-Identifier: Apache-2.0
// Good rows cost no allocation once a builder is warm: every malloc, realloc and operator new of this thread is
// counted.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>

#include "rows/row_testing.h"

// Sanitizers bring their own malloc; there the counts stay 0 and the test says that it was skipped.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define KINGLET_NO_COUNTING
#endif
#endif

#ifndef KINGLET_NO_COUNTING
namespace {
thread_local std::uint64_t allocation_count = 0;
}
// glibc's own functions under their second names; operator new of libstdc++ calls malloc.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* malloc(std::size_t size) {
  ++allocation_count;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  ++allocation_count;
  return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
  ++allocation_count;
  return __libc_realloc(old, size);
}
}
#endif

namespace kinglet::rows {
namespace {

using testing::ColumnText;
using testing::source_of;

std::uint64_t allocations() {
#ifdef KINGLET_NO_COUNTING
  return 0;
#else
  return allocation_count;
#endif
}

/// Allocations of the second batch of `rows` rows, after a first one of the same shape was given back.
std::uint64_t allocations_of(const std::vector<ColumnText>& columns, const std::function<std::string(int)>& row,
                             int rows) {
  BatchBuilder builder(RowMapping::compile(source_of(columns)).value(),
                       {.rows_max = SIZE_MAX, .bytes_max = SIZE_MAX, .hash_text = true});
  std::string text;
  for (int i = 0; i < rows; ++i) text += row(i) + "\n";
  std::string encoded;
  std::uint64_t counted = 0;
  for (int round = 0; round < 3; ++round) {
    const std::uint64_t before = allocations();
    std::string_view rest = text;
    while (!rest.empty()) rest.remove_prefix(builder.feed(rest.substr(0, 64 << 10)).value());
    counted = allocations() - before;
    Batch batch = builder.take();
    EXPECT_EQ(batch.counts.successful, static_cast<std::uint64_t>(rows));
    EXPECT_EQ(batch.counts.quarantined, 0u);
    encoded.clear();
    for (const auto& block : batch.rows) block.encode(encoded);
    builder.recycle(std::move(batch));
  }
  return counted;
}

class Allocations : public ::testing::Test {
 protected:
  void SetUp() override {
#ifdef KINGLET_NO_COUNTING
    GTEST_SKIP() << "a sanitizer has its own malloc";
#endif
    const std::uint64_t before = allocations();
    static void* volatile kept;  // or the compiler leaves it out
    kept = std::malloc(100);
    std::free(kept);
    ASSERT_GT(allocations(), before) << "allocations are not counted";
  }
};

TEST_F(Allocations, SevenColumnsOfTheUsualTypes) {
  const auto counted = allocations_of(
      {{"ts", "DateTime64(3)"},
       {"action", "LowCardinality(String)"},
       {"path", "String"},
       {"user", "Nullable(String)"},
       {"session", "UUID"},
       {"value", "Float64"},
       {"count", "UInt32"}},
      [](int i) {
        return fmt::format(
            R"({{"ts":"2024-05-{:02}T10:11:12.{:03}Z","action":"click","path":"/p/{}\n\u00e9","user":{},"session":"550e8400-e29b-41d4-a716-4466{:08x}","value":{}.25,"count":{},"unknown":[1]}})",
            i % 28 + 1, i % 1000, i, i % 3 == 0 ? "null" : "\"u\"", i, i, i);
      },
      100'000);
  // At most one for each 64 KiB that were fed (a line that two chunks share), never one for a row.
  EXPECT_LE(counted, 10u);
}

TEST_F(Allocations, AHundredColumns) {
  const std::vector<std::pair<std::string, std::string>> kinds = {
      {"String", "\"some text that is not short\""},
      {"Int64", "-123456"},
      {"Float64", "12.5e3"},
      {"DateTime64(3)", "\"2024-05-01 10:11:12.123\""},
      {"LowCardinality(String)", "\"a\""},
      {"Nullable(Int32)", "null"},
      {"Array(String)", "[\"a\",\"b\"]"},
      {"Map(String, Int32)", "{\"a\":1,\"b\\u00e9\":2}"},
      {"Tuple(x Int32, y String)", "{\"y\":\"t\",\"x\":1}"},
      {"Decimal(18, 4)", "12.5"},
      {"FixedString(20)", "\"seventeen letters\""},
      {"Enum8('a' = 1, 'b' = 2)", "\"b\""},
      {"Bool", "true"},
      {"Date", "\"2024-05-01\""},
      {"DateTime('Europe/Madrid')", "\"2024-05-01 10:11:12\""},
      {"IPv4", "\"10.0.0.1\""}};
  std::vector<ColumnText> columns;
  std::string row = "{";
  for (std::size_t i = 0; i < 100; ++i) {
    const auto& [type, value] = kinds[i % kinds.size()];
    columns.push_back({fmt::format("column_{}", i), type});
    row += fmt::format("{}\"column_{}\":{}", i > 0 ? "," : "", i, value);
  }
  row += "}";
  EXPECT_LE(allocations_of(columns, [&](int) { return row; }, 10'000), 10u);
}

TEST_F(Allocations, ColumnsWithDefaults) {
  const auto counted = allocations_of(
      {{"a", "UInt32"}, {"s", "String", "", "lower('X')"}, {"l", "Array(Int8)", "", "[1, 2]"}, {"n", "Nullable(Int8)"}},
      [](int i) { return i % 2 == 0 ? std::string(R"({"a":1})") : std::string(R"({"a":2,"s":"x","l":[3],"n":4})"); },
      100'000);
  EXPECT_LE(counted, 10u);
}

}  // namespace
}  // namespace kinglet::rows
