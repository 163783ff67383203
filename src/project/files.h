// SPDX-License-Identifier: Apache-2.0
// The datafiles of a project folder.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "datafile/parse.h"

namespace kinglet::project {

struct ProjectLimits {
  static constexpr std::size_t files_max = 10'000;
  static constexpr std::size_t depth_max = 12;
};

/// Every .datasource, .pipe and .connection below `folder`, sorted; names relative to it. Hidden folders, node_modules
/// and vendor/ are left out. Errors: invalid (no such folder, no datafile in it, limits).
Result<std::vector<datafile::SourceFile>> read_project(const std::string& folder);

}  // namespace kinglet::project
