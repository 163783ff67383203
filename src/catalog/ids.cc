// SPDX-License-Identifier: Apache-2.0
#include "catalog/ids.h"

#include <openssl/rand.h>

#include <array>
#include <vector>

#include "base/check.h"

namespace kinglet::catalog {

namespace {

constexpr std::string_view base64url_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void fill_random(std::span<unsigned char> out) {
  CHECK(RAND_bytes(out.data(), static_cast<int>(out.size())) == 1,
        "ids and secrets need the system's random generator");
}

template <std::size_t count>
std::string random_hex() {
  std::array<unsigned char, count> bytes{};
  fill_random(bytes);
  std::string out;
  out.reserve(count * 2);
  for (const unsigned char byte : bytes) fmt::format_to(std::back_inserter(out), "{:02x}", byte);
  return out;
}

/// Reads exactly `width` digits at `position`.
std::optional<int> digits(std::string_view text, std::size_t position, std::size_t width) {
  if (position + width > text.size()) return std::nullopt;
  int value = 0;
  for (std::size_t i = position; i < position + width; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

}  // namespace

std::string format_time(Time time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

Result<Time> parse_time(std::string_view text) {
  using namespace std::chrono;
  const auto wrong = [&] {
    return fail(Code::invalid, "a time was expected in the form YYYY-MM-DD HH:MM:SS[.ffffff] (UTC)");
  };
  if (text.ends_with('Z')) text.remove_suffix(1);
  if (text.size() < 19 || text.size() > 26) return wrong();
  const auto year_ = digits(text, 0, 4), month_ = digits(text, 5, 2), day_ = digits(text, 8, 2);
  const auto hour_ = digits(text, 11, 2), minute_ = digits(text, 14, 2), second_ = digits(text, 17, 2);
  if (!year_ || !month_ || !day_ || !hour_ || !minute_ || !second_) return wrong();
  if (text[4] != '-' || text[7] != '-' || (text[10] != ' ' && text[10] != 'T') || text[13] != ':' || text[16] != ':')
    return wrong();
  const year_month_day date{year{*year_}, month{static_cast<unsigned>(*month_)}, day{static_cast<unsigned>(*day_)}};
  if (!date.ok() || *hour_ > 23 || *minute_ > 59 || *second_ > 59) return wrong();
  microseconds fraction{0};
  if (text.size() > 19) {
    const std::size_t width = text.size() - 20;
    const auto value = text[19] == '.' && width > 0 ? digits(text, 20, width) : std::nullopt;
    if (!value) return wrong();
    std::int64_t scaled = *value;
    for (std::size_t i = width; i < 6; ++i) scaled *= 10;
    fraction = microseconds{scaled};
  }
  return sys_days{date} + hours{*hour_} + minutes{*minute_} + seconds{*second_} + fraction;
}

std::string new_uuid() {
  std::string hex = random_hex<16>();
  hex[12] = '4';                                                                                          // version 4
  hex[16] = "89ab"[static_cast<unsigned char>(hex[16] <= '9' ? hex[16] - '0' : hex[16] - 'a' + 10) & 3];  // variant 1
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4), hex.substr(16, 4),
                     hex.substr(20));
}

std::string new_resource_id() {
  return "t_" + random_hex<16>();
}

std::string random_text(std::size_t count) {
  std::string bytes(count, '\0');
  fill_random(std::span(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size()));
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
