// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/durable.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace kinglet::embedded {

Status sync_file_system(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::syncfs(fd) == 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (!synced) return fail(Code::unavailable, "the engine's folder cannot be synced: {}", std::strerror(error));
  return {};
}

}  // namespace kinglet::embedded
