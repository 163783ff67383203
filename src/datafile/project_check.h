// SPDX-License-Identifier: Apache-2.0
// What only the whole project can tell.
#pragma once

#include <vector>

#include "datafile/model.h"

namespace kinglet::datafile {

/// Targets and connections that do not exist or do not fit. parse_project calls it. What the SQL of nodes names is
/// looked at by project/check.h.
std::vector<Diagnostic> check_references(const Project& project);

}  // namespace kinglet::datafile
