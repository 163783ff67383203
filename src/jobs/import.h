// SPDX-License-Identifier: Apache-2.0
// Import: a file of rows, of any size, through the one mapping into a data source: appended, or in place of all it has.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ingest/intake.h"
#include "jobs/container_reader.h"
#include "jobs/file_format.h"
#include "jobs/import_control.h"
#include "jobs/replace.h"
#include "query/runner.h"
#include "rows/charset.h"
#include "rows/decompress.h"

namespace kinglet::jobs {

enum class ImportMode : std::uint8_t { append, replace };

struct ImportRequest {
  std::shared_ptr<const catalog::Workspace> workspace;
  std::shared_ptr<const catalog::DataSource> source;
  ImportMode mode = ImportMode::append;
  std::optional<FileFormat> format = {};  // nothing: by the first bytes of the file
  std::string request_id = {};            // for reports
  std::string content_encoding = {};      // of the request; a gzip or zstd file is recognised by its first bytes, too
  rows::Charset charset = rows::Charset::utf8;  // of text formats
  rows::CsvDialect csv = {};
  ReplaceOptions replace = {};
  /// Each piece goes into the spool under a key made of the import's id and the piece's number: what a former start of
  /// the same job stored is not stored again.
  bool keyed = false;
  std::uint64_t bytes_max = 500u << 20;           // as sent
  std::uint64_t content_bytes_max = 32ull << 30;  // after decompression
};

struct ImportResult {
  std::string id;
  FileFormat format = FileFormat::csv;
  std::uint64_t successful_rows = 0, quarantined_rows = 0, invalid_lines = 0, bytes = 0;
  std::uint64_t dropped_rows = 0;   // of a replace: new rows outside its condition
  std::vector<std::string> errors;  // the first ones, for people
};

/// What an import works with.
struct ImportTools {
  ingest::Intake& intake;
  query::Runners& runners;
  ReaderTools reader;
  catalog::Catalog& catalog;
  observe::Observer& observer;
  std::function<Task<Status>(std::string plan)> write_plan;  // of a replace (Replacement::Parts)
};

/// Reads a body piece by piece, decompressed: by its Content-Encoding, else by its first bytes.
/// Errors: invalid, too_large, unsupported, cancelled; those of the body.
class FileReader {
 public:
  struct Options {
    std::string content_encoding = {};
    std::uint64_t bytes_max = 0;          // as sent
    std::uint64_t content_bytes_max = 0;  // after decompression
  };
  FileReader(http::BodyReader& body, Options options, std::shared_ptr<ImportControl> control);

  /// The next decompressed bytes; empty at the end. The view lives until the next call.
  Task<Result<std::string_view>> next();
  /// The same, but first at least `format_bytes_wanted` bytes when the file has so many; next() gives them again.
  Task<Result<std::string_view>> peek();

 private:
  Status choose_decoder();
  Task<Result<std::string_view>> decoded();

  http::BodyReader& body_;
  Options options_;
  std::shared_ptr<ImportControl> control_;
  std::unique_ptr<char[]> buffer_;
  std::unique_ptr<rows::Decompressor> decoder_;
  std::string_view pending_;
  std::string out_, head_, given_;
  bool more_ = false;
  std::uint64_t sent_ = 0;
};

/// Runs one import; `body` is read to its end. `result` says what was stored, also when the import fails in the middle.
/// Errors: invalid (the file), too_large, unsupported, unavailable, conflict (another file than that of a former
/// start), cancelled.
Task<Status> run_import(const ImportTools& tools, ImportRequest request, std::string id, http::BodyReader& body,
                        std::shared_ptr<ImportControl> control, ImportResult& result);

/// A container file whose bytes a reader gives, kept in the scratch folder and checked. Errors: as FileReader's and
/// check_container's.
Task<Result<FileFormat>> keep_container(const ReaderTools& tools, FileReader& reader, FileFormat format,
                                        ScratchFile& file, std::uint64_t content_bytes_max,
                                        const std::function<void(std::size_t)>& on_bytes);

}  // namespace kinglet::jobs
