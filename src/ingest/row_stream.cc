// SPDX-License-Identifier: Apache-2.0
#include "ingest/row_stream.h"

#include <algorithm>

#include "ingest/intake.h"

namespace kinglet::ingest {
namespace {
/// Fed at once; the token index works best on whole windows of this size.
constexpr std::size_t feed_bytes = 64u << 10;
}  // namespace

rows::BatchOptions RowStream::batch_options(rows::InputFormat format, bool hash_text, const PieceLimits& limits) {
  rows::BatchOptions options;
  options.format = format;
  options.now_seconds = static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count());
  options.rows_max = limits.rows_max;
  options.bytes_max = limits.block_bytes_max;
  options.text_bytes_max = limits.text_bytes_max;
  options.hash_text = hash_text;
  return options;
}

RowStream::RowStream(Options options, std::unique_ptr<rows::BatchBuilder> builder)
    : options_(std::move(options)), builder_(std::move(builder)) {
  if (options_.encoding != rows::Encoding::identity)
    decoder_ = rows::Decompressor::make(options_.encoding, {.output_bytes_max = options_.body_bytes_max});
}

Status RowStream::give(std::string_view bytes) {
  received_ += bytes.size();
  if (received_ > options_.body_bytes_max)
    return fail(Code::too_large, "the body has more than {} bytes; at most that is taken in one request",
                options_.body_bytes_max);
  input_ = bytes;
  return {};
}

/// Moves input to text; false when there is none.
Result<bool> RowStream::decode() {
  if (decoder_ == nullptr) {
    text_ = std::exchange(input_, {});
    return !text_.empty();
  }
  while (more_decoded_ || !input_.empty()) {
    TRY(more_decoded_, decoder_->next(input_, decoded_));
    if (decoded_.empty()) continue;
    text_ = decoded_;
    return true;
  }
  return false;
}

Status RowStream::make_piece() {
  if (builder_->nothing_parsed()) {
    const auto errors = builder_->take().errors;
    return fail(Code::invalid, "no line of the body is a JSON object{}",
                errors.empty() ? std::string() : fmt::format("; line {}: {}", errors[0].row, errors[0].error));
  }
  text_bytes_ = 0;
  if (builder_->empty()) return {};
  auto batch = builder_->take();
  if (batch.rows.empty() && batch.quarantine.empty()) return {};
  if (options_.quarantine != nullptr)
    options_.quarantine->sample({options_.workspace->id, options_.source->id}, batch.quarantine, Clock::now());
  piece_.emplace(Piece{.append = Intake::to_request(batch, *options_.workspace, *options_.source),
                       .index = next_index_++,
                       .last = finished_});
  piece_->append.meta.content_hash = std::max<std::uint64_t>(batch.text_hash, 1);
  builder_->recycle(std::move(batch));
  return {};
}

Result<RowStream::Need> RowStream::work(Effort effort) {
  std::size_t spent = 0;
  while (true) {
    if (piece_) return Need::append;
    if (builder_->full() || (finished_ && !builder_->empty())) {
      if (builder_->byte_size() > effort.whole_bytes) return Need::time;
      TRY_VOID(make_piece());
      continue;
    }
    if (finished_) return Need::nothing;
    if (spent >= effort.text_bytes || builder_->open_bytes() > effort.whole_bytes) return Need::time;
    if (!text_.empty()) {
      const auto window = text_.substr(0, std::min(feed_bytes, effort.text_bytes - spent));
      TRY(const auto used, builder_->feed(window));
      text_.remove_prefix(used);
      text_bytes_ += used;
      spent += used;
      continue;
    }
    TRY(const bool has_text, decode());
    if (has_text) {
      if (decoder_ != nullptr) spent += text_.size() / 4;  // inflating costs about a quarter of reading
      continue;
    }
    if (!ended_) return Need::input;
    if (decoder_ != nullptr) TRY_VOID(decoder_->finish());
    TRY(finished_, builder_->finish());
  }
}

RowStream::Piece RowStream::take_piece() {
  Piece out = std::move(*piece_);
  piece_.reset();
  return out;
}

}  // namespace kinglet::ingest
