// SPDX-License-Identifier: Apache-2.0
// Exact arithmetic on decimal texts up to 256 bits.
#include "rows/convert_number.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

namespace kinglet::rows::internal {
namespace {

__extension__ using Wide = unsigned __int128;
using Words = std::array<std::uint64_t, 4>;

/// words = words × factor + addend; false on overflow.
bool multiply_add(Words& words, std::uint64_t factor, std::uint64_t addend) {
  Wide carry = addend;
  for (std::uint64_t& word : words) {
    carry += static_cast<Wide>(word) * factor;
    word = static_cast<std::uint64_t>(carry);
    carry >>= 64;
  }
  return carry == 0;
}

constexpr std::array<std::uint64_t, 20> powers = [] {
  std::array<std::uint64_t, 20> out{};
  out[0] = 1;
  for (std::size_t i = 1; i < out.size(); ++i) out[i] = out[i - 1] * 10;
  return out;
}();

bool is_zero(const Words& words) {
  return (words[0] | words[1] | words[2] | words[3]) == 0;
}

bool less(const Words& a, const Words& b) {
  for (int i = 3; i >= 0; --i)
    if (a[static_cast<std::size_t>(i)] != b[static_cast<std::size_t>(i)])
      return a[static_cast<std::size_t>(i)] < b[static_cast<std::size_t>(i)];
  return false;
}

/// 10^digits for digits up to 77.
Words power_of_ten(std::uint32_t digits) {
  Words out{1, 0, 0, 0};
  while (digits > 0) {
    const std::uint32_t step = digits < 19 ? digits : 19;
    multiply_add(out, powers[step], 0);
    digits -= step;
  }
  return out;
}

void add_words(const ExactInteger& value, std::uint32_t width, engine::Column& out) {
  Words words = value.magnitude;
  if (value.negative) {
    std::uint64_t carry = 1;
    for (std::uint64_t& word : words) {
      word = ~word + carry;
      carry = carry != 0 && word == 0 ? 1 : 0;
    }
  }
  static_assert(std::endian::native == std::endian::little, "values are stored as the machine holds them");
  (void)width;
  out.add_bytes(words.data());
}

/// Does the value fit an integer of `bits` bits?
bool fits(const ExactInteger& value, std::uint32_t bits, bool is_signed) {
  if (value.negative && !is_signed) return is_zero(value.magnitude);
  const std::uint32_t usable = is_signed ? bits - 1 : bits;
  if (usable == 256) return true;
  Words limit{};  // 2^usable
  limit[usable / 64] = std::uint64_t{1} << (usable % 64);
  return less(value.magnitude, limit) || (value.negative && value.magnitude == limit);
}

template <class T>
bool add_checked(std::int64_t value, engine::Column& out) {
  if (!std::in_range<T>(value)) return false;
  out.add(static_cast<T>(value));
  return true;
}

bool add_small(engine::Kind kind, std::int64_t value, engine::Column& out) {
  using enum engine::Kind;
  switch (kind) {
    case int8:
      return add_checked<std::int8_t>(value, out);
    case int16:
      return add_checked<std::int16_t>(value, out);
    case int32:
      return add_checked<std::int32_t>(value, out);
    case int64:
      return add_checked<std::int64_t>(value, out);
    case uint8:
      return add_checked<std::uint8_t>(value, out);
    case uint16:
      return add_checked<std::uint16_t>(value, out);
    case uint32:
      return add_checked<std::uint32_t>(value, out);
    default:
      return add_checked<std::uint64_t>(value, out);
  }
}

/// Up to 18 digits with an optional sign, nothing else.
bool read_short(std::string_view text, std::int64_t& value) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.size() > 18) return false;
  std::uint64_t sum = 0;
  for (const char c : text) {
    const auto digit = static_cast<unsigned char>(c - '0');
    if (digit > 9) return false;
    sum = sum * 10 + digit;
  }
  if (text[0] == '0' && text.size() > 1) return false;
  value = negative ? -static_cast<std::int64_t>(sum) : static_cast<std::int64_t>(sum);
  return true;
}

}  // namespace

namespace {

/// Digits with at most one point as mantissa / 10^fraction; both exact in the float type, so that one division rounds
/// rightly (Clinger 1990).
bool read_short_decimal(std::string_view text, std::size_t digits_max, bool& negative, std::uint64_t& mantissa,
                        std::size_t& fraction) {
  const char* at = text.data();
  const char* const end = at + text.size();
  negative = at != end && *at == '-';
  at += negative;
  if (static_cast<std::size_t>(end - at) > digits_max + 1) return false;
  const char* const front = at;
  mantissa = 0;
  const auto digits = [&] {
    const char* const start = at;
    for (; at != end; ++at) {
      const auto digit = static_cast<unsigned char>(*at - '0');
      if (digit > 9) break;
      mantissa = mantissa * 10 + digit;
    }
    return static_cast<std::size_t>(at - start);
  };
  const std::size_t whole = digits();
  if (whole == 0 || (whole > 1 && *front == '0')) return false;
  fraction = 0;
  if (at != end && *at == '.') {
    ++at;
    fraction = digits();
    if (fraction == 0) return false;
  }
  return at == end && whole + fraction <= digits_max;
}

template <class T, std::size_t digits_max>
bool add_short_float(std::string_view text, engine::Column& out) {
  static constexpr auto scale = [] {
    std::array<T, digits_max + 1> all{};
    T power = 1;
    for (auto& one : all) one = power, power *= 10;
    return all;
  }();
  bool negative = false;
  std::uint64_t mantissa = 0;
  std::size_t fraction = 0;
  if (!read_short_decimal(text, digits_max, negative, mantissa, fraction)) return false;
  const T value = static_cast<T>(mantissa) / scale[fraction];
  out.add(negative ? -value : value);
  return true;
}

}  // namespace

