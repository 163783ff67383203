// SPDX-License-Identifier: Apache-2.0
// Streaming decoders for request bodies and files: gzip, deflate, zstd, lz4, with limits on what comes out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kinglet::rows {

enum class Encoding : std::uint8_t { identity, gzip, deflate, zstd, lz4 };

/// Reads a Content-Encoding header (RFC 9110 8.4): one coding, or a list of which at most one is not identity.
/// Errors: unsupported (unknown, `br`, or several codings on top of each other: attacks.md I7).
Result<Encoding> parse_content_encoding(std::string_view header);

/// Which coding a file name ends in: `.gz` gzip, `.zst` zstd, `.lz4` lz4, else identity.
Encoding encoding_of_name(std::string_view name);

struct DecompressLimits {
  /// Bytes out, whatever the ratio. The caller sets it from its body limit.
  std::uint64_t output_bytes_max = 10ull << 30;
  /// Bombs: beyond ratio_free_bytes of output, no more than ratio_max bytes out for one byte in. Logs shrink to a tenth
  /// or a thirtieth; gzip can make 1,032 of one and zstd or lz4 any number.
  std::uint64_t ratio_max = 200;
  std::uint64_t ratio_free_bytes = 64ull << 20;
  /// A zstd frame may ask for a window up to 2^this bytes of memory.
  unsigned zstd_window_log_max = 25;
};

/// Decodes one stream piece by piece in bounded memory.
///
///   TRY(bool more, decoder->next(input, out));   until `input` is empty and nothing more comes
///
/// Several gzip members, zstd or lz4 frames one after the other are one stream (RFC 1952 2.2, RFC 8878 3.1).
/// Thread: any, one at a time.
class Decompressor {
 public:
  static std::unique_ptr<Decompressor> make(Encoding encoding, const DecompressLimits& limits = {});
  virtual ~Decompressor() = default;

  /// Decodes from the front of `input`, which is shortened by what was read, into `out` (replaced; at most
  /// piece_bytes). True when the same call should be made again before more input is given: output is waiting.
  /// Errors: invalid (not of this coding, damaged); too_large (limits).
  virtual Result<bool> next(std::string_view& input, std::string& out) = 0;
  /// After the last input. Errors: invalid when the stream is cut.
  virtual Status finish() = 0;

  static constexpr std::size_t piece_bytes = 128u << 10;
};

/// All of a small stream at once. Errors: as above.
Result<std::string> decompress_all(Encoding encoding, std::string_view input, std::size_t output_bytes_max);

}  // namespace kinglet::rows
