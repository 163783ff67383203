// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <gtest/gtest.h>

namespace kinglet {
namespace {

TEST(ReplaceInvalidUtf8, ValidTextStays) {
  for (const char* text : {"", "plain", "\u00e9\u20ac\U0001F600", "\xf4\x8f\xbf\xbf"})
    EXPECT_EQ(replace_invalid_utf8(text), text);
}

TEST(IsUtf8, OverlongFormsSurrogatesAndCutCharactersAreNot) {
  for (const char* text : {"", "plain", "\u00e9\u20ac\U0001F600", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(text)) << text;
  for (const char* text :
       {"a\xff", "cut \xe2\x82", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf"})
    EXPECT_FALSE(is_utf8(text));
}

TEST(ReplaceInvalidUtf8, EachByteOfNoCharacterBecomesOne) {
  EXPECT_EQ(replace_invalid_utf8("a\xff\xfe"
                                 "b"),
            "a\ufffd\ufffdb");
  EXPECT_EQ(replace_invalid_utf8("cut \xe2\x82"), "cut \ufffd\ufffd");
  EXPECT_EQ(replace_invalid_utf8("\xc0\xaf"), "\ufffd\ufffd") << "overlong";
  EXPECT_EQ(replace_invalid_utf8("\xed\xa0\x80"), "\ufffd\ufffd\ufffd") << "a surrogate";
  EXPECT_EQ(replace_invalid_utf8("\xf4\x90\x80\x80"), "\ufffd\ufffd\ufffd\ufffd") << "beyond U+10FFFF";
}

}  // namespace
}  // namespace kinglet
