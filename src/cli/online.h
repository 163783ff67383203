// SPDX-License-Identifier: Apache-2.0
// What subcommands that talk to a server share: an open session, and values of replies as text.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cli/session.h"
#include "cli/terminal.h"
#include "json/document.h"

namespace kinglet::cli {

/// Runs `body` with an open session; its error is shown and becomes status 1.
int with_session(const GlobalFlags& flags, const std::function<Status(const Session&, const Terminal&)>& body);

/// A member as text: empty when it is absent or null.
std::string text(const json::object& o, std::string_view key);
/// 0 for what is no number.
std::uint64_t number(const json::value* v);
/// "1 row", "3,000 rows"
std::string rows_text(std::uint64_t n);

}  // namespace kinglet::cli
