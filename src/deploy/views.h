// SPDX-License-Identifier: Apache-2.0
// The materialized views of a workspace as they stand: which statement fills which table.
#pragma once

#include <string>
#include <vector>

#include "catalog/snapshot.h"
#include "deploy/target_fit.h"
#include "query/composer.h"
#include "query/runner.h"

namespace kinglet::deploy {

struct LiveView {
  std::string name;                // physical
  std::string sql;                 // printed SELECT
  std::vector<std::string> reads;  // data sources, by name
  std::string target;              // data source, by name
};

/// Sources before targets. `resources` may name other tables than the live ones. Errors: invalid (a pipe that no longer
/// composes; never seen after a deployment).
Result<std::vector<LiveView>> live_views(const catalog::Resources& resources, std::string_view database);

/// The columns that a statement gives, in its order, as the engine says; no table is read. Errors: as Runner::whole.
Task<Result<std::vector<OutputColumn>>> output_columns(query::Runner& runner, const query::Composed& composed);

/// `CREATE MATERIALIZED VIEW IF NOT EXISTS …`
std::string create_view_statement(std::string_view database, const catalog::Resources& resources, const LiveView& view);

}  // namespace kinglet::deploy
