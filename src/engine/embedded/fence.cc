// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/fence.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace kinglet::embedded {
namespace {

// Landlock's kernel interface, declared here because the headers of the build machine may be older than the kernel.
// Source: linux/include/uapi/linux/landlock.h.
struct RulesetAttributes {
  std::uint64_t handled_access_fs = 0;
  std::uint64_t handled_access_net = 0;  // ABI 4
  std::uint64_t scoped = 0;              // ABI 6
};
struct [[gnu::packed]] PathBeneath {
  std::uint64_t allowed_access = 0;
  std::int32_t parent_fd = -1;
};
constexpr std::uint32_t create_ruleset_version = 1;
constexpr int rule_path_beneath = 1;

namespace right {
constexpr std::uint64_t execute = 1u << 0, write_file = 1u << 1, read_file = 1u << 2, read_dir = 1u << 3;
constexpr std::uint64_t all_of_abi_1 = (1u << 13) - 1;
constexpr std::uint64_t refer = 1u << 13, truncate = 1u << 14, ioctl_device = 1u << 15;
constexpr std::uint64_t net_bind_and_connect = 3;
constexpr std::uint64_t scope_sockets_and_signals = 3;
}  // namespace right

struct AllowedFile {
  const char* path;
  std::uint64_t access;
};
// What libchdb opens outside its folder. /proc/self/maps: without it the connect fails (pthread_getattr_np).
constexpr std::array allowed_files{
    AllowedFile{"/dev/null", right::read_file | right::write_file},
    AllowedFile{"/dev/urandom", right::read_file},
    AllowedFile{"/proc/self/maps", right::read_file},
    AllowedFile{"/proc/self/statm", right::read_file},
    AllowedFile{"/proc/meminfo", right::read_file},
    AllowedFile{"/proc/cpuinfo", right::read_file},
    AllowedFile{"/proc/stat", right::read_file},
    AllowedFile{"/sys/fs/cgroup", right::read_file | right::read_dir},
    AllowedFile{"/usr/share/zoneinfo", right::read_file | right::read_dir},  // ORC's library has no zones of its own
};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Status allow(int ruleset, const char* path, std::uint64_t access, bool required) {
  const Descriptor file(::open(path, O_PATH | O_CLOEXEC));
  if (file.get() < 0) {
    if (required)
      return fail(Code::internal, "the folder that the fence allows cannot be opened: {}", std::strerror(errno));
    return {};  // this kernel or container has no such file: nothing to allow
  }
  PathBeneath rule{.allowed_access = access, .parent_fd = file.get()};
  if (::syscall(SYS_landlock_add_rule, ruleset, rule_path_beneath, &rule, 0) != 0) {
    return fail(Code::internal, "Landlock refuses a rule: {}", std::strerror(errno));
  }
  return {};
}

}  // namespace

Result<FenceState> raise_fence(const std::vector<std::string>& folders) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail(Code::internal, "no-new-privileges is refused: {}", std::strerror(errno));
  }
  FenceState state;
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, create_ruleset_version);
  if (version < 1) {
    state.reason = errno == EOPNOTSUPP ? "Landlock is switched off at boot" : "the kernel has no Landlock";
    return state;
  }
  state.abi = static_cast<int>(version);
  state.network = version >= 4;

  RulesetAttributes attributes;
  attributes.handled_access_fs = right::all_of_abi_1;
  if (version >= 2) attributes.handled_access_fs |= right::refer;
  if (version >= 3) attributes.handled_access_fs |= right::truncate;
  if (version >= 5) attributes.handled_access_fs |= right::ioctl_device;
  std::size_t size = sizeof(attributes.handled_access_fs);
  if (version >= 4) {
    attributes.handled_access_net = right::net_bind_and_connect;
    size += sizeof(attributes.handled_access_net);
  }
  if (version >= 6) {
    attributes.scoped = right::scope_sockets_and_signals;
    size += sizeof(attributes.scoped);
  }
  const Descriptor ruleset(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0)));
  if (ruleset.get() < 0) return fail(Code::internal, "Landlock refuses the rule set: {}", std::strerror(errno));

  // Nothing in the data folder is a program: running files stays refused there too.
  const std::uint64_t folder_rights = attributes.handled_access_fs & ~right::execute;
  for (const auto& folder : folders) TRY_VOID(allow(ruleset.get(), folder.c_str(), folder_rights, true));
  for (const auto& file : allowed_files) TRY_VOID(allow(ruleset.get(), file.path, file.access, false));
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return fail(Code::internal, "Landlock refuses to be enforced: {}", std::strerror(errno));
  }
  state.enforced = true;
  return state;
}

}  // namespace kinglet::embedded
