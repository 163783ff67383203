// SPDX-License-Identifier: Apache-2.0
// The schema of the catalog file and the steps from each older version to the next (docs/formats/catalog.md).
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace kinglet::catalog::internal {

/// "KNGL": PRAGMA application_id of a catalog file.
inline constexpr int application_id = 0x4B4E474C;

/// The statements that lead from version `index` to version `index + 1`. A released step never changes.
using Migration = std::vector<std::string_view>;
std::span<const Migration> migrations();

}  // namespace kinglet::catalog::internal
