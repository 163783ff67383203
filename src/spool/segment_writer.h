// SPDX-License-Identifier: Apache-2.0
// Appends requests to one segment file: many at once, one sync.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "spool/segment_format.h"
#include "spool/spool_file.h"

namespace kinglet::spool::internal {

/// "000000000000002a.segment"
std::string segment_name(std::uint64_t segment_id);

/// One block of a request, with its layout.
struct WriterSection {
  LayoutRef layout;
  SectionKind kind = SectionKind::rows;
  std::uint64_t row_count = 0;
  std::string_view block;
};
struct WriterInput {
  const RequestMeta* meta = nullptr;
  std::span<const WriterSection> sections;
  std::uint32_t blocks_checksum = 0;  // CRC-32C of all blocks, one after the other
};

/// Space that a segment is given before its first record.
struct SegmentSpace {
  std::uint64_t reserved = 0;  // bytes at a time
  /// From the file's start: overwriting what is allocated and written costs a sync less than half of what the first
  /// write into reserved space does (no change of the file's extents in the file system's journal). At most `reserved`.
  std::uint64_t zeroed = 0;
};

/// Thread: one at a time.
class SegmentWriter {
 public:
  /// What append() has done when it returns.
  enum class Sync : std::uint8_t { disk, page_cache };

  /// Makes the file with its header, durable with Sync::disk, and its space. Errors: unavailable.
  static Result<std::unique_ptr<SegmentWriter>> create(SpoolFolder& folder, std::string name,
                                                       const SegmentHeader& header, SegmentSpace space,
                                                       Sync sync = Sync::disk);

  /// All of `inputs` are written, with Sync::disk also durable, or none is acknowledged. After a failed write or sync
  /// nothing more may be appended (usable() is false): what the file holds behind durable_size() is unknown. A full
  /// disk found while reserving space leaves the segment usable. Errors: unavailable.
  Status append(std::span<const WriterInput> inputs);
  /// A record that is not a request, for files in failed/; not synced.
  Status append_record(RecordType type, const std::string& meta);

  /// Gives back the space behind the last durable record. Called once, when no more is appended.
  void seal();

  bool usable() const { return usable_; }
  const SegmentHeader& header() const { return header_; }
  const std::string& name() const { return name_; }
  std::uint64_t durable_size() const { return durable_size_; }
  std::uint32_t request_count() const { return request_count_; }
  std::uint64_t row_count() const { return row_count_; }
  /// Calls of append(), each with a write of its own.
  std::uint64_t append_count() const { return append_count_; }
  /// Zero where nothing was synced.
  std::chrono::microseconds last_sync() const { return last_sync_; }

 private:
  SegmentWriter(std::unique_ptr<SpoolFile> file, std::string name, const SegmentHeader& header, std::uint64_t chunk,
                Sync sync)
      : file_(std::move(file)), name_(std::move(name)), header_(header), chunk_(chunk), sync_(sync) {}
  Status reserve(std::uint64_t size);
  Status zero(std::uint64_t size);

  std::unique_ptr<SpoolFile> file_;
  std::string name_;
  SegmentHeader header_;
  std::uint64_t chunk_;
  Sync sync_;
  std::uint64_t allocated_ = 0;
  std::uint64_t durable_size_ = segment_header_size;
  std::uint32_t request_count_ = 0;
  std::uint64_t row_count_ = 0;
  std::uint64_t append_count_ = 0;
  std::unordered_map<LayoutRef, std::uint32_t, LayoutRefHash> layouts_;
  std::chrono::microseconds last_sync_{0};
  bool usable_ = true;
};

}  // namespace kinglet::spool::internal
