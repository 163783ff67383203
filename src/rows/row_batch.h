// SPDX-License-Identifier: Apache-2.0
// BatchBuilder: the bytes of a request or import in, typed blocks, quarantine and counts out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/block.h"
#include "rows/csv.h"
#include "rows/mapping.h"

namespace kinglet::rows {

enum class InputFormat : std::uint8_t { ndjson, json, csv };

struct BatchOptions {
  InputFormat format = InputFormat::ndjson;
  CsvDialect csv = {};
  std::string import_id = {};     // for c__import_id; empty: NULL
  std::uint32_t now_seconds = 0;  // for insertion_date
  // A batch is full when it reaches one of these. Each counts rows, so where a stream is cut into batches depends on
  // its rows alone.
  std::size_t rows_max = 100'000;             // of both blocks together
  std::size_t bytes_max = 32u << 20;          // of both blocks together, seen every 64 KiB or so
  std::uint64_t text_bytes_max = UINT64_MAX;  // of the rows as they were sent, without blanks between them
  std::size_t samples_max = 10;               // first errors kept for the answer
  bool hash_text = false;                     // fill Batch::text_hash
};

struct BatchCounts {
  std::uint64_t successful = 0;
  /// Rows in the quarantine block. JSON lines that are no rows count here too; malformed CSV records do not.
  std::uint64_t quarantined = 0;
  /// Lines, elements or records that are no rows at all.
  std::uint64_t malformed = 0;
  bool operator==(const BatchCounts&) const = default;
};

/// One of the first errors, for the answer to the sender.
struct RowError {
  std::uint64_t row = 0;  // from 1: the line (ndjson), element (json) or record (csv, header included)
  std::string column;     // empty: the row as a whole
  std::string error;
};

struct Batch {
  /// Good rows. Nearly always one block; rows that must leave out a column whose DEFAULT only the engine can evaluate
  /// stand in further blocks with fewer columns. None of them is empty.
  std::vector<engine::Block> rows;
  engine::Block quarantine;  // may be empty
  BatchCounts counts;
  std::vector<RowError> errors;
  std::uint64_t text_hash = 0;  // of the rows as sent, in order; tells two texts apart, but not against an attacker
};

/// Turns one stream of rows into batches. Each row is stored whole or goes whole into the quarantine.
///
///   while (!rest.empty()) {
///     TRY(std::size_t used, builder.feed(rest));
///     rest.remove_prefix(used);
///     if (builder.full()) hand_over(builder.take());
///   }
///   for (bool ended = false; !ended;) {
///     TRY(ended, builder.finish());
///     if (builder.nothing_parsed()) → 400;  else hand_over(builder.take());
///   }
///
/// Results, and where batches end, do not depend on how the stream is cut. No allocation for a good row in the steady
/// state: batches given back by recycle() keep their memory. Thread: any, one at a time.
/// Limits: BatchOptions, MappingOptions::row_bytes_max and depth_max. Memory: one batch, one open row, 1 MiB.
class BatchBuilder {
 public:
  /// Different sets of left-out columns in one batch; one more makes it full.
  static constexpr std::size_t groups_max = 32;

  BatchBuilder(std::shared_ptr<const RowMapping> mapping, BatchOptions options);
  ~BatchBuilder();
  BatchBuilder(BatchBuilder&&) noexcept;

  /// Returns the bytes consumed; fewer than all only when full(). Errors: invalid (a CSV header without any known
  /// column).
  Result<std::size_t> feed(std::string_view chunk);
  /// The end of the stream. False when the batch was full before all was read: take() and call again.
  Result<bool> finish();
  /// Ready for another stream of rows of the same mapping, whatever became of the last one; keeps its memory.
  void restart(BatchOptions options);
  bool full() const;
  bool empty() const;
  /// What was gathered since the last take().
  Batch take();
  /// Gives the memory of a batch of this builder, unchanged, back for the next one.
  void recycle(Batch&& batch);
  /// Gives the memory of batches back to the system. Only with an empty batch.
  void drop_memory();
  /// Bytes of the open batch's blocks; cost: a walk over all columns.
  std::size_t byte_size() const;
  /// Memory that is kept, used or not.
  std::size_t memory() const;
  /// Text that was taken in and belongs to no finished row yet.
  std::size_t open_bytes() const;
  const std::shared_ptr<const RowMapping>& mapping() const;

  /// Over all batches.
  const BatchCounts& totals() const;
  /// There were lines, and not one of them was a row: the request as a whole is wrong.
  bool nothing_parsed() const;
  /// Keys without a column, as paths; at most 64.
  std::vector<std::string> new_columns() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kinglet::rows
