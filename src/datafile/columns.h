// SPDX-License-Identifier: Apache-2.0
// The blocks of SCHEMA and INDEXES.
#pragma once

#include <string_view>
#include <vector>

#include "datafile/model.h"
#include "datafile/source.h"

namespace kinglet::datafile::internal {

/// name Type [`json:path`] [DEFAULT expression] [CODEC(…)], separated by commas; any order of the last three.
/// `lost` turns true when there was a column whose name could not be read, so that names may be missing.
std::vector<ColumnDefinition> read_columns(Source& source, std::string_view block, bool* lost = nullptr);

/// name expression TYPE type GRANULARITY n, one a line or separated by commas.
std::vector<IndexDefinition> read_indexes(Source& source, std::string_view block);

}  // namespace kinglet::datafile::internal
