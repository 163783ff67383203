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
#include "jobs/analyze.h"
#include "jobs/import.h"
#include "jobs/quarantine.h"
#include "jobs/remote_file.h"
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
    std::size_t running_max = 8;     // jobs at work; more wait
    std::uint64_t attempts_max = 3;  // starts of one job, over restarts of the server
    RemoteFileOptions remote = {};
  };
  Jobs(Parts parts, Options options);
  ~Jobs();

  /// Takes up the jobs that a former process left: imports whose file can be read again go on, each row stored once;
  /// others end as `error`, with what became of them. After finish_replacements(). Blocks; main thread.
  Status start();
  /// Takes no new jobs, breaks off imports that go on at the next start, and waits for others until `deadline`. Blocks;
  /// main thread.
  void stop(Deadline deadline);

  /// An upload, imported while its sender waits; a replace has a job of its id, too. Errors: invalid (file), not_found,
  /// too_large, unavailable.
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

  struct QuarantineRequest {
    std::shared_ptr<const catalog::Workspace> workspace;
    std::shared_ptr<const catalog::DataSource> source;
    std::shared_ptr<const catalog::DataSource> target;  // of a replay
    QuarantineFilter filter;                            // checked
    std::string token_id;
  };
  /// Rows of a quarantine through the mapping again, as a job that a restart goes on with.
  Task<Result<std::shared_ptr<const catalog::Job>>> replay_quarantine(QuarantineRequest request);
  /// Removes them; the rows that went. Errors: those of the engine.
  Task<Result<std::uint64_t>> clear_quarantine(QuarantineRequest request);

  /// Breaks an import off: a waiting one at once, a running one at its next step, which is what it waits for. What it
  /// appended stays. Errors: not_found, conflict (it cannot be cancelled).
  Task<Result<std::shared_ptr<const catalog::Job>>> cancel(std::string workspace_id, std::string job_id);
  /// Starts a failed or cancelled import by URL again, as a new job. Errors: not_found, conflict.
  Task<Result<std::shared_ptr<const catalog::Job>>> retry(std::shared_ptr<const catalog::Workspace> workspace,
                                                          std::string job_id, std::string token_id);

  /// How far an unfinished import is; nothing for others.
  struct Progress {
    std::uint64_t rows = 0, quarantined = 0, invalid_lines = 0, content_bytes = 0;
    std::optional<double> percentage = {};  // of the file's bytes, when its size is known
    bool cancelling = false;
  };
  std::optional<Progress> progress(const std::string& job_id) const;

  /// Reads the beginning of a file and tells what a data source for it would look like.
  Task<Result<Analysis>> analyze_body(AnalyzeRequest request, http::BodyReader& body);
  Task<Result<Analysis>> analyze_url(AnalyzeRequest request, std::string url);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace kinglet::jobs
