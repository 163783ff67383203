// SPDX-License-Identifier: Apache-2.0
// Commands about a project: check, build, deploy.
#pragma once

#include "cli/registrar.h"

namespace kinglet::cli {
void add_project_commands(Registrar& registrar);
}
