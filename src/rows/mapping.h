// SPDX-License-Identifier: Apache-2.0
// RowMapping: how the rows of one data source become columns. Compiled once, shared by all threads that ingest.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "datafile/model.h"
#include "engine/block.h"
#include "rows/convert.h"
#include "rows/mapping_options.h"

namespace kinglet::rows {

/// What stands in a column when a row has no value for it (spec/connectors.md 2.4).
enum class Absent : std::uint8_t {
  fault,           // the row is bad
  null,            // NULL
  engine_default,  // NULL in a Nullable that is sent for a column that is not: the engine evaluates the DEFAULT
  constant,        // a DEFAULT that we could evaluate, for Array, Map and Nullable columns
  left_out,        // any other DEFAULT of such a column: the row goes into a block without the column
};

struct MappedColumn {
  std::string name;
  std::string type_text;        // as declared, for messages
  engine::Type sent;            // the sent type, Nullable included
  internal::Converter convert;  // into the type inside the Nullable
  bool nullable = false;
  bool has_default = false;
  bool insertable = true;  // false for aggregate states: rows never carry it
  Absent absent = Absent::fault;
  std::optional<engine::Column> constant;  // one row
  std::uint32_t left_out_bit = 0;          // for Absent::left_out
  bool from_json = false;                  // has a path
  std::uint32_t node = 0;                  // where its path, up to the first `[:]`, ends in the trie
  std::vector<datafile::PathStep> steps;   // the rest of the path; empty when it is one `[:]` at the end

  /// An empty column in the form in which it is filled.
  engine::Column make_column() const;
};

/// One step of all paths. Nodes stand in preorder: the subtree of node n is [n, nodes[n].subtree_end).
struct PathNode {
  std::string key;
  bool plain = true;  // the key looks the same in JSON text
  bool has_columns = false;
  bool covered = false;  // a column takes this value whole: keys below are not unknown
  std::uint32_t parent = 0;
  std::uint32_t subtree_end = 0;
  std::vector<std::uint32_t> children;
  std::string path;  // "a.b", for reports
};

struct MappingLimits {
  static constexpr std::size_t columns_max = 4096;
  static constexpr std::size_t left_out_columns_max = 32;
  static constexpr std::size_t path_depth_max = 32;
};

/// Thread: any; immutable.
class RowMapping {
 public:
  /// Errors: invalid, naming the column: a type that we do not know, a path into a type that rows cannot carry.
  static Result<std::shared_ptr<const RowMapping>> compile(const datafile::DataSource& source,
                                                           const MappingOptions& options = {});

  const MappingOptions& options() const { return options_; }
  /// All columns of the data source, in its order.
  const std::vector<MappedColumn>& columns() const { return columns_; }
  /// Indexes of the columns that JSON rows fill: those with a path, or all when none has one (then by name).
  const std::vector<std::uint32_t>& json_columns() const { return json_columns_; }
  /// Indexes of the columns that CSV rows fill: all that rows can carry.
  const std::vector<std::uint32_t>& csv_columns() const { return csv_columns_; }
  const std::vector<PathNode>& nodes() const { return nodes_; }
  std::uint32_t zone_count() const { return zone_count_; }
  /// Index into columns(), or nothing.
  std::optional<std::uint32_t> find(std::string_view name) const;

 private:
  MappingOptions options_;
  std::vector<MappedColumn> columns_;
  std::vector<std::uint32_t> json_columns_, csv_columns_;
  std::vector<PathNode> nodes_;
  std::uint32_t zone_count_ = 0;
};

namespace internal {
/// A constant SQL expression as JSON text: literals, arrays, map(…), emptyArray…(). Nothing when it is anything else.
std::optional<std::string> constant_as_json(std::string_view expression);
}  // namespace internal

}  // namespace kinglet::rows
