// SPDX-License-Identifier: Apache-2.0
// RowStream: the bytes of one request's body in, pieces for the spool out; the CPU side of Intake::events.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "catalog/catalog.h"
#include "ingest/quarantine_limit.h"
#include "rows/decompress.h"
#include "rows/row_batch.h"
#include "spool/spool.h"

namespace kinglet::ingest {

/// Where a body is cut into pieces, each of which is one record of the spool: at the first of these. They count rows of
/// the decompressed text and never what arrived together, so that a repeated request has the same pieces. A body that
/// needs no cut is stored whole or not at all.
struct PieceLimits {
  std::size_t rows_max = 250'000;
  std::uint64_t text_bytes_max = 16u << 20;
  std::size_t block_bytes_max = 16u << 20;
};

/// One body. Thread: any, one at a time; it is handed to a worker for what takes long.
class RowStream {
 public:
  struct Options {
    std::shared_ptr<const catalog::Workspace> workspace;
    std::shared_ptr<const catalog::DataSource> source;
    rows::Encoding encoding = rows::Encoding::identity;
    std::uint64_t body_bytes_max = UINT64_MAX;  // as sent, and decompressed
    QuarantineLimit* quarantine = nullptr;      // null: every bad row is kept
  };
  /// What it needs next.
  enum class Need : std::uint8_t {
    input,   // give() or end()
    time,    // work() again: what was allowed is used up
    append,  // take_piece(), then work() again
    nothing  // all was read and taken
  };
  struct Piece {
    spool::AppendRequest append;
    std::uint64_t index = 0;
    bool last = false;  // of the body
  };

  RowStream(Options options, std::unique_ptr<rows::BatchBuilder> builder);

  /// The options of a builder for events.
  static rows::BatchOptions batch_options(rows::InputFormat format, bool hash_text, const PieceLimits& limits);

  /// The next bytes as sent; they stay in place until work() needs input again. Errors: too_large.
  Status give(std::string_view bytes);
  void end() { ended_ = true; }
  /// How much work() may do in one call.
  struct Effort {
    std::size_t text_bytes;   // decompressed and read, about
    std::size_t whole_bytes;  // of what cannot be done in parts: one row, the blocks of a piece
  };
  /// Decompresses, reads rows, encodes. Errors: invalid (damaged stream, no line is a row), too_large (limits of the
  /// body or of its ratio).
  Result<Need> work(Effort effort);
  Piece take_piece();
  /// Gives the memory of earlier pieces back. Between pieces.
  void drop_memory() { builder_->drop_memory(); }

  /// Of the open piece; for the memory it may need.
  std::uint64_t text_bytes() const { return text_bytes_; }
  /// Rows of the body that no piece holds yet count here too.
  const rows::BatchCounts& totals() const { return builder_->totals(); }
  std::unique_ptr<rows::BatchBuilder> take_builder() { return std::move(builder_); }

 private:
  Result<bool> decode();
  Status make_piece();

  Options options_;
  std::unique_ptr<rows::BatchBuilder> builder_;
  std::unique_ptr<rows::Decompressor> decoder_;  // null for identity
  std::string_view input_;                       // given and not yet decoded
  std::string decoded_;
  std::string_view text_;  // decoded and not yet read
  bool more_decoded_ = false;
  bool ended_ = false;     // no more input comes
  bool finished_ = false;  // the builder has seen the end
  std::uint64_t received_ = 0;
  std::uint64_t text_bytes_ = 0;
  std::uint64_t next_index_ = 0;
  std::optional<Piece> piece_;
};

}  // namespace kinglet::ingest
