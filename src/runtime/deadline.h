// SPDX-License-Identifier: Apache-2.0
// Waiting until a time, and ending a task that takes too long.
#pragma once

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "runtime/task.h"

namespace kinglet {

inline Deadline deadline_in(std::chrono::nanoseconds duration) {
  return Clock::now() + duration;
}

/// Returns at `time`, or at once when the coroutine is cancelled.
inline Task<void> sleep_until(Deadline time) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_at(time);
  co_await timer.async_wait(use_task);
}

namespace internal {
template <class T>
struct Outcome {
  std::optional<T> value;
  std::exception_ptr exception;
};

template <class T>
Task<Outcome<T>> outcome_of(Task<T> task) {
  Outcome<T> outcome;
  try {
    outcome.value.emplace(co_await std::move(task));
  } catch (...) {
    outcome.exception = std::current_exception();
  }
  co_return outcome;
}
}  // namespace internal

/// Runs `task` (a Task of a Result or Status); cancels it at `deadline`, waits until it has unwound, and gives timeout.
template <class R>
Task<R> with_deadline(Task<R> task, Deadline deadline) {
  using namespace asio::experimental::awaitable_operators;  // operator||
  auto either = co_await (internal::outcome_of(std::move(task)) || sleep_until(deadline));
  if (either.index() == 1) co_return fail(Code::timeout, "It took too long");
  auto& outcome = std::get<0>(either);
  if (outcome.exception) std::rethrow_exception(outcome.exception);
  co_return std::move(*outcome.value);
}

}  // namespace kinglet
