// SPDX-License-Identifier: Apache-2.0
// The CSV state machine and the detection of the delimiter.
#include "rows/csv.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace kinglet::rows {

Result<CsvDialect> parse_csv_dialect(std::string_view delimiter, std::string_view escape, std::string_view new_line) {
  CsvDialect out;
  if (delimiter == "\\t" || delimiter == "tab") delimiter = "\t";
  if (delimiter.size() > 1 || delimiter == "\n" || delimiter == "\r" || delimiter == "\"")
    return fail(Code::invalid, "dialect_delimiter must be one character, and no newline or quote");
  if (!delimiter.empty()) out.delimiter = delimiter[0];
  if (escape == "\\\\") escape = "\\";
  if (escape.size() > 1 || escape == "\n" || escape == "\r" || (!escape.empty() && escape == delimiter))
    return fail(Code::invalid, "dialect_escapechar must be one character, and no newline or delimiter");
  // A quote that escapes a quote is what RFC 4180 does anyway.
  if (!escape.empty() && escape != "\"") out.escape = escape[0];
  if (!new_line.empty() && new_line != "\n" && new_line != "\r\n" && new_line != "\\n" && new_line != "\\r\\n")
    return fail(Code::invalid, "dialect_new_line must be \\n or \\r\\n");
  return out;
}

std::string column_name(std::string_view text) {
  constexpr std::size_t bytes_max = 100;
  std::string out;
  for (const char c : text.substr(0, bytes_max))
    out += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
  if (out.empty() || (out[0] >= '0' && out[0] <= '9')) out.insert(0, "_");
  return out;
}

