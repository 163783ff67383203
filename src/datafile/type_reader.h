// SPDX-License-Identifier: Apache-2.0
// Reads one column type from tokens.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "datafile/tokens.h"

namespace kinglet::datafile::internal {

/// Reads the type that starts at tokens[at] and moves `at` behind it. Reports what is wrong and returns nothing.
/// The last token must be `end`.
std::optional<std::string> read_type(Source& source, std::span<const Token> tokens, std::size_t& at);

/// Is this the name of a type or of an alias of one? (upper and lower case matter as in ClickHouse)
bool is_type_name(std::string_view word);

}  // namespace kinglet::datafile::internal
