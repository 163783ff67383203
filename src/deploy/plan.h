// SPDX-License-Identifier: Apache-2.0
// Plan: the difference between a project and what a workspace has, and the checks that need no engine. Pure.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "catalog/snapshot.h"
#include "datafile/parse.h"
#include "query/composer.h"

namespace kinglet::deploy {

/// A materialized view that will stand: what fills which target by which statement.
struct ViewPlan {
  std::shared_ptr<const catalog::Pipe> pipe;
  std::size_t node = 0;
  std::string sql;                          // the printed SELECT
  std::shared_ptr<const sql::Query> query;  // what it was printed from
  std::vector<std::string> reads;           // data sources, by name
  std::string target;                       // data source, by name
  std::vector<std::string> columns;         // that the statement gives, in its order; known after the engine was asked
  bool is_new = false;                      // create it
  bool backfill = false;                    // fill the target from existing rows
  std::string replaced_view;                // physical name of the view that it replaces, or empty
};

/// Columns that come into a table that stands (platform.md 6.4).
struct TableGrowth {
  std::shared_ptr<const catalog::DataSource> source;  // as proposed
  std::vector<std::size_t> added;                     // by index of its definition's columns, in order
};

/// A node whose SQL the engine must accept.
struct NodeCheck {
  std::shared_ptr<const catalog::Pipe> pipe;
  std::size_t node = 0;
  query::Composed composed;
  /// Every optional parameter is there. Its branches may exclude each other, so a fault is no proof that a request will
  /// fail.
  bool all_defined = false;
};

struct Plan {
  std::vector<datafile::Diagnostic> diagnostics;
  catalog::Resources proposed;  // the workspace as it will be
  /// The same for asking the engine about nodes: data sources whose tables change have scratch tables of the new form.
  catalog::Resources checked;
  std::vector<std::shared_ptr<const catalog::DataSource>> scratch_tables;
  /// Data sources whose files have faults: no tables are made of them, and what reads them is not asked about.
  std::set<std::string, std::less<>> broken;
  catalog::DeploymentChange change;
  std::vector<std::shared_ptr<const catalog::DataSource>> new_tables;
  std::vector<TableGrowth> grown_tables;
  std::vector<std::shared_ptr<const catalog::DataSource>> dropped_tables;
  std::vector<std::string> dropped_views;  // physical names
  std::vector<ViewPlan> views;             // new or replaced ones, sources before targets
  std::vector<NodeCheck> checks;
  catalog::ChangeNames data_sources, pipes, connections;

  bool ok() const;
  bool no_changes() const;
};

/// `removing_allowed`: data sources may be removed with their rows.
Plan make_plan(const catalog::Workspace& workspace, const std::vector<datafile::SourceFile>& files,
               bool removing_allowed);

/// A finding about a node, with the position inside the node's SQL turned into one inside its file.
datafile::Diagnostic node_diagnostic(const catalog::Pipe& pipe, std::size_t node, const Error& error);

}  // namespace kinglet::deploy
