// SPDX-License-Identifier: Apache-2.0
#include "jobs/import.h"

#include <unistd.h>

#include <fstream>

#include "jobs/replace.h"
#include "rows/decompress.h"
#include "sql/printer.h"

namespace kinglet::jobs {

namespace {

constexpr std::size_t piece_bytes = 256u << 10;
constexpr auto room_patience = std::chrono::minutes(10);
constexpr auto store_patience = std::chrono::minutes(5);
constexpr auto reader_patience = std::chrono::seconds(20);
constexpr auto decode_patience = std::chrono::hours(1);
constexpr std::size_t errors_kept = 10;

/// Takes finished batches: into the spool, or into the table that is to replace the live one.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual Task<Status> accept(rows::Batch batch) = 0;
};

class SpoolSink final : public Sink {
 public:
  SpoolSink(const ImportTools& tools, const ImportRequest& request, const std::string& id)
      : tools_(tools), request_(request), id_(id) {}
  Task<Status> accept(rows::Batch batch) override {
    auto append = ingest::Intake::to_request(batch, *request_.workspace, *request_.source);
    append.meta.import_id = id_;
    append.room_deadline = Clock::now() + room_patience;
    // Booked when durable, batch by batch: an import that fails later has still brought these.
    CO_TRY_VOID(co_await tools_.intake.append(*request_.workspace, *request_.source, std::move(append)));
    co_return Status{};
  }

 private:
  const ImportTools& tools_;
  const ImportRequest& request_;
  const std::string& id_;
};

/// Rows go to the staging table at once; bad rows to the quarantine, by way of the spool.
class StagingSink final : public Sink {
 public:
  StagingSink(const ImportTools& tools, const ImportRequest& request, const std::string& id, Replacement& replacement)
      : tools_(tools), request_(request), id_(id), replacement_(replacement) {}
  Task<Status> accept(rows::Batch batch) override {
    for (auto& block : batch.rows) CO_TRY_VOID(co_await replacement_.insert(block));
    batch.rows.clear();
    batch.counts.successful = 0;
    if (batch.quarantine.empty()) co_return Status{};
    SpoolSink quarantine(tools_, request_, id_);
    auto status = co_await quarantine.accept(std::move(batch));
    co_return status;
  }

 private:
  const ImportTools& tools_;
  const ImportRequest& request_;
  const std::string& id_;
  Replacement& replacement_;
};

/// One import at work: bytes in, batches out.
class Import {
 public:
  Import(ImportRequest request, std::shared_ptr<const rows::RowMapping> mapping, rows::InputFormat format,
         const std::string& id, Sink& sink)
      : request_(std::move(request)), sink_(sink), builder_(std::move(mapping), options(format, request_.csv, id)) {}

  static rows::BatchOptions options(rows::InputFormat format, const rows::CsvDialect& csv, const std::string& id) {
    rows::BatchOptions options;
    options.format = format;
    options.csv = csv;
    options.import_id = id;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    options.now_seconds = static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
    return options;
  }

  Task<Status> feed(std::string_view bytes) {
    while (!bytes.empty()) {
      CO_TRY(const auto taken, builder_.feed(bytes));
      bytes.remove_prefix(taken);
      if (builder_.full()) CO_TRY_VOID(co_await hand_over());
    }
    co_return Status{};
  }

  Task<Status> finish() {
    CO_TRY_VOID(builder_.finish());
    if (builder_.nothing_parsed()) {
      const auto errors = builder_.take().errors;
      co_return fail(Code::invalid, "no row of the file can be read{}",
                     errors.empty() ? std::string() : fmt::format("; row {}: {}", errors[0].row, errors[0].error));
    }
    auto status = co_await hand_over();
    co_return status;
  }

  ImportResult result() const { return result_; }
  void count_bytes(std::size_t bytes) { result_.bytes += bytes; }

