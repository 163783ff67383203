// SPDX-License-Identifier: Apache-2.0
// SchemaInference: what columns a data source needs to hold the rows of a sample.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "rows/csv.h"

namespace kinglet::rows {

struct InferredColumn {
  std::string name;        // letters, digits and underscores; no two are the same
  std::string path;        // JSONPath; empty for CSV
  std::string type;        // Nullable(…) when a row of the sample has no value
  double present_pct = 1;  // part of the sample's rows that have a value, from 0 to 1
};

struct InferenceOptions {
  bool csv = false;
  CsvDialect dialect = {};
  /// False: every column is a String.
  bool type_guessing = true;
  std::size_t rows_max = 10'000;
  std::size_t columns_max = 500;  // further keys are left out
  std::uint32_t depth_max = 8;    // objects deeper than this are a String of JSON text
  std::size_t preview_rows = 10;
};

/// Reads rows of JSON or CSV and finds for each value the smallest type that takes all values of the sample exactly:
/// integers from Int16 up, Float32 where it has all digits, DateTime or DateTime64 by fraction and range, Bool, arrays
/// of scalars; objects become columns of their keys. What mixes kinds is a String. A column is Nullable unless every
/// row of the sample has a value (asks.md 33). Source: connectors.md 1.5. Thread: any, one at a time. Memory: one row
/// and the columns.
class SchemaInference {
 public:
  explicit SchemaInference(InferenceOptions options);
  ~SchemaInference();

  /// Any cut of the text. After full() the rest is not looked at.
  void feed(std::string_view text);
  /// `whole`: the text ended; else the last row may be cut and is left out.
  void finish(bool whole);
  bool full() const;

  std::uint64_t row_count() const;
  std::uint64_t malformed_count() const;
  /// Sorted by path for JSON, in the order of the file for CSV.
  std::vector<InferredColumn> columns() const;
  /// The first rows: for each column of columns() a JSON value.
  std::vector<std::vector<std::string>> preview() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kinglet::rows
