// SPDX-License-Identifier: Apache-2.0
#include "catalog/ids.h"

#include <span>

#include "base/random.h"

namespace kinglet::catalog {

namespace {

constexpr std::string_view base64url_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

Result<Time> parse_time(std::string_view text) {
  const auto time = kinglet::parse_time(text);
  if (!time) return fail(Code::invalid, "a time was expected in the form YYYY-MM-DD HH:MM:SS[.ffffff] (UTC)");
  return *time;
}

std::string random_text(std::size_t count) {
  std::string bytes(count, '\0');
  fill_random_secret(std::span(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()));
  return base64url_encode(bytes);
}

std::string base64url_encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char c : bytes) {
    buffer = buffer << 8 | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 6; bits -= 6) out += base64url_alphabet[buffer >> (bits - 6) & 63];
  }
  if (bits > 0) out += base64url_alphabet[buffer << (6 - bits) & 63];
  return out;
}

Result<std::string> base64url_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char c : text) {
    std::uint32_t value = 0;
    if (c >= 'A' && c <= 'Z')
      value = static_cast<std::uint32_t>(c - 'A');
    else if (c >= 'a' && c <= 'z')
      value = static_cast<std::uint32_t>(c - 'a' + 26);
    else if (c >= '0' && c <= '9')
      value = static_cast<std::uint32_t>(c - '0' + 52);
    else if (c == '-')
      value = 62;
    else if (c == '_')
      value = 63;
    else
      return fail(Code::invalid, "base64url: a character outside its alphabet");
    buffer = buffer << 6 | value;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(buffer >> bits & 0xff);
    }
  }
  // One text for one value: a lone character or set bits behind the end would give a second spelling.
  if (bits >= 6 || (buffer & ((1U << bits) - 1)) != 0)
    return fail(Code::invalid, "base64url: the text ends in the middle of a byte");
  return out;
}

std::string new_token_value(std::string_view owner, std::string_view token_id, std::string_view host) {
  // The three are made or checked by us and hold nothing that JSON would escape.
  const std::string payload = fmt::format(R"({{"u": "{}", "id": "{}", "host": "{}"}})", owner, token_id, host);
  return fmt::format("p.{}.{}", base64url_encode(payload), random_text(32));
}

}  // namespace kinglet::catalog
