// SPDX-License-Identifier: Apache-2.0
// What the store answers survives a power cut: docs/design/0010-power-cut.md.
#pragma once

#include <string>

#include "base/result.h"

namespace kinglet::embedded {

/// From now on libchdb's record of tokens is written with O_DSYNC. It notes a token before the part becomes one of its
/// table, so no part is on disk without its token; a token without its part is taken back at the start (token_log.h).
/// Call it before libchdb is loaded.
void make_tokens_durable();
bool tokens_are_durable();

/// All that was written to the file system of `folder`, by anybody. Errors: unavailable.
Status sync_file_system(const std::string& folder);

}  // namespace kinglet::embedded
