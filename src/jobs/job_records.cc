// SPDX-License-Identifier: Apache-2.0
#include "jobs/job_records.h"

#include "json/document.h"

namespace kinglet::jobs {

namespace {
std::string metadata(const catalog::Job& job) {
  json::object out;
  const auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) out[name] = value;
  };
  const auto number = [&](const char* name, const auto& value) {
    if (value) out[name] = *value;
  };
  text("datasource_id", job.data_source_id);
  text("datasource_name", job.data_source_name);
  text("pipe_id", job.pipe_id);
  text("pipe_name", job.pipe_name);
  text("mode", job.mode);
  text("format", job.format);
  text("delete_condition", job.delete_condition);
  number("row_count", job.row_count);
  number("bytes", job.bytes);
  number("quarantine_rows", job.quarantine_rows);
  number("invalid_lines", job.invalid_lines);
  number("rows_affected", job.rows_affected);
  return json::write(out);
}
}  // namespace

observe::JobRecord job_record(std::string workspace_id, const catalog::Job& job) {
  // An import's URL may hold a signature: it stays out.
  return {.workspace_id = std::move(workspace_id),
          .job_id = job.id,
          .job_type = job.kind,
          .pipe_id = job.pipe_id,
          .pipe_name = job.pipe_name,
          .created_at = job.created_at,
          .updated_at = job.updated_at,
          .started_at = job.started_at.value_or(catalog::Time{}),
          .status = std::string(catalog::job_status_name(job.status)),
          .error = job.error,
          .metadata = metadata(job)};
}

observe::OperationRecord operation_record(const catalog::Workspace& workspace, const catalog::DataSource& source,
                                          std::string_view event_type, WallTime start) {
  observe::OperationRecord record;
  record.start = start;
  record.workspace_id = workspace.id;
  record.event_type = event_type;
  record.data_source_id = source.id;
  record.data_source_name = source.name;
  record.elapsed_seconds = std::chrono::duration<double>(wall_now() - start).count();
  return record;
}

}  // namespace kinglet::jobs
