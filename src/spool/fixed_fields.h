// SPDX-License-Identifier: Apache-2.0
// Numbers at fixed places of the spool's files, in the machine's order: little-endian (checked below).
#pragma once

#include <bit>
#include <cstring>
#include <string>
#include <string_view>

namespace kinglet::spool::internal {

static_assert(std::endian::native == std::endian::little, "the spool is written in the machine's order");

/// Writes `value` over the bytes of `out` from `at` on; they must be there.
template <class T>
void put_at(char* out, std::size_t at, T value) {
  std::memcpy(out + at, &value, sizeof value);
}
template <class T>
void put_at(std::string& out, std::size_t at, T value) {
  put_at(out.data(), at, value);
}

/// The T that begins at byte `at`; its bytes must be there.
template <class T>
T get_at(std::string_view bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace kinglet::spool::internal
