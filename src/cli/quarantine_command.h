// SPDX-License-Identifier: Apache-2.0
// datasource quarantine: see what did not fit, send it again, remove it.
#pragma once

#include "cli/registrar.h"

namespace kinglet::cli {

/// Adds it below `data_source`.
void add_quarantine_command(Registrar& registrar, CLI::App& data_source);

}  // namespace kinglet::cli
