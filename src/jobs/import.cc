// SPDX-License-Identifier: Apache-2.0
#include "jobs/import.h"

#include "jobs/container_check.h"
#include "rows/decompress.h"

namespace kinglet::jobs {

namespace {

constexpr std::size_t piece_bytes = 256u << 10;
constexpr auto room_patience = std::chrono::minutes(10);
constexpr auto room_step =
    std::chrono::seconds(1);  // how soon an import that waits for room sees that it was cancelled
constexpr auto store_patience = std::chrono::minutes(5);
constexpr auto check_patience = std::chrono::minutes(1);
constexpr std::size_t errors_kept = 10;

/// Tells the rows of one piece from those of another: for the key under which the piece is stored.
class PieceHash {
 public:
  void add(std::string_view bytes) {
    for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data(), 8);
      mix(word);
    }
    std::uint64_t last = bytes.size();
    std::memcpy(&last, bytes.data(), bytes.size());
    mix(last);
  }
  void mix(std::uint64_t word) {
    value_ = (value_ ^ word) * 0x9e3779b97f4a7c15ull;
    value_ ^= value_ >> 29;
  }
  std::uint64_t value() const { return value_ == 0 ? 1 : value_; }  // 0 means none

 private:
  std::uint64_t value_ = 14695981039346656037ull;
};

/// Takes finished batches: into the spool, or into the table that is to replace the live one.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual Task<Status> accept(rows::Batch batch) = 0;
};

class SpoolSink final : public Sink {
 public:
  SpoolSink(const ImportTools& tools, const ImportRequest& request, const std::string& id, ImportControl& control)
      : tools_(tools), request_(request), id_(id), control_(control) {}

  /// Never broken off in the middle: what is counted is what the spool has.
  Task<Status> accept(rows::Batch batch) override {
    const auto patience = Clock::now() + room_patience;
    tools_.intake.quarantine_limit().sample({request_.workspace->id, request_.source->id}, batch.quarantine,
                                            Clock::now());
    ++piece_;
    for (;;) {
      CO_TRY_VOID(control_.check());
      auto append = ingest::Intake::to_request(batch, *request_.workspace, *request_.source);
      append.meta.import_id = id_;
      append.room_deadline = std::min(patience, Clock::now() + room_step);
      if (request_.keyed) {
        append.meta.idempotency_key = fmt::format("import/{}/{}", id_, piece_);
        append.meta.content_hash = hash_of(append, batch.counts);
      }
      // Booked when durable, batch by batch: an import that fails later has still brought these.
      auto receipt = co_await tools_.intake.append(*request_.workspace, *request_.source, std::move(append));
      if (receipt) co_return Status{};
      if (receipt.error().code == Code::conflict)
        co_return fail(Code::conflict,
                       "the file is not the one that was being imported when the server stopped; what was stored of "
                       "that one stays");
      if (receipt.error().code != Code::unavailable || Clock::now() >= patience)
        co_return fail(std::move(receipt.error()));
    }
  }

 private:
  /// Quarantine rows hold the time of their import, so only their number counts.
  static std::uint64_t hash_of(const spool::AppendRequest& append, const rows::BatchCounts& counts) {
    PieceHash hash;
    for (const auto& section : append.sections)
      if (section.kind == spool::SectionKind::rows) hash.add(section.block);
    hash.mix(counts.successful);
    hash.mix(counts.quarantined);
    return hash.value();
  }

  const ImportTools& tools_;
  const ImportRequest& request_;
  const std::string& id_;
  ImportControl& control_;
  std::uint64_t piece_ = 0;
};

/// Rows go to the staging table at once; bad rows to the quarantine, by way of the spool.
class StagingSink final : public Sink {
 public:
  StagingSink(const ImportTools& tools, const ImportRequest& request, const std::string& id, ImportControl& control,
              Replacement& replacement)
      : quarantine_(tools, request, id, control), control_(control), replacement_(replacement) {}
  Task<Status> accept(rows::Batch batch) override {
    CO_TRY_VOID(control_.check());
    for (auto& block : batch.rows) CO_TRY_VOID(co_await replacement_.insert(block));
    batch.rows.clear();
    batch.counts.successful = 0;
    if (batch.quarantine.empty()) co_return Status{};
    auto status = co_await quarantine_.accept(std::move(batch));
    co_return status;
  }

 private:
  SpoolSink quarantine_;
  ImportControl& control_;
  Replacement& replacement_;
};

