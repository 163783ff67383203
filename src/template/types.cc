// SPDX-License-Identifier: Apache-2.0
#include "template/types.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "template/dates.h"
#include "template/limits.h"
#include "template/sql_text.h"

namespace kinglet::templates::internal {
namespace {

constexpr std::array types = {
    TypeInfo{"String", TypeClass::text},
    TypeInfo{"UUID", TypeClass::uuid},
    TypeInfo{"Boolean", TypeClass::boolean},
    TypeInfo{"Int", TypeClass::integer, 32},
    TypeInfo{"Integer", TypeClass::integer, 32},
    TypeInfo{"Int8", TypeClass::integer, 8},
    TypeInfo{"Int16", TypeClass::integer, 16},
    TypeInfo{"Int32", TypeClass::integer, 32},
    TypeInfo{"Int64", TypeClass::integer, 64},
    TypeInfo{"Int128", TypeClass::wide_integer, 128},
    TypeInfo{"Int256", TypeClass::wide_integer, 256},
    TypeInfo{"UInt8", TypeClass::integer, 8, false},
    TypeInfo{"UInt16", TypeClass::integer, 16, false},
    TypeInfo{"UInt32", TypeClass::integer, 32, false},
    TypeInfo{"UInt64", TypeClass::integer, 64, false},
    TypeInfo{"UInt128", TypeClass::wide_integer, 128, false},
    TypeInfo{"UInt256", TypeClass::wide_integer, 256, false},
    TypeInfo{"Float32", TypeClass::real, 32},
    TypeInfo{"Float64", TypeClass::real, 64},
    TypeInfo{"Decimal", TypeClass::decimal, 76},
    TypeInfo{"Decimal32", TypeClass::decimal, 9},
    TypeInfo{"Decimal64", TypeClass::decimal, 18},
    TypeInfo{"Decimal128", TypeClass::decimal, 38},
    TypeInfo{"Decimal256", TypeClass::decimal, 76},
    TypeInfo{"Date", TypeClass::date},
    TypeInfo{"DateTime", TypeClass::date_time},
    TypeInfo{"DateTime64", TypeClass::date_time64},
    TypeInfo{"JSON", TypeClass::json},
};

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) return false;
  }
  return true;
}

/// `[-+]digits[.digits]`, at most `digits_max` digits. `to` gets no plus sign and no leading zeros.
bool parse_decimal(std::string_view text, int digits_max, std::string& to) {
  text = trim(text);
  to.clear();
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    if (text[0] == '-') to += '-';
    text.remove_prefix(1);
  }
  const auto dot = text.find('.');
  auto whole = text.substr(0, dot);
  const auto fraction = dot == text.npos ? std::string_view() : text.substr(dot + 1);
  if (whole.empty() || (dot != text.npos && fraction.empty())) return false;
  if (whole.find_first_not_of("0123456789") != whole.npos || fraction.find_first_not_of("0123456789") != fraction.npos)
    return false;
  while (whole.size() > 1 && whole[0] == '0') whole.remove_prefix(1);
  const std::size_t digits = (whole == "0" && !fraction.empty() ? 0 : whole.size()) + fraction.size();
  if (digits > static_cast<std::size_t>(digits_max)) return false;
  to += whole;
  if (!fraction.empty()) fmt::format_to(std::back_inserter(to), ".{}", fraction);
  return true;
}

std::optional<double> parse_real(std::string_view text, int bits) {
  text = trim(text);
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  // from_chars also reads "inf", "nan" and "infinity", which have no SQL literal.
  const auto digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || !((digits[0] >= '0' && digits[0] <= '9') || digits[0] == '.')) return std::nullopt;
  double value = 0;
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end || !std::isfinite(value)) return std::nullopt;
  if (bits == 32 && !std::isfinite(static_cast<float>(value))) return std::nullopt;
  return value;
}

std::string integer_range(const TypeInfo& type) {
  const Integer one = 1;
  const Integer low = type.is_signed ? Integer(-(one << (type.bits - 1))) : Integer(0);
  const Integer high = (one << (type.is_signed ? type.bits - 1 : type.bits)) - 1;
  return fmt::format("an integer from {} to {}", integer_text(low), integer_text(high));
}

/// For type functions over lists (a parameter that is an Array elsewhere): the text as it was sent.
std::optional<std::string> text_of(const Value& value) {
  if (const auto* list = value.as<List>()) {
    std::string joined;
    for (std::size_t i = 0; i < (*list)->size(); ++i) {
      const auto item = scalar_text((**list)[i]);
      if (!item || joined.size() + item->size() > Limits::text_bytes_max) return std::nullopt;
      if (i > 0) joined += ',';
      joined += *item;
    }
    return joined;
  }
  return scalar_text(value);
}

