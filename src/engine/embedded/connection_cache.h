// SPDX-License-Identifier: Apache-2.0
// The open connections of one worker, by profile. Thread: that worker.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>

#include "engine/embedded/connection.h"
#include "engine/embedded/profile.h"
#include "runtime/guarded.h"

namespace kinglet::embedded {

/// The profiles whose settings were read back as given; shared by all workers. Forgets all beyond 4,096.
class VerifiedProfiles {
 public:
  bool contains(const std::string& key) const {
    return keys_.with([&](const std::set<std::string>& keys) { return keys.contains(key); });
  }
  void insert(std::string key) {
    keys_.with([&](std::set<std::string>& keys) {
      if (keys.size() >= 4096) keys.clear();
      keys.insert(std::move(key));
    });
  }

 private:
  Guarded<std::set<std::string>> keys_;
};

class ConnectionCache {
 public:
  ConnectionCache(const ChdbApi& api, std::shared_ptr<VerifiedProfiles> verified)
      : api_(&api), verified_(std::move(verified)) {}

  /// A connection with exactly this profile, taken out of the cache or opened (0.4 ms). Errors: 72, when a setting did
  /// not take its value.
  Result<std::unique_ptr<Connection>> take(const Profile& profile);
  /// Keeps it for the next statement, unless it saw an error. The oldest beyond 4 is closed.
  void put(const Profile& profile, std::unique_ptr<Connection> connection);
  void clear() { open_.clear(); }

 private:
  static constexpr std::size_t open_max = 4;
  struct Entry {
    std::string key;
    std::unique_ptr<Connection> connection;
  };
  Status verify(Connection& connection, const Profile& profile);

  const ChdbApi* api_;
  std::shared_ptr<VerifiedProfiles> verified_;
  std::deque<Entry> open_;  // the newest first
};

}  // namespace kinglet::embedded
