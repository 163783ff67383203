// SPDX-License-Identifier: Apache-2.0
// How much a project may hold. Each limit is checked on entry and has its own message.
#pragma once

#include <cstddef>

namespace kinglet::datafile::limits {

inline constexpr std::size_t files_max = 10'000;
inline constexpr std::size_t file_bytes_max = 1024 * 1024;
inline constexpr std::size_t name_bytes_max = 256;        // resources, nodes, columns, tokens, tags, workspaces
inline constexpr std::size_t columns_max = 2048;          // of one data source
inline constexpr std::size_t nodes_max = 1000;            // of one pipe
inline constexpr std::size_t list_items_max = 1000;       // TOKEN lines, TAGS, SHARED_WITH, INDEXES, ENGINE_SETTINGS
inline constexpr std::size_t type_depth_max = 50;         // Array(Array(…
inline constexpr std::size_t type_bytes_max = 64 * 1024;  // an Enum16 may be long
inline constexpr std::size_t path_steps_max = 64;         // of one JSONPath
inline constexpr std::size_t path_bytes_max = 4096;
inline constexpr std::size_t expression_bytes_max = 64 * 1024;
inline constexpr std::size_t expression_depth_max = 200;  // brackets in a DEFAULT, key or TTL
inline constexpr std::size_t cron_bytes_max = 256;
inline constexpr std::size_t include_depth_max = 8;           // files that INCLUDE each other
inline constexpr std::size_t includes_max = 1000;             // INCLUDEs of one file with all that it includes
inline constexpr std::size_t diagnostics_per_file_max = 100;  // the rest is counted, not listed

}  // namespace kinglet::datafile::limits
