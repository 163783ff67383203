// SPDX-License-Identifier: Apache-2.0
#include "ingest/quarantine_limit.h"

#include <algorithm>

namespace kinglet::ingest {

std::uint64_t QuarantineLimit::take(const Key& source, std::uint64_t rows, std::uint64_t bytes, Clock::time_point now) {
  if (rows == 0) return 0;
  const auto rows_burst = static_cast<double>(rates_.rows_burst), bytes_burst = static_cast<double>(rates_.bytes_burst);
  return state_.with([&](State& s) -> std::uint64_t {
    if (s.full_tables.contains(source)) return 0;
    auto found = s.buckets.find(source);
    if (found == s.buckets.end()) {
      if (s.buckets.size() >= buckets_max)
        s.buckets.erase(std::ranges::max_element(s.buckets, {}, [](const auto& one) { return one.second.rows; }));
      found = s.buckets.emplace(source, Bucket{.rows = rows_burst, .bytes = bytes_burst, .at = now}).first;
    }
    Bucket& bucket = found->second;
    const double seconds = std::max(0.0, std::chrono::duration<double>(now - bucket.at).count());
    bucket.at = now;
    bucket.rows = std::min(rows_burst, bucket.rows + seconds * static_cast<double>(rates_.rows_per_second));
    bucket.bytes = std::min(bytes_burst, bucket.bytes + seconds * static_cast<double>(rates_.bytes_per_second));
    const double row_bytes = static_cast<double>(bytes) / static_cast<double>(rows);
    double kept = std::min(static_cast<double>(rows), bucket.rows);
    if (row_bytes > 0) kept = std::min(kept, bucket.bytes / row_bytes);
    const auto count = static_cast<std::uint64_t>(kept);
    bucket.rows -= static_cast<double>(count);
    bucket.bytes -= static_cast<double>(count) * row_bytes;
    return count;
  });
}

void QuarantineLimit::sample(const Key& source, engine::Block& quarantine, Clock::time_point now) {
  const auto rows = quarantine.row_count();
  const auto kept = take(source, rows, quarantine.byte_size(), now);
  if (kept < rows) quarantine.truncate(kept);
}

bool QuarantineLimit::set_table_bytes(const Key& source, std::uint64_t bytes) {
  return state_.with([&](State& s) {
    if (bytes > rates_.table_bytes_max) return s.full_tables.insert(source).second;
    s.full_tables.erase(source);
    return false;
  });
}

}  // namespace kinglet::ingest
