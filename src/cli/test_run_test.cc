// SPDX-License-Identifier: Apache-2.0
// What a data test asks, and when its answer passes.
#include "cli/test_run.h"

#include <gtest/gtest.h>

namespace kinglet::cli {
namespace {

using project::TestCase;

std::string query_of(const char* query, std::vector<std::pair<std::string, std::string>> parameters = {}) {
  return internal::request_query({.name = "a", .query = query, .parameters = std::move(parameters)});
}

TEST(RequestQuery, IsLeftAsItIsWhereAnAddressMayHoldIt) {
  for (const char* query :
       {"", "a=1&b=x%20y,z:1", "list=/,%2Fabout&x=a+b", "d=2025-02-03T00:00:00Z&e=(1)*~'", "q=100%"})
    EXPECT_EQ(query_of(query), query);
}

TEST(RequestQuery, EncodesWhatWouldEndTheRequestLine) {
  EXPECT_EQ(query_of("a=b c\td"), "a=b%20c%09d");
  EXPECT_EQ(query_of("a=x\r\nHost: evil"), "a=x%0D%0AHost:%20evil");
  EXPECT_EQ(query_of("a=é&b=#"), "a=%C3%A9&b=%23");
  EXPECT_EQ(query_of("a={\"x\":\"<|>\"}"), "a=%7B%22x%22:%22%3C%7C%3E%22%7D");
}

TEST(RequestQuery, EncodesTheParametersOfAMap) {
  EXPECT_EQ(query_of("", {{"a b", "1&2=3"}, {"c", "x,y"}}), "a%20b=1%262%3D3&c=x%2Cy");
}

Outcome outcome(const TestCase& test, int status, std::string result) {
  return judge(test, {.status = status, .result = std::move(result), .duration = {}});
}

TEST(Judge, RowsAndStatusMustBothBeRight) {
  const TestCase rows{.name = "a", .expected_result = "{\"a\":1}"};
  EXPECT_TRUE(outcome(rows, 200, "{\"a\":1.0}\n").passed);
  EXPECT_FALSE(outcome(rows, 200, "{\"a\":2}\n").passed);
  EXPECT_FALSE(outcome(rows, 400, "{\"a\":1}").passed);
  const TestCase error{.name = "b", .expected_result = "x is required\n", .expected_http_status = 400};
  EXPECT_TRUE(outcome(error, 400, "x is required").passed);
  EXPECT_FALSE(outcome(error, 400, "y is required").passed);
  EXPECT_FALSE(outcome(error, 404, "x is required").passed);
  EXPECT_FALSE(outcome(error, 200, "x is required").passed);
}

TEST(Judge, SaysWhatDiffers) {
  const auto wrong = outcome({.name = "a", .expected_result = "{\"a\":1}\n"}, 400, "no such pipe");
  EXPECT_EQ(wrong.difference,
            "status: expected 200, got 400\n- {\"a\":1}\n+ no such pipe\nfirst difference: line 1, column 1\n");
  EXPECT_EQ(outcome({.name = "a", .expected_result = "x", .expected_http_status = 400}, 500, "x").difference,
            "status: expected 400, got 500\n");
  EXPECT_NE(outcome({.name = "a"}, 200, "{\"a\":1}\n").difference.find("no row was expected"), std::string::npos);
  EXPECT_EQ(outcome({.name = "a"}, 200, "").difference, "");
}

TEST(Judge, AServerThatCannotAnswerNowIsNoResultToExpect) {
  for (const int status : {408, 429, 500, 503})
    EXPECT_TRUE((Answer{.status = status, .result = {}}).transient()) << status;
  for (const int status : {200, 400, 403, 404})
    EXPECT_FALSE((Answer{.status = status, .result = {}}).transient()) << status;
}

}  // namespace
}  // namespace kinglet::cli
