// SPDX-License-Identifier: Apache-2.0
// Columns that a connector adds to its table without the file declaring them.
#include "datafile/metadata_columns.h"

#include <algorithm>
#include <string_view>

namespace kinglet::datafile {

std::vector<ColumnDefinition> metadata_columns(const DataSource& source) {
  std::vector<ColumnDefinition> out;
  const auto value = [&](std::string_view key) -> std::string_view {
    for (const auto& [name, text] : source.connector)
      if (name == key) return text;
    return {};
  };
  const auto add = [&](std::string_view name, std::string_view type) {
    const bool declared =
        std::any_of(source.columns.begin(), source.columns.end(), [&](const auto& c) { return c.name == name; });
    if (declared) return;
    ColumnDefinition column;
    column.name = name;
    column.type = type;
    out.push_back(std::move(column));
  };
  if (!value("KAFKA_TOPIC").empty()) {
    add("__value", "String");
    add("__topic", "LowCardinality(String)");
    add("__partition", "Int16");
    add("__offset", "Int64");
    add("__timestamp", "DateTime");
    add("__key", "String");
    const auto headers = value("KAFKA_STORE_HEADERS");
    if (headers == "True" || headers == "1") add("__headers", "Map(String, String)");
  } else if (!value("IMPORT_TABLE_ARN").empty()) {
    add("_timestamp", "DateTime64(3)");
    add("_event_type", "LowCardinality(String)");
    add("_is_deleted", "UInt8");
    add("_record", "Nullable(String)");
    add("_old_record", "Nullable(String)");
  }
  return out;
}

}  // namespace kinglet::datafile
