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

/// Sizes that the edges keep to when they fill a record; longer text is cut.
struct RecordLimits {
  static constexpr std::size_t url_bytes = 8 << 10;
  static constexpr std::size_t parameters = 100;
  static constexpr std::size_t parameter_bytes = 8 << 10;  // of one value
  static constexpr std::size_t error_bytes = 1 << 10;
  static constexpr std::size_t user_agent_bytes = 512;
};

/// A row of `tinybird.pipe_stats_rt`. Neither `url` nor `parameters` hold a token (A4).
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
  /// The call read a service data source: it counts in metrics, not in the tables (platform.md 3.1).
  bool reads_service = false;
};

/// A row of `tinybird.datasources_ops_log`, and for each of its blocks one of `tinybird.block_log`.
struct OperationRecord {
  Time start{};
  std::string workspace_id;
  /// append, append-hfi, replace, delete, truncate, create, alter, drop … Empty: only the blocks are told.
  std::string event_type;
  std::string operation_id;
  std::string data_source_id, data_source_name;
  std::string pipe_id, pipe_name;
  std::string request_id, job_id, import_id;
  std::string error;  // empty: ok
  double elapsed_seconds = 0;
  std::uint64_t rows = 0, rows_quarantine = 0;
  std::uint64_t read_rows = 0, read_bytes = 0, written_rows = 0, written_bytes = 0;
  std::string source;  // where its blocks came from: stream, import
  std::string parser;  // ndjson, csv, parquet; empty: not told
  std::vector<std::string> block_ids;
  std::vector<std::pair<std::string, std::string>> options;
};

/// A row of `tinybird.jobs_log`: the newest state of a job.
struct JobRecord {
  std::string workspace_id;
  std::string job_id, job_type;
  std::string pipe_id, pipe_name;
  Time created_at{}, updated_at{}, started_at{};
  std::string status;
  std::string error;     // empty: none
  std::string metadata;  // JSON text
};

/// Memory of a record, roughly: what bounds the queues.
std::size_t byte_size(const RequestRecord& record);
std::size_t byte_size(const OperationRecord& record);
std::size_t byte_size(const JobRecord& record);

}  // namespace kinglet::observe
