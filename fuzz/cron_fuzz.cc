// SPDX-License-Identifier: Apache-2.0
// modules: datafile
// Any bytes as a cron line, the first 8 as a time: no crash, faults inside the text, and the next run is a full minute
// after the time, which fits the line, and the same from one second before it.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "datafile/cron.h"

using namespace kinglet::datafile;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

bool has(std::uint64_t bits, unsigned value) {
  return (bits >> value & 1u) != 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace std::chrono;
  std::int64_t number = 0;
  if (size < sizeof number) return 0;
  std::memcpy(&number, data, sizeof number);
  const std::string text(reinterpret_cast<const char*>(data) + sizeof number, size - sizeof number);
  std::size_t at = 0;
  const auto cron = parse_cron(text, &at);
  if (!cron) {
    require(at <= text.size());
    require(!cron.error().message.empty());
    return 0;
  }
  constexpr std::int64_t years = 9000LL * 365 * 86400;  // from 1970 on
  const CronTime from{seconds{(number < 0 ? -(number + 1) : number) % (years + 1)}};
  const auto next = next_after(*cron, from);
  if (!next) {
    require(from > sys_days{year{9950} / January / 1});  // a line that is accepted runs at least every 40 years
    return 0;
  }
  require(*next > from);
  require(next->time_since_epoch().count() % 60 == 0);
  const auto day = floor<days>(*next);
  const auto minute = static_cast<unsigned>(duration_cast<minutes>(*next - day).count());
  const year_month_day date{day};
  const bool fits_day = has(cron->days, static_cast<unsigned>(date.day()));
  const bool fits_weekday = has(cron->weekdays, weekday{day}.c_encoding());
  require(has(cron->minutes, minute % 60) && has(cron->hours, minute / 60));
  require(has(cron->months, static_cast<unsigned>(date.month())));
  require(cron->days_and_weekdays ? fits_day && fits_weekday : fits_day || fits_weekday);
  require(next_after(*cron, *next - seconds{1}) == next);
  return 0;
}
