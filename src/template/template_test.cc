// SPDX-License-Identifier: Apache-2.0
// Parameters, positions, and what a request may and may not do. The specification's tables are in conformance_test.cc.
#include "template/template.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "template/limits.h"
#include "template/program.h"
#include "template/test_support.h"

namespace kinglet::templates {
namespace {

using testing::failure;
using testing::render;
using testing::syntax;
using Kind = RenderError::Kind;

TEST(Marker, IsTheFirstCharacterThatIsNotBlank) {
  const auto indented = Template::compile("\n\t  % SELECT {{1}}");
  ASSERT_TRUE(indented);
  EXPECT_TRUE(indented->is_template());
  EXPECT_EQ(indented->render({})->sql, " SELECT 1");
  const auto later = Template::compile("SELECT 1 % 2 -- {% bogus %}");
  ASSERT_TRUE(later);
  EXPECT_EQ(later->render({})->sql, "SELECT 1 % 2 -- {% bogus %}");
  EXPECT_EQ(render("SELECT a % b, LIKE '%x'"), "SELECT a % b, LIKE '%x'");
}

TEST(Marker, MayStandInsideTheParenthesesOfAWrappedQuery) {
  const Arguments arguments = {{"a", {"7"}}};
  for (const auto* text : {"SELECT * FROM (% SELECT {{Int32(a, 0)}}\n) LIMIT 100 FORMAT JSON",
                           " select *\nfrom(\n %\nSELECT {{Int32(a)}})"}) {
    const auto made = Template::compile_query(text);
    ASSERT_TRUE(made) << text;
    EXPECT_TRUE(made->is_template());
    const auto sql = made->render({.arguments = &arguments})->sql;
    EXPECT_EQ(sql.find('%'), std::string::npos) << sql;
    EXPECT_NE(sql.find("SELECT 7"), std::string::npos) << sql;
  }
  for (const auto* text : {"SELECT * FROM (SELECT 5 % 2)", "SELECT a FROM (% {{x}})", "SELECT * FROM", "", "SELECT *",
                           "SELECT * FROM '(%'"}) {
    const auto made = Template::compile_query(text);
    ASSERT_TRUE(made) << text;
    EXPECT_FALSE(made->is_template()) << text;
    EXPECT_EQ(made->render({})->sql, text);
  }
  EXPECT_TRUE(Template::compile_query("% {{1}}")->is_template());
  EXPECT_EQ(Template::compile_query("SELECT * FROM (% {{ Strin(x) }})").error().position, (TextPosition{1, 21}));
}

TEST(Marker, EmptyTextsAreNoTemplates) {
  for (const auto* text : {"", "  \n"}) {
    const auto compiled = Template::compile(text);
    ASSERT_TRUE(compiled);
    EXPECT_FALSE(compiled->is_template());
    EXPECT_EQ(compiled->render({})->sql, text);
  }
}

TEST(Lexis, BracesCommentsAndEscapes) {
  EXPECT_EQ(render("{{!x}} {%!x%} {#!x#}"), "{{x}} {%x%} {#x#}");
  EXPECT_EQ(render("a{% comment {{x}} %}b{# {{x}} #}c"), "abc");
  EXPECT_EQ(render("{{{1}}}"), "{1}");
  EXPECT_EQ(render("map{'a':1} {"), "map{'a':1} {");
  EXPECT_EQ(render("{%if 1%}a{%end%}{{Int32(a,5,)}}"), "a5");
  EXPECT_EQ(render("{{ Int32(\n  a,\n  5,\n) }}"), "5");
  EXPECT_EQ(render("{% set w = 61 %} # note\n{{w}}"), " # note\n61");
  EXPECT_EQ(render("{{ '{}' }}"), "'{}'");
}

TEST(Lexis, TagsEndAtTheFirstMarkWhateverTheQuotes) {
  EXPECT_EQ(syntax("{{ JSON(x, '{}}') }}").message, "a text that begins with ' is not closed inside the tag");
}

TEST(Positions, ArePointedAtInTheNodesText) {
  const auto made = Template::compile("%\nSELECT\n  ü {{ Strin(x) }}");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().position, (TextPosition{3, 8}));
  EXPECT_EQ(made.error().message, "unknown function 'Strin'");
  EXPECT_EQ(made.error().hint, "did you mean 'String'?");
  EXPECT_EQ(made.error().to_error().message, "line 3, column 8: unknown function 'Strin'");
  EXPECT_EQ(made.error().to_error().code, Code::invalid);
}

/// The place of `what` in the text that `sql` renders to, and what it comes from: "line:column", "*" for a value.
std::string source_of(std::string_view sql, std::string_view what, const Arguments& sent = {}) {
  const auto compiled = Template::compile(sql);
  const RenderInput input{.arguments = &sent};
  const auto rendered = compiled->render(input);
  const auto at = internal::position_at(rendered->sql, rendered->sql.find(what));
  const auto place = compiled->source_of(input, at);
  return fmt::format("{}:{}{}", place.position.line, place.position.column, place.is_value ? "*" : "");
}

TEST(Positions, OfRenderedTextLeadBackToTheNodesText) {
  constexpr std::string_view text =
      "%\n{% set n = 2 %}\nSELECT é, {{String(x, 'a\nb')}}, {# a\nremark #} here,\n"
      "{% if n > 1 %}\n  inside{{!x {% end %}\n{% for i in [1,2] %}  again{{i}}x{{String(y, 'q')}}\n{% end %} end";
  EXPECT_EQ(source_of(text, "SELECT"), "3:1");
  EXPECT_EQ(source_of(text, "'a"), "3:11*") << "what a tag prints stands at the tag, whatever it is";
  EXPECT_EQ(source_of(text, "b'"), "3:11*");
  EXPECT_EQ(source_of(text, "here"), "5:11");
  EXPECT_EQ(source_of(text, "inside"), "7:3");
  EXPECT_EQ(source_of(text, "{{x"), "7:9");
  EXPECT_EQ(source_of(text, "again"), "8:23");
  EXPECT_EQ(source_of(text, "2x"), "8:28*");
  EXPECT_EQ(source_of(text, " 'q'"), "8:34*") << "the blank that parts a value from a word belongs to the value";
  EXPECT_EQ(source_of(text, " end"), "9:10");
  EXPECT_EQ(source_of("SELECT\n a", "a"), "2:2") << "SQL as it stands";
}

TEST(Positions, OfRenderedTextMayBeAnything) {
  const auto compiled = Template::compile("%a{{String(b)}}c");
  const Arguments sent{{"b", {"é"}}};
  std::vector<std::string> met;
  const RenderInput input{.arguments = &sent, .required_met = &met};
  EXPECT_EQ(compiled->source_of(input, {.line = 1, .column = 900}).position, (TextPosition{1, 17})) << "the end";
  EXPECT_EQ(compiled->source_of(input, {.line = 7, .column = 1}).position, (TextPosition{1, 17}));
  EXPECT_EQ(compiled->source_of(input, {.line = 0, .column = 0}).position, (TextPosition{1, 17}));
  EXPECT_EQ(compiled->source_of({}, {.line = 1, .column = 2}).position, (TextPosition{1, 5})) << "where rendering ends";
  EXPECT_EQ(Template::compile("%")->source_of({}, {.line = 1, .column = 1}).position, (TextPosition{1, 1}));
  EXPECT_TRUE(met.empty());
}

TEST(Missing, ListsWhatWasMetInThisRequestAcrossNodes) {
  std::vector<std::string> met;
  const Arguments arguments = {{"a", {"1"}}, {"b", {"2"}}};
  const RenderInput input{.arguments = &arguments, .required_met = &met};
  ASSERT_TRUE(Template::compile("% {{Int8(a)}} {{Int8(o, 1)}}")->render(input));
  ASSERT_TRUE(Template::compile("% {{b}} {{a}}")->render(input));
  const auto failed = Template::compile("% {{String(c)}}")->render(input);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("Check the parameters a, b and c."), std::string::npos)
      << failed.error().message;
}

