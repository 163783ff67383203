// SPDX-License-Identifier: Apache-2.0
// Records to rows: what the edges observed, as Native blocks for the tables of the service data sources.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/block.h"
#include "observe/records.h"
#include "service/definitions.h"

namespace kinglet::service {

/// One size sample of a data source; a row of `tinybird.datasources_storage`.
struct StorageSample {
  observe::Time time{};
  std::string data_source_id, data_source_name;
  std::uint64_t bytes = 0, rows = 0, bytes_quarantine = 0, rows_quarantine = 0;
};

/// The rows of one workspace, a block for each table that gets some. Thread: any, one at a time.
class Rows {
 public:
  /// pipe_stats_rt, and endpoint_errors when the call failed.
  void add(const observe::RequestRecord& record);
  /// datasources_ops_log, and block_log for each block.
  void add(const observe::OperationRecord& record);
  /// jobs_log.
  void add(const observe::JobRecord& record);
  /// datasources_storage.
  void add(const StorageSample& sample);

  /// By table name; none is empty.
  std::map<std::string_view, engine::Block>& blocks() { return blocks_; }

 private:
  void add_operation(const observe::OperationRecord& record);
  engine::Block& block(std::string_view table);
  std::map<std::string_view, engine::Block> blocks_;
};

}  // namespace kinglet::service
