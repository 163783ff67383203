// SPDX-License-Identifier: Apache-2.0
// One file being parsed: positions, findings, and the small text functions of the parsers.
#include "datafile/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "datafile/limits.h"

namespace kinglet::datafile::internal {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr std::size_t quoted_bytes_max = 60;

/// Length of the valid UTF-8 character at the start of `text`, 0 if there is none. Source: RFC 3629 section 4.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    if (first == 0xED && byte(1) > 0x9F) return 0;  // surrogates
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) > 0x8F) return 0;
    return tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

std::size_t leading_blanks(std::string_view line) {
  const auto at = line.find_first_not_of(" \t");
  return at == std::string_view::npos ? line.size() : at;
}

}  // namespace

Source::Source(std::string name, std::string_view text, std::vector<Diagnostic>& out)
    : name_(std::move(name)), text_(text), out_(out) {
  if (text_.starts_with(byte_order_mark)) {
    mark_ = text_.substr(0, byte_order_mark.size());
    text_.remove_prefix(byte_order_mark.size());
  }
  line_starts_.push_back(0);
  for (std::size_t i = 0; i < text_.size(); ++i)
    if (text_[i] == '\n') line_starts_.push_back(i + 1);
}

Position Source::position(std::string_view place) const {
  CHECK(place.data() >= text_.data() && place.data() <= text_.data() + text_.size(), "a place lies in its file");
  const auto offset = static_cast<std::size_t>(place.data() - text_.data());
  const auto next = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  const auto line = static_cast<std::size_t>(next - line_starts_.begin());
  const auto before = text_.substr(line_starts_[line - 1], offset - line_starts_[line - 1]);
  const auto characters = std::count_if(before.begin(), before.end(),
                                        [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; });
  return {.line = static_cast<std::uint32_t>(line), .column = static_cast<std::uint32_t>(characters) + 1};
}

void Source::report(Diagnostic finding) {
  if (finding.severity == Severity::error) ++error_count_;
  if (++count_ > limits::diagnostics_per_file_max) {
    if (count_ > limits::diagnostics_per_file_max + 1) return;
    finding.severity = Severity::error;
    finding.message =
        fmt::format("more than {} findings in this file; the rest is not listed", limits::diagnostics_per_file_max);
    finding.hint.clear();
  }
  out_.push_back(std::move(finding));
}

void Source::add(Severity severity, Position at, std::string message, std::string hint) {
  report({.severity = severity, .file = name_, .position = at, .message = std::move(message), .hint = std::move(hint)});
}

void Source::error(Position at, std::string message, std::string hint) {
  add(Severity::error, at, std::move(message), std::move(hint));
}
void Source::error(std::string_view place, std::string message, std::string hint) {
  add(Severity::error, position(place), std::move(message), std::move(hint));
}
void Source::warning(Position at, std::string message, std::string hint) {
  add(Severity::warning, at, std::move(message), std::move(hint));
}
void Source::warning(std::string_view place, std::string message, std::string hint) {
  add(Severity::warning, position(place), std::move(message), std::move(hint));
}

bool Source::check_text() {
  if (text_.size() > limits::file_bytes_max) {
    error(Position{}, fmt::format("the file has {} bytes, the limit is {}", text_.size(), limits::file_bytes_max));
    return false;
  }
  for (std::size_t i = 0; i < text_.size();) {
    if (text_[i] == '\0') {
      error(text_.substr(i), "the file holds a NUL byte; a datafile is UTF-8 text");
      return false;
    }
    const auto length = utf8_length(text_.substr(i));
    if (length == 0) {
      error(text_.substr(i), "this byte is not UTF-8", "save the file with the encoding UTF-8");
      return false;
    }
    i += length;
  }
  return true;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return text.substr(text.size());
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && upper(a) == upper(b);
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

std::string_view unquote(std::string_view value, bool& closed) {
  closed = true;
  value = trim(value);
  if (value.empty() || (value.front() != '"' && value.front() != '\'')) return value;
  const char quote = value.front();
  const auto end = value.find(quote, 1);
  if (end == std::string_view::npos) {
    closed = false;
    return value.substr(1);
  }
  const auto rest = trim(value.substr(end + 1));
  if (rest.empty() || rest.front() == '#') return trim(value.substr(1, end - 1));
  if (value.back() == quote) return trim(value.substr(1, value.size() - 2));
  return value;
}

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (std::size_t i = 0; i < text.size();) {
    if (out.size() > quoted_bytes_max) {
      out += "…";
      break;
    }
    const auto length = std::max<std::size_t>(1, utf8_length(text.substr(i)));
    if (length == 1 && static_cast<unsigned char>(text[i]) < 0x20)
      out += ' ';
    else
      out += text.substr(i, length);
    i += length;
  }
  return out + "'";
}

Dedented dedent(std::string_view block) {
  std::vector<std::string_view> lines;
  while (!block.empty()) {
    const auto end = block.find('\n');
    auto line = block.substr(0, end);
    block.remove_prefix(end == std::string_view::npos ? block.size() : end + 1);
    while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    lines.push_back(line);
  }
  while (!lines.empty() && trim(lines.back()).empty()) lines.pop_back();
  std::size_t first = 0;
  while (first < lines.size() && trim(lines[first]).empty()) ++first;
  lines.erase(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(first));

  std::optional<std::string_view> common;
  for (const auto line : lines) {
    if (trim(line).empty()) continue;
    const auto blanks = line.substr(0, leading_blanks(line));
    if (!common) {
      common = blanks;
      continue;
    }
    const auto differ = std::mismatch(common->begin(), common->end(), blanks.begin(), blanks.end());
    common = common->substr(0, static_cast<std::size_t>(differ.first - common->begin()));
  }
  Dedented out;
  if (!common) return out;
  out.indent = common->size();
  out.first_line = lines.front().substr(out.indent);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out.text += '\n';
    if (lines[i].size() > out.indent && !trim(lines[i]).empty()) out.text += lines[i].substr(out.indent);
  }
  out.text.erase(out.text.find_last_not_of(" \t\r") + 1);
  return out;
}

}  // namespace kinglet::datafile::internal
