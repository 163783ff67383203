// SPDX-License-Identifier: Apache-2.0
// The shortest way from one list to another: what stays, what goes, what comes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kinglet::project {

struct EditStep {
  enum class Side : std::uint8_t { both, before, after };
  Side side;
  std::size_t before, after;  // indexes; only of the side that the step is about
};

/// Steps from a list of `before` elements to one of `after`, as few that are not `both` as there can be; removals stand
/// before additions. `same(i, j)` compares two elements. What differs between the equal beginning and the equal end
/// costs a table of the product of both lengths, so `too_large(head, n, m, steps)` is asked first: true means that it
/// has written the steps of those n and m elements, which begin at index `head` in both lists.
template <class Same, class TooLarge>
std::vector<EditStep> edit_script(std::size_t before, std::size_t after, const Same& same, const TooLarge& too_large) {
  using Side = EditStep::Side;
  std::size_t head = 0, tail = 0;
  while (head < before && head < after && same(head, head)) ++head;
  while (tail < before - head && tail < after - head && same(before - 1 - tail, after - 1 - tail)) ++tail;
  const std::size_t n = before - head - tail, m = after - head - tail;
  std::vector<EditStep> steps;
  for (std::size_t i = 0; i < head; ++i) steps.push_back({Side::both, i, i});
  if (!too_large(head, n, m, steps)) {
    // common[i][j]: how many elements the lists share, in order, from i and j on.
    std::vector<std::uint32_t> common((n + 1) * (m + 1), 0);
    const auto cell = [&](std::size_t i, std::size_t j) -> std::uint32_t& { return common[i * (m + 1) + j]; };
    for (std::size_t i = n; i-- > 0;)
      for (std::size_t j = m; j-- > 0;)
        cell(i, j) = same(head + i, head + j) ? cell(i + 1, j + 1) + 1 : std::max(cell(i + 1, j), cell(i, j + 1));
    std::size_t i = 0, j = 0;
    while (i < n || j < m) {
      if (i < n && j < m && same(head + i, head + j))
        steps.push_back({Side::both, head + i++, head + j++});
      else if (i < n && (j == m || cell(i + 1, j) >= cell(i, j + 1)))
        steps.push_back({Side::before, head + i++, 0});
      else
        steps.push_back({Side::after, 0, head + j++});
    }
  }
  for (std::size_t i = 0; i < tail; ++i) steps.push_back({Side::both, before - tail + i, after - tail + i});
  return steps;
}

}  // namespace kinglet::project
