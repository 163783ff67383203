// SPDX-License-Identifier: Apache-2.0
// The tables that a data source becomes in the engine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "datafile/model.h"

namespace kinglet::datafile {

/// A name between backticks, escaped so that it cannot end early.
std::string quote_identifier(std::string_view name);

struct DdlOptions {
  bool if_not_exists = false;
  /// How many inserted blocks a table remembers, so that a repeated delivery is stored once. 0 leaves the setting out.
  std::uint32_t deduplication_window = 10'000;
  /// An acknowledged insert survives a power cut: the spool lets go of its rows then (docs/design/0004-spool.md).
  bool durable = true;
};

/// Names and values of the settings of a data source's table; of its quarantine table those of an empty definition. The
/// file's own win.
std::vector<std::pair<std::string, std::string>> table_settings(const EngineDefinition& engine,
                                                                const DdlOptions& options = {});

/// All columns of the table in order: as declared, then those of the connector (metadata_columns.h).
std::vector<ColumnDefinition> table_columns(const DataSource& source);

/// A column as it stands in CREATE TABLE and ADD COLUMN: "`a` UInt8 DEFAULT 1 COMMENT 'x' CODEC(ZSTD(1))". `comment`
/// holds no quotes.
std::string column_ddl(const ColumnDefinition& column, std::string_view comment = {});

/// `table` is qualified and quoted already. The data source must have parsed without error: its types, defaults, keys
/// and settings are written as they are. Source: datafiles spec 3.14; settings: connectors spec 9.3,
/// native-format 11.4.
std::string create_table_ddl(const DataSource& source, std::string_view table, const DdlOptions& options = {});

/// The table of rows that did not fit: c__error_column, c__error, c__import_id, every column as Nullable(String),
/// insertion_date; kept for 30 days. Source: connectors spec 2.7.
std::string quarantine_ddl(const DataSource& source, std::string_view table, const DdlOptions& options = {});

}  // namespace kinglet::datafile
