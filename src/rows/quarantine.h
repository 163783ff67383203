// SPDX-License-Identifier: Apache-2.0
// The quarantine block of a data source: bad rows whole, as text, with the reason for each bad column.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/block.h"
#include "rows/convert.h"
#include "rows/mapping.h"

namespace kinglet::rows {

struct QuarantineLimits {
  /// Of a value inside an error text; the value's own column holds all of it.
  static constexpr std::size_t error_value_bytes_max = 256;
  /// Of a line that is not JSON; nothing else is kept of it.
  static constexpr std::size_t line_bytes_max = 4096;
};

/// The text of c__error. `value` is what was received, unquoted.
std::string quarantine_error(internal::Fault fault, std::string_view value, std::string_view column,
                             std::string_view type);

/// At most `bytes_max` bytes of `text`, cut between characters, valid UTF-8.
std::string shorten(std::string_view text, std::size_t bytes_max);

/// Names and types of the quarantine table's columns, in order: docs/formats/quarantine.md.
std::vector<std::pair<std::string, std::string>> quarantine_columns(const datafile::DataSource& source);

/// Builds quarantine rows. Thread: any, one at a time.
class QuarantineBuilder {
 public:
  explicit QuarantineBuilder(const RowMapping& mapping) : mapping_(mapping) {}

  struct Failure {
    std::uint32_t column = 0;  // index into RowMapping::columns()
    std::string error;
  };
  /// `values[i]` is column i as received; nothing when it was absent or null.
  void add_row(const std::vector<std::optional<std::string>>& values, const std::vector<Failure>& failures,
               std::string_view import_id, std::uint32_t now_seconds);
  /// A line that is no row: all columns NULL, `error` alone in c__error.
  void add_line(std::string_view error, std::string_view import_id, std::uint32_t now_seconds);

  const engine::Block& block() const { return block_; }
  engine::Block take() { return std::exchange(block_, {}); }
  void clear() { block_.clear(); }
  /// Takes a block of this builder back for its memory.
  void recycle(engine::Block&& block);

 private:
  void begin_row(std::string_view import_id);
  void add_columns();

  const RowMapping& mapping_;
  engine::Block block_;  // without columns until the first row: most batches have no bad one
};

}  // namespace kinglet::rows