 private:
  Task<Status> hand_over() {
    auto batch = builder_.take();
    result_.successful_rows += batch.counts.successful;
    result_.quarantined_rows += batch.counts.quarantined;
    result_.invalid_lines += batch.counts.malformed;
    for (const auto& e : batch.errors)
      if (result_.errors.size() < errors_kept)
        result_.errors.push_back(e.column.empty() ? fmt::format("row {}: {}", e.row, e.error)
                                                  : fmt::format("row {}, column {}: {}", e.row, e.column, e.error));
    if (batch.rows.empty() && batch.quarantine.empty()) co_return Status{};
    auto status = co_await sink_.accept(std::move(batch));
    co_return status;
  }

  ImportRequest request_;
  Sink& sink_;
  rows::BatchBuilder builder_;
  ImportResult result_;
};

/// Reads a body piece by piece, decompressed: by its Content-Encoding, else by the first bytes of the file.
class FileReader {
 public:
  FileReader(http::BodyReader& body, const ImportRequest& request)
      : body_(body), request_(request), buffer_(std::make_unique_for_overwrite<char[]>(piece_bytes)) {}

  /// The next decompressed bytes; empty at the end. The view lives until the next call.
  Task<Result<std::string_view>> next() {
    for (;;) {
      while (more_ || !pending_.empty()) {
        CO_TRY(more_, decoder_->next(pending_, out_));
        if (!out_.empty()) co_return std::string_view(out_);
      }
      CO_TRY(const auto count, co_await body_.read_some({buffer_.get(), piece_bytes}));
      if (count == 0) {
        if (decoder_) CO_TRY_VOID(decoder_->finish());
        co_return std::string_view();
      }
      sent_ += count;
      if (sent_ > request_.bytes_max)
        co_return fail(Code::too_large, "the file is larger than {} MB, the most that is taken this way",
                       request_.bytes_max >> 20);
      pending_ = {buffer_.get(), count};
      if (!decoder_) CO_TRY_VOID(choose_decoder());
    }
  }

 private:
  Status choose_decoder() {
    TRY(auto encoding, rows::parse_content_encoding(request_.content_encoding));
    if (encoding == rows::Encoding::identity && pending_.starts_with("\x1f\x8b")) encoding = rows::Encoding::gzip;
    if (encoding == rows::Encoding::identity && pending_.starts_with("\x28\xb5\x2f\xfd"))
      encoding = rows::Encoding::zstd;
    decoder_ = rows::Decompressor::make(encoding, {.output_bytes_max = request_.content_bytes_max});
    return {};
  }

