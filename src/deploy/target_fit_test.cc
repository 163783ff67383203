// SPDX-License-Identifier: Apache-2.0
// datafiles.md 4.4, 4.5: which columns of a query go into which data source.
#include "deploy/target_fit.h"

#include <gtest/gtest.h>

namespace kinglet::deploy {
namespace {

using datafile::Severity;

datafile::DataSource target_of(const std::vector<std::pair<std::string, std::string>>& columns) {
  datafile::DataSource target;
  target.name = "target";
  for (const auto& [name, type] : columns) {
    datafile::ColumnDefinition column;
    column.name = name;
    column.type = type;
    target.columns.push_back(std::move(column));
  }
  return target;
}

/// What is said about a column `c` of type `from` for one of type `to`.
std::vector<Misfit> said(const std::string& from, const std::string& to, const std::string& call = {},
                         bool convertible = false) {
  const auto target = target_of({{"c", to}});
  const std::vector<OutputColumn> columns{{.name = "c", .type = from}};
  auto conversions = state_questions(columns, target);
  for (auto& [types, possible] : conversions) possible = convertible;
  std::map<std::string, std::string, std::less<>> calls;
  if (!call.empty()) calls["c"] = call;
  return misfits(columns, target, conversions, calls);
}

TEST(TargetFit, TypesThatHoldEveryValueFit) {
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"UInt64", "UInt64"},
           {"UInt64", "SimpleAggregateFunction(sum, UInt64)"},
           {"SimpleAggregateFunction(sum, UInt64)", "UInt64"},
           {"SimpleAggregateFunction(max, LowCardinality(String))", "String"},
           {"String", "LowCardinality(String)"},
           {"LowCardinality(String)", "String"},
           {"String", "Nullable(String)"},
           {"LowCardinality(Nullable(String))", "Nullable(String)"},
           {"Nullable(Nothing)", "Nullable(Int32)"},
           {"DateTime", "DateTime('Europe/Madrid')"},
           {"DateTime('UTC')", "DateTime"},
           {"DateTime64(3, 'UTC')", "DateTime64(3)"},
           {"DateTime64(3)", "DateTime64(6)"},
           {"DateTime", "DateTime64(3)"},
           {"Date", "Date32"},
           {"UInt8", "UInt64"},
           {"UInt8", "Int16"},
           {"UInt32", "Float64"},
           {"Int8", "Int256"},
           {"Float32", "Float64"},
           {"UInt8", "Bool"},
           {"Bool", "UInt8"},
           {"Decimal(9, 2)", "Decimal(18, 4)"},
           {"Enum8('a' = 1)", "String"},
           {"Enum8('a' = 1)", "Enum16('a' = 1, 'b' = 2)"},
           {"FixedString(3)", "String"},
           {"Array(UInt8)", "Array(UInt32)"},
           {"Array(Nothing)", "Array(String)"},
           {"Array(LowCardinality(String))", "Array(String)"},
           {"Map(String, UInt8)", "Map(LowCardinality(String), UInt64)"},
           {"Tuple(UInt8, String)", "Tuple(a UInt8, b Nullable(String))"},
           {"AggregateFunction(count)", "AggregateFunction(count)"},
           {"AggregateFunction(quantiles(0.5, 0.9), Float64)", "AggregateFunction(quantiles(0.5, 0.9), Float64)"},
       })
    EXPECT_TRUE(said(from, to).empty()) << from << " -> " << to << ": " << said(from, to)[0].message;
}

TEST(TargetFit, TypesThatLoseAnythingDoNot) {
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"UInt64", "UInt32"},
           {"UInt64", "Int64"},
           {"Int64", "UInt64"},
           {"Int8", "UInt8"},
           {"UInt64", "Float64"},
           {"Float64", "Float32"},
           {"Float64", "UInt64"},
           {"String", "UInt64"},
           {"UInt64", "String"},
           {"String", "FixedString(3)"},
           {"String", "Enum8('a' = 1)"},
           {"Enum8('a' = 1, 'b' = 2)", "Enum8('a' = 1)"},
           {"Enum8('a' = 1)", "Enum8('a' = 2)"},
           {"DateTime64(6)", "DateTime64(3)"},
           {"DateTime64(3)", "DateTime"},
           {"DateTime", "Date"},
           {"Decimal(18, 4)", "Decimal(9, 2)"},
           {"Array(UInt64)", "Array(UInt8)"},
           {"Array(String)", "String"},
           {"Tuple(UInt8, UInt8)", "Tuple(UInt8)"},
           {"UInt64", "AggregateFunction(count)"},
           {"AggregateFunction(sum, UInt64)", "UInt64"},
           {"AggregateFunction(sum, UInt64)", "SimpleAggregateFunction(sum, UInt64)"},
       }) {
    const auto found = said(from, to);
    ASSERT_EQ(found.size(), 1u) << from << " -> " << to;
    EXPECT_EQ(found[0].severity, Severity::error) << from << " -> " << to;
    EXPECT_EQ(found[0].column, "c");
    EXPECT_NE(found[0].message.find(from), std::string::npos) << found[0].message;
    EXPECT_NE(found[0].message.find(to), std::string::npos) << found[0].message;
    EXPECT_FALSE(found[0].hint.empty());
  }
}

