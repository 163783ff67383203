// SPDX-License-Identifier: Apache-2.0
// The reader of each kind of file, for parse.cc.
#pragma once

#include <span>
#include <string>

#include "datafile/model.h"
#include "datafile/source.h"

namespace kinglet::datafile::internal {

DataSource read_data_source(Source& source, std::string name);
Pipe read_pipe(Source& source, std::string name);
Connection read_connection(Source& source, std::string name);

/// The engines a data source may have.
std::span<const std::string_view> engine_names();
/// The sorting key of a data source that gives none.
std::string default_sorting_key(std::span<const ColumnDefinition> columns);

}  // namespace kinglet::datafile::internal
