// SPDX-License-Identifier: Apache-2.0
// Which known word a misspelt one probably meant.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace kinglet {

/// Changes, insertions, removals and swaps of neighbours that turn one word into the other; case does not count. Words
/// of more than 64 bytes are far from everything.
std::size_t edit_distance(std::string_view a, std::string_view b);
/// The first of the nearest candidates, when it is near enough to be meant (at most a third of the word, at most 3);
/// else empty. Cost: 100 ns a candidate.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);
/// "did you mean X?", or empty: a hint for messages.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace kinglet
