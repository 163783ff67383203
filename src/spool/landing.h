// SPDX-License-Identifier: Apache-2.0
// Landing: the last step of a row, one INSERT of one joined block into the engine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/task.h"
#include "spool/segment_format.h"

namespace kinglet::spool {

/// One INSERT. The blocks are those of one layout in the order of their acceptance; the same token always comes with
/// the same blocks.
struct LandingPart {
  Layout layout;
  std::string token;
  std::uint64_t row_count = 0;
  std::span<const std::string_view> blocks;
  bool quarantine = false;  // the table is a quarantine, whose deduplication window may not be open yet
};

enum class Verdict : std::uint8_t {
  stored,
  view_failed,   // the rows are stored; a materialized view refused them
  unreachable,   // no answer, or one that says "not now" for the engine as a whole: outcome unknown, same token again
  busy,          // this table cannot take it now (too many parts, read only, …)
  refused_rows,  // something in these rows is refused: part of the batch may pass
  refused_all,   // nothing for this table and these columns can pass
  unknown,       // an error that we have no rule for
};

struct LandingAnswer {
  Verdict verdict = Verdict::unknown;
  Error error = {};
  /// How much of a deduplication window the insert may have used, in units of EngineLandingOptions::partitions_max.
  std::uint32_t window_units = 1;
};

/// A table with many parts: merges are behind its inserts.
struct CrowdedTable {
  TableName table;
  std::uint64_t parts_in_partition = 0;  // of its fullest partition
  std::uint64_t parts = 0;
};

/// Thread: flush. Calls for different tables overlap; for one table they never do.
class Landing {
 public:
  virtual ~Landing() = default;
  /// `part` and the bytes behind `blocks` live until the end of the call.
  virtual Task<LandingAnswer> land(const LandingPart& part, Deadline deadline) = 0;
  /// Tables with so many active parts or more, in one partition or in all.
  virtual Task<Result<std::vector<CrowdedTable>>> crowded(std::uint64_t in_partition, std::uint64_t in_all,
                                                          Deadline deadline);
  /// Of the tables of `database`, the most partitions that one has: no insert touches more of any of them.
  virtual Task<Result<std::uint64_t>> partitions(std::string database, Deadline deadline);
};

using LandingFactory = std::function<std::unique_ptr<Landing>(asio::any_io_executor)>;

/// What an error of the engine client means for the batch. Source: spec/native-format.md 10 and ClickHouse's
/// ErrorCodes.
LandingAnswer classify_landing_error(Error error);
/// The block spans more partitions than one insert may.
bool is_too_many_partitions(const Error& error);

}  // namespace kinglet::spool
