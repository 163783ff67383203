// SPDX-License-Identifier: Apache-2.0
// What an operator does with batches that the engine refused: try again, or let go.
#include <algorithm>

#include "base/log.h"
#include "spool/flush_state.h"
#include "spool/segment_checksum.h"
#include "spool/segment_writer.h"

namespace kinglet::spool::internal {
namespace {

/// A token is part of a file's name; it comes from outside.
bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= 128 &&
         text.find_first_not_of("0123456789abcdefk-.") == std::string_view::npos &&
         text.find("..") == std::string_view::npos;
}

std::string file_of(const std::string& token) {
  return "failed/" + token + ".segment";
}

std::unexpected<Error> not_there(std::string_view token) {
  return fail(Code::not_found, "there is no failed batch {}", token.substr(0, 128));
}

}  // namespace

void Flusher::remember_failed(FailedBatch batch) {
  // Set aside again when the first time could not be noted, also by an earlier process: it is one batch and one file.
  std::erase_if(failed_, [&](const FailedBatch& known) { return known.token == batch.token; });
  failed_.push_back(std::move(batch));
  if (failed_.size() > Spool::failed_listed_max) failed_.pop_front();
  count_failed();
}

void Flusher::count_failed() {
  const auto damaged = static_cast<std::uint64_t>(std::ranges::count_if(failed_, &FailedBatch::damaged));
  counters_.damaged_waiting.store(damaged);
  counters_.failed_waiting.store(failed_.size() - damaged);
}

void Flusher::remember_damaged(const std::string& segment_name, std::uint64_t size) {
  remember_failed(
      {.token = segment_name.substr(0, segment_name.rfind('.')),
       .table = {},
       .byte_count = size,
       .error = {.code = Code::internal,
                 .message = "this part of the spool was damaged on disk; what could be read of it was stored"},
       .failed_at_ms = 0,
       .damaged = true});
}

Status Flusher::drop_failed(const std::string& token) {
  const auto listed = std::ranges::find(failed_, token, &FailedBatch::token);
  if (!is_token(token) || !folder_.open_file(file_of(token))) {
    if (listed != failed_.end()) failed_.erase(listed);
    count_failed();
    return not_there(token);
  }
  TRY(const auto file, folder_.open_file(file_of(token)));
  TRY(const auto size, file->size());
  TRY(const auto bytes, file->read(0, size));
  const auto scan = scan_segment(bytes);
  TRY_VOID(folder_.remove(file_of(token)));
  TRY_VOID(folder_.sync());
  if (scan) book_dropped(*scan);
  log::warning("a failed batch was dropped by an operator", {{"batch", token}});
  if (listed != failed_.end()) failed_.erase(listed);
  count_failed();
  return {};
}

Result<Flusher::Restored> Flusher::restore_failed(const std::string& token, const SegmentHeader& header) {
  if (!is_token(token)) return not_there(token);
  const auto file = folder_.open_file(file_of(token));
  if (!file) return not_there(token);
  TRY(const auto size, (*file)->size());
  TRY(const auto bytes, (*file)->read(0, size));
  const auto scan = scan_segment(bytes);
  if (!scan || scan->end != SegmentEnd::clean || scan->failures.size() != 1 || scan->requests.empty())
    return fail(Code::conflict, "{} is a damaged file; it cannot be tried again", token);
  if (scan->failures[0].rows_stored)
    return fail(Error{.code = Code::conflict,
                      .message =
                          "the rows of this batch are stored in their data source; only a materialized view lacks "
                          "them, and trying again would store them twice",
                      .hint = "deploy the view anew, which fills its target, then drop the batch"});

  const std::string name = segment_name(header.segment_id);
  const std::string unfinished = name + ".new";
  TRY(auto writer, SegmentWriter::create(folder_, unfinished, header, {}));
  std::vector<LayoutRef> layouts(scan->layouts.begin(), scan->layouts.end());
  std::vector<std::vector<WriterSection>> sections;
  std::vector<WriterInput> inputs;
  for (const auto& request : scan->requests) {
    std::uint32_t checksum = 0;
    auto& all = sections.emplace_back();
    for (const auto& section : request.sections) {
      const std::string_view block = std::string_view(bytes).substr(section.offset, section.size);
      checksum = crc32c(block, checksum);
      all.push_back(
          {.layout = layouts[section.layout], .kind = section.kind, .row_count = section.row_count, .block = block});
    }
    inputs.push_back({.meta = &request.meta, .sections = all, .blocks_checksum = checksum});
  }
  const auto write = [&]() -> Status {
    TRY_VOID(writer->append_record(RecordType::failure, encode_failure(scan->failures[0])));
    TRY_VOID(writer->append(inputs));
    // From the rename on the batch is in the spool; a start that finds both removes the other (spool_recover.cc).
    TRY_VOID(folder_.rename(unfinished, name));
    return folder_.sync();
  };
  if (auto written = write(); !written) {
    (void)folder_.remove(unfinished);  // the next start removes it otherwise
    return std::unexpected(std::move(written).error());
  }
  if (!folder_.remove(file_of(token)) || !folder_.sync())
    log::warning("the file of a batch that is tried again stays until the next start", {{"batch", token}});
  std::erase_if(failed_, [&](const FailedBatch& batch) { return batch.token == token; });
  count_failed();

  Restored restored{.sealed = {.header = header, .name = name, .size = writer->durable_size(), .tickets = {}},
                    .scan = *scan};
  restored.scan.header = header;
  restored.scan.valid_size = writer->durable_size();
  return restored;
}

}  // namespace kinglet::spool::internal
