// SPDX-License-Identifier: Apache-2.0
// BlockingPool: named threads for calls that block, behind a bounded queue; coroutines await the result.
#pragma once

#include <atomic>
#include <boost/asio/this_coro.hpp>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/mutex.h"
#include "runtime/one_shot.h"
#include "runtime/task.h"

namespace kinglet {

namespace internal {
template <class T>
struct AsResult {
  using type = Result<T>;
};
template <class T>
struct AsResult<Result<T>> {
  using type = Result<T>;
};
}  // namespace internal

class BlockingPool {
 public:
  struct Options {
    std::string name = {};  // of the threads, at most 13 characters
    std::size_t thread_count = 1;
    std::size_t queue_max = 1024;  // jobs that wait; beyond it run() gives unavailable at once
    std::size_t stack_bytes = 0;   // 0: the system's default
  };
  explicit BlockingPool(Options options);
  /// As stop(). The io threads whose coroutines wait here must still run.
  ~BlockingPool();
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  /// Runs `work()` on a thread of the pool and resumes on the caller's io thread. `work` returns a T, a Result<T>, a
  /// Status or nothing.
  ///
  /// A job that was started is always waited for, so `work` may refer to the caller's frame; `deadline` and a cancelled
  /// coroutine only end the waiting for its start. An exception of `work` becomes Code::internal.
  /// Errors: unavailable (queue full or pool stopped), timeout (not started in time), what `work` gives.
  template <class F>
  auto run(Deadline deadline, F work) -> Task<typename internal::AsResult<std::invoke_result_t<F&>>::type>;

  /// Queues a job nobody waits for; false when the queue is full or the pool stopped. A stopping pool drops it.
  bool post(std::function<void()> work);

  std::size_t queue_size() const;
  /// Drops what waits (its callers get unavailable), waits for what runs. Idempotent. Thread: not one of the pool.
  void stop();

 private:
  /// `started` false: the job is dropped.
  using Job = std::function<void(bool started)>;
  bool push(Job job);
  void work_loop();
  static void* thread_main(void* pool);

  Options options_;
  mutable Mutex mutex_;
  Condition condition_;
  std::deque<Job> queue_ KINGLET_GUARDED_BY(mutex_);
  bool stopped_ KINGLET_GUARDED_BY(mutex_) = false;
  std::vector<pthread_t> threads_;
};

template <class F>
auto BlockingPool::run(Deadline deadline, F work) -> Task<typename internal::AsResult<std::invoke_result_t<F&>>::type> {
  using Returned = std::invoke_result_t<F&>;
  using R = typename internal::AsResult<Returned>::type;
  enum class Stage : int { queued, taken };
  struct Cell {
    explicit Cell(F f) : work(std::move(f)) {}
    F work;
    std::atomic<Stage> stage = Stage::queued;
    std::optional<R> result;
    OneShot<bool> done;
    bool take() {
      Stage queued = Stage::queued;
      return stage.compare_exchange_strong(queued, Stage::taken);
    }
  };
  auto cell = std::make_shared<Cell>(std::move(work));
  Job job = [cell](bool started) {
    if (!cell->take()) return;
    if (!started) {
      cell->result.emplace(fail(Code::unavailable, "The server is stopping"));
    } else {
      try {
        if constexpr (std::is_void_v<Returned>) {
          cell->work();
          cell->result.emplace();
        } else {
          cell->result.emplace(cell->work());
        }
      } catch (const std::exception& problem) {
        cell->result.emplace(fail(Code::internal, "A background call failed: {}", problem.what()));
      }
    }
    cell->done.set(true);
  };
  if (!push(std::move(job))) co_return fail(Code::unavailable, "Too much work is waiting; try again later");
  auto done = co_await cell->done.wait(deadline);
  if (!done) {
    if (cell->take()) co_return fail(done.error().code, "The work was not started in time");
    const bool cancelled = done.error().code == Code::cancelled;
    // It runs and may use the caller's frame: nothing may end this wait.
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    while (!cell->done.is_set()) co_await cell->done.wait(Deadline::max());
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    co_await asio::this_coro::throw_if_cancelled(true);
    if (cancelled) throw boost::system::system_error(asio::error::operation_aborted, "cancelled");
  } else if (const auto state = co_await asio::this_coro::cancellation_state;
             state.cancelled() != asio::cancellation_type::none) {
    // Cancelled and finished in the same turn of the loop: the caller unwinds all the same.
    throw boost::system::system_error(asio::error::operation_aborted, "cancelled");
  }
  co_return std::move(*cell->result);
}

}  // namespace kinglet
