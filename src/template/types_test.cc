// SPDX-License-Identifier: Apache-2.0
// Type functions: what each accepts, refuses and prints; missing values and defaults; arrays, JSON, decimals.
#include <gtest/gtest.h>

#include "template/limits.h"
#include "template/test_support.h"

namespace kinglet::templates {
namespace {

using testing::failure;
using testing::render;
using testing::syntax;
using Kind = RenderError::Kind;

struct Case {
  const char* type;
  const char* sent;
  const char* printed;  // null: refused
};

TEST(Types, AcceptAndPrint) {
  const Case cases[] = {
      {"String", "", "''"},
      {"String", "a\nb\t\xC3\xBC", "'a\nb\t\xC3\xBC'"},
      {"UUID", "123E4567-e89b-12d3-a456-426614174000", "'123E4567-e89b-12d3-a456-426614174000'"},
      {"UUID", "123E4567-e89b-12d3-a456-42661417400", nullptr},
      {"UUID", "123E4567ee89b-12d3-a456-426614174000", nullptr},
      {"UUID", "123E4567-e89b-12d3-a456-42661417400'", nullptr},
      {"Int8", "127", "127"},
      {"Int8", "-128", "(-128)"},
      {"Int8", "128", nullptr},
      {"Int8", "-129", nullptr},
      {"Int8", "", nullptr},
      {"Int8", "-", nullptr},
      {"Int8", "+5", "5"},
      {"Int8", " 5 ", "5"},
      {"Int8", "0x1", nullptr},
      {"Int8", "1e1", nullptr},
      {"Int8", "1.0", nullptr},
      {"Int8", "1_0", nullptr},
      {"Int8", "--1", nullptr},
      {"Int8", "1;2", nullptr},
      {"Int8",
       "\xE2\x88\x92"
       "1",
       nullptr},                          // U+2212, a minus sign to SQL
      {"Int8", "\xD9\xA1", nullptr},      // Arabic digit one
      {"Int8", "\xEF\xBC\x91", nullptr},  // full-width digit one
      {"UInt8", "255", "255"},
      {"UInt8", "256", nullptr},
      {"UInt8", "-1", nullptr},
      {"UInt8", "-0", "0"},
      {"Int16", "32767", "32767"},
      {"Int16", "32768", nullptr},
      {"UInt16", "65535", "65535"},
      {"UInt16", "65536", nullptr},
      {"Int", "2147483647", "2147483647"},
      {"Integer", "2147483648", nullptr},
      {"Int32", "00012", "12"},
      {"UInt32", "4294967295", "4294967295"},
      {"UInt32", "4294967296", nullptr},
      {"Int64", "9223372036854775807", "9223372036854775807"},
      {"Int64", "-9223372036854775808", "(-9223372036854775808)"},
      {"Int64", "9223372036854775808", nullptr},
      {"UInt64", "18446744073709551615", "18446744073709551615"},
      {"UInt64", "18446744073709551616", nullptr},
      {"Int128", "-170141183460469231731687303715884105728", "toInt128('-170141183460469231731687303715884105728')"},
      {"Int128", "170141183460469231731687303715884105728", nullptr},
      {"UInt128", "340282366920938463463374607431768211455", "toUInt128('340282366920938463463374607431768211455')"},
      {"UInt128", "340282366920938463463374607431768211456", nullptr},
      {"Int256", "5", "toInt256('5')"},
      {"Int256", "57896044618658097711785492504343953926634992332820282019728792003956564819967",
       "toInt256('57896044618658097711785492504343953926634992332820282019728792003956564819967')"},
      {"Int256", "57896044618658097711785492504343953926634992332820282019728792003956564819968", nullptr},
      {"UInt256", "115792089237316195423570985008687907853269984665640564039457584007913129639935",
       "toUInt256('115792089237316195423570985008687907853269984665640564039457584007913129639935')"},
      {"UInt256", "115792089237316195423570985008687907853269984665640564039457584007913129639936", nullptr},
      {"UInt256", "999999999999999999999999999999999999999999999999999999999999999999999999999999999999", nullptr},
      {"Float64", "0.1", "0.1"},
      {"Float64", "1", "1.0"},
      {"Float64", "-1.5e-3", "(-0.0015)"},
      {"Float64", "-0", "(-0.0)"},
      {"Float64", "1e300", "1e+300"},
      {"Float64", "1e400", nullptr},
      {"Float64", "nan", nullptr},
      {"Float64", "inf", nullptr},
      {"Float64", "-Infinity", nullptr},
      {"Float64", "0x1p3", nullptr},
      {"Float64", "1.5x", nullptr},
      {"Float64", "", nullptr},
      {"Float32", "0.1", "0.1"},
      {"Float32", "1e39", nullptr},
      {"Decimal", "1.50", "toDecimal64('1.50', 2)"},
      {"Decimal", "-12", "toDecimal64('-12', 0)"},
      {"Decimal32", "0.123456789", "toDecimal32('0.123456789', 9)"},
      {"Decimal32", "1.123456789", nullptr},
      {"Decimal64", "0001.5", "toDecimal64('1.5', 1)"},
      {"Decimal128", "12345678901234567890.1", "toDecimal128('12345678901234567890.1', 1)"},
      {"Decimal256", "1.", nullptr},
      {"Decimal", ".5", nullptr},
      {"Decimal", "1e5", nullptr},
      {"Decimal", "1.5'", nullptr},
      {"Boolean", "TRUE", "true"},
      {"Boolean", "False", "false"},
      {"Boolean", "1", "true"},
      {"Boolean", "0", "false"},
      {"Boolean", "yes", nullptr},
      {"Boolean", "", nullptr},
      {"Boolean", "2", nullptr},
      {"Date", "2024-02-29", "toDate('2024-02-29')"},
      {"Date", "20240131", "toDate('2024-01-31')"},
      {"Date", "2023-02-29", nullptr},
      {"Date", "2024-1-31", nullptr},
      {"Date", "2024-01-31 10:00:00", nullptr},
      {"Date", "2024-0131", nullptr},
      {"Date", "now()", nullptr},
      {"Date", "", nullptr},
      {"DateTime", "2024-01-31 10:00:00", "toDateTime('2024-01-31 10:00:00')"},
      {"DateTime", "2024-01-31T10:00:00Z", "toDateTime('2024-01-31 10:00:00')"},
      {"DateTime", "2024-01-31T10:00:00.999Z", "toDateTime('2024-01-31 10:00:00')"},
      {"DateTime", "2024-01-01T01:30:00+02:00", "toDateTime('2023-12-31 23:30:00')"},
      {"DateTime", "2024-01-31", nullptr},
      {"DateTime", "2024-01-31 24:00:00", nullptr},
      {"DateTime", "2024-01-31 10:00", nullptr},
      {"DateTime", "2024-01-31 10:00:00') OR 1=1 --", nullptr},
      {"DateTime64", "2024-01-31 10:00:00", "toDateTime64('2024-01-31 10:00:00', 3)"},
      {"DateTime64", "2024-01-31 10:00:00.5", "toDateTime64('2024-01-31 10:00:00.5', 3)"},
      {"DateTime64", "2024-01-31 10:00:00.123456", "toDateTime64('2024-01-31 10:00:00.123456', 6)"},
      {"DateTime64", "2024-01-31 10:00:00.1234567891", "toDateTime64('2024-01-31 10:00:00.123456789', 9)"},
      {"DateTime64", "2024-01-31 10:00:00.", nullptr},
      {"DateTime64", "0001-01-01T00:00:00+01:00", nullptr},
      {"JSON", R"({"a": [1, "x'"]})", R"('{"a":[1,"x\'"]}')"},
      {"JSON", "{", nullptr},
      {"JSON", "", nullptr},
      {"JSON", "[1] 2", nullptr},
  };
  for (const auto& [type, sent, printed] : cases) {
    const auto text = std::string("{{") + type + "(p)}}";
    const Arguments arguments = {{"p", {sent}}};
    if (printed != nullptr) {
      EXPECT_EQ(render(text, arguments), printed) << type << " " << sent;
    } else {
      const auto error = failure(text, arguments);
      EXPECT_EQ(error.kind, Kind::invalid_value) << type << " " << sent;
      EXPECT_NE(error.message.find("parameter 'p'"), std::string::npos) << error.message;
      EXPECT_NE(error.message.find(type), std::string::npos) << error.message;
    }
  }
}

TEST(Types, DefaultsAreConvertedAndMayBeVariables) {
  EXPECT_EQ(render("{{Int32(n, '10')}} {{Int32(n, default=7)}} {{Int32(n, -3)}} {{Float32(n, 1)}} {{Boolean(n, 1)}} "
                   "{{String(n, 5)}} {{Date(n, '20240101')}}"),
            "10 7 (-3) 1.0 true '5' toDate('2024-01-01')");
  EXPECT_EQ(render("{% set d = 0.5 %}{{Float32(p, d)}} {{Float32(p, Float64(q, 2))}}"), "0.5 2.0");
  EXPECT_EQ(render("{{Int32(n, 1, description='x', required=False, example=3, format='f')}} {{ Int32(m, required = "
                   "true, 10, description = \"x\") }}"),
            "1 10");
  EXPECT_EQ(failure("{{Int32(n, 'abc')}}").kind, Kind::invalid_value);
  EXPECT_EQ(Template::compile("%{{Int32(n, 'abc')}}")->warnings().at(0).message,
            "the default is not a valid Int32: an integer from -2147483648 to 2147483647 is expected");
  EXPECT_EQ(render("{{String(n, required=True, default='')}}"), "''");
}

TEST(Types, TakeExpressionsButNoConstants) {
  EXPECT_EQ(render("{% set h = '5' %}{{UInt16(h) * 2}} {{Int8(len(x), 1)}} {{Int32(a + b)}}",
                   {{"x", {"abc"}}, {"a", {"1"}}, {"b", {"2"}}}),
            "10 3 12");
  EXPECT_EQ(syntax("{{Float32(1682892000.0)}}").message, "Float32() takes the name of a parameter, not a constant");
  EXPECT_EQ(syntax("{{String('x')}}").hint, "write the name without quotes");
  EXPECT_EQ(syntax("{{Array([1])}}").message, "Array() takes the name of a parameter, not a constant");
  EXPECT_FALSE(syntax("{{Int32(True)}}").message.empty());
  EXPECT_FALSE(syntax("{{Int32(-1)}}").message.empty());
}

TEST(Types, BehaveAsPlainValuesInConditions) {
  EXPECT_EQ(
      render(
          "{% if String(a) == 'x' and UInt8(n) > 3 and Date(d) == '2024-01-01' and Date(d) < '2024-01-02' %}y{% end %}",
          {{"a", {"x"}}, {"n", {"10"}}, {"d", {"20240101"}}}),
      "y");
  EXPECT_EQ(render("{{Int64(a, 1) + Int64(b, 2)}} {{Int8(a, -1)}}{% set v = UInt128(a, 3) %} {{v}} {{v + 1}}"),
            "3 (-1) toUInt128('3') 4");
}

TEST(Arrays, OfEveryKind) {
  EXPECT_EQ(render("{{Array(a, 'Int32')}}{{Array(a, Int32)}}{{Array(a, 'Date', default='2024-01-01')}}",
                   {{"a", {"20240101"}}}),
            "[20240101][20240101][toDate('2024-01-01')]");
  EXPECT_EQ(render("{{Array(a, 'Int64', '1,666')}}{{Array(a, 'String', ['x','y'])}}{{Array(a, "
                   "default=[1,2])}}{{Array(a, ['q'])}}"),
            "[1,666]['x','y']['1','2']['q']");
  EXPECT_EQ(render("{{Array(a)}}", {{"a", {" x , y "}}}), "[' x ',' y ']");
  EXPECT_EQ(render("{{Array(a, 'Int8')}}", {{"a", {" 1 , -2 "}}}), "[1,-2]");
  EXPECT_EQ(render("{{Array(a)}}{{Array(a, 'Int8')}}", {{"a", {""}}}), "[''][]");
  EXPECT_EQ(render("{% for i in JSON(f) %}{{Array(i, 'Float32')}}{% end %}", {{"f", {"[[1, 2.5], []]"}}}),
            "[1.0,2.5][]");
  EXPECT_EQ(render("{% set v = 'a,b' %}{{Array(v)}}"), "['a','b']");
  for (const auto* bad : {"1,x", "1,,2", "1,", ",", "1;2", "[1]", "300"})
    EXPECT_EQ(failure("{{Array(a, 'Int8')}}", {{"a", {bad}}}).kind, Kind::invalid_value) << bad;
  EXPECT_EQ(syntax("{{Array(a, 'Int23', '1')}}").hint, "did you mean 'Int32'?");
  EXPECT_EQ(Template::compile("%{{Array(a, 'int32')}}")->warnings().size(), 1U);
  EXPECT_EQ(failure("{{Array(a)}}").kind, Kind::missing_parameter);
}

TEST(Arrays, NestedPrintNested) {
  EXPECT_EQ(render("{{[1,[2,'a'],True,None,-5,[]]}}"), "[1,[2,'a'],true,NULL,-5,[]]");
}

TEST(Json, GivesListsDictionariesAndScalars) {
  const Arguments arguments = {
      {"f",
       {R"({"n": 5, "t": "x", "b": true, "z": null, "l": [1, "a"], "d": {"k": 1.5}, "big": 18446744073709551615})"}}};
  EXPECT_EQ(render("{{JSON(f).get('n')}} {{JSON(f)['t']}} {{JSON(f).get('b')}} {{JSON(f).get('z')}} "
                   "{{JSON(f).get('l')}} {{JSON(f).get('d')}} {{JSON(f)['d']['k']}} {{JSON(f).get('none', 7)}} "
                   "{{JSON(f).get('none')}} {{JSON(f)['big']}}",
                   arguments),
            "5 'x' true NULL [1,'a'] '{\"k\":1.5}' 1.5 7 NULL 18446744073709551615");
  EXPECT_EQ(
      render("{% for k in JSON(f, '{\"a\":1,\"b\":2}') %}{{k}}{% end %}{% for k, v in JSON(g, '{\"a\":1}').items() "
             "%}{{k}}={{v}}{% end %}{{JSON(h, '{\"a\":1}').keys()}}{{JSON(h, '{\"a\":1}').values()}}"),
      "'a' 'b' 'a'=1['a'][1]");
  EXPECT_EQ(render("{{String(JSON(f)['n'])}}{{Int8(JSON(f).get('q'), 3)}}", arguments), "'5'3");
  EXPECT_EQ(failure("{{JSON(f)['x']}}", arguments).kind, Kind::refused);
  EXPECT_EQ(failure("{{String(JSON(f).get('q'))}}", arguments).kind, Kind::invalid_value);
  EXPECT_EQ(failure("{{JSON(f)}}", {{"f", {std::string(70, '[') + std::string(70, ']')}}}).kind, Kind::invalid_value);
}

TEST(SqlAnd, JoinsWhatIsThere) {
  const auto* text =
      "WHERE {{sql_and(a__in=Array(a, 'Int32', defined=False), b__not_in=Array(b, 'String', defined=False), "
      "c__gte=Int32(c, defined=False))}}";
  EXPECT_EQ(render(text, {{"a", {"1,2"}}}), "WHERE a IN [1,2]");
  EXPECT_EQ(render(text), "WHERE 1");
  EXPECT_EQ(render(text, {{"a", {"1"}}, {"b", {"x'"}}, {"c", {"-3"}}}),
            "WHERE a IN [1] AND b NOT IN ['x\\''] AND c >= (-3)");
  EXPECT_EQ(render("{{sql_and(a__gt=1, b__lt=2, my__col__lte=3)}}"), "a > 1 AND b < 2 AND my__col <= 3");
  for (const auto* bad : {"{{sql_and(a=1)}}", "{{sql_and(a__like='x')}}", "{{sql_and(__in=1)}}", "{{sql_and(1)}}"})
    EXPECT_FALSE(Template::compile(std::string("%") + bad)) << bad;
}

}  // namespace
}  // namespace kinglet::templates
