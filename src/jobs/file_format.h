// SPDX-License-Identifier: Apache-2.0
// Formats of files, told by a parameter, a file name, a media type or the first bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace kinglet::jobs {

/// Text formats are read here; containers are decoded by the reader engine.
enum class FileFormat : std::uint8_t { csv, ndjson, parquet, arrow, arrow_stream, orc, avro };

constexpr bool is_container(FileFormat format) {
  return format != FileFormat::csv && format != FileFormat::ndjson;
}

/// "csv", "ndjson", "parquet", "arrow", "arrowstream", "orc", "avro": as the API writes it.
std::string_view format_name(FileFormat format);
/// The same with "jsonl", "json", "arrows" and "feather"; in any case.
std::optional<FileFormat> file_format(std::string_view name);
/// By a file name or URL, in any case: "x.ndjson.gz" -> ndjson. Nothing when the name does not tell.
std::optional<FileFormat> format_of_file(std::string_view file_name);
/// By the media type of a request, a part or a reply, in lower case. Nothing for those that say little (text/plain,
/// application/octet-stream).
std::optional<FileFormat> format_of_media_type(std::string_view media_type);
/// How many first bytes `format_of_bytes` wants to see.
inline constexpr std::size_t format_bytes_wanted = 64;
/// By the first bytes of the content, decompressed: a container's magic; a JSON object or array -> ndjson; else csv
/// (http-api.md 9).
FileFormat format_of_bytes(std::string_view head);

}  // namespace kinglet::jobs
