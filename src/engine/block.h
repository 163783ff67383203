// SPDX-License-Identifier: Apache-2.0
// A Native block: named columns of equal length, what one INSERT carries and what the spool stores.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/column.h"

namespace kinglet::engine {

/// Rows for one table, column-major. encode() writes exactly the bytes of spec/native-format.md 3, revision 0.
/// Thread: any, one at a time.
class Block {
 public:
  struct Entry {
    std::string name;
    Column column;
    /// Name and type as encode() writes them, made by the first call: of the column as it is, and as a plain default.
    mutable std::string head = {}, plain_head = {};
  };

  void add(std::string name, Column column) { entries_.push_back({std::move(name), std::move(column)}); }
  std::size_t column_count() const { return entries_.size(); }
  std::size_t row_count() const { return entries_.empty() ? 0 : entries_[0].column.size(); }
  bool empty() const { return row_count() == 0; }
  std::size_t byte_size() const;
  std::size_t memory() const;
  Column& column(std::size_t index) { return entries_[index].column; }
  const Column& column(std::size_t index) const { return entries_[index].column; }
  const std::vector<Entry>& entries() const { return entries_; }
  /// Names for the column list of the INSERT; a Nested column gives one name for each element.
  std::vector<std::string> column_names() const;
  /// Are column_names() these?
  bool has_columns(const std::vector<std::string>& names) const;

  void truncate(std::size_t rows);
  void clear() { truncate(0); }
  /// Appends the rows of a block with the same columns in the same order. Errors: invalid; this block is then
  /// unchanged.
  Status append(const Block& other);
  /// The same check without doing it.
  bool can_append(const Block& other) const;

  /// Appends one block of bytes to `out`. Rows and columns must be there: an empty block would end the engine's input
  /// (native-format.md rule 2).
  void encode(std::string& out) const;
  /// Reads exactly one block that encode() has written. Errors: invalid.
  static Result<Block> decode(std::string_view bytes);

 private:
  std::vector<Entry> entries_;
};

}  // namespace kinglet::engine
