// SPDX-License-Identifier: Apache-2.0
// Operators of expressions, with Python's meaning: arithmetic to 256 bits, comparison, membership, index and slice.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "template/evaluator.h"
#include "template/types.h"

namespace kinglet::templates::internal {

using Kind = Expression::Kind;
using ErrorKind = RenderError::Kind;

bool Evaluator::evaluate_arithmetic(const Expression& expression, Value& out) {
  if (!evaluate(*expression.children[0], out) || !defined_value(*expression.children[0], out)) return false;
  for (std::size_t i = 0; i < expression.operators.size(); ++i) {
    Value right;
    const auto& child = *expression.children[i + 1];
    if (!evaluate(child, right) || !defined_value(child, right)) return false;
    if (!arithmetic(expression.operators[i], out, right, expression.offset)) return false;
  }
  return true;
}

namespace {

constexpr std::string_view symbol_of(Operator op) {
  constexpr std::string_view symbols[] = {
      "+", "-", "*", "/", "//", "%", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "is", "is not"};
  return symbols[static_cast<std::size_t>(op)];
}

/// Numbers for arithmetic and order; booleans count as 0 and 1, as in Python.
const Integer* as_integer(const Value& value, Integer& held) {
  if (const auto* number = value.as<Integer>()) return number;
  if (const auto* flag = value.as<bool>()) {
    held = *flag ? 1 : 0;
    return &held;
  }
  return nullptr;
}
std::optional<double> as_real(const Value& value) {
  if (const auto* real = value.as<double>()) return *real;
  if (const auto* number = value.as<Integer>()) return static_cast<double>(*number);
  if (const auto* flag = value.as<bool>()) return *flag ? 1.0 : 0.0;
  return std::nullopt;
}

}  // namespace

bool Evaluator::arithmetic(Operator op, Value& left, const Value& right, std::size_t offset) {
  if (op == Operator::add) {
    if (left.text() != nullptr && right.text() != nullptr) {
      if (!charge_text(left.text()->size() + right.text()->size(), offset)) return false;
      std::string joined = *left.text();
      joined += *right.text();
      left = Value(std::move(joined));
      return true;
    }
    if (left.as<List>() != nullptr && right.as<List>() != nullptr) {
      const auto& a = **left.as<List>();
      const auto& b = **right.as<List>();
      if (a.size() + b.size() > Limits::list_items_max)
        return fail(ErrorKind::limit, offset, fmt::format("a list of more than {} items", Limits::list_items_max));
      if (!charge(a.size() + b.size(), offset)) return false;
      Items joined(a);
      joined.insert(joined.end(), b.begin(), b.end());
      left = Value(std::move(joined));
      return true;
    }
  }
  Integer left_held;
  Integer right_held;
  const auto* a = as_integer(left, left_held);
  const auto* b = as_integer(right, right_held);
  if (a != nullptr && b != nullptr && op != Operator::divide) {
    Integer result;
    if ((op == Operator::floor_divide || op == Operator::modulo) && *b == 0) return refuse(offset, "division by zero");
    switch (op) {
      case Operator::add:
        result = *a + *b;
        break;
      case Operator::subtract:
        result = *a - *b;
        break;
      case Operator::multiply:
        result = *a * *b;
        break;
      default: {
        Integer quotient = *a / *b;
        Integer rest = *a % *b;
        if (rest != 0 && (rest < 0) != (*b < 0)) {  // Python rounds down, C++ towards zero
          quotient -= 1;
          rest += *b;
        }
        result = op == Operator::floor_divide ? quotient : rest;
      }
    }
    if (!fits_256(result)) return refuse(offset, "an integer beyond 256 bits");
    left = Value(std::move(result));
    return true;
  }
  const auto x = as_real(left);
  const auto y = as_real(right);
  if (!x || !y) {
    std::string message = fmt::format("'{}' between {} and {}", symbol_of(op), kind_name(left), kind_name(right));
    if ((left.text() != nullptr) != (right.text() != nullptr))
      message += "; parameters are texts until a type function such as Int32() is put around them";
    return refuse(offset, std::move(message));
  }
  double result = 0;
  switch (op) {
    case Operator::add:
      result = *x + *y;
      break;
    case Operator::subtract:
      result = *x - *y;
      break;
    case Operator::multiply:
      result = *x * *y;
      break;
    default:
      if (*y == 0) return refuse(offset, "division by zero");
      if (op == Operator::divide) result = *x / *y;
      if (op == Operator::floor_divide) result = std::floor(*x / *y);
      if (op == Operator::modulo) result = *x - *y * std::floor(*x / *y);
  }
  if (!std::isfinite(result)) return refuse(offset, "a number out of range");
  left = Value(result);
  return true;
}

bool Evaluator::evaluate_comparison(const Expression& expression, Value& out) {
  Value left;
  if (!evaluate(*expression.children[0], left)) return false;
  for (std::size_t i = 0; i < expression.operators.size(); ++i) {
    Value right;
    if (!evaluate(*expression.children[i + 1], right)) return false;
    const auto op = expression.operators[i];
    if (op == Operator::less || op == Operator::less_equal || op == Operator::greater ||
        op == Operator::greater_equal) {
      if (!defined_value(*expression.children[i], left) || !defined_value(*expression.children[i + 1], right))
        return false;
    }
    bool holds = false;
    if (!compare(op, left, right, holds, expression.offset)) return false;
    if (!holds) {
      out = Value(false);
      return true;
    }
    left = std::move(right);
  }
  out = Value(true);
  return true;
}

bool Evaluator::compare(Operator op, const Value& left, const Value& right, bool& out, std::size_t offset) {
  switch (op) {
    case Operator::equal:
    case Operator::not_equal:
    case Operator::is:
    case Operator::is_not:
      if (!equal(left, right, out)) return false;
      if (op == Operator::not_equal || op == Operator::is_not) out = !out;
      return true;
    case Operator::in:
    case Operator::not_in:
      if (!contains(right, left, out, offset)) return false;
      if (op == Operator::not_in) out = !out;
      return true;
    default:
      break;
  }
  int order = 0;
  Integer left_held;
  Integer right_held;
  const auto* a = as_integer(left, left_held);
  const auto* b = as_integer(right, right_held);
  if (a != nullptr && b != nullptr) {
    order = *a < *b ? -1 : *a > *b ? 1 : 0;
  } else if (left.text() != nullptr && right.text() != nullptr) {
    if (!charge_text(std::min(left.text()->size(), right.text()->size()), offset)) return false;
    const int compared = left.text()->compare(*right.text());
    order = compared < 0 ? -1 : compared > 0 ? 1 : 0;
  } else {
    const auto x = as_real(left);
    const auto y = as_real(right);
    if (!x || !y) {
      if (input_.stand_ins != StandIns::off) {  // the values are ours, so their kinds prove nothing
        out = false;
        return true;
      }
      std::string message = fmt::format("'{}' between {} and {}", symbol_of(op), kind_name(left), kind_name(right));
      if ((left.text() != nullptr) != (right.text() != nullptr))
        message += "; parameters are texts until a type function such as Int32() is put around them";
      return refuse(offset, std::move(message));
    }
    order = *x < *y ? -1 : *x > *y ? 1 : 0;
  }
  out = op == Operator::less         ? order < 0
        : op == Operator::less_equal ? order <= 0
        : op == Operator::greater    ? order > 0
                                     : order >= 0;
  return true;
}

bool Evaluator::equal(const Value& left, const Value& right, bool& out, int depth) {
  out = false;
  if (!charge(1, 0)) return false;
  if (depth > 64) return fail(ErrorKind::limit, 0, "lists nested too deeply to compare");
  if (left.is_undefined() || right.is_undefined()) return true;
  if (left.is_none() || right.is_none()) {
    out = left.is_none() && right.is_none();
    return true;
  }
  if (left.text() != nullptr && right.text() != nullptr) {
    if (left.text()->size() == right.text()->size() && !charge_text(left.text()->size(), 0)) return false;
    out = *left.text() == *right.text();
    return true;
  }
  if (const auto* a = left.as<List>()) {
    if (const auto* b = right.as<List>()) {
      if ((*a)->size() != (*b)->size()) return true;
      for (std::size_t i = 0; i < (*a)->size(); ++i) {
        if (!equal((**a)[i], (**b)[i], out, depth + 1)) return false;
        if (!out) return true;
      }
      out = true;
      return true;
    }
    // An Array parameter of one element beside a text: `level != 'ERROR'`.
    if (right.text() != nullptr && (*a)->size() == 1 && (**a)[0].text() != nullptr)
      out = *(**a)[0].text() == *right.text();
    return true;
  }
  if (right.as<List>() != nullptr) return equal(right, left, out, depth + 1);
  if (const auto* a = left.as<Dictionary>()) {
    const auto* b = right.as<Dictionary>();
    if (b == nullptr || (*a)->size() != (*b)->size()) return true;
    for (const auto& [key, value] : **a) {
      if (!charge((*b)->size(), 0)) return false;
      const auto other =
          std::find_if((*b)->begin(), (*b)->end(), [&](const auto& entry) { return entry.first == key; });
      out = false;
      if (other == (*b)->end()) return true;
      if (!equal(value, other->second, out, depth + 1)) return false;
      if (!out) return true;
    }
    out = true;
    return true;
  }
  Integer left_held;
  Integer right_held;
  const auto* a = as_integer(left, left_held);
  const auto* b = as_integer(right, right_held);
  if (a != nullptr && b != nullptr) {
    out = *a == *b;
    return true;
  }
  const auto x = as_real(left);
  const auto y = as_real(right);
  out = x && y && *x == *y;
  return true;
}

bool Evaluator::contains(const Value& whole, const Value& item, bool& out, std::size_t offset) {
  out = false;
  if (whole.is_undefined()) return true;  // as `==`: nothing is in what was not sent
  if (const auto* list = whole.as<List>()) {
    for (const auto& candidate : **list) {
      if (!equal(item, candidate, out)) return false;
      if (out) return true;
    }
    return true;
  }
  if (const auto* dictionary = whole.as<Dictionary>()) {
    if (item.text() == nullptr) return true;
    if (!charge((*dictionary)->size(), offset)) return false;
    out = std::any_of((*dictionary)->begin(), (*dictionary)->end(),
                      [&](const auto& entry) { return entry.first == *item.text(); });
    return true;
  }
  if (whole.text() != nullptr) {
    if (item.is_undefined()) return true;
    if (item.text() != nullptr) {
      if (!charge_text(whole.text()->size(), offset)) return false;
      out = whole.text()->find(*item.text()) != std::string::npos;
      return true;
    }
  }
  return refuse(offset, fmt::format("'in' needs a list on its right side, not {}", kind_name(whole)));
}

bool Evaluator::evaluate_index(const Expression& expression, Value& out) {
  const auto& child = *expression.children[0];
  Value object;
  if (!evaluate(child, object) || !defined_value(child, object)) return false;
  const auto bound = [&](std::size_t i, std::int64_t otherwise, std::int64_t size, std::int64_t& at) {
    at = otherwise;
    if (expression.children[i] == nullptr) return true;
    Value value;
    if (!evaluate(*expression.children[i], value) || !defined_value(*expression.children[i], value)) return false;
    const auto* number = value.as<Integer>();
    if (number == nullptr)
      return refuse(expression.children[i]->offset,
                    fmt::format("an index must be an integer, not {}", kind_name(value)));
    const std::int64_t far = std::int64_t{1} << 40;
    at = *number > far ? far : *number < -far ? -far : static_cast<std::int64_t>(*number);
    if (at < 0) at += size;
    return true;
  };
  if (const auto* dictionary = object.as<Dictionary>(); dictionary != nullptr && expression.kind == Kind::index) {
    Value key;
    if (!evaluate(*expression.children[1], key) || !charge((*dictionary)->size() / 8, expression.offset)) return false;
    const auto name = scalar_text(key);
    for (const auto& [known, value] : **dictionary) {
      if (!name || known != *name) continue;
      out = value;
      return true;
    }
    if (input_.stand_ins != StandIns::off) {
      out = Value(stand_in_text);
      return true;
    }
    return refuse(expression.offset, fmt::format("no key '{}'", shown(name.value_or("?"))));
  }
  const auto* list = object.as<List>();
  const auto* text = object.text();
  if (list == nullptr && text == nullptr)
    return refuse(expression.offset, fmt::format("{} has no items", kind_name(object)));
  const auto size = static_cast<std::int64_t>(list != nullptr ? (*list)->size() : text->size());
  // Text is indexed by bytes only where that is the same as by characters.
  if (text != nullptr &&
      std::any_of(text->begin(), text->end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
    return refuse(expression.offset, "only texts of ASCII characters can be cut by position");
  std::int64_t low = 0;
  if (!bound(1, 0, size, low)) return false;
  if (expression.kind == Kind::index) {
    if (low < 0 || low >= size) {
      if (input_.stand_ins != StandIns::off) {
        out = Value(stand_in_text);
        return true;
      }
      return refuse(expression.offset, fmt::format("index out of range: {} of {} items", low, size));
    }
    if (list != nullptr)
      out = (**list)[static_cast<std::size_t>(low)];
    else
      out = Value(std::string_view(*text).substr(static_cast<std::size_t>(low), 1));
    return true;
  }
  std::int64_t high = 0;
  if (!bound(2, size, size, high)) return false;
  low = std::clamp<std::int64_t>(low, 0, size);
  high = std::clamp<std::int64_t>(high, low, size);
  if (!charge(static_cast<std::size_t>(high - low), expression.offset)) return false;
  if (list != nullptr)
    out = Value(Items((*list)->begin() + low, (*list)->begin() + high));
  else
    out = Value(std::string_view(*text).substr(static_cast<std::size_t>(low), static_cast<std::size_t>(high - low)));
  return true;
}

}  // namespace kinglet::templates::internal
