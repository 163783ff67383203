// SPDX-License-Identifier: Apache-2.0
// What a Parquet, Arrow, ORC or Avro file says about itself, read by our own bounded parsers before an engine's decoder
// sees a byte of it (attacks.md I8).
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "jobs/file_format.h"

namespace kinglet::jobs {

struct ContainerLimits {
  std::uint64_t metadata_bytes_max = 64u << 20;  // footer, or all message heads of an Arrow file
  std::size_t columns_max = 10'000;              // leaves and groups of the schema
  std::size_t depth_max = 64;                    // nesting of the schema
  /// A file may say that it has this many rows whatever its size …
  std::uint64_t rows_free = 10'000'000;
  /// … and beyond that this many for each byte: more is a header that lies, or a bomb.
  std::uint64_t rows_per_byte_max = 1'000;
  /// What pages, dictionaries and record batches say they unpack to, all together.
  std::uint64_t content_bytes_max = 32ull << 30;
  /// The same for one piece that a decoder holds at once: a column chunk, a record batch.
  std::uint64_t piece_bytes_max = 2ull << 30;
};

struct ContainerFacts {
  FileFormat format = FileFormat::parquet;  // Arrow: file or stream, whatever was asked for
  std::uint64_t rows = 0;                   // 0 when the format does not tell (ORC, Avro)
};

/// Compression that the engine may unpack: none, Snappy, gzip, LZ4, zstd. BROTLI is refused (engine.md 5), LZO, bzip2
/// and xz are not supported.
/// Blocks on the disk; reads metadata only. Errors: invalid (not such a file, damaged, a limit); unsupported
/// (compression, encryption).
Result<ContainerFacts> check_container(FileFormat format, const std::string& path, const ContainerLimits& limits = {});
/// The same for bytes in memory.
Result<ContainerFacts> check_container_bytes(FileFormat format, std::string_view bytes,
                                             const ContainerLimits& limits = {});

}  // namespace kinglet::jobs
