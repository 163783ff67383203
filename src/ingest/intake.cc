// SPDX-License-Identifier: Apache-2.0
#include "ingest/intake.h"

#include <limits>

#include "base/clock.h"
#include "rows/decompress.h"

namespace kinglet::ingest {

namespace {

constexpr std::size_t piece_bytes = 256u << 10;

std::uint32_t now_seconds() {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count());
}

/// Feeds decompressed text; everything of one request goes into one batch.
Status feed_all(rows::BatchBuilder& builder, std::string_view text) {
  while (!text.empty()) {
    TRY(const auto used, builder.feed(text));
    text.remove_prefix(used);
  }
  return {};
}

}  // namespace

Intake::Intake(catalog::Catalog& catalog, spool::Spool& spool, observe::Observer& observer)
    : spool_(spool), observer_(observer) {
  (void)catalog;
}

Result<std::shared_ptr<const rows::RowMapping>> Intake::mapping(
    const std::shared_ptr<const catalog::DataSource>& source) {
  auto known = mappings_.with([&](const auto& all) {
    const auto found = all.find(source);
    return found == all.end() ? nullptr : found->second;
  });
  if (known) return known;
  TRY(auto compiled, rows::RowMapping::compile(source->definition));
  mappings_.with([&](auto& all) {
    if (all.size() >= mappings_max) all.clear();
    all[source] = compiled;
  });
  return compiled;
}

Task<Result<EventsAnswer>> Intake::events(EventsRequest request, http::BodyReader& body) {
  CO_TRY(const auto mapping, this->mapping(request.source));
  if (const auto length = body.content_length(); length && *length > request.body_bytes_max)
    co_return fail(Code::too_large, "the body has {} bytes; at most {} are taken in one request", *length,
                   request.body_bytes_max);
  CO_TRY(const auto encoding, rows::parse_content_encoding(request.content_encoding));
  const auto decoder = rows::Decompressor::make(encoding, {.output_bytes_max = request.body_bytes_max});
  rows::BatchBuilder builder(mapping, {.format = request.format,
                                       .csv = {},
                                       .import_id = {},
                                       .now_seconds = now_seconds(),
                                       .rows_max = std::numeric_limits<std::size_t>::max(),
                                       .bytes_max = std::numeric_limits<std::size_t>::max()});
  const auto buffer = std::make_unique_for_overwrite<char[]>(piece_bytes);
  const bool keyed = !request.idempotency_key.empty();
  std::uint64_t received = 0;
  std::uint64_t hash = 14695981039346656037ull;  // FNV-1a, to tell a reused key from a repeated request
  std::string text;
  for (;;) {
    CO_TRY(const auto count, co_await body.read_some({buffer.get(), piece_bytes}));
    if (count == 0) break;
    const std::string_view piece(buffer.get(), count);
    received += count;
    if (received > request.body_bytes_max)
      co_return fail(Code::too_large, "the body has more than {} bytes; at most that is taken in one request",
                     request.body_bytes_max);
    if (keyed)
      for (const char c : piece) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    std::string_view rest = piece;
    for (bool more = true; more || !rest.empty();) {
      CO_TRY(more, decoder->next(rest, text));
      CO_TRY_VOID(feed_all(builder, text));
    }
  }
  CO_TRY_VOID(decoder->finish());
  CO_TRY_VOID(builder.finish());
  if (builder.nothing_parsed()) {
    auto first = builder.take().errors;
    co_return fail(Code::invalid, "no line of the body is a JSON object{}",
                   first.empty() ? std::string() : fmt::format("; line {}: {}", first[0].row, first[0].error));
  }
  const auto totals = builder.totals();
  EventsAnswer answer{.successful_rows = totals.successful,
                      .quarantined_rows = totals.quarantined,
                      .outcome = {.kind = spool::FlushOutcome::Kind::stored}};
  if (builder.empty()) co_return answer;

  auto append = to_request(builder.take(), *request.workspace, *request.source);
  append.meta.idempotency_key = std::move(request.idempotency_key);
  append.meta.content_hash = keyed ? std::max<std::uint64_t>(hash, 1) : 0;
  append.wait = request.wait;
  CO_TRY(auto receipt, co_await this->append(*request.workspace, *request.source, std::move(append)));
  answer.successful_rows = receipt.successful_rows;
  answer.quarantined_rows = receipt.quarantined_rows;
  if (request.wait) answer.outcome = co_await spool_.wait(std::move(receipt), request.wait_deadline);
  co_return answer;
}

spool::SpoolCallbacks Intake::spool_callbacks(catalog::Catalog& catalog, observe::Observer& observer) {
  spool::SpoolCallbacks callbacks;
  callbacks.table_exists = [&catalog](const spool::TableName& name) {
    const auto snapshot = catalog.snapshot();
    for (const auto& [id, workspace] : snapshot->workspaces) {
      if (workspace->database != name.database) continue;
      for (const auto& [source_name, source] : workspace->resources->data_sources.by_name())
        if (source->table == name.table || source->quarantine_table == name.table) return true;
    }
    return false;
  };
  callbacks.part_ended = [&catalog, &observer](const spool::LandedPart& part) {
    if (part.kind != spool::FlushOutcome::Kind::stored) return;
    const auto snapshot = catalog.snapshot();
    for (const auto& landed : part.sources) {
      const auto slash = landed.source.find('/');
      const auto workspace = snapshot->workspace(std::string_view(landed.source).substr(0, slash));
      const auto source =
          workspace ? workspace->data_source(std::string_view(landed.source).substr(slash + 1)) : nullptr;
      if (!source) continue;
      const auto account = observer.rows(workspace->id, source->id, source->name);
      account->store(landed.rows);
      account->quarantine(landed.quarantined_rows);
      observe::OperationRecord record;
      record.start = wall_now() - part.elapsed;
      record.workspace_id = workspace->id;
      // Rows of an import have one operation for all of it, which its job writes; here are its blocks.
      if (landed.import_id.empty()) record.event_type = "append-hfi";
      record.operation_id = part.token;
      record.import_id = landed.import_id;
      record.source = landed.import_id.empty() ? "stream" : "import";
      record.block_ids = {part.token};
      record.data_source_id = source->id;
      record.data_source_name = source->name;
      record.elapsed_seconds = std::chrono::duration<double>(part.elapsed).count();
      record.rows = record.written_rows = landed.rows;
      record.rows_quarantine = landed.quarantined_rows;
      record.written_bytes = landed.bytes;
      observer.record(std::move(record));
    }
  };
  return callbacks;
}

}  // namespace kinglet::ingest
