// SPDX-License-Identifier: Apache-2.0
#include "auth/rate_limit.h"

#include <openssl/rand.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace kinglet::auth {

namespace {

constexpr std::size_t probes = 8;
constexpr std::int64_t second = 1'000'000'000;

/// FNV-1a from a random start, then mixed: keys come from callers, so places in the table must not be guessable.
std::uint64_t hash_of(std::string_view key, std::uint64_t seed) {
  std::uint64_t hash = seed ^ 0xcbf29ce484222325U;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  hash ^= hash >> 32;
  hash *= 0xd6e8feb86659fd93U;
  hash ^= hash >> 32;
  return hash == 0 ? 1 : hash;  // 0 marks an empty slot
}

std::int64_t ceil_seconds(std::int64_t ns) {
  return ns <= 0 ? 0 : (ns + second - 1) / second;
}

}  // namespace

RateLimiter::RateLimiter() : table_(std::make_unique<Slot[]>(slots)), seed_(0) {
  CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(&seed_), sizeof seed_) == 1, "the table needs an unguessable seed");
}

RateLimiter::Slot& RateLimiter::slot_of(std::uint64_t key, std::int64_t now) {
  Slot* idle = nullptr;
  std::int64_t idle_since = 0;
  for (std::size_t i = 0; i < probes; ++i) {
    Slot& slot = table_[(key + i) % slots];
    if (slot.key.load(std::memory_order_relaxed) == key) return slot;
    const std::int64_t full_at = slot.full_at.load(std::memory_order_relaxed);
    if (idle != nullptr && full_at >= idle_since) continue;
    idle = &slot;
    idle_since = full_at;
  }
  // A bucket that is full again says nothing that a new one would not.
  std::uint64_t former = idle->key.load(std::memory_order_relaxed);
  if (idle_since <= now) idle->key.compare_exchange_strong(former, key, std::memory_order_relaxed);
  return *idle;
}

RateDecision RateLimiter::check(std::string_view key, double requests_per_second,
                                std::chrono::steady_clock::time_point at) {
  if (!(requests_per_second > 0)) return {};
  const double rate = std::min(requests_per_second, rate_max);
  const std::int64_t now = std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
  const auto interval = static_cast<std::int64_t>(static_cast<double>(second) / rate);
  // A rate under one a second still lets one request through at once.
  const std::int64_t capacity = std::max(second, interval);

  RateDecision out;
  out.limit = std::max<std::int64_t>(1, static_cast<std::int64_t>(rate));
  Slot& slot = slot_of(hash_of(key, seed_), now);
  std::int64_t full_at = slot.full_at.load(std::memory_order_relaxed);
  while (true) {
    const std::int64_t next = std::max(full_at, now) + interval;
    if (next - now > capacity) {
      out.allowed = false;
      out.reset_seconds = std::max<std::int64_t>(1, ceil_seconds(full_at - now));
      out.retry_after_seconds = std::max<std::int64_t>(1, ceil_seconds(next - now - capacity));
      return out;
    }
    if (!slot.full_at.compare_exchange_weak(full_at, next, std::memory_order_relaxed)) continue;
    out.remaining = (capacity - (next - now)) / interval;
    out.reset_seconds = ceil_seconds(next - now);
    return out;
  }
}

}  // namespace kinglet::auth
