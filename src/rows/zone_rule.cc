// SPDX-License-Identifier: Apache-2.0
#include "rows/zone_rule.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string>

namespace kinglet::rows::internal {
namespace {

constexpr std::size_t rule_bytes_max = 256;
constexpr std::int64_t day_seconds = 86400;

bool read_digits(std::string_view& text, int max, int& value) {
  std::size_t count = 0;
  value = 0;
  while (count < text.size() && count < 3 && static_cast<unsigned char>(text[count] - '0') < 10)
    value = value * 10 + (text[count++] - '0');
  text.remove_prefix(count);
  return count > 0 && value <= max;
}

bool skip(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

/// `CET` or `<+03>`.
bool skip_name(std::string_view& text) {
  std::size_t size = 0;
  if (skip(text, '<')) {
    size = text.find('>');
    if (size == std::string_view::npos) return false;
    text.remove_prefix(size + 1);
    return size > 0;
  }
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  while (size < text.size() && is_letter(text[size])) ++size;
  text.remove_prefix(size);
  return size >= 3;
}

/// [+-]hh[:mm[:ss]], hours up to a week.
bool read_time(std::string_view& text, std::int64_t& seconds) {
  const bool negative = skip(text, '-');
  if (!negative) skip(text, '+');
  int hours = 0;
  int minutes = 0;
  int rest = 0;
  if (!read_digits(text, 167, hours)) return false;
  if (skip(text, ':') && (!read_digits(text, 59, minutes) || (skip(text, ':') && !read_digits(text, 59, rest))))
    return false;
  seconds = hours * 3600 + minutes * 60 + rest;
  if (negative) seconds = -seconds;
  return true;
}

std::int64_t year_of(std::int64_t days) {
  auto year = static_cast<std::int64_t>(1970 + (days >= 0 ? days : days - 365) / 366);  // at most a year or few too low
  while (days_from_civil(year + 1, 1, 1) <= days) ++year;
  while (days_from_civil(year, 1, 1) > days) --year;
  return year;
}

}  // namespace

bool ZoneRule::read_change(std::string_view& text, Change& change) {
  if (skip(text, 'M')) {
    change.form = Change::Form::weekday;
    if (!read_digits(text, 12, change.month) || !skip(text, '.') || !read_digits(text, 5, change.week) ||
        !skip(text, '.') || !read_digits(text, 6, change.day) || change.month == 0 || change.week == 0)
      return false;
  } else if (skip(text, 'J')) {
    change.form = Change::Form::julian;
    if (!read_digits(text, 365, change.day) || change.day == 0) return false;
  } else {
    change.form = Change::Form::day_of_year;
    if (!read_digits(text, 365, change.day)) return false;
  }
  return !skip(text, '/') || read_time(text, change.seconds);
}

std::optional<ZoneRule> ZoneRule::parse(std::string_view text) {
  ZoneRule rule;
  // West of Greenwich is positive in this notation.
  if (!skip_name(text) || !read_time(text, rule.standard_)) return std::nullopt;
  rule.standard_ = -rule.standard_;
  rule.summer_ = rule.standard_;
  if (text.empty()) return rule;
  if (!skip_name(text)) return std::nullopt;
  rule.summer_ = rule.standard_ + 3600;
  if (!text.empty() && text[0] != ',') {
    if (!read_time(text, rule.summer_)) return std::nullopt;
    rule.summer_ = -rule.summer_;
  }
  if (!skip(text, ',') || !read_change(text, rule.begins_) || !skip(text, ',') || !read_change(text, rule.ends_) ||
      !text.empty())
    return std::nullopt;
  return rule;
}

std::optional<ZoneRule> ZoneRule::of_zone(std::string_view name) {
  const char* folder = std::getenv("TZDIR");
  const std::string path = std::string(folder != nullptr ? folder : "/usr/share/zoneinfo") + "/" + std::string(name);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
  if (file == nullptr || std::fseek(file.get(), 0, SEEK_END) != 0) return std::nullopt;
  const long size = std::ftell(file.get());
  std::array<char, rule_bytes_max> tail{};
  const long wanted = std::min<long>(size, rule_bytes_max);
  if (wanted <= 0 || std::fseek(file.get(), size - wanted, SEEK_SET) != 0 ||
      std::fread(tail.data(), 1, static_cast<std::size_t>(wanted), file.get()) != static_cast<std::size_t>(wanted))
    return std::nullopt;
  // The file ends with a line of its own: "\nRULE\n".
  std::string_view text(tail.data(), static_cast<std::size_t>(wanted));
  if (text.back() != '\n') return std::nullopt;
  text.remove_suffix(1);
  const auto start = text.rfind('\n');
  return start == std::string_view::npos ? std::nullopt : parse(text.substr(start + 1));
}

std::int64_t ZoneRule::Change::in_year(std::int64_t year) const {
  std::int64_t days = days_from_civil(year, 1, 1);
  switch (form) {
    case Form::julian: {
      const bool leap = days_from_civil(year + 1, 1, 1) - days == 366;
      days += day - 1 + (leap && day >= 60 ? 1 : 0);
      break;
    }
    case Form::day_of_year:
      days += day;
      break;
    case Form::weekday: {
      days = days_from_civil(year, static_cast<unsigned>(month), 1);
      const std::int64_t next =
          month == 12 ? days_from_civil(year + 1, 1, 1) : days_from_civil(year, static_cast<unsigned>(month + 1), 1);
      const auto weekday = ((days + 4) % 7 + 7) % 7;  // 1970-01-01 was a Thursday
      days += (day - weekday + 7) % 7 + (week - 1) * 7;
      while (days >= next) days -= 7;
      break;
    }
  }
  return days * day_seconds + seconds;
}

Zone::Stretch ZoneRule::at(std::int64_t local_seconds) const {
  if (standard_ == summer_)
    return {.from = std::numeric_limits<std::int64_t>::min(),
            .to = std::numeric_limits<std::int64_t>::max(),
            .offset = standard_};
  const std::int64_t days = local_seconds / day_seconds - (local_seconds % day_seconds < 0 ? 1 : 0);
  const std::int64_t year = year_of(days);
  // A clock set forward skips times: they still belong to the stretch before.
  const std::int64_t save = summer_ - standard_;
  const std::int64_t begins = begins_.in_year(year) + std::max<std::int64_t>(save, 0);
  const std::int64_t ends = ends_.in_year(year) + std::max<std::int64_t>(-save, 0);
  const std::int64_t first = std::min(begins, ends);
  const std::int64_t second = std::max(begins, ends);
  const bool between = local_seconds >= first && local_seconds < second;
  Zone::Stretch stretch{.offset = between == (begins < ends) ? summer_ : standard_};
  stretch.from = local_seconds < first ? days_from_civil(year, 1, 1) * day_seconds : between ? first : second;
  stretch.to = local_seconds < first ? first : between ? second : days_from_civil(year + 1, 1, 1) * day_seconds;
  return stretch;
}

}  // namespace kinglet::rows::internal
