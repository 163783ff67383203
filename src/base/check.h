// SPDX-License-Identifier: Apache-2.0
// CHECK: a broken invariant of ours. Never reachable from input: logs what must hold, and aborts.
#pragma once

#include <string_view>

namespace kinglet {
[[noreturn]] void check_failed(std::string_view condition, std::string_view why, std::string_view file, int line);
}  // namespace kinglet

#define CHECK(condition, why)                                            \
  do {                                                                   \
    if (!(condition)) [[unlikely]]                                       \
      ::kinglet::check_failed(#condition, why, __FILE_NAME__, __LINE__); \
  } while (false)
