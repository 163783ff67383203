// SPDX-License-Identifier: Apache-2.0
// A project as its data tests want it built.
#pragma once

#include <vector>

#include "datafile/parse.h"

namespace kinglet::project {

/// The same files without ENGINE_TTL: fixtures age, and the engine drops rows that are too old when they come in.
/// Everything else keeps its line and column.
std::vector<datafile::SourceFile> files_for_tests(std::vector<datafile::SourceFile> files);

}  // namespace kinglet::project
