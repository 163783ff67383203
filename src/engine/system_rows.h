// SPDX-License-Identifier: Apache-2.0
// Questions of ours to the engine's system tables.
#pragma once

#include <string>
#include <vector>

#include "engine/client.h"

namespace kinglet::engine {

/// Runs a SELECT of ours, never user SQL text, on the profile that may read system tables. Rows of fields as the engine
/// prints them unescaped: for names, ids, numbers and paths, which hold no tab and no line break. Empty lines are left
/// out. Errors: those of Client::query.
Task<Result<std::vector<std::vector<std::string>>>> system_rows(Client& client, std::string sql, Deadline deadline);

}  // namespace kinglet::engine
