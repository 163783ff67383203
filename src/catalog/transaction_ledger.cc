// SPDX-License-Identifier: Apache-2.0
// The ledger in a transaction.
#include "catalog/store.h"
#include "catalog/transaction.h"

namespace kinglet::catalog {

LedgerCounts& LedgerCounts::operator+=(const LedgerCounts& other) {
  accepted += other.accepted;
  stored += other.stored;
  quarantined += other.quarantined;
  deduplicated += other.deduplicated;
  failed += other.failed;
  dropped += other.dropped;
  sampled_out += other.sampled_out;
  return *this;
}

Result<std::vector<LedgerEntry>> Transaction::ledger() {
  return store_.ledger();
}

Result<std::vector<SegmentKey>> Transaction::booked_segments() {
  return store_.booked_segments();
}

Status Transaction::book(const std::optional<SegmentKey>& segment, std::span<const LedgerChange> changes) {
  if (segment) {
    TRY(const bool booked, store_.is_booked(*segment));
    if (booked) return {};
    TRY_VOID(store_.put_booked_segment(*segment));
  }
  for (const auto& [key, change] : changes) TRY_VOID(store_.add_to_ledger(key, change));
  return {};
}

Status Transaction::forget_booked(std::span<const SegmentKey> segments) {
  for (const auto& segment : segments) TRY_VOID(store_.remove_booked_segment(segment));
  return {};
}

Status Transaction::set_baseline(const LedgerKey& key, const Baseline& baseline) {
  return store_.put_baseline(key, baseline);
}

Status Transaction::forget_ledger(const LedgerKey& key) {
  return store_.remove_from_ledger(key);
}

}  // namespace kinglet::catalog
