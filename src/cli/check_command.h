// SPDX-License-Identifier: Apache-2.0
// kinglet check: every fault of a project at once, without a server or with one.
#pragma once

#include "cli/registrar.h"
#include "datafile/parse.h"
#include "project/discovery.h"

namespace kinglet::cli {

void add_check_command(Registrar& registrar);

/// The line of `text` at that place and a mark below it, each behind a line number or blanks; empty when there is no
/// such line. A long line is cut around the place.
std::string excerpt(std::string_view text, std::uint32_t line, std::uint32_t column);

/// The project as clients send it: one part `data_project://` for each file.
std::string project_body(const std::vector<datafile::SourceFile>& files, std::string& content_type);

}  // namespace kinglet::cli
