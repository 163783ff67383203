// SPDX-License-Identifier: Apache-2.0
// The little that the engine process must know of a statement's text: its first word, its FORMAT, INSERT and KILL.
// The gateway's parser (sql/) is the fence; this keeps a mistake there from reaching calls that are not meant for it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kinglet::embedded {

/// Words, numbers and operators as written; quoted parts with their quotes. Comments and space are left out.
/// Errors: 62 (a quote or comment that does not end, a NUL).
Result<std::vector<std::string_view>> tokens_of(std::string_view sql);

struct Statement {
  /// explain_ast: EXPLAIN AST before what would be a select; nothing of it runs.
  enum class Kind { select, explain_ast, insert, kill, other };
  Kind kind = Kind::other;
  std::string text;       // without the FORMAT clause and the semicolons at its end
  std::size_t inner = 0;  // where the explained statement begins in `text`
  std::string format;     // of a FORMAT clause at its end, or empty
};

/// Errors: 62 (empty, does not lex).
Result<Statement> read_statement(std::string_view sql);

/// An INSERT whose rows come as a body: `INSERT INTO [TABLE] [db.]table [(columns)]`, nothing behind it. Returns it
/// with `settings` (`a = 'b', …`, may be empty) in their place. Errors: 62, 36.
Result<std::string> insert_with_settings(std::string_view sql, std::string_view settings);
/// An INSERT that a body carries must be INSERT … SELECT: inline rows would end at the first blank line, and what
/// follows would be run. Errors: 36.
Status check_insert_select(std::string_view sql);
/// The id of `KILL QUERY WHERE query_id = '…' [SYNC|ASYNC|TEST]`. Errors: 164 for every other form.
Result<std::string> killed_query_id(std::string_view sql);

/// `'…'` with `\\` and `\'` escapes.
std::string quote(std::string_view text);

}  // namespace kinglet::embedded
