// SPDX-License-Identifier: Apache-2.0
// What a refused text probably meant: for the hint of an error, never for deciding anything.
#pragma once

#include <string>
#include <string_view>

namespace kinglet::sql {

/// "did you mean lower()?", or how the engine calls what other databases call `name`; empty when nothing is near.
std::string function_hint(std::string_view name);

/// "write ORDER BY" and the like for the word of a clause that begins where none may; `next` stands behind it.
std::string clause_hint(std::string_view word, std::string_view next);

/// "did you mean FROM?" for a misspelt word that begins or joins clauses.
std::string keyword_hint(std::string_view word);

/// "did you mean DAY?" for a misspelt unit of an INTERVAL.
std::string unit_hint(std::string_view word);

}  // namespace kinglet::sql
