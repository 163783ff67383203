// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <sys/random.h>

#include <array>
#include <bit>
#include <cerrno>
#include <vector>

#include "base/check.h"

namespace kinglet {
namespace {

/// xoshiro256** (Blackman and Vigna), public domain algorithm.
class Generator {
 public:
  Generator() { fill_random_secret({reinterpret_cast<unsigned char*>(state_.data()), sizeof(state_)}); }
  std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace

void fill_random_secret(std::span<unsigned char> to) {
  while (!to.empty()) {
    const ssize_t size = ::getrandom(to.data(), to.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    CHECK(size > 0, "getrandom never fails on the kernels we run on");
    to = to.subspan(static_cast<std::size_t>(size));
  }
}

std::string random_secret_hex(std::size_t byte_count) {
  static constexpr char digits[] = "0123456789abcdef";
  std::vector<unsigned char> bytes(byte_count);
  fill_random_secret(bytes);
  std::string text;
  text.reserve(2 * byte_count);
  for (const unsigned char byte : bytes) {
    text.push_back(digits[byte >> 4]);
    text.push_back(digits[byte & 15]);
  }
  return text;
}

std::uint64_t random_uint64() {
  thread_local Generator generator;
  return generator.next();
}

std::uint64_t random_below(std::uint64_t bound) {
  CHECK(bound > 0, "nothing is below 0");
  // The last, incomplete round of the range would favour small numbers.
  const std::uint64_t reject_below = (0 - bound) % bound;
  while (true) {
    const std::uint64_t number = random_uint64();
    if (number >= reject_below) return number % bound;
  }
}

}  // namespace kinglet
