// SPDX-License-Identifier: Apache-2.0
// The columns that nodes give and read, as far as the text tells without an engine.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "project/graph.h"

namespace kinglet::project {

struct KnownColumn {
  std::string name;
  std::string type = {};  // empty: only the engine knows
  std::string call = {};  // the function, when the column is the call of one
  bool operator==(const KnownColumn&) const = default;
};

/// What a table or query gives, in order.
struct KnownColumns {
  std::vector<KnownColumn> columns;
  bool complete = true;  // false: there may be others

  const KnownColumn* find(std::string_view name) const;
};

/// A column that is read and that nothing gives.
struct UnknownColumn {
  std::size_t text = 0;  // index in Graph::texts()
  datafile::Position position;
  std::string name;                     // with its table where it is written so
  std::vector<std::string> from;        // the tables it was looked for in
  std::vector<std::string> candidates;  // the columns these have
  bool certain = true;                  // false: only with parameters that may exclude each other
};

/// Reads all nodes. Says nothing about a column where a table function, an unknown table, COLUMNS('…'), or an
/// expression without alias may give it; in a template only about names that its text spells out.
class ColumnReader {
 public:
  explicit ColumnReader(const Graph& graph);
  /// What a node gives.
  const KnownColumns& of_node(std::size_t text) const { return given_[text]; }
  const std::vector<UnknownColumn>& unknown() const { return unknown_; }

 private:
  std::vector<KnownColumns> given_;
  std::vector<UnknownColumn> unknown_;
};

/// The declared columns of a data source and those that its connector adds.
KnownColumns columns_of(const datafile::DataSource& source);
/// The columns of its quarantine.
KnownColumns quarantine_columns_of(const datafile::DataSource& source);

/// Why a column of one type can never or not always go into another: they are of different families, or the target
/// holds less. Nullable, LowCardinality and SimpleAggregateFunction do not matter. Canonical type texts.
bool plainly_differs(std::string_view from, std::string_view to);

}  // namespace kinglet::project
