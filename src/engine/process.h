// SPDX-License-Identifier: Apache-2.0
// A kinglet-engine process: started, watched, started again with backoff, stopped.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/client.h"

namespace kinglet::engine {

/// Owner of one engine process. It is up when /ping was answered; a process that ends is started again after a pause
/// that doubles from 50 ms to 5 s (back to 50 ms once it stayed up for 10 s).
/// Thread: start() and stop() on the main thread; everything else on any thread.
class Process {
 public:
  struct Options {
    std::string name;  // for messages: "store", "reader"
    std::string executable;
    std::vector<std::string> arguments;  // without argv[0]
    Address address;                     // where it will listen
    bool on_demand = false;       // start at the first ready(); an end with status 0 is its idle end, not a crash
    std::function<void()> on_up;  // called on the executor whenever it came up
  };
  Process(asio::any_io_executor executor, Options options);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void start();
  /// Ends the process: SIGTERM, then SIGKILL after `grace`. Blocks. Idempotent.
  void stop(std::chrono::milliseconds grace);

  /// Waits until the engine answers (starting it when on demand). Errors: unavailable at the deadline.
  Task<Status> ready(Deadline deadline);
  bool up() const;
  const Address& address() const;
  pid_t pid() const;
  std::uint64_t restart_count() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace kinglet::engine
