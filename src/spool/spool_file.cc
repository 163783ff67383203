// SPDX-License-Identifier: Apache-2.0
// The real files: pwritev, fdatasync, fallocate, flock.
#include "spool/spool_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <system_error>

namespace kinglet::spool {
namespace {

std::unexpected<Error> disk_failure(std::string_view what, int number) {
  if (number == ENOSPC || number == EDQUOT || number == EFBIG) {
    return fail(Error{.code = Code::unavailable,
                      .message = fmt::format("the disk of the spool is full: cannot {}", what),
                      .hint = "free disk space; writing goes on by itself when there is room"});
  }
  return fail(Code::unavailable, "the spool cannot {}: {}", what, std::generic_category().message(number));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    // Close errors mean nothing here: what must be durable was synced before.
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

class PosixFile final : public SpoolFile {
 public:
  explicit PosixFile(Descriptor fd) : fd_(std::move(fd)) {}

  Status write(std::uint64_t offset, std::span<const std::string_view> pieces) override {
    std::array<iovec, 256> vector{};
    std::size_t next = 0;  // first piece that is not written whole
    std::size_t skip = 0;  // bytes of it that are
    while (next < pieces.size()) {
      std::size_t count = 0;
      for (std::size_t i = next; i < pieces.size() && count < vector.size(); ++i) {
        const std::size_t from = i == next ? skip : 0;
        if (pieces[i].size() == from) {
          if (i == next) {
            ++next;
            skip = 0;
          }
          continue;
        }
        vector[count].iov_base = const_cast<char*>(pieces[i].data()) + from;
        vector[count].iov_len = pieces[i].size() - from;
        ++count;
      }
      if (count == 0) break;
      const ssize_t done = ::pwritev(fd_.get(), vector.data(), static_cast<int>(count), static_cast<off_t>(offset));
      if (done < 0) {
        if (errno == EINTR) continue;
        return disk_failure("write", errno);
      }
      if (done == 0) return disk_failure("write", EIO);
      offset += static_cast<std::uint64_t>(done);
      for (auto left = static_cast<std::size_t>(done); left > 0;) {
        const std::size_t rest = pieces[next].size() - skip;
        const std::size_t used = std::min(left, rest);
        left -= used;
        skip += used;
        if (skip == pieces[next].size()) {
          ++next;
          skip = 0;
        }
      }
    }
    return {};
  }
  Status sync() override {
    if (::fdatasync(fd_.get()) != 0) return disk_failure("make rows durable", errno);
    return {};
  }
  Status allocate(std::uint64_t size) override {
    if (::fallocate(fd_.get(), 0, 0, static_cast<off_t>(size)) == 0) return {};
    // A file system without preallocation: writes grow the file, and a full disk shows at the write.
    if (errno == EOPNOTSUPP || errno == ENOSYS) return {};
    return disk_failure("reserve space", errno);
  }
  Status truncate(std::uint64_t size) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return disk_failure("cut a file", errno);
    return {};
  }
  Status read_into(std::string& out, std::uint64_t offset, std::uint64_t size) override {
    TRY(const auto whole, this->size());
    const std::uint64_t wanted = offset >= whole ? 0 : std::min(size, whole - offset);
    int problem = 0;
    // libstdc++ 12 tells the room that there is, which may be more than was asked for.
    const auto fill = [&](char* to, std::size_t) {
      std::size_t done = 0;
      while (done < wanted) {
        const ssize_t n = ::pread(fd_.get(), to + done, wanted - done, static_cast<off_t>(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) problem = errno;
        if (n <= 0) break;
        done += static_cast<std::size_t>(n);
      }
      return done;
    };
    out.resize_and_overwrite(wanted, fill);
    if (problem != 0) return disk_failure("read", problem);
    return {};
  }
  Result<std::uint64_t> size() override {
    struct stat info{};
    if (::fstat(fd_.get(), &info) != 0) return disk_failure("look at a file", errno);
    return static_cast<std::uint64_t>(info.st_size);
  }

 private:
  Descriptor fd_;
};

class PosixFolder final : public SpoolFolder {
 public:
  PosixFolder(Descriptor folder, Descriptor failed, Descriptor lock)
      : folder_(std::move(folder)), failed_(std::move(failed)), lock_(std::move(lock)) {}

  Result<std::unique_ptr<SpoolFile>> create(const std::string& name) override {
    return open_with(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, "make a file");
  }
  Result<std::unique_ptr<SpoolFile>> open_file(const std::string& name) override {
    return open_with(name, O_RDWR | O_CLOEXEC, "open a file");
  }
  Result<std::vector<std::string>> list(const std::string& sub) override {
    const int fd = ::openat(folder_.get(), sub.empty() ? "." : sub.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return disk_failure("list its folder", errno);
    DIR* dir = ::fdopendir(fd);
    if (dir == nullptr) {
      ::close(fd);
      return disk_failure("list its folder", errno);
    }
    std::vector<std::string> names;
    for (const dirent* entry = ::readdir(dir); entry != nullptr; entry = ::readdir(dir))
      if (entry->d_type != DT_DIR && entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    ::closedir(dir);
    std::ranges::sort(names);
    return names;
  }
  Status remove(const std::string& name) override {
    if (::unlinkat(folder_.get(), name.c_str(), 0) != 0 && errno != ENOENT) return disk_failure("remove a file", errno);
    return {};
  }
  Status rename(const std::string& from, const std::string& to) override {
    if (::renameat(folder_.get(), from.c_str(), folder_.get(), to.c_str()) != 0)
      return disk_failure("rename a file", errno);
    return {};
  }
  Status sync() override {
    if (::fsync(folder_.get()) != 0 || ::fsync(failed_.get()) != 0)
      return disk_failure("make a file name durable", errno);
    return {};
  }

 private:
  Result<std::unique_ptr<SpoolFile>> open_with(const std::string& name, int flags, std::string_view what) {
    const int fd = ::openat(folder_.get(), name.c_str(), flags, 0600);
    if (fd < 0) return disk_failure(what, errno);
    return std::make_unique<PosixFile>(Descriptor(fd));
  }
  Descriptor folder_, failed_, lock_;
};

}  // namespace

Result<std::unique_ptr<SpoolFolder>> SpoolFolder::open(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return disk_failure("make its folder", errno);
  Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) return disk_failure("open its folder", errno);
  Descriptor lock(::openat(folder.get(), ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.get() < 0) return disk_failure("open its lock file", errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return disk_failure("lock its folder", errno);
    return fail(Error{.code = Code::conflict,
                      .message = "another server process uses this data folder",
                      .hint = "stop the other process, or start this one with its own data folder"});
  }
  if (::mkdirat(folder.get(), "failed", 0700) != 0 && errno != EEXIST) return disk_failure("make its folder", errno);
  Descriptor failed(::openat(folder.get(), "failed", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (failed.get() < 0) return disk_failure("open its folder", errno);
  return std::make_unique<PosixFolder>(std::move(folder), std::move(failed), std::move(lock));
}

}  // namespace kinglet::spool
