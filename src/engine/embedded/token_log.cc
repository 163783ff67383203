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

/// The logs of a folder by number, the newest last.
std::vector<fs::path> logs_of(const fs::path& folder) {
  constexpr std::string_view start = "deduplication_log_", end = ".txt";
  std::vector<std::pair<std::int64_t, fs::path>> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(start) || !name.ends_with(end)) continue;
    const auto which = number(std::string_view(name).substr(start.size(), name.size() - start.size() - end.size()));
    if (which) found.emplace_back(*which, entry.path());
  }
  std::ranges::sort(found);
  std::vector<fs::path> logs;
  for (auto& [_, path] : found) logs.push_back(std::move(path));
  return logs;
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

/// The end of a log: whole lines, and where in the file they begin and end.
struct Tail {
  std::string bytes;
  off_t begin = 0, end = 0;
  bool torn = false;  // a line that was written in part follows them

  bool all() const { return begin == 0; }
  std::string_view lines() const {
    std::string_view view = bytes;
    if (!all()) view.remove_prefix(std::min(view.size(), view.find('\n') + 1));
    return view;
  }
};

Result<Tail> read_tail(const File& file) {
  if (file.get() < 0) return failure("opened");
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  if (size < 0) return failure("read");
  Tail tail{.bytes = {}, .begin = std::max<off_t>(0, size - static_cast<off_t>(token_log_tail_bytes))};
  tail.bytes.resize(static_cast<std::size_t>(size - tail.begin));
  if (::pread(file.get(), tail.bytes.data(), tail.bytes.size(), tail.begin) != static_cast<ssize_t>(tail.bytes.size()))
    return failure("read");
  const std::size_t last = tail.bytes.rfind('\n');
  const std::size_t whole = last == std::string::npos ? 0 : last + 1;
  tail.torn = whole < tail.bytes.size();
  tail.bytes.resize(whole);
  tail.end = tail.begin + static_cast<off_t>(whole);
  return tail;
}

/// `logs` are those of `table`, the newest last.
Result<std::size_t> put_right(const fs::path& table, const std::vector<fs::path>& logs) {
  const File file(::open(logs.back().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  TRY(const Tail newest, read_tail(file));
  if (newest.bytes.empty() && !newest.all()) return 0;  // no log of this format
  std::string lines;
  // A full log is followed by a new one right after its last token, and that is still before the commit.
  if (newest.all() && logs.size() > 1) {
    const File full(::open(logs[logs.size() - 2].c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    TRY(const Tail before, read_tail(full));
    lines += before.lines();
  }
  lines += newest.lines();

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
  // A line that was written in part would keep the engine from opening the table.
  if (!newest.torn && count == 0) return 0;
  if (::ftruncate(file.get(), newest.end) != 0) return failure("cut");
  if (::pwrite(file.get(), dropped.data(), dropped.size(), newest.end) != static_cast<ssize_t>(dropped.size()))
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
      const auto logs = logs_of(table.path() / "deduplication_logs");
      if (logs.empty()) continue;
      TRY(const auto one, put_right(table.path(), logs));
      count += one;
    }
  }
  return count;
}

}  // namespace kinglet::embedded
