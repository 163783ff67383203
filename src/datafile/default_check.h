// SPDX-License-Identifier: Apache-2.0
// A DEFAULT that is one literal, against the type of its column.
#pragma once

#include <span>
#include <string_view>

#include "datafile/tokens.h"

namespace kinglet::datafile::internal {

/// Reports a literal that the engine would refuse for the type ('abc' for UInt8, '' for Date), or would silently turn
/// into another value (300 for UInt8). Expressions are the engine's to check. Source: ClickHouse 26.7, tried out.
void check_default(Source& source, std::string_view column, std::string_view type, std::span<const Token> tokens);

}  // namespace kinglet::datafile::internal
