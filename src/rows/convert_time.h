// SPDX-License-Identifier: Apache-2.0
// Date and time texts into days, seconds and ticks: the formats of spec/connectors.md 2.6, out of range is refused.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "rows/mapping_options.h"

namespace kinglet::rows::internal {

/// A time zone of the tz database; immutable, shared by threads.
class Zone {
 public:
  /// Null for UTC and its synonyms. Errors: invalid for a name that the tz database lacks.
  static Result<std::shared_ptr<const Zone>> find(std::string_view name);
  virtual ~Zone() = default;
  /// Offset from UTC in seconds at a local time, and the stretch of local times [from, to) around it that has the same.
  struct Stretch {
    std::int64_t from = 0, to = 0, offset = 0;
  };
  /// A local time that occurs twice is the earlier one; one that was skipped is read with the offset before the change.
  virtual Stretch at(std::int64_t local_seconds) const = 0;
};

/// The last stretch used; one for each column and thread.
struct ZoneCache {
  Zone::Stretch stretch;
};

struct TimeLimits {
  static constexpr std::int64_t date_days_max = 65535;  // 2149-06-06
  static constexpr std::int64_t days_min = -25567;      // 1900-01-01
  static constexpr std::int64_t days_max = 120529;      // 2299-12-31
  static constexpr std::int64_t seconds_min = days_min * 86400;
  static constexpr std::int64_t seconds_max = (days_max + 1) * 86400 - 1;
};

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar. Source: Howard Hinnant, chrono-compatible
/// algorithms.
std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day);

/// `YYYY-MM-DD`, and what `dates` adds. False when it is not a date; the range is the caller's.
bool parse_date(std::string_view text, DateTexts dates, std::int64_t& days);

/// Ticks of 10^-precision s since 1970 in UTC. False when the text is not a time, or outside 1900 … 2299.
bool parse_date_time(std::string_view text, DateTexts dates, std::uint32_t precision, const Zone* zone,
                     ZoneCache& cache, std::int64_t& ticks);

/// `[-]H:MM:SS[.f]` up to 999:59:59, in ticks.
bool parse_time(std::string_view text, std::uint32_t precision, std::int64_t& ticks);

}  // namespace kinglet::rows::internal
