// SPDX-License-Identifier: Apache-2.0
// The conversion table cell by cell: type × what JSON sends → the stored value, or quarantine.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <bit>
#include <cmath>
#include <limits>

#include "rows/convert_number.h"
#include "rows/row_testing.h"

namespace kinglet::rows {
namespace {

using testing::read_all;
using testing::source_of;

/// What a value becomes: the stored text, "bad" (quarantined with a column error) or "line" (malformed).
std::string put(const std::string& type, const std::string& json, const MappingOptions& options = {}) {
  auto out = read_all(source_of({{"c", type}}), "{\"c\":" + json + "}\n", {}, options);
  EXPECT_EQ(out.fault, "") << type;
  EXPECT_EQ(out.batch.counts.successful + out.batch.counts.quarantined, 1u) << type << " " << json;
  if (out.batch.counts.malformed > 0) return "line";
  return out.batch.counts.successful == 1 ? out.rows()[0] : "bad";
}

struct Case {
  const char* type;
  const char* json;
  const char* result;
};
void check(std::initializer_list<Case> cases, const MappingOptions& options = {}) {
  for (const Case& c : cases) EXPECT_EQ(put(c.type, c.json, options), c.result) << c.type << " <- " << c.json;
}

TEST(ConvertTable, IntegersAreExactOrQuarantinedI4) {
  check({{"Int8", "-128", "-128"},
         {"Int8", "127", "127"},
         {"Int8", "128", "bad"},
         {"Int8", "-129", "bad"},
         {"Int8", "300", "bad"},
         {"UInt8", "255", "255"},
         {"UInt8", "256", "bad"},
         {"UInt8", "-1", "bad"},
         {"UInt8", "-0", "0"},
         {"Int16", "32767", "32767"},
         {"Int16", "32768", "bad"},
         {"UInt16", "65535", "65535"},
         {"UInt16", "65536", "bad"},
         {"Int32", "-2147483648", "-2147483648"},
         {"Int32", "2147483648", "bad"},
         {"UInt32", "4294967295", "4294967295"},
         {"UInt32", "4294967296", "bad"},
         {"Int64", "9007199254740993", "9007199254740993"},
         {"Int64", "9223372036854775807", "9223372036854775807"},
         {"Int64", "-9223372036854775808", "-9223372036854775808"},
         {"Int64", "9223372036854775808", "bad"},
         {"Int64", "-9223372036854775809", "bad"},
         {"UInt64", "18446744073709551615", "18446744073709551615"},
         {"UInt64", "18446744073709551616", "bad"},
         {"UInt64", "-1", "bad"},
         {"Int8", "1.0", "1"},
         {"Int8", "1e2", "100"},
         {"Int8", "1e3", "bad"},
         {"Int8", "1.7", "bad"},
         {"Int8", "100e-2", "1"},
         {"Int8", "1e-1", "bad"},
         {"Int64", "1e400", "bad"},
         {"Int64", "0e99999999999", "0"},
         {"Int64", "1e-99999999999", "bad"},
         {"UInt64", "1.8446744073709551615e19", "18446744073709551615"},
         {"UInt64", "123456789012345678901234567890", "bad"},
         {"Int32", "00012", "line"},
         {"Int32", "NaN", "line"},
         {"Int32", "Infinity", "line"},
         {"Int32", "-Infinity", "line"},
         {"Int32", "+1", "line"},
         {"Int32", "0x10", "line"},
         {"Int32", "1.", "line"},
         {"Int32", ".5", "line"},
         {"Int32", "1e", "line"},
         {"Int32", "-", "line"},
         {"Int32", "\"3\"", "bad"},
         {"Int16", "\"3\"", "bad"},
         {"Nullable(Int64)", "\"123\"", "bad"},
         {"Int32", "\"\"", "bad"},
         {"Int32", "true", "bad"},
         {"Int8", "true", "bad"},
         {"UInt8", "true", "1"},
         {"UInt8", "false", "0"},
         {"Int32", "[1]", "bad"},
         {"Int32", "{}", "bad"}});
}

TEST(ConvertTable, WideIntegers) {
  const std::string max128 = "170141183460469231731687303715884105727";
  const std::string max_u256 = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
  EXPECT_EQ(put("Int128", max128), "ffffffffffffffffffffffffffffff7f");
  EXPECT_EQ(put("Int128", "-170141183460469231731687303715884105728"), "00000000000000000000000000000080");
  EXPECT_EQ(put("Int128", "170141183460469231731687303715884105728"), "bad");
  EXPECT_EQ(put("UInt256", max_u256), std::string(64, 'f'));
  EXPECT_EQ(put("UInt256", "115792089237316195423570985008687907853269984665640564039457584007913129639936"), "bad");
  EXPECT_EQ(put("Int256", "-1"), std::string(64, 'f'));
  EXPECT_EQ(put("Int128", "\"1\""), "01" + std::string(30, '0')) << "bigint of the SDK comes as a string";
  EXPECT_EQ(put("UInt256", "\"x\""), "bad");
  EXPECT_EQ(put("Int128", "\"1\"", {.numeric_strings = NumericStrings::never}), "bad");
}

TEST(ConvertTable, NumericStringsModes) {
  check({{"Int64", "\"3\"", "3"}, {"Int32", "\"3\"", "bad"}, {"Int64", "\" 3\"", "bad"}},
        {.numeric_strings = NumericStrings::wide64});
  check({{"Int32", "\"3\"", "3"},
         {"Int32", "\"300000000000\"", "bad"},
         {"Int32", "\"3x\"", "bad"},
         {"Float64", "\"1.5\"", "1.5"},
         {"Float64", "\"nan\"", "bad"},
         {"Float64", "\"\"", "bad"}},
        {.numeric_strings = NumericStrings::always});
}

TEST(ConvertTable, FloatsI4) {
  check({{"Float64", "1.5", "1.5"},
         {"Float64", "1", "1"},
         {"Float64", "-0", "-0"},
         {"Float64", "1e400", "bad"},
         {"Float64", "-1e400", "bad"},
         {"Float64", "1e-400", "0"},
         {"Float64", "5e-324", "5e-324"},
         {"Float64", "0.1", "0.1"},
         {"Float64", "1.7976931348623157e308", "1.7976931348623157e+308"},
         {"Float32", "1e39", "bad"},
         {"Float32", "3.4e38", "3.4e+38"},
         {"Float32", "1e-60", "0"},
         {"Float64", "NaN", "line"},
         {"Float64", "nan", "line"},
         {"Float64", "\"nan\"", "bad"},
         {"Float64", "\"inf\"", "bad"},
         {"Float64", "\"1.5\"", "bad"},
         {"Float64", "true", "bad"},
         {"Float64", "[]", "bad"},
         {"Float64", "0.000000000000000000000000000000000000000000000000000000000000000001e66", "1"}});
}

TEST(ConvertLaws, FloatsAreTheNearestToTheirText) {
  EXPECT_TRUE(rc::check([] {
    const auto digits = [](std::size_t most) {
      std::string out;
      const auto count = *rc::gen::inRange<std::size_t>(1, most + 1);
      for (std::size_t i = 0; i < count; ++i) out += static_cast<char>('0' + *rc::gen::inRange(0, 10));
      return out;
    };
    std::string text = digits(9);
    text.erase(0, std::min(text.find_first_not_of('0'), text.size() - 1));
    if (*rc::gen::arbitrary<bool>()) text += "." + digits(9);
    if (*rc::gen::arbitrary<bool>()) text.insert(0, "-");
    engine::Type type;
    type.kind = engine::Kind::float64;
    type.width = 8;
    engine::Column doubles(type);
    type.kind = engine::Kind::float32;
    type.width = 4;
    engine::Column floats(type);
    const double expected = std::strtod(text.c_str(), nullptr);
    const float expected_float = std::strtof(text.c_str(), nullptr);
    const auto same = [&](internal::Quick quick, const engine::Column& column, const auto& value) {
      if (quick == internal::Quick::other) return;
      RC_ASSERT(std::memcmp(column.data().data(), &value, sizeof value) == 0);
    };
    same(internal::add_quickly(doubles.type(), text, doubles), doubles, expected);
    same(internal::add_quickly(floats.type(), text, floats), floats, expected_float);
    if (text.size() <= 8) RC_ASSERT(doubles.size() == 1);
  }));
  for (const char* text : {"", "-", ".5", "5.", "01", "-01", "1e5", "1.2.3", "+1", "0x1", "1 ", "nan", "00"}) {
    engine::Type type;
    type.kind = engine::Kind::float64;
    type.width = 8;
    engine::Column column(type);
    EXPECT_EQ(internal::add_quickly(type, text, column), internal::Quick::other) << text;
    type.kind = engine::Kind::int32;
    type.width = 4;
    EXPECT_EQ(internal::add_quickly(type, text, column), internal::Quick::other) << text;
  }
}

TEST(ConvertTable, DecimalsAreExactI4) {
  check({{"Decimal(9, 4)", "123.4567", "1234567"},
         {"Decimal(9, 4)", "\"123.4567\"", "1234567"},
         {"Decimal(9, 4)", "123.45679", "1234567"},
         {"Decimal(9, 4)", "-0.00009", "0"},
         {"Decimal(9, 4)", "99999.9999", "999999999"},
         {"Decimal(9, 4)", "100000", "bad"},
         {"Decimal(9, 4)", "-100000", "bad"},
         {"Decimal(18, 2)", "1e3", "100000"},
         {"Decimal(18, 2)", "1e16", "bad"},
         {"Decimal(3, 2)", "9.99", "999"},
         {"Decimal(3, 2)", "10", "bad"},
         {"Decimal(9, 4)", "\"\"", "bad"},
         {"Decimal(9, 4)", "\"1,5\"", "bad"},
         {"Decimal(9, 4)", "\"nan\"", "bad"},
         {"Decimal(9, 4)", "true", "bad"},
         {"Decimal(9, 4)", "{}", "bad"},
         {"Decimal(38, 0)", "123456789012345678901234567890", "d20a3f4eeee073c3f60fe98e01000000"},
         {"Decimal(38, 0)", "100000000000000000000000000000000000000", "bad"}});
}

TEST(ConvertTable, Booleans) {
  check({{"Bool", "true", "1"},
         {"Bool", "false", "0"},
         {"Bool", "1", "1"},
         {"Bool", "0", "0"},
         {"Bool", "2", "bad"},
         {"Bool", "-1", "bad"},
         {"Bool", "0.5", "bad"},
         {"Bool", "\"true\"", "bad"},
         {"Bool", "\"\"", "bad"},
         {"Bool", "[]", "bad"},
         {"Bool", "tru", "line"},
         {"Bool", "True", "line"}});
  check({{"UInt8", "true", "bad"}}, {.booleans_into_uint8 = false});
}

TEST(ConvertTable, StringsTakeAllButNull) {
  check({{"String", "\"a\"", "a"},
         {"String", "\"\"", ""},
         {"String", "12.50", "12.50"},
         {"String", "1e3", "1e3"},
         {"String", "true", "true"},
         {"String", "{ \"b\" : [1, 2 ] , \"a\":\"x y\", \"b\":0}", "{\"b\":[1,2],\"a\":\"x y\",\"b\":0}"},
         {"String", "[ ]", "[]"},
         {"String", "null", "bad"},
         {"String", "\"\\u00e9\\n\\/\"", "\xc3\xa9\n/"},
         {"String", "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80"},
         {"LowCardinality(String)", "5", "5"},
         {"FixedString(3)", "\"abc\"", "abc"},
         {"FixedString(3)", "\"abcd\"", "bad"},
         {"FixedString(3)", "1234", "bad"},
         {"String", "00", "line"},
         {"String", "abc", "line"}});
  EXPECT_EQ(put("FixedString(3)", "\"a\""), std::string("a\0\0", 3));
  EXPECT_EQ(put("String", "\"\\u0000\""), std::string("\0", 1)) << "I3: NUL is text";
}

TEST(ConvertTable, InvalidTextI3) {
  check({{"String", "\"\\ud800\"", "bad"},
         {"String", "\"\\udc00x\"", "bad"},
         {"String", "\"\\ud800\\ud800\"", "bad"},
         {"String", "\"\\ud800\\n\"", "bad"},
         {"String", "{\"a\":\"\\ud800\"}", "bad"},
         {"String", "\"\\x\"", "line"},
         {"String", "\"\\u12\"", "line"},
         {"String", "\"\\u12G4\"", "line"},
         {"String", "\"\xff\"", "line"},
         {"String", "\"\xed\xa0\x80\"", "line"},
         {"String", "\"a\tb\"", "line"}});
  check({{"String", "\"a\\ud800b\"",
          "a\xef\xbf\xbd"
          "b"},
         {"String", "\"a\xff\"", "a\xef\xbf\xbd"}},
        {.invalid_text = InvalidText::replace});
}

TEST(ConvertTable, IdentifiersAndMembers) {
  check({{"UUID", "\"550e8400-e29b-41d4-a716-446655440000\"",
          "d4419be200840e550000445566"
          "4416a7"},
         {"UUID", "\"550E8400E29B41D4A716446655440000\"",
          "d4419be200840e550000445566"
          "4416a7"},
         {"UUID", "\"\"", "bad"},
         {"UUID", "\"550e8400-e29b-41d4-a716-44665544000g\"", "bad"},
         {"UUID", "\"550e8400-e29b-41d4-a716-4466554400001\"", "bad"},
         {"UUID", "5", "bad"},
         {"UUID", "true", "bad"},
         {"UUID", "{}", "bad"},
         {"IPv4", "\"192.168.1.10\"", "0a01a8c0"},
         {"IPv4", "\"192.168.1\"", "bad"},
         {"IPv4", "\"::1\"", "bad"},
         {"IPv4", "\"\"", "bad"},
         {"IPv4", "1", "bad"},
         {"IPv6", "\"::1\"", "00000000000000000000000000000001"},
         {"IPv6", "\"192.168.1.10\"", "00000000000000000000ffffc0a8010a"},
         {"IPv6", "\"\"", "bad"},
         {"IPv6", "\"x\"", "bad"},
         {"Enum8('a' = 1, 'b' = 2)", "\"b\"", "2"},
         {"Enum8('a' = 1, 'b' = 2)", "2", "2"},
         {"Enum8('a' = 1, 'b' = 2)", "3", "bad"},
         {"Enum8('a' = 1, 'b' = 2)", "\"c\"", "bad"},
         {"Enum8('a' = 1, 'b' = 2)", "\"\"", "bad"},
         {"Enum8('a' = 1, 'b' = 2)", "\"2\"", "bad"},
         {"Enum16('x' = 30000)", "\"x\"", "30000"},
         {"Enum8('a' = 1)", "true", "bad"},
         {"Enum8('a' = 1)", "1.5", "bad"}});
  EXPECT_EQ(put("IPv4", "\"1.2.3.4\\u0000\""), "bad");
}

TEST(ConvertTable, DatesAndTimes) {
  check({{"Date", "\"1970-01-02\"", "1"},
         {"Date", "\"2149-06-06\"", "65535"},
         {"Date", "\"2149-06-07\"", "bad"},
         {"Date", "\"1969-12-31\"", "bad"},
         {"Date", "\"2024-02-30\"", "bad"},
         {"Date", "\"2024-02-29\"", "19782"},
         {"Date", "\"2023-02-29\"", "bad"},
         {"Date", "\"02/01/2024\"", "bad"},
         {"Date", "\"2024-01-01 00:00:00\"", "bad"},
         {"Date", "19000", "bad"},
         {"Date", "\"20240102\"", "bad"},
         {"Date", "\"\"", "bad"},
         {"Date", "\"0000-00-00\"", "bad"},
         {"Date32", "\"1900-01-01\"", "-25567"},
         {"Date32", "\"1899-12-31\"", "bad"},
         {"Date32", "\"2299-12-31\"", "120529"},
         {"Date32", "\"2300-01-01\"", "bad"},
         {"DateTime", "\"2024-03-15 14:30:00\"", "1710513000"},
         {"DateTime", "\"2024-03-15T14:30:00Z\"", "1710513000"},
         {"DateTime", "\"2024-03-15T14:30\"", "1710513000"},
         {"DateTime", "\"2024-03-15T14:30:00.999Z\"", "1710513000"},
         {"DateTime", "\"2024-03-15T15:30:00+01:00\"", "1710513000"},
         {"DateTime", "\"2024-03-15T15:30:00+0100\"", "1710513000"},
         {"DateTime", "\"2024-03-15\"", "1710460800"},
         {"DateTime", "1710513000", "1710513000"},
         {"DateTime", "4294967295", "4294967295"},
         {"DateTime", "4294967296", "bad"},
         {"DateTime", "-5", "bad"},
         {"DateTime", "1.5", "bad"},
         {"DateTime", "1704413030123", "bad"},
         {"DateTime", "\"1704413030\"", "bad"},
         {"DateTime", "\"1969-12-31 23:59:59\"", "bad"},
         {"DateTime", "\"2106-02-07 06:28:15\"", "4294967295"},
         {"DateTime", "\"2106-02-07 06:28:16\"", "bad"},
         {"DateTime", "\"2200-01-01 00:00:00\"", "bad"},
         {"DateTime", "\"0000-00-00 00:00:00\"", "bad"},
         {"DateTime", "\"2024-13-45 99:00:00\"", "bad"},
         {"DateTime", "\"\"", "bad"},
         {"DateTime", "true", "bad"},
         {"DateTime", "[]", "bad"},
         {"DateTime64(3)", "\"2024-01-15 12:30:45.123\"", "1705321845123"},
         {"DateTime64(3)", "\"2024-01-15T12:30:45.123456789Z\"", "1705321845123"},
         {"DateTime64(3)", "\"1969-12-31 23:59:59.500\"", "-500"},
         {"DateTime64(3)", "1705321845123", "1705321845123"},
         {"DateTime64(3)", "1705321845.123", "1705321845123"},
         {"DateTime64(3)", "1705321845.0", "1705321845000"},
         {"DateTime64(3)", "-0.5", "-500"},
         {"DateTime64(0)", "\"2024-01-15 12:30:45\"", "1705321845"},
         {"DateTime64(3)", "\"1899-12-31 23:59:59\"", "bad"},
         {"DateTime64(3)", "\"2299-12-31 23:59:59.999\"", "10413791999999"},
         {"DateTime64(3)", "\"2300-01-01 00:00:00\"", "bad"},
         {"DateTime64(3)", "\"2024-01-15 12:30:45.1234567890\"", "bad"},
         {"DateTime64(3)", "99999999999999999", "bad"},
         {"DateTime64(3)", "1e400", "bad"},
         {"DateTime64(9)", "\"2262-04-11 23:47:16.854775807\"", "9223372036854775807"},
         {"DateTime64(9)", "\"2262-04-11 23:47:16.854775808\"", "bad"},
         {"Time", "\"12:34:56\"", "45296"},
         {"Time", "\"-01:01:01\"", "-3661"},
         {"Time", "\"999:59:59\"", "3599999"},
         {"Time", "\"1000:00:00\"", "bad"},
         {"Time64(3)", "\"00:00:01.5\"", "1500"},
         {"Time", "5", "bad"}});
  check({{"DateTime64(3)", "1705321845", "1705321845000"}}, {.date_time64_numbers = TickNumbers::seconds});
  check({{"Date", "\"2024-02-29T10:00:00Z\"", "19782"}, {"Date", "\"29/02/2024\"", "bad"}},
        {.dates = DateTexts::lenient});
  check({{"Date", "\"29/02/2024\"", "19782"},
         {"Date", "\"2024/02/29\"", "19782"},
         {"DateTime", "\"1704413030\"", "1704413030"},
         {"DateTime64(3)", "\"1704413030123\"", "1704413030123"},
         {"DateTime", "\"Thu, 29 Feb 2024 00:00:01 GMT\"", "1709164801"},
         {"DateTime", "\"29/02/24\"", "bad"}},
        {.dates = DateTexts::best_effort});
}

TEST(ConvertTable, TimeZonesAndTheirChangesI5) {
  check({{"DateTime('Europe/Madrid')", "\"2024-01-15 12:00:00\"", "1705316400"},
         {"DateTime('Europe/Madrid')", "\"2024-07-15 12:00:00\"", "1721037600"},
         {"DateTime('Europe/Madrid')", "\"2024-07-15 12:00:00Z\"", "1721044800"},
         // Doubled hour: the earlier. Skipped hour: read with the offset before the change.
         {"DateTime('Europe/Madrid')", "\"2024-10-27 02:30:00\"", "1729989000"},
         {"DateTime('Europe/Madrid')", "\"2024-03-31 02:30:00\"", "1711848600"},
         // Behind the last change that the tz database lists.
         {"DateTime('Europe/Madrid')", "\"2057-07-16 07:00:59\"", "2762485259"},
         {"DateTime('Europe/Madrid')", "\"2057-01-16 07:00:59\"", "2746850459"},
         {"DateTime64(0, 'Australia/Lord_Howe')", "\"2276-04-21 03:07:20\"", "9665973440"},
         {"DateTime", "\"2016-12-31 23:59:60\"", "bad"},
         {"DateTime", "\"2024-01-01 24:00:00\"", "bad"},
         {"DateTime64(3, 'America/New_York')", "\"1950-01-01 00:00:00\"", "-631134000000"}});
  EXPECT_NE(read_all(source_of({{"c", "DateTime('Mars/Olympus')"}}), "").fault, "");
}

TEST(ConvertTable, Composed) {
  check({{"Array(Int8)", "[1,2,3]", "[1,2,3]"},
         {"Array(Int8)", "[]", "[]"},
         {"Array(Int8)", "[1,300]", "bad"},
         {"Array(Int8)", "[1,null]", "bad"},
         {"Array(Nullable(Int8))", "[1,null]", "[1,NULL]"},
         {"Array(Int8)", "\"[1]\"", "bad"},
         {"Array(Int8)", "1", "bad"},
         {"Array(Int8)", "{}", "bad"},
         {"Array(String)", "[{\"a\": 1}, [2], \"x\", 5]", "[{\"a\":1},[2],x,5]"},
         {"Array(Array(String))", "[[\"a\"],[],[\"b\",\"c\"]]", "[[a],[],[b,c]]"},
         {"Array(Int8)", "[1,2", "line"},
         {"Array(Int8)", "[1,]", "line"},
         {"Array(Int8)", "[1 2]", "line"},
         {"Array(Int8)", "[01]", "line"},
         {"Map(String, Int64)", "{\"a\":1,\"b\":2}", "{a:1,b:2}"},
         {"Map(String, Int64)", "{\"a\":1,\"b\":2,\"a\":3}", "{a:3,b:2}"},
         {"Map(String, Int64)", "{\"a\":\"5\"}", "bad"},
         {"Map(String, Int64)", "{\"a\":null}", "bad"},
         {"Map(String, Nullable(Int64))", "{\"a\":null}", "{a:NULL}"},
         {"Map(String, Int64)", "[]", "bad"},
         {"Map(String, Int64)", "\"{}\"", "bad"},
         {"Map(UInt8, String)", "{\"7\":\"x\"}", "{7:x}"},
         {"Map(UInt8, String)", "{\"x\":\"x\"}", "bad"},
         {"Map(LowCardinality(String), Array(UInt8))", "{\"a\":[1]}", "{a:[1]}"},
         {"Tuple(UInt8, String)", "[1,\"x\"]", "(1,x)"},
         {"Tuple(UInt8, String)", "[1]", "bad"},
         {"Tuple(UInt8, String)", "[1,\"x\",2]", "bad"},
         {"Tuple(a UInt8, b String)", "{\"b\":\"x\",\"a\":1}", "(1,x)"},
         {"Tuple(a UInt8, b String)", "{\"a\":1}", "bad"},
         {"Tuple(a UInt8, b Nullable(String))", "{\"a\":1}", "(1,NULL)"},
         {"Tuple(UInt8, String)", "{\"a\":1}", "bad"},
         {"Tuple(UInt8)", "1", "bad"},
         {"Nested(a UInt8, b String)", "[{\"a\":1,\"b\":\"x\"},{\"b\":\"y\",\"a\":2}]", "<1|x,2|y>"},
         {"Nested(a UInt8, b String)", "[{\"a\":1}]", "bad"},
         {"Nested(a UInt8, b String)", "{\"a\":1}", "bad"},
         {"SimpleAggregateFunction(sum, UInt64)", "5", "5"},
         {"Point", "[1,2]", "(1,2)"}});
}

TEST(ConvertTable, JsonColumnsTakeOnlyWhatTheEngineTakes) {
  check({{"JSON", "{ \"a\" : 1 }", "{\"a\":1}"},
         {"JSON", "{}", "{}"},
         {"JSON", "[]", "bad"},
         {"JSON", "\"{}\"", "bad"},
         {"JSON", "1", "bad"},
         {"JSON", "null", "{}"},
         {"JSON", "{\"a\":18446744073709551615}", "{\"a\":18446744073709551615}"},
         {"JSON", "{\"a\":18446744073709551616}", "bad"},
         {"JSON", "{\"a\":-9223372036854775809}", "bad"},
         {"JSON", "{\"a\":1e400}", "bad"},
         {"JSON", "{\"a\":[1,{\"b\":1e400}]}", "bad"},
         {"JSON", "{\"a\":1,\"a\":2}", "{\"a\":2}"},
         {"JSON", "{\"a.b\":1,\"a\":{\"b\":2}}", "bad"},
         {"JSON", "{\"a\":[{\"b\":1},{\"b\":2}]}", "{\"a\":[{\"b\":1},{\"b\":2}]}"},
         {"JSON", "{\"a\":\"\\ud800\"}", "bad"},
         {"JSON", "{\"a\":\"\\u0041\"}", "{\"a\":\"A\"}"},
         {"JSON(a UInt8)", "{\"a\":300}", "bad"},
         {"JSON(a UInt8)", "{\"a\":3}", "{\"a\":3}"},
         {"JSON(a.b UInt8)", "{\"a\":{\"b\":\"x\"}}", "bad"},
         // One such row would make the engine refuse the whole batch.
         {"JSON(a UInt8)", "{\"a\":{\"b\":1}}", "bad"},
         {"JSON(a.b UInt8)", "{\"a\":{\"b\":{}}}", "bad"},
         {"JSON(a.b UInt8)", "{\"a\":{\"b\":null}}", "{\"a\":{\"b\":null}}"},
         {"JSON(a Map(String, Int8))", "{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":1,\"c\":2}}"},
         {"JSON(a Map(String, Int8))", "{\"a\":{\"b\":300}}", "bad"},
         // Objects in arrays are documents of their own, without typed paths.
         {"JSON(a UInt8)", "{\"x\":[{\"a\":\"text\"}]}", "{\"x\":[{\"a\":\"text\"}]}"},
         {"Array(JSON)", "[{\"a\":1},null]", "[{\"a\":1},{}]"}});
}

TEST(ConvertTable, NullMissingAndDefaultI6) {
  const auto one = [](const char* type, const char* expression, const char* row, bool uses = true) {
    auto out = read_all(source_of({{"k", "UInt8"}, {"c", type, "", expression}}), row, {}, {.null_uses_default = uses});
    return out.batch.counts.successful == 1 ? out.rows()[0] : out.bad()[0];
  };
  EXPECT_EQ(one("Int8", "", "{\"k\":1}"), "[c];[value missing on column 'c' of type Int8];NULL;1;NULL");
  EXPECT_EQ(one("Int8", "", "{\"k\":1,\"c\":null}"),
            "[c];[null value not allowed on column 'c' of type Int8];NULL;1;NULL");
  EXPECT_EQ(one("Int8", "", "{\"k\":1,\"c\":\"3\"}"), "[c];[value '3' on column 'c' is not Int8];NULL;1;3");
  EXPECT_EQ(one("Nullable(Int8)", "", "{\"k\":1}"), "1;NULL");
  EXPECT_EQ(one("Nullable(Int8)", "", "{\"k\":1,\"c\":null}"), "1;NULL");
  EXPECT_EQ(one("Int8", "k + 1", "{\"k\":1}"), "1;NULL") << "NULL sent for a plain column: the engine evaluates";
  EXPECT_EQ(one("Int8", "k + 1", "{\"k\":1,\"c\":null}"), "1;NULL");
  EXPECT_EQ(one("Int8", "5", "{\"k\":1,\"c\":null}", false),
            "[c];[null value not allowed on column 'c' of type Int8];NULL;1;NULL");
  EXPECT_EQ(one("Int8", "5", "{\"k\":1}", false), "1;NULL");
  EXPECT_EQ(one("Nullable(Int8)", "5", "{\"k\":1}"), "1;5");
  EXPECT_EQ(one("Nullable(Int8)", "5", "{\"k\":1,\"c\":null}"), "1;NULL");
  EXPECT_EQ(one("Nullable(Int8)", "NULL", "{\"k\":1}"), "1;NULL");
  EXPECT_EQ(one("LowCardinality(Nullable(String))", "'x'", "{\"k\":1}"), "1;x");
  EXPECT_EQ(one("Array(String)", "[]", "{\"k\":1}"), "1;[]");
  EXPECT_EQ(one("Array(String)", "['a', 'b\\'c']", "{\"k\":1,\"c\":null}"), "1;[a,b'c]");
  EXPECT_EQ(one("Array(String)", "'[]'", "{\"k\":1}"), "1;[]");
  EXPECT_EQ(one("Array(String)", "emptyArrayString()", "{\"k\":1}"), "1;[]");
  EXPECT_EQ(one("Array(Int8)", "[1]", "{\"k\":1,\"c\":null}", false),
            "[c];[null value not allowed on column 'c' of type Array(Int8)];NULL;1;NULL");
  EXPECT_EQ(one("Array(Int8)", "", "{\"k\":1}"), "[c];[value missing on column 'c' of type Array(Int8)];NULL;1;NULL");
  EXPECT_EQ(one("Map(String, Int8)", "map('a', 1)", "{\"k\":1}"), "1;{a:1}");
  EXPECT_EQ(one("Map(String, Int8)", "map()", "{\"k\":1}"), "1;{}");
}

/// The only good cell of one value, or nothing when it was refused.
std::optional<engine::Column> stored(const std::string& type, const std::string& json) {
  auto out = read_all(source_of({{"c", type}}), "{\"c\":" + json + "}\n");
  if (out.batch.counts.successful != 1) return std::nullopt;
  return out.batch.rows[0].column(0);
}

template <class T>
void integers_are_exact(const std::string& type) {
  EXPECT_TRUE(rc::check(type, [&] {
    const auto value =
        *rc::gen::oneOf(rc::gen::arbitrary<std::int64_t>(), rc::gen::cast<std::int64_t>(rc::gen::arbitrary<T>()),
                        rc::gen::map(rc::gen::inRange(-2, 3), [](int by) {
                          return static_cast<std::int64_t>(static_cast<std::uint64_t>(std::numeric_limits<T>::max()) +
                                                           static_cast<std::uint64_t>(by));
                        }));
    const auto written = *rc::gen::element<std::string>("{}", "{}.0", "{}.000", "{}e0", "{}0e-1");
    RC_PRE(value != 0 || written != "{}0e-1");  // 00e-1 is no number of JSON
    const auto cell = stored(type, fmt::format(fmt::runtime(written), value));
    RC_ASSERT(cell.has_value() == std::in_range<T>(value));
    if (cell) RC_ASSERT(cell->data().template at<T>(0) == static_cast<T>(value));
    RC_ASSERT(!stored(type, fmt::format("{}.5", value)));
  }));
}

TEST(ConvertLaws, IntegersAreExactOrRefusedI4) {
  integers_are_exact<std::int8_t>("Int8");
  integers_are_exact<std::uint8_t>("UInt8");
  integers_are_exact<std::int16_t>("Int16");
  integers_are_exact<std::uint16_t>("UInt16");
  integers_are_exact<std::int32_t>("Int32");
  integers_are_exact<std::uint32_t>("UInt32");
  integers_are_exact<std::int64_t>("Int64");
}

TEST(ConvertLaws, FloatsAreTheNearestI4) {
  EXPECT_TRUE(rc::check([](std::uint64_t bits) {
    const auto value = std::bit_cast<double>(bits);
    RC_PRE(std::isfinite(value));
    const auto cell = stored("Float64", fmt::format("{:.17e}", value));
    RC_ASSERT(cell.has_value());
    RC_ASSERT(std::bit_cast<std::uint64_t>(cell->data().at<double>(0)) == bits);
    const auto narrow = stored("Float32", fmt::format("{:.17e}", value));
    RC_ASSERT(narrow.has_value() == std::isfinite(static_cast<float>(value)));
    if (narrow) RC_ASSERT(narrow->data().at<float>(0) == static_cast<float>(value));
  }));
}

TEST(ConvertLaws, TimesAreTheirTicksI5) {
  EXPECT_TRUE(rc::check([] {
    const auto second = *rc::gen::inRange<std::int64_t>(-2'208'988'800, 9'223'372'036);
    const auto nanosecond = *rc::gen::inRange<std::int64_t>(0, 1'000'000'000);
    const auto scale = *rc::gen::inRange<unsigned>(0, 10);
    const auto digits = *rc::gen::inRange<std::size_t>(1, 10);
    const std::chrono::sys_seconds at{std::chrono::seconds{second}};
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss<std::chrono::seconds> clock{at - day};
    const std::string fraction = fmt::format("{:09}", nanosecond).substr(0, digits);
    const std::string text =
        fmt::format("\"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{}Z\"", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                    clock.minutes().count(), clock.seconds().count(), fraction);
    std::int64_t ticks = second;
    for (unsigned i = 0; i < scale; ++i) ticks = ticks * 10 + (i < digits ? fraction[i] - '0' : 0);
    const auto cell = stored(fmt::format("DateTime64({}, 'Europe/Madrid')", scale), text);
    RC_ASSERT(cell.has_value());
    RC_ASSERT(cell->data().at<std::int64_t>(0) == ticks);
  }));
}

}  // namespace
}  // namespace kinglet::rows
