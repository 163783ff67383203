// SPDX-License-Identifier: Apache-2.0
// Finds keywords in any case.
#include "sql/keywords.h"

#include <array>
#include <unordered_map>

namespace kinglet::sql {
namespace {

constexpr std::size_t keyword_size_max = 12;

std::unordered_map<std::string_view, Keyword> make_table() {
  std::unordered_map<std::string_view, Keyword> table;
  const auto add = [&](std::string_view name, Keyword keyword) {
    if (name.back() == '_') name.remove_suffix(1);
    table.emplace(name, keyword);
  };
#define X(name) add(#name, Keyword::name);
  KINGLET_SQL_KEYWORDS(X)
#undef X
  return table;
}

}  // namespace

Keyword find_keyword(std::string_view word) {
  static const auto table = make_table();
  if (word.size() < 2 || word.size() > keyword_size_max) return Keyword::none;
  std::array<char, keyword_size_max> lower{};
  for (std::size_t i = 0; i < word.size(); ++i) {
    const char c = word[i];
    lower[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  const auto found = table.find(std::string_view(lower.data(), word.size()));
  return found == table.end() ? Keyword::none : found->second;
}

}  // namespace kinglet::sql
