// SPDX-License-Identifier: Apache-2.0
// OneShot<T>: one value that any thread sets once and coroutines or threads wait for, with a deadline.
#pragma once

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/mutex.h"
#include "runtime/task.h"

namespace kinglet {

/// Copies share the value. Each waiter gets a copy of it: for a large or move-only T use a shared_ptr.
/// Thread: set() and wait_blocking() any; wait() an io thread that lives longer than the OneShot's setter.
template <class T>
class OneShot {
 public:
  OneShot() : state_(std::make_shared<State>()) {}

  /// The first value stays; false when there was one already.
  bool set(T value) const {
    std::vector<Waiter> waiters;
    {
      MutexLock lock(state_->mutex);
      if (state_->value) return false;
      state_->value.emplace(std::move(value));
      waiters.swap(state_->waiters);
      state_->condition.notify_all();
    }
    for (Waiter& waiter : waiters) {
      asio::post(waiter.executor, [timer = waiter.timer] {
        if (const auto waiting = timer.lock()) waiting->cancel();
      });
    }
    return true;
  }

  bool is_set() const {
    MutexLock lock(state_->mutex);
    return state_->value.has_value();
  }

  /// Errors: timeout, cancelled (the waiting coroutine was cancelled).
  Task<Result<T>> wait(Deadline deadline) const { return wait_on(state_, deadline); }

  /// Nothing when the deadline passed.
  std::optional<T> wait_blocking(Deadline deadline) const {
    MutexLock lock(state_->mutex);
    while (!state_->value && Clock::now() < deadline) state_->condition.wait_until(state_->mutex, deadline);
    return state_->value;
  }

 private:
  struct Waiter {
    asio::any_io_executor executor;
    std::weak_ptr<asio::steady_timer> timer;
  };
  struct State {
    Mutex mutex;
    Condition condition;
    std::optional<T> value KINGLET_GUARDED_BY(mutex);
    std::vector<Waiter> waiters KINGLET_GUARDED_BY(mutex);
  };

  /// The value, or this waiter in the list.
  static std::optional<T> value_or_enlist(State& state, Waiter waiter) {
    MutexLock lock(state.mutex);
    if (!state.value) state.waiters.push_back(std::move(waiter));
    return state.value;
  }
  static std::optional<T> value_or_leave(State& state) {
    MutexLock lock(state.mutex);
    // The caller dropped its timer before; those of destroyed waiters go too.
    std::erase_if(state.waiters, [](const Waiter& waiter) { return waiter.timer.expired(); });
    return state.value;
  }

  static Task<Result<T>> wait_on(std::shared_ptr<State> state, Deadline deadline) {
    const auto executor = co_await asio::this_coro::executor;
    // The timer is the wake-up: set() cancels it from this io thread, so it cannot be missed between enlisting and
    // waiting.
    auto timer = std::make_shared<asio::steady_timer>(executor);
    timer->expires_at(deadline);
    std::optional<T> value = value_or_enlist(*state, Waiter{executor, timer});
    if (value) co_return std::move(*value);
    co_await timer->async_wait(use_task);
    timer.reset();
    value = value_or_leave(*state);
    if (value) co_return std::move(*value);
    if (Clock::now() >= deadline) co_return fail(Code::timeout, "Nothing came in time");
    co_return fail(Code::cancelled, "Cancelled");
  }

  std::shared_ptr<State> state_;
};

}  // namespace kinglet
