// SPDX-License-Identifier: Apache-2.0
#include "service/rows.h"

#include <limits>
#include <optional>

#include "base/check.h"
#include "engine/type.h"

namespace kinglet::service {

namespace {

using engine::Column;
using Pairs = std::vector<std::pair<std::string, std::string>>;

std::uint32_t seconds(observe::Time time) {
  return static_cast<std::uint32_t>(std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
}

void put(Column& column, std::string_view text) {
  column.add_string(text);
}
void put(Column& column, const std::string& text) {
  column.add_string(text);
}
void put(Column& column, const char* text) {
  column.add_string(text);
}
template <class T>
  requires std::is_arithmetic_v<T>
void put(Column& column, T value) {
  CHECK(column.type().width == sizeof value, "the value has its column's width");
  column.add(value);
}
template <class T>
void put(Column& column, const std::optional<T>& value) {
  if (value)
    put(column.present(), *value);
  else
    column.add_null();
}
void put(Column& column, const std::vector<std::string>& texts) {
  for (const auto& text : texts) column.element(0).add_string(text);
  column.close_row();
}
/// Map(String, String): a name that comes again has its values after another, with commas between.
void put(Column& column, const Pairs& pairs) {
  Pairs merged;
  for (const auto& [name, value] : pairs) {
    const auto known = std::ranges::find(merged, name, &Pairs::value_type::first);
    if (known == merged.end())
      merged.emplace_back(name, value);
    else
      known->second += "," + value;
  }
  for (const auto& [name, value] : merged) {
    column.element(0).add_string(name);
    column.element(1).add_string(value);
  }
  column.close_row();
}

/// One row: a value for each column, in the order of the definition.
template <class... Value>
void put_row(engine::Block& block, const Value&... values) {
  CHECK(sizeof...(values) == block.column_count(), "the row has a value for each column");
  std::size_t at = 0;
  (put(block.column(at++), values), ...);
}

std::optional<std::string_view> unless_empty(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

template <class To>
To saturated(std::uint64_t value) {
  return static_cast<To>(std::min<std::uint64_t>(value, std::numeric_limits<To>::max()));
}

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    else
      out += c;
  }
  return out += '"';
}

std::string json_object(const Pairs& pairs) {
  std::string out = "{";
  for (const auto& [name, value] : pairs)
    out += fmt::format("{}{}: {}", out.size() > 1 ? ", " : "", json_text(name), json_text(value));
  return out + "}";
}

const std::vector<std::string> no_texts;

}  // namespace

engine::Block& Rows::block(std::string_view name) {
  const auto known = blocks_.find(name);
  if (known != blocks_.end()) return known->second;
  const auto* table = find_table(name);
  CHECK(table != nullptr, "rows are for tables that are defined");
  engine::Block block;
  for (const auto& column : table->columns) {
    const auto type = engine::parse_type(column.type);
    CHECK(type.has_value(), "the definitions hold types");
    block.add(std::string(column.name), Column(engine::sent_type(*type)));
  }
  return blocks_.emplace(table->name, std::move(block)).first->second;
}

void Rows::add(const observe::RequestRecord& r) {
  const bool failed = r.status_code >= 400 || !r.error.empty();
  put_row(block("pipe_stats_rt"), seconds(r.start), r.pipe_id, r.pipe_name, static_cast<float>(r.duration_seconds),
          r.read_bytes, r.read_rows, r.result_rows, r.url, static_cast<std::uint8_t>(failed ? 1 : 0), r.request_id,
          r.token_id, r.token_name, r.status_code, r.method, r.parameters, "", unless_empty(r.user_agent), no_texts,
          0.0F, r.memory_usage);
  if (!failed) return;
  put_row(block("endpoint_errors"), seconds(r.start), r.request_id, r.pipe_id, r.pipe_name,
          std::optional(json_object(r.parameters)), std::optional(r.url), std::optional(r.status_code),
          unless_empty(r.error));
}

void Rows::add(const observe::OperationRecord& r) {
  if (!r.event_type.empty()) add_operation(r);
  const char* status = !r.error.empty() ? "error" : r.rows_quarantine > 0 ? "done_with_errors" : "done";
  for (const auto& id : r.block_ids)
    put_row(block("block_log"), seconds(r.start), r.import_id, unless_empty(r.job_id), r.request_id, r.source, id,
            status, r.data_source_id, r.data_source_name, std::optional<std::int64_t>(), std::optional<std::int64_t>(),
            std::optional(saturated<std::int32_t>(r.rows)), unless_empty(r.parser),
            std::optional(saturated<std::uint32_t>(r.rows_quarantine)), std::optional<std::uint32_t>(),
            std::optional(saturated<std::uint32_t>(r.written_bytes)),
            std::optional(static_cast<float>(r.elapsed_seconds)), unless_empty(r.error));
}

void Rows::add_operation(const observe::OperationRecord& r) {
  std::vector<std::string> names, values;
  for (const auto& [name, value] : r.options) {
    names.push_back(name);
    values.push_back(value);
  }
  put_row(block("datasources_ops_log"), seconds(r.start), r.event_type, r.operation_id, r.data_source_id,
          r.data_source_name, r.error.empty() ? "ok" : "error", static_cast<float>(r.elapsed_seconds),
          unless_empty(r.error), unless_empty(r.import_id), unless_empty(r.job_id), r.request_id, std::optional(r.rows),
          std::optional(r.rows_quarantine), r.block_ids, names, values, r.read_bytes, r.read_rows, r.written_rows,
          r.written_bytes, r.rows_quarantine, std::uint64_t{0}, r.pipe_id, r.pipe_name, "", no_texts, 0.0F,
          std::uint64_t{0});
}

void Rows::add(const observe::JobRecord& r) {
  put_row(block("jobs_log"), r.job_id, r.job_type, r.workspace_id, r.pipe_id, r.pipe_name, seconds(r.created_at),
          seconds(r.updated_at), seconds(r.started_at), r.status, unless_empty(r.error), r.metadata);
}

void Rows::add(const StorageSample& s) {
  put_row(block("datasources_storage"), s.data_source_id, s.data_source_name, seconds(s.time), s.bytes, s.rows,
          s.bytes_quarantine, s.rows_quarantine);
}

}  // namespace kinglet::service