TEST(Missing, EveryPlaceThatNeedsAValueSaysSo) {
  for (const auto* text : {"{{x}}",
                           "{{x + 1}}",
                           "{{-x}}",
                           "{% if x > 3 %}{% end %}",
                           "{% if 3 < x %}{% end %}",
                           "{% for a in x %}{% end %}",
                           "{{len(x)}}",
                           "{{x.split(',')}}",
                           "{{x[0]}}",
                           "{{column(x)}}",
                           "{{columns(x)}}",
                           "{{symbol(x)}}",
                           "{{split_to_array(x)}}",
                           "{{[x]}}",
                           "{{enumerate_with_last(x)}}",
                           "{{day_diff(x, '2024-01-01')}}",
                           "{{date_diff_in_hours('2024-01-01', x)}}",
                           "{{error(x)}}",
                           "{% set y = x %}{{y}}",
                           "{{Array(x)}}",
                           "{{JSON(x)}}",
                           "{{String(x, required=False)}}",
                           "{{Int32(y, x)}}",
                           "{{'a'.join(x)}}",
                           "{{max_threads(x)}}",
                           "{{x if x else x}}",
                           "{{1 if 2 else 3 + x if 0 else x}}"}) {
    const auto compiled = Template::compile(std::string("%") + text);
    ASSERT_TRUE(compiled) << text << ": " << compiled.error().message;
    const auto made = compiled->render({});
    if (std::string_view(text) == "{{1 if 2 else 3 + x if 0 else x}}") {
      ASSERT_TRUE(made);
      continue;
    }
    ASSERT_FALSE(made) << text;
    EXPECT_EQ(made.error().kind, Kind::missing_parameter) << text;
    EXPECT_NE(made.error().message.find("Check the parameters x."), std::string::npos)
        << text << ": " << made.error().message;
  }
}

