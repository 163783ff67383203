// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"

namespace kinglet::embedded {

/// All that was written to the file system of `folder`, by anybody, survives a power cut:
/// docs/design/0010-power-cut.md. Errors: unavailable.
Status sync_file_system(const std::string& folder);

}  // namespace kinglet::embedded
