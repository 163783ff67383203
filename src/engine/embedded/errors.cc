// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/errors.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace kinglet::embedded {
namespace {

std::string_view name_of(int engine_code) {
  switch (engine_code) {
    case number::cannot_read_all_data:
      return "CANNOT_READ_ALL_DATA";
    case number::bad_arguments:
      return "BAD_ARGUMENTS";
    case number::not_implemented:
      return "NOT_IMPLEMENTED";
    case number::syntax_error:
      return "SYNTAX_ERROR";
    case number::cannot_parse_number:
      return "CANNOT_PARSE_NUMBER";
    case number::cannot_schedule_task:
      return "CANNOT_SCHEDULE_TASK";
    case number::unknown_format:
      return "UNKNOWN_FORMAT";
    case number::unknown_setting:
      return "UNKNOWN_SETTING";
    case number::timeout_exceeded:
      return "TIMEOUT_EXCEEDED";
    case number::readonly:
      return "READONLY";
    case number::too_many_queries:
      return "TOO_MANY_SIMULTANEOUS_QUERIES";
    case number::query_with_same_id:
      return "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING";
    case number::query_was_cancelled:
      return "QUERY_WAS_CANCELLED";
    case number::too_many_bytes:
      return "TOO_MANY_ROWS_OR_BYTES";
    case number::setting_constraint:
      return "SETTING_CONSTRAINT_VIOLATION";
    default:
      return "UNKNOWN_EXCEPTION";
  }
}

/// The number of `Code: N. …`, 0 when the text has none.
int number_in(std::string_view text) {
  constexpr std::string_view prefix = "Code: ";
  if (!text.starts_with(prefix)) return 0;
  text.remove_prefix(prefix.size());
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end != text.data() + text.size() && *end == '.' ? value : 0;
}

Code kind_of(int engine_code) {
  switch (engine_code) {
    case number::too_many_queries:
      return Code::busy;
    case number::timeout_exceeded:
      return Code::timeout;
    case number::query_was_cancelled:
      return Code::cancelled;
    default:
      return Code::engine_refused;
  }
}

}  // namespace

std::unexpected<Error> refuse(int engine_code, std::string_view text) {
  return fail(
      Error{.code = kind_of(engine_code),
            .message = fmt::format("Code: {}. DB::Exception: {}. ({})", engine_code, text, name_of(engine_code)),
            .engine_code = engine_code});
}

Error engine_error(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  const int engine_code = number_in(text);
  if (engine_code != 0)
    return Error{.code = kind_of(engine_code), .message = std::string(text), .engine_code = engine_code};
  return refuse(number::unknown_exception, text.empty() ? "the engine gave no reason" : text).error();
}

int status_of(int engine_code) {
  static constexpr std::array bad_request{6,  8,   15,  25,  26,  27,  36,  37,  38,  41,  44,  53, 62,
                                          72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676};
  static constexpr std::array forbidden{164, 192, 193, 497, 512, 516};
  static constexpr std::array missing{46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511};
  static constexpr std::array unavailable{76, 202, 209, 439};
  const auto in = [engine_code](const auto& list) { return std::ranges::find(list, engine_code) != list.end(); };
  if (in(bad_request)) return 400;
  if (in(forbidden)) return 403;
  if (in(missing)) return 404;
  if (in(unavailable)) return 503;
  switch (engine_code) {
    case 194:
      return 401;
    case 159:
      return 408;
    case 381:
      return 411;
    case 229:
      return 413;
    case 779:
      return 415;
    case 48:
      return 501;
    default:
      return 500;
  }
}

std::string error_body(const Error& error, std::string_view engine_version) {
  std::string body = error.message;
  if (body.find(" (version ") == std::string::npos)
    body += fmt::format(" (version {} (official build))", engine_version);
  body += '\n';
  return body;
}

}  // namespace kinglet::embedded
