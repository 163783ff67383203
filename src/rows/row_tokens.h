// SPDX-License-Identifier: Apache-2.0
// JSON text as tokens: simdjson's SIMD stage finds them, this walks them with full checks and bounds.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/utf8.h"

namespace simdjson::internal {
class dom_parser_implementation;
}

namespace kinglet::rows::internal {

/// Finds where each token of a text begins. Checks UTF-8, control characters in strings and unclosed strings.
/// simdjson's on-demand layer is not used above it: it neither checks values that nobody asks for nor hands out raw
/// tokens twice, and a row must be refused for a fault anywhere in it.
class TokenIndex {
 public:
  TokenIndex();
  ~TokenIndex();
  /// False when the text as a whole is refused. `text` must stay in place while the index is used. Limit: 4 GiB - 64.
  bool build(std::string_view text);
  const std::uint32_t* begin() const { return index_; }
  std::uint32_t size() const { return size_; }
  /// Gives memory back after an unusually long text.
  void shrink(std::size_t capacity_max);

 private:
  std::unique_ptr<simdjson::internal::dom_parser_implementation> implementation_;
  std::size_t capacity_ = 0;
  const std::uint32_t* index_ = nullptr;
  std::uint32_t size_ = 0;
};

/// A stretch of an indexed text: one row, or one cell. Tokens are numbered as in the index; reading beyond the end
/// gives '\n'.
struct Tokens {
  const char* text = nullptr;
  const std::uint32_t* index = nullptr;
  std::uint32_t token_end = 0;  // number of tokens in the index
  std::uint32_t end = 0;        // byte offset behind the stretch
  bool escapes = true;          // a backslash may occur

  /// First byte of a token: one of {}[],:" or the start of a scalar.
  char at(std::uint32_t token) const {
    if (token >= token_end) return '\n';
    const std::uint32_t offset = index[token];
    return offset < end ? text[offset] : '\n';
  }
  std::uint32_t offset(std::uint32_t token) const {
    return token < token_end && index[token] < end ? index[token] : end;
  }
  /// Text of a scalar, without blanks behind it.
  std::string_view scalar(std::uint32_t token) const {
    const std::uint32_t start = index[token];
    std::uint32_t stop = offset(token + 1);
    while (stop > start && is_blank(text[stop - 1])) --stop;
    return {text + start, stop - start};
  }
  /// Between the quotes, still escaped. False when the token does not end with its quote.
  bool raw_string(std::uint32_t token, std::string_view& out) const {
    const std::uint32_t start = index[token];
    std::uint32_t stop = offset(token + 1);
    while (stop > start && is_blank(text[stop - 1])) --stop;
    if (stop < start + 2 || text[stop - 1] != '"') return false;
    out = {text + start + 1, stop - start - 2};
    return true;
  }
  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
};

/// RFC 8259 number.
bool is_json_number(std::string_view text);
/// Number, true, false or null.
bool is_json_scalar(std::string_view text);
/// Are all escapes of a raw string such that JSON allows them? Lone surrogates are allowed by the grammar.
bool escapes_are_valid(std::string_view raw);

enum class InvalidText : std::uint8_t { reject, replace };

/// Appends the text that a raw string stands for. False at an invalid escape, or at a lone surrogate unless it is to be
/// replaced by U+FFFD.
bool unescape(std::string_view raw, InvalidText policy, std::string& out);
bool has_lone_surrogate(std::string_view raw);

/// Appends `text` as a JSON string with its quotes.
void quote_json(std::string_view text, std::string& out);
using kinglet::replace_invalid_utf8;

inline constexpr std::uint32_t malformed_token = UINT32_MAX;

/// The token behind the value at `token`, everything in between checked; malformed_token when it is not JSON or nested
/// deeper than `depth_left`. `lazy_scalar`: a number or literal that stands there alone is not checked.
std::uint32_t skip_checked(const Tokens& tokens, std::uint32_t token, std::uint32_t depth_left,
                           bool lazy_scalar = false);
/// The same over a value that is known to be valid. Cost: one step for each token in it.
std::uint32_t skip_valid(const Tokens& tokens, std::uint32_t token);

/// Appends the value without blanks between tokens; strings and numbers as received. Returns the token behind it.
std::uint32_t compact(const Tokens& tokens, std::uint32_t token, std::string& out);

}  // namespace kinglet::rows::internal
