// SPDX-License-Identifier: Apache-2.0
// What the flusher holds of segments, parts and tables; shared by flush.cc and flush_land.cc.
#pragma once

#include "spool/flush.h"

namespace kinglet::spool::internal {

/// A segment in memory, with its plan.
struct Flusher::Loaded {
  std::string bytes;
  SegmentScan scan;
  std::vector<PlannedPart> plan;
};

/// One INSERT that must happen.
struct Flusher::Part {
  Segment* segment = nullptr;
  std::uint32_t index = 0;
  TableName table;
  std::uint64_t row_count = 0;
  std::uint64_t byte_count = 0;
  std::uint32_t item_count = 0;
  std::vector<std::shared_ptr<Ticket>> tickets;  // not told yet

  int refused_tries = 0, unknown_tries = 0, view_tries = 0, lost_tries = 0;
  FlushOutcome worst{.kind = FlushOutcome::Kind::stored};

  bool healing = false;                // stored; a view failed
  std::uint64_t healing_since = 0;     // the table's insert count at the first failure; the difference may wrap
  std::uint32_t healing_reserved = 0;  // so many later inserts are covered by a durable note
  Time healing_due{};

  bool ended = false;
  std::uint64_t ended_at_insert = 0;
};

struct Flusher::Segment {
  explicit Segment(SealedSegment s) : sealed(std::move(s)), notes(sealed.header) {}
  SealedSegment sealed;
  FlushNotes notes;
  std::vector<std::unique_ptr<Part>> parts;
  std::size_t open_parts = 0;
  std::shared_ptr<const Loaded> kept;
};

struct Flusher::Held {
  std::uint64_t id = 0;
  HoldKind kind = HoldKind::change;
  std::size_t allowed = 0;  // parts that came before
  bool granted = false;
  std::function<void(Status)> done;
};

/// One insert of a table at a time, in order: an insert whose outcome is unknown is settled before the next one starts,
/// so that its token is still remembered.
struct Flusher::Table {
  TableName name;
  std::deque<Part*> parts;
  std::deque<Part*> healing;
  std::vector<Part*> unnoted;  // ended, segment still there, no note yet
  bool running = false;
  bool queued = false;
  Time not_before{};
  int busy_tries = 0;
  std::uint64_t inserts = 0;
  std::optional<std::multimap<Time, Table*>::iterator> sleeping;
  std::optional<Held> held;
};

/// So many inserts of a table may follow an ended part before the end is noted: far fewer than any deduplication
/// window.
inline constexpr std::uint64_t unnoted_inserts_max = 8;
/// A healing part's note covers this many later inserts at once.
inline constexpr std::uint32_t healing_note_step = 50;
inline constexpr std::chrono::minutes healing_delay_max{5};

}  // namespace kinglet::spool::internal
