// SPDX-License-Identifier: Apache-2.0
// The process around the engine: descriptors, lock of the data folder, listening socket, ready signal, end of the
// parent.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kinglet::embedded {

/// fd 0 becomes /dev/null (libchdb reads standard input as INSERT data), core files are switched off (they would hold
/// rows), the limit of open files is raised, the environment is emptied but for TZ=UTC, the signals that end us are
/// blocked.
Status prepare_process();

/// Creates `folder` (0700) and locks it for this process. Errors: conflict, when another engine has it; unavailable.
Result<int> lock_folder(const std::string& folder);

struct Listening {
  int socket = -1;
  std::string address;  // "unix:/path" or "127.0.0.1:8123"
};
/// A socket file of an earlier process is replaced; mode 0600. Errors: unavailable.
Result<Listening> listen_unix(const std::string& path);
/// `ip` must be of this machine's loopback. Errors: invalid, unavailable.
Result<Listening> listen_loopback(const std::string& ip, std::uint16_t port);

/// Asks to be killed when the parent thread ends; false when the parent is already another one.
bool follow_parent(pid_t parent);

/// Takes the library's code and constants out of this process's resident set: starting up touches 130 MB of it once,
/// and what is used later comes back from the page cache. Never written pages only.
void drop_startup_pages(std::string_view library_path);

/// Ends the process at once, without libchdb's clean-up (leaving main with an open connection crashes).
[[noreturn]] void end_process(int status, std::string_view why);

/// All that was written to the file system of `folder`, by anybody, survives a power cut:
/// docs/design/0010-power-cut.md. Errors: unavailable.
Status sync_file_system(const std::string& folder);

}  // namespace kinglet::embedded
