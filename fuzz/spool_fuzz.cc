// SPDX-License-Identifier: Apache-2.0
// modules: spool
// Files from a damaged disk: no crash; segments: sections inside the bytes, a plan that holds each section once; notes
// and keys: what was read is written and read again alike (attacks.md R4).
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <algorithm>
#include <map>

#include "spool/flush_notes.h"
#include "spool/flush_plan.h"
#include "spool/segment_checksum.h"
#include "spool/segment_scan.h"
#include "spool/spool_keys.h"

namespace internal = kinglet::spool::internal;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

/// Puts right checksums over the input, so that the fuzzer gets behind them: the first frame's, and its meta part's.
std::string with_checksums(std::string bytes) {
  if (bytes.size() < internal::segment_header_size + internal::record_header_size) return bytes;
  const auto put = [&](std::size_t at, std::uint32_t value) { std::memcpy(bytes.data() + at, &value, 4); };
  std::memcpy(bytes.data(), "KLSPOOL\n", 8);
  bytes[8] = 1;
  put(60, internal::crc32c(std::string_view(bytes).substr(0, 60)));
  const auto header = internal::decode_segment_header(bytes);
  if (!header) return bytes;
  std::uint64_t offset = internal::segment_header_size;
  while (offset + internal::record_header_size <= bytes.size()) {
    std::uint32_t meta_size = 0;
    std::uint64_t blocks_size = 0;
    std::memcpy(&meta_size, bytes.data() + offset + 8, 4);
    std::memcpy(&blocks_size, bytes.data() + offset + 16, 8);
    const std::uint64_t left = bytes.size() - offset - internal::record_header_size;
    meta_size = static_cast<std::uint32_t>(left == 0 ? 0 : meta_size % (left + 1) % 512);
    blocks_size %= left - meta_size + 1;
    const internal::RecordHeader record{
        .type = static_cast<internal::RecordType>(1 + static_cast<unsigned char>(bytes[offset + 4]) % 3),
        .meta_size = meta_size,
        .meta_checksum =
            internal::crc32c(std::string_view(bytes).substr(offset + internal::record_header_size, meta_size)),
        .blocks_size = blocks_size,
        .blocks_checksum = internal::crc32c(
            std::string_view(bytes).substr(offset + internal::record_header_size + meta_size, blocks_size))};
    bytes.replace(offset, internal::record_header_size, internal::encode_record_header(record, *header, offset));
    offset += record.padded_size();
  }
  return bytes;
}

void check(std::string_view bytes) {
  const auto scan = internal::scan_segment(bytes);
  if (!scan) return;
  require(scan->valid_size <= bytes.size());
  std::size_t sections = 0;
  for (const auto& request : scan->requests) {
    for (const auto& section : request.sections) {
      require(section.layout < scan->layouts.size());
      require(section.offset <= bytes.size() && section.size <= bytes.size() - section.offset);
      ++sections;
    }
  }
  std::size_t planned = 0;
  for (const auto& part : internal::plan_parts(*scan)) planned += part.items.size();
  require(planned == sections);
  // What is valid stays valid when it is cut there.
  const auto again = internal::scan_segment(bytes.substr(0, scan->valid_size));
  require(again.has_value() && again->requests.size() == scan->requests.size() &&
          again->end == internal::SegmentEnd::clean);
}

/// Files in memory.
class MemoryFolder final : public kinglet::spool::SpoolFolder {
 public:
  std::map<std::string, std::string> files;

  kinglet::Result<std::unique_ptr<kinglet::spool::SpoolFile>> create(const std::string& name) override {
    files[name].clear();
    return std::make_unique<File>(*this, name);
  }
  kinglet::Result<std::unique_ptr<kinglet::spool::SpoolFile>> open_file(const std::string& name) override {
    if (!files.contains(name)) return kinglet::fail(kinglet::Code::unavailable, "no such file");
    return std::make_unique<File>(*this, name);
  }
  kinglet::Result<std::vector<std::string>> list(const std::string&) override {
    std::vector<std::string> names;
    for (const auto& [name, bytes] : files) names.push_back(name);
    return names;
  }
  kinglet::Status remove(const std::string& name) override {
    files.erase(name);
    return {};
  }
  kinglet::Status rename(const std::string& from, const std::string& to) override {
    files[to] = std::move(files[from]);
    files.erase(from);
    return {};
  }
  kinglet::Status sync() override { return {}; }