TEST(Missing, UndefinedIsFalseUnequalAndInNothing) {
  EXPECT_EQ(render("{{defined(x)}} {{x == 'a'}} {{x != 'a'}} {{x == x}} {{not x}} {{x in ['a']}} {{x not in ['a']}} "
                   "{{'a' in x}} {{x is None}}"),
            "false false true false true false true false false");
  EXPECT_EQ(render("{{x or 'd'}} {{x and 'd' or 'e'}}"), "'d' 'e'");
}

TEST(Names, SetWinsOverTheRequestAndStaysInTheNode) {
  EXPECT_EQ(render("{{a}}{% set a = 2 %}{{a}}", {{"a", {"1"}}}), "'1'2");
  EXPECT_EQ(render("{% if 1 %}{% set f = 1 %}{% end %}{% for i in [1,2] %}{% set g = i %}{% end %}{{f}}{{g}}{{i}}"),
            "122");
  EXPECT_EQ(render("{{true}} {{String(true)}}", {{"true", {"x"}}}), "'x' 'x'");
  EXPECT_EQ(render("{{true}} {{Boolean(c, false)}} {{defined(true)}}"), "true false false");
  EXPECT_EQ(render("{{String(end)}}{{String(range, 'r')}}", {{"end", {"e"}}}), "'e' 'r'");
}

TEST(Names, LoopOfAnotherLanguageIsAnErrorOnlyWhereItIsReached) {
  EXPECT_EQ(render("{% for a in [1] %}{% if 0 %}{{loop.first}}{% end %}{{a}}{% end %}"), "1");
  EXPECT_NE(
      failure("{% for a in [1] %}{% if not loop.first %},{% end %}{% end %}").message.find("'loop' is not defined"),
      std::string::npos);
  EXPECT_EQ(Template::compile("%{{loop.index}}")->warnings().size(), 1U);
  EXPECT_FALSE(Template::compile("%{{loop.__class__}}"));
  EXPECT_FALSE(Template::compile("%{{loop.first.x}}"));
  EXPECT_FALSE(Template::compile("%{{loop.cycle('a')}}"));
  EXPECT_EQ(render("{% for loop in [1] %}{{loop}}{% end %}"), "1");
}

