// SPDX-License-Identifier: Apache-2.0
// When rows are the same, and how a difference is shown.
#include "project/test_compare.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "json/document.h"

namespace kinglet::project {
namespace {

TEST(Rows, TheSameSpelledAnotherWayAreTheSame) {
  const std::pair<const char*, const char*> same[] = {
      {"", ""},
      {"", "\n"},
      {"{\"a\":1}", "{\"a\":1}\n"},
      {"{\"a\":1}\r\n{\"a\":2}\r\n", "{\"a\":1}\n{\"a\":2}\n\n"},
      {"{\"a\":\"\\/x\"}", "{\"a\":\"/x\"}"},
      {"{\"a\": 1, \"b\" : [1, 2]}", "{\"a\":1,\"b\":[1,2]}"},
      {"{\"a\":1.0,\"b\":0.5,\"c\":100}", "{\"a\":1,\"b\":5e-1,\"c\":1E+2}"},
      {"{\"a\":-0}", "{\"a\":0.0}"},
      {"{\"a\":0.000}", "{\"a\":0}"},
      {"{\"a\":\"\\u00e9\\ud83d\\ude00\"}", "{\"a\":\"é😀\"}"},
      {"{\"a\":\"\\u0009\\\"\"}", "{\"a\":\"\\t\\u0022\"}"},
      {"{\"a\":18446744073709551615}", "{\"a\":18446744073709551615.0}"},
  };
  for (const auto& [a, b] : same) {
    EXPECT_TRUE(same_rows(a, b)) << a << " " << b;
    EXPECT_TRUE(same_rows(b, a)) << a << " " << b;
    EXPECT_EQ(show_difference(a, b), "");
  }
}

TEST(Rows, WhatIsDifferentIsDifferent) {
  const std::pair<const char*, const char*> different[] = {
      {"", "{\"a\":1}"},
      {"{\"a\":1}", "{\"a\":\"1\"}"},
      {"{\"a\":1}", "{\"a\":10}"},
      {"{\"a\":1}", "{\"a\":-1}"},
      {"{\"a\":1}", "{\"a\":0.1}"},
      {"{\"a\":18446744073709551615}", "{\"a\":18446744073709551614}"},
      {"{\"a\":0.1}", "{\"a\":0.10000000000000001}"},
      {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}"},
      {"{\"a\":1}\n{\"a\":2}", "{\"a\":2}\n{\"a\":1}"},
      {"{\"a\":1}\n\n{\"a\":2}", "{\"a\":1}\n{\"a\":2}"},
      {"{\"a\":\"x y\"}", "{\"a\":\"xy\"}"},
      {"{\"a\":\"A\"}", "{\"a\":\"a\"}"},
      {"{\"a\":null}", "{\"a\":\"null\"}"},
      {"{\"a\":true}", "{\"a\":false}"},
      {"{\"a\":\"\\ud800\"}", "{\"a\":\"\\ud801\"}"},
      {"a b", "ab"},
      {"1 2", "12"},
      {"{\"a\":\"", "{\"a\":\"\""},
      {"{\"a\":\"1.0\"}", "{\"a\":\"1\"}"},
  };
  for (const auto& [a, b] : different) {
    EXPECT_FALSE(same_rows(a, b)) << a << " " << b;
    EXPECT_FALSE(same_rows(b, a)) << a << " " << b;
    EXPECT_NE(show_difference(a, b), "") << a << " " << b;
  }
}

TEST(Rows, MessagesAreTextWithoutTheirLineEnd) {
  EXPECT_TRUE(same_message("x is required\n", "x is required"));
  EXPECT_FALSE(same_message("x is required", "x is  required"));
  EXPECT_FALSE(same_message("1.0", "1"));
}

TEST(Difference, ShowsWhatIsMissingAndWhatCameInstead) {
  EXPECT_EQ(show_difference("{\"a\":1,\"b\":2}\n", "{\"a\":1,\"b\":3}\n"),
            "- {\"a\":1,\"b\":2}\n+ {\"a\":1,\"b\":3}\nfirst difference: line 1, column 12\n");
  EXPECT_EQ(show_difference("a\nb\nc\n", "a\nc\nd\n"), "- b\n+ d\n");
  EXPECT_EQ(show_difference("a\nb\n", ""), "- a\n- b\n");
  EXPECT_EQ(show_difference("", "a\n"), "+ a\n");
  EXPECT_EQ(show_difference("{\"n\":\"é1\"}", "{\"n\":\"é2\"}"),
            "- {\"n\":\"é1\"}\n+ {\"n\":\"é2\"}\nfirst difference: line 1, column 8\n");
}

TEST(Difference, SaysWhenOnlyTheOrderDiffers) {
  EXPECT_NE(show_difference("a\nb\n", "b\na\n").find("another order"), std::string::npos);
  EXPECT_EQ(show_difference("a\nb\n", "b\nc\n").find("another order"), std::string::npos);
}

TEST(Difference, StaysShort) {
  std::string many, others;
  for (int i = 0; i < 5000; ++i) {
    many += fmt::format("{{\"a\":{}}}\n", i);
    others += fmt::format("{{\"b\":{}}}\n", i);
  }
  const auto shown = show_difference(many, others);
  EXPECT_NE(shown.find("… and 9980 more lines\n"), std::string::npos) << shown;
  const auto one = show_difference(std::string(50'000, 'x') + "a" + std::string(50'000, 'y'),
                                   std::string(50'000, 'x') + "b" + std::string(50'000, 'y'));
  EXPECT_LT(one.size(), 1000u);
  EXPECT_NE(one.find("xa"), one.npos) << one;
  EXPECT_NE(one.find("column 50001"), one.npos) << one;
}

/// Whatever the two texts: no difference is shown exactly when the rows are the same.
RC_GTEST_PROP(Difference, IsEmptyExactlyForTheSameRows, ()) {
  const auto text = rc::gen::container<std::string>(rc::gen::elementOf(std::string("{}\"a1.0e-,:\\/ \n\xC3\xA9")));
  const auto a = *text, b = *rc::gen::oneOf(text, rc::gen::just(a));
  RC_ASSERT(same_rows(a, b) == show_difference(a, b).empty());
  RC_ASSERT(same_rows(a, a));
}

/// The spelling is found again, so it is one; and a document keeps its meaning.
RC_GTEST_PROP(Difference, CanonicalTextIsItsOwnCanonicalText, ()) {
  const auto text = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("{}[]\"a10.e-+,:\\/un \xC3\xA9")));
  const auto once = internal::canonical_json(text);
  if (const auto document = json::parse(text)) {
    RC_ASSERT(internal::canonical_json(once) == once);
    const auto again = json::parse(once);
    RC_ASSERT(again.has_value());
    RC_ASSERT(internal::canonical_json(json::write(*document)) == internal::canonical_json(json::write(*again)));
  }
}

}  // namespace
}  // namespace kinglet::project
