// SPDX-License-Identifier: Apache-2.0
// What only the whole project can tell.
#pragma once

#include <vector>

#include "datafile/model.h"

namespace kinglet::datafile {

/// Targets and connections that do not exist or do not fit, nodes that shadow other resources, materialized pipes that
/// feed each other in a circle as far as the text of their nodes names it. parse_project calls it.
std::vector<Diagnostic> check_references(const Project& project);

}  // namespace kinglet::datafile
