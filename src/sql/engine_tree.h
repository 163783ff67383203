// SPDX-License-Identifier: Apache-2.0
// Compares what we found in a query with what the engine's own parser finds in the text that we send.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sql/ast.h"

namespace kinglet::sql {

/// What decides which data a text reaches, as EXPLAIN AST shows it.
///
/// It does not show (so only the resolver checks it): functions named in APPLY or passed by their bare name, structure
/// strings, types, FINAL, which name is a CTE.
struct EngineNames {
  std::set<std::string, std::less<>> tables;  // "database.table", or the name of a CTE
  std::set<std::string, std::less<>> table_functions;
  std::set<std::string, std::less<>> functions;    // operators by their function; not tuple, array, negate
  std::set<std::string, std::less<>> right_of_in;  // lone names there: the engine may take them for tables
  bool operator==(const EngineNames&) const = default;
};

struct EngineTreeLimits {
  static constexpr std::size_t text_bytes = 64 * 1024 * 1024;
  static constexpr std::size_t depth = 4'000;  // the engine stops at max_ast_depth, 1,000
};

/// What our tree says; inlined nodes included.
EngineNames names_of(const Query& query);

/// Reads the rows of EXPLAIN AST, one a line (TSVRaw or LineAsString). Trusts nothing: indentation, counts of children
/// and kinds of nodes must fit, so that no name that holds a line break can stand for a node.
///
/// Errors: invalid when the text is no tree; forbidden for kinds of nodes that a checked SELECT never has (Set,
/// Explain, InsertQuery, ASTStreamSettings, ParallelWithQuery …).
Result<EngineNames> read_engine_tree(std::string_view explain_ast);

/// Whether the engine finds in `printed`'s text what we found: same tables, table functions, functions and names right
/// of IN (attacks.md S17). `explain_ast` is the answer to explain_ast_of(printed).
///
/// Errors: forbidden; the message names what the engine finds and we did not, never a physical name of ours. The query
/// must not run then.
Status agrees(const Query& printed, std::string_view explain_ast);

/// The statement to ask with: EXPLAIN AST and the text that would be sent.
std::string explain_ast_of(const Query& printed);

/// Equal for two resolved queries that differ in the values of literals only, lengths of literal lists included: the
/// key under which the answer of agrees() may be kept.
///
/// Why a value cannot change the answer: agrees() compares what the engine's *parser* finds. Its lexer reads each
/// literal that we print as one token whatever bytes it holds: strings have one form, '…' with \\ and \' (checked by
/// the round trip and by tests/sql), numbers are digits with an optional sign and point; other forms of numbers are
/// part of the key as they are. The parser looks into a token only where a literal is a name (types, aggregate
/// functions, structures, arguments of table functions), and those are part of the key too.
std::string shape_key(const Query& resolved);

}  // namespace kinglet::sql
