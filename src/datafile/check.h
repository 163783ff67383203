// SPDX-License-Identifier: Apache-2.0
// Checks of the texts inside a parsed project: templates compile, SQL parses.
#pragma once

#include <vector>

#include "datafile/model.h"

namespace kinglet::datafile {

/// What is wrong inside the nodes of all pipes and the expressions of all data sources: template syntax, SQL syntax
/// (templates are rendered with stand-ins first), parameters in materialized pipes. Positions are places in the files.
/// Names in the SQL are not resolved here. Thread: any. Cost: about 50 µs a node.
std::vector<Diagnostic> check_project(const Project& project);

/// Brings the findings of several checks into the order of reading: by file, line, column.
void sort_diagnostics(std::vector<Diagnostic>& diagnostics);

}  // namespace kinglet::datafile
