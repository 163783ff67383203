// SPDX-License-Identifier: Apache-2.0
// libchdb has no setting for this, so this program's own open() and open64() stand before those of libc: the symbols of
// an executable are found first. They are the system call, and for one kind of file a flag more.
#include "engine/embedded/durable.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <string_view>

namespace kinglet::embedded {
namespace {

std::atomic<bool> durable_tokens{false};

int open_file(const char* path, int flags, mode_t mode) {
  // Source: ClickHouse, MergeTreeDeduplicationLog.cpp.
  if (durable_tokens.load(std::memory_order_relaxed) && (flags & O_ACCMODE) != O_RDONLY &&
      std::string_view(path).find("/deduplication_logs/") != std::string_view::npos)
    flags |= O_DSYNC;
  return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

/// Of open()'s third argument, which is there only when a file may be made.
mode_t mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? static_cast<mode_t>(va_arg(arguments, int)) : 0;
}

}  // namespace

void make_tokens_durable() {
  durable_tokens = true;
}

bool tokens_are_durable() {
  return durable_tokens;
}

Status sync_file_system(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::syncfs(fd) == 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (!synced) return fail(Code::unavailable, "the engine's folder cannot be synced: {}", std::strerror(error));
  return {};
}

}  // namespace kinglet::embedded

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = kinglet::embedded::mode_of(flags, arguments);
  va_end(arguments);
  return kinglet::embedded::open_file(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = kinglet::embedded::mode_of(flags, arguments);
  va_end(arguments);
  return kinglet::embedded::open_file(path, flags, mode);
}
}