TEST(Arrays, RepeatedKeysJoinAndOthersTakeTheFirst) {
  EXPECT_EQ(render("{{Array(a)}} {{String(b)}}", {{"a", {"1", "2,3"}}, {"b", {"x", "y"}}}), "['1','2','3'] 'x'");
  EXPECT_EQ(render("{{len(a)}} {{a}} {{String(a)}} {{Array(a, 'Int8')}}", {{"a", {"1", "2"}}}),
            "2 ['1','2'] '1,2' [1,2]");
  EXPECT_EQ(render("{% if a != 'x' %}n{% else %}y{% end %}{{Array(a)}}", {{"a", {"x"}}}), "y['x']");
  const NameSet lists = {"a"};
  const Arguments arguments = {{"a", {"p,q"}}};
  EXPECT_EQ(Template::compile("%{% for r in a %}{{r}};{% end %}")
                ->render({.arguments = &arguments, .array_parameters = &lists})
                ->sql,
            "'p';'q';");
}

// S11: the token's value stands whatever the request sends, and a request's own template cannot replace it.
TEST(FixedParameters, WinOverEveryFormOfTheRequest) {
  const Arguments fixed = {{"tenant", {"7"}}};
  for (const auto& sent : std::vector<Arguments>{{},
                                                 {{"tenant", {"1"}}},
                                                 {{"tenant", {"1", "2", ""}}},
                                                 {{"tenant", {""}}},
                                                 {{"tenant", {}}},
                                                 {{"Tenant", {"1"}}},
                                                 {{"tenant ", {"1"}}},
                                                 {{"tenant[]", {"1"}}}}) {
    const RenderInput input{.arguments = &sent, .fixed = &fixed};
    EXPECT_EQ(Template::compile("% {{tenant}} {{Int32(tenant, 1)}} {{Array(other, tenant)}} {{defined(tenant)}}")
                  ->render(input)
                  ->sql,
              " '7' 7 ['7'] true");
    EXPECT_EQ(Template::compile("% {{Array(tenant, 'Int32', '1')}}")->render(input)->sql, " [7]");
    EXPECT_EQ(Template::compile("% {{String(tenant, default='1')}}")->render(input)->sql, " '7'");
  }
}
TEST(FixedParameters, ThatAreEmptyHideTheRequestsToo) {
  const Arguments sent = {{"tenant", {"1"}}};
  const Arguments none = {{"tenant", {}}};
  const Arguments empty = {{"tenant", {""}}};
  EXPECT_EQ(Template::compile("%{{defined(tenant)}}")->render({.arguments = &sent, .fixed = &none})->sql, "false");
  EXPECT_EQ(Template::compile("%{{tenant}}")->render({.arguments = &sent, .fixed = &empty})->sql, "''");
}
TEST(FixedParameters, CannotBeSetByATemplateThatTheRequestSent) {
  const Arguments fixed = {{"tenant", {"7"}}};
  for (const auto* text :
       {"%{% set tenant = 1 %}{{tenant}}", "%{% for tenant in [1] %}{% end %}",
        "%{% for a, tenant in [[1, 2]] %}{% end %}", "%{% if 1 %}{% set tenant = String(tenant) + '0' %}{% end %}"}) {
    const auto made = Template::compile(text)->render({.fixed = &fixed, .from_request = true});
    ASSERT_FALSE(made) << text;
    EXPECT_NE(made.error().message.find("'tenant' is fixed by the token"), std::string::npos);
    EXPECT_TRUE(Template::compile(text)->render({.fixed = &fixed})) << "the pipe's author may";
  }
}

TEST(Settings, MaxThreadsIsASettingAndOthersWarn) {
  const auto made = Template::compile("%{{max_threads(4)}}SELECT 1{{cache_ttl('5m')}}");
  ASSERT_TRUE(made);
  const auto rendered = made->render({});
  EXPECT_EQ(rendered->sql, "SELECT 1");
  EXPECT_EQ(rendered->settings, (std::vector<std::pair<std::string, std::string>>{{"max_threads", "4"}}));
  ASSERT_EQ(made->warnings().size(), 1U);
  EXPECT_EQ(made->warnings()[0].message, "cache_ttl() has no effect here");
  for (const auto* bad : {"{{max_threads(0)}}", "{{max_threads(65)}}", "{{max_threads('4')}}", "{{max_threads(1.5)}}"})
    EXPECT_EQ(failure(bad).kind, Kind::refused) << bad;
  EXPECT_EQ(Template::compile("%{{max_threads(64)}}")->render({})->settings[0].second, "64");
}

