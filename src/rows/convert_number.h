// SPDX-License-Identifier: Apache-2.0
// Number texts into integers of any width, decimals and floats: exact, or refused.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "engine/column.h"

namespace kinglet::rows::internal {

/// |number| × 10^scale, cut to an integer.
struct ExactInteger {
  std::array<std::uint64_t, 4> magnitude{};  // low word first
  bool negative = false;
  bool exact = true;  // nothing was cut off
};

/// Reads a JSON number digit by digit, never through a double. False when the result needs more than 256 bits.
/// `number` must be a JSON number. Cost: linear in its length, whatever its exponent.
bool scale_exactly(std::string_view number, std::uint32_t scale, ExactInteger& out);

/// The value as a signed 64-bit integer; false when it does not fit.
bool to_int64(const ExactInteger& value, std::int64_t& out);

enum class Quick : std::uint8_t { other, added, refused };
/// Most numbers at once, checked and converted in one pass: up to 18 digits into integers of 64 bits or less, up to 15
/// digits without an exponent into Float64 (7 into Float32). `other`: it must go the long way.
Quick add_quickly(const engine::Type& type, std::string_view text, engine::Column& out);

/// Appends an integer of the column's type. False (nothing appended) when it has a fraction or is out of range.
bool add_integer(const engine::Type& type, std::string_view number, engine::Column& out);
/// Appends a decimal; digits behind the scale are cut. False when it has too many digits in front.
bool add_decimal(const engine::Type& type, std::string_view number, engine::Column& out);
/// Appends a float. False when it would be infinite; a number too small becomes 0 as IEEE rounds it.
bool add_float(const engine::Type& type, std::string_view number, engine::Column& out);

}  // namespace kinglet::rows::internal
