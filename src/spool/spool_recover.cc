// SPDX-License-Identifier: Apache-2.0
// What an earlier process left in the spool folder: checked, cut at its last whole record, and taken over.
#include <algorithm>
#include <set>

#include "base/log.h"
#include "spool/segment_scan.h"
#include "spool/spool_state.h"

namespace kinglet::spool {
namespace {

constexpr std::string_view segment_suffix = ".segment";
constexpr std::string_view notes_suffix = ".notes";
constexpr std::string_view unfinished_suffix = ".new";
/// The failure record of a file in failed/ stands in its first bytes.
constexpr std::uint64_t failure_bytes_max = 64u << 10;

std::int64_t unix_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// Nothing for a name that is not sixteen hex digits and the suffix.
std::optional<std::uint64_t> segment_id_of(const std::string& name) {
  std::uint64_t id = 0;
  const char* const stem_end = name.data() + name.size() - std::min(name.size(), segment_suffix.size());
  const auto [end, error] = std::from_chars(name.data(), stem_end, id, 16);
  return error == std::errc() && end == stem_end ? std::optional(id) : std::nullopt;
}

bool only_zeros(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

}  // namespace

Status Spool::State::recover(std::vector<internal::SealedSegment>& found) {
  TRY(const auto names, folder->list(""));
  std::vector<std::string> segments;
  std::set<std::string> notes;
  for (const auto& name : names) {
    if (name.ends_with(segment_suffix)) segments.push_back(name);
    if (name.ends_with(notes_suffix)) notes.insert(name);
  }
  const auto notes_of = [](const std::string& segment) {
    return segment.substr(0, segment.size() - segment_suffix.size()) + std::string(notes_suffix);
  };

  // Versions first: a folder of a newer server is refused before anything is changed.
  for (const auto& name : segments) {
    TRY(auto file, folder->open_file(name));
    TRY(const auto head, file->read(0, internal::segment_header_size));
    const auto header = internal::decode_segment_header(head);
    if (!header && header.error().code == Code::unsupported) return fail(header.error());
    if (header && notes.contains(notes_of(name))) {
      internal::FlushNotes probe(*header);
      TRY_VOID(probe.load(*folder));
    }
  }
  TRY_VOID(keys.load(*folder, unix_ms()));

  for (const auto& name : names)
    if (name.ends_with(unfinished_suffix)) TRY_VOID(folder->remove(name));
  for (const auto& name : segments) TRY_VOID(recover_segment(name, notes.contains(notes_of(name)), found));
  for (const auto& name : notes) {
    const std::string segment = name.substr(0, name.size() - notes_suffix.size()) + std::string(segment_suffix);
    if (std::ranges::find(segments, segment) == segments.end()) TRY_VOID(folder->remove(name));
  }
  TRY_VOID(folder->sync());
  recover_failed();
  update_oldest();
  if (!found.empty())
    log::info("accepted rows of an earlier run wait in the spool",
              {{"segments", found.size()}, {"bytes", counters.bytes.load()}});
  return {};
}

Status Spool::State::recover_segment(const std::string& name, bool has_notes,
                                     std::vector<internal::SealedSegment>& found) {
  if (const auto id = segment_id_of(name)) next_segment_id = std::max(next_segment_id, *id + 1);

  TRY(auto file, folder->open_file(name));
  TRY(const auto size, file->size());
  TRY(const auto bytes, file->read(0, size));
  const auto keep_aside = [&](std::string_view problem) -> Status {
    counters.damaged_segments.fetch_add(1);
    log::error("a spool segment is damaged; it is kept in failed/", {{"segment", name}, {"problem", problem}});
    return folder->rename(name, "failed/" + name);
  };
  auto scan = internal::scan_segment(bytes);
  if (!scan) {
    // The header is durable before the first request is acknowledged: without one there is nothing to lose.
    if (only_zeros(std::string_view(bytes).substr(0, internal::segment_header_size)) && only_zeros(bytes))
      return folder->remove(name);
    if (bytes.size() < internal::segment_header_size) return folder->remove(name);
    return keep_aside(scan.error().message);
  }
  if (internal::segment_name(scan->header.segment_id) != name) return keep_aside("its name is not that of its header");
  if (segment_booked && segment_booked(scan->header.spool_epoch, scan->header.segment_id)) return folder->remove(name);
  if (scan->end == internal::SegmentEnd::damaged) {
    counters.damaged_segments.fetch_add(1);
    log::error("a spool segment is damaged; its valid start is stored, the file is kept in failed/",
               {{"segment", name}, {"problem", scan->problem}, {"requests", scan->requests.size()}});
    if (scan->requests.empty()) return folder->rename(name, "failed/" + name);
  }
  if (scan->end == internal::SegmentEnd::torn) {
    counters.torn_segments.fetch_add(1);
    log::warning("a write to the spool did not finish when the server ended; it was not acknowledged and is dropped",
                 {{"segment", name}, {"problem", scan->problem}, {"requests", scan->requests.size()}});
  }
  if (scan->requests.empty()) return folder->remove(name);
  // A batch that an operator had tried again: its old file may have outlived the process.
  for (const auto& failure : scan->failures) TRY_VOID(folder->remove("failed/" + failure.token + ".segment"));
  // From here on the content is fixed: a replay after the next crash makes the same parts.
  if (scan->end == internal::SegmentEnd::torn) TRY_VOID(file->truncate(scan->valid_size));
  TRY_VOID(file->sync());

  internal::SealedSegment sealed{.header = scan->header,
                                 .name = name,
                                 .size = scan->valid_size,
                                 .damaged = scan->end == internal::SegmentEnd::damaged,
                                 .has_notes = has_notes,
                                 .recovered = true,
                                 .tickets = {}};
  take_recovered(*scan, sealed);
  found.push_back(std::move(sealed));
  return {};
}

void Spool::State::take_recovered(const internal::SegmentScan& scan, internal::SealedSegment& sealed) {
  const std::int64_t now = unix_ms();
  const auto age = std::chrono::milliseconds(std::max<std::int64_t>(0, now - scan.header.created_at_ms));
  open_segments.emplace(scan.header.segment_id, Clock::now() - age);
  counters.bytes.fetch_add(scan.valid_size - internal::segment_header_size);
  for (std::uint32_t number = 0; number < scan.requests.size(); ++number) {
    const auto& request = scan.requests[number];
    for (const auto& section : request.sections) tables[scan.layouts[section.layout].table].bytes += section.size;
    if (request.meta.idempotency_key.empty()) continue;
    const internal::KnownKey key{.hash = internal::hash_key(request.meta.source, request.meta.idempotency_key),
                                 .accepted_at_ms = request.meta.accepted_at_ms,
                                 .successful_rows = request.meta.successful_rows,
                                 .quarantined_rows = request.meta.quarantined_rows,
                                 .content_hash = request.meta.content_hash};
    keys.put(key, now);
    segment_keys[scan.header.segment_id].push_back(key);
    auto ticket = std::make_shared<internal::Ticket>();
    key_tickets[{key.hash.source, key.hash.high, key.hash.low}] = ticket;
    sealed.tickets.emplace(number, std::move(ticket));
  }
}

void Spool::State::recover_failed() {
  const auto names = folder->list("failed");
  if (!names) return;  // a missing list of old failures is no reason not to start
  for (const auto& name : *names) {
    auto file = folder->open_file("failed/" + name);
    if (!file) continue;
    const auto bytes = (*file)->read(0, failure_bytes_max);
    if (!bytes) continue;
    const auto scan = internal::scan_segment(*bytes);
    if (!scan || scan->failures.empty()) {
      const auto size = (*file)->size();
      flusher->remember_damaged(name, size ? *size : 0);
      if (const auto id = segment_id_of(name)) next_segment_id = std::max(next_segment_id, *id + 1);
      continue;
    }
    const auto& failure = scan->failures.front();
    flusher->remember_failed(
        {.token = failure.token,
         .table = failure.table,
         .row_count = failure.row_count,
         .byte_count = failure.byte_count,
         .error = {.code = Code::engine_refused, .message = failure.error, .engine_code = failure.engine_code},
         .rows_stored = failure.rows_stored,
         .failed_at_ms = failure.failed_at_ms});
  }
}

}  // namespace kinglet::spool
