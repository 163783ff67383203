// SPDX-License-Identifier: Apache-2.0
// What binds how strongly, as in the engine: a lambda loosest, access to an element tightest. The parser reads by it,
// and the printer puts parentheses by it.
#pragma once

namespace kinglet::sql::internal {

inline constexpr int bind_lambda = 1;
inline constexpr int bind_ternary = 2;
inline constexpr int bind_or = 3;
inline constexpr int bind_and = 4;
inline constexpr int bind_not = 5;
inline constexpr int bind_is = 6;
inline constexpr int bind_distinct = 6;
inline constexpr int bind_between = 7;
inline constexpr int bind_compare = 9;
inline constexpr int bind_concat = 10;
inline constexpr int bind_add = 11;
inline constexpr int bind_multiply = 12;
inline constexpr int bind_time_zone = 13;
inline constexpr int bind_negate = 13;
inline constexpr int bind_element = 14;
inline constexpr int bind_atom = 20;

}  // namespace kinglet::sql::internal
