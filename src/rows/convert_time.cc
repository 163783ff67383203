// SPDX-License-Identifier: Apache-2.0
// Strict readers of date and time texts; time zones from the tz database of the machine.
#include "rows/convert_time.h"

#include <date/tz.h>

#include <algorithm>
#include <array>
#include <exception>
#include <optional>

#include "rows/zone_rule.h"

namespace kinglet::rows::internal {
namespace {

constexpr std::array<std::int64_t, 10> ticks_of = {1,       10,        100,        1'000,       10'000,
                                                   100'000, 1'000'000, 10'000'000, 100'000'000, 1'000'000'000};

class DatabaseZone : public Zone {
 public:
  explicit DatabaseZone(const date::time_zone* zone) : zone_(zone), rule_(ZoneRule::of_zone(zone->name())) {}
  Stretch at(std::int64_t local_seconds) const override {
    const auto info = zone_->get_info(date::local_seconds{std::chrono::seconds{local_seconds}});
    Stretch stretch{.from = local_seconds, .to = local_seconds + 1, .offset = info.first.offset.count()};
    if (info.result == date::local_info::unique) {
      const std::int64_t last_change = info.first.begin.time_since_epoch().count();
      if (rule_ && info.first.end.time_since_epoch().count() > TimeLimits::seconds_max) {
        auto found = rule_->at(local_seconds);
        found.from = std::min(local_seconds, std::max(found.from, last_change + 2 * day));
        return found;
      }
      // A day away from each change no local time is doubled or missing.
      const std::int64_t from = last_change + day;
      const std::int64_t to = info.first.end.time_since_epoch().count() - day;
      if (local_seconds >= from + day && local_seconds < to - day) stretch.from = from + day, stretch.to = to - day;
    }
    return stretch;
  }

 private:
  static constexpr std::int64_t day = 86400;
  const date::time_zone* zone_;
  std::optional<ZoneRule> rule_;  // of all times behind the last change that the library knows
};

bool two(const char* at, unsigned& value) {
  const auto a = static_cast<unsigned char>(at[0] - '0');
  const auto b = static_cast<unsigned char>(at[1] - '0');
  value = a * 10u + b;
  return a < 10 && b < 10;
}

unsigned days_in(std::int64_t year, unsigned month) {
  constexpr std::array<unsigned char, 13> days = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : days[month];
}

bool to_days(std::int64_t year, unsigned month, unsigned day, std::int64_t& days) {
  if (month < 1 || month > 12 || day < 1 || day > days_in(year, month)) return false;
  days = days_from_civil(year, month, day);
  return true;
}

/// YYYY-MM-DD at the start of `at`, which has 10 bytes.
bool read_date(const char* at, char separator, std::int64_t& days) {
  unsigned century = 0, year = 0, month = 0, day = 0;
  if (!two(at, century) || !two(at + 2, year) || at[4] != separator || !two(at + 5, month) || at[7] != separator ||
      !two(at + 8, day))
    return false;
  return to_days(static_cast<std::int64_t>(century * 100 + year), month, day, days);
}

struct Clock {
  std::int64_t seconds = 0;   // of the day
  std::int64_t fraction = 0;  // in nanoseconds
};

/// HH:MM[:SS[.f{1,9}]]; moves `text` behind it.
bool read_clock(std::string_view& text, Clock& clock) {
  unsigned hour = 0, minute = 0, second = 0;
  if (text.size() < 5 || !two(text.data(), hour) || text[2] != ':' || !two(text.data() + 3, minute) || hour > 23 ||
      minute > 59)
    return false;
  text.remove_prefix(5);
  if (text.size() >= 3 && text[0] == ':') {
    if (!two(text.data() + 1, second) || second > 59) return false;
    text.remove_prefix(3);
    if (!text.empty() && text[0] == '.') {
      text.remove_prefix(1);
      std::size_t digits = 0;
      while (digits < text.size() && static_cast<unsigned char>(text[digits] - '0') < 10) {
        if (digits == 9) return false;
        clock.fraction = clock.fraction * 10 + (text[digits++] - '0');
      }
      if (digits == 0) return false;
      clock.fraction *= ticks_of[9 - digits];
      text.remove_prefix(digits);
    }
  }
  clock.seconds = hour * 3600 + minute * 60 + second;
  return true;
}

/// Nothing, Z, or ±HH[:]MM. `has` tells whether an offset stood there.
bool read_offset(std::string_view text, bool& has, std::int64_t& offset) {
  has = !text.empty();
  offset = 0;
  if (text.empty() || text == "Z" || text == "z") return true;
  if (text[0] != '+' && text[0] != '-') return false;
  unsigned hour = 0, minute = 0;
  const bool colon = text.size() == 6 && text[3] == ':';
  if ((text.size() != 5 && !colon) || !two(text.data() + 1, hour) || !two(text.data() + (colon ? 4 : 3), minute) ||
      hour > 23 || minute > 59)
    return false;
  offset = (text[0] == '-' ? -1 : 1) * static_cast<std::int64_t>(hour * 3600 + minute * 60);
  return true;
}

std::int64_t to_utc(std::int64_t local, const Zone* zone, ZoneCache& cache) {
  if (zone == nullptr) return local;
  if (local < cache.stretch.from || local >= cache.stretch.to) cache.stretch = zone->at(local);
  return local - cache.stretch.offset;
}

bool to_ticks(std::int64_t seconds, std::int64_t nanoseconds, std::uint32_t precision, std::int64_t& ticks) {
  if (seconds < TimeLimits::seconds_min || seconds > TimeLimits::seconds_max) return false;
  // Nanoseconds end in 2262, before the range does.
  if (__builtin_mul_overflow(seconds, ticks_of[precision], &ticks)) return false;
  return !__builtin_add_overflow(ticks, nanoseconds / ticks_of[9 - precision], &ticks);
}

bool all_digits(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c - '0') > 9) return false;
  return !text.empty();
}

