// SPDX-License-Identifier: Apache-2.0
// Files that libchdb opens in the middle of a commit: its record of tokens, and the folder of a part that it has just
// renamed. This program's own open() stands before that of libc, since libchdb has no settings for what they need.
#pragma once

namespace kinglet::embedded {

/// From now on libchdb's record of tokens is written with O_DSYNC. It notes a token before the part becomes one of its
/// table, so no part is on disk without its token; a token without its part is taken back at the start (token_log.h).
/// Call it before libchdb is loaded. docs/design/0010-power-cut.md.
void make_tokens_durable();
bool tokens_are_durable();

/// From now on some descriptors are kept back for these files, and the process ends at once, as if it were killed, when
/// one of them cannot be opened all the same. Otherwise libchdb's memory and its folder would differ: a token that
/// stays though its insert failed, or a part that is on disk and not in the table, and then a merge over it that makes
/// the next start fail ("intersects previous part"). docs/design/0004-spool.md. Call it before libchdb is loaded.
void guard_commits();

}  // namespace kinglet::embedded
