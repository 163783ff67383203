// SPDX-License-Identifier: Apache-2.0
// The token index over simdjson's first stage, and the checks of JSON's grammar above it.
#include "rows/row_tokens.h"

#include <simdjson.h>

#include <algorithm>
#include <bitset>
#include <cstring>

#include "base/check.h"

namespace kinglet::rows::internal {

TokenIndex::TokenIndex() = default;
TokenIndex::~TokenIndex() = default;

bool TokenIndex::build(std::string_view text) {
  size_ = 0;
  if (text.empty()) return true;
  if (text.size() > UINT32_MAX - 64) return false;
  if (text.size() > capacity_) {
    const std::size_t wanted = std::max<std::size_t>(text.size(), 64 << 10);
    const auto error = implementation_ ? implementation_->set_capacity(wanted)
                                       : simdjson::get_active_implementation()->create_dom_parser_implementation(
                                             wanted, 1, implementation_);
    CHECK(error == simdjson::SUCCESS, "memory for the token index");
    capacity_ = wanted;
  }
  const auto error = implementation_->stage1(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(),
                                             simdjson::stage1_mode::regular);
  if (error == simdjson::EMPTY) return true;
  if (error != simdjson::SUCCESS) return false;
  index_ = implementation_->structural_indexes.get();
  size_ = implementation_->n_structural_indexes;
  return true;
}

void TokenIndex::shrink(std::size_t capacity_max) {
  if (capacity_ <= capacity_max) return;
  implementation_.reset();
  capacity_ = 0;
  size_ = 0;
}

bool is_json_number(std::string_view text) {
  const char* at = text.data();
  const char* end = at + text.size();
  const auto digits = [&] {
    const char* start = at;
    while (at != end && static_cast<unsigned char>(*at - '0') < 10) ++at;
    return at != start;
  };
  if (at != end && *at == '-') ++at;
  if (at != end && *at == '0') {
    ++at;
  } else if (!digits()) {
    return false;
  }
  if (at != end && *at == '.') {
    ++at;
    if (!digits()) return false;
  }
  if (at != end && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at != end && (*at == '+' || *at == '-')) ++at;
    if (!digits()) return false;
  }
  return at == end;
}

bool is_json_scalar(std::string_view text) {
  return is_json_number(text) || text == "true" || text == "false" || text == "null";
}

namespace {

/// Value of four hexadecimal digits, -1 when they are not.
int hex4(const char* at) {
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = at[i];
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

void append_utf8(std::uint32_t point, std::string& out) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xc0 | (point >> 6));
    out += static_cast<char>(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xe0 | (point >> 12));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (point & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (point >> 18));
    out += static_cast<char>(0x80 | ((point >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (point & 0x3f));
  }
}

enum class Escapes : std::uint8_t { valid, lone_surrogate, invalid };

/// One pass over a raw string for all callers; `out` may be null.
Escapes read_escapes(std::string_view raw, std::string* out) {
  Escapes result = Escapes::valid;
  const char* at = raw.data();
  const char* end = at + raw.size();
  while (at != end) {
    const auto* slash = static_cast<const char*>(std::memchr(at, '\\', static_cast<std::size_t>(end - at)));
    const char* stop = slash != nullptr ? slash : end;
    if (out != nullptr) out->append(at, stop);
    if (slash == nullptr) break;
    at = slash + 1;
    if (at == end) return Escapes::invalid;
    char plain = 0;
    switch (*at++) {
      case '"':
        plain = '"';
        break;
      case '\\':
        plain = '\\';
        break;
      case '/':
        plain = '/';
        break;
      case 'b':
        plain = '\b';
        break;
      case 'f':
        plain = '\f';
        break;
      case 'n':
        plain = '\n';
        break;
      case 'r':
        plain = '\r';
        break;
      case 't':
        plain = '\t';
        break;
      case 'u': {
        if (end - at < 4) return Escapes::invalid;
        const int unit = hex4(at);
        if (unit < 0) return Escapes::invalid;
        at += 4;
        auto point = static_cast<std::uint32_t>(unit);
        if (unit >= 0xd800 && unit <= 0xdfff) {
          const int low = unit < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u' ? hex4(at + 2) : -1;
          if (low >= 0xdc00 && low <= 0xdfff) {
            point = 0x10000 + ((static_cast<std::uint32_t>(unit) - 0xd800) << 10) +
                    (static_cast<std::uint32_t>(low) - 0xdc00);
            at += 6;
          } else {
            result = Escapes::lone_surrogate;
            point = 0xfffd;
          }
        }
        if (out != nullptr) append_utf8(point, *out);
        continue;
      }
      default:
        return Escapes::invalid;
    }
    if (out != nullptr) *out += plain;
  }
  return result;
}

}  // namespace

