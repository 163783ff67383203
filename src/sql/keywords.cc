// SPDX-License-Identifier: Apache-2.0
// Finds keywords in any case.
#include "sql/keywords.h"

#include <array>

namespace kinglet::sql {
namespace {

constexpr std::size_t keyword_size_min = 2;
constexpr std::size_t keyword_size_max = 12;

/// By the number of the keyword, in small.
constexpr auto spellings = [] {
  auto all = std::to_array<std::string_view>({"",
#define X(name) #name,
                                              KINGLET_SQL_KEYWORDS(X)
#undef X
  });
  for (auto& one : all)
    if (one.ends_with('_')) one.remove_suffix(1);
  return all;
}();

constexpr std::size_t slots = 1024;

/// Nearly perfect for the keywords: two of them stand beside their slot. Any case gives the same.
constexpr std::size_t first_slot(std::string_view word) {
  const auto small = [](char c) { return static_cast<unsigned char>(c) | 0x20u; };
  return (small(word.front()) * 50 + small(word[1]) + small(word.back()) * 33 + word.size() * 7) % slots;
}

/// A hash table with linear probing.
constexpr auto table = [] {
  std::array<Keyword, slots> made{};
  for (std::size_t i = 1; i < spellings.size(); ++i) {
    std::size_t slot = first_slot(spellings[i]);
    while (made[slot] != Keyword::none) slot = (slot + 1) % slots;
    made[slot] = static_cast<Keyword>(i);
  }
  return made;
}();

bool equals_any_case(std::string_view word, std::string_view lower) {
  if (word.size() != lower.size()) return false;
  for (std::size_t i = 0; i < lower.size(); ++i)
    if ((word[i] | 0x20) != lower[i]) return false;
  return true;
}

/// Both kinds of aliases.
bool blocks_any_alias(Keyword keyword) {
  using enum Keyword;
  switch (keyword) {
    case all:
    case anti:
    case any:
    case array:
    case as:
    case asof:
    case between:
    case cross:
    case else_:
    case except:
    case fetch:
    case final_:
    case format:
    case from:
    case full:
    case global:
    case group:
    case having:
    case ilike:
    case inner:
    case intersect:
    case into:
    case join:
    case left:
    case like:
    case limit_:
    case natural:
    case not_:
    case offset:
    case on:
    case only:
    case order:
    case parallel:
    case paste:
    case prewhere:
    case qualify:
    case right:
    case sample:
    case semi:
    case settings:
    case stream:
    case union_:
    case using_:
    case where:
    case window:
    case with:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool blocks_table_alias(Keyword keyword) {
  return keyword == Keyword::uuid || keyword == Keyword::select || blocks_any_alias(keyword);
}

bool blocks_column_alias(Keyword keyword) {
  using enum Keyword;
  for (const Keyword word : {and_, or_, in, is, div, mod, regexp})
    if (keyword == word) return true;
  return blocks_any_alias(keyword);
}

Keyword find_keyword(std::string_view word) {
  if (word.size() < keyword_size_min || word.size() > keyword_size_max) return Keyword::none;
  for (std::size_t slot = first_slot(word); table[slot] != Keyword::none; slot = (slot + 1) % slots)
    if (equals_any_case(word, spellings[static_cast<std::size_t>(table[slot])])) return table[slot];
  return Keyword::none;
}

}  // namespace kinglet::sql
