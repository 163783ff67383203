// SPDX-License-Identifier: Apache-2.0
#include "jobs/container_check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jobs/container_parts.h"

namespace kinglet::jobs {
namespace {

class FileSource final : public internal::Source {
 public:
  explicit FileSource(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat state{};
    if (fd_ >= 0 && ::fstat(fd_, &state) == 0) size_ = static_cast<std::uint64_t>(state.st_size);
  }
  ~FileSource() override {
    if (fd_ >= 0) ::close(fd_);
  }
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  std::uint64_t size() const override { return size_; }
  Result<std::string> read(std::uint64_t offset, std::uint64_t count) override {
    if (offset > size_ || count > size_ - offset) return fail(Code::invalid, "it is cut short");
    std::string out(count, '\0');
    std::uint64_t done = 0;
    while (done < count) {
      const auto got = ::pread(fd_, out.data() + done, count - done, static_cast<off_t>(offset + done));
      if (got <= 0) return fail(Code::unavailable, "the file cannot be read back from the server's disk");
      done += static_cast<std::uint64_t>(got);
    }
    return out;
  }

 private:
  int fd_;
  std::uint64_t size_ = 0;
};

class MemorySource final : public internal::Source {
 public:
  explicit MemorySource(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Result<std::string> read(std::uint64_t offset, std::uint64_t count) override {
    if (offset > bytes_.size() || count > bytes_.size() - offset) return fail(Code::invalid, "it is cut short");
    return std::string(bytes_.substr(offset, count));
  }

 private:
  std::string_view bytes_;
};

std::string_view shown_name(FileFormat format) {
  switch (format) {
    case FileFormat::parquet:
      return "Parquet";
    case FileFormat::arrow:
    case FileFormat::arrow_stream:
      return "Arrow";
    case FileFormat::orc:
      return "ORC";
    default:
      return "Avro";
  }
}

Result<ContainerFacts> check(FileFormat format, internal::Source& source, const ContainerLimits& limits) {
  auto facts = [&]() -> Result<ContainerFacts> {
    if (source.size() == 0) return internal::damaged("it is empty");
    switch (format) {
      case FileFormat::parquet:
        return internal::check_parquet(source, limits);
      case FileFormat::orc:
        return internal::check_orc(source, limits);
      case FileFormat::avro:
        return internal::check_avro(source, limits);
      case FileFormat::arrow:
      case FileFormat::arrow_stream:
        return internal::check_arrow(source, limits);
      case FileFormat::csv:
      case FileFormat::ndjson:
        break;
    }
    return internal::damaged("its format has no container");
  }();
  if (!facts && (facts.error().code == Code::invalid || facts.error().code == Code::unsupported))
    facts.error().message = fmt::format("the {} file cannot be read: {}", shown_name(format), facts.error().message);
  return facts;
}

}  // namespace

Result<ContainerFacts> check_container(FileFormat format, const std::string& path, const ContainerLimits& limits) {
  FileSource source(path);
  return check(format, source, limits);
}

Result<ContainerFacts> check_container_bytes(FileFormat format, std::string_view bytes, const ContainerLimits& limits) {
  MemorySource source(bytes);
  return check(format, source, limits);
}

}  // namespace kinglet::jobs
