// SPDX-License-Identifier: Apache-2.0
// Landing in the real engine: blocks are joined into one and sent as one INSERT with a deduplication token.
#pragma once

#include <set>

#include "engine/block.h"
#include "engine/client.h"
#include "spool/landing.h"
#include "spool/spool.h"

namespace kinglet::spool {

struct EngineLandingOptions {
  engine::Client::Options client;
  /// One INSERT uses one entry of the deduplication window (10,000) for each partition, and an ended part is noted
  /// before its token may fall out of it: window_units_max times this fit. An insert with many partitions makes no more
  /// parts than many inserts with one.
  std::uint32_t partitions_max = 1'000;
  /// Of a batch that is one request and cannot be cut further; two units.
  std::uint32_t partitions_alone_max = 2'000;
  /// What a quarantine gets before its first rows: it is made without a window, which holds a descriptor of the engine
  /// as long as the table is there. As in datafile::DdlOptions.
  std::uint32_t deduplication_window = 10'000;
  /// Of our databases: an engine behind a URL may have others.
  std::string database_prefix = "ws_";
};

/// Thread: flush.
class EngineLanding final : public Landing {
 public:
  EngineLanding(asio::any_io_executor executor, EngineLandingOptions options);
  Task<LandingAnswer> land(const LandingPart& part, Deadline deadline) override;
  Task<Result<std::vector<CrowdedTable>>> crowded(std::uint64_t in_partition, std::uint64_t in_all,
                                                  Deadline deadline) override;
  Task<Result<std::uint64_t>> partitions(std::string database, Deadline deadline) override;

 private:
  Task<Status> open_window(const TableName& quarantine, Deadline deadline);

  EngineLandingOptions options_;
  engine::Client client_;
  engine::Settings settings_;
  std::set<TableName> windows_;  // quarantines whose window is open; a table's name is never used again
};

LandingFactory engine_landing(EngineLandingOptions options);

/// The rows of `block` for `table`, encoded. `block` has rows.
SpoolSection make_section(TableName table, const engine::Block& block, SectionKind kind = SectionKind::rows);

/// One block with the rows of all, in order. Errors: invalid (damaged, or of different columns).
Result<std::string> join_blocks(std::span<const std::string_view> blocks);

/// "INSERT INTO `db`.`t` (`a`, `b`)"
std::string insert_statement(const Layout& layout);

}  // namespace kinglet::spool
