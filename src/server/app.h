// SPDX-License-Identifier: Apache-2.0
// App: every part of the server, made in order, stopped in reverse order.
#pragma once

#include <memory>
#include <string>

#include "server/config.h"

namespace kinglet::server {

class App {
 public:
  /// Starts everything and returns once requests are answered. Blocks; main thread.
  /// Errors: what to show to whoever starts the server: folder in use, port in use, engine missing …
  static Result<std::unique_ptr<App>> start(const Config& config);
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  const std::string& url() const;
  const std::string& clickhouse_url() const;
  int engine_pid() const;

  /// Takes no new requests, finishes running ones, flushes the spool as far as time allows, ends the engine.
  /// Idempotent.
  void stop();

 private:
  struct Parts;
  explicit App(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace kinglet::server
