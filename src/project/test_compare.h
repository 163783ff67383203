// SPDX-License-Identifier: Apache-2.0
// What a test expected against what came: equal or not, and the difference for a reader.
#pragma once

#include <string>
#include <string_view>

namespace kinglet::project {

struct DifferenceLimits {
  static constexpr std::size_t lines_shown_max = 20;
  static constexpr std::size_t characters_shown_max = 160;   // of one line
  static constexpr std::size_t table_cells_max = 4'000'000;  // beyond it lines are paired by their number
};

/// Rows as NDJSON. Lines are compared one by one: equal bytes, or equal as JSON with the keys in the same order. So
/// `\/` and `/`, or 1 and 1.0, are the same; "1" and 1 are not. Line ends (CR LF, LF) and empty lines at the end do not
/// count.
bool same_rows(std::string_view expected, std::string_view actual);

/// The message of an error: text, without the white space at its end.
bool same_message(std::string_view expected, std::string_view actual);

/// Lines that are only expected start with "- ", lines that only came with "+ ". Then where the first pair differs, and
/// whether only the order does. Ends with a line end; empty when the texts are the same.
std::string show_difference(std::string_view expected, std::string_view actual);

namespace internal {
/// A line of JSON in one spelling: no white space outside of strings, one escape for each character, numbers as digits
/// and exponent without zeros at their ends. What is no JSON is left as it is.
std::string canonical_json(std::string_view line);
}  // namespace internal

}  // namespace kinglet::project