/// One import at work: bytes in, batches out.
class Import {
 public:
  Import(std::shared_ptr<const rows::RowMapping> mapping, rows::BatchOptions options, Sink& sink,
         ImportControl& control, ImportResult& result)
      : sink_(sink), control_(control), result_(result), builder_(std::move(mapping), std::move(options)) {}

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
    for (bool ended = false; !ended;) {
      CO_TRY(ended, builder_.finish());
      if (builder_.nothing_parsed()) {
        auto batch = builder_.take();
        result_.invalid_lines += batch.counts.malformed;
        co_return fail(Code::invalid, "no row of the file can be read{}",
                       batch.errors.empty() ? std::string()
                                            : fmt::format("; row {}: {}", batch.errors[0].row, batch.errors[0].error));
      }
      CO_TRY_VOID(co_await hand_over());
    }
    co_return Status{};
  }

  void count_bytes(std::size_t bytes) {
    result_.bytes += bytes;
    control_.counters.content_bytes = result_.bytes;
  }

 private:
  /// Counts what the sink has taken, so that they hold for an import that fails in the middle, too.
  Task<Status> hand_over() {
    auto batch = builder_.take();
    for (const auto& e : batch.errors)
      if (result_.errors.size() < errors_kept)
        result_.errors.push_back(e.column.empty() ? fmt::format("row {}: {}", e.row, e.error)
                                                  : fmt::format("row {}, column {}: {}", e.row, e.column, e.error));
    const auto counts = batch.counts;
    if (!batch.rows.empty() || !batch.quarantine.empty()) CO_TRY_VOID(co_await sink_.accept(std::move(batch)));
    result_.successful_rows += counts.successful;
    result_.quarantined_rows += counts.quarantined;
    result_.invalid_lines += counts.malformed;
    control_.counters.rows = result_.successful_rows;
    control_.counters.quarantined = result_.quarantined_rows;
    control_.counters.invalid = result_.invalid_lines;
    co_return Status{};
  }

  Sink& sink_;
  ImportControl& control_;
  ImportResult& result_;
  rows::BatchBuilder builder_;
};

Task<Status> import_text(Import& import, rows::Charset charset, FileReader& reader) {
  std::string text;
  for (;;) {
    CO_TRY(auto piece, co_await reader.next());
    if (piece.empty()) break;
    import.count_bytes(piece.size());
    if (charset != rows::Charset::utf8) {
      text.clear();
      rows::to_utf8(charset, piece, text);
      piece = text;
    }
    CO_TRY_VOID(co_await import.feed(piece));
  }
  auto status = co_await import.finish();
  co_return status;
}

/// Containers are decoded by the reader engine, which sees only its scratch folder; its rows come back as lines of
/// JSON, so that one mapping and one conversion table serve every format (docs/design/0005-imports.md).
Task<Status> import_container(const ImportTools& tools, Import& import, const ImportRequest& request, FileFormat format,
                              const std::string& id, FileReader& reader, std::shared_ptr<ImportControl> control) {
  if (tools.reader.process == nullptr)
    co_return fail(Code::unavailable, "{} files cannot be read: kinglet-engine is not installed", format_name(format));
  ScratchFile file(tools.reader, fmt::format("{}.{}", id, format_name(format)));
  CO_TRY(const auto stands, co_await keep_container(tools.reader, reader, format, file, request.content_bytes_max,
                                                    [&](std::size_t count) { import.count_bytes(count); }));
  CO_TRY(const auto rows, co_await ContainerRows::open(tools.reader, file.reader_path(), {.format = stands}, control));
  std::uint64_t bytes = 0;
  for (;;) {
    CO_TRY(const auto piece, co_await rows->next());
    if (piece.empty()) break;
    bytes += piece.size();
    if (bytes > request.content_bytes_max)
      co_return fail(Code::too_large, "the file unpacks to more than {} MB", request.content_bytes_max >> 20);
    CO_TRY_VOID(co_await import.feed(piece));
  }
  auto status = co_await import.finish();
  co_return status;
}

Task<Status> read_file(const ImportTools& tools, const ImportRequest& request, const std::string& id,
                       http::BodyReader& body, Sink& sink, std::shared_ptr<ImportControl> control,
                       ImportResult& result) {
  CO_TRY(const auto mapping, tools.intake.mapping(request.source));
  FileReader reader(body,
                    {.content_encoding = request.content_encoding,
                     .bytes_max = request.bytes_max,
                     .content_bytes_max = request.content_bytes_max},
                    control);
  CO_TRY(const auto head, co_await reader.peek());
  result.format = request.format.value_or(format_of_bytes(head));
  const auto input = result.format == FileFormat::csv ? rows::InputFormat::csv : rows::InputFormat::ndjson;
  Import import(mapping, Import::options(input, request.csv, id), sink, *control, result);
  if (is_container(result.format)) {
    auto status = co_await import_container(tools, import, request, result.format, id, reader, control);
    co_return status;
  }
  auto status = co_await import_text(import, request.charset, reader);
  co_return status;
}

}  // namespace

