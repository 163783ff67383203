// SPDX-License-Identifier: Apache-2.0
// Letters, digits and case of ASCII, whatever the locale.
#pragma once

#include <string>
#include <string_view>

namespace kinglet::ascii {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
/// What a name may begin with.
constexpr bool is_word_start(char c) {
  return is_letter(c) || c == '_';
}
constexpr bool is_word(char c) {
  return is_word_start(c) || is_digit(c);
}
constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
inline std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

}  // namespace kinglet::ascii