TEST(TargetFit, AColumnThatCanBeNullIsAWarning) {
  const auto found = said("Nullable(String)", "String");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].severity, Severity::warning);
  EXPECT_NE(found[0].message.find("can be NULL"), std::string::npos);
  const auto both = said("Nullable(UInt64)", "UInt32");
  ASSERT_EQ(both.size(), 1u);
  EXPECT_EQ(both[0].severity, Severity::error);
}

TEST(TargetFit, StatesAreTheEnginesToJudge) {
  const std::string from = "AggregateFunction(sumIf, UInt64, UInt8)", to = "AggregateFunction(sum, UInt64)";
  EXPECT_TRUE(said(from, to, {}, true).empty());
  EXPECT_EQ(said(from, to, {}, false).size(), 1u);
  EXPECT_EQ(state_questions(std::vector<OutputColumn>{{.name = "c", .type = to}}, target_of({{"c", to}})).size(), 0u);
}

TEST(TargetFit, HintsSayWhatToWrite) {
  EXPECT_EQ(said("UInt64", "AggregateFunction(count)", "count")[0].message,
            "column `c`: the query gives UInt64 by count(), data source 'target' has AggregateFunction(count)");
  EXPECT_EQ(said("UInt64", "AggregateFunction(count)", "count")[0].hint, "write countState()");
  EXPECT_EQ(said("UInt64", "AggregateFunction(uniq, String)")[0].hint, "write uniqState(…)");
  EXPECT_EQ(said("Float64", "AggregateFunction(quantile(0.9), Float64)")[0].hint, "write quantileState(0.9)(…)");
  EXPECT_EQ(said("AggregateFunction(sum, UInt64)", "AggregateFunction(max, UInt64)")[0].hint, "write maxState(…)");
  EXPECT_EQ(said("AggregateFunction(sum, UInt32)", "AggregateFunction(sum, UInt64)")[0].hint,
            "its arguments must be UInt64: convert them inside sumState");
  EXPECT_EQ(said("AggregateFunction(sum, UInt64)", "UInt64", "sumState")[0].hint,
            "write sum(…), or make the column AggregateFunction(sum, UInt64)");
  EXPECT_EQ(said("AggregateFunction(sum, UInt64)", "UInt64")[0].hint,
            "write sumMerge(…), or make the column AggregateFunction(sum, UInt64)");
  EXPECT_EQ(said("UInt64", "UInt32")[0].hint, "write CAST(…, 'UInt32'), or make the column of 'target' UInt64");
}

TEST(TargetFit, NamesAreMatchedBothWays) {
  const auto target = target_of({{"day", "Date"}, {"visits", "UInt64"}, {"page", "String"}});
  const std::vector<OutputColumn> columns{
      {.name = "day", .type = "Date"}, {.name = "visit", .type = "UInt64"}, {.name = "zzzzzz", .type = "String"}};
  const auto found = misfits(columns, target, {}, {});
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].column, "visit");
  EXPECT_NE(found[0].hint.find("visits"), std::string::npos) << found[0].hint;
  EXPECT_EQ(found[1].column, "zzzzzz");
  EXPECT_EQ(found[2].column, "");
  EXPECT_EQ(found[2].message, "data source 'target' has a column `page` that the query does not give");
}

TEST(TargetFit, AColumnWithADefaultMayBeLeftOut) {
  auto target = target_of({{"a", "UInt8"}, {"b", "UInt8"}});
  target.columns[1].default_expression = "7";
  EXPECT_TRUE(misfits(std::vector<OutputColumn>{{.name = "a", .type = "UInt8"}}, target, {}, {}).empty());
}

TEST(TargetFit, ANameGivenTwiceIsAnError) {
  const auto target = target_of({{"a", "UInt8"}});
  const std::vector<OutputColumn> columns{{.name = "a", .type = "UInt8"}, {.name = "a", .type = "UInt8"}};
  ASSERT_EQ(misfits(columns, target, {}, {}).size(), 1u);
  EXPECT_EQ(misfits(columns, target, {}, {})[0].message, "the query gives two columns named `a`");
}

}  // namespace
}  // namespace kinglet::deploy
