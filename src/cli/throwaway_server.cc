// SPDX-License-Identifier: Apache-2.0
#include "cli/throwaway_server.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "json/document.h"
#include "runtime/guarded.h"

extern char** environ;

namespace kinglet::cli {

namespace fs = std::filesystem;

namespace {
constexpr auto start_patience = std::chrono::seconds(60);
constexpr auto stop_patience = std::chrono::seconds(15);
constexpr auto look_interval = std::chrono::milliseconds(5);
constexpr std::size_t log_bytes_shown_max = 4096;
constexpr std::size_t folder_bytes_max = 75;  // the engine's sockets stand in it, and their addresses hold 107 bytes
constexpr std::array stopping_signals{SIGINT, SIGTERM, SIGHUP};

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

sigset_t signal_set() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int s : stopping_signals) sigaddset(&signals, s);
  return signals;
}

/// The server sees no setting of this process's environment but where the engine is found.
std::vector<char*> server_environment() {
  std::vector<char*> environment;
  for (char** e = environ; *e != nullptr; ++e) {
    const std::string_view entry(*e);
    bool kept = !entry.starts_with("KINGLET_") && !entry.starts_with("TB_");
    for (const std::string_view name : {"KINGLET_LIBCHDB=", "KINGLET_CACHE=", "KINGLET_ENGINE_BINARY="})
      kept = kept || entry.starts_with(name);
    if (kept) environment.push_back(*e);
  }
  environment.push_back(nullptr);
  return environment;
}

/// Queries run on one thread: then rows that no ORDER BY orders come in the same order on every machine, and as the
/// documented product recorded them. Its output goes to `log`. In a group of its own, so that Ctrl-C reaches this
/// process alone, which then stops it in order; and it gets SIGTERM when this process is gone without having done so.
Result<pid_t> spawn(const fs::path& folder, const fs::path& log) {
  std::error_code error;
  const auto program = fs::read_symlink("/proc/self/exe", error).string();
  if (error) return fail(Code::unavailable, "this program does not know where it is: {}", error.message());
  std::vector<std::string> words{program,
                                 "serve",
                                 "--data",
                                 (folder / "db").string(),
                                 "--port",
                                 "0",
                                 "--clickhouse-port",
                                 "0",
                                 "--ready-file",
                                 (folder / "ready.json").string(),
                                 "--log-level",
                                 "warning",
                                 "--flush-interval-ms",
                                 "20",
                                 "--query-threads-max",
                                 "1",
                                 "--shutdown-seconds",
                                 "2"};
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  auto environment = server_environment();
  const int output = ::open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  const int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const pid_t parent = ::getpid();
  const pid_t child = output < 0 || input < 0 ? -1 : ::fork();
  if (child == 0) {  // only calls that are safe after fork() until exec
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(1);
    for (const int s : stopping_signals) ::signal(s, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::dup2(input, STDIN_FILENO);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    ::execve(program.c_str(), arguments.data(), environment.data());
    ::_exit(127);
  }
  const int why = errno;
  if (output >= 0) ::close(output);
  if (input >= 0) ::close(input);
  if (child < 0) return fail(Code::unavailable, "the server could not be started: {}", std::strerror(why));
  return child;
}

/// What has to go, whoever ends it.
struct Remains {
  pid_t pid = 0;
  fs::path folder;
  bool gone = false;

  void end() {
    if (std::exchange(gone, true)) return;
    if (pid > 0) {
      ::kill(pid, SIGTERM);
      const auto patience = std::chrono::steady_clock::now() + stop_patience;
      while (::waitpid(pid, nullptr, WNOHANG) == 0) {
        if (std::chrono::steady_clock::now() > patience) {
          ::kill(pid, SIGKILL);
          ::waitpid(pid, nullptr, 0);
          break;
        }
        std::this_thread::sleep_for(look_interval);
      }
    }
    std::error_code error;  // a file that cannot be removed fails no test
    fs::remove_all(folder, error);
  }
};
}  // namespace

struct ThrowawayServer::State {
  Guarded<Remains> remains;
  std::string url;
  fs::path log;
  sigset_t mask_before{};
  int signals = -1, finished = -1;
  std::thread watch;

