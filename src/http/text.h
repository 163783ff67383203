// SPDX-License-Identifier: Apache-2.0
// Comparing and trimming header text: ASCII only, no locale.
#pragma once

#include <string_view>

namespace kinglet::http {

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

constexpr bool same_text(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// True when the comma list `value` (as of Connection or TE) holds `token`, parameters after ';' ignored.
constexpr bool list_contains(std::string_view value, std::string_view token) {
  while (!value.empty()) {
    const std::size_t end = value.find(',') == std::string_view::npos ? value.size() : value.find(',');
    std::string_view item = value.substr(0, end);
    item = trim(item.substr(0, item.find(';')));
    if (same_text(item, token)) return true;
    value.remove_prefix(end == value.size() ? end : end + 1);
  }
  return false;
}

}  // namespace kinglet::http