/// `06 Nov 1994` as in RFC 1123, with or without the day's name.
bool read_mail_date(std::string_view& text, std::int64_t& days) {
  if (text.size() > 5 && text[3] == ',' && text[4] == ' ') text.remove_prefix(5);
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  unsigned day = 0, century = 0, year = 0;
  if (text.size() < 11 || !two(text.data(), day) || text[2] != ' ' || text[6] != ' ' ||
      !two(text.data() + 7, century) || !two(text.data() + 9, year))
    return false;
  const auto month = months.find(text.substr(3, 3));
  if (month == std::string_view::npos || month % 3 != 0) return false;
  text.remove_prefix(11);
  return to_days(static_cast<std::int64_t>(century * 100 + year), static_cast<unsigned>(month / 3 + 1), day, days);
}

/// What best_effort adds to dates. Moves `text` behind the date.
bool read_loose_date(std::string_view& text, std::int64_t& days) {
  if (text.size() >= 10 && text[4] == '/' && read_date(text.data(), '/', days)) {
    text.remove_prefix(10);
    return true;
  }
  unsigned day = 0, month = 0, century = 0, year = 0;
  if (text.size() >= 10 && text[2] == '/' && text[5] == '/' && two(text.data(), day) && two(text.data() + 3, month) &&
      two(text.data() + 6, century) && two(text.data() + 8, year) &&
      to_days(static_cast<std::int64_t>(century * 100 + year), month, day, days)) {
    text.remove_prefix(10);
    return true;
  }
  return read_mail_date(text, days);
}

}  // namespace

std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto year_of_era = static_cast<unsigned>(year - era * 400);
  const unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + static_cast<std::int64_t>(day_of_era) - 719468;
}

Result<std::shared_ptr<const Zone>> Zone::find(std::string_view name) {
  if (name.empty() || name == "UTC" || name == "Etc/UTC" || name == "GMT" || name == "Etc/GMT" || name == "Zulu")
    return std::shared_ptr<const Zone>();
  try {
    return std::make_shared<const DatabaseZone>(date::locate_zone(std::string(name)));
  } catch (const std::exception&) {
    return fail(Code::invalid, "time zone '{}' is not known", name);
  }
}

bool parse_date(std::string_view text, DateTexts dates, std::int64_t& days) {
  if (text.size() == 10 && read_date(text.data(), '-', days)) return true;
  if (dates == DateTexts::strict || text.size() < 10) return false;
  Clock clock;
  bool has_offset = false;
  std::int64_t offset = 0;
  std::string_view rest = text;
  if (read_date(text.data(), '-', days)) {
    rest.remove_prefix(10);
  } else if (dates != DateTexts::best_effort || !read_loose_date(rest, days)) {
    return false;
  }
  if (rest.empty()) return true;
  if (rest[0] != ' ' && rest[0] != 'T') return false;
  rest.remove_prefix(1);
  return read_clock(rest, clock) && (read_offset(rest, has_offset, offset) || rest == " GMT");
}

bool parse_date_time(std::string_view text, DateTexts dates, std::uint32_t precision, const Zone* zone,
                     ZoneCache& cache, std::int64_t& ticks) {
  std::int64_t days = 0;
  if (text.size() >= 10 && read_date(text.data(), '-', days)) {
    text.remove_prefix(10);
  } else if (dates != DateTexts::best_effort) {
    return false;
  } else if ((text.size() == 10 || text.size() == 13) && all_digits(text)) {
    std::int64_t value = 0;
    for (const char c : text) value = value * 10 + (c - '0');
    const bool milliseconds = text.size() == 13;
    return to_ticks(milliseconds ? value / 1000 : value, milliseconds ? value % 1000 * 1'000'000 : 0, precision, ticks);
  } else if (!read_loose_date(text, days)) {
    return false;
  }
  Clock clock;
  bool has_offset = false;
  std::int64_t offset = 0;
  if (!text.empty()) {
    if (text[0] != ' ' && text[0] != 'T') return false;
    text.remove_prefix(1);
    if (!read_clock(text, clock)) return false;
    if (dates == DateTexts::best_effort && text == " GMT") {
      has_offset = true;
    } else if (!read_offset(text, has_offset, offset)) {
      return false;
    }
  }
  const std::int64_t local = days * 86400 + clock.seconds;
  return to_ticks(has_offset ? local - offset : to_utc(local, zone, cache), clock.fraction, precision, ticks);
}

bool parse_time(std::string_view text, std::uint32_t precision, std::int64_t& ticks) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  const auto colon = text.find(':');
  if (colon == 0 || colon > 3 || !all_digits(text.substr(0, colon))) return false;
  std::int64_t hours = 0;
  for (const char c : text.substr(0, colon)) hours = hours * 10 + (c - '0');
  std::string rest = "00" + std::string(text.substr(colon).substr(0, 32));
  std::string_view view = rest;
  Clock clock;
  if (text.size() > 40 || view.size() < 8 || !read_clock(view, clock) || !view.empty()) return false;
  const std::int64_t seconds = hours * 3600 + clock.seconds;
  ticks = seconds * ticks_of[precision] + clock.fraction / ticks_of[9 - precision];
  if (negative) ticks = -ticks;
  return true;
}

}  // namespace kinglet::rows::internal
