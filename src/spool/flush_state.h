// SPDX-License-Identifier: Apache-2.0
// What the flusher holds of segments, parts and tables; shared by flush.cc and flush_land.cc.
#pragma once

#include <map>
#include <set>
#include <string>

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
  bool wanted = false;

  int refused_tries = 0, unknown_tries = 0, view_tries = 0, lost_tries = 0;
  FlushOutcome worst{.kind = FlushOutcome::Kind::stored};

  bool healing = false;                // stored; a view failed
  std::uint64_t healing_since = 0;     // the table's window entries at the first failure; the difference may wrap
  std::uint32_t healing_reserved = 0;  // so many later entries are covered by a durable note
  Time healing_due{};

  bool ended = false;
  std::uint64_t ended_at_unit = 0;

  struct Rows {
    std::int64_t good = 0, quarantined = 0;
  };
  std::map<std::string, Rows> unbooked;  // by source: rows that have no end yet
  std::set<PartRange> booked;
};

struct Flusher::Segment {
  explicit Segment(SealedSegment s) : sealed(std::move(s)), notes(sealed.header) {}
  SealedSegment sealed;
  FlushNotes notes;
  std::vector<std::unique_ptr<Part>> parts;
  std::size_t open_parts = 0;
  std::shared_ptr<const Loaded> kept;
  SegmentBooks books;
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
  std::size_t wanted = 0;  // of its parts, those that a request waits for
  Time not_before{};
  int busy_tries = 0;
  std::uint64_t window_units = 0;    // used by its inserts: LandingAnswer::window_units
  std::uint64_t window_entries = 0;  // the same in entries, counted while a part is healing
  std::uint64_t partitions = 0;      // no insert touches more, in any table of the database; 0: not known
  Time partitions_due{};
  std::optional<std::multimap<Time, Table*>::iterator> sleeping;
  std::optional<Held> held;
};

/// So many units of the deduplication window may be used behind an ended part before the end is noted. A unit is at
/// most 1,000 of its 10,000 entries; the part itself and the insert that passes this bound use two at most, each.
inline constexpr std::uint64_t unnoted_units_max = 6;
/// A healing part's note covers this many later entries of the window at once.
inline constexpr std::uint32_t healing_note_step = 400;
/// An insert of a table without partitions, or of one row, uses one entry; of others it is not known how many without
/// asking the engine, which is done this often while a part is healing.
inline constexpr std::chrono::seconds partitions_ask{1};
inline constexpr std::uint64_t partitions_unknown = 2'000;
inline constexpr std::chrono::minutes healing_delay_max{5};

}  // namespace kinglet::spool::internal
