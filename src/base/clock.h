// SPDX-License-Identifier: Apache-2.0
// Wall-clock time as the API writes it. Waiting uses Clock and Deadline of runtime/task.h, never this.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace kinglet {

/// Microseconds since 1970, UTC: what every stored or shown time is.
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

WallTime wall_now();

/// "2026-03-01 14:02:03.000150", UTC, as in resources, jobs and deployments.
std::string format_time(WallTime time);
/// Without the fraction, as ClickHouse's DateTime.
std::string format_time_seconds(WallTime time);
/// Both forms, with up to 6 digits of fraction, 'T' instead of the space and a 'Z' at the end; nothing for anything
/// else.
std::optional<WallTime> parse_time(std::string_view text);

}  // namespace kinglet
