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

RateLimiter::Slot& RateLimiter::slot_of(RateScope scope, std::string_view text, std::int64_t step, std::int64_t now) {
  // Of one key with two windows each has a place of its own: their steps cannot be compared.
  const std::uint64_t key =
      hash_of(text, seed_ ^ (static_cast<std::uint64_t>(step) * 3 + static_cast<std::uint64_t>(scope)));
  Slot* idle = nullptr;
  std::int64_t idle_since = 0;
  for (std::size_t i = 0; i < probes; ++i) {
    Slot& slot = table_[(key + i) % slots];
    if (slot.key.load(std::memory_order_relaxed) == key) return slot;
    const std::int64_t clear_at = slot.clear_at.load(std::memory_order_relaxed);
    if (idle != nullptr && clear_at >= idle_since) continue;
    idle = &slot;
    idle_since = clear_at;
  }
  std::uint64_t former = idle->key.load(std::memory_order_relaxed);
  if (idle_since > now) {
    shared_.fetch_add(1, std::memory_order_relaxed);
  } else if (idle->key.compare_exchange_strong(former, key)) {
    // Another thread may count into it already: a request or two are forgotten.
    idle->step = step;
    for (auto& count : idle->counts) count = 0;
  }
  return *idle;
}

RateLimiter::Window RateLimiter::look(const Slot& slot, std::int64_t step_number) {
  Window window{.oldest_step = step_number, .newest_step = step_number};
  bool empty = true;
  for (const auto& cell : slot.counts) {
    const std::uint64_t value = cell.load();
    const auto at = static_cast<std::int64_t>(value >> count_bits);
    const auto count = static_cast<std::int64_t>(value & ((1U << count_bits) - 1));
    // A newer step than ours: another thread read the clock later.
    if (count == 0 || at <= step_number - static_cast<std::int64_t>(cells)) continue;
    window.used += count;
    window.oldest_step = empty ? at : std::min(window.oldest_step, at);
    window.newest_step = empty ? at : std::max(window.newest_step, at);
    empty = false;
  }
  return window;
}

std::uint64_t RateLimiter::take(std::atomic<std::uint64_t>& cell, std::int64_t step_number) {
  std::uint64_t old = cell.load();
  while (true) {
    const bool older = static_cast<std::int64_t>(old >> count_bits) < step_number;
    const std::uint64_t next = older ? (static_cast<std::uint64_t>(step_number) << count_bits) + 1 : old + 1;
    if (cell.compare_exchange_weak(old, next)) return next >> count_bits;
  }
}

void RateLimiter::give_back(std::atomic<std::uint64_t>& cell, std::uint64_t step_bits) {
  std::uint64_t old = cell.load();
  while (old >> count_bits == step_bits && (old & ((1U << count_bits) - 1)) > 0)
    if (cell.compare_exchange_weak(old, old - 1)) return;
}

RateDecision RateLimiter::check(RateScope scope, std::string_view key, double requests_per_second,
                                std::chrono::steady_clock::time_point at) {
  if (!(requests_per_second > 0)) return {};
  const double rate = std::clamp(requests_per_second, rate_min, rate_max);
  const std::int64_t now = std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();

  RateDecision out;
  out.limit = static_cast<std::int64_t>(std::ceil(rate));
  const double window_ns = static_cast<double>(second) * static_cast<double>(out.limit) / rate;
  Slot& slot = slot_of(scope, key, static_cast<std::int64_t>(window_ns) / steps, now);
  const std::int64_t step = slot.step;
  const std::int64_t number = now / step;
  const std::int64_t window = step * static_cast<std::int64_t>(cells);
  const std::int64_t most = out.limit + std::min((out.limit + steps - 1) / steps, out.limit / 10);
  const auto refuse = [&](const Window& seen) {
    refused_[static_cast<std::size_t>(scope)].fetch_add(1, std::memory_order_relaxed);
    out.allowed = false;
    out.reset_seconds = std::max<std::int64_t>(1, ceil_seconds(seen.newest_step * step + window - now));
    out.retry_after_seconds = std::max<std::int64_t>(1, ceil_seconds(seen.oldest_step * step + window - now));
    return out;
  };
  // A refusal writes nothing, so a flood of them costs the others no cache line.
  Window seen = look(slot, number);
  if (seen.used >= most) return refuse(seen);
  auto& cell = slot.counts[static_cast<std::size_t>(number) % cells];
  const std::uint64_t taken = take(cell, number);
  seen = look(slot, number);
  if (seen.used > most) {  // others came between; who sees too many steps back, so none too many ever stay
    give_back(cell, taken);
    return refuse(seen);
  }
  slot.clear_at.store(now + window, std::memory_order_relaxed);
  out.remaining = std::max<std::int64_t>(0, out.limit - seen.used);
  out.reset_seconds = ceil_seconds(seen.newest_step * step + window - now);
  return out;
}

}  // namespace kinglet::auth
