// SPDX-License-Identifier: Apache-2.0
// The engine's word on the nodes of a plan: their SQL against the tables they will have, and what they give against the
// data sources they go to.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "deploy/plan.h"
#include "query/runner.h"

namespace kinglet::deploy {

/// Nodes asked about at the same time.
inline constexpr int node_checks_at_once = 4;

/// Adds what the engine finds to the plan's diagnostics, and to its views the columns they give. `missing`: data
/// sources without a table; what reads them is left out. A fault of a node that others read is told once. Errors: those
/// of the server. What the engine has against a node is a diagnostic. Cost: about 7 ms a node. Thread: the Runner's.
Task<Status> check_nodes(query::Runner& runner, std::string_view database, Plan& plan,
                         const std::set<std::string, std::less<>>& missing);

}  // namespace kinglet::deploy
