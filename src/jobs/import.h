// SPDX-License-Identifier: Apache-2.0
// Import: a file of rows, of any size, through the one mapping into a data source: appended, or in place of all it has.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/process.h"
#include "ingest/intake.h"
#include "query/runner.h"

namespace kinglet::jobs {

enum class FileFormat : std::uint8_t { csv, ndjson, parquet };
enum class ImportMode : std::uint8_t { append, replace };

/// By "csv", "ndjson", "jsonl", "parquet".
std::optional<FileFormat> file_format(std::string_view name);
/// By a file name or URL, in any case: "x.ndjson.gz" -> ndjson. Nothing when the name does not tell.
std::optional<FileFormat> format_of_file(std::string_view file_name);

struct ImportRequest {
  std::shared_ptr<const catalog::Workspace> workspace;
  std::shared_ptr<const catalog::DataSource> source;
  ImportMode mode = ImportMode::append;
  FileFormat format = FileFormat::csv;
  std::string request_id = {};   // for reports
  std::string content_encoding;  // of the request; a gzip file is recognised by its first bytes, too
  rows::CsvDialect csv = {};
  std::uint64_t bytes_max = 500u << 20;           // as sent
  std::uint64_t content_bytes_max = 32ull << 30;  // after decompression
};

struct ImportResult {
  std::string id;
  std::uint64_t successful_rows = 0, quarantined_rows = 0, invalid_lines = 0, bytes = 0;
  std::vector<std::string> errors;  // the first ones, for people
};

/// What an import works with.
struct ImportTools {
  ingest::Intake& intake;
  query::Runners& runners;
  engine::Process* reader = nullptr;
  engine::Address reader_address;
  std::string scratch;  // folder that the reader engine may read
  catalog::Catalog& catalog;
  observe::Observer& observer;
};

/// Runs one import. `body` is read to its end. Errors: invalid (the file), too_large, unsupported, unavailable.
Task<Result<ImportResult>> run_import(const ImportTools& tools, ImportRequest request, std::string id,
                                      http::BodyReader& body);

}  // namespace kinglet::jobs