// ---- the file as sent ----------------------------------------------------------------------------------------------

FileReader::FileReader(http::BodyReader& body, Options options, std::shared_ptr<ImportControl> control)
    : body_(body),
      options_(std::move(options)),
      control_(std::move(control)),
      buffer_(std::make_unique_for_overwrite<char[]>(piece_bytes)) {}

Task<Result<std::string_view>> FileReader::peek() {
  while (head_.size() < format_bytes_wanted) {
    CO_TRY(const auto piece, co_await decoded());
    if (piece.empty()) break;
    head_ += piece;
  }
  co_return std::string_view(head_);
}

Task<Result<std::string_view>> FileReader::next() {
  if (!head_.empty()) {
    given_ = std::exchange(head_, {});
    co_return std::string_view(given_);
  }
  auto piece = co_await decoded();
  co_return piece;
}

Task<Result<std::string_view>> FileReader::decoded() {
  for (;;) {
    while (more_ || !pending_.empty()) {
      CO_TRY(more_, decoder_->next(pending_, out_));
      if (!out_.empty()) co_return std::string_view(out_);
    }
    CO_TRY_VOID(control_->check());
    CO_TRY(const auto count, co_await body_.read_some({buffer_.get(), piece_bytes}));
    if (count == 0) {
      if (decoder_) CO_TRY_VOID(decoder_->finish());
      co_return std::string_view();
    }
    sent_ += count;
    if (sent_ > options_.bytes_max)
      co_return fail(Code::too_large, "the file is larger than {} MB, the most that is taken this way",
                     options_.bytes_max >> 20);
    pending_ = {buffer_.get(), count};
    if (!decoder_) CO_TRY_VOID(choose_decoder());
  }
}

Status FileReader::choose_decoder() {
  TRY(auto encoding, rows::parse_content_encoding(options_.content_encoding));
  if (encoding == rows::Encoding::identity && pending_.starts_with("\x1f\x8b")) encoding = rows::Encoding::gzip;
  if (encoding == rows::Encoding::identity && pending_.starts_with("\x28\xb5\x2f\xfd")) encoding = rows::Encoding::zstd;
  if (encoding == rows::Encoding::identity && pending_.starts_with("\x04\x22\x4d\x18")) encoding = rows::Encoding::lz4;
  decoder_ = rows::Decompressor::make(encoding, {.output_bytes_max = options_.content_bytes_max});
  return {};
}

Task<Result<FileFormat>> keep_container(const ReaderTools& tools, FileReader& reader, FileFormat format,
                                        ScratchFile& file, std::uint64_t content_bytes_max,
                                        const std::function<void(std::size_t)>& on_bytes) {
  for (;;) {
    CO_TRY(const auto piece, co_await reader.next());
    if (piece.empty()) break;
    CO_TRY_VOID(co_await file.append(piece));
    on_bytes(piece.size());
  }
  CO_TRY_VOID(co_await file.close());
  ContainerLimits limits;
  limits.content_bytes_max = content_bytes_max;
  auto work = [&] { return check_container(format, file.path(), limits); };
  auto facts = co_await tools.files->run(Clock::now() + check_patience, std::move(work));
  if (!facts) co_return fail(std::move(facts.error()));
  co_return facts->format;
}

Task<Status> run_import(const ImportTools& tools, ImportRequest request, std::string id, http::BodyReader& body,
                        std::shared_ptr<ImportControl> control, ImportResult& result) {
  result.id = id;
  if (request.mode == ImportMode::append) {
    SpoolSink sink(tools, request, id, *control);
    CO_TRY_VOID(co_await read_file(tools, request, id, body, sink, control, result));
    // A following query sees the rows. When the engine is away they are safe in the spool all the same.
    const auto stored = co_await tools.intake.spool().flush(Clock::now() + store_patience);
    if (!stored && stored.error().code != Code::timeout) co_return fail(stored.error());
    co_return Status{};
  }
  Replacement replacement({.catalog = tools.catalog,
                           .runners = tools.runners,
                           .spool = tools.intake.spool(),
                           .write_plan = tools.write_plan},
                          request.workspace, request.source, request.replace, id);
  CO_TRY_VOID(co_await replacement.begin());
  StagingSink sink(tools, request, id, *control, replacement);
  auto status = co_await read_file(tools, request, id, body, sink, control, result);
  if (status) status = control->check();
  if (status) status = co_await replacement.commit();
  if (!status) {
    co_await replacement.give_up();
    result.successful_rows = 0;  // nothing of it stands
    co_return fail(std::move(status.error()));
  }
  result.dropped_rows = replacement.dropped_rows();
  result.successful_rows -= std::min(result.successful_rows, result.dropped_rows);
  co_return Status{};
}

}  // namespace kinglet::jobs
