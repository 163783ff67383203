// SPDX-License-Identifier: Apache-2.0
#include "project/line_diff.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <chrono>

namespace kinglet::project {
namespace {

using Kind = DiffLine::Kind;

TEST(LineDiff, AsDiffWritesIt) {
  EXPECT_EQ(unified_diff("a\n", "a\n", "f"), "");
  EXPECT_EQ(unified_diff("a\nb\nc\n", "a\nx\nc\n", "f"), "--- f\n+++ f\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
  EXPECT_EQ(unified_diff("", "a\n", "f"), "--- f\n+++ f\n@@ -0,0 +1 @@\n+a\n");
  EXPECT_EQ(unified_diff("a\n", "", "f"), "--- f\n+++ f\n@@ -1 +0,0 @@\n-a\n");
  EXPECT_EQ(unified_diff("a", "a\n", "f"), "--- f\n+++ f\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
}

TEST(LineDiff, ChangesFarApartAreHunksOfTheirOwn) {
  std::string before, after;
  for (int i = 1; i <= 30; ++i) {
    before += std::to_string(i) + "\n";
    after += i == 5 || i == 12 || i == 28 ? "x\n" : std::to_string(i) + "\n";
  }
  const auto diff = unified_diff(before, after, "f");
  EXPECT_NE(diff.find("@@ -2,14 +2,14 @@\n 2\n"), std::string::npos) << "5 and 12 share one: " << diff;
  EXPECT_NE(diff.find("@@ -25,6 +25,6 @@\n 25\n"), std::string::npos) << diff;
  EXPECT_EQ(std::count(diff.begin(), diff.end(), '@'), 8);
}

RC_GTEST_PROP(LineDiffProperty, BothTextsComeBack, ()) {
  const auto text = rc::gen::map(rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 4)), [](const auto& lines) {
    std::string out;
    for (const int line : lines) out += std::to_string(line) + "\n";
    return out;
  });
  const auto before = *text, after = *text;
  std::string old_text, new_text;
  for (const auto& line : diff_lines(before, after)) {
    if (line.kind != Kind::added) old_text += std::string(line.text) + "\n";
    if (line.kind != Kind::removed) new_text += std::string(line.text) + "\n";
  }
  RC_ASSERT(old_text == before);
  RC_ASSERT(new_text == after);
}

TEST(LineDiff, TextsOfNothingInCommonTakeNoLongTime) {
  std::string before, after;
  for (int i = 0; i < 50'000; ++i) {
    before += "a" + std::to_string(i) + "\n";
    after += "b" + std::to_string(i) + "\n";
  }
  EXPECT_EQ(diff_lines(before, after).size(), 100'000u);
}

}  // namespace
}  // namespace kinglet::project
