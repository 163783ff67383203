// SPDX-License-Identifier: Apache-2.0
#include "base/ids.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/random.h"

namespace kinglet {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

void append_hex(std::string& out, std::uint64_t number) {
  for (int shift = 60; shift >= 0; shift -= 4) out.push_back(hex_digits[(number >> shift) & 15]);
}

}  // namespace

std::string make_uuid() {
  const std::uint64_t high = (random_uint64() & ~0xF000ULL) | 0x4000ULL;
  const std::uint64_t low = (random_uint64() & ~(3ULL << 62)) | (2ULL << 62);
  std::string digits;
  append_hex(digits, high);
  append_hex(digits, low);
  for (const std::size_t dash : {20U, 16U, 12U, 8U}) digits.insert(dash, 1, '-');
  return digits;
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !is_hex(text[i])) return false;
  }
  return true;
}

std::string make_ulid() {
  static constexpr std::string_view digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  const auto now =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count());
  thread_local std::uint64_t last_time = 0;
  thread_local std::uint64_t random_high = 0;  // 16 bits
  thread_local std::uint64_t random_low = 0;   // 64 bits
  if (now > last_time) {
    last_time = now;
    random_high = random_uint64() & 0xFFFF;
    random_low = random_uint64();
  } else if (++random_low == 0) {
    // Within a millisecond, or when the clock went back, the number counts up.
    random_high = (random_high + 1) & 0xFFFF;
  }
  std::string text(26, '0');
  for (std::size_t i = 0; i < 10; ++i) text[9 - i] = digits[(last_time >> (5 * i)) & 31];
  std::uint64_t high = random_high;
  std::uint64_t low = random_low;
  for (std::size_t i = 0; i < 16; ++i) {
    text[25 - i] = digits[low & 31];
    low = (low >> 5) | (high << 59);
    high >>= 5;
  }
  return text;
}

std::string make_resource_id() {
  std::string text = "t_";
  append_hex(text, random_uint64());
  append_hex(text, random_uint64());
  return text;
}

bool is_resource_id(std::string_view text) {
  if (text.size() != 34 || !text.starts_with("t_")) return false;
  return std::all_of(text.begin() + 2, text.end(), is_hex);
}

}  // namespace kinglet
