// SPDX-License-Identifier: Apache-2.0
#include "jobs/file_format.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/ascii.h"

namespace kinglet::jobs {
namespace {

using Named = std::pair<std::string_view, FileFormat>;

// The first name of each is the one that is shown.
constexpr std::array names{
    Named{"csv", FileFormat::csv},
    Named{"ndjson", FileFormat::ndjson},
    Named{"parquet", FileFormat::parquet},
    Named{"arrow", FileFormat::arrow},
    Named{"arrowstream", FileFormat::arrow_stream},
    Named{"orc", FileFormat::orc},
    Named{"avro", FileFormat::avro},
    Named{"jsonl", FileFormat::ndjson},
    Named{"json", FileFormat::ndjson},
    Named{"arrows", FileFormat::arrow_stream},
    Named{"feather", FileFormat::arrow},
};

constexpr std::array media_types{
    Named{"text/csv", FileFormat::csv},
    Named{"application/csv", FileFormat::csv},
    Named{"application/x-ndjson", FileFormat::ndjson},
    Named{"application/ndjson", FileFormat::ndjson},
    Named{"application/jsonl", FileFormat::ndjson},
    Named{"application/json", FileFormat::ndjson},
    Named{"application/vnd.apache.parquet", FileFormat::parquet},
    Named{"application/vnd.apache.arrow.file", FileFormat::arrow},
    Named{"application/vnd.apache.arrow.stream", FileFormat::arrow_stream},
    Named{"application/vnd.apache.orc", FileFormat::orc},
    Named{"application/avro", FileFormat::avro},
    Named{"application/vnd.apache.avro", FileFormat::avro},
};

constexpr std::array magics{
    Named{"PAR1", FileFormat::parquet},
    Named{"ARROW1", FileFormat::arrow},
    Named{"ORC", FileFormat::orc},
    Named{std::string_view("Obj\x01", 4), FileFormat::avro},
    Named{"\xff\xff\xff\xff", FileFormat::arrow_stream},
};

}  // namespace

std::string_view format_name(FileFormat format) {
  return std::ranges::find(names, format, &Named::second)->first;
}

std::optional<FileFormat> file_format(std::string_view name) {
  const auto wanted = ascii::lower(name);
  const auto* found = std::ranges::find(names, std::string_view(wanted), &Named::first);
  return found == names.end() ? std::nullopt : std::optional(found->second);
}

std::optional<FileFormat> format_of_file(std::string_view name) {
  const auto text = ascii::lower(name.substr(0, name.find_first_of("?#")));
  std::string_view file_name = text;
  for (const std::string_view packed : {".gz", ".zst", ".lz4"})
    if (file_name.ends_with(packed)) file_name.remove_suffix(packed.size());
  const auto dot = file_name.rfind('.');
  return dot == file_name.npos ? std::nullopt : file_format(file_name.substr(dot + 1));
}

std::optional<FileFormat> format_of_media_type(std::string_view media_type) {
  const auto* found = std::ranges::find(media_types, media_type, &Named::first);
  return found == media_types.end() ? std::nullopt : std::optional(found->second);
}

FileFormat format_of_bytes(std::string_view head) {
  for (const auto& [magic, format] : magics)
    if (head.starts_with(magic)) {
      // Three letters are a word that a CSV may begin with; an ORC file goes on with bytes that no text has.
      const bool text = format == FileFormat::orc && head.size() > 3 && static_cast<unsigned char>(head[3]) >= ' ' &&
                        static_cast<unsigned char>(head[3]) < 127;
      if (!text) return format;
    }
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  const auto first = head.find_first_not_of(" \t\r\n");
  if (first != head.npos && head[first] == '{') return FileFormat::ndjson;
  if (first != head.npos && head[first] == '[') {
    const auto next = head.find_first_not_of(" \t\r\n", first + 1);
    if (next != head.npos && head[next] == '{') return FileFormat::ndjson;
  }
  return FileFormat::csv;
}

}  // namespace kinglet::jobs
