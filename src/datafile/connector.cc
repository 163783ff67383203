// SPDX-License-Identifier: Apache-2.0
// KAFKA_* and IMPORT_* keys of a data source (datafiles spec 3.9, 3.10), and what older projects wrote there (3.8).
#include "datafile/connector.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "datafile/values.h"

namespace kinglet::datafile::internal {

void ConnectorReader::read_older(const Instruction& in) {
  constexpr std::array<std::string_view, 6> services = {"s3", "s3_iamrole", "gcs", "dynamodb", "bigquery", "snowflake"};
  constexpr std::array<std::string_view, 2> strategies = {"append", "replace"};
  const auto name = in.rule->name;
  std::optional<std::string> choice;
  if (name == "IMPORT_SERVICE" && !(choice = read_choice(source_, in, services))) return;
  if (name == "IMPORT_STRATEGY" && !(choice = read_choice(source_, in, strategies))) return;
  if (name == "IMPORT_QUERY" || name == "IMPORT_EXTERNAL_DATASOURCE" || choice == "bigquery" || choice == "snowflake") {
    foreign_import_ = true;
    return source_.warning(
        in.keyword,
        fmt::format("{} reads BigQuery or Snowflake, which is not supported; no rows come from there", name),
        "export the table to a bucket and use IMPORT_BUCKET_URI");
  }
  if (choice == "replace")
    return source_.warning(in.value, "IMPORT_STRATEGY replace belongs to older projects; imports append here",
                           "a copy pipe with COPY_MODE replace can swap the whole table");
  source_.warning(in.keyword, fmt::format("{} belongs to older projects and is ignored", name));
}

void ConnectorReader::read(const Instruction& in) {
  connector_.insert_or_assign(in.rule->name, in);  // also when its value is wrong: it is not missing then
  check_secrets(source_, in);
  const auto name = in.rule->name;
  if (name != "IMPORT_FROM_TIMESTAMP" && name != "KAFKA_KEY_AVRO_DESERIALIZATION" && !require_value(source_, in, "…"))
    return;
  constexpr std::array<std::string_view, 2> offsets = {"earliest", "latest"};
  constexpr std::array<std::string_view, 3> formats = {"csv", "ndjson", "parquet"};
  constexpr std::array<std::string_view, 3> kafka_formats = {"json_without_schema", "json_with_schema", "avro"};
  constexpr std::array<std::string_view, 4> booleans = {"True", "False", "1", "0"};
  constexpr std::array<std::string_view, 1> partitions = {"auto"};
  std::string value(in.value);
  std::optional<std::string> chosen = value;
  if (name == "KAFKA_AUTO_OFFSET_RESET")
    chosen = read_choice(source_, in, offsets);
  else if (name.starts_with("KAFKA_STORE_"))
    chosen = read_choice(source_, in, booleans);
  else if (name == "KAFKA_TARGET_PARTITIONS")
    chosen = read_choice(source_, in, partitions);
  else if (name == "KAFKA_VALUE_FORMAT" || name == "KAFKA_KEY_FORMAT")
    chosen = read_choice(source_, in, kafka_formats);
  else if (name == "IMPORT_FORMAT")
    chosen = read_choice(source_, in, formats);
  else if (name == "IMPORT_SCHEDULE")
    check_schedule(source_, in, true);
  else if (name == "IMPORT_BUCKET_URI" && !value.starts_with("s3://") && !value.starts_with("gs://") &&
           value.find("{{") == std::string::npos)
    source_.error(in.value, fmt::format("IMPORT_BUCKET_URI starts with s3:// or gs://, found {}", quoted(in.value)),
                  "for example s3://bucket/events/*.ndjson");
  if (!chosen) return;
  const auto same =
      std::find_if(out_.connector.begin(), out_.connector.end(), [&](const auto& c) { return c.first == name; });
  if (same != out_.connector.end())
    same->second = *chosen;
  else
    out_.connector.emplace_back(name, *chosen);
}

void ConnectorReader::check() {
  if (foreign_import_) {
    std::erase_if(out_.connector, [](const auto& c) { return c.first.starts_with("IMPORT_"); });
    return;
  }
  if (connector_.empty()) return;
  const auto first_with = [&](std::string_view prefix) -> const Instruction* {
    for (const auto& [key, in] : connector_)
      if (key.starts_with(prefix)) return &in;
    return nullptr;
  };
  const Instruction* kafka = first_with("KAFKA_");
  const Instruction* import = first_with("IMPORT_");
  if (kafka != nullptr && import != nullptr)
    return source_.error(import->keyword,
                         fmt::format("a data source is fed by Kafka or by an import, not by both: {} and {}",
                                     kafka->rule->name, import->rule->name));
  const auto require = [&](const Instruction& because, std::string_view key, std::string_view what) {
    if (!has(key))
      source_.error(because.keyword, fmt::format("{} is missing: {}", key, what),
                    fmt::format("it goes with {}", because.rule->name));
  };
  if (kafka != nullptr) {
    require(*kafka, "KAFKA_CONNECTION_NAME", "the name of a .connection file");
    require(*kafka, "KAFKA_TOPIC", "the topic to read");
    return;
  }
  require(*import, "IMPORT_CONNECTION_NAME", "the name of a .connection file");
  if (has("IMPORT_TABLE_ARN") || has("IMPORT_EXPORT_BUCKET")) {
    require(*import, "IMPORT_TABLE_ARN", "the DynamoDB table");
    require(*import, "IMPORT_EXPORT_BUCKET", "the bucket that DynamoDB exports to");
    if (has("IMPORT_BUCKET_URI"))
      source_.error(
          connector_.at("IMPORT_BUCKET_URI").keyword,
          "a DynamoDB import has no IMPORT_BUCKET_URI; it reads IMPORT_TABLE_ARN through IMPORT_EXPORT_BUCKET");
    return;
  }
  require(*import, "IMPORT_BUCKET_URI", "which files to read, s3://bucket/path/*.csv or gs://…");
  if (has("IMPORT_BUCKET_URI") && has("IMPORT_SCHEDULE") &&
      connector_.at("IMPORT_BUCKET_URI").value.starts_with("gs://") &&
      connector_.at("IMPORT_SCHEDULE").value == "@auto")
    source_.warning(connector_.at("IMPORT_SCHEDULE").value,
                    "Google Cloud Storage does not announce new files; @auto works as @on-demand");
}

}  // namespace kinglet::datafile::internal
