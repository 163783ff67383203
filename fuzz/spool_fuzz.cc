// SPDX-License-Identifier: Apache-2.0
// modules: spool
// Segments from a damaged disk: no crash, sections inside the bytes, a plan that holds each section once (attacks.md
// R4).
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "spool/flush_plan.h"
#include "spool/segment_checksum.h"
#include "spool/segment_scan.h"

namespace internal = kinglet::spool::internal;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

/// Puts right checksums over the input, so that the fuzzer gets behind them: the first frame's, and its meta part's.
std::string with_checksums(std::string bytes) {
  if (bytes.size() < internal::segment_header_size + internal::record_header_size) return bytes;
  const auto put = [&](std::size_t at, std::uint32_t value) { std::memcpy(bytes.data() + at, &value, 4); };
  std::memcpy(bytes.data(), "KLSPOOL\n", 8);
  bytes[8] = 1;
  put(60, internal::crc32c(std::string_view(bytes).substr(0, 60)));
  const auto header = internal::decode_segment_header(bytes);
  if (!header) return bytes;
  std::uint64_t offset = internal::segment_header_size;
  while (offset + internal::record_header_size <= bytes.size()) {
    std::uint32_t meta_size = 0;
    std::uint64_t blocks_size = 0;
    std::memcpy(&meta_size, bytes.data() + offset + 8, 4);
    std::memcpy(&blocks_size, bytes.data() + offset + 16, 8);
    const std::uint64_t left = bytes.size() - offset - internal::record_header_size;
    meta_size = static_cast<std::uint32_t>(left == 0 ? 0 : meta_size % (left + 1) % 512);
    blocks_size %= left - meta_size + 1;
    const internal::RecordHeader record{
        .type = static_cast<internal::RecordType>(1 + static_cast<unsigned char>(bytes[offset + 4]) % 3),
        .meta_size = meta_size,
        .meta_checksum =
            internal::crc32c(std::string_view(bytes).substr(offset + internal::record_header_size, meta_size)),
        .blocks_size = blocks_size,
        .blocks_checksum = internal::crc32c(
            std::string_view(bytes).substr(offset + internal::record_header_size + meta_size, blocks_size))};
    bytes.replace(offset, internal::record_header_size, internal::encode_record_header(record, *header, offset));
    offset += record.padded_size();
  }
  return bytes;
}

void check(std::string_view bytes) {
  const auto scan = internal::scan_segment(bytes);
  if (!scan) return;
  require(scan->valid_size <= bytes.size());
  std::size_t sections = 0;
  for (const auto& request : scan->requests) {
    for (const auto& section : request.sections) {
      require(section.layout < scan->layouts.size());
      require(section.offset <= bytes.size() && section.size <= bytes.size() - section.offset);
      ++sections;
    }
  }
  std::size_t planned = 0;
  for (const auto& part : internal::plan_parts(*scan)) planned += part.items.size();
  require(planned == sections);
  // What is valid stays valid when it is cut there.
  const auto again = internal::scan_segment(bytes.substr(0, scan->valid_size));
  require(again.has_value() && again->requests.size() == scan->requests.size() &&
          again->end == internal::SegmentEnd::clean);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  check(with_checksums(std::move(bytes)));
  return 0;
}
