// SPDX-License-Identifier: Apache-2.0
// Agreements: the shapes of statements that the engine reads as we do (attacks.md S17).
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

namespace kinglet::query {

/// Asked and answered, over all io threads. Thread: any.
struct OpinionCounts {
  std::atomic<std::uint64_t> asked{0};     // the engine's tree was fetched and compared
  std::atomic<std::uint64_t> differed{0};  // and the statement refused
};

/// Texts that stand for many statements (sql::shape_key), the least recently used forgotten first. Thread: its owner's.
class Agreements {
 public:
  static constexpr std::size_t shapes_max = 20'000;
  static constexpr std::size_t bytes_max = 16u << 20;  // of all shapes; one larger than a quarter of it is not kept

  /// Whether `shape` was added before; it counts as used.
  bool contains(std::string_view shape);
  void add(std::string shape);
  std::size_t size() const { return by_shape_.size(); }

 private:
  void drop_oldest();

  std::list<std::string> used_;  // the newest first
  std::unordered_map<std::string_view, std::list<std::string>::iterator> by_shape_;
  std::size_t bytes_ = 0;
};

}  // namespace kinglet::query
