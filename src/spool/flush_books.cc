// SPDX-License-Identifier: Apache-2.0
// The flusher's books: each accepted row is counted at its end, once, and a segment's sums are durable before its file
// goes (docs/design/0009-accounting.md).
#include <boost/asio/post.hpp>

#include "base/log.h"
#include "spool/flush_state.h"

namespace kinglet::spool::internal {

namespace {

void accumulate(RowsBooked& sum, const RowsBooked& rows) {
  sum.accepted += rows.accepted;
  sum.stored += rows.stored;
  sum.quarantined += rows.quarantined;
  sum.failed += rows.failed;
  sum.dropped += rows.dropped;
}

bool is_zero(const RowsBooked& rows) {
  return rows.accepted == 0 && rows.stored == 0 && rows.quarantined == 0 && rows.failed == 0 && rows.dropped == 0;
}

/// Rows of a section as the books count them; those of a copy were accepted elsewhere.
void count(std::int64_t& good, std::int64_t& quarantined, const ScannedSection& section) {
  const auto rows = static_cast<std::int64_t>(section.row_count);
  if (section.kind == SectionKind::rows) good += rows;
  if (section.kind == SectionKind::quarantine) quarantined += rows;
}

/// Are the rows of a batch that is tried again in the table already, with only a view behind?
bool rows_are_stored(const SegmentScan& scan) {
  return !scan.failures.empty() && scan.failures.front().rows_stored;
}

}  // namespace

void Flusher::book_rows(Segment& segment, const std::string& source, const RowsBooked& rows) {
  if (is_zero(rows)) return;
  accumulate(segment.books.sources[source], rows);
  if (callbacks_.rows_booked) callbacks_.rows_booked(source, rows);
}

void Flusher::open_books(Segment& segment, const SegmentScan& scan) {
  segment.books = {.epoch = scan.header.spool_epoch, .segment_id = scan.header.segment_id};
  if (rows_are_stored(scan)) return;
  std::map<std::string, RowsBooked> sources;
  for (const auto& request : scan.requests) {
    std::int64_t good = 0, quarantined = 0;
    for (const auto& section : request.sections) count(good, quarantined, section);
    auto& sum = sources[request.meta.source];
    (scan.failures.empty() ? sum.accepted : sum.failed) +=
        scan.failures.empty() ? good + quarantined : -(good + quarantined);
  }
  for (const auto& [source, rows] : sources) {
    if (is_zero(rows)) continue;
    accumulate(segment.books.sources[source], rows);
    // Who accepted rows of this process has told so already.
    if (callbacks_.rows_booked && (segment.sealed.recovered || !scan.failures.empty()))
      callbacks_.rows_booked(source, rows);
  }
}

void Flusher::plan_books(const SegmentScan& scan, const PlannedPart& planned, Part& part) {
  if (rows_are_stored(scan)) return;
  for (const auto& item : planned.items) {
    const auto& request = scan.requests[item.request];
    auto& rows = part.unbooked[request.meta.source];
    count(rows.good, rows.quarantined, request.sections[item.section]);
  }
}

namespace {
RowsBooked ended(std::int64_t good, std::int64_t quarantined, FlushOutcome::Kind kind) {
  switch (kind) {
    case FlushOutcome::Kind::failed:
      return {.failed = good + quarantined};
    case FlushOutcome::Kind::dropped:
      return {.dropped = good + quarantined};
    case FlushOutcome::Kind::stored:
    case FlushOutcome::Kind::view_failed:
    case FlushOutcome::Kind::pending:
      break;
  }
  return {.stored = good, .quarantined = quarantined};
}
}  // namespace

void Flusher::book(Part& part, const Loaded& loaded, PartRange range, FlushOutcome::Kind kind) {
  if (part.unbooked.empty() || !part.booked.insert(range).second) return;
  std::map<std::string, Part::Rows> sums;
  const auto& items = loaded.plan[part.index].items;
  for (std::uint32_t i = range.begin; i < range.end; ++i) {
    const auto& request = loaded.scan.requests[items[i].request];
    auto& rows = sums[request.meta.source];
    count(rows.good, rows.quarantined, request.sections[items[i].section]);
  }
  for (const auto& [source, rows] : sums) {
    const auto rest = part.unbooked.find(source);
    if (rest == part.unbooked.end()) continue;
    // A batch that was stored whole and is taken apart later has nothing left to book.
    const auto good = std::min(rows.good, rest->second.good);
    const auto quarantined = std::min(rows.quarantined, rest->second.quarantined);
    rest->second.good -= good;
    rest->second.quarantined -= quarantined;
    book_rows(*part.segment, source, ended(good, quarantined, kind));
  }
}

void Flusher::book_rest(Part& part, FlushOutcome::Kind kind) {
  for (const auto& [source, rows] : std::exchange(part.unbooked, {}))
    book_rows(*part.segment, source, ended(rows.good, rows.quarantined, kind));
}

void Flusher::book_dropped(const SegmentScan& failed) {
  if (failed.failures.empty() || rows_are_stored(failed)) return;
  SegmentBooks books;
  for (const auto& request : failed.requests) {
    std::int64_t good = 0, quarantined = 0;
    for (const auto& section : request.sections) count(good, quarantined, section);
    accumulate(books.sources[request.meta.source], {.failed = -(good + quarantined), .dropped = good + quarantined});
  }
  if (callbacks_.rows_booked)
    for (const auto& [source, rows] : books.sources) callbacks_.rows_booked(source, rows);
  if (callbacks_.book_segment)
    callbacks_.book_segment(std::move(books), [](const Status& status) {
      if (!status) log::error("a dropped batch is missing in the books on disk", {{"error", status.error().message}});
    });
}

void Flusher::close_books(std::uint64_t segment_id) {
  const auto found = segments_.find(segment_id);
  if (!callbacks_.book_segment || found == segments_.end()) return remove(segment_id);
  callbacks_.book_segment(found->second->books, [this, segment_id](Status status) {
    asio::post(executor_, [this, segment_id, status = std::move(status)] {
      if (stopping_) return;
      if (status) return remove(segment_id);
      log::warning("the books of a stored spool segment cannot be written yet", {{"error", status.error().message}});
      after(options_.retry_max, [this, segment_id] { close_books(segment_id); });
    });
  });
}

}  // namespace kinglet::spool::internal
