// SPDX-License-Identifier: Apache-2.0
// Threads that call libchdb, and the way a coroutine runs steps on one of them. An io thread never blocks in the
// engine.
#pragma once

#include <pthread.h>

#include <boost/asio.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/embedded/connection_cache.h"
#include "runtime/task.h"

namespace kinglet::embedded {

/// One thread with a 16 MB stack (libchdb's parser and analysis recurse deeply) and its own connections.
/// Jobs run in the order they were posted. post() from any thread.
class Worker {
 public:
  using Job = std::move_only_function<void(ConnectionCache&)>;

  /// Errors: unavailable, when the system gives no thread.
  static Result<std::unique_ptr<Worker>> start(std::string name, ConnectionCache cache);
  /// Runs what is queued, closes the connections, joins.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void post(Job job);
  /// False, and nothing is posted, when `waiting_max` jobs wait already.
  bool try_post(Job job, std::size_t waiting_max);

 private:
  Worker(std::string name, ConnectionCache cache) : name_(std::move(name)), cache_(std::move(cache)) {}
  static void* main(void* self);
  void loop();

  const std::string name_;
  ConnectionCache cache_;  // its own thread's
  pthread_t thread_{};
  bool started_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;   // guarded by mutex_; short: one step of one lease, its clean-up, KILLs on the admin worker
  bool stopping_ = false;  // guarded by mutex_
};

class WorkerPool;

/// A worker for the length of one statement. Thread: the pool's io thread.
class Lease {
 public:
  Lease(std::shared_ptr<WorkerPool> pool, Worker* worker) : pool_(std::move(pool)), worker_(worker) {}
  Lease(Lease&& other) noexcept
      : pool_(std::move(other.pool_)),
        worker_(std::exchange(other.worker_, nullptr)),
        on_cancel_(std::move(other.on_cancel_)) {}
  Lease& operator=(Lease&&) = delete;
  ~Lease() { release({}); }

  /// Called when the coroutine that waits in run() is cancelled (the client left). It must make the step end soon: the
  /// step is awaited all the same, because libchdb still works with its memory.
  void on_cancel(std::function<void()> cancel) { on_cancel_ = std::move(cancel); }

  /// `co_await lease.run(step)`: runs `step(ConnectionCache&)` on the worker and returns what it returns (a Result or
  /// other movable value). `step` owns what it touches; name it first, then await it.
  template <class F>
  auto run(F step) -> Task<std::invoke_result_t<F&, ConnectionCache&>>;

  /// Gives the worker back after `last` ran on it. Without a call, the destructor gives it back.
  void release(Worker::Job last);

 private:
  std::shared_ptr<WorkerPool> pool_;
  Worker* worker_;
  std::function<void()> on_cancel_;
};

/// A fixed number of workers and a bounded queue of statements that wait for one. Thread: one io thread.
class WorkerPool : public std::enable_shared_from_this<WorkerPool> {
 public:
  struct Options {
    std::string name;
    std::size_t threads = 2;
    std::size_t waiting_max = 256;  // 503 with code 202 beyond it
  };
  struct Load {
    std::size_t threads = 0, busy = 0, waiting = 0;
  };
  static Result<std::shared_ptr<WorkerPool>> start(asio::any_io_executor executor, const Options& options,
                                                   const std::function<ConnectionCache()>& make_cache);

  /// Waits for a free worker. Errors: busy (code 202) when too many wait or none was free until `deadline`; cancelled.
  Task<Result<Lease>> lease(Deadline deadline);
  Load load() const { return {workers_.size(), workers_.size() - free_.size(), waiting_.size()}; }
  /// Joins the threads. Thread: main, after the io threads ended.
  void stop() { workers_.clear(); }

 private:
  friend class Lease;
  struct Waiter {
    explicit Waiter(const asio::any_io_executor& executor) : timer(executor) {}
    asio::steady_timer timer;
    Worker* worker = nullptr;
  };

  WorkerPool(asio::any_io_executor executor, std::size_t waiting_max)
      : executor_(std::move(executor)), waiting_max_(waiting_max) {}
  void give_back(Worker* worker);

  asio::any_io_executor executor_;
  std::size_t waiting_max_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<Worker*> free_;
  std::list<Waiter*> waiting_;
};

template <class F>
auto Lease::run(F step) -> Task<std::invoke_result_t<F&, ConnectionCache&>> {
  using R = std::invoke_result_t<F&, ConnectionCache&>;
  auto initiate = [worker = worker_, on_cancel = on_cancel_](auto handler, F owned_step) {
    auto slot = asio::get_associated_cancellation_slot(handler);
    if (slot.is_connected() && on_cancel) slot.assign([on_cancel](asio::cancellation_type) { on_cancel(); });
    auto executor = asio::get_associated_executor(handler);
    auto work = asio::prefer(executor, asio::execution::outstanding_work.tracked);
    worker->post([handler = std::move(handler), owned_step = std::move(owned_step), work = std::move(work),
                  slot](ConnectionCache& cache) mutable {
      auto result = std::make_unique<R>(owned_step(cache));
      asio::post(work, [handler = std::move(handler), result = std::move(result), slot]() mutable {
        if (slot.is_connected()) slot.clear();
        std::move(handler)(std::move(*result));
      });
    });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(R)>(std::move(initiate),
                                                                                  asio::use_awaitable, std::move(step));
}

}  // namespace kinglet::embedded