/// The text in `from` as it lies there, or what text_of() makes of it, in `made`; null for neither.
const std::string* text_in(const Value& from, std::optional<std::string>& made) {
  if (from.text() != nullptr) return from.text();
  made = text_of(from);
  return made ? &*made : nullptr;
}

bool convert_integer(const TypeInfo& type, const Value& from, Value& to) {
  std::optional<Integer> number;
  std::optional<std::string> made;
  if (const auto* integer = from.as<Integer>()) {
    number = *integer;
  } else if (const auto* flag = from.as<bool>()) {
    number = Integer(*flag ? 1 : 0);
  } else if (const auto* real = from.as<double>()) {
    if (*real == std::floor(*real) && std::abs(*real) < 9e15) number = Integer(static_cast<std::int64_t>(*real));
  } else if (const auto* text = text_in(from, made)) {
    number = parse_integer(trim(*text));
  }
  if (!number || !fits(*number, type.bits, type.is_signed)) return false;
  to = Value(std::move(*number));
  return true;
}

bool convert_boolean(const Value& from, Value& to) {
  if (const auto* flag = from.as<bool>()) {
    to = Value(*flag);
    return true;
  }
  auto text = text_of(from);
  if (!text) return false;
  for (char& c : *text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  const bool yes = *text == "true" || *text == "1";
  if (!yes && *text != "false" && *text != "0") return false;
  to = Value(yes);
  return true;
}

}  // namespace

const TypeInfo* find_type(std::string_view name) {
  for (const auto& type : types)
    if (type.name == name) return &type;
  return nullptr;
}

const std::vector<std::string_view>& type_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> made;
    for (const auto& type : types) made.push_back(type.name);
    return made;
  }();
  return names;
}

bool convert(const TypeInfo& type, const Value& from, Value& to, std::string& expected) {
  if (from.as<Fragment>() != nullptr || from.is_undefined()) {
    expected = "a value, not SQL text";
    return false;
  }
  bool done = false;
  std::optional<std::string> made;
  switch (type.kind) {
    case TypeClass::text: {
      auto text = text_of(from);
      done = text.has_value();
      if (done) to = Value(std::move(*text));
      if (!done) expected = "a text";
      break;
    }
    case TypeClass::uuid: {
      auto text = text_of(from);
      done = text && is_uuid(*text);
      if (done) to = Value(std::move(*text));
      if (!done) expected = "a UUID such as 123e4567-e89b-12d3-a456-426614174000";
      break;
    }
    case TypeClass::boolean:
      done = convert_boolean(from, to);
      if (!done) expected = "true, false, 1 or 0";
      break;
    case TypeClass::integer:
    case TypeClass::wide_integer:
      done = convert_integer(type, from, to);
      if (!done) expected = integer_range(type);
      break;
    case TypeClass::real: {
      const auto* text = text_in(from, made);
      const auto number = text != nullptr ? parse_real(*text, type.bits) : std::nullopt;
      done = number.has_value();
      if (done) to = Value(type.bits == 32 ? static_cast<double>(static_cast<float>(*number)) : *number);
      if (!done) expected = "a finite decimal number";
      break;
    }
    case TypeClass::decimal: {
      const auto* text = text_in(from, made);
      std::string digits;
      done = text != nullptr && parse_decimal(*text, type.bits, digits);
      if (done) to = Value(std::move(digits));
      if (!done) expected = fmt::format("digits with an optional point, at most {} of them", type.bits);
      break;
    }
    case TypeClass::date: {
      const auto* text = text_in(from, made);
      const auto moment = text != nullptr ? parse_date(*text) : std::nullopt;
      done = moment.has_value();
      if (done) to = Value(moment->date_text());
      if (!done) expected = "a date as YYYY-MM-DD or YYYYMMDD";
      break;
    }
    case TypeClass::date_time:
    case TypeClass::date_time64: {
      const auto* text = text_in(from, made);
      const auto moment = text != nullptr ? parse_date_time(*text) : std::nullopt;
      const bool fine = type.kind == TypeClass::date_time64;
      done = moment.has_value();
      if (done) to = Value(moment->date_time_text(fine ? moment->fraction_digits : 0));
      if (!done) expected = fine ? "a time as YYYY-MM-DD HH:MM:SS[.fff]" : "a time as YYYY-MM-DD HH:MM:SS";
      break;
    }
    case TypeClass::json: {
      expected = "JSON";
      if (!from.text()) {  // already parsed, or made by the template
        done = !from.is_none();
        if (done) to = from;
        break;
      }
      const auto parsed = json::parse(*from.text());
      done = parsed.has_value();
      if (done)
        to = from_json(*parsed);
      else
        expected = parsed.error().message;
      break;
    }
  }
  if (done) to.type = &type;
  return done;
}

