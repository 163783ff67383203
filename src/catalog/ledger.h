// SPDX-License-Identifier: Apache-2.0
// The ledger: what became of every accepted row, for each data source (docs/design/0009-accounting.md).
#pragma once

#include <cstdint>
#include <string>

namespace kinglet::catalog {

/// Rows. The invariant, once nothing waits in the spool: accepted = stored + quarantined + deduplicated + failed +
/// dropped + sampled_out. As a change every number may be negative: a refused batch that is tried again leaves
/// `failed`.
struct LedgerCounts {
  std::int64_t accepted = 0;      // acknowledged, good and bad rows
  std::int64_t stored = 0;        // in the data source's table
  std::int64_t quarantined = 0;   // in its quarantine
  std::int64_t deduplicated = 0;  // sent before under the same idempotency key
  std::int64_t failed = 0;        // refused by the engine for good; they stand in the spool's failed/
  std::int64_t dropped = 0;       // their table was removed before they came to it
  std::int64_t sampled_out = 0;   // bad rows of a flood: counted, not kept

  LedgerCounts& operator+=(const LedgerCounts& other);
  bool operator==(const LedgerCounts&) const = default;
  std::int64_t ended() const { return stored + quarantined + deduplicated + failed + dropped + sampled_out; }
};

struct LedgerKey {
  std::string workspace_id, data_source_id;
  auto operator<=>(const LedgerKey&) const = default;
};

/// What a data source's table holds beside the rows of the ledger: rows of before, of copies and replaces, less those
/// that were deleted. The table's name tells whether it is still the one that was counted.
struct Baseline {
  std::string table;
  std::int64_t other_rows = 0;

  /// Before something changes the table beside ingestion: what was counted is no measure, until it is counted anew.
  static Baseline unknown() { return {.table = "?"}; }
  bool is_unknown() const { return table == "?"; }
};

struct LedgerEntry {
  LedgerKey key;
  LedgerCounts counts;
  Baseline baseline;  // no table: never counted
};

struct LedgerChange {
  LedgerKey key;
  LedgerCounts change;
};

/// A spool segment: the epoch is random and new at each start of the server.
struct SegmentKey {
  std::uint64_t epoch = 0, segment_id = 0;
  auto operator<=>(const SegmentKey&) const = default;
};

}  // namespace kinglet::catalog
