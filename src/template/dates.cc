// SPDX-License-Identifier: Apache-2.0
#include "template/dates.h"

#include <fmt/format.h>

#include <array>
#include <chrono>

namespace kinglet::templates::internal {
namespace {

constexpr std::int64_t day_seconds = 86'400;
constexpr std::array<std::string_view, 12> months = {"january",   "february", "march",    "april",
                                                     "may",       "june",     "july",     "august",
                                                     "september", "october",  "november", "december"};

/// Reads digits and single bytes from the front; a failed read changes nothing that matters, as parsing stops then.
struct Reader {
  std::string_view rest;
  bool number(std::size_t digits_min, std::size_t digits_max, int& out) {
    std::size_t count = 0;
    out = 0;
    while (count < digits_max && count < rest.size() && rest[count] >= '0' && rest[count] <= '9')
      out = out * 10 + (rest[count++] - '0');
    rest.remove_prefix(count);
    return count >= digits_min;
  }
  bool byte(char c) {
    if (rest.empty() || rest[0] != c) return false;
    rest.remove_prefix(1);
    return true;
  }
  /// Up to nine digits; more are cut off.
  bool fraction(std::uint32_t& nanoseconds, int& digits) {
    nanoseconds = 0;
    digits = 0;
    std::size_t count = 0;
    while (count < rest.size() && rest[count] >= '0' && rest[count] <= '9') {
      if (digits < 9) {
        nanoseconds = nanoseconds * 10 + static_cast<std::uint32_t>(rest[count] - '0');
        ++digits;
      }
      ++count;
    }
    rest.remove_prefix(count);
    for (int i = digits; i < 9; ++i) nanoseconds *= 10;
    return count > 0;
  }
  /// `Z` or an offset; seconds east of UTC.
  bool zone(std::int64_t& offset) {
    if (byte('Z') || byte('z')) return true;
    const bool east = byte('+');
    if (!east && !byte('-')) return false;
    int hours = 0;
    int minutes = 0;
    if (!number(2, 2, hours)) return false;
    byte(':');
    if (!number(2, 2, minutes) || hours > 14 || minutes > 59) return false;
    offset = (east ? 1 : -1) * (hours * 3600 + minutes * 60);
    return true;
  }
};

std::optional<std::int64_t> seconds_of(int year, int month, int day) {
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (year < 1 || year > 9999 || !date.ok()) return std::nullopt;
  return std::int64_t{std::chrono::sys_days(date).time_since_epoch().count()} * day_seconds;
}

bool time_ok(int hour, int minute, int second) {
  return hour <= 23 && minute <= 59 && second <= 59;
}

/// Offsets may not lead out of the years that can be printed.
std::optional<Moment> checked(Moment moment) {
  constexpr std::int64_t first = -62'135'596'800;  // 0001-01-01 00:00:00
  constexpr std::int64_t last = 253'402'300'799;   // 9999-12-31 23:59:59
  if (moment.seconds < first || moment.seconds > last) return std::nullopt;
  return moment;
}

bool month_name(Reader& in, int& month) {
  std::string lower;
  for (const char c : in.rest.substr(0, 9)) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  for (const bool whole : {true, false}) {
    for (std::size_t i = 0; i < months.size(); ++i) {
      const auto name = whole ? months[i] : months[i].substr(0, 3);
      if (!lower.starts_with(name)) continue;
      month = static_cast<int>(i) + 1;
      in.rest.remove_prefix(name.size());
      return true;
    }
  }
  return false;
}

}  // namespace

std::int64_t Moment::days() const {
  return seconds >= 0 ? seconds / day_seconds : -((-seconds + day_seconds - 1) / day_seconds);
}

namespace {
void append_two(std::string& out, unsigned value) {
  out += static_cast<char>('0' + value / 10);
  out += static_cast<char>('0' + value % 10);
}
}  // namespace

std::string Moment::date_text() const {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days()}}};
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  std::string text;
  text.reserve(32);
  append_two(text, year / 100);
  append_two(text, year % 100);
  text += '-';
  append_two(text, static_cast<unsigned>(date.month()));
  text += '-';
  append_two(text, static_cast<unsigned>(date.day()));
  return text;
}

std::string Moment::date_time_text(int digits) const {
  const auto in_day = static_cast<unsigned>(seconds - days() * day_seconds);
  std::string text = date_text();
  text += ' ';
  append_two(text, in_day / 3600);
  text += ':';
  append_two(text, in_day / 60 % 60);
  text += ':';
  append_two(text, in_day % 60);
  if (digits > 0) text += fmt::format(".{:09}", nanoseconds).substr(0, static_cast<std::size_t>(digits) + 1);
  return text;
}

