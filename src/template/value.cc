// SPDX-License-Identifier: Apache-2.0
#include "template/value.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

namespace kinglet::templates::internal {
namespace {

const Integer two_to_255 = Integer(1) << 255;
const Integer two_to_256 = Integer(1) << 256;

}  // namespace

bool fits_256(const Integer& value) {
  if (value.backend().size() <= 2) return true;  // 128 bits
  return value < two_to_256 && value >= -two_to_255;
}

bool fits(const Integer& value, int bits, bool is_signed) {
  if (value.backend().size() == 1 && bits <= 64) {  // one 64-bit limb: nearly always
    const std::uint64_t magnitude = value.backend().limbs()[0];
    const bool negative = value.backend().sign();
    if (!is_signed) return !negative && magnitude <= ~std::uint64_t{0} >> (64 - bits);
    const std::uint64_t bound = std::uint64_t{1} << (bits - 1);
    return negative ? magnitude <= bound : magnitude < bound;
  }
  if (is_signed) {
    const Integer bound = Integer(1) << (bits - 1);
    return value < bound && value >= -bound;
  }
  return value >= 0 && value < (Integer(1) << bits);
}

std::string integer_text(const Integer& value) {
  if (value.backend().size() == 1) {  // one 64-bit limb: nearly always
    const fmt::format_int digits(value.backend().limbs()[0]);
    std::string text = value.backend().sign() ? "-" : "";
    return text.append(digits.data(), digits.size());
  }
  return value.str();
}

std::optional<Integer> parse_integer(std::string_view text) {
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (text.empty() || text.find_first_not_of("0123456789") != text.npos) return std::nullopt;
  while (text.size() > 1 && text[0] == '0') text.remove_prefix(1);
  if (text.size() > 78) return std::nullopt;  // 2^256 has 78 digits
  Integer value;
  if (text.size() <= 19) {
    std::uint64_t small = 0;
    std::from_chars(text.data(), text.data() + text.size(), small);
    value = small;
  } else {
    for (const char c : text) value = value * 10 + (c - '0');
  }
  if (negative) value = -value;
  if (!fits_256(value)) return std::nullopt;
  return value;
}

bool truth(const Value& value) {
  struct {
    bool operator()(const None&) const { return false; }
    bool operator()(const Undefined&) const { return false; }
    bool operator()(bool v) const { return v; }
    bool operator()(const Integer& v) const { return v != 0; }
    bool operator()(double v) const { return v != 0; }
    bool operator()(const std::string& v) const { return !v.empty(); }
    bool operator()(const List& v) const { return !v->empty(); }
    bool operator()(const Dictionary& v) const { return !v->empty(); }
    bool operator()(const Fragment&) const { return true; }
  } visitor;
  return std::visit(visitor, value.data);
}

std::string_view kind_name(const Value& value) {
  static constexpr std::string_view names[] = {
      "None", "an undefined name", "a boolean", "a number", "a number", "a text", "a list", "a dictionary", "SQL text"};
  return names[value.data.index()];
}

std::string real_text(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == text.npos) text += ".0";
  return text;
}

std::optional<std::string> scalar_text(const Value& value) {
  if (const auto* text = value.text()) return *text;
  if (const auto* number = value.as<Integer>()) return integer_text(*number);
  if (const auto* real = value.as<double>()) return real_text(*real);
  if (const auto* flag = value.as<bool>()) return std::string(*flag ? "true" : "false");
  return std::nullopt;
}

Value from_json(const json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::null:
      return {};
    case boost::json::kind::bool_:
      return Value(value.get_bool());
    case boost::json::kind::int64:
      return Value(Integer(value.get_int64()));
    case boost::json::kind::uint64:
      return Value(Integer(value.get_uint64()));
    case boost::json::kind::double_:
      return Value(value.get_double());
    case boost::json::kind::string:
      return Value(std::string_view(value.get_string()));
    case boost::json::kind::array: {
      Items items;
      items.reserve(value.get_array().size());
      for (const auto& item : value.get_array()) items.push_back(from_json(item));  // depth: 64, by json::parse
      return Value(std::move(items));
    }
    case boost::json::kind::object: {
      Entries entries;
      entries.reserve(value.get_object().size());
      for (const auto& [key, item] : value.get_object()) entries.emplace_back(std::string(key), from_json(item));
      return Value(std::move(entries));
    }
  }
  return {};
}

std::optional<json::value> to_json(const Value& value, std::uint32_t& budget, int depth) {
  if (budget == 0 || depth > 64) return std::nullopt;
  --budget;
  if (value.is_none()) return json::value(nullptr);
  if (const auto* flag = value.as<bool>()) return json::value(*flag);
  if (const auto* number = value.as<Integer>()) {
    if (fits(*number, 64, true)) return json::value(static_cast<std::int64_t>(*number));
    if (fits(*number, 64, false)) return json::value(static_cast<std::uint64_t>(*number));
    return json::value(integer_text(*number));
  }
  if (const auto* real = value.as<double>()) return json::value(*real);
  if (const auto* text = value.text()) {
    const auto cost = static_cast<std::uint32_t>(text->size() / 64);
    if (cost >= budget) return std::nullopt;
    budget -= cost;
    return json::value(std::string_view(*text));
  }
  if (const auto* list = value.as<List>()) {
    json::array items;
    for (const auto& item : **list) {
      auto made = to_json(item, budget, depth + 1);
      if (!made) return std::nullopt;
      items.push_back(std::move(*made));
    }
    return json::value(std::move(items));
  }
  if (const auto* dictionary = value.as<Dictionary>()) {
    json::object entries;
    for (const auto& [key, item] : **dictionary) {
      auto made = to_json(item, budget, depth + 1);
      if (!made) return std::nullopt;
      entries[key] = std::move(*made);
    }
    return json::value(std::move(entries));
  }
  return std::nullopt;
}

}  // namespace kinglet::templates::internal
