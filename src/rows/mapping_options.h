// SPDX-License-Identifier: Apache-2.0
// The open points of row conversion as settings, and its limits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "rows/row_tokens.h"

namespace kinglet::rows {

using internal::InvalidText;

/// Which integer columns take a JSON string of digits. Source: spec/connectors.md 2.3.
enum class NumericStrings : std::uint8_t {
  never,
  wide,    // 128 and 256 bits
  wide64,  // 64 bits and more
  always,  // every integer, and Float32/64
};

/// Which texts a date or time column takes beside those of spec/connectors.md 2.6.
enum class DateTexts : std::uint8_t {
  strict,
  lenient,      // Date and Date32 also take a date with a time; the time is cut off
  best_effort,  // also DD/MM/YYYY, YYYY/MM/DD, RFC 1123, and epoch seconds or milliseconds as text
};

/// What an integer means in a DateTime64 column. A number with a fraction is always seconds.
enum class TickNumbers : std::uint8_t { ticks, seconds };

struct MappingOptions {
  NumericStrings numeric_strings = NumericStrings::wide;
  DateTexts dates = DateTexts::strict;
  TickNumbers date_time64_numbers = TickNumbers::ticks;
  /// null into a column that is not Nullable but has a DEFAULT: take the DEFAULT, or refuse the row.
  bool null_uses_default = true;
  /// true and false into UInt8 become 1 and 0.
  bool booleans_into_uint8 = true;
  /// Lone surrogates in a mapped value, and invalid UTF-8 anywhere in a row.
  InvalidText invalid_text = InvalidText::reject;
  /// Strings in the quarantine keep their JSON quotes.
  bool quarantine_json_text = false;

  /// Levels of nesting in one row; a deeper row is malformed.
  std::uint32_t depth_max = 128;
  /// One row as text; a longer one is malformed, and only its first bytes are kept.
  std::size_t row_bytes_max = 16u << 20;
};

}  // namespace kinglet::rows
