// SPDX-License-Identifier: Apache-2.0
// Names to data: every table, function, type, setting and format of a query is looked up or refused.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "sql/ast.h"
#include "sql/parser.h"

namespace kinglet::sql {

/// A table of the engine; printed as `database`.`table` AS `name`.
struct PhysicalTable {
  std::string database;
  std::string table;
};

/// A node or pipe that is resolved already; printed as (…) AS `name`.
struct Inlined {
  std::shared_ptr<const Query> query;
};

using Target = std::variant<PhysicalTable, Inlined>;

/// What the names of a query mean: nodes, data sources, pipes and service data sources, as the caller may see them.
class Scope {
 public:
  virtual ~Scope() = default;

  /// `name` as written: one part, or two with a dot ("tinybird.pipe_stats").
  ///
  /// Called once for each use, in the order of the text; nodes are rendered then, and not before.
  /// Errors: not_found or forbidden, which the user sees as one and the same; any other error ends resolve() as it is.
  /// Their hint is shown: it may name only what the caller may see.
  virtual Result<Target> table(std::string_view name, Position where) = 0;
};

struct ResolveOptions {
  bool settings = false;         // a SETTINGS clause of the outermost query is taken off and reported
  bool format = false;           // so is FORMAT
  bool external_tables = false;  // s3(), url(), postgresql() …: for jobs that may leave the host
};

struct Resolved {
  Query query;                              // resolved in place; query.text is what to send
  std::vector<std::string> tables;          // names that Scope answered, each once, in order
  std::vector<std::string_view> functions;  // operators by their function's name; at each use, in the tree's memory
  std::vector<std::string> table_functions;
  std::vector<std::string> ctes;      // CTEs that are read
  std::optional<std::string> format;  // in the engine's spelling
  std::vector<std::pair<std::string, std::string>> settings;
  bool has_limit = false;  // of the outermost SELECT
  bool has_totals = false;
};

/// Limits that count after inlining.
struct ResolveLimits {
  static constexpr std::uint32_t queries = 300;
  static constexpr std::uint32_t query_depth = 40;
  static constexpr std::uint32_t tree_height = 900;
  static constexpr std::uint32_t between_depth = 2;
  static constexpr std::size_t text_bytes = 1024 * 1024;
};

/// Resolves `query` against `scope` and prints it.
///
/// Errors: invalid, with line and column, for unknown names and broken limits; forbidden for what exists in the engine
/// but is not available; what Scope fails with.
/// Source: docs/design/0002-sql-front-end.md.
Result<Resolved> resolve(Query query, Scope& scope, const ResolveOptions& options = {});

/// What a text reads, before anything can be resolved: for graphs and `used_by`.
struct Reads {
  std::vector<std::string> tables;        // in a table position, CTEs taken off
  std::vector<std::string> maybe_tables;  // right of IN: a table only if no column has the name
  std::vector<std::string> table_functions;
};
Reads names_read(const Query& query);

/// Checks an expression that is not part of a query (row filter, delete condition, DEFAULT, key, TTL): functions,
/// types, virtual columns; no tables. `where_from` leads the messages, e.g. "filter".
Status check_expression(const Expression& expression);

/// Parses, checks and prints such an expression: the text to give to the engine.
Result<std::string> checked_expression(std::string_view text);

/// The columns that an expression names (first part of each), each once, lambda parameters taken off.
std::vector<std::string> columns_read(const Expression& expression);

}  // namespace kinglet::sql
