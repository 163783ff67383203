// SPDX-License-Identifier: Apache-2.0
// What every target that reads rows asks of the outcome.
#pragma once

#include <cstdint>
#include <string>

#include "base/check.h"
#include "rows/row_testing.h"

namespace kinglet::rows::testing {

/// All that a reader of rows gives, as one text: two readings are the same where these texts are.
inline std::string seen(const Outcome& out) {
  std::string text = fmt::format("{} {} {} {} {}", out.batch.counts.successful, out.batch.counts.quarantined,
                                 out.batch.counts.malformed, out.fault, fmt::join(out.new_columns, ","));
  for (const auto& block : out.batch.rows) block.encode(text);
  if (!out.batch.quarantine.empty()) out.batch.quarantine.encode(text);
  return text;
}

/// Ends the program unless the blocks can be read back without loss and hold as many rows as were counted.
inline void check_outcome(const Outcome& out) {
  std::uint64_t rows = 0;
  for (const auto& block : out.batch.rows) {
    rows += block.row_count();
    std::string bytes, again;
    block.encode(bytes);
    const auto back = engine::Block::decode(bytes);
    CHECK(back.has_value(), "our own blocks can be read");
    back->encode(again);
    CHECK(bytes == again, "reading a block loses nothing");
  }
  CHECK(rows == out.batch.counts.successful, "each good row is stored once");
  CHECK(out.batch.quarantine.row_count() == out.batch.counts.quarantined, "each bad row is quarantined once");
}

}  // namespace kinglet::rows::testing
