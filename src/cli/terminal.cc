// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace kinglet::cli {

namespace {
constexpr std::string_view reset = "\x1b[0m";

bool wants_colours(int descriptor) {
  return ::isatty(descriptor) == 1 && std::getenv("NO_COLOR") == nullptr;
}

/// Characters, not bytes: continuation bytes of UTF-8 take no room.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

void print(std::FILE* to, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), to);
  std::fputc('\n', to);
}
}  // namespace

Terminal::Terminal(Output output)
    : output_(output),
      colours_(output == Output::human && wants_colours(STDOUT_FILENO)),
      error_colours_(wants_colours(STDERR_FILENO)) {}

void Terminal::step(std::string_view text) const {
  if (output_ == Output::human) print(stdout, dim(fmt::format("» {}", text)));
}
void Terminal::done(std::string_view text) const {
  if (output_ == Output::human)
    print(stdout, colours_ ? fmt::format("\x1b[92m✓{} {}", reset, text) : fmt::format("✓ {}", text));
}
void Terminal::warn(std::string_view text) const {
  if (output_ == Output::human)
    print(stdout, colours_ ? fmt::format("\x1b[38;5;208m△{} {}", reset, text) : fmt::format("△ {}", text));
}
void Terminal::failed(std::string_view text) const {
  std::fflush(stdout);
  print(stderr, error_colours_ ? fmt::format("\x1b[91m✗{} {}", reset, text) : fmt::format("✗ {}", text));
}
void Terminal::failed(const Error& error) const {
  failed(error.message);
  if (!error.hint.empty()) print(stderr, fmt::format("  {}", error.hint));
}
void Terminal::line(std::string_view text) const {
  print(stdout, text);
}
std::string Terminal::dim(std::string_view text) const {
  return colours_ ? fmt::format("\x1b[90m{}{}", text, reset) : std::string(text);
}
std::string Terminal::bold(std::string_view text) const {
  return colours_ ? fmt::format("\x1b[1m{}{}", text, reset) : std::string(text);
}
std::string Terminal::mark_failed(std::string_view text) const {
  return colours_ ? fmt::format("\x1b[91m✗{} {}", reset, text) : fmt::format("✗ {}", text);
}

void Terminal::table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) const {
  std::vector<std::size_t> widths;
  for (const auto& name : header) widths.push_back(width_of(name));
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  const auto pad = [&](std::string_view cell, std::size_t i) {
    std::string out(cell);
    if (i + 1 < widths.size()) out.append(widths[i] - std::min(widths[i], width_of(cell)) + 2, ' ');
    return out;
  };
  std::string head;
  for (std::size_t i = 0; i < header.size(); ++i) head += pad(header[i], i);
  line(bold(head));
  for (const auto& row : rows) {
    std::string text;
    for (std::size_t i = 0; i < row.size(); ++i) text += pad(row[i], i);
    line(text);
  }
}

Progress::Progress(const Terminal& terminal, std::string label, std::uint64_t bytes_total)
    : label_(std::move(label)),
      total_(bytes_total),
      shown_(terminal.output() == Output::human && ::isatty(STDERR_FILENO) == 1),
      started_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
}

void Progress::advance(std::uint64_t bytes) {
  at_ += bytes;
  const auto now = std::chrono::steady_clock::now();
  if (!shown_ || now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  constexpr std::size_t cells = 24;
  std::string bar;
  if (total_ > 0) {
    const auto filled = std::min<std::size_t>(cells, at_ * cells / total_);
    for (std::size_t i = 0; i < cells; ++i) bar += i < filled ? "█" : "░";
    bar += fmt::format(" {}/{}", bytes_text(at_), bytes_text(total_));
  } else {
    bar = bytes_text(at_);
  }
  fmt::print(stderr, "\r\x1b[K{} {} {}", label_, bar, duration_text(now - started_));
  std::fflush(stderr);
}

std::string grouped(std::uint64_t n) {
  auto digits = std::to_string(n);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  for (const char* unit : {"KB", "MB", "GB"}) {
    value /= 1024;
    if (value < 1024) return fmt::format("{:.1f} {}", value, unit);
  }
  return fmt::format("{:.1f} TB", value / 1024);
}

std::string duration_text(std::chrono::nanoseconds duration) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return ms < 1000 ? fmt::format("{}ms", ms) : fmt::format("{:.1f}s", static_cast<double>(ms) / 1000);
}

}  // namespace kinglet::cli
