// SPDX-License-Identifier: Apache-2.0
// What the client shows: marks, colours only on a terminal, tables, progress of long work.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace kinglet::cli {

enum class Output : std::uint8_t { human, json, csv };

/// Lines of one kind: `✓ done`, `✗ failed`, `△ warning`, `» step`. In JSON and CSV mode only errors are shown, on
/// standard error.
class Terminal {
 public:
  explicit Terminal(Output output);
  Output output() const { return output_; }

  void step(std::string_view text) const;
  void done(std::string_view text) const;
  void warn(std::string_view text) const;
  void failed(std::string_view text) const;
  void failed(const Error& error) const;
  void line(std::string_view text) const;
  /// A table with a header row; the columns as wide as their longest cell.
  void table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) const;
  std::string dim(std::string_view text) const;
  std::string bold(std::string_view text) const;
  /// `✗ text`, for a report on standard output; `failed` is for errors.
  std::string mark_failed(std::string_view text) const;

 private:
  Output output_;
  bool colours_;
  bool error_colours_;
};

/// A bar that is drawn in place on a terminal, and nowhere else. Bytes of a known or unknown whole.
class Progress {
 public:
  Progress(const Terminal& terminal, std::string label, std::uint64_t bytes_total);
  ~Progress();
  Progress(const Progress&) = delete;
  void advance(std::uint64_t bytes);

 private:
  std::string label_;
  std::uint64_t total_, at_ = 0;
  bool shown_;
  std::chrono::steady_clock::time_point started_, drawn_{};
};

/// Digits in groups of three: 3,000,000
std::string grouped(std::uint64_t n);
/// 10.1 KB, 3.2 MB
std::string bytes_text(std::uint64_t bytes);
/// 850ms below a second, else 1.2s
std::string duration_text(std::chrono::nanoseconds duration);

}  // namespace kinglet::cli
