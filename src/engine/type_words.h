// SPDX-License-Identifier: Apache-2.0
// Names of types, for the parser and the printer of type texts.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "engine/type.h"

namespace kinglet::engine::internal {

/// A type without arguments.
struct Named {
  std::string_view name;
  Kind kind;
  std::uint32_t width;
};
inline constexpr std::array plain_types = {
    Named{"Int8", Kind::int8, 1},       Named{"Int16", Kind::int16, 2},      Named{"Int32", Kind::int32, 4},
    Named{"Int64", Kind::int64, 8},     Named{"Int128", Kind::int128, 16},   Named{"Int256", Kind::int256, 32},
    Named{"UInt8", Kind::uint8, 1},     Named{"UInt16", Kind::uint16, 2},    Named{"UInt32", Kind::uint32, 4},
    Named{"UInt64", Kind::uint64, 8},   Named{"UInt128", Kind::uint128, 16}, Named{"UInt256", Kind::uint256, 32},
    Named{"Float32", Kind::float32, 4}, Named{"Float64", Kind::float64, 8},  Named{"BFloat16", Kind::bfloat16, 2},
    Named{"Bool", Kind::boolean, 1},    Named{"String", Kind::string, 0},    Named{"UUID", Kind::uuid, 16},
    Named{"IPv4", Kind::ipv4, 4},       Named{"IPv6", Kind::ipv6, 16},       Named{"Date", Kind::date, 2},
    Named{"Date32", Kind::date32, 4},   Named{"Time", Kind::time, 4},        Named{"Nothing", Kind::nothing, 1},
};

}  // namespace kinglet::engine::internal
