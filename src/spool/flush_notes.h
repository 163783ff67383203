// SPDX-License-Identifier: Apache-2.0
// Notes beside a segment: which of its parts have ended, while others still wait. docs/formats/spool.md.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "spool/flush_plan.h"
#include "spool/spool_file.h"

namespace kinglet::spool::internal {

enum class NoteKind : std::uint8_t {
  done = 1,     // stored, or its table is gone
  failed = 2,   // stands in failed/
  split = 3,    // refused as a whole: its two halves are inserted instead
  healing = 4,  // stored, but a view failed; `value` later inserts of the table may have followed
};

struct Note {
  std::uint32_t part = 0;
  PartRange range;
  NoteKind kind = NoteKind::done;
  std::uint32_t value = 0;
};

/// The notes of one segment. Without them a part that was stored long ago could be replayed after the table has
/// forgotten its token. Thread: flush.
class FlushNotes {
 public:
  /// "000000000000002a.notes"
  static std::string name_of(std::uint64_t segment_id);
  explicit FlushNotes(const SegmentHeader& header) : header_(header) {}

  /// Reads what an earlier process wrote; a torn last note is dropped. Errors: unsupported, unavailable.
  Status load(SpoolFolder& folder);
  /// Durable when it returns; `notes` become visible to find() only then. Errors: unavailable.
  Status add(SpoolFolder& folder, const std::vector<Note>& notes);

  /// The latest note on exactly this range.
  const Note* find(std::uint32_t part, PartRange range) const;
  bool written() const { return file_ != nullptr; }

 private:
  void remember(const Note& note) { notes_[{note.part, note.range}] = note; }
  SegmentHeader header_;
  std::unique_ptr<SpoolFile> file_;
  std::uint64_t size_ = 0;
  std::map<std::pair<std::uint32_t, PartRange>, Note> notes_;
};

}  // namespace kinglet::spool::internal
