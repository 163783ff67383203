// SPDX-License-Identifier: Apache-2.0
// Targets of materialized pipes that older projects described by ENGINE lines inside the node (datafiles spec 4.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "datafile/model.h"

namespace kinglet::datafile {

/// Makes a data source of every target that only ENGINE lines of its node describe and whose columns can be known from
/// the SQL; reports the others with the file to write. Where the .datasource exists, the ENGINE lines are ignored with
/// a warning. Positions are places in Project::File::text.
std::vector<Diagnostic> make_classic_targets(Project& project);

namespace internal {

struct OutputColumn {
  std::string name;  // empty: the expression has no name
  std::string type;  // empty: not known without the engine
};
/// The columns that a pipe gives, as far as types follow from data sources, casts and functions with one result type.
/// Nothing when the SQL is a template or cannot be read.
std::optional<std::vector<OutputColumn>> output_columns(const Project& project, const Pipe& pipe);

}  // namespace internal
}  // namespace kinglet::datafile
