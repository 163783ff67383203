// SPDX-License-Identifier: Apache-2.0
#include "api/v0/openapi.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "query/format.h"

namespace kinglet::api::openapi {

namespace {

using templates::Parameter;

/// How a template type looks from outside. Ranges only where a JSON number holds them exactly.
struct Shape {
  std::string_view name;
  std::string_view type;
  std::string_view format = {};
  std::string_view pattern = {};
  std::optional<std::int64_t> minimum = {};
  std::optional<std::int64_t> maximum = {};
};
constexpr std::string_view identifier = "^[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z_][A-Za-z0-9_]*)*$";
constexpr std::string_view whole_number = "^[+-]?[0-9]+$";
constexpr std::string_view decimal = "^[+-]?[0-9]+(\\.[0-9]+)?$";
// Not `date-time`: the space form is the usual one, and defaults are written in it.
constexpr std::string_view moment = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}";

constexpr std::array shapes{
    Shape{"UUID", "string", "uuid"},
    Shape{"Boolean", "boolean"},
    Shape{"Int", "integer", "int32"},
    Shape{"Integer", "integer", "int32"},
    Shape{"Int8", "integer", "int32", {}, -128, 127},
    Shape{"Int16", "integer", "int32", {}, -32768, 32767},
    Shape{"Int32", "integer", "int32"},
    Shape{"Int64", "integer", "int64"},
    Shape{"UInt8", "integer", "int32", {}, 0, 255},
    Shape{"UInt16", "integer", "int32", {}, 0, 65535},
    Shape{"UInt32", "integer", "int64", {}, 0, 4294967295},
    Shape{"UInt64", "integer", {}, {}, 0},
    Shape{"Int128", "string", {}, whole_number},
    Shape{"Int256", "string", {}, whole_number},
    Shape{"UInt128", "string", {}, whole_number},
    Shape{"UInt256", "string", {}, whole_number},
    Shape{"Float32", "number", "float"},
    Shape{"Float64", "number", "double"},
    Shape{"Decimal", "string", "decimal", decimal},
    Shape{"Decimal32", "string", "decimal", decimal},
    Shape{"Decimal64", "string", "decimal", decimal},
    Shape{"Decimal128", "string", "decimal", decimal},
    Shape{"Decimal256", "string", "decimal", decimal},
    Shape{"Date", "string", "date"},
    Shape{"DateTime", "string", {}, moment},
    Shape{"DateTime64", "string", {}, moment},
    Shape{"JSON", "string", "json"},
    Shape{"column", "string", {}, identifier},
};
constexpr Shape text_shape{"String", "string"};

const Shape& shape_of(std::string_view type) {
  for (const auto& shape : shapes)
    if (shape.name == type) return shape;
  return text_shape;
}

bool is_array(const Parameter& parameter) {
  return parameter.type == "Array";
}

/// One value, as the shape's JSON type; texts stay texts where they are no such value.
json::value scalar(const Shape& shape, const json::value& value) {
  const auto text = value.is_string() ? std::string(value.get_string()) : json::write(value);
  if (shape.type == "integer" || shape.type == "number") {
    if (!value.is_string()) return value;
    std::int64_t whole = 0;
    const auto* end = text.data() + text.size();
    if (const auto read = std::from_chars(text.data(), end, whole); read.ec == std::errc() && read.ptr == end)
      return whole;
    double real = 0;
    if (const auto read = std::from_chars(text.data(), end, real);
        shape.type == "number" && read.ec == std::errc() && read.ptr == end)
      return real;
    return value;
  }
  if (shape.type == "boolean") {
    if (text == "1" || text == "true" || text == "True") return true;
    if (text == "0" || text == "false" || text == "False") return false;
    return value;
  }
  return json::string(text);
}

json::array split(const Shape& shape, std::string_view text) {
  json::array items;
  for (;;) {
    const auto comma = text.find(',');
    items.push_back(scalar(shape, json::string(text.substr(0, comma))));
    if (comma == text.npos) return items;
    text.remove_prefix(comma + 1);
  }
}

json::object scalar_schema(const Shape& shape) {
  json::object schema{{"type", shape.type}};
  if (!shape.format.empty()) schema["format"] = shape.format;
  if (!shape.pattern.empty()) schema["pattern"] = shape.pattern;
  if (shape.minimum) schema["minimum"] = *shape.minimum;
  if (shape.maximum) schema["maximum"] = *shape.maximum;
  return schema;
}

json::object reference(std::string_view path) {
  return {{"$ref", fmt::format("#/components/{}", path)}};
}

json::object error_replies() {
  json::object replies;
  for (const auto& [status, name] :
       {std::pair{"400", "BadRequest"}, std::pair{"403", "Forbidden"}, std::pair{"404", "NotFound"},
        std::pair{"408", "Timeout"}, std::pair{"429", "TooManyRequests"}, std::pair{"500", "EngineError"}})
    replies[status] = reference(fmt::format("responses/{}", name));
  return replies;
}

json::object components() {
  const auto error = [](std::string_view description) {
    return json::object{
        {"description", description},
        {"content", {{"application/json", {{"schema", reference("schemas/Error")}}}}},
    };
  };
  json::object schemas;
  schemas["Error"] = {{"type", "object"},
                      {"properties", {{"error", {{"type", "string"}}}, {"documentation", {{"type", "string"}}}}},
                      {"required", json::array{"error"}}};
  schemas["Result"] = {
      {"type", "object"},
      {"properties",
       {{"meta",
         {{"type", "array"},
          {"items",
           {{"type", "object"}, {"properties", {{"name", {{"type", "string"}}}, {"type", {{"type", "string"}}}}}}}}},
        {"data", {{"type", "array"}, {"items", {{"type", "object"}}}}},
        {"rows", {{"type", "integer"}}},
        {"rows_before_limit_at_least", {{"type", "integer"}}},
        {"statistics",
         {{"type", "object"},
          {"properties",
           {{"elapsed", {{"type", "number"}}},
            {"rows_read", {{"type", "integer"}}},
            {"bytes_read", {{"type", "integer"}}}}}}}}},
      {"required", json::array{"meta", "data", "rows"}}};
  return {
      {"securitySchemes",
       {{"token", {{"type", "apiKey"}, {"in", "query"}, {"name", "token"}}},
        {"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}},
      {"responses",
       {{"BadRequest", error("A parameter is missing or has no valid value, or the query failed")},
        {"Forbidden", error("The token is missing, invalid, or may not read this endpoint")},
        {"NotFound", error("There is no such endpoint")},
        {"Timeout", error("The query took too long")},
        {"TooManyRequests", error("A rate limit was reached; Retry-After says when to come back")},
        {"EngineError", error("The query could not be run, for instance for want of memory")}}},
      {"schemas", std::move(schemas)},
      {"parameters", json::object{}},
  };
}

}  // namespace

json::value typed_constant(const Parameter& parameter, std::string_view json_text) {
  const auto parsed = json::parse(json_text);
  if (!parsed) return nullptr;
  if (!is_array(parameter)) return parsed->is_structured() ? *parsed : scalar(shape_of(parameter.type), *parsed);
  const auto& shape = shape_of(parameter.element_type);
  if (parsed->is_string()) return split(shape, parsed->get_string());
  json::array items;
  if (!parsed->is_array()) {
    items.push_back(scalar(shape, *parsed));
    return items;
  }
  for (const auto& item : parsed->get_array()) items.push_back(scalar(shape, item));
  return items;
}

json::object schema_of(const Parameter& parameter) {
  const auto& shape = shape_of(is_array(parameter) ? parameter.element_type : parameter.type);
  auto schema = scalar_schema(shape);
  if (!parameter.format.empty()) schema["format"] = parameter.format;
  if (!parameter.enum_values.empty()) {
    json::array values;
    for (const auto& value : parameter.enum_values) values.push_back(scalar(shape, json::string(value)));
    schema["enum"] = std::move(values);
  }
  if (is_array(parameter)) {
    json::object list{{"type", "array"}, {"items", std::move(schema)}};
    schema = std::move(list);
  }
  if (parameter.default_json)
    if (auto value = typed_constant(parameter, *parameter.default_json); !value.is_null())
      schema["default"] = std::move(value);
  return schema;
}

json::object parameter_object(const Parameter& parameter) {
  json::object made{{"name", parameter.name}, {"in", "query"}, {"required", parameter.required}};
  if (!parameter.description.empty()) made["description"] = parameter.description;
  if (is_array(parameter)) {  // one key, comma separated
    made["style"] = "form";
    made["explode"] = false;
  }
  made["schema"] = schema_of(parameter);
  if (parameter.example_json) made["example"] = typed_constant(parameter, *parameter.example_json);
  return made;
}

json::object document(std::string_view title, std::string_view server, const std::vector<Endpoint>& endpoints) {
  auto shared = components();
  auto& parameters = shared["parameters"].as_object();
  json::object paths;
  for (const auto& endpoint : endpoints) {
    json::array list;
    for (const auto& parameter : endpoint.parameters) {
      const auto key = fmt::format("{}.{}", endpoint.name, parameter.name);
      parameters[key] = parameter_object(parameter);
      list.push_back(reference(fmt::format("parameters/{}", key)));
    }
    for (const auto suffix : query::format_suffixes()) {
      const auto format = query::format_of_suffix(suffix);
      const bool json_reply = suffix == "json";
      const auto media = format->content_type.substr(0, format->content_type.find(';'));
      json::object schema = json_reply ? reference("schemas/Result") : json::object{{"type", "string"}};
      if (suffix == "parquet") schema["format"] = "binary";
      auto replies = error_replies();
      replies["200"] = {{"description", "The rows"}, {"content", {{media, {{"schema", std::move(schema)}}}}}};
      json::object operation{{"operationId", json_reply ? endpoint.name : fmt::format("{}.{}", endpoint.name, suffix)},
                             {"summary", json_reply ? endpoint.name : fmt::format("{} as {}", endpoint.name, suffix)},
                             {"tags", json::array{endpoint.name}},
                             {"parameters", list},
                             {"responses", std::move(replies)}};
      if (!endpoint.description.empty()) operation["description"] = endpoint.description;
      paths[fmt::format("/v0/pipes/{}.{}", endpoint.name, suffix)] = {{"get", std::move(operation)}};
    }
  }
  return {
      {"openapi", "3.0.3"},
      {"info", {{"title", title}, {"version", "1"}, {"description", fmt::format("Endpoints of workspace {}", title)}}},
      {"servers", json::array{json::object{{"url", server}}}},
      {"security", json::array{json::object{{"token", json::array{}}}, json::object{{"bearer", json::array{}}}}},
      {"paths", std::move(paths)},
      {"components", std::move(shared)}};
}

}  // namespace kinglet::api::openapi
