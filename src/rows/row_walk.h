// SPDX-License-Identifier: Apache-2.0
// One pass over a row: all of it is checked, and the place of each mapped value is noted.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "rows/mapping.h"
#include "rows/row_tokens.h"

namespace kinglet::rows::internal {

/// Finds the values of a mapping's nodes in rows. Remembers the order of keys from row to row. Thread: any, one at a
/// time.
class RowWalk {
 public:
  explicit RowWalk(const RowMapping& mapping);

  static constexpr std::uint32_t absent = UINT32_MAX;
  /// Reads the object at token 0 of `tokens`, from `first` on, and checks that nothing follows. False when it is not
  /// JSON or not an object. Then value(n) is the token of node n, the last one where a key occurs twice.
  bool read(const Tokens& tokens, std::uint32_t first);
  std::uint32_t value(std::uint32_t node) const { return values_[node]; }

  /// Keys without a column seen so far, as paths.
  const std::unordered_set<std::string, TextHash, std::equal_to<>>& unknown_keys() const { return unknown_; }
  void forget_unknown_keys() { unknown_.clear(); }
  static constexpr std::size_t unknown_keys_max = 64;
  static constexpr std::size_t unknown_key_bytes_max = 256;

 private:
  std::uint32_t walk(std::uint32_t node, std::uint32_t token, std::uint32_t depth_left);
  std::uint32_t find_child(std::uint32_t node, std::string_view key) const;
  void note_unknown(std::uint32_t node, std::string_view key);
  bool replace_value(std::uint32_t child, std::uint32_t token);

  const RowMapping& mapping_;
  const std::vector<PathNode>& nodes_;
  Tokens tokens_;
  std::vector<std::uint32_t> values_;
  std::vector<std::uint32_t> first_child_;  // of each node: the key that came first last time
  std::vector<std::uint32_t> next_key_;     // of each node: the key that came behind it last time
  std::vector<std::unordered_map<std::string_view, std::uint32_t>> tables_;  // of nodes with many children
  std::unordered_set<std::string, TextHash, std::equal_to<>> unknown_;
  std::string key_text_, unknown_text_;
};

}  // namespace kinglet::rows::internal
