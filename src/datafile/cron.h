// SPDX-License-Identifier: Apache-2.0
// Cron lines of COPY_SCHEDULE, EXPORT_SCHEDULE and IMPORT_SCHEDULE: five fields, in UTC.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace kinglet::datafile {

/// The minutes at which something runs; bit n of each field is its value n.
struct Cron {
  std::uint64_t minutes = 0;       // 0..59
  std::uint32_t hours = 0;         // 0..23
  std::uint32_t days = 0;          // 1..31
  std::uint32_t months = 0;        // 1..12
  std::uint32_t weekdays = 0;      // 0..6, Sunday is 0
  bool days_and_weekdays = false;  // one of the two starts with '*': both must fit; else one is enough, as in cron(8)
  bool operator==(const Cron&) const = default;
};

/// "minute hour day month weekday": *, 5, 1-5, lists with commas, steps */15, 10-40/5, 5/15 (to the end); JAN, MON in
/// any case; Sunday is 0 or 7. Refuses lines that never run (30 2 in day and month). On error `at` is the offset in
/// `text`. Limit: cron_bytes_max.
Result<Cron> parse_cron(std::string_view text, std::size_t* at = nullptr);

using CronTime = std::chrono::sys_time<std::chrono::seconds>;
/// The first full minute after `time` at which the line runs; nothing beyond the year 9999. Cost: at most one step a
/// day for 48 years (a 29 February on one weekday comes every 40 at the latest).
std::optional<CronTime> next_after(const Cron& cron, CronTime time);

}  // namespace kinglet::datafile
