// SPDX-License-Identifier: Apache-2.0
// The file that tells a starter where the server answers.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"

namespace kinglet::server {

struct ReadyFile {
  std::string url, clickhouse_url;
  pid_t pid = 0;
  int engine_pid = 0;
};

/// Written beside and renamed, so that a reader never sees half of it. No path: nothing is written.
/// Errors: unavailable.
Status write_ready_file(const std::string& path, const ReadyFile& ready);

}  // namespace kinglet::server
