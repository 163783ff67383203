// SPDX-License-Identifier: Apache-2.0
// The tables of the template language's specification, row by row; each row names its section. Sections 1 to 5.
#include <gtest/gtest.h>

#include "template/test_support.h"

namespace kinglet::templates {
namespace {

using testing::all;
using testing::Printed;
using testing::Refused;
using testing::Wrong;
using Kind = RenderError::Kind;

TEST(Conformance, Section1WhereTemplatesRun) {
  struct Case {
    const char* rule;
    const char* text;
    bool is_template;
    const char* sql;
  };
  for (const auto& [rule, text, is_template, sql] : std::vector<Case>{
           {"1.1 % on its own line", "%\nSELECT {{1}}", true, "\nSELECT 1"},
           {"1.1 % at any indentation", "  \n\t %\nSELECT {{1}}", true, "\nSELECT 1"},
           {"1.1 SQL on the line of %", "% SELECT {{1}}", true, " SELECT 1"},
           {"1.2 no %: the text as it stands", "SELECT '{{x}}' {% if", false, "SELECT '{{x}}' {% if"},
           {"1.2 '%Y-%m' is safe", "SELECT formatDateTime(t, '%Y-%m')", false, "SELECT formatDateTime(t, '%Y-%m')"},
           {"1.3 % inside is SQL", "% SELECT a % b, concat('%', x), '%d%%'", true,
            " SELECT a % b, concat('%', x), '%d%%'"},
       }) {
    const auto made = Template::compile(text);
    ASSERT_TRUE(made) << rule;
    EXPECT_EQ(made->is_template(), is_template) << rule;
    EXPECT_EQ(made->render({})->sql, sql) << rule;
  }
  // 1.5: the query API needs the % too.
  EXPECT_FALSE(Template::compile_query("SELECT {{Int8(a, 1)}}")->is_template());
  EXPECT_TRUE(Template::compile_query("%SELECT {{Int8(a, 1)}}")->is_template());
  // 1.6: settings have tb_secret and nothing else, without %.
  EXPECT_TRUE(Template::compile_setting("{{ tb_secret('a') }}"));
  EXPECT_EQ(Template::compile_setting("{{ String(x, 'a') }}").error().message,
            "only {{ tb_secret(\"name\") }} is available here");
}

TEST(Conformance, Section2LexicalStructure) {
  all(std::vector<Printed>{
      {"2 expression", "{{ x }}", {{"x", {"v"}}}, "'v'"},
      {"2 statement", "{% if 1 %}a{% end %}", {}, "a"},
      {"2 comment", "a{# {{ b }} {% c %} #}d", {}, "ad"},
      {"2 comment statement", "a{% comment anything 'at all %}d", {}, "ad"},
      {"2 literal marks", "{{! {%! {#!", {}, "{{ {% {#"},
      {"2 blanks are optional", "{%if x%}{{Int32(x)}}{%end%}", {{"x", {"1"}}}, "1"},
      {"2 a tag spans lines, a trailing comma", "{{\n Int32(\n  x,\n  10,\n )\n}}", {}, "10"},
      {"2 ends at the first mark", "{{ '{}' }}", {}, "'{}'"},
      {"2 tags in SQL comments are executed", "-- {% set a = 5 %}{{ a }}\n{{ a }}", {}, "-- \n5"},
      {"2 text after a statement stays", "{% set w = 61 %} # note\nSELECT {{w}}", {}, " # note\nSELECT 61"},
      {"2 blanks are kept", "a  \n {{1}}\n\n b", {}, "a  \n 1\n\n b"},
      {"2 no HTML escaping", "{{x}}", {{"x", {"<a href=\"b\">&"}}}, "'<a href=\"b\">&'"},
  });
  all(std::vector<Refused>{
      {"2 a comment's secret is still needed", "-- {{ tb_secret('k') }}\n1", {}, Kind::refused, "tb_secret()"},
      {"2 a comment's parameter is still needed", "-- {{ Int8(k) }}\n1", {}, Kind::missing_parameter, "parameters k."},
  });
  all(std::vector<Wrong>{
      {"2 quotes do not protect the mark", "{{ JSON(x, '{}}') }}", "is not closed inside the tag", ""},
      {"2 unclosed block", "{% if a %}b", "{% if %} is not closed", "close it with {% end %}"},
      {"2 unclosed block", "{% for a in b %}{% if c %}{% end %}", "{% for %} is not closed", "{% end %}"},
      {"2 unclosed expression", "{{ a", "{{ is not closed with }}", ""},
      {"2 unclosed statement", "{% if a }} b", "{% is not closed with %}", ""},
      {"2 unclosed comment", "{# a", "{# is not closed with #}", ""},
      {"2 stray end", "a{% end %}", "{% end %} closes nothing", ""},
      {"2 one end too many", "{% if a %}b{% end %}{% end %}", "{% end %} closes nothing", ""},
      {"2 unknown statement", "{% switch a %}", "unknown statement 'switch'", ""},
      {"2 empty tag", "{{ }}", "{{ }} is empty", ""},
  });
}

TEST(Conformance, Section3Statements) {
  all(std::vector<Printed>{
      {"3 if", "{% if a == '1' %}x{% elif a == '2' %}y{% else %}z{% end %}", {{"a", {"2"}}}, "y"},
      {"3 else", "{% if a == '1' %}x{% elif a == '2' %}y{% else %}z{% end %}", {{"a", {"3"}}}, "z"},
      {"3 for", "{% for a in [1,2] %}{{a}} {% end %}", {}, "1 2 "},
      {"3 for with two names", "{% for a, b in [[1,2],[3,4]] %}{{a + b}} {% end %}", {}, "3 7 "},
      {"3 for over JSON", "{% for a in JSON(j) %}{{a}} {% end %}", {{"j", {"[1,\"b\"]"}}}, "1 'b' "},
      {"3 for over split_to_array", "{% for a in split_to_array(j) %}{{a}} {% end %}", {{"j", {"1,2"}}}, "'1' '2' "},
      {"3 set", "{% set a = 2 %}{{a * 3}}", {}, "6"},
      {"3 break", "{% for a in [1,2,3] %}{% if a == 2 %}{% break %}{% end %}{{a}}{% end %}", {}, "1"},
      {"3 continue", "{% for a in [1,2,3] %}{% if a == 2 %}{% continue %}{% end %}{{a}}{% end %}", {}, "13"},
      {"3 no loop variable of Jinja unless reached",
       "{% for a in [1] %}{% if 0 %}{{loop.first}}{% end %}b{% end %}",
       {},
       "b"},
  });
  all(std::vector<Refused>{{"3 loop",
                            "{% for a in [1] %}{% if loop.first %}b{% end %}{% end %}",
                            {},
                            Kind::refused,
                            "'loop' is not defined"}});
  all(std::vector<Wrong>{
      {"3 while", "{% while a %}{% end %}", "'while' is not available: loops without a known end", ""},
      {"3 try", "{% try %}{% except %}{% finally %}{% end %}", "'try' is not available: errors cannot be caught", ""},
      {"3 except", "{% except %}", "'except' is not available", ""},
      {"3 finally", "{% finally %}", "'finally' is not available", ""},
      {"3 raw", "{% raw a %}", "'raw' is not available: it would print a value without quoting", ""},
      {"3 apply", "{% apply f %}{% end %}", "'apply' is not available", ""},
      {"3 module", "{% module a %}", "'module' is not available", ""},
      {"3 include", "{% include 'a' %}", "'include' is not available: other files cannot be read", ""},
      {"3 extends", "{% extends 'a' %}", "'extends' is not available", ""},
      {"3 block", "{% block a %}{% end %}", "'block' is not available", ""},
      {"3 autoescape", "{% autoescape None %}", "'autoescape' is not available", ""},
      {"3 whitespace", "{% whitespace all %}", "'whitespace' is not available", ""},
      {"3 import", "{% import os %}", "'import' is not available: modules cannot be imported", ""},
      {"3 from import", "{% from os import path %}", "'from' is not available: modules cannot be imported", ""},
      {"3 endif", "{% if a %}{% endif %}", "unknown statement 'endif'", "did you mean 'end'?"},
      {"3 endfor", "{% for a in b %}{% endfor %}", "unknown statement 'endfor'", "did you mean 'end'?"},
      {"3 elseif", "{% if a %}{% elseif b %}{% end %}", "unknown statement 'elseif'", "did you mean 'el"},
      {"3 for/else", "{% for a in b %}{% else %}{% end %}", "'else' without {% if %}", ""},
      {"3 break outside", "{% break %}", "'break' outside a {% for %}", ""},
      {"3 one target only", "{% set a, b = [1, 2] %}", "with one name", ""},
  });
}

TEST(Conformance, Section4Expressions) {
  all(std::vector<Printed>{
      {"4 texts", "{{'s'}} {{\"s\"}}", {}, "'s' 's'"},
      {"4 numbers", "{{1}} {{-2}} {{2.5}} {{[1, 2]}}", {}, "1 (-2) 2.5 [1,2]"},
      {"4 constants", "{{True}} {{False}} {{None}}", {}, "true false NULL"},
      {"4 small true and false",
       "{{Boolean(count, false)}} {{String(a, 'x', required=true)}} {{true}}",
       {},
       "false 'x' true"},
      {"4 unless a parameter has the name", "{{true}}", {{"true", {"t"}}}, "'t'"},
      {"4 leading underscore", "{% set _a = 1 %}{{_a}}", {}, "1"},
      {"4 comparison",
       "{{1 == 1}} {{1 != 1}} {{1 < 2}} {{2 <= 2}} {{1 > 2}} {{2 >= 2}}",
       {},
       "true false true true false true"},
      {"4 in", "{{1 in [1]}} {{1 not in [1]}} {{'a' in x}}", {{"x", {"abc"}}}, "true false true"},
      {"4 logic returns an operand", "{{0 or 'a'}} {{'a' and 'b'}} {{not 'a'}}", {}, "'a' 'b' false"},
      {"4 short circuit", "{{1 or Int8(z)}} {{0 and Int8(z)}}", {}, "1 0"},
      {"4 arithmetic",
       "{{24 * 7}} {{(Int32(page, 0) + 1) * Int32(size, 10)}} {{7 // 2}} {{7 % 2}} {{7 / 2}}",
       {},
       "168 10 3 1 3.5"},
      {"4 nested calls", "{{column(String(order_by, 'a'))}}", {}, "`a`"},
      {"4 methods",
       "{{x.split('.')[1]}} {{x.startswith('a')}} {{JSON(j, '{\"k\":1}').get('k', 0)}}",
       {{"x", {"a.b"}}},
       "'b' true 1"},
      {"4 safe methods",
       "{{'-'.join(['A','b'])}} {{'aB'.lower()}} {{'aB'.upper()}} {{' a '.strip()}} {{'aba'.replace('b','c')}} "
       "{{'ab'.endswith('b')}}",
       {},
       "'A-b' 'ab' 'AB' 'a' 'aca' true"},
      {"4 dictionaries",
       "{{JSON(j,'{\"a\":1}').keys()}} {{JSON(j,'{\"a\":1}').values()}} {{JSON(j,'{\"a\":1}').items()}}",
       {},
       "['a'] [1] [['a',1]]"},
      {"4 conditional", "{{'a' if 1 else 'b'}} {{'a' if 0 else 'b'}}", {}, "'a' 'b'"},
      {"4 is", "{{None is None}} {{1 is not None}}", {}, "true true"},
      {"4 tuples and slices", "{{(1, 2)}} {{[1,2,3][1:]}} {{[1,2,3][:-1]}}", {}, "[1,2] [2,3] [1,2]"},
      {"4 chained comparison", "{{1 < 2 < 3}} {{1 < 3 < 2}}", {}, "true false"},
      {"4 truth", "{% if '' or [] or {} or 0 or None %}t{% else %}f{% end %}", {}, "f"},
      {"4 joined texts and escapes", R"({{'a' "b"}} {{'\'\"\\\n\t'}})", {}, "'ab' '\\'\"\\\\\n\t'"},
  });
  all(std::vector<Wrong>{
      {"4 attributes", "{{ a.b }}", "attributes are not available", ""},
      {"4 two underscores", "{{ __import__('os') }}", "no name with two leading underscores", ""},
      {"4 list methods", "{{ [1].append(2) }}", "unknown method 'append'", ""},
      {"4 format", "{{ '{}'.format(1) }}", "unknown method 'format'", ""},
      {"4 lambda", "{{ lambda: 1 }}", "lambda is not available", ""},
      {"4 comprehension", "{{ [a for a in b] }}", "comprehensions are not available", ""},
      {"4 f-text", "{{ f'{a}' }}", "texts with a prefix", ""},
      {"4 assignment", "{{ a := 1 }}", "unexpected", ""},
      {"4 unknown function", "{{ Strng(x) }}", "unknown function 'Strng'", "did you mean 'String'?"},
      {"4 SQL function", "{{ now() }}", "unknown function 'now'", "outside the tag"},
      {"4 SQL function", "{{ toDate(x) }}", "unknown function 'toDate'", "outside the tag"},
      {"4 method as function", "{{ lower(x) }}", "unknown function 'lower'", "x.lower()"},
  });
}

TEST(Conformance, Section5WhereNamesComeFrom) {
  all(std::vector<Printed>{
      {"5.1 set before request", "{% set a = 's' %}{{a}} {{defined(a)}}", {{"a", {"r"}}}, "'s' true"},
      {"5.1 set defines", "{% set a = 's' %}{{String(a, 'd')}} {{defined(a)}}", {}, "'s' true"},
      {"5.1 for before request", "{% for a in [1] %}{{a}}{% end %}", {{"a", {"r"}}}, "1"},
      {"5.1 request", "{{a}}", {{"a", {"r"}}}, "'r'"},
      {"5.1 otherwise undefined", "{{defined(a)}}", {}, "false"},
      {"5.1 functions are no names", "{{String(String)}}", {{"String", {"r"}}}, "'r'"},
  });
  const Arguments sent = {{"a", {"r"}}};
  const Arguments fixed = {{"a", {"f"}}};
  EXPECT_EQ(Template::compile("%{{a}}")->render({.arguments = &sent, .fixed = &fixed})->sql, "'f'")
      << "5.1 fixed_params";
}

TEST(Conformance, Section52KindsOfValue) {
  all(std::vector<Printed>{
      {"5.2 undefined",
       "{% if a %}t{% else %}f{% end %} {{defined(a)}} {{a == 1}} {{a != 1}}",
       {},
       "f false false true"},
      {"5.2 text, even of digits", "{{limit == 10}} {{limit == '10'}}", {{"limit", {"10"}}}, "false true"},
      {"5.2 set of a typed value",
       "{% set hrs = UInt16(hours) %}{% if hrs > 24 %}long{% end %}",
       {{"hours", {"25"}}},
       "long"},
      {"5.2 list", "{{len(a)}}{{a == ['x','y']}} {{Array(a)}}", {{"a", {"x,y"}}}, "2 true ['x','y']"},
      {"5.2 number", "{{len('abc')}} {{day_diff('2024-01-01', '2024-01-03') + 1}}", {}, "3 3"},
      {"5.2 typed text", "{{String(a) == 'x'}} {{String(a)}}", {{"a", {"x"}}}, "true 'x'"},
      {"5.2 typed number", "{{Int8(n, 0) == 1}} {{Int8(n, 0) + 1}} {{Int8(n)}}", {{"n", {"1"}}}, "true 2 1"},
      {"5.2 typed boolean", "{{Boolean(root) == 1}} {{Boolean(root) == True}}", {{"root", {"true"}}}, "true true"},
      {"5.2 typed date", "{{Date(d) == '2024-01-31'}} {{Date(d) < '2024-02-01'}}", {{"d", {"20240131"}}}, "true true"},
      {"5.2 typed float", "{{Float64(f) > 1}} {{Float64(f) == 1.5}}", {{"f", {"1.5"}}}, "true true"},
      {"5.2 fragment",
       "{{column('a')}} {{columns('a,b')}} {{symbol('a')}} {{sql_and(a__gt=1)}}",
       {},
       "`a` `a`,`b` `a` a > 1"},
      {"5.2 dictionary", "{{JSON(j).get('a')}}", {{"j", {R"({"a":"b"})"}}}, "'b'"},
  });
  all(std::vector<Refused>{
      {"5.2 printing what is undefined", "{{a}}", {}, Kind::missing_parameter, "parameters a."},
      {"5.2 ordering what is undefined", "{% if a > 1 %}{% end %}", {}, Kind::missing_parameter, "parameters a."},
      {"5.2 dates of what is undefined", "{{day_diff(a, b)}}", {}, Kind::missing_parameter, "parameters a."},
      {"5.2 a raw parameter has no order with numbers",
       "{% if n > 3 %}{% end %}",
       {{"n", {"10"}}},
       Kind::refused,
       "Int32() is put around"},
  });
}

TEST(Conformance, Section53Printing) {
  all(std::vector<Printed>{
      {"5.3 text", "{{g}}", {{"g", {"daily"}}}, "'daily'"},
      {"5.3 text is escaped", "{{g}}", {{"g", {"a'b\\c"}}}, "'a\\'b\\\\c'"},
      {"5.3 number", "{% set w = 5 %}INTERVAL {{ w }} SECOND", {}, "INTERVAL 5 SECOND"},
      {"5.3 boolean", "WHEN {{ defined(x) }} THEN", {}, "WHEN false THEN"},
      {"5.3 list",
       "{{ ['a','b'] }} {{ [1,2] }} {{ split_to_array(m) }}",
       {{"m", {"p,q"}}},
       "['a','b'] [1,2] ['p','q']"},
      {"5.3 typed", "{{ Date(d, '2024-01-31') }}", {}, "toDate('2024-01-31')"},
      {"5.3 fragment", "{{ column('a.b') }}", {}, "`a`.`b`"},
      {"5.3 None", "{{ None }}", {}, "NULL"},
      {"5.3 dictionary", "{{ {'a': 1 } }}", {}, "'{\"a\":1}'"},
      {"5.3 two values beside operators", "OFFSET {{Int32(page,2)}} * {{Int32(size,10)}}", {}, "OFFSET 2 * 10"},
  });
  all(std::vector<Refused>{
      {"5.3 undefined", "{{x}}", {}, Kind::missing_parameter, "parameters x."},
      {"5.3 NUL", "{{x}}", {{"x", {std::string("a\0b", 3)}}}, Kind::invalid_value, "NUL"},
      {"5.3 quotes of the author", "'{{x}}'", {{"x", {"a b"}}}, Kind::refused, "remove those around the tag"},
  });
}

TEST(Conformance, Section54Arrays) {
  all(std::vector<Printed>{
      {"5.4 comma separated", "{{Array(ids, 'Int32')}}", {{"ids", {"1,2,3"}}}, "[1,2,3]"},
      {"5.4 repeated keys join for Array", "{{Array(ids, 'Int32')}}", {{"ids", {"1", "2"}}}, "[1,2]"},
      {"5.4 repeated keys: else the first", "{{String(ids)}}", {{"ids", {"1", "2"}}}, "'1'"},
      {"5.4 raw name is a list", "{% if defined(s) and s != [''] %}{{Array(s)}}{% end %}", {{"s", {""}}}, ""},
      {"5.4 raw name is a list",
       "{% for r in repos %}{{r}};{% end %}{% set x = Array(repos) %}",
       {{"repos", {"a,b"}}},
       "'a';'b';"},
      {"5.4 raw name is a list", "{{len(level) > 0}}{% set x = Array(level) %}", {{"level", {"a"}}}, "true"},
      {"5.4 one element equals the text",
       "{{level == 'ERROR'}} {{level != 'ERROR'}}{% set x = Array(level) %}",
       {{"level", {"ERROR"}}},
       "true false"},
      {"5.4 two elements do not",
       "{{level == 'ERROR'}}{% set x = Array(level) %}",
       {{"level", {"ERROR,WARN"}}},
       "false"},
      {"5.4 in a list parameter", "{{'WARN' in level}}{% set x = Array(level) %}", {{"level", {"ERROR,WARN"}}}, "true"},
      {"5.4 objects are JSON text", "{{JSON(f)['a']}}", {{"f", {R"({"a":1})"}}}, "1"},
      {"5.4 no value at all is absent", "{{defined(a)}} {{Array(a, 'String', 'd')}}", {{"a", {}}}, "false ['d']"},
  });
}

TEST(Conformance, Section55Scoping) {
  all(std::vector<Printed>{
      {"5.5 set in a branch stays", "{% if 1 %}{% set f = 1 %}{% end %}{% if f %}y{% end %}", {}, "y"},
      {"5.5 loop variables stay", "{% for i in [1,2] %}{% set g = i %}{% end %}{{i}}{{g}}", {}, "22"},
      {"5.5 before the set the request's value", "{{a}}{% set a = 'x' %}{{a}}", {{"a", {"r"}}}, "'r' 'x'"},
      {"5.5 typed values can be stored", "{% set h = UInt16(n) %}{{h}} {{h + 1}}", {{"n", {"7"}}}, "7 8"},
      {"5.5 a variable as default", "{% set _d = 0.5 %}{{Float32(p, _d)}}", {}, "0.5"},
  });
}

}  // namespace
}  // namespace kinglet::templates