TEST(Secrets, ArePrintedAsLiteralsAndNowhereElse) {
  const std::function<std::optional<std::string>(std::string_view)> secrets =
      [](std::string_view name) -> std::optional<std::string> {
    if (name == "key") return "p'w";
    return std::nullopt;
  };
  const RenderInput input{.secret = &secrets};
  EXPECT_EQ(Template::compile("%{{tb_secret('key')}}")->render(input)->sql, "'p\\'w'");
  EXPECT_EQ(Template::compile("%{{tb_secret(\"none\", 'd')}}")->render(input)->sql, "'d'");
  EXPECT_FALSE(Template::compile("%{{tb_secret('key')}}")->render({})) << "not for a caller of /v0/sql";
  EXPECT_FALSE(Template::compile("%{{tb_secret('key', 'd')}}")->render({}));
  for (const auto* text :
       {"%{{tb_secret('none')}}", "%{{error(tb_secret('key'))}}", "%{{custom_error({'a': tb_secret('key')})}}",
        "%{{String(tb_secret('key'))}}", "%{{Int32(tb_secret('key'))}}", "%{{column(tb_secret('key'))}}",
        "%{{columns(tb_secret('key'))}}", "%{{tb_secret('key') + 'a'}}", "%{{tb_secret('key')[0]}}",
        "%{{tb_secret('key').lower()}}", "%{{split_to_array(tb_secret('key'))}}", "%{{len(tb_secret('key'))}}",
        "%{% for c in tb_secret('key') %}{% end %}", "%{{day_diff(tb_secret('key'), '2024-01-01')}}",
        "%{{'a' in tb_secret('key')}}", "%{% if tb_secret('key') < 'q' %}{% end %}",
        "%{{Array(tb_secret('key'), 'Int8')}}", "%{{error([tb_secret('key')])}}", "%'{{tb_secret('key')}}'"}) {
    const auto compiled = Template::compile(text);
    ASSERT_TRUE(compiled) << text;
    const auto made = compiled->render(input);
    ASSERT_FALSE(made) << text << " gave " << made->sql;
    EXPECT_EQ(made.error().message.find("p'w"), std::string::npos) << made.error().message;
    EXPECT_EQ(made.error().body_json, std::nullopt);
  }
  EXPECT_EQ(Template::compile("%{{tb_secret('key') == 'p'}}")->render(input)->sql, "false");
  EXPECT_EQ(Template::compile("%{{tb_secret(\"a\")}}{{tb_secret('b', 'x')}}{{tb_secret('b')}}")->secrets(),
            (std::map<std::string, bool, std::less<>>{{"a", false}, {"b", false}}));
  EXPECT_EQ(syntax("{{tb_secret(String(n))}}").message, "tb_secret() takes the name of a secret as a quoted text");
}

TEST(Secrets, PrintBareInSettings) {
  const std::function<std::optional<std::string>(std::string_view)> secrets = [](std::string_view) {
    return std::optional<std::string>("p'w");
  };
  EXPECT_EQ(Template::compile_setting("user-{{ tb_secret(\"key\") }}!")->render({.secret = &secrets})->sql,
            "user-p'w!");
  EXPECT_EQ(Template::compile_setting("plain")->render({})->sql, "plain");
  for (const auto* text : {"{{x}}", "{{String(x, 'a')}}", "{% if 1 %}a{% end %}", "{{tb_secret('a') + 'b'}}"})
    EXPECT_FALSE(Template::compile_setting(text)) << text;
}

TEST(Errors, OfTheAuthorAreExact) {
  const auto plain = failure("{% if not defined(u) %}{{ error('u is required') }}{% end %} SELECT 1");
  EXPECT_EQ(plain.kind, Kind::raised);
  EXPECT_EQ(plain.status, 400);
  EXPECT_EQ(plain.message, "u is required");
  const auto custom = failure("{{ custom_error({'code': 7, 'error': 'no access'}, 403) }}");
  EXPECT_EQ(custom.status, 403);
  EXPECT_EQ(custom.body_json, R"({"code":7,"error":"no access"})");
  EXPECT_EQ(failure("{{ custom_error({'a': [1, None, True, 1.5]}) }}").body_json, R"({"a":[1,null,true,1.5]})");
  for (const auto* bad :
       {"{{custom_error('x')}}", "{{custom_error({}, 200)}}", "{{custom_error({}, 'a')}}", "{{error([1])}}"})
    EXPECT_EQ(failure(bad).kind, Kind::refused) << bad;
}

