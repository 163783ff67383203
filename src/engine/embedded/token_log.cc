// SPDX-License-Identifier: Apache-2.0
// Source of the format: ClickHouse, Storages/MergeTree/MergeTreeDeduplicationLog.cpp: lines of operation (1 add, 2
// drop), part name and block id, in files deduplication_log_<number>.txt, the newest with the highest number.
#include "engine/embedded/token_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

namespace kinglet::embedded {
namespace {

namespace fs = std::filesystem;

/// <partition>_<first block>_<last block>_<level>[_<mutation>]
struct PartName {
  std::string partition;
  std::int64_t first = 0, last = 0;
};

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

/// Partition ids hold no underscore.
std::optional<PartName> parse_part(std::string_view name) {
  std::vector<std::string_view> fields;
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('_', begin), name.size());
    fields.push_back(name.substr(begin, end - begin));
    begin = end + 1;
  }
  if (fields.size() != 4 && fields.size() != 5) return std::nullopt;
  const auto first = number(fields[1]), last = number(fields[2]);
  if (!first || !last || !number(fields[3])) return std::nullopt;
  return PartName{.partition = std::string(fields[0]), .first = *first, .last = *last};
}

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::unexpected<Error> failure(std::string_view what) {
  return fail(Code::unavailable, "the engine's record of tokens cannot be {}: {}", what, std::strerror(errno));
}

/// The newest log of a folder; empty when there is none.
fs::path newest_log(const fs::path& folder) {
  constexpr std::string_view start = "deduplication_log_", end = ".txt";
  std::int64_t highest = -1;
  fs::path found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(start) || !name.ends_with(end)) continue;
    const auto which = number(std::string_view(name).substr(start.size(), name.size() - start.size() - end.size()));
    if (which && *which > highest) {
      highest = *which;
      found = entry.path();
    }
  }
  return found;
}

struct Record {
  std::string_view part, block;
};

/// What the lines still hold, in their order: an add until its block is dropped.
std::vector<Record> held(std::string_view lines) {
  std::vector<Record> records;
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n');
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(lines.size(), end + 1));
    const std::size_t part = line.find('\t');
    const std::size_t block = part == std::string_view::npos ? part : line.find('\t', part + 1);
    if (block == std::string_view::npos) continue;
    const Record record{.part = line.substr(part + 1, block - part - 1), .block = line.substr(block + 1)};
    if (line.substr(0, part) == "1")
      records.push_back(record);
    else
      std::erase_if(records, [&](const Record& other) { return other.block == record.block; });
  }
  return records;
}

Result<std::size_t> put_right(const fs::path& table, const fs::path& log) {
  const File file(::open(log.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (file.get() < 0) return failure("opened");
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  if (size < 0) return failure("read");
  const auto from = std::max<off_t>(0, size - static_cast<off_t>(token_log_tail_bytes));
  std::string tail(static_cast<std::size_t>(size - from), '\0');
  if (::pread(file.get(), tail.data(), tail.size(), from) != static_cast<ssize_t>(tail.size())) return failure("read");

  // A line that was written in part would keep the engine from opening the table.
  const std::size_t whole = tail.rfind('\n') == std::string::npos ? 0 : tail.rfind('\n') + 1;
  if (whole == 0 && from > 0) return 0;  // no log of this format
  const bool torn = whole < tail.size();
  std::string_view lines(tail.data(), whole);
  if (from > 0) lines.remove_prefix(lines.find('\n') + 1);

  std::string dropped;
  std::size_t count = 0;
  std::vector<PartName> parts;
  if (!lines.empty()) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(table, error))
      if (auto part = parse_part(entry.path().filename().string())) parts.push_back(*std::move(part));
    if (error) return fail(Code::unavailable, "the folder of a table cannot be listed: {}", error.message());
  }
  for (const auto& record : held(lines)) {
    const auto noted = parse_part(record.part);
    if (!noted) continue;
    const bool stored = std::ranges::any_of(parts, [&](const PartName& part) {
      return part.partition == noted->partition && part.first <= noted->first && noted->last <= part.last;
    });
    if (stored) continue;
    dropped += fmt::format("2\t{}\t{}\n", record.part, record.block);
    ++count;
  }
  if (!torn && count == 0) return 0;
  if (::ftruncate(file.get(), from + static_cast<off_t>(whole)) != 0) return failure("cut");
  if (::pwrite(file.get(), dropped.data(), dropped.size(), from + static_cast<off_t>(whole)) !=
      static_cast<ssize_t>(dropped.size()))
    return failure("written");
  if (::fsync(file.get()) != 0) return failure("made durable");
  return count;
}

}  // namespace

Result<std::size_t> take_back_lost_tokens(const std::string& engine_folder) {
  std::size_t count = 0;
  std::error_code ignored;  // a new folder has no store
  for (const auto& group : fs::directory_iterator(fs::path(engine_folder) / "store", ignored)) {
    std::error_code gone;
    for (const auto& table : fs::directory_iterator(group.path(), gone)) {
      const auto log = newest_log(table.path() / "deduplication_logs");
      if (log.empty()) continue;
      TRY(const auto one, put_right(table.path(), log));
      count += one;
    }
  }
  return count;
}

}  // namespace kinglet::embedded
