// SPDX-License-Identifier: Apache-2.0
// CSV (RFC 4180): a stream of text into records of cells, with detection of the dialect.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kinglet::rows {

/// What is not given is detected from the first block (delimiter, header) or off (escape).
struct CsvDialect {
  std::optional<char> delimiter = {};  // one byte
  std::optional<char> escape = {};     // inside quotes: the next byte stands for itself
  std::optional<bool> header = {};
};

/// Reads dialect_delimiter, dialect_escapechar, dialect_new_line as sent (empty: not given); `\t` and "tab" mean a tab.
/// Errors: invalid.
Result<CsvDialect> parse_csv_dialect(std::string_view delimiter, std::string_view escape, std::string_view new_line);

/// A name that a column may have, made of any text: "unit price" -> "unit_price", "1st" -> "_1st".
std::string column_name(std::string_view text);

namespace internal {

struct CsvCell {
  std::string_view text;
  bool quoted = false;
};

class CsvSink {
 public:
  virtual ~CsvSink() = default;
  /// `raw` is not kept: messages show cells. Cells live until the call returns.
  virtual void record(const std::vector<CsvCell>& cells) = 0;
  virtual void malformed(std::string_view head, std::string_view why) = 0;
  virtual bool full() const = 0;
};

/// Feeds a sink from chunks of any size; records do not depend on the cuts. Blank lines are skipped, a BOM too.
/// Limits: record_bytes_max a record, cells_max cells; the rest of a longer record is dropped and it is malformed.
class CsvFeed {
 public:
  static constexpr std::size_t detect_bytes = 64u << 10;
  static constexpr std::size_t cells_max = 10'000;
  static constexpr std::size_t head_bytes_max = 4096;  // of a malformed record

  CsvFeed(const CsvDialect& dialect, std::size_t record_bytes_max, CsvSink& sink)
      : dialect_(dialect), record_bytes_max_(record_bytes_max), sink_(sink) {}
  std::size_t feed(std::string_view chunk);
  /// False when the sink was full before all was given; then call again.
  bool finish();
  /// Kept from earlier chunks: the open record, or what the dialect is not detected from yet.
  std::size_t open_bytes() const { return text_.size() + held_.size() - held_from_; }
  char delimiter() const { return delimiter_; }

 private:
  enum class State : std::uint8_t { field_start, plain, quoted, quote_seen, quote_return, escaped, skip_line };

  void detect();
  std::size_t read(std::string_view text);
  void put(const char* from, const char* to);
  void end_cell();
  void end_record();
  void spoil(std::string_view why);

  CsvDialect dialect_;
  std::size_t record_bytes_max_;
  CsvSink& sink_;
  bool detected_ = false;
  std::string held_;
  std::size_t held_from_ = 0;
  char delimiter_ = ',';

  State state_ = State::field_start;
  std::string text_;  // cells of the open record, one after the other
  struct Range {
    std::size_t from, to;
    bool quoted;
  };
  std::vector<Range> ranges_;
  std::vector<CsvCell> cells_;
  std::size_t cell_from_ = 0;
  bool cell_quoted_ = false;
  std::string_view fault_;  // a literal
};

}  // namespace internal
}  // namespace kinglet::rows
