// SPDX-License-Identifier: Apache-2.0
// Idempotency keys: which requests were accepted already, bounded by age and number, durable.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "spool/spool_file.h"

namespace kinglet::spool::internal {

/// SHA-256 of source and key, cut to 128 bits: a client cannot build two keys that collide.
struct KeyHash {
  std::uint64_t source = 0;  // of the source alone
  std::uint64_t high = 0, low = 0;
  bool operator==(const KeyHash&) const = default;
};
KeyHash hash_key(std::string_view source, std::string_view key);

/// The receipt that a repeated request gets.
struct KnownKey {
  KeyHash hash;
  std::int64_t accepted_at_ms = 0;
  std::uint64_t successful_rows = 0;
  std::uint64_t quarantined_rows = 0;
  std::uint64_t content_hash = 0;
};

/// Keys live in the records of their segment; when the segment goes they are written to `keys.log` first.
/// Thread: spool. Cost: about 150 bytes a key.
class KeyIndex {
 public:
  struct Limits {
    std::chrono::milliseconds lifetime;
    std::size_t per_source_max;
    std::size_t total_max;
  };
  explicit KeyIndex(Limits limits) : limits_(limits) {}

  /// Reads keys.log; a torn end is dropped. Errors: unsupported, unavailable.
  Status load(SpoolFolder& folder, std::int64_t now_ms);
  /// Not found: never seen, or older than the lifetime, or pushed out by newer keys.
  const KnownKey* find(const KeyHash& hash, std::int64_t now_ms) const;
  void put(const KnownKey& key, std::int64_t now_ms);
  /// Durable when it returns. Errors: unavailable.
  Status persist(SpoolFolder& folder, const std::vector<KnownKey>& keys);

  std::size_t size() const { return known_.size(); }

 private:
  struct HashOf {
    std::size_t operator()(const KeyHash& hash) const { return hash.low; }
  };
  struct Age {
    KeyHash hash;
    std::int64_t accepted_at_ms;
  };
  bool expired(std::int64_t accepted_at_ms, std::int64_t now_ms) const {
    return now_ms - accepted_at_ms > limits_.lifetime.count();
  }
  void drop_oldest(std::uint64_t source);
  Status rewrite(SpoolFolder& folder);

  Limits limits_;
  std::unordered_map<KeyHash, KnownKey, HashOf> known_;
  std::unordered_map<std::uint64_t, std::deque<Age>> by_source_;
  std::unique_ptr<SpoolFile> file_;
  std::uint64_t file_size_ = 0;
};

}  // namespace kinglet::spool::internal
