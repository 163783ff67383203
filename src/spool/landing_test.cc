// SPDX-License-Identifier: Apache-2.0
#include "spool/landing.h"

#include <gtest/gtest.h>

namespace kinglet::spool {
namespace {

Verdict verdict(int engine_code, std::string message = "Code: …") {
  return classify_landing_error(
             {.code = Code::engine_refused, .message = std::move(message), .engine_code = engine_code})
      .verdict;
}

// Source: spec/native-format.md 10.
TEST(ClassifyLandingError, TellsWhatCanPassLaterFromWhatCannot) {
  EXPECT_EQ(verdict(60), Verdict::refused_all);
  EXPECT_EQ(verdict(16), Verdict::refused_all);
  EXPECT_EQ(verdict(53), Verdict::refused_rows);
  EXPECT_EQ(verdict(117), Verdict::refused_rows);
  EXPECT_EQ(verdict(241), Verdict::unreachable);
  EXPECT_EQ(verdict(242), Verdict::busy);
  EXPECT_EQ(verdict(497), Verdict::busy) << "missing rights are an operator's mistake, not the rows'";
  EXPECT_EQ(verdict(123456), Verdict::unknown);
  EXPECT_EQ(classify_landing_error({.code = Code::unavailable, .message = "x"}).verdict, Verdict::unreachable);
  EXPECT_EQ(classify_landing_error({.code = Code::timeout, .message = "x"}).verdict, Verdict::busy);
  EXPECT_EQ(classify_landing_error({.code = Code::invalid, .message = "x"}).verdict, Verdict::refused_rows);
  EXPECT_EQ(classify_landing_error({.code = Code::unavailable, .message = "x", .engine_code = 242}).verdict,
            Verdict::busy)
      << "the engine's number counts, not what the client made of it";
  EXPECT_EQ(classify_landing_error({.code = Code::internal, .message = "x"}).verdict, Verdict::unknown);
}

// attacks.md R12: the same code means "merges are behind" and "this block spans too many partitions".
TEST(ClassifyLandingError, TooManyPartsWaitsAndTooManyPartitionsIsSplit) {
  EXPECT_EQ(
      verdict(252,
              "Code: 252. DB::Exception: Too many parts (3000) in table. Merges are processing significantly slower"),
      Verdict::busy);
  EXPECT_EQ(verdict(252, "Code: 252. DB::Exception: Too many partitions for single INSERT block (more than 100)."),
            Verdict::refused_rows);
}

// attacks.md R11.
TEST(ClassifyLandingError, AViewIsNamedInTheTextWhateverTheCode) {
  EXPECT_EQ(
      verdict(395, "Code: 395. DB::Exception: no: while executing 'FUNCTION throwIf': while pushing to view db.v. (…)"),
      Verdict::view_failed);
  EXPECT_EQ(verdict(241, "Code: 241. DB::Exception: Memory limit: while pushing to view db.v"), Verdict::view_failed);
  EXPECT_EQ(verdict(252, "Code: 252. DB::Exception: Too many parts (3000): while pushing to view db.v"), Verdict::busy)
      << "a target whose merges are behind takes the rows soon";
}

// attacks.md R7.
TEST(ClassifyLandingError, AnEngineWithoutDescriptorsSaysNothingOfTheRows) {
  const std::string text = "Code: 76. DB::ErrnoException: Cannot open file x, errno: 24, strerror: Too many open files";
  EXPECT_EQ(verdict(76, text), Verdict::busy);
  EXPECT_EQ(verdict(76, text + ": while pushing to view db.v"), Verdict::busy);
  EXPECT_EQ(verdict(76, "Code: 76. DB::ErrnoException: Cannot open file x, errno: 5"), Verdict::unknown);
  EXPECT_EQ(verdict(395, "Code: 395. DB::Exception: Too many open files: while pushing to view db.v"),
            Verdict::view_failed)
      << "what a view's own throwIf says";
}

}  // namespace
}  // namespace kinglet::spool
