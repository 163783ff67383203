// SPDX-License-Identifier: Apache-2.0
// The nearest known word to a misspelt one, for hints.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace kinglet::datafile::internal {

/// How many single-character edits or swaps of neighbours apart two words are, without regard to case.
/// Words longer than 64 bytes count as far apart.
std::size_t edit_distance(std::string_view a, std::string_view b);
/// The candidate nearest to `word`, if it is near enough to be what was meant (a third of its length, at most 3 edits).
std::optional<std::string> nearest(std::string_view word, std::span<const std::string_view> candidates);
/// "did you mean X?" or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace kinglet::datafile::internal
