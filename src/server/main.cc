// SPDX-License-Identifier: Apache-2.0
// `kinglet`: `kinglet serve` is the server, every other subcommand the command line client.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/log.h"
#include "cli/commands.h"
#include "server/app.h"
#include "server/config.h"
#include "server/ready_file.h"

namespace kinglet::server {
namespace {

log::Level level_of(const std::string& name) {
  if (name == "debug") return log::Level::debug;
  if (name == "warning") return log::Level::warning;
  if (name == "error") return log::Level::error;
  return log::Level::info;
}

int serve(const Config& config) {
  // Blocked before any thread starts, so that all inherit it and only this one takes them.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int s : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, s);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  log::start({.level = level_of(config.log_level),
              .format = config.log_format == "json" ? log::Format::json : log::Format::text});
  auto app = App::start(config);
  if (!app) {
    log::stop();
    fmt::print(stderr, "kinglet: {}\n", app.error().message);
    if (!app.error().hint.empty()) fmt::print(stderr, "  {}\n", app.error().hint);
    return 1;
  }
  log::info("ready", {{"url", (*app)->url()}, {"clickhouse_url", (*app)->clickhouse_url()}});
  const ReadyFile ready{.url = (*app)->url(),
                        .clickhouse_url = (*app)->clickhouse_url(),
                        .pid = ::getpid(),
                        .engine_pid = (*app)->engine_pid()};
  int status = 0;
  if (const auto written = write_ready_file(config.ready_file, ready); !written) {
    log::error(written.error().message);
    status = 1;
  } else {
    int signal = 0;
    sigwait(&signals, &signal);
    log::info("stopping", {{"signal", signal}});
  }
  (*app)->stop();
  app->reset();
  log::info("stopped");
  log::stop();
  return status;
}

}  // namespace
}  // namespace kinglet::server

int main(int argc, char** argv) {
  CLI::App app("Kinglet: a self-hosted, real-time analytics backend. Events in, SQL in files, fast HTTP endpoints out.",
               "kinglet");
  app.set_version_flag("--version", KINGLET_VERSION);
  app.require_subcommand(1);

  kinglet::server::Config config;
  std::string config_file;
  auto* serve = app.add_subcommand("serve", "run the server");
  kinglet::server::add_serve_options(*serve, config, config_file);

  std::function<int()> command;
  kinglet::cli::add_commands(app, command);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const std::span<const char* const> arguments(argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0));
    if (const auto unknown = kinglet::cli::unknown_subcommand(app, arguments); error.get_exit_code() != 0 && unknown) {
      fmt::print(stderr, "{}\n", *unknown);
      return 2;
    }
    return app.exit(error) == 0 ? 0 : 2;  // --help and --version are no errors; wrong usage is 2, whatever its kind
  }
  if (*serve) {
    if (!config_file.empty())
      if (const auto read = kinglet::server::apply_file(*serve, config_file); !read) {
        fmt::print(stderr, "kinglet: {}\n", read.error().message);
        return 2;
      }
    return kinglet::server::serve(config);
  }
  return command ? command() : 2;
}
