// SPDX-License-Identifier: Apache-2.0
// What routes that take files share: format, charset and dialect from a request's fields, and the file of a form.
#pragma once

#include <cstring>
#include <optional>
#include <string_view>

#include "http/multipart.h"
#include "jobs/file_format.h"
#include "rows/charset.h"
#include "rows/csv.h"

namespace kinglet::api {

/// By the parameter `format`, else the file's name, else its media type; nothing: its first bytes will tell.
/// Errors: invalid.
Result<std::optional<jobs::FileFormat>> wanted_format(std::optional<std::string_view> named, std::string_view file_name,
                                                      std::string_view content_type);
/// Of a Content-Type. Errors: unsupported.
Result<rows::Charset> charset_of(std::string_view content_type);
/// dialect_delimiter, dialect_escapechar, dialect_new_line. Errors: invalid.
Result<rows::CsvDialect> csv_dialect(const http::QueryParameters& fields);
/// "true", "1" …; absent: `otherwise`. Errors: invalid.
Result<bool> flag(const http::QueryParameters& fields, std::string_view name, bool otherwise);

/// True for the part of a form that is the file.
bool is_file(const http::PartHead& part);

/// The bytes of one part, read like a body.
class PartBody final : public http::BodyReader {
 public:
  explicit PartBody(http::MultipartReader& reader) : reader_(reader) {}
  Task<Result<std::size_t>> read_some(std::span<char> to) override;
  std::optional<std::uint64_t> content_length() const override { return std::nullopt; }

 private:
  http::MultipartReader& reader_;
  std::string_view pending_;
};

}  // namespace kinglet::api
