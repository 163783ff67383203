// SPDX-License-Identifier: Apache-2.0
// How much a project folder may hold. Each limit has its own message.
#pragma once

#include <cstddef>

#include "datafile/limits.h"

namespace kinglet::project {

struct ProjectLimits {
  static constexpr std::size_t files_max = datafile::limits::files_max;
  static constexpr std::size_t file_bytes_max = datafile::limits::file_bytes_max;
  static constexpr std::size_t bytes_max = 64 * 1024 * 1024;      // all datafiles together
  static constexpr std::size_t depth_max = 12;                    // folders below the project's
  static constexpr std::size_t entries_max = 200'000;             // files and folders looked at
  static constexpr std::size_t settings_bytes_max = 1024 * 1024;  // tinybird.config.json, .tinyb, .env.local
  static constexpr std::size_t include_items_max = 1000;
  static constexpr std::size_t pattern_bytes_max = 1024;  // of one item of `include`
  static constexpr std::size_t variables_max = 10'000;    // lines of .env.local
  static constexpr std::size_t levels_up_max = 64;        // folders looked at above
};

}  // namespace kinglet::project
