// SPDX-License-Identifier: Apache-2.0
// The tables of the specification on the lexer and on limits, row by row.
#include <gtest/gtest.h>

#include "sql/lexer.h"
#include "sql/printer.h"
#include "sql/testing/workspace.h"

namespace kinglet::sql {
namespace {

using testing::sent;

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

bool refused(std::string_view sql) {
  return sent(sql).starts_with("refused: ");
}

// Lexer: white space.
TEST(LexerTable, WhiteSpace) {
  for (const std::string_view blank :
       {"\t",           "\n",           "\v",           "\f",           "\r",           " ",
        "\xC2\x85",     "\xC2\xA0",     "\xE1\xA0\x8E", "\xE2\x80\x80", "\xE2\x80\x87", "\xE2\x80\x8B",
        "\xE2\x80\x8D", "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE2\x81\xA0",
        "\xE3\x80\x80", "\xEF\xBB\xBF"})
    EXPECT_EQ(sent("SELECT" + std::string(blank) + "1" + std::string(blank)), "SELECT 1") << blank;
  for (const std::string_view other : {"\x1F", "\xE1\x9A\x80", "\xC2\xAD", "\xE2\x80\x8E", "\x7F"})
    EXPECT_TRUE(refused("SELECT" + std::string(other) + "1")) << other;
}

TEST(LexerTable, LineComments) {
  for (const std::string_view start : {"--", "-- ", "//", "# ", "#!"})
    EXPECT_EQ(sent("SELECT 1 " + std::string(start) + "x FROM secret\n, 2"), "SELECT 1, 2") << start;
  EXPECT_EQ(sent("SELECT a-->b\n FROM events"), "SELECT `a` FROM `ws`.`t_events` AS `events`");
  EXPECT_EQ(sent("SELECT 1 -- x\r, 2"), "SELECT 1");  // \r ends no comment
  EXPECT_TRUE(refused("SELECT 1 #x\n"));
  EXPECT_TRUE(refused("SELECT 1 #\t\n"));
}

TEST(LexerTable, BlockComments) {
  EXPECT_EQ(sent("SELECT 1 /* a /* b */ c */, 2"), "SELECT 1, 2");
  EXPECT_TRUE(refused("SELECT 1 /*/ , 2"));  // opens only
  EXPECT_EQ(sent("SELECT 1 /*/ */, 2"), "SELECT 1, 2");
  EXPECT_TRUE(refused("SELECT 1 /* x"));
  EXPECT_TRUE(refused("SELECT 1 /* a /* b */"));
}

// attacks.md S4: the end of a statement.
TEST(LexerTable, End) {
  EXPECT_EQ(sent("SELECT 1;"), "SELECT 1");
  EXPECT_EQ(sent("SELECT 1 ; ;\n-- x"), "SELECT 1");
  EXPECT_TRUE(refused("SELECT 1; SELECT 2"));
  EXPECT_TRUE(refused("SELECT 1;;1"));
  EXPECT_TRUE(refused("; SELECT 1"));
  EXPECT_TRUE(refused("SELECT 1 \\G"));
  for (const std::string_view text : {std::string_view("SELECT 1\0", 9), std::string_view("SELECT '\0'", 10),
                                      std::string_view("SELECT 1 /* \0 */", 16), std::string_view("SELECT `a\0`", 11)})
    EXPECT_TRUE(refused(text));
}

TEST(LexerTable, Strings) {
  EXPECT_EQ(sent("SELECT 'it''s', 'it\\'s'"), "SELECT 'it\\'s', 'it\\'s'");
  EXPECT_EQ(sent("SELECT 'a\nb'"), "SELECT 'a\nb'");
  EXPECT_EQ(sent(R"(SELECT '\b\f\n\r\t\a\v\e')"), "SELECT '\b\f\n\r\t\a\v\x1B'");
  EXPECT_EQ(sent(R"(SELECT '\0', '\x41\x4a', '\N')"), R"(SELECT '\x00', 'AJ', '')");
  EXPECT_EQ(sent(R"(SELECT '\\ \' \" \` \/ \=')"), R"(SELECT '\\ \' " ` / =')");
  EXPECT_EQ(sent(R"(SELECT '\q \u0041 \% \_')"), R"(SELECT '\\q \\u0041 \\% \\_')");
  EXPECT_TRUE(refused("SELECT 'a' 'b'"));
  EXPECT_TRUE(refused(R"(SELECT '\x4')"));
  EXPECT_TRUE(refused(R"(SELECT '\xZZ')"));
  EXPECT_TRUE(refused("SELECT 'a"));
  EXPECT_TRUE(refused("SELECT 'a\\'"));
}

TEST(LexerTable, DigitStrings) {
  EXPECT_EQ(sent("SELECT x'4142', X'', b'01000001'"), "SELECT 'AB', '', 'A'");
  EXPECT_TRUE(refused("SELECT x'4g'"));
  EXPECT_TRUE(refused("SELECT b'012'"));
  EXPECT_TRUE(refused("SELECT N'a'"));  // a word and a string
  EXPECT_TRUE(refused("SELECT E'a'"));
  EXPECT_TRUE(refused("SELECT _x'41'"));
  EXPECT_TRUE(refused("SELECT x '41'"));
}

TEST(LexerTable, Heredocs) {
  EXPECT_EQ(sent("SELECT $$it's \\n$$"), R"(SELECT 'it\'s \\n')");
  EXPECT_EQ(sent("SELECT $t$ $$ $u$ $t$"), "SELECT ' $$ $u$ '");
  EXPECT_EQ(sent("SELECT $t$"), "SELECT `$t$`");  // not closed: a word
  EXPECT_EQ(sent("SELECT $$"), "SELECT `$$`");
  EXPECT_TRUE(refused("SELECT $"));
  // attacks.md S13: each open tag looks through the rest of the text.
  std::string many = "SELECT 1";
  for (int i = 0; i < 101; ++i) many += fmt::format(", $t{}$", i);
  EXPECT_NE(sent(many).find("more than 100 words with '$'"), std::string::npos);
}

TEST(LexerTable, TypographicQuotesAndMinus) {
  EXPECT_NE(sent("SELECT \xE2\x80\x98x\xE2\x80\x99").find("typographic quotes"), std::string::npos);
  EXPECT_NE(sent("SELECT \xE2\x80\x9Cx\xE2\x80\x9D").find("typographic quotes"), std::string::npos);
  EXPECT_EQ(sent("SELECT 3 \xE2\x88\x92 1, \xE2\x88\x92\xE2\x88\x92"
                 "1"),
            "SELECT 3 - 1, -(-1)");
}

TEST(LexerTable, Identifiers) {
  for (const std::string_view word : {"1a", "1e", "0xZ", "5abc", "$1", "a$b", "_", "é"}) {
    const bool ascii = static_cast<unsigned char>(word[0]) < 0x80;
    EXPECT_EQ(sent("SELECT " + std::string(word)).starts_with("SELECT `"), ascii) << word;
  }
  EXPECT_EQ(sent("SELECT 5 $a"), "SELECT 5 AS `$a`");
  EXPECT_EQ(sent("SELECT `é`, \"a b\""), "SELECT `é`, `a b`");
  EXPECT_EQ(sent("SELECT `a``b`, \"a\"\"b\", `a\\`b`, `a\\\\b`"), "SELECT `a\\`b`, `a\"b`, `a\\`b`, `a\\\\b`");
  EXPECT_TRUE(refused("SELECT ``"));
  EXPECT_TRUE(refused("SELECT \"\""));
  EXPECT_TRUE(refused("SELECT `a"));
  // attacks.md S17: EXPLAIN AST shows names as they are, so they hold no line breaks.
  EXPECT_TRUE(refused("SELECT `a\nb`"));
  EXPECT_TRUE(refused("SELECT `a\\nb`"));
  EXPECT_TRUE(refused("SELECT `a\\rb`"));
}

TEST(LexerTable, Case) {
  EXPECT_EQ(sent("sElEcT 1 aS A, 1 as a"), "SELECT 1 AS `A`, 1 AS `a`");
  EXPECT_NE(sent("SELECT 1 FROM Events").find("Resource 'Events' not found"), std::string::npos);
}

TEST(LexerTable, Numbers) {
  EXPECT_EQ(sent("SELECT 0x1F, 0x1.8p3, 0b11, 1_000, 1., (.5), 1e5, 1.e5, 00012, 18446744073709551616"),
            "SELECT 0x1F, 0x1.8p3, 0b11, 1_000, 1., 0.5, 1e5, 1.e5, 00012, 18446744073709551616");
  EXPECT_EQ(sent("SELECT 1__0, 1_000_"), "SELECT `1__0`, `1_000_`");  // words
  for (const std::string_view wrong : {"1.a", "1e+a", "1e+", "0x1.8p+"})
    EXPECT_TRUE(refused("SELECT " + std::string(wrong))) << wrong;
}

TEST(LexerTable, AfterADot) {
  EXPECT_EQ(sent("SELECT t.1.2"), "SELECT `t`.1.2");
  EXPECT_EQ(sent("SELECT t.1e5"), "SELECT `t`.`1e5`");
  EXPECT_EQ(sent("SELECT f.5"), "SELECT `f`.5");
  EXPECT_EQ(sent("SELECT (a).5, [a].5"), "SELECT `a`.5, [`a`].5");
  EXPECT_TRUE(refused("SELECT .5"));  // after a word, as in the engine
}

TEST(LexerTable, Operators) {
  for (const std::string_view op : {"**", "&", "~", "<<", "!", "@", "^", "|"})
    EXPECT_TRUE(refused("SELECT 1 " + std::string(op) + " 2")) << op;
  EXPECT_EQ(sent("SELECT 1 <=> 2, 1 == 2, 1 != 2, 1 <> 2, 1 <= 2, 1 >= 2, a || b, 1 % 2"),
            "SELECT 1 IS NOT DISTINCT FROM 2, 1 = 2, 1 != 2, 1 != 2, 1 <= 2, 1 >= 2, `a` || `b`, 1 % 2");
  EXPECT_EQ(sent("SELECT j.^a.b"), "SELECT `j`.^`a`.`b`");
  EXPECT_NE(sent("SELECT @@version").find("server variables"), std::string::npos);
}

TEST(LexerTable, SubstitutionsAreRefused) {
  for (const std::string_view sql : {"SELECT {p:String}", "SELECT 1 FROM {t:Identifier}", "SELECT {'a': 1}"})
    EXPECT_TRUE(refused(sql)) << sql;
}

TEST(LexerTable, Sizes) {
  EXPECT_FALSE(refused("SELECT `" + repeat("a", 256) + "`"));
  EXPECT_TRUE(refused("SELECT `" + repeat("a", 257) + "`"));
  EXPECT_FALSE(refused("SELECT " + repeat("a", 256)));
  EXPECT_TRUE(refused("SELECT " + repeat("a", 257)));
  EXPECT_FALSE(refused("SELECT '" + repeat("a", 200'000) + "'"));
  EXPECT_TRUE(parse_query("SELECT '" + repeat("a", 65'000) + "'", {.text_bytes = limits::text_bytes_ad_hoc}));
  EXPECT_FALSE(parse_query("SELECT '" + repeat("a", 66'000) + "'", {.text_bytes = limits::text_bytes_ad_hoc}));
  EXPECT_TRUE(refused("SELECT '" + repeat("a", 262'144) + "'"));
}

TEST(LexerTable, BytesThatAreNoText) {
  for (const std::string_view bytes : {"\xFF", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x80"})
    EXPECT_NE(sent("SELECT '" + std::string(bytes) + "'").find("not valid UTF-8"), std::string::npos);
}

// Limits, attacks.md S13: each at its value, and one beyond.
struct Limit {
  std::string_view what;
  std::string at;
  std::string beyond;
};

std::vector<Limit> limit_rows() {
  const auto both = [](std::string_view what, auto&& make, int limit) {
    return Limit{what, make(limit), make(limit + 1)};
  };
  return {
      both(
          "parentheses", [](int n) { return "SELECT " + repeat("(", n) + "1" + repeat(")", n); }, 64),
      both(
          "brackets", [](int n) { return "SELECT " + repeat("[", n) + "1" + repeat("]", n); }, 64),
      both(
          "calls", [](int n) { return "SELECT " + repeat("abs(", n) + "1" + repeat(")", n); }, 64),
      both(
          "CASE", [](int n) { return "SELECT " + repeat("CASE WHEN 1 THEN ", n) + "1" + repeat(" END", n); }, 64),
      both(
          "NOT", [](int n) { return "SELECT " + repeat("NOT ", n) + "1"; }, 64),
      both(
          "minus", [](int n) { return "SELECT " + repeat("- ", n) + "a"; }, 64),
      both(
          "sub-queries", [](int n) { return repeat("SELECT * FROM (", n - 1) + "SELECT 1" + repeat(")", n - 1); }, 40),
      both(
          "scalar sub-queries", [](int n) { return repeat("SELECT (", n - 1) + "SELECT 1" + repeat(")", n - 1); }, 40),
      both(
          "+", [](int n) { return "SELECT 1" + repeat(" + 1", n); }, 256),
      both(
          "=", [](int n) { return "SELECT 1" + repeat(" = 1", n); }, 256),
      both(
          "::", [](int n) { return "SELECT a" + repeat("::Int8", n); }, 256),
      both(
          "[1]", [](int n) { return "SELECT a" + repeat("[1]", n); }, 256),
      both(
          "BETWEEN", [](int n) { return "SELECT 1" + repeat(" BETWEEN 0 AND 1", n); }, 2),
      both(
          "lambdas", [](int n) { return "SELECT " + repeat("arrayMap(x -> ", n) + "1" + repeat(", [1])", n); }, 16),
      both(
          "nodes", [](int n) { return "SELECT 1 FROM n1 AS a" + repeat(" UNION ALL SELECT 1 FROM n1 AS a", n - 1); },
          150),
      both(
          "tables", [](int n) { return "SELECT 1 FROM events" + repeat(", users", n - 1); }, 32),
      both(
          "windows", [](int n) { return "SELECT 1" + repeat(", sum(1) OVER ()", n); }, 64),
      both(
          "SELECT list", [](int n) { return "SELECT 1" + repeat(", 1", n - 1); }, 2'000),
      both(
          "IN list", [](int n) { return "SELECT 1 IN (1" + repeat(", 1", n - 1) + ")"; }, 20'000),
      both(
          "types", [](int n) { return "SELECT a::" + repeat("Array(", n) + "Int8" + repeat(")", n); }, 50),
  };
}

TEST(LimitTable, AtTheLimitAndBeyond) {
  for (const Limit& row : limit_rows()) {
    EXPECT_FALSE(refused(row.at)) << row.what << ": " << sent(row.at).substr(0, 200);
    EXPECT_TRUE(refused(row.beyond)) << row.what;
  }
  // UNION branches: 500 for the parser, 300 sub-queries after names are resolved.
  EXPECT_TRUE(parse_query("SELECT 1" + repeat(" UNION ALL SELECT 1", 499)));
  EXPECT_FALSE(parse_query("SELECT 1" + repeat(" UNION ALL SELECT 1", 500)));
  EXPECT_FALSE(refused("SELECT 1" + repeat(" UNION ALL SELECT 1", 299)));
  EXPECT_TRUE(refused("SELECT 1" + repeat(" UNION ALL SELECT 1", 300)));
  // AND, OR and || are flat and may be long.
  for (const std::string_view op : {" AND ", " OR ", " || "})
    EXPECT_FALSE(refused("SELECT 1" + repeat(std::string(op) + "1", 10'000))) << op;
}

}  // namespace
}  // namespace kinglet::sql
