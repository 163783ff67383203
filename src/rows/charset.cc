// SPDX-License-Identifier: Apache-2.0
#include "rows/charset.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"

namespace kinglet::rows {

Result<Charset> parse_charset(std::string_view name) {
  const auto lower = ascii::lower(name);
  constexpr std::array unicode{"", "utf-8", "utf8", "us-ascii", "ascii"};
  constexpr std::array western{"iso-8859-1", "iso8859-1",    "iso_8859-1", "latin1",  "latin-1",
                               "l1",         "windows-1252", "cp1252",     "x-cp1252"};
  if (std::ranges::find(unicode, lower) != unicode.end()) return Charset::utf8;
  if (std::ranges::find(western, lower) != western.end()) return Charset::latin1;
  return fail(Code::unsupported, "the charset '{}' is not read: send UTF-8, ISO-8859-1 or Windows-1252",
              name.substr(0, 40));
}

void to_utf8(Charset charset, std::string_view text, std::string& out) {
  if (charset == Charset::utf8) {
    out += text;
    return;
  }
  // 0x80 to 0x9f. Source: encoding.spec.whatwg.org, index windows-1252.
  constexpr std::array<std::uint16_t, 32> high{0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                               0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,   0x017D, 0x8F,
                                               0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                               0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};
  out.reserve(out.size() + text.size() + text.size() / 8);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
      continue;
    }
    const unsigned point = byte < 0xa0 ? high[byte - 0x80] : byte;
    if (point < 0x800) {
      out += static_cast<char>(0xc0 | point >> 6);
    } else {
      out += static_cast<char>(0xe0 | point >> 12);
      out += static_cast<char>(0x80 | (point >> 6 & 0x3f));
    }
    out += static_cast<char>(0x80 | (point & 0x3f));
  }
}

}  // namespace kinglet::rows
