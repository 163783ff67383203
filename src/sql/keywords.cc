// SPDX-License-Identifier: Apache-2.0
// Finds keywords in any case.
#include "sql/keywords.h"

#include <array>
#include <vector>

namespace kinglet::sql {
namespace {

constexpr std::size_t keyword_size_max = 12;

struct Entry {
  std::string_view name;
  Keyword keyword;
};

/// By first letter and size: one or two candidates for each word.
struct Table {
  std::array<std::array<std::vector<Entry>, keyword_size_max + 1>, 26> buckets;

  Table() {
    const auto add = [&](std::string_view name, Keyword keyword) {
      if (name.back() == '_') name.remove_suffix(1);
      buckets[static_cast<std::size_t>(name[0] - 'a')][name.size()].push_back({name, keyword});
    };
#define X(name) add(#name, Keyword::name);
    KINGLET_SQL_KEYWORDS(X)
#undef X
  }
};

bool equals_any_case(std::string_view word, std::string_view lower) {
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
  static const Table table;
  if (word.size() < 2 || word.size() > keyword_size_max) return Keyword::none;
  const char first = static_cast<char>(word[0] | 0x20);
  if (first < 'a' || first > 'z') return Keyword::none;
  for (const Entry& entry : table.buckets[static_cast<std::size_t>(first - 'a')][word.size()])
    if (equals_any_case(word, entry.name)) return entry.keyword;
  return Keyword::none;
}

}  // namespace kinglet::sql
