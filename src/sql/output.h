// SPDX-License-Identifier: Apache-2.0
// What the printer writes into: text that grows, and quoted words in it.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "base/utf8.h"

namespace kinglet::sql::internal {

using Bytes = std::array<bool, 256>;  // of a byte: whether it is one of a set

/// Text that grows at its end; appending is inlined, as most pieces are a few bytes.
class Output {
 public:
  /// `bytes`: what the text will about need.
  explicit Output(std::size_t bytes) : text_(bytes, '\0') {}

  void operator+=(std::string_view piece) {
    if (!piece.empty()) std::memcpy(extend(piece.size()), piece.data(), piece.size());  // its data may be null
  }
  void operator+=(char c) { *extend(1) = c; }
  /// Where the caller writes the next `size` bytes.
  char* extend(std::size_t size) {
    if (size > text_.size() - size_) grow(size);
    return text_.data() + std::exchange(size_, size_ + size);
  }
  void drop(std::size_t size) { size_ -= size; }
  void insert(std::size_t at, char c) {
    *this += c;
    std::rotate(text_.data() + at, text_.data() + size_ - 1, text_.data() + size_);
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::string take() {
    text_.resize(size_);
    return std::move(text_);
  }

 private:
  [[gnu::noinline]] void grow(std::size_t more) { text_.resize(text_.size() * 2 + more); }

  std::string text_;  // the first `size_` bytes are written
  std::size_t size_ = 0;
};

/// Stand for themselves between quotes of either kind.
inline constexpr Bytes plain_bytes = [] {
  Bytes out{};
  for (std::size_t c = 1; c < 0x80; ++c) out[c] = c != '\'' && c != '`' && c != '\\';
  return out;
}();

/// `text` between two `quote`s (' or `), escaped as the engine reads it; bytes that are no UTF-8 as \xHH.
inline void append_quoted(Output& out, std::string_view text, char quote) {
  // Names are short and need no escapes: one pass copies and looks.
  const std::size_t size = text.size() + 2;
  char* to = out.extend(size);
  bool plain = true;
  *to++ = quote;
  for (const char c : text) {
    *to++ = c;
    plain &= plain_bytes[static_cast<unsigned char>(c)];
  }
  *to = quote;
  if (plain) return;
  out.drop(size);
  constexpr std::string_view hex = "0123456789ABCDEF";
  const bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  const bool escape_bytes = !ascii && !is_utf8(text);
  out += quote;
  for (const char c : text) {
    if (c == quote || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\0' || (escape_bytes && static_cast<unsigned char>(c) >= 0x80)) {
      out += "\\x";
      out += hex[static_cast<unsigned char>(c) >> 4];
      out += hex[static_cast<unsigned char>(c) & 15];
    } else {
      out += c;
    }
  }
  out += quote;
}

}  // namespace kinglet::sql::internal
