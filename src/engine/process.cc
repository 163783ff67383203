// SPDX-License-Identifier: Apache-2.0
#include "engine/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio.hpp>

#include "base/log.h"

extern char** environ;

namespace kinglet::engine {

namespace {
constexpr auto backoff_min = std::chrono::milliseconds(50);
constexpr auto backoff_max = std::chrono::milliseconds(5000);
constexpr auto stable_after = std::chrono::seconds(10);
constexpr auto ping_interval = std::chrono::milliseconds(10);
constexpr auto start_patience = std::chrono::seconds(60);

int open_pidfd(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

/// Starts the program with signals unblocked and default handlers. The child sees only KINGLET_LIBCHDB, KINGLET_CACHE,
/// HOME and PATH of the environment: an engine has no secrets to find there.
Result<pid_t> spawn(const Process::Options& options) {
  std::vector<std::string> arguments{options.executable};
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  std::vector<char*> argv;
  for (auto& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);

  std::vector<char*> environment;
  for (char** e = environ; *e != nullptr; ++e) {
    const std::string_view entry(*e);
    for (const std::string_view kept : {"KINGLET_LIBCHDB=", "KINGLET_CACHE=", "XDG_CACHE_HOME=", "HOME=", "PATH="})
      if (entry.starts_with(kept)) environment.push_back(*e);
  }
  environment.push_back(nullptr);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  sigset_t defaults;
  sigfillset(&defaults);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  // Its own group: Ctrl-C on the terminal reaches the server alone, which then stops its engine in order.
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, options.executable.c_str(), nullptr, &attributes, argv.data(), environment.data());
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return fail(Code::unavailable, "the engine process could not be started: {}", std::strerror(error));
  return pid;
}
}  // namespace

struct Process::State : std::enable_shared_from_this<State> {
  State(asio::any_io_executor e, Options o)
      : executor(std::move(e)), options(std::move(o)), client(executor, {.address = options.address}), wake(executor) {}

  asio::any_io_executor executor;
  Options options;
  Client client;
  asio::steady_timer wake;
  std::atomic<pid_t> pid{0};
  std::atomic<bool> up{false};
  std::atomic<bool> wanted{false};
  std::atomic<bool> stopping{false};
  std::atomic<bool> running{false};
  std::atomic<std::uint64_t> restarts{0};

  /// Waits for the end of the process while asking it whether it is up. Returns its wait status.
  Task<int> watch(pid_t child) {
    const int fd = open_pidfd(child);
    asio::posix::stream_descriptor ended(executor, fd);
    const auto patience = Clock::now() + start_patience;
    while (!up && Clock::now() < patience) {
      const bool answers = co_await client.ping(Clock::now() + std::chrono::seconds(1));
      if (answers) {
        up = true;
        log::info("engine is up", {{"role", options.name}, {"pid", child}});
        if (options.on_up) options.on_up();
        break;
      }
      pollfd state{.fd = fd, .events = POLLIN, .revents = 0};
      if (::poll(&state, 1, 0) == 1) break;
      asio::steady_timer pause(executor, ping_interval);
      co_await pause.async_wait(use_task);
    }
    if (!up && !stopping && Clock::now() >= patience) {
      log::error("the engine did not answer in time and is started again", {{"role", options.name}, {"pid", child}});
      ::kill(child, SIGKILL);
    }
    co_await ended.async_wait(asio::posix::stream_descriptor::wait_read, use_task);
    up = false;
    int status = 0;
    ::waitpid(child, &status, 0);
    co_return status;
  }

  Task<void> run() {
    auto pause = backoff_min;
    while (!stopping) {
      if (options.on_demand && !wanted.exchange(false)) break;
      const auto started = Clock::now();
      auto child = spawn(options);
      if (!child) {
        log::error(child.error().message, {{"role", options.name}});
      } else {
        pid = *child;
        const int status = co_await watch(*child);
        pid = 0;
        if (stopping) break;
        if (options.on_demand && WIFEXITED(status) && WEXITSTATUS(status) == 0) break;
        log::error("the engine process ended", {{"role", options.name},
                                                {"signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0},
                                                {"status", WIFEXITED(status) ? WEXITSTATUS(status) : 0}});
        wanted = true;
      }
      ++restarts;
      if (Clock::now() - started > stable_after) pause = backoff_min;
      wake.expires_after(pause);
      co_await wake.async_wait(use_task);
      pause = std::min(pause * 2, backoff_max);
    }
    running = false;
  }

  void ensure_running() {
    wanted = true;
    if (stopping || running.exchange(true)) return;
    auto loop = [](std::shared_ptr<State> self) -> Task<void> { co_await self->run(); };
    asio::co_spawn(executor, loop(shared_from_this()), asio::detached);
  }
};

Process::Process(asio::any_io_executor executor, Options options)
    : state_(std::make_shared<State>(std::move(executor), std::move(options))) {}

Process::~Process() {
  stop(std::chrono::milliseconds(2000));
}

void Process::start() {
  if (!state_->options.on_demand) state_->ensure_running();
}

void Process::stop(std::chrono::milliseconds grace) {
  if (state_->stopping.exchange(true)) return;
  asio::post(state_->executor, [state = state_] { state->wake.cancel(); });
  const pid_t pid = state_->pid;
  if (pid <= 0) return;
  const int fd = open_pidfd(pid);
  if (fd < 0) return;
  ::kill(pid, SIGTERM);
  pollfd ended{.fd = fd, .events = POLLIN, .revents = 0};
  if (::poll(&ended, 1, static_cast<int>(grace.count())) != 1) {
    log::warning("the engine did not stop in time and is killed", {{"role", state_->options.name}, {"pid", pid}});
    ::kill(pid, SIGKILL);
    ::poll(&ended, 1, 2000);
  }
  ::close(fd);
}

Task<Status> Process::ready(Deadline deadline) {
  const auto state = state_;
  if (state->up) co_return Status{};
  if (state->options.on_demand) state->ensure_running();
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer pause(executor);
  while (!state->up) {
    if (state->stopping || Clock::now() >= deadline)
      co_return fail(Code::unavailable, "the engine is starting; try again in a moment");
    pause.expires_after(std::chrono::milliseconds(5));
    const auto [error] = co_await pause.async_wait(use_task);
    if (error) co_return fail(Code::cancelled, "cancelled");
  }
  co_return Status{};
}

bool Process::up() const {
  return state_->up;
}
const Address& Process::address() const {
  return state_->options.address;
}
pid_t Process::pid() const {
  return state_->pid;
}
std::uint64_t Process::restart_count() const {
  return state_->restarts;
}

}  // namespace kinglet::engine
