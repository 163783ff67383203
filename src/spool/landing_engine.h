// SPDX-License-Identifier: Apache-2.0
// Landing in the real engine: blocks are joined into one and sent as one INSERT with a deduplication token.
#pragma once

#include "engine/block.h"
#include "engine/client.h"
#include "spool/landing.h"
#include "spool/spool.h"

namespace kinglet::spool {

struct EngineLandingOptions {
  engine::Client::Options client;
  /// One INSERT uses one entry of the deduplication window for each partition: stay far below the smallest window.
  std::uint32_t partitions_max = 100;
};

/// Thread: flush.
class EngineLanding final : public Landing {
 public:
  EngineLanding(asio::any_io_executor executor, EngineLandingOptions options);
  Task<LandingAnswer> land(const LandingPart& part, Deadline deadline) override;

 private:
  engine::Client client_;
  engine::Settings settings_;
};

LandingFactory engine_landing(EngineLandingOptions options);

/// The rows of `block` for `table`, encoded. `block` has rows.
SpoolSection make_section(TableName table, const engine::Block& block, SectionKind kind = SectionKind::rows);

/// One block with the rows of all, in order. Errors: invalid (damaged, or of different columns).
Result<std::string> join_blocks(std::span<const std::string_view> blocks);

/// "INSERT INTO `db`.`t` (`a`, `b`)"
std::string insert_statement(const Layout& layout);

}  // namespace kinglet::spool
