// SPDX-License-Identifier: Apache-2.0
// kinglet-engine: libchdb behind the ClickHouse HTTP protocol on a Unix socket. One process for each role.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/log.h"
#include "engine/embedded/chdb_api.h"
#include "engine/embedded/commit_files.h"
#include "engine/embedded/engine.h"
#include "engine/embedded/host.h"
#include "engine/embedded/server_config.h"
#include "engine/embedded/service.h"
#include "engine/embedded/token_log.h"
#include "http/server.h"
#include "runtime/io_threads.h"

namespace kinglet::embedded {
namespace {

struct Options {
  std::string role = "store";
  std::string data, socket, ip, libchdb, ready_file, log_format = "text";
  std::uint16_t port = 0;
  std::vector<std::string> databases{"ws_*"};
  std::size_t read_threads = 0, write_threads = 2, merge_threads = 2;
  std::uint64_t memory_max = 0;
  double query_seconds = 60;
  int ready_fd = -1, parent_fd = -1;
  pid_t parent_pid = 0;
  unsigned idle_seconds = 0;
  bool durable = false, no_landlock = false, no_grants = false;
};

constexpr auto drain = std::chrono::seconds(3);
constexpr auto stop_max = std::chrono::seconds(10);
constexpr int parent_check_milliseconds = 1000;

/// Decoders of foreign files allocate outside of what the engine counts. Beyond this the kernel gives the reader
/// nothing: it fails or ends, and is started again; nobody else on the machine goes short (attacks.md I8).
Status limit_memory(const Options& options) {
  if (options.role != "reader" || options.memory_max == 0) return {};
  constexpr std::uint64_t beside_decoders = 2ull << 30;  // the engine itself and the stacks of its threads
  const rlimit limit{.rlim_cur = options.memory_max + beside_decoders,
                     .rlim_max = options.memory_max + beside_decoders};
  if (::setrlimit(RLIMIT_DATA, &limit) != 0) return fail(Code::internal, "the memory of the process cannot be limited");
  return {};
}

Result<std::string> write_config(const Options& options, const std::string& data) {
  const std::string path = data + "/engine.xml";
  ServerConfig config;
  config.role = options.role == "reader" ? Role::reader : Role::store;
  config.databases = options.databases;
  config.memory_max = options.memory_max;
  config.merge_threads = options.merge_threads;
  config.all_grants = options.no_grants;
  config.durable = options.durable;
  TRY(const auto text, server_config_text(config, path));
  std::ofstream file(path, std::ios::trunc);
  file << text;
  file.close();
  if (!file) return fail(Code::unavailable, "the engine's configuration cannot be written to {}", path);
  return path;
}

/// Opened before the fence; told after the engine answers. -1: none.
Result<int> open_ready_file(const Options& options) {
  if (options.ready_file.empty()) return -1;
  const int fd = ::open(options.ready_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return fail(Code::invalid, "--ready-file cannot be written");
  return fd;
}

void tell_ready(int fd, const Listening& listening) {
  if (fd < 0) return;
  const std::string line = fmt::format("{{\"pid\":{},\"address\":\"{}\"}}\n", ::getpid(), listening.address);
  if (::write(fd, line.data(), line.size()) < 0) log::warning("nobody reads the ready message");
  ::close(fd);
}

/// Returns why the process should end: a signal, its parent, or nothing to do.
std::string_view wait_for_end(const Options& options, const Service& service) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  const int signal_fd = ::signalfd(-1, &signals, SFD_CLOEXEC);
  const bool ticks = options.parent_pid != 0 || options.idle_seconds != 0;
  while (true) {
    std::array<pollfd, 2> waits{pollfd{.fd = signal_fd, .events = POLLIN, .revents = 0},
                                pollfd{.fd = options.parent_fd, .events = POLLIN, .revents = 0}};
    ::poll(waits.data(), waits.size(), ticks ? parent_check_milliseconds : -1);
    if (waits[0].revents != 0) return "a signal";
    if (waits[1].revents != 0) return "the server that started it ended";
    if (options.parent_pid != 0 && ::getppid() != options.parent_pid) return "the server that started it ended";
    if (options.idle_seconds != 0 && service.idle() > std::chrono::seconds(options.idle_seconds)) return "it was idle";
  }
}

/// A stop that hangs in libchdb must not keep the data folder's lock.
void limit_stop() {
  std::thread([] {
    std::this_thread::sleep_for(stop_max);
    end_process(4, "it did not stop in time");
  }).detach();
}

Status run(const Options& options) {
  TRY(const auto library, find_libchdb(options.libchdb));
  TRY_VOID(prepare_process());
  TRY_VOID(limit_memory(options));
  if (options.parent_pid != 0 && !follow_parent(options.parent_pid))
    return fail(Code::invalid, "--parent-pid {} is not the parent", options.parent_pid);
  TRY([[maybe_unused]] const int lock, lock_folder(options.data));
  const std::string data = std::filesystem::canonical(options.data).string();
  TRY(const int ready_file, open_ready_file(options));
  TRY(const auto listening,
      options.socket.empty() ? listen_loopback(options.ip, options.port) : listen_unix(options.socket));
  TRY(const auto config_path, write_config(options, data));
  if (::chdir(data.c_str()) != 0) return fail(Code::internal, "the data folder cannot be entered");

  const auto loading = Clock::now();
  std::size_t lost_tokens = 0;
  if (options.role != "reader") {
    TRY(lost_tokens, take_back_lost_tokens(data + "/engine"));
    guard_commits();
  }
  if (options.durable) make_tokens_durable();
  TRY(const auto api, ChdbApi::load(library));
  api.set_signal_handlers_enabled(0);
  // From here on: no file but the data folder's, no network. Every thread is started after it, so it holds for all.
  FenceState fence{.reason = "switched off by --no-landlock"};
  if (!options.no_landlock) {
    TRY(fence, raise_fence({data}));
  }
  log::start({.format = options.log_format == "json" ? log::Format::json : log::Format::text});
  if (lost_tokens > 0)
    log::info("inserts that were cut off were noted as done; they may be sent again", {{"inserts", lost_tokens}});
  if (options.no_grants) log::warning("the engine runs without its grants");
  if (!fence.enforced) log::warning("the engine runs without the kernel's fence", {{"why", fence.reason}});

  IoThreads io(1, "engine-io");
  Service service;
  http::ServerOptions server_options;
  server_options.listening_socket = listening.socket;
  // Only the gateway connects. It keeps idle connections, and may be slow to read while its own client is.
  server_options.limits.keep_alive_timeout = std::chrono::hours(1);
  server_options.limits.write_idle_timeout = std::chrono::seconds(60);
  http::Handler handler = [&service](http::Request& request) { return service.handle(request); };
  TRY(const auto server, http::Server::listen(io, std::move(server_options), std::move(handler)));

  EngineOptions engine_options;
  engine_options.role = options.role == "reader" ? Role::reader : Role::store;
  engine_options.engine_path = data + "/engine";
  engine_options.config_path = config_path;
  engine_options.read_threads =
      options.read_threads != 0 ? options.read_threads : std::max(2u, std::thread::hardware_concurrency());
  engine_options.write_threads = options.write_threads;
  engine_options.memory_max = options.memory_max;
  engine_options.query_seconds = options.query_seconds;
  auto opened = Engine::open(api, std::move(engine_options), fence, io.executor(0));
  if (!opened) {
    // Threads of a half-opened engine cannot be joined in order: end here.
    end_process(1, opened.error().message);
  }
  const auto engine = std::move(*opened);
  service.open(engine.get());
  log::info("engine is ready", {{"role", options.role},
                                {"address", listening.address},
                                {"engine_version", engine->version},
                                {"landlock", fence.enforced},
                                {"seconds", std::chrono::duration<double>(Clock::now() - loading).count()}});
  drop_startup_pages(std::filesystem::path(library).filename().string());
  tell_ready(ready_file, listening);
  tell_ready(options.ready_fd, listening);

  const std::string_view why = wait_for_end(options, service);
  log::info("engine stops", {{"why", why}});
  limit_stop();
  server->stop(Clock::now() + drain);
  io.stop();
  engine->stop();
  log::stop();
  if (!options.socket.empty()) ::unlink(options.socket.c_str());  // works only inside the data folder
  ::_exit(0);  // leaving main would run libchdb's destructors, which crash
}

}  // namespace
}  // namespace kinglet::embedded

