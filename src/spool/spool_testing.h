// SPDX-License-Identifier: Apache-2.0
// For tests of the spool: a landing that records and follows a script, files that fail on demand, a temporary folder.
#pragma once

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "runtime/io_threads.h"
#include "spool/spool.h"

namespace kinglet::spool::testing {

/// What the tables hold, and how the "engine" answers. Like the engine it stores the rows of a token once.
class Tables {
 public:
  struct Insert {
    std::string token, table;
    std::vector<std::string> rows;
    Verdict verdict;
  };

  /// The answer for the next inserts; unset: stored. Called with the mutex held.
  void script(std::function<Verdict(const LandingPart&, const std::vector<std::string>& rows)> answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  LandingAnswer insert(const LandingPart& part) {
    const std::lock_guard lock(mutex_);
    Insert insert{.token = part.token, .table = part.layout.table.table, .rows = {}, .verdict = Verdict::stored};
    for (const auto block : part.blocks) {
      std::size_t begin = 0;
      for (std::size_t end = block.find('\n'); end != std::string_view::npos; end = block.find('\n', begin)) {
        insert.rows.emplace_back(block.substr(begin, end - begin));
        begin = end + 1;
      }
    }
    if (answer_) insert.verdict = answer_(part, insert.rows);
    inserts_.push_back(insert);
    if (insert.verdict == Verdict::stored || insert.verdict == Verdict::view_failed) {
      auto& rows = rows_[insert.table];
      if (tokens_.insert({insert.table, insert.token}).second)
        rows.insert(rows.end(), insert.rows.begin(), insert.rows.end());
    }
    if (insert.verdict == Verdict::stored) return {.verdict = Verdict::stored};
    return {.verdict = insert.verdict,
            .error = {.code = Code::engine_refused, .message = "scripted", .engine_code = 53}};
  }
  std::vector<std::string> rows(const std::string& table) {
    const std::lock_guard lock(mutex_);
    return rows_[table];
  }
  std::vector<Insert> inserts() {
    const std::lock_guard lock(mutex_);
    return inserts_;
  }

 private:
  std::mutex mutex_;
  std::function<Verdict(const LandingPart&, const std::vector<std::string>&)> answer_;
  std::vector<Insert> inserts_;
  std::map<std::string, std::vector<std::string>> rows_;
  std::set<std::pair<std::string, std::string>> tokens_;
};

class ScriptedLanding final : public Landing {
 public:
  explicit ScriptedLanding(Tables& tables) : tables_(tables) {}
  Task<LandingAnswer> land(const LandingPart& part, Deadline) override { co_return tables_.insert(part); }

 private:
  Tables& tables_;
};

/// As ScriptedLanding, but inserts into tables called hang… do not end until the switch is open.
class HangingLanding final : public Landing {
 public:
  struct Switch {
    std::atomic<bool> open{false};
    std::atomic<std::size_t> waiting{0};
  };
  HangingLanding(asio::any_io_executor executor, Tables& tables, Switch& hang)
      : executor_(std::move(executor)), tables_(tables), hang_(hang) {}
  Task<LandingAnswer> land(const LandingPart& part, Deadline) override {
    if (part.layout.table.table.starts_with("hang")) {
      ++hang_.waiting;
      asio::steady_timer timer(executor_);
      while (!hang_.open) {
        timer.expires_after(std::chrono::milliseconds(1));
        const auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
        if (error) co_return LandingAnswer{.verdict = Verdict::unreachable};
      }
      --hang_.waiting;
    }
    co_return tables_.insert(part);
  }

 private:
  asio::any_io_executor executor_;
  Tables& tables_;
  Switch& hang_;
};

/// As ScriptedLanding, with as many parts in table "t" and partitions in all as the switch says.
class CrowdedLanding final : public Landing {
 public:
  struct Switch {
    std::atomic<std::uint64_t> parts{0}, partitions{1};
  };
  CrowdedLanding(Tables& tables, Switch& crowd) : tables_(tables), crowd_(crowd) {}
  Task<LandingAnswer> land(const LandingPart& part, Deadline) override { co_return tables_.insert(part); }
  Task<Result<std::vector<CrowdedTable>>> crowded(std::uint64_t in_partition, std::uint64_t, Deadline) override {
    std::vector<CrowdedTable> tables;
    if (const auto parts = crowd_.parts.load(); parts >= in_partition)
      tables.push_back({.table = {.database = "db", .table = "t"}, .parts_in_partition = parts, .parts = parts});
    co_return tables;
  }
  Task<Result<std::uint64_t>> partitions(std::string, Deadline) override { co_return crowd_.partitions.load(); }

