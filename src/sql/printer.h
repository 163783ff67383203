// SPDX-License-Identifier: Apache-2.0
// Tree to text, from scratch: no byte of the user's text is copied, and the text parses to the same tree.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "sql/ast.h"

namespace kinglet::sql {

/// The statement without FORMAT and SETTINGS. Keywords in capitals, names in backticks, no comments; the first token is
/// SELECT, WITH or a parenthesis. A resolved query gives the text that resolve() kept.
std::string print(const Query& query);
std::string print(const Expression& expression);

/// 'text' as a literal. Bytes that are not UTF-8 are written as \xHH.
std::string quote_string(std::string_view text);
/// `name` as an identifier.
std::string quote_name(std::string_view name);

/// The tree as text that is equal for equal trees only. For tests and for comparing what is sent with what was checked.
std::string dump(const Query& query);
std::string dump(const Expression& expression);

/// Parses `query`'s text again and compares the trees: what the engine will read is what was checked.
Status check_round_trip(const Query& query);

}  // namespace kinglet::sql