  State() {
    const auto set = signal_set();
    ::pthread_sigmask(SIG_BLOCK, &set, &mask_before);
    signals = ::signalfd(-1, &set, SFD_CLOEXEC);
    finished = ::eventfd(0, EFD_CLOEXEC);
  }
  State(const State&) = delete;

  /// A thread of its own: the commands block in their requests, and would see a signal only after them.
  void watch_signals() {
    watch = std::thread([this] {
      for (;;) {
        std::array<pollfd, 2> waiting{
            {{.fd = signals, .events = POLLIN, .revents = 0}, {.fd = finished, .events = POLLIN, .revents = 0}}};
        if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
        if ((waiting[1].revents & POLLIN) != 0) return;
        signalfd_siginfo info{};
        if (::read(signals, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) continue;
        remains.with([](Remains& r) { r.end(); });
        constexpr std::string_view told = "✗ interrupted; the server of the tests is stopped and removed\n";
        // Nobody is left who could be told that this was not written.
        [[maybe_unused]] const auto written = ::write(STDERR_FILENO, told.data(), told.size());
        ::_exit(128 + static_cast<int>(info.ssi_signo));
      }
    });
  }

  ~State() {
    remains.with([](Remains& r) { r.end(); });
    if (watch.joinable()) {
      const std::uint64_t one = 1;
      // An eventfd takes a first number always.
      [[maybe_unused]] const auto written = ::write(finished, &one, sizeof one);
      watch.join();
    }
    if (signals >= 0) ::close(signals);
    if (finished >= 0) ::close(finished);
    ::pthread_sigmask(SIG_SETMASK, &mask_before, nullptr);
  }
};

ThrowawayServer::ThrowawayServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
ThrowawayServer::ThrowawayServer(ThrowawayServer&&) noexcept = default;
ThrowawayServer::~ThrowawayServer() = default;

const std::string& ThrowawayServer::url() const {
  return state_->url;
}

std::string ThrowawayServer::log_end() const {
  auto text = read_file(state_->log);
  if (text.size() > log_bytes_shown_max) text.erase(0, text.find('\n', text.size() - log_bytes_shown_max) + 1);
  return text;
}

Result<ThrowawayServer> ThrowawayServer::start() {
  std::error_code error;
  const auto temporary = fs::temp_directory_path(error);
  constexpr std::string_view pattern = "kinglet-test-XXXXXX";
  std::string folder = (temporary / pattern).string();
  if (error || folder.size() > folder_bytes_max) folder = (fs::path("/tmp") / pattern).string();
  auto state = std::make_unique<State>();
  if (::mkdtemp(folder.data()) == nullptr)
    return fail(Code::unavailable, "no temporary folder can be made: {}", std::strerror(errno));
  state->log = fs::path(folder) / "server.log";
  state->remains.with([&](Remains& r) { r.folder = folder; });
  state->watch_signals();
  TRY(const pid_t pid, spawn(folder, state->log));
  state->remains.with([&](Remains& r) { r.pid = pid; });

  ThrowawayServer server(std::move(state));
  const auto ready = fs::path(folder) / "ready.json";
  const auto patience = std::chrono::steady_clock::now() + start_patience;
  while (!fs::exists(ready, error)) {
    const bool ended = server.state_->remains.with([](Remains& r) {
      if (r.pid <= 0 || ::waitpid(r.pid, nullptr, WNOHANG) == 0) return false;
      r.pid = 0;
      return true;
    });
    if (ended || std::chrono::steady_clock::now() > patience) {
      auto log = server.log_end();
      while (log.ends_with('\n')) log.pop_back();
      return fail(
          Error{.code = Code::unavailable,
                .message = ended ? "the server of the tests ended before it was ready"
                                 : fmt::format("the server of the tests was not ready in {} s", start_patience.count()),
                .hint = log.empty() ? "it wrote nothing into its log" : "its log ends with:\n" + log});
    }
    std::this_thread::sleep_for(look_interval);
  }
  TRY(const auto document, json::parse(read_file(ready)));
  const auto url = document.is_object() ? json::get_string(document.get_object(), "url") : std::nullopt;
  if (!url) return fail(Code::internal, "the server's ready file names no address");
  server.state_->url = *url;
  return server;
}

}  // namespace kinglet::cli
