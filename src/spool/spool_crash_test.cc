// SPDX-License-Identifier: Apache-2.0
// kill -9 in a loop: a child process appends and flushes, the parent ends it at any moment (attacks.md R1, R10).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <random>
#include <set>
#include <sstream>

#include "spool/spool.h"
#include "spool/spool_testing.h"

namespace kinglet::spool {
namespace {

using namespace testing;  // NOLINT: the test kit of this module

/// Lines that survive kill -9: one write call each.
class LineFile {
 public:
  explicit LineFile(const std::string& path) : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600)) {}
  ~LineFile() { ::close(fd_); }
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;
  void add(const std::string& line) {
    ASSERT_EQ(::write(fd_, (line + "\n").data(), line.size() + 1), static_cast<ssize_t>(line.size() + 1));
  }
  static std::vector<std::string> read(const std::string& path) {
    std::ifstream in(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

 private:
  int fd_;
};

/// The "engine": stores inserts in a file that outlives the process; the reader drops repeated tokens, as the engine
/// does.
class FileLanding final : public Landing {
 public:
  explicit FileLanding(const std::string& path) : file_(path) {}
  Task<LandingAnswer> land(const LandingPart& part, Deadline) override {
    std::string line = part.layout.table.table + " " + part.token;
    for (const auto block : part.blocks) {
      std::string rows(block);
      std::ranges::replace(rows, '\n', ' ');
      line += " " + rows;
    }
    file_.add(line);
    // Sometimes the engine stores and the answer is lost.
    if (++count_ % 5 == 0) co_return LandingAnswer{.verdict = Verdict::unreachable};
    co_return LandingAnswer{.verdict = Verdict::stored};
  }

 private:
  LineFile file_;
  int count_ = 0;
};

struct Paths {
  std::string spool, sent, acknowledged, landed;
  explicit Paths(const std::string& root)
      : spool(root + "/spool"), sent(root + "/sent"), acknowledged(root + "/acknowledged"), landed(root + "/landed") {}
};

std::unique_ptr<Spool> open(const Paths& paths) {
  auto options = quick_options(paths.spool);
  options.flush_interval = std::chrono::milliseconds(3);
  options.flush_bytes_max = 4096;
  auto spool = Spool::open(options, [&](const auto&) { return std::make_unique<FileLanding>(paths.landed); });
  if (!spool) std::fprintf(stderr, "%s\n", spool.error().message.c_str());
  return spool ? *std::move(spool) : nullptr;
}

AppendRequest numbered(const std::string& id) {
  auto out = request("t", {id}, id);
  out.sections.push_back(section("q", {id}, SectionKind::quarantine));
  out.meta.quarantined_rows = 1;
  return out;
}

Task<void> client(Spool& spool, LineFile& sent, LineFile& acknowledged, std::vector<std::string> again,
                  std::string prefix) {
  for (const auto& id : again)
    if ((co_await spool.append(numbered(id))).has_value()) acknowledged.add(id);
  for (int i = 0; prefix != "" && i < 1'000'000; ++i) {
    const std::string id = prefix + std::to_string(i);
    sent.add(id);
    if ((co_await spool.append(numbered(id))).has_value()) acknowledged.add(id);
  }
}

std::vector<std::string> unacknowledged(const Paths& paths) {
  const auto acknowledged = LineFile::read(paths.acknowledged);
  const std::set<std::string> known(acknowledged.begin(), acknowledged.end());
  std::vector<std::string> out;
  for (const auto& id : LineFile::read(paths.sent))
    if (!known.contains(id)) out.push_back(id);
  return out;
}

void run_clients(const Paths& paths, int round, int clients) {
  auto spool = open(paths);
  if (spool == nullptr) _exit(3);
  LineFile sent(paths.sent);
  LineFile acknowledged(paths.acknowledged);
  IoThreads io(2, "child");
  std::vector<std::future<void>> all;
  for (int i = 0; i < clients; ++i) {
    auto again = i == 0 ? unacknowledged(paths) : std::vector<std::string>();
    all.push_back(asio::co_spawn(io.executor(i % 2),
                                 client(*spool, sent, acknowledged, std::move(again), fmt::format("r{}c{}n", round, i)),
                                 asio::use_future));
  }
  for (auto& one : all) one.get();
}

// attacks.md R1, R10: KINGLET_KILL_ROUNDS=1000 for the long run.
TEST(SpoolCrash, KillNineAtAnyMomentStoresEachRequestOnce) {
  const char* asked = std::getenv("KINGLET_KILL_ROUNDS");
  const int rounds = asked == nullptr ? 25 : std::atoi(asked);
  TempFolder folder;
  const Paths paths(folder.path());
  std::mt19937 random(std::random_device{}());
  for (int round = 0; round < rounds; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      run_clients(paths, round, 8);
      _exit(0);
    }
    ::usleep(2'000 + random() % 60'000);  // sleep: the moment of death varies
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
  }
  {
    auto spool = open(paths);
    ASSERT_NE(spool, nullptr);
    LineFile sent(paths.sent);
    LineFile acknowledged(paths.acknowledged);
    IoThreads io(1, "check");
    io.run(0, [&] { return client(*spool, sent, acknowledged, unacknowledged(paths), ""); });
    ASSERT_TRUE(io.run(0, [&] { return spool->flush(Clock::now() + std::chrono::seconds(60)); }));
    EXPECT_EQ(spool->stats().damaged_segments, 0u);
  }

  std::map<std::string, std::map<std::string, std::string>> tokens;  // table -> token -> rows
  for (const auto& line : LineFile::read(paths.landed)) {
    std::istringstream words(line);
    std::string table, token, rows;
    words >> table >> token;
    std::getline(words, rows);
    const auto [known, fresh] = tokens[table].emplace(token, rows);
    EXPECT_EQ(known->second, rows) << "a token came with other rows";
  }
  std::map<std::string, std::map<std::string, int>> stored;  // table -> row -> how often
  for (const auto& [table, inserts] : tokens) {
    for (const auto& [token, rows] : inserts) {
      std::istringstream words(rows);
      for (std::string row; words >> row;) ++stored[table][row];
    }
  }
  const auto sent = LineFile::read(paths.sent);
  const std::set<std::string> ids(sent.begin(), sent.end());
  for (const std::string table : {"t", "q"}) {
    for (const auto& id : ids) EXPECT_EQ(stored[table][id], 1) << table << " " << id;
    EXPECT_EQ(stored[table].size(), ids.size());
  }
  std::printf("%d kills, %zu requests, each stored once\n", rounds, ids.size());
}

}  // namespace
}  // namespace kinglet::spool
