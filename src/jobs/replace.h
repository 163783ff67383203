// SPDX-License-Identifier: Apache-2.0
// Replacement: new rows in place of all rows of a data source, or of those that a condition selects, and of what its
// materialized views made of them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "engine/block.h"
#include "query/runner.h"
#include "spool/spool.h"

namespace kinglet::jobs {

/// connectors.md 5.7.
struct ReplaceOptions {
  /// SQL as the caller wrote it. Empty: all rows are replaced. Else whole partitions are made anew: those of the new
  /// rows that fulfil it, from these rows and the present ones that do not.
  std::string condition = {};
  /// Also the partitions of present rows that fulfil the condition, so that rows go for which nothing new came.
  bool truncate_when_empty = false;
  /// Views whose target has other partitions are left as they are; without it they are a reason to refuse.
  bool skip_incompatible = false;
};

/// begin(), insert() …, commit() or give_up(). Readers see the old rows until commit(), which exchanges the tables.
/// Dependent data sources are filled anew, view by view; rows that were put into them in other ways are replaced, too
/// (http-api.md 4.1).
///
/// A server killed before the plan of the exchange is written leaves tables that the next start drops: nothing changed.
/// One killed after it leaves a plan that finish_replacements() carries out.
class Replacement {
 public:
  struct Parts {
    catalog::Catalog& catalog;
    query::Runners& runners;
    spool::Spool& spool;
    /// Makes the plan durable, as JSON text. Errors: the replacement is given up.
    std::function<Task<Status>(std::string plan)> write_plan;
  };
  Replacement(Parts parts, std::shared_ptr<const catalog::Workspace> workspace,
              std::shared_ptr<const catalog::DataSource> source, ReplaceOptions options, std::string id);
  ~Replacement();

  /// Errors: invalid (condition), conflict (a view that cannot follow: nothing was changed).
  Task<Status> begin();
  Task<Status> insert(const engine::Block& block);
  Task<Status> commit();
  Task<void> give_up();
  /// New rows outside the condition; after commit().
  std::uint64_t dropped_rows() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Carries out the plans of replacements that a former process left between their writing and their end. Before the
/// first insert of a start, and before Deployer::reconcile(), which drops what no workspace knows. Idempotent.
Task<Status> finish_replacements(catalog::Catalog& catalog, query::Runners& runners);
/// The key in Job::parameters under which a plan stands.
inline constexpr std::string_view plan_key = "exchange";

}  // namespace kinglet::jobs
