// SPDX-License-Identifier: Apache-2.0
// Character sets of text files: what Content-Type names, turned into UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kinglet::rows {

enum class Charset : std::uint8_t { utf8, latin1 };

/// By a `charset` parameter, in any case; empty: UTF-8. ISO-8859-1 and its other names mean Windows-1252, as in
/// browsers (encoding.spec.whatwg.org, "Names and labels"): it has every printable character of Latin-1 and the euro
/// sign. Errors: unsupported.
Result<Charset> parse_charset(std::string_view name);

/// `text` as UTF-8, appended to `out`; any cut of a stream is fine. Bytes that Windows-1252 leaves free become the
/// control characters of the same number.
void to_utf8(Charset charset, std::string_view text, std::string& out);

}  // namespace kinglet::rows
