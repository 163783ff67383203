// SPDX-License-Identifier: Apache-2.0
// Cron lines: what they say, and when they run next, against a search minute by minute.
#include "datafile/cron.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <ctime>

#include "datafile/limits.h"

namespace kinglet::datafile {
namespace {

using namespace std::chrono;

std::string next(std::string_view line, CronTime from) {
  const auto cron = parse_cron(line);
  if (!cron) return cron.error().message;
  const auto found = next_after(*cron, from);
  if (!found) return "never";
  const std::time_t seconds = found->time_since_epoch().count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%F %T", &parts)};
}

constexpr CronTime noon = sys_days{2026y / February / 27} + 12h + 30min + 15s;  // a Friday

TEST(Cron, RunsNextAtTheNearestMinuteThatFits) {
  EXPECT_EQ(next("* * * * *", noon), "2026-02-27 12:31:00");
  EXPECT_EQ(next("*/15 * * * *", noon), "2026-02-27 12:45:00");
  EXPECT_EQ(next("30 12 * * *", noon), "2026-02-28 12:30:00") << "the minute that runs is over";
  EXPECT_EQ(next("0 0 1 * *", noon), "2026-03-01 00:00:00");
  EXPECT_EQ(next("0 0 29 2 *", noon), "2028-02-29 00:00:00");
  EXPECT_EQ(next("0 9 * * mon-fri", noon), "2026-03-02 09:00:00");
  EXPECT_EQ(next("0 9 * * FRI-SUN", noon), "2026-02-28 09:00:00");
  EXPECT_EQ(next("0 9 * * 7", noon), "2026-03-01 09:00:00");
  EXPECT_EQ(next("0 9 * * 0", noon), "2026-03-01 09:00:00");
  EXPECT_EQ(next("0 9 * * 7/7", noon), "2026-03-01 09:00:00");
  EXPECT_EQ(next("0 9 * * 7/2", noon), "2026-02-28 09:00:00") << "Sunday, Tuesday, Thursday, Saturday";
  EXPECT_EQ(next("59 23 31 DEC *", noon), "2026-12-31 23:59:00");
  EXPECT_EQ(next("5/20 13 * * *", noon), "2026-02-27 13:05:00");
  EXPECT_EQ(next("10-40/10,55 12 * * *", noon), "2026-02-27 12:40:00");
  EXPECT_EQ(next(" 0\t0 1 1 * ", noon), "2027-01-01 00:00:00");
}

TEST(Cron, DayAndWeekdayAsCronDoes) {
  EXPECT_EQ(next("0 0 13 * 5", noon), "2026-03-06 00:00:00") << "either is enough";
  EXPECT_EQ(next("0 0 */13 * 5", noon), "2026-03-27 00:00:00") << "with a star both must fit: 1, 14, 27 on a Friday";
  EXPECT_EQ(next("0 0 30 2 1", noon), "2027-02-01 00:00:00") << "a Monday in February";
  EXPECT_EQ(next("0 0 29 2 */7", noon), "2032-02-29 00:00:00") << "29 February on a Sunday";
  EXPECT_EQ(next("0 0 29 2 */7", sys_days{2088y / March / 1}), "2128-02-29 00:00:00") << "2100 has none";
}

TEST(Cron, NothingAfterTheYear9999) {
  EXPECT_EQ(next("2 * * * *", sys_days{9999y / December / 31} + 1min), "9999-12-31 00:02:00");
  EXPECT_EQ(next("* * * * *", sys_days{9999y / December / 31} + 23h + 59min), "never");
  EXPECT_EQ(next("* * * * *", sys_days{9999y / December / 31} + 24h), "never");
  EXPECT_EQ(next("0 0 1 1 *", sys_days{9999y / March / 1}), "never");
}

TEST(Cron, WrongLinesSayWhatIsWrong) {
  const auto wrong = [](std::string_view line) {
    std::size_t at = 99;
    const auto cron = parse_cron(line, &at);
    return cron ? "fine" : fmt::format("{}: {}", at, cron.error().message);
  };
  EXPECT_EQ(wrong(""), "0: a cron line has 5 fields (minute, hour, day of month, month, day of week), this one has 0");
  EXPECT_EQ(wrong("0 * * * * *"),
            "0: a cron line has 5 fields (minute, hour, day of month, month, day of week), this one has 6");
  EXPECT_EQ(wrong("60 * * * *"), "0: the minute of a cron line is from 0 to 59, as *, 5, 1-5, 1,3 or */2; found '60'");
  EXPECT_EQ(wrong("0 24 * * *"), "2: the hour of a cron line is from 0 to 23, as *, 5, 1-5, 1,3 or */2; found '24'");
  EXPECT_EQ(wrong("0 0 0 * *"),
            "4: the day of month of a cron line is from 1 to 31, as *, 5, 1-5, 1,3 or */2; found '0'");
  EXPECT_EQ(wrong("0 0 1 13 *"), "6: the month of a cron line is from 1 to 12, as *, 5, 1-5, 1,3 or */2; found '13'");
  EXPECT_EQ(wrong("0 0 1 1 8"),
            "8: the day of week of a cron line is from 0 to 7, as *, 5, 1-5, 1,3 or */2; found '8'");
  EXPECT_EQ(wrong("0 0 31 FEB,APR *"), "4: this cron line never runs: no month of 'FEB,APR' has the day '31'");
  for (const std::string_view line :
       {"*/0 * * * *", "5- * * * *", "-5 * * * *", "5-1 * * * *", ", * * * *", "1,, * * * *", "1/ * * * *",
        "*/60 * * * *", "a * * * *", "** * * * *", "? * * * *", "L * * * *", "0 0 * JANU *", "0 0 * AN  *",
        "1.5 * * * *", "+1 * * * *", "0 0 * * MONDAY", "99999999999 * * * *"})
    EXPECT_FALSE(parse_cron(line)) << line;
  EXPECT_FALSE(parse_cron(std::string(limits::cron_bytes_max + 1, ' ')));
}

std::string any_field(unsigned min, unsigned max) {
  const auto number = [&] { return *rc::gen::inRange(min, max + 1); };
  switch (*rc::gen::inRange(0, 5)) {
    case 0:
      return fmt::format("{}", number());
    case 1: {
      const auto a = number(), b = number();
      return fmt::format("{}-{}", std::min(a, b), std::max(a, b));
    }
    case 2:
      return fmt::format("*/{}", *rc::gen::inRange(1u, max + 1));
    case 3:
      return fmt::format("{},{},{}", number(), number(), number());
    default:
      return "*";
  }
}

/// Does the line fit this minute? Read from the fields directly.
bool fits(const Cron& cron, CronTime time) {
  const std::time_t seconds = time.time_since_epoch().count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  const auto has = [](std::uint64_t bits, int value) { return (bits >> value & 1u) != 0; };
  const bool day = has(cron.days, parts.tm_mday), weekday = has(cron.weekdays, parts.tm_wday);
  return has(cron.minutes, parts.tm_min) && has(cron.hours, parts.tm_hour) && has(cron.months, parts.tm_mon + 1) &&
         (cron.days_and_weekdays ? day && weekday : day || weekday);
}

TEST(Cron, NextIsWhatASearchMinuteByMinuteFinds) {
  EXPECT_TRUE(rc::check([] {
    const auto line = fmt::format("{} {} {} {} {}", any_field(0, 59), any_field(0, 23), any_field(1, 28),
                                  any_field(1, 12), any_field(0, 7));
    const auto cron = parse_cron(line);
    RC_ASSERT(cron.has_value());
    const CronTime from{seconds{*rc::gen::inRange<std::int64_t>(0, 4'000'000'000)}};
    const auto found = next_after(*cron, from);
    RC_ASSERT(found.has_value());
    RC_ASSERT(*found > from);
    RC_ASSERT(fits(*cron, *found));
    // No minute between runs; at most 90 days of them are looked at.
    auto minute = floor<minutes>(from) + minutes{1};
    const auto end = std::min(*found, CronTime{from + days{90}});
    for (; CronTime{minute} < end; minute += minutes{1}) RC_ASSERT(!fits(*cron, minute));
  }));
}

}  // namespace
}  // namespace kinglet::datafile