namespace internal {
namespace {

/// The delimiter that cuts the first records into the same number of cells, the most of them; a comma when none does.
char detect_delimiter(std::string_view text) {
  constexpr std::array candidates = {',', ';', '|', '\t'};
  constexpr std::size_t records_looked_at = 20;
  std::size_t best_score = 0;
  char best = ',';
  for (const char candidate : candidates) {
    std::vector<std::size_t> counts;
    std::size_t count = 0;
    bool quoted = false, any = false;
    for (const char c : text) {
      if (c == '"') {
        quoted = !quoted;
      } else if (!quoted && c == candidate) {
        ++count;
      } else if (!quoted && c == '\n') {
        if (any) counts.push_back(count);
        count = 0;
        any = false;
        if (counts.size() == records_looked_at) break;
        continue;
      }
      any = any || c != '\r';
    }
    if (counts.empty() && any) counts.push_back(count);
    if (counts.empty() || counts[0] == 0) continue;
    const auto same = static_cast<std::size_t>(std::ranges::count(counts, counts[0]));
    // Agreement of the records first, number of cells second.
    const std::size_t score = same * 100'000 / counts.size() * 1'000 + std::min<std::size_t>(counts[0], 999);
    if (score > best_score) best_score = score, best = candidate;
  }
  return best;
}

}  // namespace

void CsvFeed::detect() {
  if (held_.starts_with("\xef\xbb\xbf")) held_.erase(0, 3);
  delimiter_ = dialect_.delimiter ? *dialect_.delimiter : detect_delimiter(held_);
  detected_ = true;
}

std::size_t CsvFeed::feed(std::string_view chunk) {
  std::size_t used = 0;
  if (!detected_) {
    used = std::min(chunk.size(), detect_bytes - held_.size());
    held_.append(chunk.substr(0, used));
    if (held_.size() < detect_bytes) return used;
    detect();
    if (held_.size() <= used) {
      used -= held_.size();
      held_.clear();
    }
  }
  if (held_from_ < held_.size()) held_from_ += read(std::string_view(held_).substr(held_from_));
  if (held_from_ < held_.size()) return used;
  held_.clear();
  held_from_ = 0;
  return used + read(chunk.substr(used));
}

bool CsvFeed::finish() {
  if (!detected_) detect();
  held_from_ += read(std::string_view(held_).substr(held_from_));
  if (sink_.full()) return false;
  held_.clear();
  held_from_ = 0;
  if (state_ == State::quoted || state_ == State::escaped) spoil("a quote is not closed before the end of the file");
  if (state_ != State::field_start || !ranges_.empty() || cell_from_ < text_.size()) {
    end_cell();
    end_record();
  }
  return true;
}

void CsvFeed::put(const char* from, const char* to) {
  const auto size = static_cast<std::size_t>(to - from);
  if (!fault_.empty()) return;
  if (text_.size() + size > record_bytes_max_) {
    text_.append(from, record_bytes_max_ - text_.size());
    spoil("the record is longer than the limit");
    return;
  }
  text_.append(from, size);
}

void CsvFeed::spoil(std::string_view why) {
  if (fault_.empty()) fault_ = why;
}

void CsvFeed::end_cell() {
  if (ranges_.size() >= cells_max) {
    spoil("the record has too many cells");
  } else {
    std::size_t to = text_.size();
    if (!cell_quoted_ && state_ == State::plain && to > cell_from_ && text_[to - 1] == '\r') --to;
    ranges_.push_back({cell_from_, to, cell_quoted_});
  }
  cell_from_ = text_.size();
  cell_quoted_ = false;
}

void CsvFeed::end_record() {
  const bool blank = ranges_.size() == 1 && !ranges_[0].quoted && ranges_[0].from == ranges_[0].to;
  if (!fault_.empty()) {
    sink_.malformed(std::string_view(text_).substr(0, head_bytes_max), fault_);
  } else if (!blank) {
    cells_.clear();
    for (const Range& range : ranges_)
      cells_.push_back({std::string_view(text_).substr(range.from, range.to - range.from), range.quoted});
    sink_.record(cells_);
  }
  if (text_.capacity() > (1u << 20)) text_ = std::string();
  text_.clear();
  ranges_.clear();
  cell_from_ = 0;
  cell_quoted_ = false;
  fault_ = {};
  state_ = State::field_start;
}

std::size_t CsvFeed::read(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  const char escape = dialect_.escape.value_or('"');  // a quote: never seen as an escape below
  while (at != end) {
    const char c = *at;
    switch (state_) {
      case State::field_start:
        if (ranges_.empty() && sink_.full()) return static_cast<std::size_t>(at - text.data());
        if (c == '"') {
          cell_quoted_ = true;
          state_ = State::quoted;
          ++at;
          break;
        }
        state_ = State::plain;
        break;
      case State::plain: {
        const char* stop = at;
        while (stop != end && *stop != delimiter_ && *stop != '\n') ++stop;
        put(at, stop);
        at = stop;
        if (at == end) break;
        end_cell();
        if (*at == '\n') {
          end_record();
        } else {
          state_ = State::field_start;
        }
        ++at;
        break;
      }
      case State::quoted: {
        const char* stop = at;
        while (stop != end && *stop != '"' && *stop != escape) ++stop;
        put(at, stop);
        at = stop;
        if (at == end) break;
        state_ = *at == '"' ? State::quote_seen : State::escaped;
        ++at;
        break;
      }
      case State::escaped:
        put(at, at + 1);
        ++at;
        state_ = State::quoted;
        break;
      case State::quote_seen:
      case State::quote_return:
        if (c == '"' && state_ == State::quote_seen) {
          put(at, at + 1);
          state_ = State::quoted;
          ++at;
        } else if (c == '\n') {
          end_cell();
          end_record();
          ++at;
        } else if (c == delimiter_ && state_ == State::quote_seen) {
          end_cell();
          state_ = State::field_start;
          ++at;
        } else if (c == '\r' && state_ == State::quote_seen) {
          state_ = State::quote_return;
          ++at;
        } else {
          spoil("text stands behind a closing quote");
          state_ = State::skip_line;
        }
        break;
      case State::skip_line: {
        const auto* newline = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
        if (newline == nullptr) return text.size();
        end_record();
        at = newline + 1;
        break;
      }
    }
  }
  return text.size();
}

}  // namespace internal
}  // namespace kinglet::rows
