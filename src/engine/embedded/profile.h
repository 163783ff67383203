// SPDX-License-Identifier: Apache-2.0
// What a connection may do and how much: the settings of a request, checked and turned into libchdb's connect line.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/embedded/server_config.h"

namespace kinglet::embedded {

using Settings = std::vector<std::pair<std::string, std::string>>;

struct Profile {
  std::string key;                     // equal keys: equal connections
  std::vector<std::string> arguments;  // `--name=value`
  Settings to_verify;                  // read back once for each key: libchdb ignores what it does not like
  bool user = true;                    // runs text of users: readonly, current database empty
  double seconds_max = 0;              // 0: none (writes of ours without a limit)
  std::uint64_t result_bytes_max = 0;
};

/// Knows every setting of this engine. Immutable after start; shared by threads.
class Profiles {
 public:
  struct Options {
    Role role = Role::store;
    std::string engine_path;  // every connection of a process must name the same
    std::uint64_t query_memory_max = 0;
    double seconds_default = 60;
  };
  Profiles(Options options, std::set<std::string, std::less<>> known)
      : options_(std::move(options)), known_(std::move(known)) {}

  /// Errors: 115 for a name the engine does not know (libchdb would ignore it), 452 for one that a request may not set,
  /// 72 for a number out of range.
  Result<Profile> user(const Settings& settings) const;
  Result<Profile> own(const Settings& settings) const;
  /// A profile without limits, for start-up and KILL.
  Profile admin() const;
  Status check_name(std::string_view name) const;

 private:
  Options options_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace kinglet::embedded
