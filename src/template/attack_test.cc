// SPDX-License-Identifier: Apache-2.0
// attacks.md S1, S2, S3 and the limits: whoever writes the values, or the template, gets nothing but data and errors.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "template/limits.h"
#include "template/sql_text.h"
#include "template/test_support.h"

namespace kinglet::templates {
namespace {

using testing::failure;
using testing::render;
using testing::syntax;
using Kind = RenderError::Kind;

/// The bytes of a string literal by the engine's rules (sql-resolution.md section 3); nothing when it does not end
/// exactly at the end of `sql`.
std::optional<std::string> decode_literal(std::string_view sql) {
  if (sql.size() < 2 || sql[0] != '\'') return std::nullopt;
  std::string out;
  for (std::size_t i = 1; i < sql.size(); ++i) {
    if (sql[i] == '\'') {
      if (i + 1 < sql.size() && sql[i + 1] == '\'') {
        out += '\'';
        ++i;
        continue;
      }
      return i + 1 == sql.size() ? std::optional(out) : std::nullopt;
    }
    if (sql[i] != '\\') {
      out += sql[i];
      continue;
    }
    if (++i == sql.size()) return std::nullopt;
    switch (sql[i]) {
      case 'b':
        out += '\b';
        break;
      case 'f':
        out += '\f';
        break;
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 't':
        out += '\t';
        break;
      case '0':
        out += '\0';
        break;
      case 'a':
        out += '\a';
        break;
      case 'v':
        out += '\v';
        break;
      case 'e':
        out += '\x1B';
        break;
      case 'N':
        break;
      case 'x':
        return std::nullopt;  // never printed by us
      case '\\':
      case '\'':
      case '"':
      case '`':
      case '/':
      case '=':
        out += sql[i];
        break;
      default:
        out += '\\';
        out += sql[i];
    }
  }
  return std::nullopt;
}

// S2
RC_GTEST_PROP(Literal, AnyTextDecodesToItself, (const std::string& text)) {
  RC_PRE(text.find('\0') == std::string::npos);
  const auto sql = Template::compile("%{{String(s)}}");
  const Arguments arguments = {{"s", {text}}};
  const auto made = sql->render({.arguments = &arguments});
  RC_ASSERT(made.has_value());
  RC_ASSERT(decode_literal(made->sql) == std::optional(text));
}
RC_GTEST_PROP(Literal, TextsOfQuotesAndBackslashesDecodeToThemselves, ()) {
  const auto text = *rc::gen::container<std::string>(
      rc::gen::element('\'', '\\', '"', '`', '\n', 'n', 'x', '0', '-', '/', '*', '#', ' ', '{', '}'));
  const Arguments arguments = {{"s", {text}}};
  RC_ASSERT(decode_literal(Template::compile("%{{s}}")->render({.arguments = &arguments})->sql) == std::optional(text));
  // An element of an array, too: it ends where the list goes on.
  const auto list = Template::compile("%{{Array(s)}}")->render({.arguments = &arguments})->sql;
  RC_ASSERT(decode_literal(std::string_view(list).substr(1, list.size() - 2)) == std::optional(text));
}
RC_GTEST_PROP(Identifier, IsPlainOrRefused, (const std::string& text)) {
  std::string out;
  if (internal::append_identifier(out, text))
    RC_ASSERT(text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") ==
              std::string::npos);
}
RC_GTEST_PROP(Compile, NeverAcceptsWhatItCannotRender, ()) {
  const auto piece =
      rc::gen::element<std::string>("{{", "}}", "{%", "%}", "{#", "#}", " if ", " for ", " in ", " end ", "set ", "x",
                                    "=", "String(", ")", "'", "[", "]", ",", "1", ".get(", " and ", "-", "!", "\\");
  const auto pieces = *rc::gen::container<std::vector<std::string>>(piece);
  std::string text = "%";
  for (const auto& p : pieces) text += p;
  const auto compiled = Template::compile(text);
  if (!compiled) {
    RC_ASSERT(!compiled.error().message.empty());
    return;
  }
  const Arguments arguments = {{"x", {"v"}}};
  (void)compiled->render({.arguments = &arguments});
}

// S2
TEST(Injection, ThroughEveryTypedParameterStaysALiteral) {
  const char* attacks[] = {"' OR 1=1 --",
                           "\\' OR 1=1 --",
                           "\\\\' OR 1",
                           "'; DROP TABLE x; --",
                           "/* */",
                           "*/ 1 /*",
                           "{{x}}",
                           "{p:String}",
                           "{% set a = 1 %}",
                           "$$",
                           "$a$",
                           "\xE2\x80\x98 OR 1=1 \xE2\x80\x99",
                           "\xCA\xBC OR 1",
                           "\xEF\xBC\x87 OR 1",
                           "\xC0\xA7",
                           "\xBF'",
                           "a'b",
                           "\\",
                           "'",
                           "`",
                           "\"",
                           "\n--",
                           "1) OR (1=1",
                           "--",
                           "#",
                           "0x27",
                           "'||sleep(3)||'"};
  for (const auto* attack : attacks) {
    const Arguments arguments = {{"p", {attack}}};
    EXPECT_EQ(decode_literal(render("{{String(p)}}", arguments)), attack);
    EXPECT_EQ(decode_literal(render("{{p}}", arguments)), attack);
    for (const auto* type : {"UUID", "Int8", "Int64", "UInt256", "Float32", "Float64", "Decimal", "Decimal128",
                             "Boolean", "Date", "DateTime", "DateTime64"})
      EXPECT_EQ(failure(std::string("{{") + type + "(p)}}", arguments).kind, Kind::invalid_value)
          << type << " " << attack;
    EXPECT_EQ(failure("{{Array(p, 'Int32')}}", arguments).kind, Kind::invalid_value) << attack;
    EXPECT_EQ(failure("{{column(p)}}{{columns(p)}}{{symbol(p)}}", arguments).kind, Kind::invalid_value) << attack;
  }
}
TEST(Injection, NulIsRefusedEverywhere) {
  const std::string nul("a\0b", 3);
  for (const auto* text : {"{{String(p)}}", "{{p}}", "{{Array(p)}}", "{{split_to_array(p)}}", "{{[p]}}"})
    EXPECT_EQ(failure(text, {{"p", {nul}}}).kind == Kind::invalid_value ||
                  failure(text, {{"p", {nul}}}).kind == Kind::refused,
              true)
        << text;
  EXPECT_EQ(failure("{{column(p)}}", {{"p", {nul}}}).kind, Kind::invalid_value);
}
TEST(Injection, ValuesInsideTheAuthorsQuotesAreRefused) {
  const Arguments arguments = {{"p", {" OR 1=1 --"}}, {"n", {"7"}}};
  for (const auto* text :
       {"SELECT '{{p}}'", "SELECT '{{String(p)}}'", "SELECT 'it\\'s {{p}}'", "SELECT 'it''s {{p}}'", "SELECT \"{{p}}\"",
        "SELECT `{{p}}`", "SELECT `{{column(n2, 'a')}}`", "SELECT '{% if 1 %}{{p}}{% end %}'", "SELECT '-- ' , '{{p}}'",
        "-- it's\nSELECT '{{p}}'", "/* ' /* ' */ ' */ '{{p}}'", "$a$ {{p}} $a$", "$$ {{p}}", "SELECT '{{Array(n)}}'",
        "# it's\n'{{p}}'", "SELECT {{p}}'{{p}}"}) {
    EXPECT_EQ(failure(text, arguments).kind, Kind::refused) << text;
  }
  EXPECT_EQ(render("INTERVAL '{{Int32(n)}} days'", arguments), "INTERVAL '7 days'");
  EXPECT_EQ(render("'a' /* ' */ {{n}} -- ' \n , {{n}} \"x\" {{n}} `'` {{n}} 'a''b' {{n}} $a$ ' $a$ {{n}} a$b$c {{n}} 1 "
                   "- {{n}} / {{n}}",
                   arguments),
            "'a' /* ' */ '7' -- ' \n , '7' \"x\" '7' `'` '7' 'a''b' '7' $a$ ' $a$ '7' a$b$c '7' 1 - '7' / '7'");
}
TEST(Injection, ValuesInsideCommentsAreEvaluatedAndNotPrinted) {
  const Arguments arguments = {{"p", {"\n UNION ALL SELECT 1 */ x"}}};
  EXPECT_EQ(render("SELECT 1 -- {{p}} a\n,2", arguments), "SELECT 1 --  a\n,2");
  EXPECT_EQ(render("SELECT 1 /* {{p}} */,2", arguments), "SELECT 1 /*  */,2");
  EXPECT_EQ(render("SELECT 1 # {{p}}\n,2 // {{p}}\n,3", arguments), "SELECT 1 # \n,2 // \n,3");
  EXPECT_EQ(render("a -{% if 1 %}- {{p}}{% end %}\nb /{% if 1 %}* {{p}}{% end %}", arguments), "a -- \nb /* ");
  EXPECT_EQ(failure("-- {{String(missing)}}").kind, Kind::missing_parameter);
}
TEST(Injection, LiteralsNeverJoinTheirNeighbours) {
  EXPECT_EQ(render("{{a}}{{a}}", {{"a", {"x"}}}), "'x' 'x'");
  EXPECT_EQ(render("x{{a}} N{{a}} 5{{a}}", {{"a", {"41"}}}), "x '41' N '41' 5 '41'");
  EXPECT_EQ(render("1 -{{Int8(n)}} -{{Float32(n)}} -{{n2}}", {{"n", {"-5"}}, {"n2", {"-5"}}}), "1 -(-5) -(-5.0) -'-5'");
  EXPECT_EQ(render("{% set n = -5 %}a-{{n}}"), "a-(-5)");
  EXPECT_EQ(render("OR{{True}} x{{None}} NOT{{Date(d, '2024-01-01')}} AND{{sql_and(a__gt=1)}} c{{5}}"),
            "OR true x NULL NOT toDate('2024-01-01') AND a > 1 c5");
}

// S3
TEST(Identifiers, AreTheOnlyThingColumnAndSymbolPrint) {
  EXPECT_EQ(render("ORDER BY {{column(by, 'ts')}}", {{"by", {"price"}}}), "ORDER BY `price`");
  EXPECT_EQ(
      render("ORDER BY {{column(by, 'ts')}} {{column(String(f, 'a'))}} {{column('t.c')}} {{symbol('a' + '_sum')}}"),
      "ORDER BY `ts` `a` `t`.`c` `a_sum`");
  EXPECT_EQ(
      render(
          "{% set c = 'a, b' %}{{columns(c)}} {{columns('x')}} {{columns(q, 'y,z')}} {{columns(l)}}{{len(Array(l))}}",
          {{"l", {"a,b"}}}),
      "`a`,`b` `x` `y`,`z` `a`,`b`2");
  for (const auto* bad : {"",         " ",        "a b",        "a.", ".a",      "a..b", "1a",   "a-b", "a`b",
                          "a\"b",     "a'b",      "a\\",        "a)", "count()", "a,b",  "a;",   "a--", "a$b",
                          "\xC3\xBC", "\xD0\xB0", "price DESC", "*",  "`a`",     "a\nb", "a/**/"})
    for (const auto* function : {"column", "symbol"})
      EXPECT_EQ(failure(std::string("{{") + function + "(p)}}", {{"p", {bad}}}).kind, Kind::invalid_value)
          << function << " " << bad;
  for (const auto* bad : {"", "a,", ",a", "a,,b", "a,b c", "a,count()", "a,*"})
    EXPECT_EQ(failure("{{columns(p)}}", {{"p", {bad}}}).kind, Kind::invalid_value) << bad;
  EXPECT_EQ(render("{{column(p)}}", {{"p", {std::string(Limits::identifier_bytes_max, 'a')}}}).size(),
            Limits::identifier_bytes_max + 2);
  EXPECT_EQ(failure("{{column(p)}}", {{"p", {std::string(Limits::identifier_bytes_max + 1, 'a')}}}).kind,
            Kind::invalid_value);
  EXPECT_EQ(failure("{{column(5)}}").kind, Kind::invalid_value);
}

// S1
TEST(TemplateInjection, FindsNoHostObjects) {
  for (const auto* text : {"{{cycler.__init__.__globals__}}",
                           "{{''.__class__.__mro__[1].__subclasses__()}}",
                           "{{__import__('os').system('id')}}",
                           "{{x.__class__}}",
                           "{{x.__class__()}}",
                           "{{__builtins__}}",
                           "{{open('/etc/passwd')}}",
                           "{{eval('1')}}",
                           "{{exec('1')}}",
                           "{{getattr(x, 'y')}}",
                           "{{globals()}}",
                           "{{handler.settings}}",
                           "{{request}}{{request.x}}",
                           "{{self._x}}",
                           "{{config.items}}",
                           "{% import os %}",
                           "{% from os import system %}",
                           "{% include '/etc/passwd' %}",
                           "{% raw x %}",
                           "{% module Template('x') %}",
                           "{% apply eval %}{% end %}",
                           "{{ x := 5 }}",
                           "{{ (lambda: 1)() }}",
                           "{{ [c for c in ''] }}",
                           "{{ '%s' % x.y }}",
                           "{{ '{0.__class__}'.format(x) }}",
                           "{{ x.__getitem__(0) }}",
                           "{% set __x = 1 %}",
                           "{% for __x in y %}{% end %}",
                           "{{ f'{x}' }}",
                           "{{ `id` }}",
                           "{{ x; import os }}",
                           "{{ String.format }}",
                           "{{ type(x) }}",
                           "{{ print(1) }}",
                           "{{ _tt_append('x') }}",
                           "{{ locals() }}",
                           "{{ xhtml_escape(x) }}",
                           "{% while True %}{% end %}"})
    EXPECT_FALSE(Template::compile(std::string("%") + text).has_value()) << text;
  // Formatting a text is arithmetic here, and refused.
  EXPECT_EQ(failure("{{ '%s' % x }}", {{"x", {"a"}}}).kind, Kind::refused);
  // A value that looks like a template is never one.
  EXPECT_EQ(render("{{x}}", {{"x", {"{{tb_secret('a')}}"}}}), "'{{tb_secret(\\'a\\')}}'");
}

TEST(Bounds, NestingEndsAtItsLimit) {
  const auto nested = [](std::string_view open, std::string_view middle, std::string_view close, std::size_t count) {
    std::string text = "%";
    for (std::size_t i = 0; i < count; ++i) text += open;
    text += middle;
    for (std::size_t i = 0; i < count; ++i) text += close;
    return text;
  };
  const auto in_tag = [&](std::string_view open, std::string_view middle, std::string_view close, std::size_t count) {
    return "%{{ " + nested(open, middle, close, count).substr(1) + " }}";
  };
  // The expression itself is one level.
  EXPECT_TRUE(Template::compile(in_tag("(", "1", ")", Limits::nesting_max - 1)));
  for (const auto& [open, close] : std::vector<std::pair<const char*, const char*>>{{"(", ")"},
                                                                                    {"[", "]"},
                                                                                    {"{1:", " }"},
                                                                                    {"- ", ""},
                                                                                    {"not ", ""},
                                                                                    {"len(", ")"},
                                                                                    {"1 if 1 else ", ""},
                                                                                    {"Int8(x, ", ")"},
                                                                                    {"x[", "]"}}) {
    for (const std::size_t count : {std::size_t{Limits::nesting_max} + 1, std::size_t{50'000}}) {
      const auto made = Template::compile(in_tag(open, "1", close, count));
      ASSERT_FALSE(made) << open;
      EXPECT_NE(made.error().message.find("nested too deeply: at most 100 levels"), std::string::npos)
          << open << ": " << made.error().message;
    }
  }
  EXPECT_FALSE(Template::compile(in_tag("", "x", "[0]", 50'000)));
  EXPECT_FALSE(Template::compile(in_tag("", "x", ".lower()", 50'000)));
  EXPECT_TRUE(Template::compile(nested("{% if 1 %}", "a", "{% end %}", Limits::nesting_max)));
  EXPECT_FALSE(Template::compile(nested("{% if 1 %}", "a", "{% end %}", Limits::nesting_max + 1)));
  EXPECT_FALSE(Template::compile(nested("{% for a in [1] %}", "a", "{% end %}", 50'000)));
}
TEST(Bounds, LongChainsDoNotRecurse) {
  std::string sum = "%{{1";
  std::string logic = "%{{1";
  std::string compared = "%{{1";
  for (int i = 0; i < 100'000; ++i) {
    sum += "+1";
    logic += " and 1";
    compared += "<=1";
  }
  EXPECT_EQ(Template::compile(sum + "}}")->render({})->sql, "100001");
  EXPECT_EQ(Template::compile(logic + "}}")->render({})->sql, "1");
  EXPECT_EQ(Template::compile(compared + "}}")->render({})->sql, "true");
  std::string branches = "%{% if 0 %}";
  for (int i = 0; i < 20'000; ++i) branches += "{% elif 0 %}";
  EXPECT_EQ(Template::compile(branches + "{% else %}x{% end %}")->render({})->sql, "x");
}
TEST(Bounds, CompilingIsLinear) {
  // Each of these was quadratic in one of its parts before it was counted: positions, names, arguments.
  std::string names = "%";
  std::string calls = "%";
  for (int i = 0; i < 60'000; ++i) names += "{{a" + std::to_string(i) + "}}";
  while (calls.size() < 900'000) calls += "{{Int8(a,1)}}";
  EXPECT_EQ(Template::compile(names)->parameters().size(), 60'000U);
  EXPECT_EQ(Template::compile(calls)->parameters().size(), 1U);
  std::string arguments = "%{{sql_and(";
  for (std::size_t i = 0; i < Limits::arguments_max; ++i) arguments += "a" + std::to_string(i) + "__in=1,";
  EXPECT_TRUE(Template::compile(arguments + ")}}"));
  EXPECT_FALSE(Template::compile(arguments + "b__in=1)}}"));
  Arguments sent;
  for (int i = 0; i < 60'000; ++i) sent["a" + std::to_string(i)] = {"1"};
  EXPECT_EQ(Template::compile(names)->render({.arguments = &sent}).error().kind, Kind::limit);
}
TEST(Bounds, LoopStepsEndAtTheirLimit) {
  EXPECT_EQ(render("{% for a in range(10000) %}{% end %}1"), "1");
  EXPECT_EQ(failure("{% for a in range(10000) %}{% end %}{% for a in [1] %}{% end %}").kind, Kind::limit);
  EXPECT_EQ(failure("{% for a in range(101) %}{% for b in range(100) %}{% end %}{% end %}").message,
            "Template Syntax Error: line 1, column 27: more than 10000 loop steps");
  EXPECT_EQ(failure("{{range(10001)}}").kind, Kind::limit);
  EXPECT_EQ(failure("{{range(-99999999999999999999999)}}").kind, Kind::refused);
}
TEST(Bounds, OutputEndsAtItsLimit) {
  const std::string text(Limits::output_bytes_max - 2, 'a');
  EXPECT_EQ(render("{{x}}", {{"x", {text}}}).size(), Limits::output_bytes_max);
  EXPECT_EQ(failure("{{x}}1", {{"x", {text}}}).kind, Kind::limit);
  EXPECT_EQ(failure("{{x}}", {{"x", {std::string(Limits::output_bytes_max - 2, '\'')}}}).kind, Kind::limit);
  EXPECT_EQ(failure("{% for a in range(10000) %}" + std::string(200, 'x') + "{% end %}").kind, Kind::limit);
  const auto source = Template::compile("%" + std::string(Limits::source_bytes_max - 1, 'a'));
  EXPECT_TRUE(source);
  EXPECT_FALSE(Template::compile("%" + std::string(Limits::source_bytes_max, 'a')));
}
TEST(Bounds, NothingGrowsByDoubling) {
  const auto doubling = [](std::string_view start, int times) {
    std::string text = "{% set a = " + std::string(start) + " %}";
    for (int i = 0; i < times; ++i) text += "{% set a = a + a %}";
    return text;
  };
  EXPECT_EQ(failure(doubling("'aaaaaaaa'", 40)).kind, Kind::limit);
  EXPECT_EQ(failure(doubling("[1]", 40)).kind, Kind::limit);
  std::string nested = "{% set a = [1] %}{% set b = [1] %}";
  for (int i = 0; i < 40; ++i) nested += "{% set a = [a, a] %}{% set b = [b, b] %}";
  EXPECT_EQ(failure(nested + "{{a == b}}").kind, Kind::limit);
  EXPECT_EQ(failure(nested + "{{a}}").kind == Kind::limit, true);
  EXPECT_EQ(failure(nested + "{{custom_error({'a': a})}}").kind, Kind::refused);
  EXPECT_EQ(failure("{% set a = 'x,' %}{% for i in range(25) %}{% set a = a.replace(',', ',,') %}{% end %}").kind,
            Kind::limit);
  EXPECT_EQ(
      failure("{% set a = ['x'] %}{% for i in range(25) %}{% set a = [a[0].join(a + a)] %}{% set a = a + a %}{% end %}")
          .kind,
      Kind::limit);
  EXPECT_EQ(failure("{% set a = 'x' %}{% for i in range(40) %}{% set a = a + a %}{% end %}").kind, Kind::limit);
  std::string deep = "{% set a = [1] %}";
  for (int i = 0; i < 200; ++i) deep += "{% set a = [a] %}";
  EXPECT_EQ(failure(deep + "{{a}}").kind, Kind::refused);
}
TEST(Bounds, WorkEndsAtItsLimit) {
  // Each step copies a text of half a megabyte: without a budget this is five gigabytes.
  const Arguments arguments = {{"x", {std::string(512 * 1024, 'a')}}};
  EXPECT_EQ(failure("{% for i in range(10000) %}{% set y = x %}{% end %}", arguments).kind, Kind::limit);
  EXPECT_EQ(failure("{% for i in range(10000) %}{% if x == x + 'b' %}{% end %}{% end %}", arguments).kind, Kind::limit);
  EXPECT_EQ(failure("{% for i in range(10000) %}{% set y = x.split('a') %}{% end %}", arguments).kind, Kind::limit);
  EXPECT_EQ(failure("{{split_to_array(x, separator='a')}}", arguments).kind, Kind::limit);
}

/// A template made of what grows: loops in loops, texts and lists that double, cuts and joins.
std::string growing(int depth) {
  static const std::vector<std::string> simple = {"{% set a = a + a %}",
                                                  "{% set l = l + l %}",
                                                  "{% set l = [l, l] %}",
                                                  "{% set a = a.replace('x', a) %}",
                                                  "{% set l = a.split('x') %}",
                                                  "{% set a = a.join(['x', a, 'y']) %}",
                                                  "{% set n = n * n + 1 %}",
                                                  "{% set l = split_to_array(a, separator='y') %}",
                                                  "{% set d = {'k': d, 'l': d } %}",
                                                  "{{a}}",
                                                  "{{l}}",
                                                  "{{n}}",
                                                  "{{d}}",
                                                  "{{Array(l)}}",
                                                  "{{len(a) + len(l)}}",
                                                  "{{a == a + 'z'}}",
                                                  "{{l == l}}",
                                                  "{{String(l)}}",
                                                  "{% set a = String(l) %}",
                                                  "{{sql_and(c__in=l, e__in=l)}}",
                                                  "{{columns(a)}}",
                                                  "text of the author ",
                                                  "{{custom_error({'l': l, 'd': d}) if n == 7 else 1}}"};
  std::string text;
  for (int i = *rc::gen::inRange(1, 6); i > 0; --i) {
    const int kind = depth == 0 ? 0 : *rc::gen::inRange(0, 4);
    if (kind == 1)
      text += "{% for i in range(" + *rc::gen::element<std::string>("3", "40", "5000") + ") %}" + growing(depth - 1) +
              "{% end %}";
    else if (kind == 2)
      text += "{% for i in l %}" + growing(depth - 1) + "{% end %}";
    else if (kind == 3)
      text += "{% if n > 2 %}" + growing(depth - 1) + "{% else %}" + growing(depth - 1) + "{% end %}";
    else
      text += *rc::gen::elementOf(simple);
  }
  return text;
}
// S1
RC_GTEST_PROP(Bounds, NoTemplateExceedsItsLimits, ()) {
  const auto text = "%{% set a = 'xyx' %}{% set l = ['x', 'y'] %}{% set n = 2 %}{% set d = {'k': 1 } %}" + growing(3);
  const auto compiled = Template::compile(text);
  RC_ASSERT(compiled.has_value());
  const auto made = compiled->render({});
  if (made)
    RC_ASSERT(made->sql.size() <= Limits::output_bytes_max);
  else
    RC_ASSERT(!made.error().message.empty() &&
              (made.error().kind == Kind::raised || made.error().message.size() < 1000));
}

}  // namespace
}  // namespace kinglet::templates
