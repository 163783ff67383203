// SPDX-License-Identifier: Apache-2.0
// Errors in ClickHouse's words: number, name, text, and the HTTP status that goes with the number.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace kinglet::embedded {

/// The numbers that we give ourselves; all others come from the engine.
namespace number {
inline constexpr int bad_arguments = 36;
inline constexpr int cannot_read_all_data = 33;
inline constexpr int syntax_error = 62;
inline constexpr int cannot_parse_number = 72;
inline constexpr int cannot_schedule_task = 439;
inline constexpr int unknown_format = 73;
inline constexpr int not_implemented = 48;
inline constexpr int unknown_setting = 115;
inline constexpr int timeout_exceeded = 159;
inline constexpr int readonly = 164;
inline constexpr int too_many_queries = 202;
inline constexpr int query_with_same_id = 216;
inline constexpr int too_many_bytes = 396;
inline constexpr int query_was_cancelled = 394;
inline constexpr int setting_constraint = 452;
inline constexpr int unknown_exception = 1002;
}  // namespace number

/// An error of our own in the engine's form: `Code: N. DB::Exception: text. (NAME)`.
std::unexpected<Error> refuse(int engine_code, std::string_view text);
/// An error text of libchdb as it came. Texts without a number get 1002 (UNKNOWN_EXCEPTION).
Error engine_error(std::string_view text);

/// The HTTP status of a number (clickhouse-interface.md 7).
int status_of(int engine_code);
/// `message` with the version and the line end that clients look for.
std::string error_body(const Error& error, std::string_view engine_version);

}  // namespace kinglet::embedded
