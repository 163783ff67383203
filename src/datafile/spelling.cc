// SPDX-License-Identifier: Apache-2.0
// The nearest known word to a misspelt one, for hints.
#include "datafile/spelling.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "datafile/source.h"

namespace kinglet::datafile::internal {
namespace {
constexpr std::size_t word_bytes_max = 64;
}

std::size_t edit_distance(std::string_view left, std::string_view right) {
  if (left.size() > word_bytes_max || right.size() > word_bytes_max) return std::numeric_limits<std::size_t>::max();
  const std::string a = upper(left), b = upper(right);
  using Row = std::array<std::size_t, word_bytes_max + 1>;
  Row before_last{}, last{}, row{};
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = last;
    last = row;
  }
  return last[b.size()];
}

std::optional<std::string> nearest(std::string_view word, std::span<const std::string_view> candidates) {
  std::optional<std::string> best;
  std::size_t best_distance = std::min<std::size_t>(3, word.size() / 3) + 1;
  for (const auto candidate : candidates) {
    const auto distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = std::string(candidate);
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  const auto found = nearest(word, candidates);
  return found ? fmt::format("did you mean {}?", *found) : std::string();
}

}  // namespace kinglet::datafile::internal
