// SPDX-License-Identifier: Apache-2.0
// The few file operations of the spool, behind an interface so that tests can make them fail.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kinglet::spool {

/// One open file. Thread: one at a time. Errors of all: unavailable, with the reason in plain words and no path.
class SpoolFile {
 public:
  virtual ~SpoolFile() = default;
  /// Writes all pieces one after the other from `offset` on, or fails (some bytes may be written then).
  virtual Status write(std::uint64_t offset, std::span<const std::string_view> pieces) = 0;
  /// fdatasync. After a failure nothing is known about unsynced bytes: never call it again and believe the answer.
  virtual Status sync() = 0;
  /// Reserves disk space up to `size`; the new bytes read as zeros. Fails before any write does when the disk is full.
  virtual Status allocate(std::uint64_t size) = 0;
  virtual Status truncate(std::uint64_t size) = 0;
  /// At most `size` bytes from `offset`; fewer at the end of the file.
  Result<std::string> read(std::uint64_t offset, std::uint64_t size) {
    std::string out;
    TRY_VOID(read_into(out, offset, size));
    return out;
  }
  /// The same in place of what `out` holds, whose memory is used again.
  virtual Status read_into(std::string& out, std::uint64_t offset, std::uint64_t size) = 0;
  virtual Result<std::uint64_t> size() = 0;
};

/// A folder that one process owns. Names are file names, or "failed/NAME". Thread: any.
class SpoolFolder {
 public:
  /// Makes the folder and `failed/` when missing, and locks it. Errors: conflict (another process holds it),
  /// unavailable.
  static Result<std::unique_ptr<SpoolFolder>> open(const std::string& path);

  virtual ~SpoolFolder() = default;
  /// A new empty file; an existing one of that name is emptied.
  virtual Result<std::unique_ptr<SpoolFile>> create(const std::string& name) = 0;
  virtual Result<std::unique_ptr<SpoolFile>> open_file(const std::string& name) = 0;
  /// File names, sorted; `sub` is "" or "failed".
  virtual Result<std::vector<std::string>> list(const std::string& sub) = 0;
  /// Removing what is not there is success.
  virtual Status remove(const std::string& name) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  /// Makes created, renamed and removed names durable.
  virtual Status sync() = 0;
};

}  // namespace kinglet::spool
