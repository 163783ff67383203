// SPDX-License-Identifier: Apache-2.0
#include "spool/segment_format.h"

#include <algorithm>
#include <cstring>

#include "spool/fixed_fields.h"
#include "spool/segment_checksum.h"

namespace kinglet::spool {

std::size_t TableNameHash::operator()(const TableName& name) const {
  return std::hash<std::string_view>()(name.table) * 31 + std::hash<std::string_view>()(name.database);
}

LayoutRef::LayoutRef()
    : LayoutRef([] {
        static const LayoutRef none{Layout{}};
        return none;
      }()) {}

LayoutRef::LayoutRef(Layout layout)
    : layout_(std::make_shared<const Layout>(std::move(layout))), hash_(TableNameHash()(layout_->table)) {
  for (const auto& column : layout_->columns) hash_ = hash_ * 31 + std::hash<std::string_view>()(column);
  hash_ = hash_ * 31 + layout_->shape;
}

}  // namespace kinglet::spool

namespace kinglet::spool::internal {
namespace {

constexpr std::string_view segment_magic = "KLSPOOL\n";
constexpr std::string_view record_magic{"KSR\x01", 4};
/// At most this many sections, columns: far above any request; a larger count in a valid record is a bug of its writer.
constexpr std::uint64_t sections_max = 65'536;
constexpr std::uint64_t columns_max = 65'536;
/// So much of an engine's error text is kept.
constexpr std::size_t error_text_max = 8'192;

void put_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}
void put_text(std::string& out, std::string_view text) {
  put_varint(out, text.size());
  out.append(text);
}

/// Takes fields from the front; after the first field that does not fit everything reads as zero and ok() is false.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}
  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      if (shift == 63 && byte > 1) break;
      value |= static_cast<std::uint64_t>(byte & 0x7Fu) << shift;
      if (byte < 0x80) return value;
    }
    return failed();
  }
  std::string text() {
    const std::uint64_t size = varint();
    if (!ok_ || size > rest_.size()) {
      failed();
      return {};
    }
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
  }
  template <class T>
  T fixed() {
    if (!ok_ || rest_.size() < sizeof(T)) {
      failed();
      return T{};
    }
    const T value = get_at<T>(rest_, 0);
    rest_.remove_prefix(sizeof(T));
    return value;
  }

 private:
  std::uint64_t failed() {
    ok_ = false;
    rest_ = {};
    return 0;
  }
  std::string_view rest_;
  bool ok_ = true;
};

std::uint32_t frame_checksum(std::string_view header, const SegmentHeader& segment, std::uint64_t offset) {
  const std::array<std::uint64_t, 3> place{segment.spool_epoch, segment.segment_id, offset};
  return crc32c(header.substr(0, 32), crc32c({reinterpret_cast<const char*>(place.data()), sizeof place}));
}

}  // namespace

std::string encode_segment_header(const SegmentHeader& header) {
  std::string out(segment_header_size, '\0');
  std::memcpy(out.data(), segment_magic.data(), segment_magic.size());
  put_at(out, 8, segment_version);
  put_at(out, 16, header.spool_epoch);
  put_at(out, 24, header.segment_id);
  put_at(out, 32, header.created_at_ms);
  put_at(out, 40, header.part_rows_max);
  put_at(out, 48, header.part_bytes_max);
  put_at(out, 60, crc32c(std::string_view(out).substr(0, 60)));
  return out;
}

Result<SegmentHeader> decode_segment_header(std::string_view bytes) {
  if (bytes.size() < segment_header_size) return fail(Code::invalid, "the file is too short for a segment header");
  if (!bytes.starts_with(segment_magic)) return fail(Code::invalid, "the file does not start as a spool segment");
  if (get_at<std::uint32_t>(bytes, 60) != crc32c(bytes.substr(0, 60)))
    return fail(Code::invalid, "the checksum of the segment header is wrong");
  const auto version = get_at<std::uint8_t>(bytes, 8);
  if (version != segment_version) {
    return fail(Error{.code = Code::unsupported,
                      .message = fmt::format("the spool segment has format version {}, this build reads version {}",
                                             version, segment_version),
                      .hint = "start the version of the server that wrote it and let it store its spool first"});
  }
  SegmentHeader header{.spool_epoch = get_at<std::uint64_t>(bytes, 16),
                       .segment_id = get_at<std::uint64_t>(bytes, 24),
                       .created_at_ms = get_at<std::int64_t>(bytes, 32),
                       .part_rows_max = get_at<std::uint32_t>(bytes, 40),
                       .part_bytes_max = get_at<std::uint64_t>(bytes, 48)};
  if (header.part_rows_max == 0 || header.part_bytes_max == 0)
    return fail(Code::invalid, "the segment header has a part limit of zero");
  return header;
}

void write_record_header(char* out, const RecordHeader& record, const SegmentHeader& segment, std::uint64_t offset) {
  std::memset(out, 0, record_header_size);
  std::memcpy(out, record_magic.data(), record_magic.size());
  put_at(out, 4, static_cast<std::uint8_t>(record.type));
  put_at(out, 8, record.meta_size);
  put_at(out, 12, record.meta_checksum);
  put_at(out, 16, record.blocks_size);
  put_at(out, 24, record.blocks_checksum);
  put_at(out, 32, frame_checksum({out, record_header_size}, segment, offset));
}

std::string encode_record_header(const RecordHeader& record, const SegmentHeader& segment, std::uint64_t offset) {
  std::string out(record_header_size, '\0');
  write_record_header(out.data(), record, segment, offset);
  return out;
}