bool escapes_are_valid(std::string_view raw) {
  return read_escapes(raw, nullptr) != Escapes::invalid;
}
bool has_lone_surrogate(std::string_view raw) {
  return read_escapes(raw, nullptr) == Escapes::lone_surrogate;
}

bool unescape(std::string_view raw, InvalidText policy, std::string& out) {
  const Escapes found = read_escapes(raw, &out);
  return found == Escapes::valid || (found == Escapes::lone_surrogate && policy == InvalidText::replace);
}

void quote_json(std::string_view text, std::string& out) {
  static constexpr char hex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out += hex[static_cast<unsigned char>(c) >> 4];
          out += hex[c & 15];
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

namespace {
bool string_is_valid(const Tokens& tokens, std::uint32_t token) {
  std::string_view raw;
  if (!tokens.raw_string(token, raw)) return false;
  return !tokens.escapes || escapes_are_valid(raw);
}
}  // namespace

namespace {
std::uint32_t skip_container(const Tokens& tokens, std::uint32_t token, std::uint32_t depth_left) {
  constexpr std::uint32_t deepest = 1024;
  std::bitset<deepest> is_object;
  std::uint32_t depth = 0;
  depth_left = std::min(depth_left, deepest);
  while (true) {
    // A value begins here.
    const char first = tokens.at(token);
    if (first == '{' || first == '[') {
      if (depth == depth_left) return malformed_token;
      is_object[depth++] = first == '{';
      ++token;
      if (tokens.at(token) != (first == '{' ? '}' : ']')) {
        if (first == '[') continue;
        if (tokens.at(token) != '"' || !string_is_valid(tokens, token) || tokens.at(token + 1) != ':')
          return malformed_token;
        token += 2;
        continue;
      }
    } else if (first == '"') {
      if (!string_is_valid(tokens, token)) return malformed_token;
      ++token;
    } else if (first == ',' || first == ':' || first == '}' || first == ']' || first == '\n') {
      return malformed_token;
    } else {
      if (!is_json_scalar(tokens.scalar(token))) return malformed_token;
      ++token;
    }
    // A value has ended, or an empty container is about to: close what closes.
    while (true) {
      if (depth == 0) return token;
      const char next = tokens.at(token);
      if (next == (is_object[depth - 1] ? '}' : ']')) {
        --depth;
        ++token;
        continue;
      }
      if (next != ',') return malformed_token;
      ++token;
      if (is_object[depth - 1]) {
        if (tokens.at(token) != '"' || !string_is_valid(tokens, token) || tokens.at(token + 1) != ':')
          return malformed_token;
        token += 2;
      }
      break;
    }
  }
}

}  // namespace

std::uint32_t skip_checked(const Tokens& tokens, std::uint32_t token, std::uint32_t depth_left, bool lazy_scalar) {
  switch (tokens.at(token)) {
    case '"':
      return string_is_valid(tokens, token) ? token + 1 : malformed_token;
    case '{':
    case '[':
      return skip_container(tokens, token, depth_left);
    case '}':
    case ']':
    case ',':
    case ':':
    case '\n':
      return malformed_token;
    default:
      return lazy_scalar || is_json_scalar(tokens.scalar(token)) ? token + 1 : malformed_token;
  }
}

std::uint32_t skip_valid(const Tokens& tokens, std::uint32_t token) {
  std::uint32_t depth = 0;
  do {
    const char c = tokens.at(token++);
    depth += c == '{' || c == '[';
    depth -= c == '}' || c == ']';
  } while (depth != 0);
  return token;
}

std::uint32_t compact(const Tokens& tokens, std::uint32_t token, std::string& out) {
  const std::uint32_t end = skip_valid(tokens, token);
  for (; token < end; ++token) {
    std::string_view text = tokens.scalar(token);  // a bracket, colon or comma is one byte and blanks
    out += text;
  }
  return end;
}

}  // namespace kinglet::rows::internal
