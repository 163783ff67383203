// SPDX-License-Identifier: Apache-2.0
// Whether every object of a JSON document names each of its keys once.
#pragma once

#include <string_view>

namespace kinglet::auth {

/// False for a key given twice at any level, and for text that is not one JSON document. Limit: depth 64.
bool has_unique_keys(std::string_view json);

}  // namespace kinglet::auth