std::optional<Moment> parse_date(std::string_view text) {
  Reader in{text};
  int year = 0;
  int month = 0;
  int day = 0;
  if (!in.number(4, 4, year)) return std::nullopt;
  const bool dashes = in.byte('-');
  if (!in.number(2, 2, month) || (dashes && !in.byte('-')) || !in.number(2, 2, day) || !in.rest.empty())
    return std::nullopt;
  const auto seconds = seconds_of(year, month, day);
  if (!seconds) return std::nullopt;
  return Moment{.seconds = *seconds};
}

std::optional<Moment> parse_date_time(std::string_view text) {
  if (text.size() < 19) return std::nullopt;
  const auto date = parse_date(text.substr(0, 10));
  if (!date || text[4] != '-' || (text[10] != ' ' && text[10] != 'T')) return std::nullopt;
  Reader in{text.substr(11)};
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!in.number(2, 2, hour) || !in.byte(':') || !in.number(2, 2, minute) || !in.byte(':') ||
      !in.number(2, 2, second) || !time_ok(hour, minute, second))
    return std::nullopt;
  Moment moment = *date;
  moment.seconds += hour * 3600 + minute * 60 + second;
  if (in.byte('.') && !in.fraction(moment.nanoseconds, moment.fraction_digits)) return std::nullopt;
  std::int64_t offset = 0;
  if (!in.rest.empty() && (!in.zone(offset) || !in.rest.empty())) return std::nullopt;
  moment.seconds -= offset;
  return checked(moment);
}

std::optional<std::string> unknown_conversion(std::string_view format) {
  constexpr std::string_view known = "YymdHIMSfpjbBzZTFD%";
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') continue;
    if (i + 1 == format.size()) return "%";
    if (known.find(format[++i]) == known.npos) return std::string("%") + format[i];
  }
  return std::nullopt;
}

std::optional<Moment> parse_moment(std::string_view text, std::string_view format) {
  std::string expanded;
  for (std::size_t i = 0; i < format.size(); ++i) {
    const auto two = format.substr(i, 2);
    if (two == "%T" || two == "%F" || two == "%D") {
      expanded += two == "%T" ? "%H:%M:%S" : two == "%F" ? "%Y-%m-%d" : "%m/%d/%y";
      ++i;
    } else if (two == "%%") {
      expanded += two;
      ++i;
    } else {
      expanded += format[i];
    }
  }
  Reader in{text};
  Moment moment;
  int year = 1900;
  int month = 1;
  int day = 1;
  int day_of_year = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int half = -1;  // 0 am, 1 pm
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < expanded.size(); ++i) {
    if (expanded[i] == ' ') {  // any run of blanks, as strptime has it
      while (in.byte(' ')) {
      }
      continue;
    }
    if (expanded[i] != '%') {
      if (!in.byte(expanded[i])) return std::nullopt;
      continue;
    }
    if (++i == expanded.size()) return std::nullopt;
    bool read = false;
    switch (expanded[i]) {
      case 'Y':
        read = in.number(4, 4, year);
        break;
      case 'y':
        read = in.number(2, 2, year);
        year += year < 69 ? 2000 : 1900;
        break;
      case 'm':
        read = in.number(1, 2, month);
        break;
      case 'd':
        read = in.number(1, 2, day);
        break;
      case 'j':
        read = in.number(1, 3, day_of_year) && day_of_year >= 1 && day_of_year <= 366;
        break;
      case 'H':
        read = in.number(1, 2, hour);
        break;
      case 'I':
        read = in.number(1, 2, hour) && hour >= 1 && hour <= 12;
        break;
      case 'M':
        read = in.number(1, 2, minute);
        break;
      case 'S':
        read = in.number(1, 2, second);
        break;
      case 'f':
        read = in.fraction(moment.nanoseconds, moment.fraction_digits);
        break;
      case 'b':
      case 'B':
        read = month_name(in, month);
        break;
      case 'p':
        half = in.rest.starts_with("AM") || in.rest.starts_with("am") ? 0 : 1;
        read = half == 0 || in.rest.starts_with("PM") || in.rest.starts_with("pm");
        if (read) in.rest.remove_prefix(2);
        break;
      case 'z':
        read = in.zone(offset);
        break;
      case 'Z':
        read = in.rest.starts_with("UTC") || in.rest.starts_with("GMT");
        if (read) in.rest.remove_prefix(3);
        break;
      case '%':
        read = in.byte('%');
        break;
      default:
        return std::nullopt;
    }
    if (!read) return std::nullopt;
  }
  if (!in.rest.empty()) return std::nullopt;
  if (half >= 0) hour = hour % 12 + half * 12;
  const auto date = seconds_of(year, month, day);
  if (!date || !time_ok(hour, minute, second)) return std::nullopt;
  moment.seconds = *date + hour * 3600 + minute * 60 + second - offset;
  if (day_of_year > 0) moment.seconds += (day_of_year - 1) * day_seconds;
  return checked(moment);
}

}  // namespace kinglet::templates::internal