 private:
  Tables& tables_;
  Switch& crowd_;
};

/// Switches for what fails, and what was seen; shared by all files of a folder. With `only`, files whose names hold it.
struct Faults {
  std::atomic<bool> create{false}, allocate{false}, write{false}, sync{false}, truncate{false}, read{false};
  std::atomic<bool> remove{false}, rename{false}, folder_sync{false};
  std::atomic<const char*> only{""};
  std::atomic<std::uint64_t> zeros_written{0};  // bytes of pieces without any other
  std::atomic<int> segment_reads{0};
  bool hit(const std::atomic<bool>& fault, const std::string& name) const {
    return fault && name.find(only.load()) != std::string::npos;
  }
};

class FaultyFolder final : public SpoolFolder {
 public:
  FaultyFolder(std::unique_ptr<SpoolFolder> real, Faults& faults) : real_(std::move(real)), faults_(faults) {}
  Result<std::unique_ptr<SpoolFile>> create(const std::string& name) override {
    if (faults_.hit(faults_.create, name))
      return fail(Code::unavailable, "the disk of the spool is full: cannot make a file");
    return wrap(name, real_->create(name));
  }
  Result<std::unique_ptr<SpoolFile>> open_file(const std::string& name) override {
    return wrap(name, real_->open_file(name));
  }
  Result<std::vector<std::string>> list(const std::string& sub) override { return real_->list(sub); }
  Status remove(const std::string& name) override {
    if (faults_.hit(faults_.remove, name))
      return fail(Code::unavailable, "the spool cannot remove a file: input/output error");
    return real_->remove(name);
  }
  Status rename(const std::string& from, const std::string& to) override {
    if (faults_.hit(faults_.rename, from))
      return fail(Code::unavailable, "the spool cannot rename a file: input/output error");
    return real_->rename(from, to);
  }
  Status sync() override {
    if (faults_.folder_sync)
      return fail(Code::unavailable, "the spool cannot make a file name durable: input/output error");
    return real_->sync();
  }

 private:
  class File final : public SpoolFile {
   public:
    File(std::string name, std::unique_ptr<SpoolFile> real, Faults& faults)
        : name_(std::move(name)), real_(std::move(real)), faults_(faults) {}
    Status write(std::uint64_t offset, std::span<const std::string_view> pieces) override {
      for (const auto piece : pieces)
        if (piece.find_first_not_of('\0') == std::string_view::npos) faults_.zeros_written += piece.size();
      if (!faults_.hit(faults_.write, name_)) return real_->write(offset, pieces);
      // Half of it reaches the disk.
      if (!pieces.empty()) {
        const std::string_view half[] = {pieces[0].substr(0, pieces[0].size() / 2)};
        (void)real_->write(offset, half);
      }
      return fail(Code::unavailable, "the spool cannot write: input/output error");
    }
    Status sync() override {
      if (faults_.hit(faults_.sync, name_))
        return fail(Code::unavailable, "the spool cannot make rows durable: input/output error");
      return real_->sync();
    }
    Status allocate(std::uint64_t size) override {
      if (faults_.hit(faults_.allocate, name_))
        return fail(Code::unavailable, "the disk of the spool is full: cannot reserve space");
      return real_->allocate(size);
    }
    Status truncate(std::uint64_t size) override {
      if (faults_.hit(faults_.truncate, name_))
        return fail(Code::unavailable, "the spool cannot cut a file: input/output error");
      return real_->truncate(size);
    }
    Status read_into(std::string& out, std::uint64_t offset, std::uint64_t size) override {
      if (faults_.hit(faults_.read, name_)) return fail(Code::unavailable, "the spool cannot read: input/output error");
      if (name_.ends_with(".segment")) ++faults_.segment_reads;
      return real_->read_into(out, offset, size);
    }
    Result<std::uint64_t> size() override { return real_->size(); }

   private:
    std::string name_;
    std::unique_ptr<SpoolFile> real_;
    Faults& faults_;
  };
  Result<std::unique_ptr<SpoolFile>> wrap(const std::string& name, Result<std::unique_ptr<SpoolFile>> file) {
    if (!file) return file;
    return std::make_unique<File>(name, *std::move(file), faults_);
  }
  std::unique_ptr<SpoolFolder> real_;
  Faults& faults_;
};

class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kinglet-spool-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }
  std::vector<std::string> files(const std::string& suffix, const std::string& sub = "") const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(path_) / sub))
      if (entry.path().string().ends_with(suffix)) names.push_back(entry.path().filename().string());
    std::ranges::sort(names);
    return names;
  }

 private:
  std::string path_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}
inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline SpoolSection section(const std::string& table, const std::vector<std::string>& rows,
                            SectionKind kind = SectionKind::rows) {
  SpoolSection out{.layout = Layout{.table = {.database = "db", .table = table}, .columns = {"a"}},
                   .kind = kind,
                   .row_count = rows.size(),
                   .block = {}};
  for (const auto& row : rows) out.block += row + "\n";
  return out;
}

inline AppendRequest request(const std::string& table, const std::vector<std::string>& rows,
                             const std::string& key = {}) {
  AppendRequest out;
  out.meta.source = "t_" + table;
  out.meta.idempotency_key = key;
  out.meta.successful_rows = rows.size();
  out.sections.push_back(section(table, rows));
  return out;
}

/// Short times, small disk chunks.
inline SpoolOptions quick_options(const std::string& folder) {
  SpoolOptions options;
  options.folder = folder;
  options.flush_interval = std::chrono::milliseconds(20);
  options.wait_flush = std::chrono::milliseconds(2);
  options.retry_min = std::chrono::milliseconds(1);
  options.retry_max = std::chrono::milliseconds(20);
  options.preallocate_bytes = 64u << 10;
  return options;
}

}  // namespace kinglet::spool::testing
