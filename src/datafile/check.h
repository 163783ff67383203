// SPDX-License-Identifier: Apache-2.0
// Checks of the texts inside a parsed project: templates compile, SQL parses.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "datafile/model.h"
#include "sql/ast.h"
#include "template/template.h"

namespace kinglet::datafile {

/// One node's SQL as it was read.
struct NodeText {
  const Pipe* pipe = nullptr;
  std::size_t index = 0;  // in pipe->nodes
  bool is_template = false;
  std::vector<templates::Parameter> parameters;
  /// What it asks without optional parameters, then with all of them when that differs. None: it has faults.
  std::vector<std::shared_ptr<const sql::Query>> queries;
  /// What it asks in branches that neither of these takes, as far as that can be read. At most branches_max.
  std::vector<std::shared_ptr<const sql::Query>> branches;
  static constexpr std::size_t branches_max = 64;
  /// What the resolver (sql/resolve.h) refuses in the queries if every table is there: unknown functions, what no query
  /// may call, settings. At most one a query; none unless Calls::checked.
  std::vector<Diagnostic> refused;

  const Node& node() const { return pipe->nodes[index]; }
};

/// Are functions, table functions and settings of the nodes looked up?
enum class Calls : std::uint8_t { left, checked };

/// What is wrong inside the nodes of all pipes and the expressions of all data sources: template syntax, SQL syntax
/// (templates are rendered with stand-ins first), parameters in materialized pipes. Positions are places in the files.
/// Names in the SQL are not resolved here. `texts`, when given, gets every node of every pipe, in order; it points into
/// `project`. Thread: any. Cost: about 50 µs a node.
std::vector<Diagnostic> check_project(const Project& project, std::vector<NodeText>* texts = nullptr,
                                      Calls calls = Calls::left);

/// A place inside a node's SQL as a place in its file. Line 0: the start of the SQL.
Position place_in_file(const Node& node, std::uint32_t line, std::uint32_t column);

/// Brings the findings of several checks into the order of reading: by file, line, column.
void sort_diagnostics(std::vector<Diagnostic>& diagnostics);

}  // namespace kinglet::datafile