Quick add_quickly(const engine::Type& type, std::string_view text, engine::Column& out) {
  switch (type.kind) {
    case engine::Kind::float64:
      return add_short_float<double, 15>(text, out) ? Quick::added : Quick::other;
    case engine::Kind::float32:
      return add_short_float<float, 7>(text, out) ? Quick::added : Quick::other;
    default: {
      std::int64_t value = 0;
      if (!type.is_integer() || type.width > 8 || !read_short(text, value)) return Quick::other;
      return add_small(type.kind, value, out) ? Quick::added : Quick::refused;
    }
  }
}

bool scale_exactly(std::string_view number, std::uint32_t scale, ExactInteger& out) {
  out = {};
  out.negative = number[0] == '-';
  if (out.negative) number.remove_prefix(1);
  std::string_view mantissa = number;
  std::int64_t exponent = 0;
  if (const auto e = number.find_first_of("eE"); e != std::string_view::npos) {
    mantissa = number.substr(0, e);
    std::string_view digits = number.substr(e + 1);
    const bool down = digits[0] == '-';
    if (digits[0] == '-' || digits[0] == '+') digits.remove_prefix(1);
    // 10^9 is far beyond what any number of digits in one row could bring back.
    for (const char c : digits)
      if (exponent < 1'000'000'000) exponent = exponent * 10 + (c - '0');
    if (down) exponent = -exponent;
  }
  const auto point = mantissa.find('.');
  std::string_view front = mantissa.substr(0, point);
  std::string_view back = point == std::string_view::npos ? std::string_view{} : mantissa.substr(point + 1);
  // The digits of front and back in one row, without zeros at the start.
  while (!front.empty() && front[0] == '0') front.remove_prefix(1);
  const auto fraction = static_cast<std::int64_t>(back.size());
  if (front.empty())
    while (!back.empty() && back[0] == '0') back.remove_prefix(1);
  const auto count = static_cast<std::int64_t>(front.size() + back.size());
  if (count == 0) {
    return true;  // zero, also -0
  }
  const std::int64_t kept = count + exponent - fraction + scale;
  if (kept > 78) return false;
  std::int64_t taken = 0;
  std::uint64_t chunk = 0;
  std::uint32_t chunk_digits = 0;
  for (const std::string_view part : {front, back})
    for (const char c : part) {
      if (taken >= kept) {
        if (c != '0') out.exact = false;
        continue;
      }
      chunk = chunk * 10 + static_cast<std::uint64_t>(c - '0');
      ++taken;
      if (++chunk_digits == 19) {
        if (!multiply_add(out.magnitude, powers[19], chunk)) return false;
        chunk = chunk_digits = 0;
      }
    }
  if (!multiply_add(out.magnitude, powers[chunk_digits], chunk)) return false;
  for (; taken < kept; ++taken)
    if (!multiply_add(out.magnitude, 10, 0)) return false;
  return true;
}

bool to_int64(const ExactInteger& value, std::int64_t& out) {
  if (!fits(value, 64, true)) return false;
  out = static_cast<std::int64_t>(value.negative ? 0 - value.magnitude[0] : value.magnitude[0]);
  return true;
}

bool add_integer(const engine::Type& type, std::string_view number, engine::Column& out) {
  std::int64_t value = 0;
  if (type.width <= 8 && read_short(number, value)) return add_small(type.kind, value, out);
  ExactInteger exact;
  if (!scale_exactly(number, 0, exact) || !exact.exact || !fits(exact, type.width * 8, type.is_signed())) return false;
  add_words(exact, type.width, out);
  return true;
}

bool add_decimal(const engine::Type& type, std::string_view number, engine::Column& out) {
  ExactInteger exact;
  if (!scale_exactly(number, type.scale, exact) || !less(exact.magnitude, power_of_ten(type.precision))) return false;
  add_words(exact, type.width, out);
  return true;
}

namespace {
/// Out of range as from_chars says it: is it too large (not too small)?
bool is_huge(std::string_view number) {
  ExactInteger exact;
  return !scale_exactly(number, 0, exact) || !is_zero(exact.magnitude);
}

template <class T>
bool read_float(std::string_view number, T& value) {
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error == std::errc::result_out_of_range) {
    if (is_huge(number)) return false;
    value = number[0] == '-' ? T{-0.0} : T{0};
    return true;
  }
  return error == std::errc{} && std::isfinite(value);
}
}  // namespace

bool add_float(const engine::Type& type, std::string_view number, engine::Column& out) {
  if (type.kind == engine::Kind::float64) {
    double value = 0;
    if (!read_float(number, value)) return false;
    out.add(value);
    return true;
  }
  float value = 0;
  if (!read_float(number, value)) return false;
  if (type.kind == engine::Kind::bfloat16) {
    out.add(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16));
  } else {
    out.add(value);
  }
  return true;
}

}  // namespace kinglet::rows::internal
