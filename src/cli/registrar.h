// SPDX-License-Identifier: Apache-2.0
// How a group of subcommands is added.
#pragma once

#include <functional>

#include "cli/session.h"

namespace CLI {
class App;
}

namespace kinglet::cli {

/// What a subcommand does; the result is the exit status.
using Action = std::function<int(const GlobalFlags&)>;

struct Registrar {
  CLI::App& app;
  /// Makes the callback of a subcommand out of what it does.
  std::function<std::function<void()>(Action)> run;
};

}  // namespace kinglet::cli