Value stand_in(const TypeInfo& type) {
  Value value;
  switch (type.kind) {
    case TypeClass::text:
      value = Value(stand_in_text);
      break;
    case TypeClass::uuid:
      value = Value(std::string_view("00000000-0000-0000-0000-000000000000"));
      break;
    case TypeClass::boolean:
      value = Value(false);
      break;
    case TypeClass::integer:
    case TypeClass::wide_integer:
      value = Value(Integer(1));  // fits LIMIT, max_threads() and a divisor
      break;
    case TypeClass::real:
      value = Value(1.0);
      break;
    case TypeClass::decimal:
      value = Value(std::string_view("1.0"));
      break;
    case TypeClass::date:
      value = Value(std::string_view("2020-01-01"));
      break;
    case TypeClass::date_time:
    case TypeClass::date_time64:
      value = Value(std::string_view("2020-01-01 00:00:00"));
      break;
    case TypeClass::json:
      value = Value(Entries());
      break;  // can be looped over and asked with .get()
  }
  value.type = &type;
  return value;
}

namespace {

/// `function('text'`, where the text is of our own making: digits, dashes, colons.
void append_call(std::string& out, std::string_view function, std::string_view text) {
  out += function;
  out += "('";
  out += text;
  out += '\'';
}

bool append_typed_text(std::string& out, const TypeInfo& type, const std::string& text) {
  switch (type.kind) {
    case TypeClass::date:
      append_call(out, "toDate", text);
      out += ')';
      return true;
    case TypeClass::date_time:
      append_call(out, "toDateTime", text);
      out += ')';
      return true;
    case TypeClass::date_time64: {
      const auto dot = text.find('.');
      const std::size_t digits = dot == text.npos ? 0 : text.size() - dot - 1;
      fmt::format_to(std::back_inserter(out), "toDateTime64('{}', {})", text, std::max<std::size_t>(3, digits));
      return true;
    }
    case TypeClass::decimal: {
      const auto dot = text.find('.');
      const std::size_t scale = dot == text.npos ? 0 : text.size() - dot - 1;
      int bits = type.bits <= 9 ? 32 : type.bits <= 18 ? 64 : type.bits <= 38 ? 128 : 256;
      // Plain Decimal: the smallest from 64 that holds the digits.
      if (type.name == "Decimal") bits = text.size() <= 18 ? 64 : text.size() <= 38 ? 128 : 256;
      fmt::format_to(std::back_inserter(out), "toDecimal{}('{}', {})", bits, text, scale);
      return true;
    }
    default:
      return append_literal(out, text);
  }
}

void append_integer(std::string& out, const Integer& number, const TypeInfo* type, bool nested) {
  const auto digits = integer_text(number);
  if (type != nullptr && type->kind == TypeClass::wide_integer) {
    fmt::format_to(std::back_inserter(out), "to{}('{}')", type->name, digits);
  } else if (!fits(number, 64, true) && !fits(number, 64, false)) {
    // Plain digits beyond 64 bits would be read as a float.
    fmt::format_to(std::back_inserter(out), "to{}Int256('{}')", number < 0 ? "" : "U", digits);
  } else if (number < 0 && !nested) {
    fmt::format_to(std::back_inserter(out), "({})", digits);  // `a -{{n}}` must not become a comment
  } else {
    out += digits;
  }
}

}  // namespace

bool append_sql(std::string& out, const Value& value, std::uint32_t& budget, bool nested, int depth) {
  if (budget == 0 || depth > 64 || out.size() > Limits::output_bytes_max) return false;
  --budget;
  const TypeInfo* type = value.type;
  if (value.as<Dictionary>() != nullptr || (type != nullptr && type->kind == TypeClass::json)) {
    const auto made = to_json(value, budget);
    return made && append_literal(out, json::write(*made));
  }
  if (const auto* text = value.text())
    return type == nullptr ? append_literal(out, *text) : append_typed_text(out, *type, *text);
  if (const auto* number = value.as<Integer>()) {
    append_integer(out, *number, type, nested);
    return true;
  }
  if (const auto* real = value.as<double>()) {
    if (!std::isfinite(*real)) return false;
    auto text = type != nullptr && type->bits == 32 ? fmt::format("{}", static_cast<float>(*real)) : real_text(*real);
    if (text.find_first_of(".e") == text.npos) text += ".0";
    out += text.starts_with('-') && !nested ? fmt::format("({})", text) : text;
    return true;
  }
  if (const auto* flag = value.as<bool>()) {
    out += *flag ? "true" : "false";
    return true;
  }
  if (const auto* list = value.as<List>()) {
    out += '[';
    for (std::size_t i = 0; i < (*list)->size(); ++i) {
      if (i > 0) out += ',';
      if (!append_sql(out, (**list)[i], budget, true, depth + 1)) return false;
    }
    out += ']';
    return true;
  }
  if (value.is_none()) {
    out += "NULL";
    return true;
  }
  if (const auto* fragment = value.as<Fragment>()) {
    out += fragment->sql;
    return true;
  }
  return false;
}

}  // namespace kinglet::templates::internal
