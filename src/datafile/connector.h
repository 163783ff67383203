// SPDX-License-Identifier: Apache-2.0
// KAFKA_* and IMPORT_* keys of a data source.
#pragma once

#include <map>
#include <string_view>

#include "datafile/model.h"
#include "datafile/source.h"
#include "datafile/tree.h"

namespace kinglet::datafile::internal {

/// Puts the keys into `out.connector` as they come, then checks them together.
class ConnectorReader {
 public:
  /// Both must outlive the reader.
  ConnectorReader(Source& source, DataSource& out) : source_(source), out_(out) {}

  void read(const Instruction& in);
  /// A keyword that only older projects know.
  void read_older(const Instruction& in);
  void check();
  bool has(std::string_view key) const { return connector_.contains(key); }

 private:
  Source& source_;
  DataSource& out_;
  bool foreign_import_ = false;  // BigQuery, Snowflake
  std::map<std::string_view, Instruction> connector_;
};

}  // namespace kinglet::datafile::internal
