// SPDX-License-Identifier: Apache-2.0
// Where rows begin and end in a stream of JSON text.
#include "rows/ndjson.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace kinglet::rows::internal {
namespace {
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/// Bytes that the probe must look at; the others change nothing, inside a string or outside, unless a backslash stands
/// before them.
constexpr auto marks = [] {
  std::array<bool, 256> table{};
  for (const char c : {'"', '\\', '{', '}', '[', ']', '\n'}) table[static_cast<unsigned char>(c)] = true;
  return table;
}();
}  // namespace

std::size_t JsonFeed::feed(std::string_view chunk) {
  std::size_t used = 0;
  while (mode_ == Mode::start && used < chunk.size()) used += start(chunk.substr(used));
  if (mode_ == Mode::start) return used;
  if (held_from_ == 0 && held_.size() <= used) {
    // What was looked at lies in this very chunk: read it from there.
    used -= held_.size();
    held_ = std::string();
  }
  drain();
  while (used < chunk.size() && held_.empty() && !sink_.full()) {
    const std::string_view rest = chunk.substr(used);
    if (mode_ == Mode::broken) return chunk.size();
    used += mode_ == Mode::lines ? feed_lines(rest) : feed_documents(rest);
  }
  return used;
}

bool JsonFeed::finish() {
  if (mode_ == Mode::start) decide(true);
  drain();
  if (sink_.full()) return false;
  if (mode_ == Mode::lines) {
    if (!piece_.empty()) line_of_pieces({});
    return true;
  }
  if (mode_ != Mode::documents) return true;
  if (part_ == Part::other) {
    end_document({});
  } else if (part_ != Part::between) {
    sink_.malformed(std::string_view(piece_).substr(0, head_bytes_max), "the text ends inside this value");
  } else if (in_array_) {
    sink_.malformed({}, "the array is not closed");
  }
  part_ = Part::between;
  in_array_ = false;
  return true;
}

std::size_t JsonFeed::start(std::string_view chunk) {
  // Small steps: nothing beyond the decision is copied twice.
  const std::size_t step = std::min<std::size_t>(chunk.size(), held_.empty() ? 4096 : 64 << 10);
  held_.append(chunk.substr(0, step));
  decide(false);
  return step;
}

/// Sets mode_ once the first bytes tell. Looks at nothing but the bytes of the body, so cuts do not matter.
void JsonFeed::decide(bool at_end) {
  if (!bom_checked_) {
    const std::size_t seen = std::min(held_.size(), byte_order_mark.size());
    if (held_.compare(0, seen, byte_order_mark.substr(0, seen)) == 0) {
      if (seen < byte_order_mark.size() && !at_end) return;
      if (seen == byte_order_mark.size()) held_.erase(0, seen);
    }
    bom_checked_ = true;
  }
  if (form_ == JsonForm::json) {
    mode_ = Mode::documents;
    return;
  }
  if (probed_ == 0) {
    std::size_t blanks = 0;
    while (blanks < held_.size() && is_blank(held_[blanks])) ++blanks;
    blank_lines_ +=
        static_cast<std::size_t>(std::count(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(blanks), '\n'));
    held_.erase(0, blanks);
    if (held_.empty()) return;
    if (held_[0] != '{') {
      if (held_[0] == '[') {
        mode_ = Mode::documents;
      } else {
        set_lines();
      }
      return;
    }
  }
  // An object: does it close on its first line?
  const std::size_t end = std::min(held_.size(), probe_bytes_max);
  bool lines = false;
  for (; probed_ < end && !lines; ++probed_) {
    while (!escaped_ && probed_ < end && !marks[static_cast<unsigned char>(held_[probed_])]) ++probed_;
    if (probed_ == end) break;
    const char c = held_[probed_];
    if (c == '\n') {
      probe_newline_ = true;
      lines = in_string_;
    }
    lines = lines || scan_mismatch(c);
    if (depth() == 0 && !lines) {
      const bool object = probe_newline_ && sink_.is_object(std::string_view(held_).substr(0, probed_ + 1));
      if (object) mode_ = Mode::documents;
      lines = !object;
      break;
    }
  }
  if (mode_ == Mode::start && (lines || at_end || probed_ == probe_bytes_max)) set_lines();
  if (mode_ != Mode::start) {
    open_.clear();
    deeper_ = 0;
    in_string_ = escaped_ = false;
  }
}

void JsonFeed::set_lines() {
  mode_ = Mode::lines;
  sink_.skip_lines(blank_lines_);
}

void JsonFeed::drain() {
  while (held_from_ < held_.size() && !sink_.full()) {
    const std::string_view rest = std::string_view(held_).substr(held_from_);
    if (mode_ == Mode::broken) break;
    held_from_ += mode_ == Mode::lines ? feed_lines(rest) : feed_documents(rest);
  }
  if (held_from_ >= held_.size() || mode_ == Mode::broken) {
    held_ = std::string();
    held_from_ = 0;
  }
}

