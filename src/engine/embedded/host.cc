// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/host.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/log.h"

namespace kinglet::embedded {
namespace {

constexpr rlim_t open_files_max = 65'536;
constexpr int backlog = 256;

std::string reason() {
  return std::strerror(errno);
}

Result<Listening> bound(int domain, const sockaddr* address, socklen_t size, std::string name) {
  const int fd = ::socket(domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail(Code::unavailable, "no socket for {}: {}", name, reason());
  if (domain != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  }
  const mode_t mask = ::umask(0177);
  const int result = ::bind(fd, address, size);
  ::umask(mask);
  if (result != 0 || ::listen(fd, backlog) != 0) {
    const std::string why = reason();
    ::close(fd);
    return fail(Code::unavailable, "cannot listen on {}: {}", name, why);
  }
  return Listening{.socket = fd, .address = std::move(name)};
}

}  // namespace

Status prepare_process() {
  const int null = ::open("/dev/null", O_RDONLY);
  if (null < 0 || ::dup2(null, STDIN_FILENO) < 0)
    return fail(Code::internal, "/dev/null cannot be opened: {}", reason());
  if (null != STDIN_FILENO) ::close(null);

  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = std::min<rlim_t>(files.rlim_max, open_files_max);
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  ::clearenv();
  ::setenv("TZ", "UTC", 1);

  sigset_t blocked;
  sigemptyset(&blocked);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) sigaddset(&blocked, signal);
  if (::pthread_sigmask(SIG_BLOCK, &blocked, nullptr) != 0) return fail(Code::internal, "signals cannot be blocked");
  return {};
}

Result<int> lock_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(Code::unavailable, "the data folder cannot be made: {}", error.message());
  ::chmod(folder.c_str(), 0700);
  const int fd = ::open((folder + "/engine.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return fail(Code::unavailable, "the data folder's lock cannot be opened: {}", reason());
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd);
    return fail(Code::conflict, "another kinglet-engine uses the data folder {}", folder);
  }
  return fd;
}

Result<Listening> listen_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return fail(Code::invalid, "the socket's path has {} bytes; the system allows {}", path.size(),
                sizeof(address.sun_path) - 1);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  struct stat present{};
  if (::lstat(path.c_str(), &present) == 0) {
    if (!S_ISSOCK(present.st_mode)) return fail(Code::invalid, "{} is there and is no socket", path);
    ::unlink(path.c_str());
  }
  return bound(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof(address), "unix:" + path);
}

Result<Listening> listen_loopback(const std::string& ip, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::inet_pton(AF_INET, ip.c_str(), &address.sin_addr) != 1 || (ntohl(address.sin_addr.s_addr) >> 24) != 127) {
    return fail(Code::invalid, "--listen {}: the engine has no authentication and listens on 127.0.0.0/8 only", ip);
  }
  TRY(auto listening,
      bound(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof(address), fmt::format("{}:{}", ip, port)));
  socklen_t size = sizeof(address);
  if (::getsockname(listening.socket, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    listening.address = fmt::format("{}:{}", ip, ntohs(address.sin_port));
  }
  return listening;
}

bool follow_parent(pid_t parent) {
  // Not SIGTERM: an engine that hangs would keep the folder's lock, and the next server would have none. What it has
  // acknowledged is on disk, and the server sends the rest again.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  return ::getppid() == parent;  // asked after: it may have ended before the line above
}

void drop_startup_pages(std::string_view library_path) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (!line.ends_with(library_path)) continue;
    std::uintptr_t begin = 0, end = 0, offset = 0;
    std::array<char, 5> rights{};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s %lx", &begin, &end, rights.data(), &offset) != 4) continue;
    // The other read-only part holds relocated pointers, which are this process's own and must stay.
    const std::string_view kind = rights.data();
    const bool never_written = kind == "r-xp" || (kind == "r--p" && offset == 0);
    if (never_written) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
}

void end_process(int status, std::string_view why) {
  log::error("the engine process ends", {{"why", why}});
  log::stop();
  ::_exit(status);
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
