// SPDX-License-Identifier: Apache-2.0
// A server for one command: its own data folder, its own ports, gone at the end.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

namespace kinglet::cli {

/// `kinglet serve` of this same program, on loopback and free ports, with a temporary folder. Its end, and SIGINT,
/// SIGTERM or SIGHUP at any moment, stop the server and remove the folder; after a signal the program ends with status
/// 128 + signal. A kill -9 of this program ends the server too, and leaves the folder.
///
/// One at a time in a process. Thread: start it from the main thread before other threads run; it blocks the three
/// signals for the process from then on.
class ThrowawayServer {
 public:
  /// Errors: unavailable, with the last lines of the server's log.
  static Result<ThrowawayServer> start();

  ThrowawayServer(ThrowawayServer&&) noexcept;
  ~ThrowawayServer();

  const std::string& url() const;
  /// What the server wrote at level warning and above, its last lines.
  std::string log_end() const;

 private:
  struct State;
  explicit ThrowawayServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kinglet::cli
