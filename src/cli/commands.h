// SPDX-License-Identifier: Apache-2.0
// The command line client: every subcommand of `kinglet` but `serve`.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

namespace CLI {
class App;
}

namespace kinglet::cli {

/// Adds the subcommands and global flags. After parsing, `command` is what to run; its result is the exit status:
/// 0 success, 1 an error that was printed, 2 wrong usage.
void add_commands(CLI::App& app, std::function<int()>& command);

/// What to say when `arguments` (without the program's name) name a subcommand that does not exist; nothing when all
/// do.
std::optional<std::string> unknown_subcommand(const CLI::App& app, std::span<const char* const> arguments);

}  // namespace kinglet::cli
