// SPDX-License-Identifier: Apache-2.0
// Analyze: the beginning of a file -> columns, types and a preview for a data source that would hold it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "http/message.h"
#include "jobs/container_reader.h"
#include "jobs/file_format.h"
#include "jobs/import_control.h"
#include "rows/charset.h"
#include "rows/infer.h"

namespace kinglet::jobs {

/// The whole of an analysis, by URL too.
inline constexpr std::chrono::milliseconds analyze_patience{30'000};

struct AnalyzeRequest {
  std::optional<FileFormat> format = {};  // nothing: by the first bytes
  std::string content_encoding = {};
  rows::Charset charset = rows::Charset::utf8;
  rows::CsvDialect csv = {};
  bool type_guessing = true;
  std::uint64_t sample_bytes = 8u << 20;  // of text, decompressed
  std::uint64_t sample_rows = 10'000;
  std::uint64_t container_bytes_max = 500u << 20;  // containers are read whole: their directory stands at the end
};

struct Analysis {
  FileFormat format = FileFormat::csv;
  std::vector<rows::InferredColumn> columns;
  std::vector<std::vector<std::string>> preview;     // JSON values, by row and column
  std::uint64_t rows = 0, malformed = 0, bytes = 0;  // of the sample
  std::chrono::nanoseconds elapsed{};
};

/// Errors: invalid (no row, or a file that cannot be read), too_large, unsupported, timeout, unavailable.
Task<Result<Analysis>> analyze(ReaderTools reader, AnalyzeRequest request, http::BodyReader& body,
                               std::shared_ptr<ImportControl> control);

/// "id Int16 `json:$.id`, …": the columns as the API and SCHEMA write them.
std::string schema_text(const std::vector<rows::InferredColumn>& columns);

}  // namespace kinglet::jobs
