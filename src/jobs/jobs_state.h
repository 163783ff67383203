// SPDX-License-Identifier: Apache-2.0
// What Jobs holds, and the steps of each kind of job: the frame that all share in jobs.cc, then a file a kind.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "jobs/jobs.h"
#include "json/document.h"
#include "runtime/guarded.h"

namespace kinglet::jobs {

struct Jobs::State : std::enable_shared_from_this<State> {
  State(Parts p, Options o) : parts(p), options(std::move(o)) {}
  Parts parts;
  Options options;
  Gate gate;
  std::atomic<std::size_t> running{0};

  BlockingPool files{{.name = "import-files", .thread_count = 2}};
  Guarded<std::map<std::string, std::shared_ptr<ImportControl>>> controls;  // of unfinished imports, by job id

  // Every kind (jobs.cc).
  ReaderTools reader();
  Task<Result<std::shared_ptr<const catalog::Job>>> write(std::string workspace_id, catalog::Job job, bool is_new);
  /// A job that is in the books, as it stands now.
  Task<Status> keep(std::string workspace_id, catalog::Job job);
  std::shared_ptr<ImportControl> make_control(const std::string& job_id);
  std::shared_ptr<ImportControl> control_of(const std::string& job_id) const;
  /// Runs `work` on this io thread and writes down how it ended. `control` is null for what cannot be broken off.
  void spawn(std::string workspace_id, catalog::Job job, Gate::Pass pass, std::shared_ptr<ImportControl> control,
             std::move_only_function<Task<Status>(catalog::Job&)> work);
  /// A job of a former process goes on, or ends with what became of it. Errors: the catalog cannot write it down.
  Status take_up(const catalog::Workspace& workspace, const catalog::Job& job);
  /// A job of a former process goes on. Errors: why it cannot.
  Status resume(const catalog::Workspace& workspace, const catalog::Job& job);
  Task<Status> execute(std::string sql, std::chrono::nanoseconds patience, engine::Settings settings = {});
  static json::object parameters_object(const catalog::Job& job);

  // Where a kept upload is, until its job ends.
  static std::string upload_name(const std::string& job_id) { return fmt::format("upload-{}", job_id); }
  std::string upload_path(const std::string& job_id) const {
    return fmt::format("{}/{}", options.scratch, upload_name(job_id));
  }

  // Imports (jobs_import.cc).
  ImportTools tools(std::function<Task<Status>(std::string)> write_plan);
  /// A replace that was killed after this is finished by the next start.
  Task<Status> write_plan(std::string workspace_id, catalog::Job& job, const ImportResult& result, std::string plan);
  /// The import of a job, from the body to its end in the books.
  Task<Status> run_job(ImportRequest request, http::BodyReader& body, catalog::Job& job,
                       std::shared_ptr<ImportControl> control);
  Task<Status> run_download(ImportRequest request, http::Url url, catalog::Job& job,
                            std::shared_ptr<ImportControl> control);
  Task<Status> run_kept(ImportRequest request, catalog::Job& job, std::shared_ptr<ImportControl> control);
  void spawn_import(ImportRequest request, const catalog::Job& job, std::optional<http::Url> url, Gate::Pass pass);
  Status resume_import(const catalog::Workspace& workspace, const catalog::Job& job);

  // Quarantines (jobs_quarantine.cc).
  ReplayTools replay_tools();
  /// Once rows were taken out, only the end of the server keeps a replay from its end.
  Task<Status> run_replay(ReplayRequest request, catalog::Job& job, std::shared_ptr<ImportControl> control);
  void spawn_replay(ReplayRequest request, const catalog::Job& job, Gate::Pass pass);
  Status resume_replay(const catalog::Workspace& workspace, const catalog::Job& job);

  // Deletes and truncates (jobs_delete.cc).
  Task<Status> run_delete(DeleteRequest request, std::string condition);
  Task<Status> run_recorded_delete(DeleteRequest request, std::string condition, const catalog::Job& job);
  Task<Result<std::uint64_t>> count(const catalog::Workspace& workspace, const std::string& table,
                                    const std::string& condition);
  Task<Status> truncate(const catalog::Workspace& workspace, const catalog::DataSource& source, bool quarantine);
};

}  // namespace kinglet::jobs
