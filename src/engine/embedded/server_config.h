// SPDX-License-Identifier: Apache-2.0
// The engine's server-level configuration: grants of the one user, pools and caches. Written before the fence is up.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kinglet::embedded {

enum class Role : std::uint8_t { store, reader };

/// The current database of user queries. Nobody may create a table in it.
inline constexpr std::string_view empty_database = "kinglet_empty";

struct ServerConfig {
  Role role = Role::store;
  std::vector<std::string> databases;  // names or prefixes with `*` that the store may create and use: `w_*`
  std::uint64_t memory_max = 0;        // bytes; 0: libchdb's own default (a share of the machine)
  std::size_t merge_threads = 2;
  bool durable = false;     // merges and mutations sync their parts
  bool all_grants = false;  // for tests of the other fences
};

/// The XML text of `config`; `users_path` is the path under which it will be stored. Errors: invalid (a database
/// pattern that is not a name with at most one `*` at its end).
Result<std::string> server_config_text(const ServerConfig& config, std::string_view users_path);

}  // namespace kinglet::embedded
