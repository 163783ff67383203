// SPDX-License-Identifier: Apache-2.0
#include "spool/segment_checksum.h"

#include <array>
#include <cstring>
#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

namespace kinglet::spool::internal {
namespace {

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1u) != 0 ? 0x82F63B78u : 0u);
    table[i] = value;
  }
  return table;
}
constexpr auto table = make_table();

std::uint32_t step(std::uint32_t crc, unsigned char byte) {
  return (crc >> 8) ^ table[(crc ^ byte) & 0xFFu];
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc) {
  crc = ~crc;
  const char* p = bytes.data();
  std::size_t left = bytes.size();
#ifdef __SSE4_2__
  std::uint64_t wide = crc;
  for (; left >= 8; p += 8, left -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, p, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = static_cast<std::uint32_t>(wide);
#endif
  for (; left > 0; ++p, --left) crc = step(crc, static_cast<unsigned char>(*p));
  return ~crc;
}

}  // namespace kinglet::spool::internal