TEST(Errors, ShowACallersValueCutAndClean) {
  const std::string value = "\n\x01" + std::string(500, 'a');
  const auto error = failure("{{Int32(n)}}", {{"n", {value}}});
  EXPECT_LT(error.message.size(), 300U);
  EXPECT_EQ(error.message.find('\n'), std::string::npos);
  EXPECT_NE(error.message.find("parameter 'n'"), std::string::npos);
  EXPECT_NE(error.message.find("Int32"), std::string::npos);
}

TEST(StandIns, RenderBothModesOfADeploymentsCheck) {
  const auto compiled = Template::compile(
      "% SELECT {{String(s)}}, {{Int32(n)}}, {{Date(d)}}, {{Array(a, 'Int32')}} {% if defined(x) %}, {{DateTime(x)}}{% "
      "end %} ORDER BY {{column(c)}}{% if raw == 'a' %}!{% end %}");
  ASSERT_TRUE(compiled);
  EXPECT_EQ(compiled->render({.stand_ins = StandIns::none_defined})->sql,
            " SELECT '__no_value__', 1, toDate('2020-01-01'), [1]  ORDER BY 1");
  EXPECT_EQ(compiled->render({.stand_ins = StandIns::all_defined})->sql,
            " SELECT '__no_value__', 1, toDate('2020-01-01'), [1] , toDateTime('2020-01-01 00:00:00') ORDER BY 1");
  EXPECT_EQ(Template::compile("% toTimeZone(t, {{String(tz, 'UTC')}}) {% if defined(n) %}{{Int8(n, 3)}} {{n}} "
                              "{{Array(l, ['a','b'])}} {{column(c, 'ts')}}{% end %}")
                ->render({.stand_ins = StandIns::all_defined})
                ->sql,
            " toTimeZone(t, 'UTC') 3 '3' ['a','b'] `ts`");
  for (const auto mode : {StandIns::none_defined, StandIns::all_defined}) {
    EXPECT_EQ(Template::compile("%{% if day_diff(a, b) > 1 %}x{% end %}{% if n > 3 %}{% end %}{% for i in JSON(f) %}{% "
                                "end %}{{JSON(f).get('a')}}{% for r in l %}{% end %}")
                  ->render({.stand_ins = mode})
                  ->sql,
              "NULL");
    EXPECT_EQ(Template::compile("%{{x.split('.')[3]}}")->render({.stand_ins = mode})->sql, "'__no_value__'");
    EXPECT_EQ(Template::compile("%{{error('e')}}")->render({.stand_ins = mode}).error().kind, Kind::raised);
  }
}

TEST(Branches, EachCanBeRenderedWithStandIns) {
  const auto compiled = Template::compile(
      "%FROM {% if a == 'x' %}one{% elif a == 'y' %}two{% if b == 'z' %} JOIN three{% end %}{% else %}four{% end %}"
      "{% for i in l %}{% if i == 'q' %} JOIN five{% end %}{% end %}{{error('never')}}");
  ASSERT_TRUE(compiled);
  ASSERT_EQ(compiled->branch_count(), 5U);
  const char* rendered[] = {"FROM one", "FROM two", "FROM two JOIN three", "FROM four", "FROM four JOIN five"};
  for (std::uint32_t i = 0; i < 5; ++i) {
    const auto made = compiled->render({.stand_ins = StandIns::all_defined, .branch = i});
    ASSERT_TRUE(made) << i << ": " << made.error().message;
    EXPECT_EQ(made->sql, rendered[i]);
    EXPECT_TRUE(made->branches_taken.at(i)) << i;
  }
  EXPECT_EQ(Template::compile("%{% if 0 %}a{% else %}b{% end %}")->render({.branch = 0})->sql, "b")
      << "a request chooses nothing";
  const auto taken =
      Template::compile("%{% if defined(a) %}1{% else %}2{% end %}")->render({.stand_ins = StandIns::none_defined});
  EXPECT_EQ(taken->branches_taken, (std::vector<bool>{false, true}));
}

}  // namespace
}  // namespace kinglet::templates
