// SPDX-License-Identifier: Apache-2.0
#include "observe/row_account.h"

#include <algorithm>

namespace kinglet::observe {

void RowAccount::accept(std::uint64_t rows) {
  const std::int64_t before = accepted_.fetch_add(signed_rows(rows), std::memory_order_release);
  // One mark each `step`: the usual row touches no lock.
  const Time now = std::chrono::steady_clock::now();
  if (now.time_since_epoch().count() < next_mark_.load(std::memory_order_relaxed)) return;
  marks_.with([&](Marks& marks) {
    const auto done = ended();
    // Marks that all ended rows have passed, but for the last of them.
    std::size_t gone = 0;
    while (gone + 1 < marks.count && marks.ring[gone + 1].accepted <= done) ++gone;
    if (gone + 1 == marks.count && before <= done) ++gone;
    std::move(marks.ring.begin() + static_cast<std::ptrdiff_t>(gone),
              marks.ring.begin() + static_cast<std::ptrdiff_t>(marks.count), marks.ring.begin());
    marks.count -= gone;
    if (marks.count == 0) marks.step = mark_step;
    if (marks.count == marks_max) {  // a long backlog: every other mark goes
      for (std::size_t i = 0; i < marks_max / 2; ++i) marks.ring[i] = marks.ring[2 * i];
      marks.count = marks_max / 2;
      marks.step *= 2;
    }
    marks.ring[marks.count++] = {.accepted = before, .at = now};
    next_mark_.store((now + marks.step).time_since_epoch().count(), std::memory_order_relaxed);
  });
}

void RowAccount::add(const RowCounts& change) {
  accepted_.fetch_add(change.accepted, std::memory_order_release);
  stored_.fetch_add(change.stored, std::memory_order_release);
  quarantined_.fetch_add(change.quarantined, std::memory_order_release);
  deduplicated_.fetch_add(change.deduplicated, std::memory_order_release);
  failed_.fetch_add(change.failed, std::memory_order_release);
  dropped_.fetch_add(change.dropped, std::memory_order_release);
  sampled_out_.fetch_add(change.sampled_out, std::memory_order_release);
}

void RowAccount::stored_now() {
  last_stored_at_.store(
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count(),
      std::memory_order_relaxed);
}

RowCounts RowAccount::read() const {
  RowCounts out;
  // In this order: a row is accepted before it comes to an end, so a reader never sees more ended than accepted.
  out.stored = stored_.load(std::memory_order_acquire);
  out.quarantined = quarantined_.load(std::memory_order_acquire);
  out.failed = failed_.load(std::memory_order_acquire);
  out.dropped = dropped_.load(std::memory_order_acquire);
  out.sampled_out = sampled_out_.load(std::memory_order_acquire);
  out.deduplicated = deduplicated_.load(std::memory_order_acquire);
  out.accepted = accepted_.load(std::memory_order_acquire);
  return out;
}

std::int64_t RowAccount::ended() const {
  const RowCounts counts = read();
  return counts.accepted - counts.pending();
}

std::chrono::milliseconds RowAccount::oldest_pending(Time now) const {
  const auto counts = read();
  if (counts.pending() <= 0) return {};
  const std::int64_t done = counts.accepted - counts.pending();
  return marks_.with([&](const Marks& marks) {
    // The last mark that is not behind the oldest waiting row.
    const Mark* oldest = marks.count == 0 ? nullptr : marks.ring.data();
    for (std::size_t i = 0; i < marks.count && marks.ring[i].accepted <= done; ++i) oldest = &marks.ring[i];
    return oldest == nullptr ? std::chrono::milliseconds(0)
                             : std::chrono::duration_cast<std::chrono::milliseconds>(now - oldest->at);
  });
}

}  // namespace kinglet::observe
