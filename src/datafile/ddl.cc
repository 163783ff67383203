// SPDX-License-Identifier: Apache-2.0
// The tables that a data source becomes in the engine.
#include "datafile/ddl.h"

#include <fmt/format.h>

#include <algorithm>

#include "datafile/metadata_columns.h"

namespace kinglet::datafile {
namespace {

constexpr std::string_view quarantine_ttl = "insertion_date + INTERVAL 30 DAY";

std::string create(std::string_view table, const DdlOptions& options) {
  return fmt::format("CREATE TABLE {}{}", options.if_not_exists ? "IF NOT EXISTS " : "", table);
}

std::string key(std::string_view list) {
  return list == "tuple()" ? std::string(list) : fmt::format("({})", list);
}

std::string engine_text(const EngineDefinition& engine) {
  std::string arguments;
  const auto add = [&](std::string_view text) {
    if (!text.empty()) arguments += fmt::format("{}{}", arguments.empty() ? "" : ", ", text);
  };
  if (engine.name == "ReplacingMergeTree") {
    add(engine.ver);
    if (!engine.ver.empty()) add(engine.is_deleted);
  } else if (engine.name == "SummingMergeTree" && !engine.summing_columns.empty()) {
    add(fmt::format("({})", engine.summing_columns));
  } else if (engine.name == "CollapsingMergeTree") {
    add(engine.sign);
  } else if (engine.name == "VersionedCollapsingMergeTree") {
    add(engine.sign);
    add(engine.version);
  }
  return arguments.empty() ? engine.name : fmt::format("{}({})", engine.name, arguments);
}

std::string settings_text(const EngineDefinition& engine, const DdlOptions& options) {
  std::string out;
  for (const auto& [name, value] : table_settings(engine, options))
    out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", name, value);
  return out;
}

}  // namespace

std::string quote_identifier(std::string_view name) {
  std::string out = "`";
  for (const char c : name) {
    if (c == '`' || c == '\\') out += '\\';
    out += c;
  }
  return out + '`';
}

/// min_level_for_wide_part keeps small inserts in one file instead of two a column.
std::vector<std::pair<std::string, std::string>> table_settings(const EngineDefinition& engine,
                                                                const DdlOptions& options) {
  std::vector<std::pair<std::string, std::string>> out;
  const auto add = [&](std::string_view name, std::string value) {
    const bool given =
        std::any_of(engine.settings.begin(), engine.settings.end(), [&](const auto& s) { return s.first == name; });
    if (!given) out.emplace_back(name, std::move(value));
  };
  if (options.deduplication_window > 0)
    add("non_replicated_deduplication_window", std::to_string(options.deduplication_window));
  add("min_level_for_wide_part", "1");
  if (options.durable)
    for (const std::string_view name : {"fsync_after_insert", "fsync_part_directory"}) add(name, "1");
  out.insert(out.end(), engine.settings.begin(), engine.settings.end());
  return out;
}

std::vector<ColumnDefinition> table_columns(const DataSource& source) {
  auto out = source.columns;
  auto added = metadata_columns(source);
  std::move(added.begin(), added.end(), std::back_inserter(out));
  return out;
}

std::string column_ddl(const ColumnDefinition& column, std::string_view comment) {
  std::string line = fmt::format("{} {}", quote_identifier(column.name), column.type);
  if (column.default_expression) line += fmt::format(" DEFAULT {}", *column.default_expression);
  if (!comment.empty()) line += fmt::format(" COMMENT '{}'", comment);
  if (column.codec) line += fmt::format(" {}", *column.codec);
  return line;
}

std::string create_table_ddl(const DataSource& source, std::string_view table, const DdlOptions& options) {
  std::string body;
  const auto add = [&](const std::string& line) { body += fmt::format("{}    {}", body.empty() ? "" : ",\n", line); };
  for (const auto& column : table_columns(source)) add(column_ddl(column));
  for (const auto& index : source.indexes)
    add(fmt::format("INDEX {} ({}) TYPE {} GRANULARITY {}", quote_identifier(index.name), index.expression, index.type,
                    index.granularity));

  const auto& engine = source.engine;
  std::string out = fmt::format("{}\n(\n{}\n)\nENGINE = {}", create(table, options), body, engine_text(engine));
  if (engine.name == "Null") return out;
  if (!engine.partition_key.empty()) out += fmt::format("\nPARTITION BY {}", engine.partition_key);
  if (!engine.primary_key.empty()) out += fmt::format("\nPRIMARY KEY {}", key(engine.primary_key));
  out += fmt::format("\nORDER BY {}", key(engine.sorting_key.empty() ? "tuple()" : engine.sorting_key));
  if (!engine.sampling_key.empty()) out += fmt::format("\nSAMPLE BY {}", engine.sampling_key);
  if (!engine.ttl.empty()) out += fmt::format("\nTTL {}", engine.ttl);
  return out + fmt::format("\nSETTINGS {}", settings_text(engine, options));
}

std::string quarantine_ddl(const DataSource& source, std::string_view table, const DdlOptions& options) {
  std::string body =
      "    `c__error_column` Array(String),\n    `c__error` Array(String),\n    `c__import_id` Nullable(String)";
  for (const auto& column : table_columns(source))
    body += fmt::format(",\n    {} Nullable(String)", quote_identifier(column.name));
  body += ",\n    `insertion_date` DateTime";
  return fmt::format(
      "{}\n(\n{}\n)\nENGINE = MergeTree\nPARTITION BY toYYYYMM(insertion_date)\nORDER BY insertion_date\nTTL "
      "{}\nSETTINGS {}",
      create(table, options), body, quarantine_ttl, settings_text({}, options));
}

}  // namespace kinglet::datafile
