// SPDX-License-Identifier: Apache-2.0
// The HTTP side of the engine: routes a request to a worker and writes the reply's head. Thread: the io thread.
#pragma once

#include <atomic>

#include "engine/embedded/engine.h"
#include "engine/embedded/engine_request.h"
#include "http/server.h"

namespace kinglet::embedded {

class Service {
 public:
  Task<http::Response> handle(http::Request& request);

  /// Until then every request gets 503.
  void open(Engine* engine) { engine_ = engine; }
  /// How long no statement ran.
  std::chrono::nanoseconds idle() const;

 private:
  Task<http::Response> statement(Engine& engine, http::Request& request);
  Task<http::Response> run(Engine& engine, http::Request& request, EngineRequest asked);
  Task<http::Response> insert(Engine& engine, http::Request& request, EngineRequest asked);
  http::Response kill(Engine& engine, const EngineRequest& asked);
  http::Response status(Engine& engine) const;

  std::atomic<Engine*> engine_ = nullptr;
  std::atomic<std::int64_t> last_used_ = Clock::now().time_since_epoch().count();
  std::atomic<int> active_ = 0;
};

}  // namespace kinglet::embedded
