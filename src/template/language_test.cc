// SPDX-License-Identifier: Apache-2.0
// Statements, expressions, functions and methods: Python's meaning, and errors that point.
#include <gtest/gtest.h>

#include "template/test_support.h"

namespace kinglet::templates {
namespace {

using testing::failure;
using testing::render;
using testing::syntax;
using Kind = RenderError::Kind;

TEST(Expressions, HavePythonsMeaning) {
  const std::pair<const char*, const char*> cases[] = {
      {"1 + 2 * 3", "7"},
      {"(1 + 2) * 3", "9"},
      {"7 // 2", "3"},
      {"-7 // 2", "(-4)"},
      {"-7 % 3", "2"},
      {"7 % -3", "(-2)"},
      {"7 / 2", "3.5"},
      {"4 / 2", "2.0"},
      {"7.5 // 2", "3.0"},
      {"-7.5 % 2", "0.5"},
      {"24 * 7", "168"},
      {"- -3", "3"},
      {"+3", "3"},
      {"-True", "(-1)"},
      {"True + True", "2"},
      {"0.1 + 0.2", "0.30000000000000004"},
      {"1e3", "1000.0"},
      {".5", "0.5"},
      {"9223372036854775807 + 1", "9223372036854775808"},
      {"18446744073709551615 + 1", "toUInt256('18446744073709551616')"},
      {"-9223372036854775808 - 1", "toInt256('-9223372036854775809')"},
      {"'a' 'b' \"c\"", "'abc'"},
      {"'a' + 'b'", "'ab'"},
      {"[1] + [2]", "[1,2]"},
      {"(1, 2)", "[1,2]"},
      {"(1,)", "[1]"},
      {"[1, 2,]", "[1,2]"},
      {"'\\'\\\"\\\\\\n\\t\\x41\\u00fc\\q'", "'\\'\"\\\\\n\tA\xC3\xBC\\\\q'"},
      {"1 < 2 < 3", "true"},
      {"1 < 3 < 2", "false"},
      {"1 == 1.0 == True", "true"},
      {"'1' == 1", "false"},
      {"'a' < 'b'", "true"},
      {"1 in [1, 2] and 3 not in [1, 2]", "true"},
      {"'b' in 'abc'", "true"},
      {"'k' in {'k': 1}", "true"},
      {"not 1 == 2", "true"},
      {"'' or [] or {} or 0 or None or False or 'x'", "'x'"},
      {"1 and 'x' and 0", "0"},
      {"None is None and 1 is not None", "true"},
      {"1 if '' else 2 if 0 else 3", "3"},
      {"[1,2,3][1:]", "[2,3]"},
      {"[1,2,3][:-1]", "[1,2]"},
      {"[1,2,3][-1]", "3"},
      {"'abc'[1]", "'b'"},
      {"'abc'[1:99]", "'bc'"},
      {"[1,2][5:1]", "[]"},
      {"{'a': {'b': 2} }['a']['b']", "2"},
      {"[1,[2]] == [1,[2]]", "true"},
      {"{'a':1,'b':2} == {'b':2,'a':1}", "true"},
      {"{'a':1} == {'a':2}", "false"},
      {"['x'] == 'x'", "true"},
      {"len('\xC3\xBC') + len([1,2]) + len({'a':1})", "4"},
      {"range(3)", "[0,1,2]"},
      {"range(5, 1, -2)", "[5,3]"},
      {"range(1, 1)", "[]"},
      {"'a,b,c'.split(',')", "['a','b','c']"},
      {"'a,b,c'.split(',', 1)", "['a','b,c']"},
      {"'  a  b '.split()", "['a','b']"},
      {"'-'.join(['a','b'])", "'a-b'"},
      {"'aBc'.lower() + 'aBc'.upper()", "'abcABC'"},
      {"' a '.strip() + 'xax'.strip('x') + '  b'.lstrip() + 'c '.rstrip()", "'aabc'"},
      {"'aXbX'.replace('X', '--')", "'a--b--'"},
      {"'abc'.startswith('ab') and 'abc'.endswith('bc')", "true"},
      {"'x' if 'abc'.startswith('b') else 'y'", "'y'"},
      {"split_to_array('a|b', separator='|')", "['a','b']"},
      {"split_to_array('')", "['']"},
      {"split_to_array(zz, 'p,q')", "['p','q']"},
      {"split_to_array(zz, default='p,q')", "['p','q']"},
      {"None", "NULL"},
      {"true", "true"},
  };
  for (const auto& [text, printed] : cases) EXPECT_EQ(render(std::string("{{ ") + text + " }}"), printed) << text;
}

TEST(Expressions, RefuseWhatTheyCannotDo) {
  for (const auto* text : {"'a' + 1",
                           "1 + 'a'",
                           "'a' * 3",
                           "3 * 'a'",
                           "[1] * 3",
                           "[1] + 1",
                           "1 / 0",
                           "1 // 0",
                           "1 % 0",
                           "1.5 / 0",
                           "'a' < 1",
                           "[1] < [2]",
                           "-'a'",
                           "1 in 1",
                           "[1]['a']",
                           "[1][9]",
                           "'a'[9]",
                           "5[0]",
                           "'\xC3\xBC'[0]",
                           "'a'.get('b')",
                           "[1].split(',')",
                           "{}.split('a')",
                           "'a'.split('')",
                           "'a'.replace('', 'b')",
                           "'a'.join('b')",
                           "'a'.join([1])",
                           "len(5)",
                           "range(1.5)",
                           "range(1, 5, 0)",
                           "{[1]: 2}",
                           "enumerate_with_last('a')",
                           "1e308 * 10",
                           "split_to_array('a', separator='')"}) {
    const auto error = failure(std::string("{{ ") + text + " }}");
    EXPECT_EQ(error.kind, Kind::refused) << text << ": " << error.message;
    EXPECT_TRUE(error.message.starts_with("Template Syntax Error: line 1, column ")) << error.message;
  }
  EXPECT_NE(failure("{% if n > 3 %}{% end %}", {{"n", {"10"}}}).message.find("put around them"), std::string::npos);
}

TEST(Expressions, IntegersEndAt256Bits) {
  const std::string most = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
  EXPECT_EQ(render("{{" + most + "}}"), "toUInt256('" + most + "')");
  EXPECT_EQ(failure("{{" + most + " + 1}}").kind, Kind::refused);
  EXPECT_EQ(failure("{{" + most + " * " + most + "}}").kind, Kind::refused);
  EXPECT_EQ(failure("{{0 - " + most + "}}").kind, Kind::refused);
  EXPECT_EQ(syntax("{{1" + most + "}}").message, "an integer beyond 256 bits");
}

TEST(Syntax, ErrorsNameTheFaultAndThePlace) {
  struct {
    const char* text;
    const char* message;
    std::uint32_t column;  // the % is column 1
  } cases[] = {
      {"{{}}", "{{ }} is empty", 2},
      {"{% %}", "{% %} is empty", 2},
      {"a {{ x", "{{ is not closed with }}", 4},
      {"{% if x", "{% is not closed with %}", 2},
      {"{# x", "{# is not closed with #}", 2},
      {"{% if x %}a", "{% if %} is not closed", 2},
      {"{% for a in b %}a", "{% for %} is not closed", 2},
      {"a{% end %}", "{% end %} closes nothing", 3},
      {"{% if x %}{% endif %}", "unknown statement 'endif'", 12},
      {"{% else %}", "'else' without {% if %}", 2},
      {"{% for a in b %}{% else %}{% end %}", "'else' without {% if %}", 18},
      {"{% if a %}{% else %}{% elif b %}{% end %}", "'elif' after 'else'", 22},
      {"{% if a %}{% else %}{% else %}{% end %}", "'else' after 'else'", 22},
      {"{% end x %}", "nothing may follow 'end' in its tag", 8},
      {"{% break %}", "'break' outside a {% for %}", 2},
      {"{% continue %}", "'continue' outside a {% for %}", 2},
      {"{% iff x %}{% end %}", "unknown statement 'iff'", 2},
      {"{% set x %}", "{% set name = value %} is expected, with one name", 9},
      {"{% set x == 1 %}", "{% set name = value %} is expected, with one name", 9},
      {"{% set a, b = 1 %}", "{% set name = value %} is expected, with one name", 9},
      {"{% set a[0] = 1 %}", "{% set name = value %} is expected, with one name", 9},
      {"{% set True = 1 %}", "'True' cannot be a variable", 9},
      {"{% for in x %}{% end %}", "a loop variable is expected: {% for name in list %}", 9},
      {"{% for a of x %}{% end %}", "'in' is expected: {% for name in list %}", 11},
      {"{% for a in %}{% end %}", "an expression is expected here", 13},
      {"{% if %}{% end %}", "an expression is expected here", 7},
      {"{{ 1 + }}", "the tag ends where a value is expected", 8},
      {"{{ (1 }}", "the tag ends where ')' is expected", 7},
      {"{{ [1 }}", "the tag ends where ',' or ']' is expected", 7},
      {"{{ a b }}", "unexpected 'b', expected the end of the tag", 7},
      {"{{ a; b }}", "unexpected character ';'", 6},
      {"{{ a & b }}", "unexpected character '&'", 7},
      {"{{ 'a }}", "a text that begins with ' is not closed inside the tag", 5},
      {"{{ 1abc }}", "'1abc' is not a number", 5},
      {"{{ Int8(a) and b = {{ c }}", "{{ is not closed before the next tag", 2},
      {"{{ Int8(a {% if b %}{{ c }}{% end %}", "{{ is not closed before the next tag", 2},
      {"{% if a x {{ b }} {% end %}", "{% is not closed before the next tag", 2},
      {"{% if {{ a }} %}{% end %}", "a tag inside a tag", 8},
      {"{% if not {{ a }} %}{% end %}", "a tag inside a tag", 12},
      {"{{ Int8({{ a }}) }}", "a tag inside a tag", 10},
      {"{{ String(a, '{{') b }}", "unexpected 'b', expected the end of the tag", 21},
      {"{{ f'a' }}", "texts with a prefix (f'…') are not available", 5},
      {"{{ lambda x: 1 }}", "lambda is not available", 5},
      {"{{ [x for x in y] }}", "comprehensions are not available; use {% for %}", 8},
      {"{{ x.y }}", "attributes are not available: '.y' must be a call", 7},
      {"{{ x.encode('a') }}", "unknown method 'encode'", 7},
      {"{{ x.splt('a') }}", "unknown method 'splt'", 7},
      {"{{ x.split(sep=',') }}", "split() takes no keyword arguments", 13},
      {"{{ x.replace('a') }}", "replace() takes 2 arguments, 1 given", 7},
      {"{{ Int33(x) }}", "unknown function 'Int33'", 5},
      {"{{ int(x) }}", "unknown function 'int'", 5},
      {"{{ String(x, defualt='a') }}", "String() has no argument 'defualt='", 15},
      {"{{ String(x, default='a', default='b') }}", "'default=' is given twice", 28},
      {"{{ String() }}", "String() takes 1 to 2 arguments, 0 given", 5},
      {"{{ String(x, 'a', 'b') }}", "String() takes 1 to 2 arguments, 3 given", 5},
      {"{{ day_diff(x) }}", "day_diff() takes 2 arguments, 1 given", 5},
      {"{{ defined('x') }}", "defined() takes the name of a parameter, without quotes", 13},
      {"{{ defined(x, y) }}", "defined() takes 1 argument, 2 given", 5},
      {"{{ x(1)(2) }}", "unknown function 'x'", 5},
      {"{{ String(x)(2) }}", "only functions can be called, by their name", 14},
      {"{{ not }}", "the tag ends where a value is expected", 8},
      {"{{ a not b }}", "unexpected 'b', expected 'in' after 'not'", 11},
      {"{{ 1 if 2 }}", "the tag ends where 'else' is expected", 11},
      {"{{ {1 2} }}", "unexpected '2', expected ':'", 8},
      {"{{ 2 ** 3 }}", "unexpected '**', expected the end of the tag", 7},
      {"{{ '\\ud800' }}", "bad escape \\u in a text: hexadecimal digits of a character are expected", 10},
  };
  for (const auto& [text, message, column] : cases) {
    const auto error = syntax(text);
    EXPECT_EQ(error.message, message) << text;
    EXPECT_EQ(error.position, (TextPosition{1, column})) << text;
  }
}

TEST(Syntax, KnowsWhatOtherLanguagesWrite) {
  struct {
    const char* text;
    const char* message;
    const char* hint;
  } cases[] = {
      {"{% if x is defined %}{% end %}", "'is defined' is not available", "defined is a function: write defined(x)"},
      {"{% if x is not defined and y %}{% end %}", "'is defined' is not available",
       "defined is a function: write defined(x)"},
      {"{% if x && y %}{% end %}", "unexpected '&&'", "write and"},
      {"{% if x || y %}{% end %}", "unexpected '||'", "write or"},
      {"{% if !x %}{% end %}", "unexpected character '!'", "write not"},
      {"{% if x AND y %}{% end %}", "unexpected 'AND', expected the end of the tag", "write and in lower case"},
      {"{% if defined(x) OR y %}{% end %}", "unexpected 'OR', expected the end of the tag", "write or in lower case"},
      {"{% if NOT x %}{% end %}", "unexpected 'x', expected the end of the tag", "write not in lower case"},
      {"{% if x = 1 %}{% end %}", "unexpected '=', expected the end of the tag", "to compare, write =="},
      {"{{ x | upper }}", "unexpected character '|'", "filters are not available: call a function, or do it in SQL"},
      {"{{ x ? 1 : 2 }}", "unexpected character '?'", "write a if condition else b"},
      {"{{ x ~ y }}", "unexpected character '~'", "texts are joined with +"},
      {"{% if x: %}{% end %}", "unexpected ':', expected the end of the tag", "no ':' at the end of a tag"},
      {"{% if defined(x) } a {% end %}", "unexpected '}', expected the end of the tag",
       "write %} at the end of the tag"},
      {"{{ x } a {{ y }}", "unexpected '}', expected the end of the tag", "write }} at the end of the tag"},
      {"{{ x = {{ y }}", "{{ is not closed before the next tag", "write }} at the end of the tag"},
      {"{{ x == {{ y }}", "a tag inside a tag", "names inside a tag stand without braces"},
      {"{% if x = {{ y }} %}{% end %}", "unexpected '=', expected the end of the tag", "to compare, write =="},
      {"{{ x , y {{ z }}", "{{ is not closed before the next tag", "write }} at the end of the tag"},
      {"{% if x a {% end %}", "{% is not closed before the next tag", "write %} at the end of the tag"},
      {"{% if a %}{% else if b %}{% end %}", "nothing may follow 'else' in its tag", "write {% elif condition %}"},
      {"{{ if x }}", "unexpected 'if', expected a value", "statements stand in {% %}"},
      {"{{ Str(x) }}", "unknown function 'Str'", "did you mean 'String'?"},
      {"{{ x.lenght() }}", "unknown method 'lenght'", "write len(x)"},
      {"{{ x.encode() }}", "unknown method 'encode'",
       "there are split, join, lower, upper, strip, lstrip, rstrip, replace, startswith, endswith, get, keys, values, "
       "items"},
  };
  for (const auto& [text, message, hint] : cases) {
    const auto error = syntax(text);
    EXPECT_EQ(error.message, message) << text;
    EXPECT_EQ(error.hint, hint) << text;
  }
  EXPECT_EQ(render("{{ 1 if x is None else 2 }}{{ 1 if 2 is not 3 else 2 }}"), "21");
}

TEST(Syntax, SuggestsTheNearestWord) {
  const std::pair<const char*, const char*> cases[] = {
      {"{{ int32(x) }}", "did you mean 'Int32'?"},
      {"{{ Bolean(x) }}", "did you mean 'Boolean'?"},
      {"{{ colunm(x) }}", "did you mean 'column'?"},
      {"{{ x.splt('a') }}", "did you mean 'split'?"},
      {"{{ String(x, descripton='a') }}", "did you mean 'description'?"},
      {"{% esle %}", "did you mean 'else'?"},
      {"{% if x %}{% endif %}", "did you mean 'end'?"},
      {"{{ zzzzzzzz(x) }}", ""},
  };
  for (const auto& [text, hint] : cases) EXPECT_EQ(syntax(text).hint, hint) << text;
}

TEST(Syntax, RefusesTornadosOtherStatements) {
  for (const auto* word :
       {"while 1", "raw x", "try", "except", "finally", "import os", "from os import path", "include \"a\"",
        "extends \"a\"", "block a", "apply f", "module x", "autoescape None", "whitespace all"}) {
    const auto error = syntax(std::string("{% ") + word + " %}{% end %}");
    EXPECT_NE(error.message.find("is not available"), std::string::npos) << word << ": " << error.message;
  }
}

TEST(Loops, RunOverListsAndStop) {
  EXPECT_EQ(render("{% for a in [1,2,3,4] %}{% if a == 2 %}{% continue %}{% end %}{% if a == 4 %}{% break %}{% end "
                   "%}{{a}};{% end %}"),
            "1;3;");
  EXPECT_EQ(
      render(
          "{% for a in [1,2] %}{% for b in [1,2] %}{% if b == 2 %}{% break %}{% end %}{{a}}{{b}};{% end %}{% end %}"),
      "11;21;");
  EXPECT_EQ(render("{% for a, b in [[1,2],[3,4]] %}{{a}}-{{b}};{% end %}"), "1-2;3-4;");
  EXPECT_EQ(render("{% for last, c in enumerate_with_last(split_to_array('x,y')) %} sum({{symbol(c)}}) {% if not last "
                   "%}, {% end %}{% end %}"),
            " sum(`x`) ,  sum(`y`) ");
  EXPECT_EQ(failure("{% for a in 'abc' %}{% end %}").kind, Kind::refused);
  EXPECT_EQ(failure("{% for a in 5 %}{% end %}").kind, Kind::refused);
  EXPECT_EQ(failure("{% for a, b in [[1,2,3]] %}{% end %}").kind, Kind::refused);
  EXPECT_EQ(failure("{% for a, b in [1] %}{% end %}").kind, Kind::refused);
  EXPECT_NE(failure("{% for a in [1] %}{% if loop_first + 1 %}{% end %}{% end %}").message.find("loop_first"),
            std::string::npos);
}

TEST(Dates, DifferencesAreWholeUnitsAndPositive) {
  const Arguments arguments = {{"f", {"2024-01-01 00:00:00"}}, {"t", {"2024-01-01 06:30:00"}}};
  EXPECT_EQ(render("{% if date_diff_in_hours(f, t) > 5 %} hourly {% end %}", arguments), " hourly ");
  EXPECT_EQ(render("{{date_diff_in_seconds(t, f)}} {{date_diff_in_minutes(f, t)}} {{date_diff_in_hours(f, t)}} "
                   "{{date_diff_in_days(f, t)}}",
                   arguments),
            "23400 390 6 0");
  EXPECT_EQ(render("{{date_diff_in_hours('2024-01-01 00:00:00', '2024-01-01 23:59:59')}}"), "23");
  EXPECT_EQ(render("{{day_diff('2024-01-01', '2024-01-01')}} {{day_diff('2024-01-02', '2024-01-01')}} "
                   "{{day_diff('2024-02-28', '2024-03-01')}}"),
            "0 1 2");
  EXPECT_EQ(render("{{day_diff(Date(a, '2024-01-01'), DateTime(b, '2024-01-03 23:00:00'))}} {{day_diff('2024-01-01 "
                   "23:00:00', '2024-01-02 01:00:00')}}"),
            "2 1");
  EXPECT_EQ(render("{{date_diff_in_seconds('2024-01-01 00:00:00.9', '2024-01-01 00:00:02.1')}}"), "1");
  EXPECT_EQ(render("{{date_diff_in_seconds(DateTime64(a, '2024-01-01 00:00:00.500'), '2024-01-01 00:00:01')}}"), "0");
  EXPECT_EQ(render("{{date_diff_in_days('01/02/24', '03/02/24', '%d/%m/%y')}} {{date_diff_in_days('2024-01-01', "
                   "'2024-01-05', date_format='%Y-%m-%d')}}"),
            "2 4");
  EXPECT_EQ(render("{{date_diff_in_days('2024-01-01', '2024-01-05 00:00:00', '%Y-%m-%d %H:%M:%S', '%Y-%m-%d')}}"), "4");
  EXPECT_EQ(render("{{date_diff_in_days('x', '2024-01-05', none_if_error=True)}}"), "NULL");
  EXPECT_EQ(render("{{date_diff_in_hours('1 Jan 2024 1:00 PM', '01 january 2024 03:00 pm', '%d %b %Y %I:%M %p')}}"),
            "2");
  EXPECT_EQ(
      render("{{date_diff_in_minutes('2024-01-01T00:00:00+0100', '2024-01-01T00:00:00Z', '%Y-%m-%dT%H:%M:%S%z')}}"),
      "60");
  EXPECT_EQ(render("{{date_diff_in_days('2024-060', '2024-061', '%Y-%j')}}"), "1");
  for (const auto* bad :
       {"{{day_diff('x', '2024-01-01')}}", "{{day_diff('2024-02-30', '2024-01-01')}}", "{{day_diff(5, '2024-01-01')}}",
        "{{date_diff_in_hours('', '2024-01-01')}}", "{{date_diff_in_hours('2024-01-01', '2024-01-01', '%d/%m/%y')}}",
        "{{date_diff_in_days('2024-01-01x', '2024-01-01', '%Y-%m-%d')}}"})
    EXPECT_EQ(failure(bad).kind, Kind::invalid_value) << bad;
  EXPECT_EQ(failure("{{date_diff_in_hours('a', 'b', '%Q')}}").kind, Kind::refused);
  EXPECT_EQ(failure("{{date_diff_in_hours('a', 'b', '%Y%')}}").kind, Kind::refused);
}

TEST(Discovery, FollowsTheRules) {
  const auto parameters = [](std::string_view text) {
    const auto compiled = Template::compile("%" + std::string(text));
    EXPECT_TRUE(compiled) << text << ": " << compiled.error().message;
    return compiled->parameters();
  };
  const auto one =
      parameters("{{Int32(limit, 10, description='how many', example=5, enum=[5, 10], format='f')}}").at(0);
  EXPECT_EQ(one.name, "limit");
  EXPECT_EQ(one.type, "Int32");
  EXPECT_EQ(one.default_json, "10");
  EXPECT_FALSE(one.required);
  EXPECT_EQ(one.description, "how many");
  EXPECT_EQ(one.example_json, "5");
  EXPECT_EQ(one.enum_values, (std::vector<std::string>{"5", "10"}));
  EXPECT_EQ(one.format, "f");
  EXPECT_EQ(one.position, (TextPosition{1, 4}));

  EXPECT_TRUE(parameters("{{String(a)}}")[0].required);
  EXPECT_FALSE(parameters("{{String(a, required=False)}}")[0].required);
  EXPECT_TRUE(parameters("{{String(a, 'x', required=True)}}")[0].required) << "for a single call the word wins";
  EXPECT_TRUE(parameters("{{String(a, 'x', required=true)}}")[0].required);
  EXPECT_FALSE(parameters("{{String(a, 'x', required=True)}}{{String(a)}}")[0].required)
      << "of several, a default is enough";
  EXPECT_TRUE(parameters("{{String(a, required=True)}}{{String(a)}}")[0].required);

  const auto merged = parameters("{{String(a, 'x', description='d')}}{{Int32(a, 0, description='')}}").at(0);
  EXPECT_EQ(merged.type, "Int32") << "the last";
  EXPECT_EQ(merged.default_json, "\"x\"") << "the last that is not empty";
  EXPECT_EQ(merged.description, "d");

  EXPECT_EQ(
      parameters("{% set s = 1 %}{{Int8(s)}}{% for i in [1] %}{{Int8(i)}}{% end %}{{error('x')}}{{custom_error({})}}")
          .size(),
      0U);
  EXPECT_EQ(parameters("{% set a = String(a, 'x') %}{{a}}").at(0).default_json, "\"x\"");
  EXPECT_EQ(parameters("{% if String(b) == 'x' %}{% set h = UInt16(p) %}{% end %}{{column(String(o, 'a'))}}").size(),
            3U);
  EXPECT_EQ(parameters("{{column(c, 'ts')}}")[0].type, "column");
  EXPECT_EQ(parameters("{{Array(a, 'Int32', '1,2')}}")[0].element_type, "Int32");
  EXPECT_EQ(parameters("{{Array(a, 'x')}}")[0].default_json, "\"x\"");
  EXPECT_EQ(parameters("{{Array(a, ['x','y'])}}")[0].default_json, R"(["x","y"])");
  EXPECT_EQ(parameters("{{Boolean(a, false)}}")[0].default_json, "false");
  EXPECT_EQ(parameters("{{Boolean(a, false)}}").size(), 1U);
  EXPECT_EQ(parameters("{{Int8(a, -1)}}")[0].default_json, "-1");
  EXPECT_EQ(parameters("{% set d = 1 %}{{Int8(a, d)}}")[0].default_json, std::nullopt);
  EXPECT_FALSE(parameters("{% set d = 1 %}{{Int8(a, d)}}")[0].required);

  const auto bare = parameters("{{x}}{% if defined(y) %}{{y}}{% end %}{% if z %}{% end %}");
  ASSERT_EQ(bare.size(), 3U);
  EXPECT_TRUE(bare[0].required);
  EXPECT_FALSE(bare[1].required);
  EXPECT_FALSE(bare[2].required);
  EXPECT_EQ(bare[0].type, "String");
  const auto typed_later = parameters("{% if defined(y) %}{{Int32(y)}}{% end %}").at(0);
  EXPECT_EQ(typed_later.type, "Int32");
  EXPECT_TRUE(typed_later.required);
}

TEST(Discovery, WarnsOfPlaceholdersInQuotesAndUnbalancedBranches) {
  const auto warnings = [](std::string_view text) {
    std::vector<TextPosition> found;
    const auto made = Template::compile("%" + std::string(text));
    for (const auto& warning : made->warnings()) found.push_back(warning.position);
    return found;
  };
  EXPECT_EQ(warnings("SELECT '{{x}}'"), (std::vector<TextPosition>{{1, 10}}));
  EXPECT_EQ(warnings("SELECT 'a' , {{x}}, '{{Int8(n)}} days' -- it's {{x}}\n, {{x}} {% if a %} 'b' {% else %} /* ' */ "
                     "{% end %} {{x}}"),
            (std::vector<TextPosition>{}));
  EXPECT_EQ(warnings("{% if a %}'{% end %}"), (std::vector<TextPosition>{{1, 2}}));
  EXPECT_EQ(warnings("{% if a %}'{% else %}'x{% end %}b'"), (std::vector<TextPosition>{}));
  EXPECT_EQ(warnings("{% if a %}'{% else %}x{% end %}"), (std::vector<TextPosition>{{1, 2}}));
  EXPECT_EQ(warnings("{% for a in b %}/*{% end %}"), (std::vector<TextPosition>{{1, 2}}));
}

TEST(Discovery, MergesNodesInOrder) {
  auto all = Template::compile("%{{String(a, 'x')}}{{Int32(b)}}")->parameters();
  merge_parameters(all, Template::compile("%{{Int8(a)}}{{Int32(b)}}{{Date(c)}}")->parameters());
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].type, "Int8");
  EXPECT_EQ(all[0].default_json, "\"x\"");
  EXPECT_FALSE(all[0].required);
  EXPECT_TRUE(all[1].required);
  EXPECT_EQ(Template::compile("%{{Array(a)}}{% set l = 'x' %}{{Array(l)}}{{String(b)}}")->array_parameters(),
            NameSet{"a"});
}

}  // namespace
}  // namespace kinglet::templates
