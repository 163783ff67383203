// SPDX-License-Identifier: Apache-2.0
#include "sql/lexer.h"

#include <gtest/gtest.h>

namespace kinglet::sql {
namespace {

/// The tokens of a text as written, between bars.
std::string cut(std::string_view text) {
  const auto tokens = tokenize(text);
  if (!tokens) return tokens.error().message;
  std::string out;
  for (const Token& token : *tokens) {
    if (token.type == Token::Type::end) break;
    if (!out.empty()) out += '|';
    out += text.substr(token.where.offset, token.size);
  }
  return out;
}

std::string value(std::string_view text) {
  const auto tokens = tokenize(text);
  return tokens ? token_value((*tokens)[0], text) : tokens.error().message;
}

TEST(Lexer, NumbersAndWords) {
  EXPECT_EQ(cut("1a 1e 0xZ 5abc $1 a$b 5$a"), "1a|1e|0xZ|5abc|$1|a$b|5|$a");
  EXPECT_EQ(cut("0x1F 0b1 1_000 1__0 1_000_ 1., .5 1e5 1.e5 0x1p4"),
            "0x1F|0b1|1_000|1__0|1_000_|1.|,|.5|1e5|1.e5|0x1p4");
  EXPECT_EQ(cut("t.1.2 1.1.1 a.5 1.5.5 (a).5 a[1].5 \"a\".5"),
            "t|.|1|.|2|1.1|.|1|a|.|5|1.5|.|5|(|a|)|.|5|a|[|1|]|.|5|\"a\"|.|5");
  EXPECT_EQ(cut("1.a"), "line 1, column 1: '1.a' is not a number");
  EXPECT_EQ(cut("1e+a"), "line 1, column 1: the number has an exponent without digits");
}

TEST(Lexer, CommentsAndBlanks) {
  EXPECT_EQ(cut("a-->b\n c"), "a|c");
  EXPECT_EQ(cut("a//b\rc\nd"), "a|d");
  EXPECT_EQ(cut("a # b\nc #! d\ne"), "a|c|e");
  EXPECT_EQ(cut("a/* /* */ */b /*/ */c"), "a|b|c");
  EXPECT_EQ(cut("a\xC2\xA0"
                "b\xE2\x80\x8B\xEF\xBB\xBF"
                "c\xE3\x80\x80"
                "d"),
            "a|b|c|d");
  EXPECT_EQ(cut("a #b"), "line 1, column 3: unexpected '#': a comment starts with \"# \" or \"#!\"");
  EXPECT_EQ(cut("a\n /* x"), "line 2, column 2: the comment is not closed: expected */");
  EXPECT_EQ(cut("/* /* */"), "line 1, column 1: the comment is not closed: expected */");
}

TEST(Lexer, Operators) {
  EXPECT_EQ(cut("::->\xE2\x88\x92<=>==!=<>>=||@@?:%"), "::|->|\xE2\x88\x92|<=>|==|!=|<>|>=||||@@|?|:|%");
  EXPECT_EQ(cut("\xE2\x88\x92\xE2\x88\x92"
                "a"),
            "\xE2\x88\x92|\xE2\x88\x92|a");
  for (const std::string_view bad : {"!", "~", "&", "\\i", "a\x01"})
    EXPECT_NE(cut(bad).find("unexpected character"), std::string::npos) << bad;
}

TEST(Lexer, Strings) {
  EXPECT_EQ(value(R"('it''s')"), "it's");
  EXPECT_EQ(value(R"('\q\u0041\%\_\'\\\/\=\`\"\N\e\x41')"), "\\q\\u0041\\%\\_'\\/=`\"\x1B\x41");
  EXPECT_EQ(value(R"('\b\f\n\r\t\0\a\v')"), std::string("\b\f\n\r\t\0\a\v", 8));
  EXPECT_EQ(value("x'4142'"), "AB");
  EXPECT_EQ(value("X'414'"), "\x04\x14");
  EXPECT_EQ(value("b'0100000101000010'"), "AB");
  EXPECT_EQ(value("$t$ 'a' $x$ $t$"), " 'a' $x$ ");
  EXPECT_EQ(value("$$$$"), "");
  EXPECT_EQ(value("`a``b\\`c`"), "a`b`c");
  EXPECT_EQ(value("\"a\"\"b\""), "a\"b");
  EXPECT_EQ(cut("N'a' _x'41'"), "N|'a'|_x|'41'");
  EXPECT_EQ(cut("$tag$ no end"), "$tag$|no|end");
  EXPECT_EQ(cut("'a\\"), "line 1, column 1: the string is not closed: expected '");
  EXPECT_EQ(cut("`a"), "line 1, column 1: the name is not closed: expected `");
  EXPECT_EQ(cut("x'4G'"), "line 1, column 1: the string is not closed, or has a character that is not a digit");
  EXPECT_EQ(cut("'\\x4'"), "line 1, column 2: \\x needs two hexadecimal digits");
  EXPECT_EQ(cut("``"), "line 1, column 1: a name may not be empty");
}

// attacks.md S2: quotes that only look like quotes, bytes that are no text.
TEST(Lexer, RefusesWhatHides) {
  for (const std::string_view quote : {"‘", "’", "“", "”", "‛", "‟"})
    EXPECT_NE(cut(quote).find("typographic quotes are not allowed"), std::string::npos);
  EXPECT_EQ(cut(std::string_view("a\0b", 3)), "line 1, column 2: a NUL byte is not allowed");
  EXPECT_EQ(cut(std::string_view("'\0'", 3)), "line 1, column 2: a NUL byte is not allowed");
  for (const std::string_view bytes : {"\xC0\x80", "\xFF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "'\xE2\x80'", "\xE2"})
    EXPECT_NE(cut(bytes).find("not valid UTF-8"), std::string::npos);
  EXPECT_EQ(cut("é"), "line 1, column 1: unexpected character 'é': a name with it needs quotes (`…`)");
}

TEST(Lexer, CountsCharactersAndLines) {
  const auto tokens = tokenize("'é€' a\n\tb");
  ASSERT_TRUE(tokens);
  EXPECT_EQ((*tokens)[1].where.column, 6u);
  EXPECT_EQ((*tokens)[2].where.line, 2u);
  EXPECT_EQ((*tokens)[2].where.column, 2u);
  EXPECT_EQ((*tokens)[2].where.offset, 11u);
}

TEST(Lexer, NamesHaveALimit) {
  EXPECT_TRUE(tokenize(std::string(256, 'a')));
  EXPECT_FALSE(tokenize(std::string(257, 'a')));
  EXPECT_TRUE(tokenize("`" + std::string(512, '`') + "`"));
  EXPECT_FALSE(tokenize("`" + std::string(514, '`') + "`"));
}

}  // namespace
}  // namespace kinglet::sql
