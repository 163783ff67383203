// SPDX-License-Identifier: Apache-2.0
// The kernel's fence around the engine: Landlock (spec/sql-resolution.md 12.2). Per thread: raised before any other
// thread starts.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace kinglet::embedded {

struct FenceState {
  bool enforced = false;
  int abi = 0;           // Landlock's version; 0: the kernel has none
  bool network = false;  // TCP bind and connect are refused too (ABI 4)
  std::string reason;    // why it is not enforced
};

/// Refuses all files but `folders` (all rights) and the few that libchdb reads, and all TCP binds and connects, for
/// this thread and every thread it starts. Also sets no-new-privileges. A kernel without Landlock is not an error: see
/// `state`. Errors: internal, when the kernel has Landlock and refuses our rules.
Result<FenceState> raise_fence(const std::vector<std::string>& folders);

}  // namespace kinglet::embedded
