// SPDX-License-Identifier: Apache-2.0
// Jobs: work that outlives a request, and the imports, replaces and deletes that requests wait for.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "deploy/deployer.h"
#include "engine/process.h"
#include "ingest/intake.h"
#include "jobs/import.h"
#include "observe/observer.h"
#include "query/runner.h"
#include "runtime/gate.h"

namespace kinglet::jobs {

/// Thread: any io thread; a started job runs on the one that started it.
class Jobs {
 public:
  struct Parts {
    IoThreads& threads;
    catalog::Catalog& catalog;
    query::Runners& runners;
    ingest::Intake& intake;
    spool::Spool& spool;
    deploy::Deployer& deployer;
    observe::Observer& observer;
    engine::Process* reader;  // null: Parquet is refused
  };
  struct Options {
    std::string scratch;  // folder that the reader engine may read
    std::uint64_t import_bytes_max = 32ull << 30;
    bool private_addresses = false;
    std::size_t running_max = 8;  // jobs at work; more wait
  };
  Jobs(Parts parts, Options options);
  ~Jobs();

  /// Ends the books of jobs that a former process left: they are `error: interrupted`. Blocks; main thread.
  Status start();
  /// Takes no new jobs and waits for running ones until `deadline`. Blocks; main thread.
  void stop(Deadline deadline);

  /// An upload, imported while its sender waits. Errors: invalid (file), not_found, too_large, unavailable.
  Task<Result<ImportResult>> import_body(ImportRequest request, http::BodyReader& body);
  /// An import by URL: the job is written down, then runs on its own.
  Task<Result<std::shared_ptr<const catalog::Job>>> import_url(ImportRequest request, std::string url,
                                                               std::string token_id);
  /// An upload as a job: the body is kept first, then imported on its own (tb-client.md 4.1).
  Task<Result<std::shared_ptr<const catalog::Job>>> import_later(ImportRequest request, http::BodyReader& body,
                                                                 std::string token_id);

  struct DeleteRequest {
    std::shared_ptr<const catalog::Workspace> workspace;
    std::shared_ptr<const catalog::DataSource> source;
    std::string condition;  // SQL as the caller wrote it
    std::string token_id;
  };
  /// Rows that the condition selects. Errors: invalid (condition).
  Task<Result<std::uint64_t>> count_rows(const DeleteRequest& request);
  Task<Result<std::shared_ptr<const catalog::Job>>> delete_rows(DeleteRequest request);
  Task<Status> truncate(std::shared_ptr<const catalog::Workspace> workspace,
                        std::shared_ptr<const catalog::DataSource> source, bool quarantine);

  /// Errors: not_found, conflict (it cannot be cancelled).
  Task<Result<std::shared_ptr<const catalog::Job>>> cancel(std::string workspace_id, std::string job_id);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace kinglet::jobs
