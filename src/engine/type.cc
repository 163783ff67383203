// SPDX-License-Identifier: Apache-2.0
// Types -> their texts, and what follows from a type.
#include "engine/type.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "engine/type_words.h"

namespace kinglet::engine {
namespace {

using ascii::is_word;
using ascii::is_word_start;
using internal::Named;
using internal::plain_types;

void print_quoted(std::string_view text, char quote, std::string& out) {
  out += quote;
  for (char c : text) {
    switch (c) {
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\0':
        out += "\\0";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        if (c == quote || c == '\\') out += '\\';
        out += c;
    }
  }
  out += quote;
}

void print_name(std::string_view name, std::string& out) {
  if (!name.empty() && is_word_start(name[0]) && std::ranges::all_of(name, is_word)) {
    out += name;
  } else {
    print_quoted(name, '`', out);
  }
}

void print_elements(const Type& type, std::string& out);

void print_to(const Type& type, std::string& out) {
  switch (type.kind) {
    case Kind::decimal:
      fmt::format_to(std::back_inserter(out), "Decimal({}, {})", type.precision, type.scale);
      return;
    case Kind::fixed_string:
      fmt::format_to(std::back_inserter(out), "FixedString({})", type.width);
      return;
    case Kind::date_time:
      out += "DateTime";
      if (!type.zone.empty()) {
        out += '(';
        print_quoted(type.zone, '\'', out);
        out += ')';
      }
      return;
    case Kind::date_time64:
    case Kind::time64:
      fmt::format_to(std::back_inserter(out), "{}({}", type.kind == Kind::time64 ? "Time64" : "DateTime64", type.scale);
      if (!type.zone.empty()) {
        out += ", ";
        print_quoted(type.zone, '\'', out);
      }
      out += ')';
      return;
    case Kind::enum8:
    case Kind::enum16: {
      out += type.kind == Kind::enum8 ? "Enum8(" : "Enum16(";
      bool first = true;
      for (const auto& [name, value] : type.members) {
        if (!first) out += ", ";
        first = false;
        print_quoted(name, '\'', out);
        fmt::format_to(std::back_inserter(out), " = {}", value);
      }
      out += ')';
      return;
    }
    case Kind::interval:
    case Kind::object_geo:
      out += type.text;
      return;
    case Kind::dynamic:
    case Kind::json:
      out += type.kind == Kind::json ? "JSON" : "Dynamic";
      if (!type.text.empty()) fmt::format_to(std::back_inserter(out), "({})", type.text);
      return;
    case Kind::aggregate_function:
    case Kind::simple_aggregate_function:
      out += type.kind == Kind::aggregate_function ? "AggregateFunction(" : "SimpleAggregateFunction(";
      out += type.text;
      for (const Type& element : type.elements) {
        out += ", ";
        print_to(element, out);
      }
      out += ')';
      return;
    case Kind::nullable:
      out += "Nullable";
      break;
    case Kind::low_cardinality:
      out += "LowCardinality";
      break;
    case Kind::array:
      out += "Array";
      break;
    case Kind::map:
      out += "Map";
      break;
    case Kind::tuple:
      out += "Tuple";
      break;
    case Kind::nested:
      out += "Nested";
      break;
    case Kind::variant:
      out += "Variant";
      break;
    default:
      for (const Named& plain : plain_types)
        if (plain.kind == type.kind) out += plain.name;
      return;
  }
  print_elements(type, out);
}

void print_elements(const Type& type, std::string& out) {
  out += '(';
  for (std::size_t i = 0; i < type.elements.size(); ++i) {
    if (i > 0) out += ", ";
    if (i < type.names.size()) {
      print_name(type.names[i], out);
      out += ' ';
    }
    print_to(type.elements[i], out);
  }
  out += ')';
}

}  // namespace

bool Type::takes_null() const {
  return kind == Kind::nullable || (kind == Kind::low_cardinality && elements[0].kind == Kind::nullable);
}

std::string print(const Type& type) {
  std::string out;
  print_to(type, out);
  return out;
}

Type sent_type(const Type& type) {
  if (type.kind == Kind::low_cardinality || type.kind == Kind::simple_aggregate_function)
    return sent_type(type.elements[0]);
  if (type.kind == Kind::json || type.kind == Kind::aggregate_function) return type;
  if (type.kind == Kind::object_geo) {
    const std::string_view text = type.text == "Point"                               ? "Tuple(Float64, Float64)"
                                  : type.text == "Ring" || type.text == "LineString" ? "Array(Tuple(Float64, Float64))"
                                  : type.text == "Polygon" || type.text == "MultiLineString"
                                      ? "Array(Array(Tuple(Float64, Float64)))"
                                      : "Array(Array(Array(Tuple(Float64, Float64))))";
    return *parse_type(text);
  }
  Type out = type;
  for (Type& element : out.elements) element = sent_type(element);
  return out;
}

bool is_insertable(const Type& type) {
  switch (type.kind) {
    case Kind::aggregate_function:
    case Kind::variant:
    case Kind::dynamic:
    case Kind::interval:
    case Kind::nothing:
      return false;
    case Kind::json:
      return true;
    case Kind::object_geo:
      return type.text != "Geometry";
    default:
      return std::ranges::all_of(type.elements, is_insertable);
  }
}

}  // namespace kinglet::engine
