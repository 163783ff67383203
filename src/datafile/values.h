// SPDX-License-Identifier: Apache-2.0
// Values that several kinds of file share: names, lists, tokens, booleans, schedules, secrets.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "datafile/model.h"
#include "datafile/source.h"
#include "datafile/tree.h"

namespace kinglet::datafile::internal {

/// A letter or _, then letters, digits, _; at most 256 bytes.
bool is_identifier(std::string_view text);

/// "a", "b" | "a, b" | a, b | one a line. Reports too many and too long items.
std::vector<std::string> read_list(Source& source, const Instruction& instruction);
/// The items of one line of such a list, quotes removed.
std::vector<std::string_view> read_items(std::string_view line);
/// The text of DESCRIPTION: line or block, common indentation removed.
std::string read_text(const Instruction& instruction);
/// TOKEN name SCOPE; `pipe`: the scope is optional and only READ.
void read_token(Source& source, const Instruction& instruction, bool pipe, std::vector<TokenGrant>& out);
/// Is a scope written behind the name of a TOKEN line?
bool names_token_scope(const Instruction& instruction);
/// One of `allowed` in any case; reports otherwise and returns nothing.
std::optional<std::string> read_choice(Source& source, const Instruction& instruction,
                                       std::span<const std::string_view> allowed);
/// "0 * * * *", "@on-demand", "@once" (and "@auto" where `automatic`); reports what is wrong.
void check_schedule(Source& source, const Instruction& instruction, bool automatic);
/// {{ tb_secret("NAME"[, "default"]) }} is the only template that a value may hold; reports others.
void check_secrets(Source& source, const Instruction& instruction);
/// Reports a value that is missing where one is needed. True when there is one.
bool require_value(Source& source, const Instruction& instruction, std::string_view example);

}  // namespace kinglet::datafile::internal
