// SPDX-License-Identifier: Apache-2.0
// The store's statements of the ledger.
#include "catalog/store_session.h"

#pragma clang attribute push(__attribute__((no_sanitize("vptr"))), apply_to = function)

namespace kinglet::catalog::internal {

namespace {
// SQLite's integers are signed: the same 64 bits.
long long stored_id(std::uint64_t id) {
  return static_cast<long long>(id);
}
}  // namespace

Result<std::vector<LedgerEntry>> Store::ledger() {
  std::vector<LedgerEntry> out;
  TRY_VOID(run([&](soci::session& sql) {
    LedgerEntry one;
    long long accepted = 0, stored = 0, quarantined = 0, deduplicated = 0, failed = 0, dropped = 0, sampled = 0,
              other = 0;
    soci::statement rows =
        (sql.prepare << "SELECT workspace_id, data_source_id, accepted, stored, quarantined, deduplicated, failed, "
                        "dropped, sampled_out, table_name, other_rows FROM ledger",
         soci::into(one.key.workspace_id), soci::into(one.key.data_source_id), soci::into(accepted), soci::into(stored),
         soci::into(quarantined), soci::into(deduplicated), soci::into(failed), soci::into(dropped),
         soci::into(sampled), soci::into(one.baseline.table), soci::into(other));
    rows.execute();
    while (rows.fetch()) {
      one.counts = {.accepted = accepted,
                    .stored = stored,
                    .quarantined = quarantined,
                    .deduplicated = deduplicated,
                    .failed = failed,
                    .dropped = dropped,
                    .sampled_out = sampled};
      one.baseline.other_rows = other;
      out.push_back(one);
    }
  }));
  return out;
}

Status Store::add_to_ledger(const LedgerKey& key, const LedgerCounts& change) {
  return run([&](soci::session& sql) {
    const long long accepted = change.accepted, stored = change.stored, quarantined = change.quarantined,
                    deduplicated = change.deduplicated, failed = change.failed, dropped = change.dropped,
                    sampled = change.sampled_out;
    sql << "INSERT INTO ledger (workspace_id, data_source_id, accepted, stored, quarantined, deduplicated, failed, "
           "dropped, sampled_out, table_name, other_rows) VALUES (:w, :d, :a, :s, :q, :u, :f, :r, :o, '', 0) "
           "ON CONFLICT (workspace_id, data_source_id) DO UPDATE SET accepted = accepted + excluded.accepted, "
           "stored = stored + excluded.stored, quarantined = quarantined + excluded.quarantined, "
           "deduplicated = deduplicated + excluded.deduplicated, failed = failed + excluded.failed, "
           "dropped = dropped + excluded.dropped, sampled_out = sampled_out + excluded.sampled_out",
        soci::use(key.workspace_id), soci::use(key.data_source_id), soci::use(accepted), soci::use(stored),
        soci::use(quarantined), soci::use(deduplicated), soci::use(failed), soci::use(dropped), soci::use(sampled);
  });
}

Status Store::put_baseline(const LedgerKey& key, const Baseline& baseline) {
  TRY_VOID(add_to_ledger(key, {}));
  return run([&](soci::session& sql) {
    const long long other = baseline.other_rows;
    sql << "UPDATE ledger SET table_name = :t, other_rows = :o WHERE workspace_id = :w AND data_source_id = :d",
        soci::use(baseline.table), soci::use(other), soci::use(key.workspace_id), soci::use(key.data_source_id);
  });
}

Status Store::remove_from_ledger(const LedgerKey& key) {
  return run([&](soci::session& sql) {
    sql << "DELETE FROM ledger WHERE workspace_id = :w AND data_source_id = :d", soci::use(key.workspace_id),
        soci::use(key.data_source_id);
  });
}

Result<std::vector<SegmentKey>> Store::booked_segments() {
  std::vector<SegmentKey> out;
  TRY_VOID(run([&](soci::session& sql) {
    long long epoch = 0, id = 0;
    soci::statement rows =
        (sql.prepare << "SELECT epoch, segment_id FROM booked_segments", soci::into(epoch), soci::into(id));
    rows.execute();
    while (rows.fetch())
      out.push_back({.epoch = static_cast<std::uint64_t>(epoch), .segment_id = static_cast<std::uint64_t>(id)});
  }));
  return out;
}

Result<bool> Store::is_booked(const SegmentKey& segment) {
  long long count = 0;
  TRY_VOID(run([&](soci::session& sql) {
    const long long epoch = stored_id(segment.epoch), id = stored_id(segment.segment_id);
    sql << "SELECT count(*) FROM booked_segments WHERE epoch = :e AND segment_id = :s", soci::use(epoch), soci::use(id),
        soci::into(count);
  }));
  return count > 0;
}

Status Store::put_booked_segment(const SegmentKey& segment) {
  return run([&](soci::session& sql) {
    const long long epoch = stored_id(segment.epoch), id = stored_id(segment.segment_id);
    sql << "INSERT INTO booked_segments (epoch, segment_id) VALUES (:e, :s)", soci::use(epoch), soci::use(id);
  });
}

Status Store::remove_booked_segment(const SegmentKey& segment) {
  return run([&](soci::session& sql) {
    const long long epoch = stored_id(segment.epoch), id = stored_id(segment.segment_id);
    sql << "DELETE FROM booked_segments WHERE epoch = :e AND segment_id = :s", soci::use(epoch), soci::use(id);
  });
}

}  // namespace kinglet::catalog::internal

#pragma clang attribute pop
