// SPDX-License-Identifier: Apache-2.0
// The io threads: one event loop each; what starts on one stays on it.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/task.h"

namespace kinglet {

/// N event loops on N threads. Stop what runs on them (servers, pools) before it; coroutines that still wait when the
/// loops end are destroyed where they stand.
class IoThreads {
 public:
  /// `count` at least 1; threads are named `name`0, `name`1 …
  explicit IoThreads(std::size_t count, std::string name = "io");
  ~IoThreads();
  IoThreads(const IoThreads&) = delete;
  IoThreads& operator=(const IoThreads&) = delete;

  std::size_t size() const { return loops_.size(); }
  asio::io_context& context(std::size_t index) { return *loops_[index]->context; }
  asio::any_io_executor executor(std::size_t index) { return context(index).get_executor(); }
  /// The index of the calling thread in the IoThreads it belongs to; nothing on any other thread.
  static std::optional<std::size_t> current_index();

  /// Ends the loops and joins the threads. Idempotent. Thread: any but an io thread.
  void stop();

  /// Runs `task()` on loop `index` and blocks until it ended; for starting, stopping and tests.
  template <class F>
  auto run(std::size_t index, F task);

 private:
  struct Loop {
    std::unique_ptr<asio::io_context> context;
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work;
    std::thread thread;
  };
  std::vector<std::unique_ptr<Loop>> loops_;
};

}  // namespace kinglet

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

namespace kinglet {
template <class F>
auto IoThreads::run(std::size_t index, F task) {
  auto future = asio::co_spawn(executor(index), std::move(task), asio::use_future);
  return future.get();
}
}  // namespace kinglet
