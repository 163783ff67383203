// SPDX-License-Identifier: Apache-2.0
// datasource append, replace, analyze, create: files and addresses into data sources.
#pragma once

#include <string>

#include "cli/registrar.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "json/document.h"

namespace kinglet::cli {

/// Follows a job to its end, with a bar on a terminal. Errors: the job's own; those of the requests.
Result<json::value> wait_for_job(const Session& session, const Terminal& terminal, const std::string& id);

/// Adds them below `data_source`.
void add_file_commands(Registrar& registrar, CLI::App& data_source);

}  // namespace kinglet::cli
