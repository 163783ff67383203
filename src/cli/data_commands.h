// SPDX-License-Identifier: Apache-2.0
// Commands about data: sql, datasource, endpoint, token, info.
#pragma once

#include "cli/registrar.h"

namespace kinglet::cli {
void add_data_commands(Registrar& registrar);
}
