// SPDX-License-Identifier: Apache-2.0
// What every thread of ours does first.
#pragma once

namespace kinglet {

/// Signals belong to the main thread; those of the CPU's own faults stay open.
void block_signals_in_this_thread();

}  // namespace kinglet
