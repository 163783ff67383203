// SPDX-License-Identifier: Apache-2.0
// The bytes of a spool segment: header, record frames, layouts and requests. Pure; docs/formats/spool.md is the page.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kinglet::spool {

/// A physical table of the engine.
struct TableName {
  std::string database;
  std::string table;
  auto operator<=>(const TableName&) const = default;
};

/// Where rows go and in which columns: the table and the column list of the INSERT. Blocks join only within one layout.
struct Layout {
  TableName table;
  std::vector<std::string> columns;
  std::uint64_t shape = 0;  // hash of the columns' types: blocks of other types, from before a deployment, stay apart
  auto operator<=>(const Layout&) const = default;
};

struct TableNameHash {
  std::size_t operator()(const TableName& name) const;
};

/// A layout that many requests share: made once for a data source, compared by identity first. Thread: any.
class LayoutRef {
 public:
  LayoutRef();               // of no table
  LayoutRef(Layout layout);  // NOLINT(google-explicit-constructor): a Layout stands where one is asked for
  const Layout& operator*() const { return *layout_; }
  const Layout* operator->() const { return layout_.get(); }
  std::size_t hash() const { return hash_; }
  bool operator==(const LayoutRef& other) const {
    return layout_ == other.layout_ || (hash_ == other.hash_ && *layout_ == *other.layout_);
  }

 private:
  std::shared_ptr<const Layout> layout_;
  std::size_t hash_ = 0;
};
struct LayoutRefHash {
  std::size_t operator()(const LayoutRef& layout) const { return layout.hash(); }
};

/// How the rows of a section count for the data source.
enum class SectionKind : std::uint8_t {
  rows = 0,        // accepted rows
  quarantine = 1,  // rows of the quarantine table
  copy = 2,        // the same rows again for another table (staging): not counted
};

/// What a request said about itself, beside its rows.
struct RequestMeta {
  std::array<std::uint8_t, 16> request_id{};
  std::int64_t accepted_at_ms = 0;  // Unix time
  std::string source;               // data source id that the counts belong to
  std::string idempotency_key;      // empty: none
  std::uint64_t content_hash = 0;   // of the rows, to tell a reused key from a repeat; 0: not compared
  std::string import_id;            // empty: none; for reports only
  std::uint64_t successful_rows = 0;
  std::uint64_t quarantined_rows = 0;
};

namespace internal {

inline constexpr std::uint8_t segment_version = 1;
inline constexpr std::size_t segment_header_size = 64;
inline constexpr std::size_t record_header_size = 40;
inline constexpr std::size_t record_alignment = 8;
/// A meta part (layout, request without blocks) is never larger; a larger number is damage.
inline constexpr std::uint32_t record_meta_size_max = 16u << 20;

/// The first 64 bytes. The part limits stand here because a replay must cut the segment exactly as the first flush did.
struct SegmentHeader {
  std::uint64_t spool_epoch = 0;  // random, new at each start of the server: tokens never repeat
  std::uint64_t segment_id = 0;   // grows within the folder
  std::int64_t created_at_ms = 0;
  std::uint32_t part_rows_max = 1'000'000;
  std::uint64_t part_bytes_max = 128u << 20;
};
std::string encode_segment_header(const SegmentHeader& header);
/// Errors: invalid (not a segment, damaged); unsupported (a version that this build does not read).
Result<SegmentHeader> decode_segment_header(std::string_view bytes);

enum class RecordType : std::uint8_t { layout = 1, request = 2, failure = 3 };

/// The frame before each record. Checksums are seeded with epoch, segment id and position: a frame of another file, or
/// of another place, is never taken for one of this.
struct RecordHeader {
  RecordType type = RecordType::layout;
  std::uint32_t meta_size = 0;
  std::uint32_t meta_checksum = 0;
  std::uint64_t blocks_size = 0;
  std::uint32_t blocks_checksum = 0;  // of the block bytes alone, so that it can be made before the position is known

  std::uint64_t padded_size() const {
    const std::uint64_t size = record_header_size + meta_size + blocks_size;
    return (size + record_alignment - 1) / record_alignment * record_alignment;
  }
};
std::string encode_record_header(const RecordHeader& record, const SegmentHeader& segment, std::uint64_t offset);
/// The same into `out`, at least record_header_size bytes.
void write_record_header(char* out, const RecordHeader& record, const SegmentHeader& segment, std::uint64_t offset);
/// Errors: invalid.
Result<RecordHeader> decode_record_header(std::string_view bytes, const SegmentHeader& segment, std::uint64_t offset);

std::string encode_layout(const Layout& layout);
Result<Layout> decode_layout(std::string_view meta);

/// One block inside a request's record; blocks stand one after the other in the order of the sections.
struct SectionMeta {
  std::uint32_t layout = 0;  // number of the layout record in this segment
  SectionKind kind = SectionKind::rows;
  std::uint64_t row_count = 0;
  std::uint64_t block_size = 0;
};
struct RequestRecord {
  RequestMeta meta;
  std::vector<SectionMeta> sections;
};
std::string encode_request(const RequestMeta& meta, const std::vector<SectionMeta>& sections);
/// The same behind what `out` holds.
void append_request(std::string& out, const RequestMeta& meta, const std::vector<SectionMeta>& sections);
Result<RequestRecord> decode_request(std::string_view meta);

/// Why a batch was set aside; first record of a file in failed/.
struct FailureRecord {
  std::string token;
  std::string error;
  std::int32_t engine_code = 0;
  std::int64_t failed_at_ms = 0;
  bool rows_stored = false;  // a materialized view failed: the rows themselves are in the table
  TableName table;
  std::uint64_t row_count = 0;
  std::uint64_t byte_count = 0;
};
std::string encode_failure(const FailureRecord& failure);
Result<FailureRecord> decode_failure(std::string_view meta);

}  // namespace internal
}  // namespace kinglet::spool
