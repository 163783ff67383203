// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/connection_cache.h"

#include <algorithm>
#include <map>

#include "engine/embedded/errors.h"

namespace kinglet::embedded {

Result<std::unique_ptr<Connection>> ConnectionCache::take(const Profile& profile) {
  const auto found = std::ranges::find(open_, profile.key, &Entry::key);
  if (found != open_.end()) {
    auto connection = std::move(found->connection);
    open_.erase(found);
    return connection;
  }
  TRY(auto connection, Connection::open(*api_, profile.arguments));
  if (!verified_->contains(profile.key)) TRY_VOID(verify(*connection, profile));
  if (profile.user) {
    // `--database=` on the connect line is ignored, and the default database would resolve names to data.
    TRY(auto used, connection->query(fmt::format("USE {}", empty_database), "TabSeparated"));
  }
  return connection;
}

void ConnectionCache::put(const Profile& profile, std::unique_ptr<Connection> connection) {
  if (connection == nullptr || connection->broken()) return;
  open_.push_front({profile.key, std::move(connection)});
  if (open_.size() > open_max) open_.pop_back();
}

Status ConnectionCache::verify(Connection& connection, const Profile& profile) {
  if (!profile.to_verify.empty()) {
    std::string names;
    for (const auto& [name, value] : profile.to_verify) names += fmt::format("{}'{}'", names.empty() ? "" : ",", name);
    TRY(auto rows, connection.query(fmt::format("SELECT name, value FROM system.settings WHERE name IN ({})", names),
                                    "TabSeparatedRaw"));
    std::map<std::string, std::string, std::less<>> actual;
    for (std::size_t at = 0; at < rows.body.size();) {
      const std::size_t end = std::min(rows.body.find('\n', at), rows.body.size());
      const std::string_view line = std::string_view(rows.body).substr(at, end - at);
      if (const std::size_t tab = line.find('\t'); tab != std::string_view::npos) {
        actual.emplace(line.substr(0, tab), line.substr(tab + 1));
      }
      at = end + 1;
    }
    for (const auto& [name, value] : profile.to_verify) {
      const auto it = actual.find(name);
      // A map is printed in another spelling than it was given: what counts is that it did not vanish.
      const bool held =
          it != actual.end() && (name == "additional_table_filters" ? (it->second != "{}" || value == "{}")
                                 : value == "0" && it->second.starts_with("auto") ? true  // max_threads=0
                                                                                  : it->second == value);
      if (!held)
        return refuse(number::cannot_parse_number,
                      fmt::format("The engine did not take the value of setting {}", name));
    }
  }
  verified_->insert(profile.key);
  return {};
}

}  // namespace kinglet::embedded
