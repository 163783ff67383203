// SPDX-License-Identifier: Apache-2.0
#include "spool/flush_plan.h"

namespace kinglet::spool::internal {

std::vector<PlannedPart> plan_parts(const SegmentScan& scan) {
  std::vector<std::vector<PlannedPart>> by_layout(scan.layouts.size());
  std::vector<std::uint32_t> order;
  for (std::uint32_t r = 0; r < scan.requests.size(); ++r) {
    const auto& sections = scan.requests[r].sections;
    for (std::uint32_t s = 0; s < sections.size(); ++s) {
      auto& parts = by_layout[sections[s].layout];
      if (parts.empty()) order.push_back(sections[s].layout);
      if (parts.empty() || parts.back().row_count + sections[s].row_count > scan.header.part_rows_max ||
          parts.back().byte_count + sections[s].size > scan.header.part_bytes_max)
        parts.push_back({.layout = sections[s].layout, .items = {}});
      auto& part = parts.back();
      part.items.push_back({.request = r, .section = s});
      part.row_count += sections[s].row_count;
      part.byte_count += sections[s].size;
    }
  }
  std::vector<PlannedPart> out;
  for (const auto layout : order)
    for (auto& part : by_layout[layout]) out.push_back(std::move(part));
  return out;
}

std::string part_token(const SegmentHeader& header, std::uint32_t part, PartRange range, std::uint32_t item_count) {
  std::string token = fmt::format("k{:016x}-{:x}-{}", header.spool_epoch, header.segment_id, part);
  if (range.begin != 0 || range.end != item_count) token += fmt::format("-{}.{}", range.begin, range.end);
  return token;
}

}  // namespace kinglet::spool::internal
