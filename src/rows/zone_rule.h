// SPDX-License-Identifier: Apache-2.0
// What a time zone does every year from its last listed change on: the last line of its tz file.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "rows/convert_time.h"

namespace kinglet::rows::internal {

/// "CET-1CEST,M3.5.0,M10.5.0/3". The tz library knows only the changes that a file lists, most until 2037.
/// Source: POSIX TZ as RFC 9636 section 3.3.1 extends it. Immutable.
class ZoneRule {
 public:
  /// Nothing when the text is no such rule.
  static std::optional<ZoneRule> parse(std::string_view text);
  /// The rule of a zone of the machine's tz database; nothing when it has none or cannot be read.
  static std::optional<ZoneRule> of_zone(std::string_view name);

  /// As Zone::at.
  Zone::Stretch at(std::int64_t local_seconds) const;

 private:
  /// A day of each year and a local time on it.
  struct Change {
    enum class Form : std::uint8_t { julian, day_of_year, weekday };
    Form form = Form::weekday;
    int day = 0;  // julian: 1 … 365 without the 29th of February; day_of_year: 0 … 365; weekday: 0 is Sunday
    int month = 0, week = 0;
    std::int64_t seconds = 7200;
    std::int64_t in_year(std::int64_t year) const;  // local seconds since 1970
  };
  static bool read_change(std::string_view& text, Change& change);

  std::int64_t standard_ = 0, summer_ = 0;  // offsets; equal when there is no summer time
  Change begins_, ends_;
};

}  // namespace kinglet::rows::internal
