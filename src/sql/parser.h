// SPDX-License-Identifier: Apache-2.0
// Text to tree: the whole SELECT of the engine's dialect, nothing else.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "sql/ast.h"

namespace kinglet::sql {

/// What the parser refuses beyond, with the position. Why: docs/design/0002-sql-front-end.md.
struct ParseLimits {
  std::size_t text_bytes = limits::text_bytes_node;
  std::uint32_t nesting = 64;       // ( [ CASE and calls together
  std::uint32_t chain = 256;        // a + b + c …, x::T::T …, a[1][1] …
  std::uint32_t between_depth = 2;  // BETWEEN in the left side of BETWEEN doubles the engine's tree
  std::uint32_t lambda_depth = 16;
  std::uint32_t tables_per_from = 32;
  std::uint32_t union_branches = 500;
  std::uint32_t windows_per_select = 64;
  std::uint32_t select_items = 2'000;
  std::uint32_t list_items = 20'000;  // IN lists, arrays, tuples, arguments
  std::uint32_t tree_height = 900;    // what walkers recurse; the engine stops at 1,000
  std::uint32_t type_nesting = 50;
};

/// One SELECT statement (or WITH, FROM, a parenthesised SELECT); one `;` group may end it.
///
/// Errors: invalid with line, column and what was expected; forbidden for what is understood but never available
/// (SETTINGS in a sub-query, INTO OUTFILE, EXPLAIN in FROM …); too_large for the length of the text.
/// Cost: one pass, no backtracking over more than a parenthesis; a text of 1.5 KB takes about 9 µs.
/// Thread: any.
Result<Query> parse_query(std::string_view text, const ParseLimits& limits = {});

struct ExpressionOptions {
  bool subqueries = false;
  bool aliases = false;
  ParseLimits limits = {};
};

/// One expression: a row filter, delete condition, DEFAULT, key, TTL or index expression.
Result<Expression> parse_expression(std::string_view text, const ExpressionOptions& options = {});

/// Checks a type as written in a cast or structure string and gives it back in one spelling, e.g.
/// "decimal( 10,5 )" becomes "decimal(10, 5)". Aggregate states are refused: the engine trusts their bytes.
Result<std::string> normalize_type(std::string_view text);

/// Checks "a UInt8, b Array(String)": names and types only, as table functions take it.
Status check_structure(std::string_view text);

}  // namespace kinglet::sql