 private:
  /// By name: a rename while it is open leaves it with the old one, as nothing here does anything with it then.
  class File final : public kinglet::spool::SpoolFile {
   public:
    File(MemoryFolder& folder, std::string name) : folder_(folder), name_(std::move(name)) {}
    kinglet::Status write(std::uint64_t offset, std::span<const std::string_view> pieces) override {
      auto& bytes = folder_.files[name_];
      for (const auto piece : pieces) {
        bytes.resize(std::max<std::size_t>(bytes.size(), offset + piece.size()));
        bytes.replace(offset, piece.size(), piece);
        offset += piece.size();
      }
      return {};
    }
    kinglet::Status sync() override { return {}; }
    kinglet::Status allocate(std::uint64_t) override { return {}; }
    kinglet::Status truncate(std::uint64_t size) override {
      folder_.files[name_].resize(size);
      return {};
    }
    kinglet::Result<std::string> read(std::uint64_t offset, std::uint64_t size) override {
      const auto& bytes = folder_.files[name_];
      return offset >= bytes.size() ? std::string() : bytes.substr(offset, size);
    }
    kinglet::Result<std::uint64_t> size() override { return folder_.files[name_].size(); }

   private:
    MemoryFolder& folder_;
    std::string name_;
  };
};

void check_notes(const std::string& bytes) {
  const internal::SegmentHeader header{.spool_epoch = 7, .segment_id = 9};
  MemoryFolder folder;
  internal::FlushNotes notes(header);
  require(
      notes.add(folder, {{.part = 1, .range = {.begin = 0, .end = 5}, .kind = internal::NoteKind::done}}).has_value());
  std::string& file = folder.files[internal::FlushNotes::name_of(9)];
  const std::string head = file.substr(0, 32);
  file += bytes;
  internal::FlushNotes read(header);
  require(read.load(folder).has_value() && read.find(1, {.begin = 0, .end = 5}) != nullptr);
  file = head + bytes;  // with a right head and anything behind it
  internal::FlushNotes any(header);
  require(any.load(folder).has_value());
  require(
      any.add(folder, {{.part = 2, .range = {.begin = 0, .end = 1}, .kind = internal::NoteKind::split}}).has_value());
  internal::FlushNotes again(header);
  require(again.load(folder).has_value());
  const auto* note = again.find(2, {.begin = 0, .end = 1});
  require(note != nullptr && note->kind == internal::NoteKind::split);
  file = bytes;
  internal::FlushNotes wild(header);
  (void)wild.load(folder);
}

void check_keys(const std::string& bytes) {
  constexpr std::int64_t now = 1'700'000'000'000;
  const internal::KeyIndex::Limits limits{.lifetime = std::chrono::hours(24), .per_source_max = 100, .total_max = 200};
  const internal::KnownKey key{
      .hash = internal::hash_key("source", "key"), .accepted_at_ms = now, .successful_rows = 3};
  MemoryFolder folder;
  folder.files["keys.log"] = bytes;
  internal::KeyIndex wild(limits);
  (void)wild.load(folder, now);
  folder.files.clear();
  internal::KeyIndex keys(limits);
  require(keys.load(folder, now).has_value());
  keys.put(key, now);
  require(keys.persist(folder, {key}).has_value());
  folder.files["keys.log"] += bytes;
  internal::KeyIndex again(limits);
  require(again.load(folder, now).has_value());
  const auto* known = again.find(key.hash, now);
  require(known != nullptr && known->successful_rows == 3);
  again.put(key, now);
  require(again.persist(folder, {key}).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  check_notes(bytes);
  check_keys(bytes);
  check(with_checksums(std::move(bytes)));
  return 0;
}
