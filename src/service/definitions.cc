// SPDX-License-Identifier: Apache-2.0
#include "service/definitions.h"

#include <algorithm>
#include <array>

namespace kinglet::service {

namespace {

constexpr std::string_view database_suffix = "_service";

constexpr std::array pipe_stats_rt = {
    ColumnDefinition{"start_datetime", "DateTime"},
    ColumnDefinition{"pipe_id", "String"},
    ColumnDefinition{"pipe_name", "String"},
    ColumnDefinition{"duration", "Float32"},
    ColumnDefinition{"read_bytes", "UInt64"},
    ColumnDefinition{"read_rows", "UInt64"},
    ColumnDefinition{"result_rows", "UInt64"},
    ColumnDefinition{"url", "String"},
    ColumnDefinition{"error", "UInt8"},
    ColumnDefinition{"request_id", "String"},
    ColumnDefinition{"token", "String"},
    ColumnDefinition{"token_name", "String"},
    ColumnDefinition{"status_code", "Int32"},
    ColumnDefinition{"method", "String"},
    ColumnDefinition{"parameters", "Map(String, String)"},
    ColumnDefinition{"release", "String"},
    ColumnDefinition{"user_agent", "Nullable(String)"},
    ColumnDefinition{"resource_tags", "Array(String)"},
    ColumnDefinition{"cpu_time", "Float32"},
    ColumnDefinition{"memory_usage", "UInt64"},
};

constexpr std::array pipe_stats = {
    ColumnDefinition{"date", "Date"},
    ColumnDefinition{"pipe_id", "String"},
    ColumnDefinition{"pipe_name", "String"},
    ColumnDefinition{"view_count", "UInt64"},
    ColumnDefinition{"error_count", "UInt64"},
    ColumnDefinition{"avg_duration_state", "AggregateFunction(avg, Float32)"},
    ColumnDefinition{"quantile_timing_state", "AggregateFunction(quantilesTiming(0.9, 0.95, 0.99), Float64)"},
    ColumnDefinition{"read_bytes_sum", "UInt64"},
    ColumnDefinition{"read_rows_sum", "UInt64"},
    ColumnDefinition{"resource_tags", "Array(String)"},
    ColumnDefinition{"cpu_time_sum", "Float64"},
};

constexpr std::array endpoint_errors = {
    ColumnDefinition{"start_datetime", "DateTime"},
    ColumnDefinition{"request_id", "String"},
    ColumnDefinition{"pipe_id", "String"},
    ColumnDefinition{"pipe_name", "String"},
    ColumnDefinition{"params", "Nullable(String)"},
    ColumnDefinition{"url", "Nullable(String)"},
    ColumnDefinition{"status_code", "Nullable(Int32)"},
    ColumnDefinition{"error", "Nullable(String)"},
};

constexpr std::array datasources_ops_log = {
    ColumnDefinition{"timestamp", "DateTime"},
    ColumnDefinition{"event_type", "String"},
    ColumnDefinition{"operation_id", "String"},
    ColumnDefinition{"datasource_id", "String"},
    ColumnDefinition{"datasource_name", "String"},
    ColumnDefinition{"result", "String"},
    ColumnDefinition{"elapsed_time", "Float32"},
    ColumnDefinition{"error", "Nullable(String)"},
    ColumnDefinition{"import_id", "Nullable(String)"},
    ColumnDefinition{"job_id", "Nullable(String)"},
    ColumnDefinition{"request_id", "String"},
    ColumnDefinition{"rows", "Nullable(UInt64)"},
    ColumnDefinition{"rows_quarantine", "Nullable(UInt64)"},
    ColumnDefinition{"blocks_ids", "Array(String)"},
    ColumnDefinition{"Options.Names", "Array(String)"},
    ColumnDefinition{"Options.Values", "Array(String)"},
    ColumnDefinition{"read_bytes", "UInt64"},
    ColumnDefinition{"read_rows", "UInt64"},
    ColumnDefinition{"written_rows", "UInt64"},
    ColumnDefinition{"written_bytes", "UInt64"},
    ColumnDefinition{"written_rows_quarantine", "UInt64"},
    ColumnDefinition{"written_bytes_quarantine", "UInt64"},
    ColumnDefinition{"pipe_id", "String"},
    ColumnDefinition{"pipe_name", "String"},
    ColumnDefinition{"release", "String"},
    ColumnDefinition{"resource_tags", "Array(String)"},
    ColumnDefinition{"cpu_time", "Float32"},
    ColumnDefinition{"memory_usage", "UInt64"},
};

constexpr std::array datasources_storage = {
    ColumnDefinition{"datasource_id", "String"},
    ColumnDefinition{"datasource_name", "String"},
    ColumnDefinition{"timestamp", "DateTime"},
    ColumnDefinition{"bytes", "UInt64"},
    ColumnDefinition{"rows", "UInt64"},
    ColumnDefinition{"bytes_quarantine", "UInt64"},
    ColumnDefinition{"rows_quarantine", "UInt64"},
};

constexpr std::array block_log = {
    ColumnDefinition{"timestamp", "DateTime"},
    ColumnDefinition{"import_id", "String"},
    ColumnDefinition{"job_id", "Nullable(String)"},
    ColumnDefinition{"request_id", "String"},
    ColumnDefinition{"source", "String"},
    ColumnDefinition{"block_id", "String"},
    ColumnDefinition{"status", "String"},
    ColumnDefinition{"datasource_id", "String"},
    ColumnDefinition{"datasource_name", "String"},
    ColumnDefinition{"start_offset", "Nullable(Int64)"},
    ColumnDefinition{"end_offset", "Nullable(Int64)"},
    ColumnDefinition{"rows", "Nullable(Int32)"},
    ColumnDefinition{"parser", "Nullable(String)"},
    ColumnDefinition{"quarantine_lines", "Nullable(UInt32)"},
    ColumnDefinition{"empty_lines", "Nullable(UInt32)"},
    ColumnDefinition{"bytes", "Nullable(UInt32)"},
    ColumnDefinition{"processing_time", "Nullable(Float32)"},
    ColumnDefinition{"processing_error", "Nullable(String)"},
};

constexpr std::array kafka_ops_log = {
    ColumnDefinition{"timestamp", "DateTime"},
    ColumnDefinition{"datasource_id", "String"},
    ColumnDefinition{"topic", "String"},
    ColumnDefinition{"partition", "Int16"},
    ColumnDefinition{"msg_type", "String"},
    ColumnDefinition{"lag", "Int64"},
    ColumnDefinition{"processed_messages", "Int32"},
    ColumnDefinition{"processed_bytes", "Int32"},
    ColumnDefinition{"committed_messages", "Int32"},
    ColumnDefinition{"msg", "String"},
    ColumnDefinition{"time_write", "Float32"},
};

constexpr std::array sinks_ops_log = {
    ColumnDefinition{"timestamp", "DateTime64(3)"},
    ColumnDefinition{"service", "LowCardinality(String)"},
    ColumnDefinition{"pipe_id", "String"},
    ColumnDefinition{"pipe_name", "String"},
    ColumnDefinition{"token_name", "String"},
    ColumnDefinition{"result", "String"},
    ColumnDefinition{"error", "Nullable(String)"},
    ColumnDefinition{"elapsed_time", "Float64"},
    ColumnDefinition{"job_id", "Nullable(String)"},
    ColumnDefinition{"read_rows", "UInt64"},
    ColumnDefinition{"written_rows", "UInt64"},
    ColumnDefinition{"read_bytes", "UInt64"},
    ColumnDefinition{"written_bytes", "UInt64"},
    ColumnDefinition{"output", "Array(String)"},
    ColumnDefinition{"parameters", "Map(String, String)"},
    ColumnDefinition{"options", "Map(String, String)"},
    ColumnDefinition{"cpu_time", "Float64"},
    ColumnDefinition{"resource_tags", "Array(String)"},
};

constexpr std::array data_transfer = {
    ColumnDefinition{"timestamp", "DateTime"},
    ColumnDefinition{"event", "String"},
    ColumnDefinition{"origin_provider", "String"},
    ColumnDefinition{"origin_region", "String"},
    ColumnDefinition{"destination_provider", "String"},
    ColumnDefinition{"destination_region", "String"},
    ColumnDefinition{"kind", "String"},
    ColumnDefinition{"bytes", "UInt64"},
};

constexpr std::array jobs_log = {
    ColumnDefinition{"job_id", "String"},       ColumnDefinition{"job_type", "String"},
    ColumnDefinition{"workspace_id", "String"}, ColumnDefinition{"pipe_id", "String"},
    ColumnDefinition{"pipe_name", "String"},    ColumnDefinition{"created_at", "DateTime"},
    ColumnDefinition{"updated_at", "DateTime"}, ColumnDefinition{"started_at", "DateTime"},
    ColumnDefinition{"status", "String"},       ColumnDefinition{"error", "Nullable(String)"},
    ColumnDefinition{"job_metadata", "String"},
};

constexpr std::array llm_usage = {
    ColumnDefinition{"start_time", "DateTime"},  ColumnDefinition{"end_time", "DateTime"},
    ColumnDefinition{"feature", "String"},       ColumnDefinition{"origin", "String"},
    ColumnDefinition{"user_email", "String"},    ColumnDefinition{"workspace_id", "String"},
    ColumnDefinition{"request_id", "String"},    ColumnDefinition{"model", "String"},
    ColumnDefinition{"prompt_tokens", "UInt64"}, ColumnDefinition{"completion_tokens", "UInt64"},
    ColumnDefinition{"total_tokens", "UInt64"},  ColumnDefinition{"duration", "Float64"},
    ColumnDefinition{"cost", "Float64"},
};

constexpr std::array all_tables = {
    Table{.name = "pipe_stats_rt",
          .columns = pipe_stats_rt,
          .engine = "MergeTree",
          .partition_key = "toDate(start_datetime)",
          .sorting_key = "(pipe_id, start_datetime)",
          .ttl = "start_datetime + INTERVAL 7 DAY"},
    // Counts add up, states merge: SummingMergeTree does both.
    Table{.name = "pipe_stats",
          .columns = pipe_stats,
          .engine = "SummingMergeTree",
          .partition_key = "toYYYYMM(date)",
          .sorting_key = "(pipe_id, date, pipe_name, resource_tags)",
          .ttl = ""},
    Table{.name = "endpoint_errors",
          .columns = endpoint_errors,
          .engine = "MergeTree",
          .partition_key = "toDate(start_datetime)",
          .sorting_key = "(pipe_id, start_datetime)",
          .ttl = "start_datetime + INTERVAL 30 DAY"},
    Table{.name = "datasources_ops_log",
          .columns = datasources_ops_log,
          .engine = "MergeTree",
          .partition_key = "toDate(timestamp)",
          .sorting_key = "(datasource_id, timestamp)",
          .ttl = "timestamp + INTERVAL 30 DAY"},
    Table{.name = "datasources_storage",
          .columns = datasources_storage,
          .engine = "MergeTree",
          .partition_key = "toDate(timestamp)",
          .sorting_key = "(datasource_id, timestamp)",
          .ttl = "timestamp + INTERVAL 30 DAY"},
    Table{.name = "block_log",
          .columns = block_log,
          .engine = "MergeTree",
          .partition_key = "toDate(timestamp)",
          .sorting_key = "(datasource_id, timestamp)",
          .ttl = "timestamp + INTERVAL 30 DAY"},
    // A job's rows are one for each of its states; `created_at` stays, so they meet in one partition.
    Table{.name = "jobs_log",
          .columns = jobs_log,
          .engine = "ReplacingMergeTree",
          .partition_key = "toYYYYMM(created_at)",
          .sorting_key = "(created_at, job_id)",
          .ttl = "created_at + INTERVAL 30 DAY",
          .newest_only = true},
    Table{.name = "kafka_ops_log",
          .columns = kafka_ops_log,
          .engine = "MergeTree",
          .partition_key = "toDate(timestamp)",
          .sorting_key = "(datasource_id, timestamp)",
          .ttl = "timestamp + INTERVAL 30 DAY"},
    Table{.name = "sinks_ops_log",
          .columns = sinks_ops_log,
          .engine = "MergeTree",
          .partition_key = "toDate(timestamp)",
          .sorting_key = "(pipe_id, timestamp)",
          .ttl = "toDateTime(timestamp) + INTERVAL 30 DAY"},
    Table{.name = "data_transfer",
          .columns = data_transfer,
          .engine = "MergeTree",
          .partition_key = "toYYYYMM(timestamp)",
          .sorting_key = "(event, timestamp)",
          .ttl = ""},
    Table{.name = "llm_usage",
          .columns = llm_usage,
          .engine = "MergeTree",
          .partition_key = "toYYYYMM(start_time)",
          .sorting_key = "(feature, start_time)",
          .ttl = ""},
};

constexpr std::array all_aggregations = {
    Aggregation{.view = "pipe_stats_rt_daily",
                .source = "pipe_stats_rt",
                .target = "pipe_stats",
                .select = "SELECT toDate(start_datetime) AS date, pipe_id, pipe_name, count() AS view_count, "
                          "sum(toUInt64(error)) AS error_count, avgState(duration) AS avg_duration_state, "
                          "quantilesTimingState(0.9, 0.95, 0.99)(toFloat64(duration) * 1000) AS quantile_timing_state, "
                          "sum(read_bytes) AS read_bytes_sum, sum(read_rows) AS read_rows_sum, resource_tags, "
                          "sum(toFloat64(cpu_time)) AS cpu_time_sum "
                          "FROM {source} GROUP BY date, pipe_id, pipe_name, resource_tags"},
};

constexpr std::array all_organization_tables = {
    OrganizationTable{.name = "workspaces",
                      .select = "SELECT {workspace_id} AS workspace_id, {workspace_name} AS name, "
                                "{organization_id} AS organization_id"},
    OrganizationTable{
        .name = "datasources_ops_stats",
        .select =
            "SELECT toDate(o.timestamp) AS event_date, {workspace_id} AS workspace_id, o.event_type AS event_type, "
            "o.pipe_id AS pipe_id, o.pipe_name AS pipe_name, countIf(o.result = 'error') AS error_count, "
            "count() AS executions, sum(o.read_bytes) AS read_bytes, sum(o.read_rows) AS read_rows, "
            "sum(o.written_bytes) AS written_bytes, sum(o.written_rows) AS written_rows, "
            "sum(o.written_rows_quarantine) AS written_rows_quarantine, "
            "sum(o.written_bytes_quarantine) AS written_bytes_quarantine, sum(toFloat64(o.cpu_time)) AS cpu_time, "
            "avgState(o.elapsed_time) AS avg_elapsed_time_state, "
            "quantilesState(0.9, 0.95, 0.99)(o.elapsed_time) AS quantiles_state "
            "FROM datasources_ops_log AS o "
            "GROUP BY toDate(o.timestamp), o.event_type, o.pipe_id, o.pipe_name"},
    OrganizationTable{.name = "processed_data",
                      .select = "SELECT toDate(o.timestamp) AS date, {workspace_id} AS workspace_id, "
                                "sum(o.read_bytes) AS read_bytes, sum(o.written_bytes) AS written_bytes "
                                "FROM datasources_ops_log AS o GROUP BY toDate(o.timestamp)"},
};

}  // namespace

std::span<const Table> tables() {
  return all_tables;
}

const Table* find_table(std::string_view name) {
  const auto found = std::ranges::find(all_tables, name, &Table::name);
  return found == all_tables.end() ? nullptr : &*found;
}

std::span<const OrganizationTable> organization_tables() {
  return all_organization_tables;
}

std::span<const Aggregation> aggregations() {
  return all_aggregations;
}

std::string database_of(std::string_view database) {
  return std::string(database) + std::string(database_suffix);
}

}  // namespace kinglet::service
