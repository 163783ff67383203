// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

namespace kinglet {

void check_failed(std::string_view condition, std::string_view why, std::string_view file, int line) {
  fmt::print(stderr, "fatal: {}:{}: CHECK({}) failed: {}\n", file, line, condition, why);
  std::fflush(stderr);
  std::abort();
}

}  // namespace kinglet
