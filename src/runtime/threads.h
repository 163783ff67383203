// SPDX-License-Identifier: Apache-2.0
// What every thread of ours does first.
#pragma once

namespace kinglet {

/// Signals belong to the main thread; those of the CPU's own faults stay open.
void block_signals_in_this_thread();

/// Ends the program, with the reason on stderr: threads are started when it starts, and nothing works without them
/// (attacks.md R7). `number` is what the system answered.
[[noreturn]] void end_without_thread(int number);

}  // namespace kinglet
