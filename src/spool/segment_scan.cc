// SPDX-License-Identifier: Apache-2.0
#include "spool/segment_scan.h"

#include <algorithm>

#include "spool/segment_checksum.h"

namespace kinglet::spool::internal {
namespace {

/// The record at `offset` if it is whole and its checksums hold.
struct Frame {
  RecordHeader header;
  std::string_view meta, blocks;
};
Result<Frame> read_frame(std::string_view bytes, const SegmentHeader& segment, std::uint64_t offset) {
  TRY(auto header, decode_record_header(bytes.substr(offset), segment, offset));
  const std::uint64_t left = bytes.size() - offset - record_header_size;
  if (header.meta_size > left || header.blocks_size > left - header.meta_size)
    return fail(Code::invalid, "the file ends inside a record");
  Frame frame{.header = header,
              .meta = bytes.substr(offset + record_header_size, header.meta_size),
              .blocks = bytes.substr(offset + record_header_size + header.meta_size, header.blocks_size)};
  if (crc32c(frame.meta) != header.meta_checksum || crc32c(frame.blocks) != header.blocks_checksum)
    return fail(Code::invalid, "the checksum of the record is wrong");
  return frame;
}

Status take_request(const Frame& frame, std::uint64_t blocks_offset, SegmentScan& scan) {
  TRY(auto record, decode_request(frame.meta));
  ScannedRequest request{.meta = std::move(record.meta), .sections = {}};
  std::uint64_t used = 0;
  for (const auto& section : record.sections) {
    if (section.layout >= scan.layouts.size())
      return fail(Code::invalid, "the request names a layout that is not there");
    if (section.block_size > frame.blocks.size() - used)
      return fail(Code::invalid, "the blocks of the request are cut");
    request.sections.push_back({.layout = section.layout,
                                .kind = section.kind,
                                .row_count = section.row_count,
                                .offset = blocks_offset + used,
                                .size = section.block_size});
    used += section.block_size;
  }
  if (used != frame.blocks.size()) return fail(Code::invalid, "the request has bytes that belong to no section");
  scan.requests.push_back(std::move(request));
  return {};
}

Status take(const Frame& frame, std::uint64_t offset, SegmentScan& scan) {
  switch (frame.header.type) {
    case RecordType::layout: {
      TRY(auto layout, decode_layout(frame.meta));
      scan.layouts.push_back(std::move(layout));
      return {};
    }
    case RecordType::request:
      return take_request(frame, offset + record_header_size + frame.header.meta_size, scan);
    case RecordType::failure: {
      TRY(auto failure, decode_failure(frame.meta));
      scan.failures.push_back(std::move(failure));
      return {};
    }
  }
  return fail(Code::invalid, "the record has an unknown type");
}

SegmentEnd look_behind(std::string_view bytes, const SegmentHeader& segment, std::uint64_t offset) {
  const std::string_view rest = bytes.substr(std::min<std::uint64_t>(offset, bytes.size()));
  if (rest.find_first_not_of('\0') == std::string_view::npos) return SegmentEnd::clean;
  for (std::uint64_t at = offset + record_alignment; at + record_header_size <= bytes.size(); at += record_alignment) {
    if (bytes[at] == 'K' && read_frame(bytes, segment, at)) return SegmentEnd::damaged;
  }
  return SegmentEnd::torn;
}

}  // namespace

Result<SegmentScan> scan_segment(std::string_view bytes) {
  SegmentScan scan;
  TRY(scan.header, decode_segment_header(bytes));
  std::uint64_t offset = segment_header_size;
  while (offset < bytes.size()) {
    auto frame = read_frame(bytes, scan.header, offset);
    Status taken;
    if (frame) taken = take(*frame, offset, scan);
    if (!frame || !taken) {
      scan.end = look_behind(bytes, scan.header, offset);
      if (scan.end != SegmentEnd::clean)
        scan.problem = fmt::format("at byte {}: {}", offset, frame ? taken.error().message : frame.error().message);
      break;
    }
    offset += frame->header.padded_size();
  }
  // The last record's padding may be cut off with the file: it carries nothing.
  scan.valid_size = std::min<std::uint64_t>(offset, bytes.size());
  return scan;
}

}  // namespace kinglet::spool::internal