/// One byte of a bracketed value. True when it closes what is not open.
bool JsonFeed::scan_mismatch(char c) {
  if (in_string_) {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      in_string_ = false;
    }
    return false;
  }
  switch (c) {
    case '"':
      in_string_ = true;
      return false;
    case '{':
    case '[':
      if (open_.size() < open_max) {
        open_ += c;
      } else {
        ++deeper_;
      }
      return false;
    case '}':
    case ']':
      if (deeper_ > 0) {
        --deeper_;
        return false;
      }
      if (open_.empty() || open_.back() != (c == '}' ? '{' : '[')) return true;
      open_.pop_back();
      return false;
    default:
      return false;
  }
}

void JsonFeed::keep(std::string_view piece) {
  if (!too_long_ && piece_.size() + piece.size() <= row_bytes_max_) {
    piece_.append(piece);
    return;
  }
  too_long_ = true;
  if (piece_.size() > head_bytes_max) {
    piece_.resize(head_bytes_max);
    piece_.shrink_to_fit();
  }
  piece_.append(piece.substr(0, head_bytes_max - piece_.size()));
}

void JsonFeed::line_of_pieces(std::string_view tail) {
  keep(tail);
  if (too_long_) {
    sink_.malformed(piece_, "the row is longer than the limit");
  } else {
    sink_.lines(piece_);
  }
  if (piece_.capacity() > probe_bytes_max) {
    piece_ = std::string();
  } else {
    piece_.clear();
  }
  too_long_ = false;
}

std::size_t JsonFeed::feed_lines(std::string_view chunk) {
  std::size_t used = 0;
  if (!piece_.empty()) {
    const std::size_t newline = chunk.find('\n');
    if (newline == std::string_view::npos) {
      keep(chunk);
      return chunk.size();
    }
    line_of_pieces(chunk.substr(0, newline));
    used = newline + 1;
  }
  const std::size_t last = chunk.rfind('\n');
  while (last != std::string_view::npos && used <= last) {
    if (sink_.full()) return used;
    used += sink_.lines(chunk.substr(used, last + 1 - used));
  }
  if (used < chunk.size() && !sink_.full()) {
    keep(chunk.substr(used));
    used = chunk.size();
  }
  return used;
}

void JsonFeed::end_document(std::string_view tail) {
  if (piece_.empty() && tail.size() <= row_bytes_max_) {
    sink_.document(tail);
  } else {
    keep(tail);
    if (too_long_) {
      sink_.malformed(piece_, "the row is longer than the limit");
    } else {
      sink_.document(piece_);
    }
    piece_ = std::string();
    too_long_ = false;
  }
  part_ = Part::between;
  need_comma_ = in_array_;
}

std::size_t JsonFeed::feed_documents(std::string_view chunk) {
  std::size_t start = 0;  // of the open value within the chunk
  for (std::size_t at = 0; at < chunk.size();) {
    const char c = chunk[at];
    if (part_ == Part::between) {
      if (sink_.full()) return at;
      if (is_blank(c)) {
        ++at;
        continue;
      }
      if (in_array_ && c == ']') {
        if (ends_with_comma_) sink_.malformed("]", "a value must follow the comma");
        in_array_ = need_comma_ = ends_with_comma_ = false;
        ++at;
        continue;
      }
      if (in_array_ && c == ',') {
        if (!need_comma_) sink_.malformed(",", "a value must stand before the comma");
        need_comma_ = false;
        ends_with_comma_ = true;
        ++at;
        continue;
      }
      if (!in_array_ && c == '[') {
        in_array_ = true;
        need_comma_ = ends_with_comma_ = false;
        ++at;
        continue;
      }
      if (in_array_ && need_comma_) {
        sink_.malformed(chunk.substr(at, 1), "a comma must stand between the elements of an array");
        need_comma_ = false;
        continue;
      }
      ends_with_comma_ = false;
      start = at;
      part_ = c == '{' || c == '[' ? Part::container : c == '"' ? Part::string : Part::other;
      open_.clear();
      deeper_ = 0;
      in_string_ = escaped_ = false;
      if (part_ == Part::other) ++at;  // whatever it is, it moves on
      continue;
    }
    if (part_ == Part::other) {
      if (is_blank(c) || c == ',' || c == ']' || c == '[' || c == '{' || c == '}' || c == '"') {
        end_document(chunk.substr(start, at - start));
      } else {
        ++at;
      }
      continue;
    }
    ++at;
    if (scan_mismatch(c)) {
      keep(chunk.substr(start, at - start));
      sink_.malformed(std::string_view(piece_).substr(0, head_bytes_max),
                      "brackets do not match; nothing behind this place was read");
      piece_ = std::string();
      mode_ = Mode::broken;
      return chunk.size();
    }
    if (depth() == 0 && !in_string_) end_document(chunk.substr(start, at - start));
  }
  if (part_ != Part::between) keep(chunk.substr(start));
  return chunk.size();
}

}  // namespace kinglet::rows::internal
