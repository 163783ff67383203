// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "jobs/container_parts.h"

namespace kinglet::jobs::internal {

/// Source: ORC v1 specification, "Postscript": protobuf, fields 1 footerLength, 2 compression, 3 compressionBlockSize,
/// 5 metadataLength, 8000 magic.
Result<ContainerFacts> check_orc(Source& source, const ContainerLimits& limits) {
  if (source.size() < 16) return damaged("it is cut short");
  TRY(const auto head, source.read(0, 3));
  if (head != "ORC") return damaged("it does not begin with ORC");
  TRY(const auto last, source.read(source.size() - 1, 1));
  const std::uint64_t size = static_cast<unsigned char>(last[0]);
  if (size < 4 || size > source.size() - 4) return damaged("its postscript does not fit in the file");
  TRY(const auto bytes, source.read(source.size() - 1 - size, size));
  std::uint64_t footer = 0, block = 0, metadata = 0;
  bool magic = false;
  std::size_t at = 0;
  const auto varint = [&] {
    constexpr std::string_view damage = "its postscript is damaged";
    return read_varint(bytes, at, damage, damage);
  };
  while (at < bytes.size()) {
    TRY(const auto tag, varint());
    const auto field = tag >> 3;
    if ((tag & 7) == 0) {
      TRY(const auto value, varint());
      // Each occurrence counts: a decoder may take the first or the last of a field that is there twice.
      if (field == 2 && value == 6) return brotli();
      if (field == 2 && (value == 3 || value > 5)) return unknown_codec(value == 3 ? "LZO" : "unknown");
      if (field == 1) footer = std::max(footer, value);
      if (field == 3) block = std::max(block, value);
      if (field == 5) metadata = std::max(metadata, value);
    } else if ((tag & 7) == 2) {
      TRY(const auto length, varint());
      if (length > bytes.size() - at) return damaged("its postscript is damaged");
      magic = magic || (field == 8000 && std::string_view(bytes).substr(at, length) == "ORC");
      at += length;
    } else {
      return damaged("its postscript is damaged");
    }
  }
  if (!magic) return damaged("its postscript does not end with ORC: is it whole?");
  if (block > (256u << 20)) return damaged("its compression blocks are larger than is accepted");
  if (footer > limits.metadata_bytes_max || metadata > limits.metadata_bytes_max)
    return damaged("its footer is larger than is accepted");
  if (footer + metadata + size + 1 > source.size()) return damaged("its footer is larger than the file");
  return ContainerFacts{.format = FileFormat::orc, .rows = 0};
}

}  // namespace kinglet::jobs::internal
