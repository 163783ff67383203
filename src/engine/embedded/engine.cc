// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/engine.h"

#include "base/log.h"
#include "engine/embedded/errors.h"
#include "engine/embedded/host.h"
#include "engine/embedded/statement.h"

namespace kinglet::embedded {
namespace {

constexpr std::size_t kills_waiting_max = 64;
constexpr std::size_t own_threads = 2;

Result<std::set<std::string, std::less<>>> read_setting_names(Connection& connection) {
  TRY(auto rows, connection.query("SELECT name FROM system.settings", "TabSeparatedRaw"));
  std::set<std::string, std::less<>> names;
  for (std::size_t at = 0; at < rows.body.size();) {
    const std::size_t end = std::min(rows.body.find('\n', at), rows.body.size());
    names.emplace(rows.body.substr(at, end - at));
    at = end + 1;
  }
  if (names.size() < 100) return fail(Code::internal, "system.settings lists {} settings only", names.size());
  return names;
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::open(const ChdbApi& api, EngineOptions options, FenceState fence,
                                             asio::any_io_executor executor) {
  auto engine = std::make_unique<Engine>(api, std::move(options), std::move(fence));
  const EngineOptions& opt = engine->options;

  TRY(engine->first, Connection::open(api, {"--path=" + opt.engine_path, "--config-file=" + opt.config_path}));
  TRY(auto version, engine->first->query("SELECT version()", "TabSeparatedRaw"));
  engine->version = version.body.substr(0, version.body.find('\n'));
  TRY(auto names, read_setting_names(*engine->first));
  const std::uint64_t query_memory = opt.memory_max / 10 * 8;
  engine->profiles = std::make_unique<Profiles>(Profiles::Options{.role = opt.role,
                                                                  .engine_path = opt.engine_path,
                                                                  .query_memory_max = query_memory,
                                                                  .seconds_default = opt.query_seconds},
                                                std::move(names));
  TRY(auto created,
      engine->first->query(fmt::format("CREATE DATABASE IF NOT EXISTS {}", empty_database), "TabSeparated"));

  const auto verified = std::make_shared<VerifiedProfiles>();
  const auto make_cache = [&] { return ConnectionCache(api, verified); };
  {
    // A limit that this engine does not know or takes otherwise must stop the start, not a user's query.
    ConnectionCache probe = make_cache();
    TRY(const Profile user, engine->profiles->user({}));
    TRY(auto connection, probe.take(user));
    TRY(const Profile own, engine->profiles->own({}));
    TRY(connection, probe.take(own));
  }

  TRY(engine->admin, Worker::start("admin", make_cache()));
  RunningQueries::Options watch;
  watch.kill = [admin = engine->admin.get(), profile = engine->profiles->admin()](const std::string& mark) {
    // A KILL that finds no room is asked for again by the watchdog.
    admin->try_post(
        [mark, profile](ConnectionCache& cache) {
          auto connection = cache.take(profile);
          if (!connection) return;
          const std::string sql = fmt::format("KILL QUERY WHERE startsWith(query, {}) ASYNC", quote(mark));
          if (auto killed = (*connection)->query(sql, "TabSeparated"); !killed) {
            log::warning("KILL QUERY failed", {{"error", killed.error().message}});
          }
          cache.put(profile, std::move(*connection));
        },
        kills_waiting_max);
  };
  watch.end_process = [](const std::string& why) { end_process(3, why); };
  // Much of the analysis is not counted by the engine's own memory limits.
  if (opt.memory_max != 0) watch.resident_bytes_max = opt.memory_max + opt.memory_max / 2 + (256u << 20);
  engine->running = std::make_unique<RunningQueries>(std::move(watch));
  TRY(engine->read_pool, WorkerPool::start(executor, {.name = "read", .threads = opt.read_threads}, make_cache));
  TRY(engine->write_pool, WorkerPool::start(executor, {.name = "write", .threads = opt.write_threads}, make_cache));
  TRY(engine->own_pool, WorkerPool::start(executor, {.name = "own", .threads = own_threads}, make_cache));
  return engine;
}

void Engine::stop() {
  if (own_pool) own_pool->stop();
  if (write_pool) write_pool->stop();
  if (read_pool) read_pool->stop();
  if (running) running->stop();
  admin.reset();
  first.reset();
}

}  // namespace kinglet::embedded
