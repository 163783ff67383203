// SPDX-License-Identifier: Apache-2.0
// The engine's own record of deduplication tokens, put right before the engine reads it.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"

namespace kinglet::embedded {

/// ClickHouse notes the token of an insert in <table>/deduplication_logs/ *before* it commits the part. Killed between
/// the two it believes ever after that the rows are there: the same insert, sent again, would be dropped, and its rows
/// lost. This takes back the tokens whose part is not on disk, and a last line that was written in part.
///
/// `engine_folder` is the folder that libchdb opens; no engine may be running on it. Looks at the newest
/// `token_log_tail_bytes` of each table's last two logs: what was in flight is at the end. Returns how many tokens were
/// taken back.
/// Errors: unavailable (a log cannot be read or written; the message names no path).
Result<std::size_t> take_back_lost_tokens(const std::string& engine_folder);

/// Holds the parts of two inserts over 100 partitions each.
inline constexpr std::size_t token_log_tail_bytes = 32u << 10;

}  // namespace kinglet::embedded
