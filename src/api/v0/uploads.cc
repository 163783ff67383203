// SPDX-License-Identifier: Apache-2.0
#include "api/v0/uploads.h"

namespace kinglet::api {

Result<std::optional<jobs::FileFormat>> wanted_format(std::optional<std::string_view> named, std::string_view file_name,
                                                      std::string_view content_type) {
  if (named && !named->empty()) {
    const auto format = jobs::file_format(*named);
    if (!format)
      return fail(Code::invalid, "format is csv, ndjson, parquet, arrow, arrowstream, orc or avro, not '{}'",
                  named->substr(0, 32));
    return format;
  }
  if (const auto format = jobs::format_of_file(file_name)) return format;
  return jobs::format_of_media_type(http::media_type(content_type));
}

Result<rows::Charset> charset_of(std::string_view content_type) {
  return rows::parse_charset(http::header_parameter(content_type, "charset").value_or(""));
}

Result<rows::CsvDialect> csv_dialect(const http::QueryParameters& fields) {
  return rows::parse_csv_dialect(fields.get("dialect_delimiter").value_or(""),
                                 fields.get("dialect_escapechar").value_or(""),
                                 fields.get("dialect_new_line").value_or(""));
}

Result<bool> flag(const http::QueryParameters& fields, std::string_view name, bool otherwise) {
  const auto value = fields.get(name);
  if (!value || value->empty()) return otherwise;
  if (*value == "true" || *value == "True" || *value == "1") return true;
  if (*value == "false" || *value == "False" || *value == "0") return false;
  return fail(Code::invalid, "{} is true or false, not '{}'", name, value->substr(0, 32));
}

bool is_file(const http::PartHead& part) {
  return part.filename || part.name == "csv" || part.name == "ndjson" || part.name == "parquet" || part.name == "file";
}

Task<Result<std::size_t>> PartBody::read_some(std::span<char> to) {
  if (pending_.empty()) {
    CO_TRY(pending_, co_await reader_.read_some());
  }
  const auto count = std::min(to.size(), pending_.size());
  std::memcpy(to.data(), pending_.data(), count);
  pending_.remove_prefix(count);
  co_return count;
}

}  // namespace kinglet::api
