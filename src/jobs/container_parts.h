// SPDX-License-Identifier: Apache-2.0
// What the checks of container formats share: bytes at an offset, numbers, and what they say alike of a bad file.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/result.h"
#include "jobs/container_check.h"

namespace kinglet::jobs::internal {

/// Bytes at an offset of a file or of memory. Errors: invalid beyond the end.
class Source {
 public:
  virtual ~Source() = default;
  virtual std::uint64_t size() const = 0;
  virtual Result<std::string> read(std::uint64_t offset, std::uint64_t count) = 0;
};

/// One check a format. Errors: invalid, unsupported, as a clause that follows the name of the file's format.
Result<ContainerFacts> check_parquet(Source& source, const ContainerLimits& limits);
Result<ContainerFacts> check_orc(Source& source, const ContainerLimits& limits);
Result<ContainerFacts> check_avro(Source& source, const ContainerLimits& limits);
/// A file or a stream, whichever it is.
Result<ContainerFacts> check_arrow(Source& source, const ContainerLimits& limits);

/// The caller has looked that they are there.
template <class T>
T little(std::string_view bytes, std::size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

/// Seven bits a byte, the lowest first, and moves `at` behind them. Errors: invalid, with `cut_short` where the bytes
/// end before it does, with `too_long` after ten bytes.
Result<std::uint64_t> read_varint(std::string_view bytes, std::size_t& at, std::string_view cut_short,
                                  std::string_view too_long);
/// A signed number of a varint of Thrift and Avro: 0, -1, 1, -2 …
constexpr std::int64_t zigzag(std::uint64_t raw) {
  return static_cast<std::int64_t>((raw >> 1) ^ (~(raw & 1) + 1));
}

/// Adds without wrapping; false beyond `most`.
bool add_within(std::uint64_t& sum, std::uint64_t more, std::uint64_t most);
/// More rows than a file of this size may say that it has are an error.
Status check_rows(std::uint64_t rows, std::uint64_t size, const ContainerLimits& limits);

std::unexpected<Error> damaged(std::string_view what);
std::unexpected<Error> brotli();
std::unexpected<Error> unknown_codec(std::string_view name);
std::unexpected<Error> too_deep(const ContainerLimits& limits);
std::unexpected<Error> too_many_columns(const ContainerLimits& limits);

}  // namespace kinglet::jobs::internal
