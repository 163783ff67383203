// SPDX-License-Identifier: Apache-2.0
#include "jobs/container_parts.h"

namespace kinglet::jobs::internal {

Result<std::uint64_t> read_varint(std::string_view bytes, std::size_t& at, std::string_view cut_short,
                                  std::string_view too_long) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (at >= bytes.size()) return damaged(cut_short);
    const auto next = static_cast<unsigned char>(bytes[at++]);
    value |= static_cast<std::uint64_t>(next & 127) << shift;
    if (next < 128) return value;
  }
  return damaged(too_long);
}

bool add_within(std::uint64_t& sum, std::uint64_t more, std::uint64_t most) {
  if (more > most || sum > most - more) return false;
  sum += more;
  return true;
}

Status check_rows(std::uint64_t rows, std::uint64_t size, const ContainerLimits& limits) {
  if (rows > limits.rows_free && rows / limits.rows_per_byte_max > size)
    return fail(Code::invalid, "it says that it has {} rows in {} bytes", rows, size);
  return {};
}

std::unexpected<Error> damaged(std::string_view what) {
  return fail(Code::invalid, "{}", what);
}

std::unexpected<Error> brotli() {
  return fail(Code::unsupported,
              "its pages are compressed with BROTLI, which is not accepted: write it with zstd, "
              "Snappy, LZ4, gzip or no compression");
}

std::unexpected<Error> unknown_codec(std::string_view name) {
  return fail(Code::unsupported, "its compression ({}) is not supported: write it with zstd, Snappy, gzip or none",
              name);
}

std::unexpected<Error> too_deep(const ContainerLimits& limits) {
  return fail(Code::invalid, "its schema is nested more than {} levels deep", limits.depth_max);
}

std::unexpected<Error> too_many_columns(const ContainerLimits& limits) {
  return fail(Code::invalid, "it has more than {} columns", limits.columns_max);
}

}  // namespace kinglet::jobs::internal
