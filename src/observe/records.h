// SPDX-License-Identifier: Apache-2.0
// Records of what happened: one for each request of an endpoint or query, one for each operation on a data source.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace kinglet::observe {

using Time = std::chrono::sys_time<std::chrono::microseconds>;

/// A row of `tinybird.pipe_stats_rt`. `url` holds no token: the writer passes it through log::redact_url (A4).
struct RequestRecord {
  Time start{};
  std::string workspace_id;
  std::string pipe_id, pipe_name;  // both `query_api` for /v0/sql
  std::string request_id;
  std::string url;
  std::string method;
  std::string token_id, token_name;
  std::string user_agent;
  std::vector<std::pair<std::string, std::string>> parameters;
  std::int32_t status_code = 200;
  std::string error;  // empty when it went well
  double duration_seconds = 0;
  std::uint64_t read_rows = 0, read_bytes = 0, result_rows = 0, memory_usage = 0;
};

/// A row of `tinybird.datasources_ops_log`.
struct OperationRecord {
  Time start{};
  std::string workspace_id;
  std::string event_type;  // append, append-hfi, replace, delete, truncate, copy, deployment_backfill …
  std::string operation_id;
  std::string data_source_id, data_source_name;
  std::string pipe_id, pipe_name;
  std::string request_id, job_id, import_id;
  std::string error;  // empty: ok
  double elapsed_seconds = 0;
  std::uint64_t rows = 0, rows_quarantine = 0;
  std::uint64_t read_rows = 0, read_bytes = 0, written_rows = 0, written_bytes = 0;
};

}  // namespace kinglet::observe
