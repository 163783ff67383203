// SPDX-License-Identifier: Apache-2.0
// The yearly rule at the end of a tz file: its notation, and that it says what the database lists (attacks.md I5).
#include "rows/zone_rule.h"

#include <date/tz.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace kinglet::rows::internal {
namespace {

constexpr std::int64_t day = 86400;

std::int64_t local(std::int64_t year, unsigned month, unsigned of_month, std::int64_t seconds = 0) {
  return days_from_civil(year, month, of_month) * day + seconds;
}

std::int64_t offset(std::string_view rule, std::int64_t at) {
  return ZoneRule::parse(rule).value().at(at).offset;
}

TEST(ZoneRule, ChangesOfMadridI5) {
  constexpr std::string_view madrid = "CET-1CEST,M3.5.0,M10.5.0/3";
  EXPECT_EQ(offset(madrid, local(2050, 1, 1)), 3600);
  EXPECT_EQ(offset(madrid, local(2050, 7, 1)), 7200);
  // 2050-03-27 is the last Sunday: 02:00 to 03:00 does not exist and belongs to what was before.
  EXPECT_EQ(offset(madrid, local(2050, 3, 27, 2 * 3600 - 1)), 3600);
  EXPECT_EQ(offset(madrid, local(2050, 3, 27, 3 * 3600 - 1)), 3600);
  EXPECT_EQ(offset(madrid, local(2050, 3, 27, 3 * 3600)), 7200);
  // 2050-10-30: 02:00 to 03:00 occurs twice; the earlier one counts.
  EXPECT_EQ(offset(madrid, local(2050, 10, 30, 3 * 3600 - 1)), 7200);
  EXPECT_EQ(offset(madrid, local(2050, 10, 30, 3 * 3600)), 3600);
}

TEST(ZoneRule, NotationsI5) {
  EXPECT_EQ(offset("<+0530>-5:30", local(2050, 1, 1)), 19800);
  EXPECT_EQ(offset("EST5EDT,M3.2.0,M11.1.0", local(2050, 7, 1)), -4 * 3600);
  EXPECT_EQ(offset("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", local(2050, 1, 1)), 11 * 3600);
  EXPECT_EQ(offset("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", local(2050, 7, 1)), 10 * 3600 + 1800);
  // Ireland's winter time is the exception: an hour less.
  EXPECT_EQ(offset("IST-1GMT0,M10.5.0,M3.5.0/1", local(2050, 7, 1)), 3600);
  EXPECT_EQ(offset("IST-1GMT0,M10.5.0,M3.5.0/1", local(2050, 1, 1)), 0);
  // Days by number: J60 is the 1st of March in every year, 59 the 29th of February in leap years.
  EXPECT_EQ(offset("AAA0BBB,J60/0,J300/0", local(2052, 2, 29)), 0);
  EXPECT_EQ(offset("AAA0BBB,J60/0,J300/0", local(2052, 3, 1, 3600)), 3600);
  EXPECT_EQ(offset("AAA0BBB,59/0,300/0", local(2052, 2, 29, 3600)), 3600);
  EXPECT_EQ(offset("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", local(2050, 7, 1)), -3600);
  for (const char* wrong : {"", "CET", "-1", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
                            "CET-1CEST,M3.5.0,M10.5.0x", "CET-200", "<CET-1", "CET-1CEST,J0,J9", "CET-1CEST,400,9"})
    EXPECT_FALSE(ZoneRule::parse(wrong)) << wrong;
  EXPECT_FALSE(ZoneRule::of_zone("Mars/Olympus"));
}

TEST(ZoneRule, PropertySaysWhatTheDatabaseListsI5) {
  EXPECT_TRUE(rc::check([] {
    const std::string name =
        *rc::gen::element<std::string>("Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Europe/Dublin",
                                       "America/Santiago", "Asia/Kolkata", "Pacific/Auckland", "America/St_Johns");
    const auto at = *rc::gen::inRange<std::int64_t>(local(2025, 1, 1), local(2037, 1, 1));
    const auto rule = ZoneRule::of_zone(name);
    RC_ASSERT(rule.has_value());
    const auto listed = date::locate_zone(name)->get_info(date::local_seconds{std::chrono::seconds{at}});
    const auto found = rule->at(at);
    RC_ASSERT(found.offset == listed.first.offset.count());
    RC_ASSERT(found.from <= at && at < found.to);
    RC_ASSERT(rule->at(found.from).offset == found.offset && rule->at(found.to - 1).offset == found.offset);
  }));
}

}  // namespace
}  // namespace kinglet::rows::internal
