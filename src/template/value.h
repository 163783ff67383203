// SPDX-License-Identifier: Apache-2.0
// A value of a template expression: what conditions look at, and the type it prints as.
#pragma once

#include <boost/multiprecision/cpp_int.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "json/document.h"

namespace kinglet::templates::internal {

struct TypeInfo;

/// Wide enough for the product of two 256-bit numbers; fits_256() is asked after every operation.
using Integer = boost::multiprecision::int512_t;
/// -2^255 … 2^256-1: what Int256 and UInt256 hold together.
bool fits_256(const Integer& value);
bool fits(const Integer& value, int bits, bool is_signed);
std::string integer_text(const Integer& value);
/// Optional sign and decimal digits, nothing else; nothing beyond 256 bits.
std::optional<Integer> parse_integer(std::string_view text);

struct Value;
using Items = std::vector<Value>;
using Entries = std::vector<std::pair<std::string, Value>>;

/// A name that neither the request nor the template gave a value; `name` lives in the Program.
struct Undefined {
  const std::string* name = nullptr;
};
struct None {};
/// SQL text made by column(), sql_and(), tb_secret()…: can be printed and nothing else.
struct Fragment {
  std::string sql;
  bool secret = false;
};
// Shared and never changed after they are made: copying a list value is cheap.
using List = std::shared_ptr<const Items>;
using Dictionary = std::shared_ptr<const Entries>;

struct Value {
  std::variant<None, Undefined, bool, Integer, double, std::string, List, Dictionary, Fragment> data;
  const TypeInfo* type = nullptr;  // set by a type function: how it prints

  Value() = default;
  Value(Undefined v) : data(v) {}
  Value(bool v) : data(v) {}
  Value(Integer v) : data(std::move(v)) {}
  Value(double v) : data(v) {}
  Value(std::string v) : data(std::move(v)) {}
  Value(std::string_view v) : data(std::string(v)) {}
  Value(const char*) = delete;  // would become bool
  Value(Items v) : data(std::make_shared<const Items>(std::move(v))) {}
  Value(Entries v) : data(std::make_shared<const Entries>(std::move(v))) {}
  Value(Fragment v) : data(std::move(v)) {}

  template <class T>
  const T* as() const {
    return std::get_if<T>(&data);
  }
  bool is_undefined() const { return as<Undefined>() != nullptr; }
  bool is_none() const { return as<None>() != nullptr; }
  const std::string* text() const { return as<std::string>(); }
};

/// Python's truth: '', [], {}, 0, None and undefined are false.
bool truth(const Value& value);
/// "text", "number", "list"…, for messages.
std::string_view kind_name(const Value& value);
/// Text of a scalar as a request would have sent it; nothing for lists, dictionaries, None, fragments.
std::optional<std::string> scalar_text(const Value& value);
std::string real_text(double value);

Value from_json(const json::value& value);
/// Nothing when a fragment or an undefined value is inside. `budget` is lowered by one an item; nothing at zero.
std::optional<json::value> to_json(const Value& value, std::uint32_t& budget, int depth = 0);

}  // namespace kinglet::templates::internal
