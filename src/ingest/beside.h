// SPDX-License-Identifier: Apache-2.0
// A task that runs beside the coroutine that started it.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <memory>
#include <optional>

#include "runtime/one_shot.h"
#include "runtime/task.h"

namespace kinglet::ingest {

/// Starts a task on the starter's io thread and gives its value later. A starter that is cancelled does not end it: the
/// task owns whatever it uses. Thread: one io thread.
template <class T>
class Beside {
 public:
  bool running() const { return done_.has_value(); }

  Task<void> start(Task<Result<T>> task) {
    const auto executor = co_await asio::this_coro::executor;
    done_.emplace();
    asio::co_spawn(executor, std::move(task), [done = *done_](const std::exception_ptr& problem, Result<T> value) {
      auto shared = std::make_shared<Result<T>>(std::move(value));
      if (problem) *shared = fail(Code::internal, "a background task ended by an exception");
      done.set(std::move(shared));
    });
  }

  /// The value of the task that was started last, once.
  Task<Result<T>> finish() {
    const auto done = *done_;
    done_.reset();
    auto value = co_await done.wait(Deadline::max());
    if (!value) co_return fail(std::move(value.error()));
    co_return std::move(**value);
  }

 private:
  std::optional<OneShot<std::shared_ptr<Result<T>>>> done_;
};

}  // namespace kinglet::ingest
