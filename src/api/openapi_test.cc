// SPDX-License-Identifier: Apache-2.0
// The OpenAPI document: how each template type looks from outside.
#include "api/v0/openapi.h"

#include <gtest/gtest.h>

namespace kinglet::api::openapi {
namespace {

templates::Parameter only(std::string_view text) {
  const auto compiled = templates::Template::compile("%" + std::string(text));
  EXPECT_TRUE(compiled) << text;
  return compiled->parameters().at(0);
}
std::string schema(std::string_view text) {
  return json::write(schema_of(only(text)));
}

TEST(OpenApi, SchemasOfTypes) {
  const std::pair<const char*, const char*> rows[] = {
      {"{{String(a)}}", R"({"type":"string"})"},
      {"{{a}}", R"({"type":"string"})"},
      {"{{UUID(a)}}", R"({"type":"string","format":"uuid"})"},
      {"{{Boolean(a)}}", R"({"type":"boolean"})"},
      {"{{Int8(a)}}", R"({"type":"integer","format":"int32","minimum":-128,"maximum":127})"},
      {"{{UInt16(a)}}", R"({"type":"integer","format":"int32","minimum":0,"maximum":65535})"},
      {"{{Int32(a)}}", R"({"type":"integer","format":"int32"})"},
      {"{{Int64(a)}}", R"({"type":"integer","format":"int64"})"},
      {"{{UInt64(a)}}", R"({"type":"integer","minimum":0})"},
      {"{{Int128(a)}}", R"({"type":"string","pattern":"^[+-]?[0-9]+$"})"},
      {"{{Float32(a)}}", R"({"type":"number","format":"float"})"},
      {"{{Float64(a)}}", R"({"type":"number","format":"double"})"},
      {"{{Decimal(a)}}", R"({"type":"string","format":"decimal","pattern":"^[+-]?[0-9]+(\\.[0-9]+)?$"})"},
      {"{{Date(a)}}", R"({"type":"string","format":"date"})"},
      {"{{JSON(a)}}", R"({"type":"string","format":"json"})"},
      {"{{Array(a)}}", R"({"type":"array","items":{"type":"string"}})"},
      {"{{Array(a, 'Int32')}}", R"({"type":"array","items":{"type":"integer","format":"int32"}})"},
  };
  for (const auto& [text, expected] : rows) EXPECT_EQ(schema(text), expected) << text;
  EXPECT_NE(schema("{{DateTime(a)}}").find(R"("pattern":"^[0-9]{4}-)"), std::string::npos);
  EXPECT_NE(schema("{{column(a)}}").find(R"("pattern":"^[A-Za-z_])"), std::string::npos);
}

TEST(OpenApi, ConstantsHaveTheTypesValues) {
  const std::pair<const char*, const char*> rows[] = {
      {"{{Int32(a, 10)}}", "10"},
      {"{{Int32(a, '10')}}", "10"},
      {"{{Int32(a, 'x')}}", "\"x\""},
      {"{{Float64(a, '1.5')}}", "1.5"},
      {"{{String(a, 5)}}", "\"5\""},
      {"{{Boolean(a, 1)}}", "true"},
      {"{{Boolean(a, 'false')}}", "false"},
      {"{{Array(a, 'Int32', '1,666')}}", "[1,666]"},
      {"{{Array(a, ['x','y'])}}", R"(["x","y"])"},
      {"{{Array(a, 'black')}}", R"(["black"])"},
      {"{{Date(a, '2024-01-31')}}", "\"2024-01-31\""},
  };
  for (const auto& [text, expected] : rows)
    EXPECT_EQ(json::write(schema_of(only(text)).at("default")), expected) << text;
  EXPECT_FALSE(schema_of(only("{{String(a)}}")).contains("default"));
  EXPECT_EQ(json::write(schema_of(only("{{Int8(a, enum=['1', 2])}}")).at("enum")), "[1,2]");
  EXPECT_EQ(json::write(schema_of(only("{{Array(a, 'Int8', enum=[1, 2])}}")).at("items").at("enum")), "[1,2]");
  EXPECT_EQ(json::write(schema_of(only("{{String(a, format='email')}}")).at("format")), "\"email\"");
}

TEST(OpenApi, ParametersOfAnOperation) {
  const auto one = parameter_object(only("{{Array(ids, 'Int32', description='Which', example='1,2', required=True)}}"));
  EXPECT_EQ(one.at("name"), "ids");
  EXPECT_EQ(one.at("in"), "query");
  EXPECT_EQ(one.at("required"), true);
  EXPECT_EQ(one.at("description"), "Which");
  EXPECT_EQ(one.at("explode"), false);
  EXPECT_EQ(json::write(one.at("example")), "[1,2]");
  EXPECT_FALSE(parameter_object(only("{{String(a, 'x')}}")).contains("description"));
}

}  // namespace
}  // namespace kinglet::api::openapi
