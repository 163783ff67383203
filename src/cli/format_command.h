// SPDX-License-Identifier: Apache-2.0
// kinglet fmt: datafiles in canonical layout.
#pragma once

#include "cli/registrar.h"

namespace kinglet::cli {
void add_format_command(Registrar& registrar);
}
