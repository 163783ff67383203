// SPDX-License-Identifier: Apache-2.0
// Dates and times in parameters: the forms that are accepted, and differences between them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kinglet::templates::internal {

/// A point in time as written, without a time zone unless the text had one (then UTC). Years 1 … 9999.
struct Moment {
  std::int64_t seconds = 0;  // since 1970-01-01 00:00:00
  std::uint32_t nanoseconds = 0;
  int fraction_digits = 0;

  std::int64_t days() const;
  std::string date_text() const;                 // YYYY-MM-DD
  std::string date_time_text(int digits) const;  // YYYY-MM-DD HH:MM:SS[.fff]
};

/// `YYYY-MM-DD` or `YYYYMMDD`.
std::optional<Moment> parse_date(std::string_view text);
/// `YYYY-MM-DD HH:MM:SS[.fffffffff]`, with `T` for the blank, and `Z`, `+HH:MM` or `+HHMM` at the end (converted to
/// UTC).
std::optional<Moment> parse_date_time(std::string_view text);
/// strptime: %Y %y %m %d %H %I %M %S %f %p %j %b %B %z %Z %T %F %D %%. The whole text must fit.
std::optional<Moment> parse_moment(std::string_view text, std::string_view format);
/// The first conversion of a format that parse_moment does not know, e.g. "%Q".
std::optional<std::string> unknown_conversion(std::string_view format);

}  // namespace kinglet::templates::internal
