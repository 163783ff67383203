// SPDX-License-Identifier: Apache-2.0
// Reads the valid prefix of a segment: what is returned was written whole; what follows is reported, never guessed.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "spool/segment_format.h"

namespace kinglet::spool::internal {

struct ScannedSection {
  std::uint32_t layout = 0;
  SectionKind kind = SectionKind::rows;
  std::uint64_t row_count = 0;
  std::uint64_t offset = 0;  // of the block in the segment
  std::uint64_t size = 0;
};

struct ScannedRequest {
  RequestMeta meta;
  std::vector<ScannedSection> sections;
};

/// How the file goes on behind the last valid record.
enum class SegmentEnd : std::uint8_t {
  clean,    // it ends there, or only zeros follow (preallocated space)
  torn,     // bytes of a write that did not finish; nothing valid behind them
  damaged,  // valid records stand behind a broken one: bytes changed after they were written, or a write out of order
};

struct SegmentScan {
  SegmentHeader header;
  std::vector<Layout> layouts;
  std::vector<ScannedRequest> requests;
  std::vector<FailureRecord> failures;
  std::uint64_t valid_size = 0;  // header and all valid records
  SegmentEnd end = SegmentEnd::clean;
  std::string problem;  // what is wrong at valid_size, when end is not clean
};

/// Reads `bytes` from the start. Errors: those of decode_segment_header.
/// Cost: one pass of CRC-32C; with a torn end a search for later frames at each eighth byte.
Result<SegmentScan> scan_segment(std::string_view bytes);

}  // namespace kinglet::spool::internal
