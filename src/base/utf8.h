// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace kinglet {

bool is_utf8(std::string_view text);

/// Replaces each byte that is not part of valid UTF-8 by U+FFFD.
std::string replace_invalid_utf8(std::string_view text);

}  // namespace kinglet
