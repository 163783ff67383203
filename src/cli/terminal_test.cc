// SPDX-License-Identifier: Apache-2.0
// What is shown when standard output is no terminal: no colours, no bars, columns that line up.
#include "cli/terminal.h"

#include <gtest/gtest.h>

namespace kinglet::cli {
namespace {

template <class F>
std::string out_of(F&& show) {
  ::testing::internal::CaptureStdout();
  show(Terminal(Output::human));
  return ::testing::internal::GetCapturedStdout();
}

TEST(Terminal, NoColourWhenNotATerminal) {
  const auto text = out_of([](const Terminal& t) {
    t.step("one");
    t.done("two");
    t.warn("three");
    t.line(t.dim("four") + t.bold("five"));
    t.table({"a"}, {{"b"}});
  });
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text, "» one\n✓ two\n△ three\nfourfive\na\nb\n");
}

TEST(Terminal, ErrorsGoToStandardErrorInEveryMode) {
  for (const auto mode : {Output::human, Output::json, Output::csv}) {
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    Terminal(mode).failed(Error{.code = Code::invalid, .message = "no such file", .hint = "name another"});
    EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "✗ no such file\n  name another\n");
  }
}

TEST(Terminal, MachineModesHoldOnlyWhatWasAskedFor) {
  for (const auto mode : {Output::json, Output::csv}) {
    ::testing::internal::CaptureStdout();
    const Terminal terminal(mode);
    terminal.step("one");
    terminal.done("two");
    terminal.warn("three");
    terminal.line("{}");
    EXPECT_EQ(::testing::internal::GetCapturedStdout(), "{}\n");
  }
}

TEST(Terminal, ColumnsAreAsWideAsTheirLongestCell) {
  const auto text =
      out_of([](const Terminal& t) { t.table({"name", "rows"}, {{"a", "1"}, {"longer_name", "22"}, {"", ""}}); });
  EXPECT_EQ(text,
            "name         rows\n"
            "a            1\n"
            "longer_name  22\n"
            "             \n");
}

TEST(Terminal, WidthIsInCharactersNotBytes) {
  const auto text = out_of([](const Terminal& t) { t.table({"n", "m"}, {{"ééé", "x"}, {"abc", "x"}}); });
  EXPECT_EQ(text, "n    m\nééé  x\nabc  x\n");
}

TEST(Terminal, RowsOfAnotherLengthThanTheHeaderDoNotBreakTheTable) {
  const auto text = out_of([](const Terminal& t) { t.table({"a", "b"}, {{"1"}, {"1", "2", "3"}, {}}); });
  EXPECT_EQ(text, "a  b\n1  \n1  23\n\n");
}

TEST(Progress, IsNotDrawnWhenNotATerminal) {
  ::testing::internal::CaptureStderr();
  {
    Progress progress(Terminal(Output::human), "rows.csv", 1000);
    progress.advance(500);
    progress.advance(10'000);  // more than was announced
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(Texts, NumbersAreGroupedInThrees) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(3'000'000), "3,000,000");
  EXPECT_EQ(grouped(18446744073709551615u), "18,446,744,073,709,551,615");
}

TEST(Texts, BytesChangeTheirUnitAt1024) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(1024), "1.0 KB");
  EXPECT_EQ(bytes_text(10'350), "10.1 KB");
  EXPECT_EQ(bytes_text(5ull << 30), "5.0 GB");
  EXPECT_EQ(bytes_text(18446744073709551615u), "16777216.0 TB");
}

TEST(Texts, DurationsAreMillisecondsBelowASecond) {
  using namespace std::chrono_literals;
  EXPECT_EQ(duration_text(0ns), "0ms");
  EXPECT_EQ(duration_text(999'999us), "999ms");
  EXPECT_EQ(duration_text(1s), "1.0s");
  EXPECT_EQ(duration_text(61'250ms), "61.2s");
}

}  // namespace
}  // namespace kinglet::cli