  http::BodyReader& body_;
  const ImportRequest& request_;
  std::unique_ptr<char[]> buffer_;
  std::unique_ptr<rows::Decompressor> decoder_;
  std::string_view pending_;
  std::string out_;
  bool more_ = false;
  std::uint64_t sent_ = 0;
};

/// A file in the reader's scratch folder, removed when it is done with.
class ScratchFile {
 public:
  explicit ScratchFile(std::string path) : path_(std::move(path)) {}
  ~ScratchFile() { ::unlink(path_.c_str()); }
  ScratchFile(const ScratchFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Task<Status> import_text(Import& import, const ImportRequest& request, http::BodyReader& body) {
  FileReader reader(body, request);
  for (;;) {
    CO_TRY(const auto piece, co_await reader.next());
    if (piece.empty()) break;
    import.count_bytes(piece.size());
    CO_TRY_VOID(co_await import.feed(piece));
  }
  auto status = co_await import.finish();
  co_return status;
}

/// Parquet is decoded by the reader engine, which sees only its scratch folder; its rows come back as lines of JSON, so
/// that one mapping and one conversion table serve every format (docs/design/0005-imports.md).
Task<Status> import_parquet(const ImportTools& tools, Import& import, const ImportRequest& request,
                            const std::string& id, http::BodyReader& body) {
  if (tools.reader == nullptr)
    co_return fail(Code::unavailable, "Parquet files cannot be read: kinglet-engine is not installed");
  const ScratchFile file(fmt::format("{}/{}.parquet", tools.scratch, id));
  {
    std::ofstream out(file.path(), std::ios::binary | std::ios::trunc);
    FileReader reader(body, request);
    std::string head;
    for (;;) {
      CO_TRY(const auto piece, co_await reader.next());
      if (piece.empty()) break;
      if (head.size() < 4) head.append(piece.substr(0, 4 - head.size()));
      out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
      if (!out) co_return fail(Code::unavailable, "no room for the file on the server's disk");
      import.count_bytes(piece.size());
    }
    if (head != "PAR1") co_return fail(Code::invalid, "this is no Parquet file: it does not begin with PAR1");
  }
  CO_TRY_VOID(co_await tools.reader->ready(Clock::now() + reader_patience));
  const auto executor = co_await asio::this_coro::executor;
  engine::Client client(executor, {.address = tools.reader_address});
  engine::QueryOptions options;
  options.format = "JSONEachRow";
  options.deadline = Clock::now() + decode_patience;
  // The rows come as fast as the spool takes them, so the engine's time for an ordinary query is too short.
  options.settings = {
      {"max_execution_time", std::to_string(std::chrono::duration_cast<std::chrono::seconds>(decode_patience).count())},
      {"output_format_json_quote_64bit_integers", "0"},
      {"output_format_json_escape_forward_slashes", "0"}};
  auto reply =
      co_await client.open(fmt::format("SELECT * FROM file({}, 'Parquet')", sql::quote_string(file.path())), options);
  for (;;) {
    if (!reply) {
      if (reply.error().engine_code != 0)
        co_return fail(Code::invalid, "the Parquet file cannot be read: {}", reply.error().message);
      co_return fail(std::move(reply.error()));
    }
    CO_TRY(const auto piece, co_await (*reply)->next());
    if (piece.empty()) break;
    CO_TRY_VOID(co_await import.feed(piece));
  }
  auto status = co_await import.finish();
  co_return status;
}

Task<Status> read_file(const ImportTools& tools, Import& import, const ImportRequest& request, const std::string& id,
                       http::BodyReader& body) {
  if (request.format == FileFormat::parquet) {
    auto status = co_await import_parquet(tools, import, request, id, body);
    co_return status;
  }
  auto status = co_await import_text(import, request, body);
  co_return status;
}

}  // namespace

std::optional<FileFormat> file_format(std::string_view name) {
  if (name == "csv") return FileFormat::csv;
  if (name == "ndjson" || name == "jsonl" || name == "json") return FileFormat::ndjson;
  if (name == "parquet") return FileFormat::parquet;
  return std::nullopt;
}

std::optional<FileFormat> format_of_file(std::string_view name) {
  std::string lower(name.substr(0, name.find_first_of("?#")));
  for (auto& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  std::string_view file_name = lower;
  for (const std::string_view packed : {".gz", ".zst"})
    if (file_name.ends_with(packed)) file_name.remove_suffix(packed.size());
  const auto dot = file_name.rfind('.');
  return dot == file_name.npos ? std::nullopt : file_format(file_name.substr(dot + 1));
}

Task<Result<ImportResult>> run_import(const ImportTools& tools, ImportRequest request, std::string id,
                                      http::BodyReader& body) {
  CO_TRY(const auto mapping, tools.intake.mapping(request.source));
  const auto format = request.format == FileFormat::csv ? rows::InputFormat::csv : rows::InputFormat::ndjson;
  if (request.mode == ImportMode::append) {
    SpoolSink sink(tools, request, id);
    Import import(request, mapping, format, id, sink);
    CO_TRY_VOID(co_await read_file(tools, import, request, id, body));
    auto result = import.result();
    result.id = id;
    // A following query sees the rows. When the engine is away they are safe in the spool all the same.
    const auto stored = co_await tools.intake.spool().flush(Clock::now() + store_patience);
    if (!stored && stored.error().code != Code::timeout) co_return fail(stored.error());
    co_return result;
  }
  Replacement replacement({.catalog = tools.catalog, .runners = tools.runners, .spool = tools.intake.spool()},
                          request.workspace, request.source, id);
  CO_TRY_VOID(co_await replacement.begin());
  StagingSink sink(tools, request, id, replacement);
  Import import(request, mapping, format, id, sink);
  auto status = co_await read_file(tools, import, request, id, body);
  if (status) status = co_await replacement.commit();
  if (!status) {
    co_await replacement.give_up();
    co_return fail(std::move(status.error()));
  }
  auto result = import.result();
  result.id = id;
  co_return result;
}

}  // namespace kinglet::jobs
