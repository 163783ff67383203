// SPDX-License-Identifier: Apache-2.0
#include "spool/landing.h"

#include <array>

namespace kinglet::spool {
namespace {

// ClickHouse's ErrorCodes. What is not listed is Verdict::unknown.
/// The engine as a whole cannot work now; the batch is as good as before.
constexpr std::array engine_busy{202, 203, 209, 210, 236, 241, 243, 279, 373, 394, 439, 516, 569, 574, 745, 999};
/// This table cannot take rows now: locks, replicas, limits of parts, unknown outcome of a distributed insert, missing
/// rights (an operator's mistake: it is mended while the rows wait).
constexpr std::array table_busy{159, 160, 164, 242, 252, 254, 285, 286, 291, 319, 341, 388, 473, 497, 529, 649};
/// Some value or block is refused.
constexpr std::array rows_refused{6,  26,  27,  32,  33,  38,  41,  50,  53,  69,  70,
                                  72, 117, 128, 131, 190, 191, 321, 349, 407, 469, 691};
/// The statement can never pass: no such table, database, column, setting.
constexpr std::array all_refused{8, 10, 16, 44, 47, 48, 60, 62, 81, 115, 218};

template <std::size_t n>
bool contains(const std::array<int, n>& codes, int code) {
  for (const int one : codes)
    if (one == code) return true;
  return false;
}

/// TOO_MANY_PARTS, for both of its meanings.
constexpr int too_many_parts = 252;

/// EMFILE or ENFILE in the engine's process, wherever it met it: that says nothing of the rows or of a view.
bool is_out_of_descriptors(const Error& error) {
  constexpr std::array file_errors{76, 1001};  // cannot open; std::filesystem's own
  return contains(file_errors, error.engine_code) && error.message.find("Too many open files") != std::string::npos;
}

/// An error that did not come from the engine.
Verdict verdict_of(Code code) {
  switch (code) {
    case Code::timeout:
      return Verdict::busy;
    case Code::unavailable:
    case Code::cancelled:
    case Code::busy:
      return Verdict::unreachable;
    // Our own half refused the blocks before anything was sent.
    case Code::invalid:
    case Code::too_large:
    case Code::unsupported:
      return Verdict::refused_rows;
    default:
      return Verdict::unknown;
  }
}

Verdict verdict_of(const Error& error) {
  const int code = error.engine_code;
  if (is_out_of_descriptors(error)) return Verdict::busy;
  // Native-format 10: the text names the view, whatever the code; the rows themselves are stored.
  if (code != 0 && error.message.find("while pushing to view") != std::string::npos) {
    // A target whose merges are behind takes the rows soon: the same token again, in order.
    return code == too_many_parts ? Verdict::busy : Verdict::view_failed;
  }
  // The engine's own number says more than the Code that the client made of it.
  if (code == 0) return verdict_of(error.code);
  // 252 is both "too many parts, merges are behind" and "this block spans too many partitions".
  if (is_too_many_partitions(error)) return Verdict::refused_rows;
  if (contains(engine_busy, code)) return Verdict::unreachable;
  if (contains(table_busy, code)) return Verdict::busy;
  if (contains(rows_refused, code)) return Verdict::refused_rows;
  if (contains(all_refused, code)) return Verdict::refused_all;
  return Verdict::unknown;
}

}  // namespace

bool is_too_many_partitions(const Error& error) {
  return error.engine_code == too_many_parts &&
         error.message.find("artitions for single INSERT block") != std::string::npos;
}

Task<Result<std::vector<CrowdedTable>>> Landing::crowded(std::uint64_t, std::uint64_t, Deadline) {
  co_return std::vector<CrowdedTable>();
}
Task<Result<std::uint64_t>> Landing::partitions(std::string, Deadline) {
  co_return 1;
}

LandingAnswer classify_landing_error(Error error) {
  LandingAnswer answer{.verdict = verdict_of(error), .error = {}};
  answer.error = std::move(error);
  return answer;
}

}  // namespace kinglet::spool
