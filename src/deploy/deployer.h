// SPDX-License-Identifier: Apache-2.0
// Deployer: a project as sent -> what the workspace has. All errors at once; a failing deployment changes nothing.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"
#include "datafile/parse.h"
#include "query/runner.h"
#include "spool/spool.h"

namespace kinglet::deploy {

enum class Mode : std::uint8_t {
  build,  // apply at once, deletes included, no deployment shown as staging
  check,  // validate, change nothing
  stage,  // validate and keep the project, to be promoted later
  live,   // validate and make it live
};

struct Request {
  std::string workspace_id;
  std::vector<datafile::SourceFile> files;
  Mode mode = Mode::live;
  /// Removing a data source with its rows needs it, except in a build.
  bool allow_destructive = false;
  /// Promote: the deployment to make live, whose files these are. Empty: a new one.
  std::string deployment_id;
};

struct Outcome {
  enum class Result : std::uint8_t { success, no_changes, failed };
  Result result = Result::success;
  catalog::ChangeNames data_sources, pipes, connections;
  std::vector<datafile::Diagnostic> diagnostics;          // errors of a failed one, warnings of any
  std::shared_ptr<const catalog::Deployment> deployment;  // null for check, no_changes and failed
};

/// One deployment at a time in a workspace (conflict: "there is already a deployment in progress").
/// Thread: any io thread; the engine work runs on the caller's Runner.
class Deployer {
 public:
  Deployer(catalog::Catalog& catalog, query::Runners& runners, spool::Spool& spool);
  ~Deployer();

  /// Errors are those of the server (engine away, catalog busy, conflict); what is wrong with the project is an
  /// Outcome.
  Task<Result<Outcome>> deploy(Request request);
  /// Makes a staged deployment live. Errors: not_found, conflict.
  Task<Result<Outcome>> promote(std::string workspace_id, std::string deployment_id);
  /// Drops tables and views that no workspace knows, moves in rows of before that still stand beside the target of a
  /// live view (`<view>_backfill`), and makes missing views again: what a killed deployment or replace left. Before the
  /// first insert of a start.
  Task<Status> reconcile();
  /// The databases of a new workspace: for its rows, and for its service data sources. Idempotent.
  Task<Status> create_database(std::string database);
  Task<Status> drop_database(std::string database);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kinglet::deploy
