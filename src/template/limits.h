// SPDX-License-Identifier: Apache-2.0
// Every limit of the template engine, by name. A /v0/sql caller writes templates, so each holds against an attacker.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kinglet::templates {

struct Limits {
  static constexpr std::size_t source_bytes_max = 1U << 20;  // text of one node
  static constexpr std::size_t output_bytes_max = 1U << 20;  // rendered SQL of one node
  static constexpr std::uint32_t loop_steps_max = 10'000;    // iterations of all loops of one rendering
  static constexpr std::uint32_t nesting_max = 100;          // calls, brackets, operators or blocks inside each other
  static constexpr std::size_t arguments_max = 255;          // of one call
  static constexpr std::size_t text_bytes_max = 1U << 20;    // one text value
  static constexpr std::size_t list_items_max = 100'000;     // one list or dictionary
  static constexpr std::size_t range_items_max = 10'000;     // range()
  /// Work of one rendering: one unit an expression, a list item, or 64 bytes of text. Holds where no loop is written:
  /// texts or lists that grow by doubling, lists that hold one another.
  static constexpr std::uint32_t work_max = 1'000'000;
  static constexpr std::size_t identifier_bytes_max = 256;  // column() and symbol()
  static constexpr std::size_t shown_bytes_max = 100;       // of a caller's value inside an error message
  static constexpr std::size_t shown_choices_max = 20;      // of enum= inside an error message
  static constexpr int threads_max = 64;                    // max_threads()
};

}  // namespace kinglet::templates
