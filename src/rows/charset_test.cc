// SPDX-License-Identifier: Apache-2.0
#include "rows/charset.h"

#include <gtest/gtest.h>

namespace kinglet::rows {
namespace {

std::string utf8(std::string_view text) {
  std::string out;
  to_utf8(Charset::latin1, text, out);
  return out;
}

TEST(Charset, NamesAreReadInAnyCase) {
  for (const auto* name : {"", "utf-8", "UTF-8", "us-ascii"}) EXPECT_EQ(parse_charset(name).value(), Charset::utf8);
  for (const auto* name : {"ISO-8859-1", "latin1", "Windows-1252"})
    EXPECT_EQ(parse_charset(name).value(), Charset::latin1);
  for (const auto* name : {"utf-16", "shift_jis", "koi8-r", "utf-8x"})
    EXPECT_EQ(parse_charset(name).error().code, Code::unsupported) << name;
}

TEST(Charset, WesternBytesBecomeUtf8) {
  EXPECT_EQ(utf8("abc\n"), "abc\n");
  EXPECT_EQ(utf8("Z\xfcrich, \xe9t\xe9, \xff"), "Zürich, été, ÿ");
  EXPECT_EQ(utf8("\x80 10 \x96 \x93q\x94 \x9f"), "€ 10 – “q” Ÿ");
  EXPECT_EQ(utf8("\x81\x8d"), "\xc2\x81\xc2\x8d");
}

TEST(Charset, Utf8StaysAsItIs) {
  std::string out = "x";
  to_utf8(Charset::utf8, "ü\xff", out);
  EXPECT_EQ(out, "xü\xff");
}

}  // namespace
}  // namespace kinglet::rows
