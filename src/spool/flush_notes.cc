// SPDX-License-Identifier: Apache-2.0
#include "spool/flush_notes.h"

#include <cstring>

#include "spool/fixed_fields.h"
#include "spool/segment_checksum.h"

namespace kinglet::spool::internal {
namespace {

constexpr std::string_view notes_magic = "KLNOTES\n";
constexpr std::uint8_t notes_version = 1;
constexpr std::size_t head_size = 32;
constexpr std::size_t note_size = 24;
/// One segment's notes are a few; a larger file is not one of ours.
constexpr std::uint64_t notes_bytes_max = 64u << 20;

std::string encode_head(const SegmentHeader& header) {
  std::string out(head_size, '\0');
  std::memcpy(out.data(), notes_magic.data(), notes_magic.size());
  put_at(out, 8, notes_version);
  put_at(out, 12, std::uint32_t{0});
  put_at(out, 16, header.spool_epoch);
  put_at(out, 24, header.segment_id);
  return out;
}

std::string encode_note(const Note& note, std::string_view head) {
  std::string out(note_size, '\0');
  put_at(out, 0, note.part);
  put_at(out, 4, note.range.begin);
  put_at(out, 8, note.range.end);
  put_at(out, 12, static_cast<std::uint8_t>(note.kind));
  put_at(out, 16, note.value);
  put_at(out, 20, crc32c(std::string_view(out).substr(0, 20), crc32c(head)));
  return out;
}

}  // namespace

std::string FlushNotes::name_of(std::uint64_t segment_id) {
  return fmt::format("{:016x}.notes", segment_id);
}

Status FlushNotes::load(SpoolFolder& folder) {
  TRY(auto file, folder.open_file(name_of(header_.segment_id)));
  TRY(const auto bytes, file->read(0, notes_bytes_max));
  const std::string head = encode_head(header_);
  // A head that was not written whole: no note was durable yet. One of another segment: a leftover of another epoch.
  if (bytes.size() < head_size || (bytes.starts_with(notes_magic) && bytes.substr(0, head_size) != head &&
                                   get_at<std::uint8_t>(bytes, 8) == notes_version))
    return {};
  if (bytes.starts_with(notes_magic) && get_at<std::uint8_t>(bytes, 8) != notes_version)
    return fail(Code::unsupported, "the notes of a spool segment have format version {}, this build reads version {}",
                get_at<std::uint8_t>(bytes, 8), notes_version);
  if (bytes.substr(0, head_size) != head) return {};
  std::uint64_t at = head_size;
  for (; at + note_size <= bytes.size(); at += note_size) {
    const std::string_view raw = std::string_view(bytes).substr(at, note_size);
    if (get_at<std::uint32_t>(raw, 20) != crc32c(raw.substr(0, 20), crc32c(head))) break;
    const auto kind = get_at<std::uint8_t>(raw, 12);
    if (kind < static_cast<std::uint8_t>(NoteKind::done) || kind > static_cast<std::uint8_t>(NoteKind::healing)) break;
    remember({.part = get_at<std::uint32_t>(raw, 0),
              .range = {.begin = get_at<std::uint32_t>(raw, 4), .end = get_at<std::uint32_t>(raw, 8)},
              .kind = static_cast<NoteKind>(kind),
              .value = get_at<std::uint32_t>(raw, 16)});
  }
  size_ = at;
  file_ = std::move(file);
  return {};
}

Status FlushNotes::add(SpoolFolder& folder, const std::vector<Note>& notes) {
  const std::string head = encode_head(header_);
  const std::string name = name_of(header_.segment_id);
  const bool fresh = file_ == nullptr;
  std::string bytes;
  if (fresh) {
    bytes = head;
    // After a failed sync all that is known is written again, beside the old file until the new one is durable.
    for (const auto& [place, note] : notes_) bytes += encode_note(note, head);
  }
  for (const auto& note : notes) bytes += encode_note(note, head);
  const auto write = [&]() -> Status {
    if (fresh) {
      TRY(file_, folder.create(name + ".new"));
      size_ = 0;
    }
    const std::string_view pieces[] = {bytes};
    TRY_VOID(file_->write(size_, pieces));
    TRY_VOID(file_->sync());
    if (fresh) {
      TRY_VOID(folder.rename(name + ".new", name));
      TRY_VOID(folder.sync());
    }
    return {};
  };
  if (auto written = write(); !written) {
    file_.reset();
    return written;
  }
  size_ += bytes.size();
  for (const auto& note : notes) remember(note);
  return {};
}

const Note* FlushNotes::find(std::uint32_t part, PartRange range) const {
  const auto found = notes_.find({part, range});
  return found == notes_.end() ? nullptr : &found->second;
}

}  // namespace kinglet::spool::internal