Result<RecordHeader> decode_record_header(std::string_view bytes, const SegmentHeader& segment, std::uint64_t offset) {
  if (bytes.size() < record_header_size) return fail(Code::invalid, "the file ends inside a record header");
  if (!bytes.starts_with(record_magic)) return fail(Code::invalid, "no record starts here");
  if (get_at<std::uint32_t>(bytes, 32) != frame_checksum(bytes, segment, offset))
    return fail(Code::invalid, "the checksum of the record header is wrong");
  const auto type = get_at<std::uint8_t>(bytes, 4);
  if (type < static_cast<std::uint8_t>(RecordType::layout) || type > static_cast<std::uint8_t>(RecordType::failure))
    return fail(Code::invalid, "the record has the unknown type {}", type);
  RecordHeader record{.type = static_cast<RecordType>(type),
                      .meta_size = get_at<std::uint32_t>(bytes, 8),
                      .meta_checksum = get_at<std::uint32_t>(bytes, 12),
                      .blocks_size = get_at<std::uint64_t>(bytes, 16),
                      .blocks_checksum = get_at<std::uint32_t>(bytes, 24)};
  if (record.meta_size > record_meta_size_max || record.blocks_size > (1ull << 48))
    return fail(Code::invalid, "the record names an impossible size");
  return record;
}

std::string encode_layout(const Layout& layout) {
  std::string out(8, '\0');
  put_at(out, 0, layout.shape);
  put_text(out, layout.table.database);
  put_text(out, layout.table.table);
  put_varint(out, layout.columns.size());
  for (const auto& column : layout.columns) put_text(out, column);
  return out;
}

Result<Layout> decode_layout(std::string_view meta) {
  Fields fields(meta);
  Layout layout;
  layout.shape = fields.fixed<std::uint64_t>();
  layout.table.database = fields.text();
  layout.table.table = fields.text();
  const std::uint64_t count = fields.varint();
  if (count > columns_max) return fail(Code::invalid, "the layout names {} columns", count);
  for (std::uint64_t i = 0; i < count && fields.ok(); ++i) layout.columns.push_back(fields.text());
  if (!fields.done() || layout.table.table.empty()) return fail(Code::invalid, "the layout record is malformed");
  return layout;
}

void append_request(std::string& out, const RequestMeta& meta, const std::vector<SectionMeta>& sections) {
  const std::size_t at = out.size();
  out.append(reinterpret_cast<const char*>(meta.request_id.data()), meta.request_id.size());
  out.resize(at + 32);
  put_at(out, at + 16, meta.accepted_at_ms);
  put_at(out, at + 24, meta.content_hash);
  put_text(out, meta.source);
  put_text(out, meta.idempotency_key);
  put_text(out, meta.import_id);
  put_varint(out, meta.successful_rows);
  put_varint(out, meta.quarantined_rows);
  put_varint(out, sections.size());
  for (const auto& section : sections) {
    put_varint(out, section.layout);
    put_varint(out, static_cast<std::uint8_t>(section.kind));
    put_varint(out, section.row_count);
    put_varint(out, section.block_size);
  }
}

std::string encode_request(const RequestMeta& meta, const std::vector<SectionMeta>& sections) {
  std::string out;
  append_request(out, meta, sections);
  return out;
}

Result<RequestRecord> decode_request(std::string_view meta) {
  Fields fields(meta);
  RequestRecord record;
  record.meta.request_id = fields.fixed<std::array<std::uint8_t, 16>>();
  record.meta.accepted_at_ms = fields.fixed<std::int64_t>();
  record.meta.content_hash = fields.fixed<std::uint64_t>();
  record.meta.source = fields.text();
  record.meta.idempotency_key = fields.text();
  record.meta.import_id = fields.text();
  record.meta.successful_rows = fields.varint();
  record.meta.quarantined_rows = fields.varint();
  const std::uint64_t count = fields.varint();
  if (count > sections_max) return fail(Code::invalid, "the request names {} sections", count);
  for (std::uint64_t i = 0; i < count && fields.ok(); ++i) {
    SectionMeta section;
    const std::uint64_t layout = fields.varint();
    const std::uint64_t kind = fields.varint();
    section.row_count = fields.varint();
    section.block_size = fields.varint();
    if (layout > 0xFFFFFFFFu || kind > static_cast<std::uint8_t>(SectionKind::copy) || section.row_count == 0 ||
        section.row_count > (1ull << 40))
      return fail(Code::invalid, "the request record is malformed");
    section.layout = static_cast<std::uint32_t>(layout);
    section.kind = static_cast<SectionKind>(kind);
    record.sections.push_back(section);
  }
  if (!fields.done()) return fail(Code::invalid, "the request record is malformed");
  return record;
}

std::string encode_failure(const FailureRecord& failure) {
  std::string out(16, '\0');
  put_at(out, 0, failure.failed_at_ms);
  put_at(out, 8, failure.engine_code);
  put_at(out, 12, static_cast<std::uint32_t>(failure.rows_stored ? 1 : 0));
  put_text(out, failure.token);
  put_text(out, std::string_view(failure.error).substr(0, error_text_max));
  put_text(out, failure.table.database);
  put_text(out, failure.table.table);
  put_varint(out, failure.row_count);
  put_varint(out, failure.byte_count);
  return out;
}

Result<FailureRecord> decode_failure(std::string_view meta) {
  Fields fields(meta);
  FailureRecord failure;
  failure.failed_at_ms = fields.fixed<std::int64_t>();
  failure.engine_code = fields.fixed<std::int32_t>();
  failure.rows_stored = fields.fixed<std::uint32_t>() != 0;
  failure.token = fields.text();
  failure.error = fields.text();
  failure.table.database = fields.text();
  failure.table.table = fields.text();
  failure.row_count = fields.varint();
  failure.byte_count = fields.varint();
  if (!fields.done()) return fail(Code::invalid, "the failure record is malformed");
  return failure;
}

}  // namespace kinglet::spool::internal
