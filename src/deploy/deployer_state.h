// SPDX-License-Identifier: Apache-2.0
// What the deployer works with, and its steps: those of a deployment in deployer.cc, how views get the rows of before
// in deployer_backfill.cc, what a start puts right in deployer_reconcile.cc.
#pragma once

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "datafile/ddl.h"
#include "deploy/deployer.h"
#include "deploy/plan.h"
#include "runtime/guarded.h"

namespace kinglet::deploy {

namespace internal {

inline constexpr auto ddl_patience = std::chrono::seconds(30);
/// What must be taken back waits for an engine that is away: with a view left behind, its source could take no rows.
inline constexpr auto undo_patience = std::chrono::minutes(5);
inline constexpr auto undo_pause = std::chrono::milliseconds(100);
/// Rows of before on their way into a target that others fill too stand in `<view>_backfill`.
inline constexpr std::string_view backfill_suffix = "_backfill";
/// The comment of columns that a deployment adds: one that did not become live leaves them behind when it is killed.
inline constexpr std::string_view added_mark = "added by a deployment";

/// Statements that undo what a deployment has made so far, newest first.
using Undo = std::vector<std::string>;

}  // namespace internal

struct Deployer::State {
  using Undo = internal::Undo;

  catalog::Catalog& catalog;
  query::Runners& runners;
  spool::Spool& spool;
  Guarded<std::set<std::string>> busy;  // workspace ids with a deployment at work

  struct Turn {
    State& state;
    std::string workspace_id;
    bool taken = false;
    Turn(State& s, std::string id) : state(s), workspace_id(std::move(id)) {
      state.busy.with([&](auto& b) { taken = b.insert(workspace_id).second; });
    }
    Turn(const Turn&) = delete;
    ~Turn() {
      if (taken) state.busy.with([&](auto& b) { b.erase(workspace_id); });
    }
  };

  Task<Status> execute(std::string sql, Deadline deadline, engine::Settings settings = {});
  /// As execute(), and again for as long as the engine is away. For statements that may run twice.
  Task<Status> insist(std::string sql, Deadline deadline);
  Task<bool> engine_answers();
  Task<void> undo(Undo statements);
  /// Tables sync their parts where the spool syncs its rows: it lets go of them once they are inserted.
  datafile::DdlOptions ddl_options() const { return {.durable = spool.durability() == spool::Durability::fsync}; }
  /// Of a quarantine: its deduplication window is opened by its first rows (spool/landing_engine.h).
  datafile::DdlOptions quarantine_options() const {
    auto options = ddl_options();
    options.deduplication_window = 0;
    return options;
  }

  // A deployment (deployer.cc).
  /// Makes new tables; those that the engine refuses come into `missing`, and `plan` says why.
  Task<Status> create_tables(const catalog::Workspace& workspace, Plan& plan,
                             const std::vector<std::shared_ptr<const catalog::DataSource>>& wanted, Undo& made,
                             std::set<std::string, std::less<>>& missing);
  /// What only the engine can tell: the tables can be made, the nodes run on them, views and copies fit their targets.
  /// Also of a project with faults, as far as it was understood: all of them are told at once.
  Task<Status> check(const catalog::Workspace& workspace, Plan& plan, Undo& made);
  /// Adds columns to tables and their quarantines. Rows of before have the columns' defaults; rows that wait in the
  /// spool name their columns.
  Task<Status> grow_tables(const catalog::Workspace& workspace, Plan& plan, Undo& made);
  /// The data sources whose rows flow into the plan's views: new rows wait in the spool while views are made and
  /// filled.
  Task<Result<std::vector<spool::Spool::Hold>>> hold_sources(const catalog::Workspace& workspace, const Plan& plan);
  /// Both drop what the catalog no longer names. Failures are left to reconcile().
  Task<void> drop_views(const catalog::Workspace& workspace, const Plan& plan);
  Task<void> drop_tables(const catalog::Workspace& workspace, const Plan& plan);
  Task<Result<Outcome>> apply(const Request& request, const catalog::Workspace& workspace, Plan plan, Undo& made,
                              std::vector<spool::Spool::Hold>& holds);

  // Views and the rows of before (deployer_backfill.cc).
  /// Creates the view, then fills its target with the rows that were there before. Sources are held meanwhile.
  Task<Status> create_view(const catalog::Workspace& workspace, const Plan& plan, const ViewPlan& view, Undo& made);
  /// A new target is filled in place: it is dropped when the deployment fails. An old one is filled by way of a table
  /// beside it, whose partitions move over once the deployment is live (finish_backfills): a deployment that fails or
  /// is killed has added no row. Only when another view of this deployment is filled from the target do they move at
  /// once.
  Task<Status> backfill(const catalog::Workspace& workspace, const Plan& plan, const ViewPlan& view,
                        const catalog::DataSource& target, const std::string& into, Undo& made);
  static std::string beside_of(const std::string& view) { return view + std::string(internal::backfill_suffix); }
  /// What backfill() left beside the targets goes in. The deployment is live: what fails here is done by reconcile().
  Task<void> finish_backfills(const catalog::Workspace& workspace, const Plan& plan);
  /// Moves the partitions that stand beside `into` and drops the table. May run again: a partition that moved is gone.
  Task<Status> move_backfill(const std::string& database, const std::string& view, const std::string& into);
  struct Part {
    std::string name, path;
  };
  Task<Result<std::vector<Part>>> active_parts(const std::string& database, const std::string& table);
  /// An engine killed inside a MOVE PARTITION may have the part in both tables. A moved part is hard links to the same
  /// files, so equal files, not equal content, tell it. With an engine elsewhere there is nothing to see and nothing to
  /// do: it finishes its MOVE whatever becomes of us.
  Task<Status> drop_moved_parts(const std::string& database, const std::string& table, const std::string& into);
  Task<Status> move_partitions(const std::string& database, const std::string& table, const std::string& from,
                               const std::string& to);

  // A start (deployer_reconcile.cc).
  /// Tables of an older server, or of one with another durability, get the settings that exactly-once rests on
  /// (docs/design/0004-spool.md).
  Task<Status> settle_settings(const catalog::Snapshot& snapshot);
  /// Takes away the columns of a deployment that was killed before it became live.
  Task<Status> drop_left_columns(const catalog::Snapshot& snapshot);
};

}  // namespace kinglet::deploy
