// SPDX-License-Identifier: Apache-2.0
// The opened engine: connections' common facts, pools, running queries. Built once after the fence is up.
#pragma once

#include <memory>
#include <string>

#include "engine/embedded/chdb_api.h"
#include "engine/embedded/fence.h"
#include "engine/embedded/profile.h"
#include "engine/embedded/running.h"
#include "engine/embedded/worker.h"

namespace kinglet::embedded {

struct EngineOptions {
  Role role = Role::store;
  std::string engine_path;  // libchdb's own folder
  std::string config_path;  // config file of the first connect
  std::size_t read_threads = 2, write_threads = 2;
  std::uint64_t memory_max = 0;  // bytes; 0: no limit of ours
  double query_seconds = 60;     // for a query without max_execution_time
};

/// Members are built in start order and stopped in reverse.
struct Engine {
  const ChdbApi& api;
  EngineOptions options;
  FenceState fence;
  std::string version;  // of the engine
  Clock::time_point started_at = Clock::now();
  std::unique_ptr<Profiles> profiles;
  std::unique_ptr<Connection> first;  // holds the server-level configuration open
  std::unique_ptr<Worker> admin;      // KILL only
  std::unique_ptr<RunningQueries> running;
  // Inserts of rows have their own pool: a populate that runs for an hour must not stop ingestion.
  std::shared_ptr<WorkerPool> read_pool, write_pool, own_pool;

  /// Opens the data folder, reads the list of settings, makes the empty database, proves that the limits of the user
  /// profile hold, starts the threads. Errors: unavailable, internal.
  static Result<std::unique_ptr<Engine>> open(const ChdbApi& api, EngineOptions options, FenceState fence,
                                              asio::any_io_executor executor);
  /// Joins all threads and closes all connections. Thread: main, after the io threads ended.
  void stop();
};

}  // namespace kinglet::embedded