int main(int argc, char** argv) {
  kinglet::embedded::Options options;
  CLI::App app("Hosts an embedded ClickHouse (libchdb) for kinglet and answers its HTTP protocol on a local socket");
  app.set_version_flag("--version", KINGLET_VERSION);
  app.add_option("--role", options.role, "store: holds the workspaces' data; reader: decodes files of a scratch folder")
      ->check(CLI::IsMember({"store", "reader"}));
  app.add_option("--data", options.data, "the only folder it may use")->required();
  auto* socket = app.add_option("--socket", options.socket, "Unix socket to listen on");
  auto* listen = app.add_option("--listen", options.ip, "loopback address to listen on")->excludes(socket);
  app.add_option("--port", options.port, "port of --listen; 0: any")->needs(listen);
  app.add_option("--libchdb", options.libchdb, "path of libchdb.so");
  app.add_option("--databases", options.databases, "database names, or prefixes with *, that the store may use");
  app.add_option("--threads-read", options.read_threads, "queries at the same time (default: one per core)")
      ->check(CLI::Range(1, 256));
  app.add_option("--threads-write", options.write_threads, "inserts at the same time")->check(CLI::Range(1, 64));
  app.add_option("--threads-merge", options.merge_threads, "background merges and mutations")->check(CLI::Range(1, 64));
  app.add_option("--memory-max", options.memory_max, "bytes of memory for all queries and merges");
  app.add_option("--query-seconds", options.query_seconds, "time limit of a query that brings none")
      ->check(CLI::Range(0.1, 86'400.0));
  app.add_option("--ready-fd", options.ready_fd, "descriptor that gets one line when it answers");
  app.add_option("--ready-file", options.ready_file, "file that gets one line when it answers");
  app.add_option("--parent-pid", options.parent_pid, "end when this parent process ends");
  app.add_option("--parent-fd", options.parent_fd, "end when the other end of this pipe is closed");
  app.add_option("--idle-seconds", options.idle_seconds, "end after this long without a statement");
  app.add_option("--log-format", options.log_format, "text or json")->check(CLI::IsMember({"text", "json"}));
  app.add_flag("--durable", options.durable, "what it has answered survives the end of the machine");
  app.add_flag("--no-landlock", options.no_landlock, "run without the kernel's fence (for tests of the other fences)");
  app.add_flag("--no-grants", options.no_grants, "give the engine's user all rights (for tests of the other fences)");
  CLI11_PARSE(app, argc, argv);
  if (options.socket.empty() && options.ip.empty()) {
    fmt::print(stderr, "kinglet-engine: give --socket PATH or --listen ADDRESS\n");
    return 2;
  }
  const auto status = kinglet::embedded::run(options);
  fmt::print(stderr, "kinglet-engine: {}\n", status.error().message);
  std::fflush(stderr);
  ::_exit(1);
}
