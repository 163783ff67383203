// SPDX-License-Identifier: Apache-2.0
// Patterns of file names, as `include` of a project's settings has them.
#pragma once

#include <string_view>

namespace kinglet::project {

/// Does it hold * ? [ or {, so that it is a pattern and no name?
bool is_pattern(std::string_view text);
/// `*` any text without '/', `**` any folders, `?` one character, `[a-z]`, `{one,two}`. Neither side begins with '/'.
/// Cost: pattern × path for each choice of {}, of which there may be 64; more never match.
bool matches_pattern(std::string_view path, std::string_view pattern);

}  // namespace kinglet::project
