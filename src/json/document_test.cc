// SPDX-License-Identifier: Apache-2.0
// JSON documents: wrong texts, limits, and numbers as people write them.
#include "json/document.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

namespace kinglet::json {
namespace {

std::string error_of(std::string_view text) {
  const auto parsed = parse(text);
  EXPECT_FALSE(parsed) << text;
  if (parsed) return "";
  EXPECT_EQ(parsed.error().code, Code::invalid);
  return parsed.error().message;
}

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST(Parse, WrongTextsAreErrorsThatNameTheByte) {
  for (const std::string_view text :
       {"", " ", "{", "[1,", "{\"a\" 1}", "[1 2]", "{a:1}", "'a'", "\"open", "01", "1.", "nul", "NaN", "[1,]",
        "{\"a\":1,}", "\"\x01\"", "\"\\ud800\"", "\"\xff\"", "// a\n1"}) {
    EXPECT_NE(error_of(text).find("at byte"), std::string::npos) << text;
  }
}

TEST(Parse, TextAfterTheDocumentIsAnError) {
  EXPECT_EQ(error_of("{} x"), "JSON: unexpected text after the document, at byte 3");
  error_of("1 2");
  error_of("{}{}");
  error_of(std::string_view("{}\0", 3));
  EXPECT_TRUE(parse("{} \r\n\t "));
}

TEST(Parse, I3DepthHasALimit) {
  EXPECT_TRUE(parse(nested(64)));
  error_of(nested(65));
  error_of(std::string(100'000, '['));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  error_of(objects);
}

TEST(Write, NumbersAreWrittenPlainly) {
  EXPECT_EQ(write(0.5), "0.5");
  EXPECT_EQ(write(0.1), "0.1");
  EXPECT_EQ(write(100.0), "100");
  EXPECT_EQ(write(-2.25), "-2.25");
  EXPECT_EQ(write(12345678.5), "12345678.5");
  EXPECT_EQ(write(std::uint64_t{18446744073709551615u}), "18446744073709551615");
  EXPECT_EQ(write(std::int64_t{-9223372036854775807 - 1}), "-9223372036854775808");
  EXPECT_EQ(write(value{{"rate", 0.25}, {"list", array{1, 1.5, nullptr, true}}}),
            R"({"rate":0.25,"list":[1,1.5,null,true]})");
}

TEST(Write, WhatJsonHasNoNumberForIsNull) {
  EXPECT_EQ(write(std::nan("")), "null");
  EXPECT_EQ(write(HUGE_VAL), "null");
  EXPECT_EQ(write(array{-HUGE_VAL}), "[null]");
}

TEST(Write, KeysAndTextsAreEscaped) {
  EXPECT_EQ(write(object{{"a\"b\n", "\\\x01"}}), "{\"a\\\"b\\n\":\"\\\\\\u0001\"}");
}

RC_GTEST_PROP(Write, EveryFiniteDoubleReadsBackAsItself, ()) {
  const auto bits = *rc::gen::arbitrary<std::uint64_t>();
  const auto number = std::bit_cast<double>(bits);
  RC_PRE(std::isfinite(number));
  const auto text = write(number);
  RC_ASSERT(parse(text).has_value());
  RC_ASSERT(std::strtod(text.c_str(), nullptr) == number);
}

TEST(Write, BytesThatAreNoTextAreReplaced) {
  EXPECT_EQ(write(value{{"caf\xe9", "\xff\xfe and \u00e9"}}), "{\"caf\ufffd\":\"\ufffd\ufffd and \u00e9\"}");
}

TEST(GetString, OnlyTextsAreTexts) {
  const auto document = parse(R"({"a":"x","n":1,"z":null})");
  ASSERT_TRUE(document);
  const auto& o = document->get_object();
  EXPECT_EQ(get_string(o, "a"), "x");
  EXPECT_FALSE(get_string(o, "n"));
  EXPECT_FALSE(get_string(o, "z"));
  EXPECT_FALSE(get_string(o, "absent"));
}

}  // namespace
}  // namespace kinglet::json
