// SPDX-License-Identifier: Apache-2.0
// The canonical text of a data source, pipe or connection: parsing it gives the same model again.
#pragma once

#include <string>

#include "datafile/model.h"

namespace kinglet::datafile {

/// Order and layout as the public SDKs write them (datafiles spec 3.1): groups apart by a blank line, blocks
/// indented by four blanks. Comments and the original layout are not kept; for reading back what a client sent, use
/// Project::files.
std::string print(const DataSource& source);
std::string print(const Pipe& pipe);
std::string print(const Connection& connection);

}  // namespace kinglet::datafile
