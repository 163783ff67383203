// SPDX-License-Identifier: Apache-2.0
// The lines in which two texts differ.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kinglet::project {

struct DiffLine {
  enum class Kind : char { same = ' ', removed = '-', added = '+' };
  Kind kind = Kind::same;
  std::string_view text;  // without its line end
  bool operator==(const DiffLine&) const = default;
};

/// All lines of both, those they share once, as few removed and added as there can be. Two texts that differ in more
/// than 4,000,000 pairs of lines are told apart as a whole: all of the one, all of the other. Views into both texts.
std::vector<DiffLine> diff_lines(std::string_view before, std::string_view after);

/// The differences as `diff -u` writes them, with three lines around; empty when the texts are the same.
std::string unified_diff(std::string_view before, std::string_view after, std::string_view name);

}  // namespace kinglet::project
