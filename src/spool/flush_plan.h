// SPDX-License-Identifier: Apache-2.0
// Which requests go together into which INSERT: decided by the segment's bytes alone, so that a replay makes the same.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "spool/segment_scan.h"

namespace kinglet::spool::internal {

/// One block: section `section` of request `request` of the scan.
struct PartItem {
  std::uint32_t request = 0;
  std::uint32_t section = 0;
};

/// One INSERT in the usual case.
struct PlannedPart {
  std::uint32_t layout = 0;
  std::vector<PartItem> items;
  std::uint64_t row_count = 0;
  std::uint64_t byte_count = 0;
};

/// Layouts in the order of their first use, requests in the order of their acceptance; a part is cut between two blocks
/// when it would grow above the limits in the segment's header.
std::vector<PlannedPart> plan_parts(const SegmentScan& scan);

/// Items [begin, end) of a part: all of them, or a piece of a batch that the engine refused.
struct PartRange {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  auto operator<=>(const PartRange&) const = default;
};

/// "k<epoch>-<segment>-<part>", and for a piece "-<begin>.<end>" behind it. Never used twice for other rows: the epoch
/// is new at each start of the server.
std::string part_token(const SegmentHeader& header, std::uint32_t part, PartRange range, std::uint32_t item_count);

}  // namespace kinglet::spool::internal
