// SPDX-License-Identifier: Apache-2.0
// Cron lines: reading them, and when they run next.
#include "datafile/cron.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <charconv>

#include "datafile/limits.h"
#include "datafile/source.h"

namespace kinglet::datafile {
namespace {

constexpr std::string_view blanks = " \t\r\n";
constexpr int search_days_max = 48 * 366;

struct Field {
  std::string_view name;
  unsigned min = 0, max = 0;
  std::string_view names;  // 3 letters and a blank each; the first is the value `min`
};
constexpr std::array fields = {Field{"minute", 0, 59, ""}, Field{"hour", 0, 23, ""}, Field{"day of month", 1, 31, ""},
                               Field{"month", 1, 12, "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC "},
                               Field{"day of week", 0, 7, "SUN MON TUE WED THU FRI SAT "}};
constexpr std::size_t month_field = 3, weekday_field = 4;
/// Days of each month, leap years included.
constexpr std::array<unsigned, 13> month_days = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<unsigned> value_of(std::string_view text, const Field& field) {
  if (const auto value = number(text)) return *value >= field.min && *value <= field.max ? value : std::nullopt;
  if (text.size() != 3 || field.names.empty()) return std::nullopt;
  const auto found = field.names.find(internal::upper(text));
  if (found == std::string_view::npos || found % 4 != 0) return std::nullopt;
  return static_cast<unsigned>(found / 4) + field.min;
}

/// One of the parts between commas: sets its bits. False when it is wrong.
bool add_item(std::string_view item, const Field& field, std::uint64_t& bits) {
  unsigned step = 1;
  bool stepped = false;
  if (const auto slash = item.find('/'); slash != std::string_view::npos) {
    const auto value = number(item.substr(slash + 1));
    if (!value || *value < 1 || *value > field.max) return false;
    step = *value;
    stepped = true;
    item = item.substr(0, slash);
  }
  const bool weekday = field.max == 7;
  unsigned first = field.min, last = weekday ? 6 : field.max;
  if (item != "*") {
    const auto dash = item.find('-');
    const auto from = value_of(item.substr(0, dash), field);
    if (!from) return false;
    first = *from;
    if (dash != std::string_view::npos) {
      const auto to = value_of(item.substr(dash + 1), field);
      if (!to) return false;
      last = weekday && *to == 0 && first > 0 ? 7 : *to;  // FRI-SUN
      if (last < first) return false;
    } else if (!stepped) {
      last = first;
    } else if (weekday && first == 7) {
      first = 0;  // 7/2: from Sunday on
    }
  }
  for (unsigned value = first; value <= last; value += step) bits |= std::uint64_t{1} << (weekday ? value % 7 : value);
  return true;
}

std::unexpected<Error> wrong(std::size_t* at, std::size_t offset, std::string message, std::string hint = {}) {
  if (at != nullptr) *at = offset;
  return fail(Error{.code = Code::invalid, .message = std::move(message), .hint = std::move(hint)});
}

template <class Bits>
bool has(Bits bits, unsigned value) {
  return (bits >> value & 1u) != 0;
}

/// The lowest set bit that is not below `from`; nothing when there is none.
template <class Bits>
std::optional<unsigned> lowest(Bits bits, unsigned from) {
  const Bits rest = from >= sizeof(Bits) * 8 ? Bits{0} : static_cast<Bits>(bits >> from << from);
  if (rest == 0) return std::nullopt;
  return static_cast<unsigned>(std::countr_zero(rest));
}

bool runs_ever(const Cron& cron) {
  if (!cron.days_and_weekdays) return true;  // every week has its weekday
  for (unsigned month = 1; month <= 12; ++month)
    if (has(cron.months, month))
      for (unsigned day = 1; day <= month_days[month]; ++day)
        if (has(cron.days, day)) return true;
  return false;
}

bool runs_on(const Cron& cron, std::chrono::sys_days day) {
  const std::chrono::year_month_day date{day};
  if (!has(cron.months, static_cast<unsigned>(date.month()))) return false;
  const bool fits = has(cron.days, static_cast<unsigned>(date.day()));
  const bool weekday_fits = has(cron.weekdays, std::chrono::weekday{day}.c_encoding());
  return cron.days_and_weekdays ? fits && weekday_fits : fits || weekday_fits;
}

}  // namespace

Result<Cron> parse_cron(std::string_view text, std::size_t* at) {
  if (text.size() > limits::cron_bytes_max)
    return wrong(at, 0,
                 fmt::format("a cron line has at most {} bytes, this one has {}", limits::cron_bytes_max, text.size()));
  std::vector<std::string_view> parts;
  for (std::size_t i = text.find_first_not_of(blanks); i < text.size(); i = text.find_first_not_of(blanks, i)) {
    const auto end = std::min(text.find_first_of(blanks, i), text.size());
    parts.push_back(text.substr(i, end - i));
    i = end;
  }
  if (parts.size() != fields.size())
    return wrong(
        at, 0,
        fmt::format("a cron line has 5 fields (minute, hour, day of month, month, day of week), this one has {}",
                    parts.size()),
        "for example 0 * * * * runs every hour");
  std::array<std::uint64_t, fields.size()> bits{};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto& field = fields[i];
    bool good = true;
    for (std::string_view rest = parts[i]; good;) {
      const auto comma = rest.find(',');
      good = add_item(rest.substr(0, comma), field, bits[i]);
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
    if (!good)
      return wrong(at, static_cast<std::size_t>(parts[i].data() - text.data()),
                   fmt::format("the {} of a cron line is from {} to {}, as *, 5, 1-5, 1,3 or */2; found {}", field.name,
                               field.min, field.max, internal::quoted(parts[i])),
                   i == month_field     ? "months may be JAN to DEC"
                   : i == weekday_field ? "days of the week may be SUN to SAT; Sunday is 0 or 7"
                                        : "");
  }
  const Cron cron{.minutes = bits[0],
                  .hours = static_cast<std::uint32_t>(bits[1]),
                  .days = static_cast<std::uint32_t>(bits[2]),
                  .months = static_cast<std::uint32_t>(bits[3]),
                  .weekdays = static_cast<std::uint32_t>(bits[4]),
                  .days_and_weekdays = parts[2].starts_with('*') || parts[4].starts_with('*')};
  if (!runs_ever(cron))
    return wrong(at, static_cast<std::size_t>(parts[2].data() - text.data()),
                 fmt::format("this cron line never runs: no month of {} has the day {}", internal::quoted(parts[3]),
                             internal::quoted(parts[2])));
  return cron;
}

std::optional<CronTime> next_after(const Cron& cron, CronTime time) {
  using namespace std::chrono;
  constexpr sys_days last_day = sys_days{year{9999} / December / 31};
  if (time >= last_day + days{1}) return std::nullopt;
  const auto start = floor<minutes>(time) + minutes{1};
  auto day = floor<days>(start);
  auto minute_of_day = static_cast<unsigned>((start - day).count());
  for (int i = 0; i <= search_days_max && day <= last_day; ++i, day += days{1}, minute_of_day = 0) {
    if (!runs_on(cron, day)) continue;
    const unsigned hour = minute_of_day / 60;
    for (auto h = lowest(cron.hours, hour); h; h = lowest(cron.hours, *h + 1))
      if (const auto m = lowest(cron.minutes, *h == hour ? minute_of_day % 60 : 0))
        return CronTime{day} + hours{*h} + minutes{*m};
  }
  return std::nullopt;
}

}  // namespace kinglet::datafile
