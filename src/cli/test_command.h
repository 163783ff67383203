// SPDX-License-Identifier: Apache-2.0
// `kinglet test`: the requests of tests/<pipe>.yaml against a server of their own.
#pragma once

namespace kinglet::cli {

struct Registrar;
void add_test_commands(Registrar& registrar);

}  // namespace kinglet::cli
