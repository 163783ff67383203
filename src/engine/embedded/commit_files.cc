// SPDX-License-Identifier: Apache-2.0
// The symbols of an executable are found before those of libc: libchdb calls the open() and open64() below. They are
// the system call, and for two kinds of file something more.
#include "engine/embedded/commit_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <string_view>

#include "engine/embedded/host.h"

namespace kinglet::embedded {
namespace {

std::atomic<bool> durable_tokens{false};
std::atomic<bool> commits_are_guarded{false};

int system_open(const char* path, int flags, mode_t mode) {
  return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

/// Descriptors of nothing, to be closed when one is needed. Thread: any.
class SpareDescriptors {
 public:
  void fill() {
    for (auto& slot : slots_) {
      if (slot.load(std::memory_order_relaxed) >= 0) continue;
      const int fd = system_open("/dev/null", O_RDONLY | O_CLOEXEC, 0);
      if (fd < 0) return;
      int none = -1;
      if (!slot.compare_exchange_strong(none, fd)) ::close(fd);
    }
    missing_ = false;
  }
  bool give_one_back() {
    missing_ = true;
    for (auto& slot : slots_) {
      const int fd = slot.exchange(-1);
      if (fd < 0) continue;
      ::close(fd);
      return true;
    }
    return false;
  }
  bool missing() const { return missing_.load(std::memory_order_relaxed); }

 private:
  /// More than are in need at a time: another thread may take what was just given back.
  std::array<std::atomic<int>, 16> slots_{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
  std::atomic<bool> missing_{false};
};
SpareDescriptors spares;

/// Source: ClickHouse, MergeTreeDeduplicationLog.cpp.
bool records_tokens(std::string_view path, int flags) {
  return (flags & O_ACCMODE) != O_RDONLY && path.find("/deduplication_logs/") != path.npos;
}

int open_file(const char* path, int flags, mode_t mode) {
  const bool tokens = records_tokens(path, flags);
  if (tokens && durable_tokens.load(std::memory_order_relaxed)) flags |= O_DSYNC;
  int fd = system_open(path, flags, mode);
  if (!commits_are_guarded.load(std::memory_order_relaxed)) return fd;
  if (fd >= 0) {
    if (spares.missing()) spares.fill();
    return fd;
  }
  // Folders: source ClickHouse, LocalDirectorySyncGuard.cpp, the only place that opens them so.
  const bool folder = (flags & O_DIRECTORY) != 0;
  while (fd < 0 && (errno == EMFILE || errno == ENFILE) && (tokens || folder) && spares.give_one_back())
    fd = system_open(path, flags, mode);
  const bool commits = tokens || (folder && std::string_view(path).find("/store/") != std::string_view::npos);
  if (fd < 0 && commits && errno != ENOENT)
    end_process(3, fmt::format("a commit cannot open {}: {}", path, std::strerror(errno)));
  return fd;
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

void guard_commits() {
  spares.fill();
  commits_are_guarded = true;
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
