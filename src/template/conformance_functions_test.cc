// SPDX-License-Identifier: Apache-2.0
// The tables of the template language's specification, row by row; each row names its section. Sections 6 to 13.
#include <gtest/gtest.h>

#include "template/test_support.h"

namespace kinglet::templates {
namespace {

using testing::all;
using testing::failure;
using testing::Printed;
using testing::Refused;
using testing::render;
using testing::syntax;
using testing::Wrong;
using Kind = RenderError::Kind;

// 6.1: every name exists, and gives a value that prints.
TEST(Conformance, Section61TypeFunctions) {
  const std::vector<std::pair<const char*, const char*>> names = {{"String", "a"},
                                                                  {"UUID", "00000000-0000-0000-0000-000000000000"},
                                                                  {"Boolean", "true"},
                                                                  {"Int", "1"},
                                                                  {"Integer", "1"},
                                                                  {"Int8", "1"},
                                                                  {"Int16", "1"},
                                                                  {"Int32", "1"},
                                                                  {"Int64", "1"},
                                                                  {"Int128", "1"},
                                                                  {"Int256", "1"},
                                                                  {"UInt8", "1"},
                                                                  {"UInt16", "1"},
                                                                  {"UInt32", "1"},
                                                                  {"UInt64", "1"},
                                                                  {"UInt128", "1"},
                                                                  {"UInt256", "1"},
                                                                  {"Float32", "1"},
                                                                  {"Float64", "1"},
                                                                  {"Decimal", "1"},
                                                                  {"Decimal32", "1"},
                                                                  {"Decimal64", "1"},
                                                                  {"Decimal128", "1"},
                                                                  {"Decimal256", "1"},
                                                                  {"Date", "2024-01-01"},
                                                                  {"DateTime", "2024-01-01 00:00:00"},
                                                                  {"DateTime64", "2024-01-01 00:00:00.5"},
                                                                  {"Array", "a"},
                                                                  {"JSON", "{}"},
                                                                  {"column", "a"},
                                                                  {"columns", "a"}};
  for (const auto& [name, value] : names) {
    EXPECT_FALSE(render(std::string("{{") + name + "(p)}}", {{"p", {value}}}).empty()) << name;
    EXPECT_EQ(Template::compile(std::string("%{{") + name + "(p)}}")->parameters().at(0).type, name);
  }
  all(std::vector<Wrong>{{"6.1 case counts", "{{ int32(x) }}", "unknown function 'int32'", "did you mean 'Int32'?"},
                         {"6.1 case counts", "{{ bool(x) }}", "unknown function 'bool'", ""},
                         {"6.1 no such width", "{{ Int24(x) }}", "unknown function 'Int24'", "did you mean 'Int"}});
}

TEST(Conformance, Section62Arguments) {
  all(std::vector<Printed>{
      {"6.2 first: a name", "{{Int8(n)}}", {{"n", {"1"}}}, "1"},
      {"6.2 first: a variable", "{% set v = '5' %}{{Int8(v)}}{% for i in ['6'] %}{{Int8(i)}}{% end %}", {}, "56"},
      {"6.2 first: a call", "{{Int8(String(n))}}", {{"n", {"1"}}}, "1"},
      {"6.2 second: default", "{{Int8(n, 3)}}", {}, "3"},
      {"6.2 default=", "{{Int8(n, default=3)}}", {}, "3"},
      {"6.2 description=", "{{Int8(n, 3, description = \"x, y\")}}", {}, "3"},
      {"6.2 required= in every spelling",
       "{{Int8(n, 1, required=True)}}{{Int8(n, 2, required=False)}}{{Int8(n, 3, required=true)}}{{Int8(n, 4, "
       "required=false)}}{{Int8(n, 5, required=1)}}{{Int8(n, 6, required=0)}}",
       {},
       "123456"},
      {"6.2 example= and format=",
       "{{Date(d, '2024-01-01', example='2024-02-01', format='date')}}",
       {},
       "toDate('2024-01-01')"},
      {"6.2 enum= allows",
       "{{String(u, enum=['day', 'week'])}} {{Int8(n, enum=[1, 2])}}",
       {{"u", {"week"}}, {"n", {"2"}}},
       "'week' 2"},
      {"6.2 enum= of an Array", "{{Array(u, enum=['a', 'b'])}}", {{"u", {"b,a"}}}, "['b','a']"},
      {"6.2 enum= compares by type",
       "{{Int8(n, enum=['1', '2'])}} {{Date(d, enum=['20240101'])}}",
       {{"n", {"02"}}, {"d", {"2024-01-01"}}},
       "2 toDate('2024-01-01')"},
      {"6.2 enum= of column",
       "{{column(c, 'x', enum=['a', 'b'])}}{{column(e, 'x', enum=['a', 'b'])}}",
       {{"c", {"a"}}},
       "`a``x`"},
      {"6.2 enum= does not ask the default", "{{String(u, 'none', enum=['day'])}}", {}, "'none'"},
      {"6.2 defined=False",
       "{{sql_and(a__in=Array(a, 'Int8', defined=False), b__gt=Int8(b, defined=false))}}",
       {},
       "1"},
      {"6.2 any order", "{{Int8(n, description='x', required=False, 5)}}", {}, "5"},
      {"6.2 a text as default of a number", "{{Int32(limit, '10')}}", {}, "10"},
      {"6.2 a variable as default", "{% set d = 4 %}{{Int8(n, d)}}", {}, "4"},
  });
  all(std::vector<Refused>{
      {"6.2 enum=",
       "{{String(u, 'day', enum=['day', 'week'])}}",
       {{"u", {"year"}}},
       Kind::invalid_value,
       "Error validating parameter 'u': 'year' is not one of the allowed values: 'day', 'week'"},
      {"6.2 enum=",
       "{{Int8(n, enum=[1, 2])}}",
       {{"n", {"3"}}},
       Kind::invalid_value,
       "'3' is not one of the allowed values: '1', '2'"},
      {"6.2 enum= of an Array",
       "{{Array(u, enum=['a', 'b'])}}",
       {{"u", {"a,c"}}},
       Kind::invalid_value,
       "'c' is not one of the allowed values: 'a', 'b'"},
      {"6.2 enum= of column",
       "{{column(c, 'a', enum=['a', 'b'])}}",
       {{"c", {"password"}}},
       Kind::invalid_value,
       "'password' is not one of the allowed values: 'a', 'b'"},
      {"6.2 enum= of columns",
       "{{columns(c, enum=['a', 'b'])}}",
       {{"c", {"a,password"}}},
       Kind::invalid_value,
       "'password' is not one of"},
      {"6.2 enum= and case",
       "{{String(u, enum=['day'])}}",
       {{"u", {"Day"}}},
       Kind::invalid_value,
       "allowed values: 'day'"},
      {"6.2 enum= and the type", "{{Int8(n, enum=[1])}}", {{"n", {"x"}}}, Kind::invalid_value, "not a valid Int8"},
      {"6.2 the default is converted", "{{Int8(n, 'x')}}", {}, Kind::invalid_value, "not a valid Int8"},
  });
  all(std::vector<Wrong>{
      {"6.2 a default cannot be an SQL function", "{{Date(d, today())}}", "unknown function 'today'",
       "outside the tag"},
      {"6.2 first argument a number", "{{Float32(1682892000.0)}}", "takes the name of a parameter, not a constant", ""},
      {"6.2 first argument in quotes", "{{String('x')}}", "takes the name of a parameter",
       "write the name without quotes"},
      {"6.2 unknown keyword", "{{String(x, defualt='a')}}", "String() has no argument 'defualt='",
       "did you mean 'default'?"},
      {"6.2 unknown keyword", "{{String(x, requird=True)}}", "has no argument 'requird='", "did you mean 'required'?"},
      {"6.2 too many", "{{String(x, 'a', 'b')}}", "String() takes 1 to 2 arguments, 3 given", ""},
      {"6.2 enum= of nothing", "{{String(x, enum=[])}}", "enum= takes a list of constants", ""},
      {"6.2 enum= not a list", "{{String(x, enum='a')}}", "enum= takes a list of constants", ""},
      {"6.2 enum= not constant", "{{String(x, enum=[y])}}", "enum= takes a list of constants", ""},
      {"6.2 enum= of another type", "{{Int8(x, enum=['a'])}}", "'a' in enum= is not a valid Int8", ""},
  });
  EXPECT_EQ(Template::compile("%{{String(x, 'c', enum=['a','b'])}}")->warnings().at(0).message,
            "the default is not one of the values in enum=");
  EXPECT_EQ(Template::compile("%{{String(x, description=y)}}")->warnings().at(0).message,
            "description= is not a quoted text, so the documentation shows none");
  // A deployment's stand-ins are no one's values.
  EXPECT_EQ(Template::compile("%{{String(x, enum=['a'])}}")->render({.stand_ins = StandIns::all_defined})->sql,
            "'__no_value__'");
  std::string many = "{{Int16(n, enum=[0";
  for (int i = 1; i < 30; ++i) many += "," + std::to_string(i);
  EXPECT_NE(failure(many + "])}}", {{"n", {"99"}}}).message.find("'19' … (30 in all)"), std::string::npos);
}

TEST(Conformance, Section63ValidationAndText) {
  all(std::vector<Printed>{
      {"6.3 String", "{{String(x)}}", {{"x", {"it's"}}}, "'it\\'s'"},
      {"6.3 UUID",
       "{{UUID(x)}}",
       {{"x", {"123e4567-e89b-12d3-a456-426614174000"}}},
       "'123e4567-e89b-12d3-a456-426614174000'"},
      {"6.3 integers", "{{Int8(x)}} {{Int64(x)}} {{UInt8(y)}}", {{"x", {"-5"}}, {"y", {"+7"}}}, "(-5) (-5) 7"},
      {"6.3 wide integers",
       "{{Int128(x)}} {{UInt256(y)}}",
       {{"x", {"-5"}}, {"y", {"7"}}},
       "toInt128('-5') toUInt256('7')"},
      {"6.3 floats", "{{Float32(x)}} {{Float64(y)}}", {{"x", {"0.1"}}, {"y", {"1e-7"}}}, "0.1 1e-07"},
      {"6.3 decimals", "{{Decimal(x)}}", {{"x", {"1.50"}}}, "toDecimal64('1.50', 2)"},
      {"6.3 Boolean",
       "{{Boolean(a)}}{{Boolean(b)}}{{Boolean(c)}}{{Boolean(d)}}",
       {{"a", {"TRUE"}}, {"b", {"False"}}, {"c", {"1"}}, {"d", {"0"}}},
       "true false true false"},
      {"6.3 Date",
       "{{Date(a)}} {{Date(b)}}",
       {{"a", {"2024-01-31"}}, {"b", {"20240131"}}},
       "toDate('2024-01-31') toDate('2024-01-31')"},
      {"6.3 DateTime", "{{DateTime(a)}}", {{"a", {"2024-01-31 10:00:00"}}}, "toDateTime('2024-01-31 10:00:00')"},
      {"6.3 DateTime of ISO text, in UTC",
       "{{DateTime(a)}} {{DateTime(b)}}",
       {{"a", {"2024-01-31T10:00:00Z"}}, {"b", {"2024-01-31T10:00:00+02:00"}}},
       "toDateTime('2024-01-31 10:00:00') toDateTime('2024-01-31 08:00:00')"},
      {"6.3 DateTime64",
       "{{DateTime64(a)}} {{DateTime64(b)}}",
       {{"a", {"2024-01-31 10:00:00.5"}}, {"b", {"2024-01-31 10:00:00.123456"}}},
       "toDateTime64('2024-01-31 10:00:00.5', 3) toDateTime64('2024-01-31 10:00:00.123456', 6)"},
      {"6.3 Array", "{{Array(a, 'String')}} {{Array(b, 'Int8')}}", {{"a", {"x,y"}}, {"b", {"1,2"}}}, "['x','y'] [1,2]"},
      {"6.3 JSON", "{{JSON(a)}}", {{"a", {"[1, 2]"}}}, "'[1,2]'"},
  });
  // Invalid: the message names the value, the type and what is expected.
  const std::vector<std::tuple<const char*, const char*, const char*>> invalid = {
      {"UUID", "x", "a UUID such as"},
      {"Int8", "128", "an integer from -128 to 127"},
      {"UInt8", "-1", "an integer from 0 to 255"},
      {"Int32", "1.5", "an integer from -2147483648 to 2147483647"},
      {"Int32", "", "an integer from"},
      {"Int256", "x", "an integer from -5789"},
      {"Float64", "nan", "a finite decimal number"},
      {"Float32", "inf", "a finite decimal number"},
      {"Decimal", "1e5", "digits with an optional point"},
      {"Boolean", "yes", "true, false, 1 or 0"},
      {"Date", "31/01/2024", "YYYY-MM-DD or YYYYMMDD"},
      {"Date", "", "YYYY-MM-DD"},
      {"DateTime", "2024-01-31", "YYYY-MM-DD HH:MM:SS"},
      {"DateTime64", "x", "YYYY-MM-DD HH:MM:SS[.fff]"},
      {"JSON", "{", "not a valid JSON"},
  };
  for (const auto& [type, value, expected] : invalid) {
    const auto error = failure(std::string("{{") + type + "(p)}}", {{"p", {value}}});
    EXPECT_EQ(error.kind, Kind::invalid_value) << type << " " << value;
    EXPECT_TRUE(error.message.starts_with(std::string("Error validating parameter 'p': '") + value +
                                          "' is not a valid " + type))
        << error.message;
    EXPECT_NE(error.message.find(expected), std::string::npos) << error.message;
  }
}

TEST(Conformance, Section64MissingValues) {
  all(std::vector<Printed>{
      {"6.4 default", "{{Int8(n, 3)}}", {}, "3"},
      {"6.4 default and required=True", "{{String(n, 'd', required=True)}}", {}, "'d'"},
      {"6.4 defined=False", "a{{String(n, defined=False)}}", {}, "a NULL"},
      {"6.4 a branch not taken", "{% if defined(n) %}{{Int8(n, required=True)}}{% end %}1", {}, "1"},
  });
  all(std::vector<Refused>{
      {"6.4 no default", "{{Int8(n)}}", {}, Kind::missing_parameter, "parameters n."},
      {"6.4 required=True", "{{Int8(n, required=True)}}", {}, Kind::missing_parameter, "parameters n."},
      {"6.4 required=False", "{{Int8(n, required=False)}}", {}, Kind::missing_parameter, "parameters n."},
  });
}

TEST(Conformance, Section65Array) {
  all(std::vector<Printed>{
      {"6.5 of texts", "{{Array(x)}}", {{"x", {"1,a"}}}, "['1','a']"},
      {"6.5 of a named type", "{{Array(x, 'Int32')}}{{Array(x, Int32)}}", {{"x", {"1,2"}}}, "[1,2][1,2]"},
      {"6.5 second is the default",
       "{{Array(colors, 'black')}}{{Array(colors, 'a,b')}}{{Array(colors, ['c'])}}",
       {},
       "['black']['a','b']['c']"},
      {"6.5 third is the default",
       "{{Array(x, 'Int32', '1,666')}}{{Array(x, 'String', ['a','b'])}}",
       {},
       "[1,666]['a','b']"},
      {"6.5 default=", "{{Array(x, 'Int32', default='1,666')}}{{Array(x, default='q')}}", {}, "[1,666]['q']"},
      {"6.5 a list variable", "{% set v = [1, 2.5] %}{{Array(v, 'Float32')}}", {}, "[1.0,2.5]"},
      {"6.5 blanks around numbers", "{{Array(x, 'Int8')}}", {{"x", {" 1 , 2"}}}, "[1,2]"},
      {"6.5 blanks around texts", "{{Array(x)}}", {{"x", {" a , b"}}}, "[' a ',' b']"},
      {"6.5 empty text", "{{Array(x)}}{{Array(x, 'Int8')}}", {{"x", {""}}}, "[''][]"},
      {"6.5 one element", "{{Array(x)}}", {{"x", {"a"}}}, "['a']"},
  });
  all(std::vector<Refused>{
      {"6.5 an element that is none",
       "{{Array(x, 'Int8')}}",
       {{"x", {"1,b"}}},
       Kind::invalid_value,
       "'b' is not a valid Int8"},
      {"6.5 an empty element",
       "{{Array(x, 'Int8')}}",
       {{"x", {"1,,2"}}},
       Kind::invalid_value,
       "'' is not a valid Int8"},
      {"6.5 missing", "{{Array(x, 'Int8')}}", {}, Kind::missing_parameter, "parameters x."},
  });
  all(std::vector<Wrong>{{"6.5 an unknown type", "{{Array(x, 'Int23', '1')}}",
                          "the second of three arguments is not a type", "did you mean 'Int32'?"}});
}

TEST(Conformance, Section66Json) {
  const Arguments sent = {{"filters", {R"([{"operand":"a.b","values":["x","y"],"n":1,"f":1.5,"t":true,"z":null}])"}}};
  all(std::vector<Printed>{
      {"6.6 loop, get, split",
       "{% for item in JSON(filters, '[]') %}{{item.get('operand', '').split('.')[1]}} {{item.get('values', [])}} "
       "{{item.get('none', 'd')}}{% end %}",
       sent, "'b' ['x','y'] 'd'"},
      {"6.6 kinds",
       "{% for i in JSON(filters) %}{{i.get('n') + 1}} {{i.get('f')}} {{i.get('t')}} {{i.get('z')}}{% end %}", sent,
       "2 1.5 true NULL"},
      {"6.6 default", "{% for item in JSON(filters, '[]') %}x{% end %}.", {}, "."},
      {"6.6 printed", "{{JSON(filters, '{\"a\": [1]}')}}", {}, "'{\"a\":[1]}'"},
  });
  all(std::vector<Refused>{
      {"6.6 bad JSON", "{{JSON(f)}}", {{"f", {"{bad"}}}, Kind::invalid_value, "not a valid JSON"}});
}

TEST(Conformance, Section7Functions) {
  all(std::vector<Printed>{
      {"7.1 defined, empty text",
       " SELECT 1 {% if defined(city) %} , 'yes' {% end %}",
       {{"city", {""}}},
       " SELECT 1  , 'yes' "},
      {"7.1 defined and not empty", "{% if defined(x) and x != '' %}y{% else %}n{% end %}", {{"x", {""}}}, "n"},
      {"7.1 defined by set", "{% set x = None %}{{defined(x)}}", {}, "true"},
      {"7.2 column", "ORDER BY {{column(by, 'ts')}}", {{"by", {"price"}}}, "ORDER BY `price`"},
      {"7.2 column's default", "ORDER BY {{column(by, 'ts')}}", {}, "ORDER BY `ts`"},
      {"7.2 column of a call", "{{column(String(f, 'a'))}}", {}, "`a`"},
      {"7.2 column with dots", "{{column(by)}}", {{"by", {"t.a.b"}}}, "`t`.`a`.`b`"},
      {"7.3 columns", "{% set c = 'a,b' %}SELECT {{columns(c)}}", {}, "SELECT `a`,`b`"},
      {"7.3 columns of a parameter, blanks",
       "{{columns(c)}} {{columns(d, 'x, y')}} {{columns('p')}}",
       {{"c", {" a , b"}}},
       "`a`,`b` `x`,`y` `p`"},
      {"7.4 symbol", "{{symbol('a' + '_sum')}}", {}, "`a_sum`"},
      {"7.5 seconds, absolute", "{{date_diff_in_seconds('2024-01-01 00:00:10', '2024-01-01 00:00:00')}}", {}, "10"},
      {"7.5 minutes, hours, days",
       "{{date_diff_in_minutes(a, b)}} {{date_diff_in_hours(a, b)}} {{date_diff_in_days(a, b)}}",
       {{"a", {"2024-01-01 00:00:00"}}, {"b", {"2024-01-02 06:30:00"}}},
       "1830 30 1"},
      {"7.5 whole units, truncated",
       "{{date_diff_in_hours('2024-01-01 00:00:00', '2024-01-01 23:59:59') < 24}}",
       {},
       "true"},
      {"7.5 the page's example",
       "{% if date_diff_in_hours(f, t) > 5 %} hourly {% end %}",
       {{"f", {"2024-01-01 00:00:00"}}, {"t", {"2024-01-01 06:30:00"}}},
       " hourly "},
      {"7.5 date_format", "{{date_diff_in_days('01/02/2024', '03/02/2024', '%d/%m/%Y')}}", {}, "2"},
      {"7.5 backup_date_format",
       "{{date_diff_in_days('2024-02-01', '2024-02-03 00:00:00', date_format='%Y-%m-%d %H:%M:%S', "
       "backup_date_format='%Y-%m-%d')}}",
       {},
       "2"},
      {"7.5 none_if_error", "{{date_diff_in_days('x', '2024-02-03', none_if_error=True)}}", {}, "NULL"},
      {"7.5 day_diff",
       "{{day_diff('2024-01-01', '2024-01-01')}} {{day_diff(Date(a), Date(b))}}",
       {{"a", {"2024-01-05"}}, {"b", {"2024-01-01"}}},
       "0 4"},
      {"7.6 split_to_array", "{{split_to_array(m, separator='|')}}", {{"m", {"a|b"}}}, "['a','b']"},
      {"7.6 empty, default, of a call",
       "{{split_to_array(m)}} {{split_to_array(n, 'p,q')}} {{split_to_array(String(o, ''))}}",
       {{"m", {""}}},
       "[''] ['p','q'] ['']"},
      {"7.7 enumerate_with_last",
       "{% for last, c in enumerate_with_last(split_to_array('x,y')) %} sum({{symbol(c)}}) {% if not last %}, {% end "
       "%}{% end %}",
       {},
       " sum(`x`) ,  sum(`y`) "},
      {"7.8 sql_and",
       "WHERE {{sql_and(a__in=Array(a, 'Int32', defined=False), b__not_in=Array(b, 'String', defined=False))}}",
       {{"a", {"1,2"}}},
       "WHERE a IN [1,2]"},
      {"7.8 every operator",
       "{{sql_and(a__in=[1], b__not_in=[2], c__gt=3, d__lt=4, e__gte=5, f__lte=6)}}",
       {},
       "a IN [1] AND b NOT IN [2] AND c > 3 AND d < 4 AND e >= 5 AND f <= 6"},
      {"7.8 nothing left", "WHERE {{sql_and(a__in=Array(a, 'Int32', defined=False))}}", {}, "WHERE 1"},
      {"7.11 len", "{{len('abc')}} {{len([1,2])}} {{len(Array(a))}}", {{"a", {"x,y,z"}}}, "3 2 3"},
      {"7.11 range", "{% for i in range(3) %}{{i}}{% end %}", {}, "012"},
  });
  all(std::vector<Refused>{
      {"7.2 absent, no default", "{{column(by)}}", {}, Kind::missing_parameter, "parameters by."},
      {"7.2 no identifier",
       "{{column(by)}}",
       {{"by", {"price DESC"}}},
       Kind::invalid_value,
       "'price DESC' is not a valid name for column(): letters, digits, '_' and '.' are expected, with no digit first"},
      {"7.3 empty list", "{{columns(c)}}", {{"c", {""}}}, Kind::invalid_value, "'' is not a valid name for columns()"},
      {"7.4 no identifier",
       "{{symbol(c)}}",
       {{"c", {"a b"}}},
       Kind::invalid_value,
       "'a b' is not a valid name for symbol()"},
      {"7.5 no date",
       "{{date_diff_in_days('x', '2024-02-03')}}",
       {},
       Kind::invalid_value,
       "'x' is not a date for date_diff_in_days()"},
      {"7.5 undefined", "{{date_diff_in_days(a, '2024-02-03')}}", {}, Kind::missing_parameter, "parameters a."},
      {"7.11 range has a limit", "{{range(10001)}}", {}, Kind::limit, "10000"},
  });
  all(std::vector<Wrong>{
      {"7.1 in quotes", "{{defined('x')}}", "defined() takes the name of a parameter, without quotes", ""},
      {"7.1 two arguments", "{{defined(x, y)}}", "defined() takes 1 argument, 2 given", ""},
      {"7.8 no operator", "{{sql_and(a=1)}}", "'a' is not a column and an operator", "column__in="},
      {"7.8 unknown operator", "{{sql_and(a__like='x')}}", "is not a column and an operator", "column__gte="},
      {"7.10 a computed name", "{{tb_secret(String(n))}}", "takes the name of a secret as a quoted text", ""},
      {"7.10 tb_var", "{{tb_var('x')}}", "unknown function 'tb_var'", ""},
      {"7.11 int", "{{int(x)}}", "unknown function 'int'", "did you mean 'Int'?"},
      {"7.11 str, min, max, enumerate", "{{enumerate(x)}}", "unknown function 'enumerate'", ""},
  });
}

TEST(Conformance, Section710Secrets) {
  const std::function<std::optional<std::string>(std::string_view)> secrets = [](std::string_view name) {
    return name == "pw" ? std::optional<std::string>("a'b") : std::nullopt;
  };
  const RenderInput deployed{.secret = &secrets};
  EXPECT_EQ(Template::compile("%postgresql('h', 'd', 't', {{tb_secret('pw')}})")->render(deployed)->sql,
            "postgresql('h', 'd', 't', 'a\\'b')");
  EXPECT_EQ(Template::compile("%{{tb_secret('none', 'dev')}}")->render(deployed)->sql, "'dev'") << "a default is used";
  EXPECT_NE(
      Template::compile("%{{tb_secret('none')}}")->render(deployed).error().message.find("secret 'none' is not set"),
      std::string::npos);
  // 12: whoever writes the template in a request reads no secret, with or without a default.
  for (const auto* text : {"%{{tb_secret('pw')}}", "%{{tb_secret('pw', 'dev')}}"}) {
    const auto made = Template::compile_query(text)->render({.from_request = true});
    ASSERT_FALSE(made);
    EXPECT_NE(
        made.error().message.find("tb_secret() is not available here: only pipes that were deployed read secrets"),
        std::string::npos);
  }
}

TEST(Conformance, Section712SettingsAndCache) {
  const auto made = Template::compile(
      "%{{max_threads(4)}}SELECT 1{{backend_hint('x')}}{{cache_ttl('5m')}}{{activate('a')}}{{disable('b')}}");
  ASSERT_TRUE(made);
  const auto rendered = made->render({});
  EXPECT_EQ(rendered->sql, "SELECT 1");
  EXPECT_EQ(rendered->settings, (std::vector<std::pair<std::string, std::string>>{{"max_threads", "4"}}));
  ASSERT_EQ(made->warnings().size(), 4U);
  EXPECT_EQ(made->warnings()[0].message, "backend_hint() has no effect here");
  EXPECT_EQ(made->warnings()[3].message, "disable() has no effect here");
  for (const auto* bad : {"{{max_threads(0)}}", "{{max_threads(65)}}", "{{max_threads('4')}}"})
    EXPECT_NE(failure(bad).message.find("an integer from 1 to 64"), std::string::npos) << bad;
}

TEST(Conformance, Section81MissingParameter) {
  const auto text = [](const char* list) {
    return std::string("Template Syntax Error: Required parameter is not defined. Check the parameters ") + list +
           ". Please provide a value or set a default value in the pipe code.";
  };
  EXPECT_EQ(failure("{{String(a)}}").message, text("a"));
  EXPECT_EQ(failure("{{String(a)}}{{String(b)}}", {{"a", {"1"}}}).message, text("a and b"));
  EXPECT_EQ(failure("{{String(a)}}{{String(b)}}{{String(c)}}", {{"a", {"1"}}, {"b", {"1"}}}).message,
            text("a, b and c"));
  EXPECT_EQ(failure("{{String(a)}}{{String(o, 'x')}}{{String(b)}}", {{"a", {"1"}}}).message, text("a and b"))
      << "o has a default";
  EXPECT_EQ(failure("{{String(a)}}{{String(b)}}").message, text("a")) << "b is not reached";
  EXPECT_EQ(failure("{{String(a)}}").status, 400);
}

TEST(Conformance, Section83And84Raised) {
  const auto error = failure("{% if not defined(u) %}{{ error('u is required') }}{% end %} SELECT 1");
  EXPECT_EQ(error.kind, Kind::raised);
  EXPECT_EQ(error.status, 400);
  EXPECT_EQ(error.message, "u is required") << "exactly, with no prefix";
  EXPECT_FALSE(error.body_json);
  const auto custom = failure("{{ custom_error({'code': 7, 'error': 'no access'}, 403) }}");
  EXPECT_EQ(custom.status, 403);
  EXPECT_EQ(custom.body_json, R"({"code":7,"error":"no access"})");
  EXPECT_EQ(failure("{{ custom_error({'error': 'x'}) }}").status, 400);
  EXPECT_EQ(failure("{{ error('a ' + String(p)) }}", {{"p", {"it's"}}}).message, "a it's");
}

TEST(Conformance, Section85Others) {
  all(std::vector<Refused>{
      {"8.5 operand types",
       "{{'a' + 1}}",
       {},
       Kind::refused,
       "Template Syntax Error: line 1, column 8: '+' between a text and a number"},
      {"8.5 not a list", "{% for a in 5 %}{% end %}", {}, Kind::refused, "cannot be looped over"},
      {"8.5 index", "{{x.split('.')[1]}}", {{"x", {"a"}}}, Kind::refused, "index out of range"},
  });
  all(std::vector<Wrong>{{"8.5 static", "{{ Strin(x) }}", "unknown function 'Strin'", "did you mean 'String'?"},
                         {"8.5 static", "{{ day_diff(x) }}", "day_diff() takes 2 arguments, 1 given", ""}});
}

// Section 10: what documentation shows.
std::vector<Parameter> parameters(std::string_view text) {
  const auto compiled = Template::compile("%" + std::string(text));
  EXPECT_TRUE(compiled) << text << ": " << compiled.error().message;
  return compiled ? compiled->parameters() : std::vector<Parameter>();
}
std::string names(std::string_view text) {
  std::string list;
  for (const auto& one : parameters(text)) list += (list.empty() ? "" : " ") + one.name + ":" + one.type;
  return list;
}

TEST(Conformance, Section10WhatIsFound) {
  const std::vector<std::tuple<const char*, const char*, const char*>> rows = {
      {"behind a condition", "{% if defined(a) %}{{Int8(b)}}{% else %}{{Date(c)}}{% end %}", "a:String b:Int8 c:Date"},
      {"never executed", "{% if False %}{{Int8(b)}}{% end %}", "b:Int8"},
      {"in a condition", "{% if String(a) == 'x' and Int8(b, 1) > 0 %}{% end %}", "a:String b:Int8"},
      {"in set", "{% set h = UInt16(p) %}{{h}}", "p:UInt16"},
      {"in the head of a loop", "{% for i in Array(l, 'Int8') %}{{i}}{% end %}", "l:Array"},
      {"nested", "{{column(String(o, 'a'))}} {{Int8(len(Array(q)))}}", "o:String q:Array"},
      {"as a default", "{{Int8(a, Int16(b, 1))}}", "b:Int16 a:Int8"},
      {"set variables are none", "{% set s = 1 %}{{Int8(s)}} {{s}} {{defined(s)}}", ""},
      {"loop variables are none", "{% for i in [1] %}{{Int8(i)}}{% end %}", ""},
      {"error is none", "{{error('x')}}{{custom_error({'a': 1})}}", ""},
      {"what error names is", "{{error('no ' + String(x))}}", "x:String"},
      {"bare names", "{{a}} {% if b %}{% end %} {% if c == 'x' %}{% end %} {% for i in d %}{% end %}",
       "a:String b:String c:String d:String"},
      {"defined", "{% if defined(a) %}{% end %}", "a:String"},
      {"date functions", "{{day_diff(a, b)}} {{date_diff_in_hours(Date(c), d)}}", "a:String b:String c:Date d:String"},
      {"sql_and", "{{sql_and(x__in=Array(a, 'Int8', defined=False))}}", "a:Array"},
      {"split_to_array, symbol, columns", "{{split_to_array(a)}}{{symbol(b)}}{{columns(c)}}",
       "a:String b:String c:columns"},
      {"a bare name before a call", "{% if defined(n) %}{{Int32(n)}}{% end %}", "n:Int32"},
      {"a bare name after a call", "{{Int32(n, 1)}}{% if defined(n) %}{% end %}", "n:Int32"},
      {"types by their bare names are none", "{{Array(a, Int32)}}", "a:Array"},
      {"true and false are none", "{{Boolean(a, false, required=true)}}", "a:Boolean"},
      {"the type of the last call", "{{String(a)}}{{Int8(a)}}", "a:Int8"},
  };
  for (const auto& [what, text, expected] : rows) EXPECT_EQ(names(text), expected) << "10 " << what << ": " << text;
}

TEST(Conformance, Section10Fields) {
  const auto one = parameters(
                       "{{Date(d, '2024-01-01', description='The day', required=True, example='2024-02-01', "
                       "format='date', enum=['2024-01-01', '2024-02-01'])}}")
                       .at(0);
  EXPECT_EQ(one.name, "d");
  EXPECT_EQ(one.type, "Date");
  EXPECT_EQ(one.default_json, "\"2024-01-01\"");
  EXPECT_EQ(one.description, "The day");
  EXPECT_TRUE(one.required);
  EXPECT_EQ(one.example_json, "\"2024-02-01\"");
  EXPECT_EQ(one.format, "date");
  EXPECT_EQ(one.enum_values, (std::vector<std::string>{"2024-01-01", "2024-02-01"}));
}

TEST(Conformance, Section10Merging) {
  struct Row {
    const char* text;
    bool required;
    std::optional<std::string> default_json;
    const char* description;
  };
  // Each text as one node, and again with every tag as a node of its own: the rules are the same.
  const std::vector<Row> rows = {
      {"{{Int8(a)}}", true, std::nullopt, ""},
      {"{{Int8(a, 1)}}", false, "1", ""},
      {"{{Int8(a, 0)}}", false, "0", ""},
      {"{{Int8(a, required=False)}}", false, std::nullopt, ""},
      {"{{Int8(a, 1, required=True)}}", true, "1", ""},
      {"{{Int8(a, 1, required=True)}}|{{Int8(a, required=True)}}", false, "1", ""},
      {"{{Int8(a)}}|{{Int8(a)}}", true, std::nullopt, ""},
      {"{{Int8(a)}}|{{Int8(a, required=False)}}", false, std::nullopt, ""},
      {"{{Int8(a)}}|{{Int8(a, '')}}", false, "\"\"", ""},
      {"{{String(a, 'x', description='first')}}|{{String(a, 'y', description='second')}}", false, "\"y\"", "second"},
      {"{{String(a, 'x', description='first')}}|{{String(a, '', description='')}}", false, "\"x\"", "first"},
      {"{{Int8(a, 5)}}|{{Int8(a, 0)}}", false, "5", ""},
      {"{{Float64(a, 0.5)}}|{{Float64(a, 0.0)}}", false, "0.5", ""},
      {"{{Boolean(a, True)}}|{{Boolean(a, False)}}", false, "true", ""},
      {"{{Int8(a, 0)}}|{{Int8(a, 5)}}", false, "5", ""},
      {"{{Int8(a, 5)}}|{{Int8(a)}}", false, "5", ""},
      {"{{Int8(a, 5, description='d')}}|{% if defined(a) %}{% end %}", false, "5", "d"},
      {"{% if defined(a) %}{% end %}|{{Int8(a, 5, description='d')}}", false, "5", "d"},
      {"{{a}}|{{Int8(a, 5)}}", false, "5", ""},
      {"{{a}}|{{a}}", true, std::nullopt, ""},
      {"{% if defined(a) %}{% end %}|{% if a == 'x' %}{% end %}", false, std::nullopt, ""},
  };
  for (const auto& [text, required, default_json, description] : rows) {
    std::vector<Parameter> nodes;
    std::string whole;
    std::string_view rest = text;
    while (!rest.empty()) {
      const auto piece = rest.substr(0, rest.find('|'));
      rest.remove_prefix(std::min(rest.size(), piece.size() + 1));
      whole += piece;
      merge_parameters(nodes, parameters(piece));
    }
    for (const auto& found : {parameters(whole).at(0), nodes.at(0)}) {
      EXPECT_EQ(found.required, required) << text;
      EXPECT_EQ(found.default_json, default_json) << text;
      EXPECT_EQ(found.description, description) << text;
    }
  }
}

TEST(Conformance, Section12Limits) {
  all(std::vector<Refused>{
      {"12 loop steps",
       "{% for i in range(101) %}{% for j in range(100) %}{% end %}{% end %}",
       {},
       Kind::limit,
       "more than 10000 loop steps"},
      {"12 integers",
       "{{115792089237316195423570985008687907853269984665640564039457584007913129639935 + 1}}",
       {},
       Kind::refused,
       "beyond 256 bits"},
      {"12 no repetition", "{{'a' * 1000}}", {}, Kind::refused, "'*' between"},
  });
  EXPECT_NE(failure("{% for i in range(10000) %}" + std::string(200, 'x') + "{% end %}")
                .message.find("longer than 1048576 bytes"),
            std::string::npos);
  std::string deep;
  for (int i = 0; i < 101; ++i) deep += "len(";
  EXPECT_NE(syntax("{{" + deep + "x" + std::string(101, ')') + "}}").message.find("at most 100 levels"),
            std::string::npos);
}

TEST(Conformance, Section13Examples) {
  all(std::vector<Printed>{
      {"13.1", "SELECT {{Int32(n, 10)}}", {{"n", {"3"}}}, "SELECT 3"},
      {"13.2", "SELECT {{Int32(n, '10')}}", {}, "SELECT 10"},
      {"13.4", "SELECT {{String(s)}}", {{"s", {"O'Neil\\"}}}, "SELECT 'O\\'Neil\\\\'"},
      {"13.5", "SELECT {{s}}", {{"s", {"a"}}}, "SELECT 'a'"},
      {"13.6", "WHERE id IN {{Array(ids, 'Int32')}}", {{"ids", {"1,2"}}}, "WHERE id IN [1,2]"},
      {"13.7", "WHERE c IN {{Array(c, 'red')}}", {}, "WHERE c IN ['red']"},
      {"13.8", "LIMIT 10 OFFSET {{Int32(page, 0) * 10}}", {{"page", {"2"}}}, "LIMIT 10 OFFSET 20"},
      {"13.9", "{% if defined(a) %}1{% else %}0{% end %}", {{"a", {""}}}, "1"},
      {"13.10", "{% set a = 'z' %}{{a}} {{defined(a)}}", {}, "'z' true"},
      {"13.11", "{% if a == 1 %}n{% elif a == '1' %}t{% end %}", {{"a", {"1"}}}, "t"},
      {"13.12", "{% if Int8(a) == 1 %}n{% end %}", {{"a", {"1"}}}, "n"},
      {"13.13", "{% if Boolean(f) == 1 %}y{% end %}", {{"f", {"true"}}}, "y"},
      {"13.14",
       "{% for i in JSON(f, '[]') %}{{ i.get('k','').split('.')[1] }}{{ Array(i.get('v', []), 'String') }}{% end %}",
       {{"f", {R"([{"k":"a.b","v":["x"]}])"}}},
       "'b'['x']"},
      {"13.15", "{% if False %}{{Int32(z)}}{% end %}1", {}, "1"},
      {"13.18", "{{String(z, 'd', required=True)}}", {}, "'d'"},
      {"13.19", "{% if defined(svc) and svc != [''] %} svc IN {{Array(svc)}} {% end %}1", {{"svc", {""}}}, "1"},
      {"13.21", "{% if x %}a{% end %}{# note #}b", {{"x", {"1"}}}, "ab"},
      {"13.22",
       "{% for l, v in enumerate_with_last(['a','b']) %}{{v}}{% if not l %},{% end %}{% end %}",
       {},
       "'a','b'"},
  });
  all(std::vector<Refused>{
      {"13.3", "SELECT {{Int32(n)}}", {{"n", {"x"}}}, Kind::invalid_value, "'x' is not a valid Int32"},
      {"13.16", "{{Int32(z)}}", {}, Kind::missing_parameter, "Check the parameters z."},
      {"13.17", "{{Int32(y)}} {{Int32(z)}}", {{"y", {"1"}}}, Kind::missing_parameter, "Check the parameters y and z."},
  });
  const auto plain = Template::compile("SELECT '{{x}}'");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->render({})->sql, "SELECT '{{x}}'") << "13.20";
}

}  // namespace
}  // namespace kinglet::templates
