// SPDX-License-Identifier: Apache-2.0
// What a refused text probably meant: for the hint of an error, never for deciding anything.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace kinglet::sql {

/// Insertions, deletions, changes and swaps of neighbours between two words, in any case; large beyond 64 bytes.
std::size_t edit_distance(std::string_view left, std::string_view right);

/// The candidate that `word` misspells: a third of its length off, at most 2; empty when none is near.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

/// "did you mean lower()?", or how the engine calls what other databases call `name`; empty when nothing is near.
std::string function_hint(std::string_view name);

/// "did you mean String?" for the nearest candidate; empty when none is near.
std::string near_hint(std::string_view word, std::span<const std::string_view> candidates);

/// "write ORDER BY" and the like for the word of a clause that begins where none may; `next` stands behind it.
std::string clause_hint(std::string_view word, std::string_view next);

/// "did you mean FROM?" for a misspelt word that begins or joins clauses.
std::string keyword_hint(std::string_view word);

}  // namespace kinglet::sql
