// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <future>

#include "runtime/blocking_pool.h"
#include "runtime/deadline.h"
#include "runtime/gate.h"
#include "runtime/io_threads.h"
#include "runtime/one_shot.h"
#include "runtime/snapshot.h"

namespace kinglet {
namespace {

using namespace std::chrono_literals;

/// Runs a task on io thread 0 and can cancel it.
template <class T>
class Cancellable {
 public:
  Cancellable(IoThreads& threads, Task<T> task) : threads_(threads) {
    asio::post(threads.executor(0), [this, task = std::make_shared<Task<T>>(std::move(task))] {
      auto ended = [this](std::exception_ptr problem, auto... value) {
        if (problem) {
          result_.set_value(std::nullopt);
        } else {
          result_.set_value(std::optional<T>(std::move(value)...));
        }
      };
      asio::co_spawn(threads_.executor(0), std::move(*task),
                     asio::bind_cancellation_slot(signal_.slot(), std::move(ended)));
    });
  }
  /// Returns once the task has seen the cancellation, so that nothing released after it can overtake it: the second
  /// turn of the loop comes after what the emission queued.
  void cancel() {
    on_loop([this] { signal_.emit(asio::cancellation_type::terminal); });
    on_loop([] {});
  }
  /// Nothing: it ended by an exception.
  std::optional<T> result() { return result_.get_future().get(); }

 private:
  template <class F>
  void on_loop(F f) {
    std::promise<void> ran;
    asio::post(threads_.executor(0), [&] {
      f();
      ran.set_value();
    });
    ran.get_future().wait();
  }

  IoThreads& threads_;
  asio::cancellation_signal signal_;
  std::promise<std::optional<T>> result_;
};

TEST(OneShot, WakesACoroutineFromAnotherThread) {
  IoThreads threads(2);
  const OneShot<int> value;
  auto waiting = asio::co_spawn(threads.executor(0), value.wait(deadline_in(10s)), asio::use_future);
  auto waiting_too = asio::co_spawn(threads.executor(1), value.wait(deadline_in(10s)), asio::use_future);
  EXPECT_TRUE(value.set(7));
  EXPECT_FALSE(value.set(8));
  EXPECT_EQ(*waiting.get(), 7);
  EXPECT_EQ(*waiting_too.get(), 7);
  EXPECT_EQ(*value.wait_blocking(Clock::now()), 7);
}

TEST(OneShot, ADeadlineEndsTheWait) {
  IoThreads threads(1);
  const OneShot<int> value;
  auto waited = threads.run(0, value.wait(deadline_in(20ms)));
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, Code::timeout);
  EXPECT_FALSE(value.wait_blocking(deadline_in(1ms)));
}

TEST(OneShot, ManySettersAndWaitersMeetExactlyOnce) {
  IoThreads threads(2);
  for (int round = 0; round < 200; ++round) {
    const OneShot<int> value;
    auto waiting = asio::co_spawn(threads.executor(round % 2), value.wait(deadline_in(10s)), asio::use_future);
    asio::post(threads.executor((round + 1) % 2), [value, round] { value.set(round); });
    ASSERT_EQ(*waiting.get(), round);
  }
}

TEST(OneShot, CancellingEndsTheWait) {
  IoThreads threads(1);
  const OneShot<int> value;
  Cancellable<Result<int>> waiting(threads, value.wait(Deadline::max()));
  waiting.cancel();
  auto result = waiting.result();
  EXPECT_TRUE(!result || !*result);
}

TEST(BlockingPool, RunsOnItsThreadsAndResumesOnTheIoThread) {
  IoThreads threads(1);
  BlockingPool pool({.name = "work", .thread_count = 2});
  auto task = [](BlockingPool& p) -> Task<Result<int>> {
    const auto io_thread = std::this_thread::get_id();
    auto work = [io_thread]() -> Result<int> { return std::this_thread::get_id() != io_thread ? 5 : 0; };
    auto five = co_await p.run(deadline_in(10s), work);
    if (std::this_thread::get_id() != io_thread) co_return 0;
    auto plain = co_await p.run(deadline_in(10s), [] { return 1; });
    auto nothing = co_await p.run(deadline_in(10s), [] {});
    auto refused = co_await p.run(deadline_in(10s), []() -> Status { return fail(Code::not_found, "no"); });
    auto thrown = co_await p.run(deadline_in(10s), []() -> int { throw std::runtime_error("x"); });
    const bool right = nothing && !refused && refused.error().code == Code::not_found && !thrown &&
                       thrown.error().code == Code::internal;
    co_return right ? *five + *plain : 0;
  };
  EXPECT_EQ(*threads.run(0, task(pool)), 6);
}

TEST(BlockingPool, AFullQueueRefusesAtOnce) {
  IoThreads threads(1);
  BlockingPool pool({.name = "work", .thread_count = 1, .queue_max = 1});
  std::promise<void> started;
  std::promise<void> release;
  ASSERT_TRUE(pool.post([&] {
    started.set_value();
    release.get_future().wait();
  }));
  started.get_future().wait();
  ASSERT_TRUE(pool.post([] {}));
  EXPECT_FALSE(pool.post([] {}));
  auto refused = threads.run(0, pool.run(deadline_in(10s), [] { return 1; }));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  release.set_value();
}

TEST(BlockingPool, ADeadlineDropsOnlyWhatWasNotStarted) {
  IoThreads threads(1);
  BlockingPool pool({.name = "work", .thread_count = 1});
  std::promise<void> started;
  std::promise<void> release;
  ASSERT_TRUE(pool.post([&] {
    started.set_value();
    release.get_future().wait();
  }));
  started.get_future().wait();
  std::atomic<bool> ran = false;
  auto late = threads.run(0, pool.run(deadline_in(10ms), [&] { ran = true; }));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::timeout);
  release.set_value();
  auto after = threads.run(0, pool.run(deadline_in(10s), [] { return 1; }));
  EXPECT_EQ(*after, 1);
  EXPECT_FALSE(ran);

  auto slow = threads.run(0, pool.run(deadline_in(5ms), [] {
    std::this_thread::sleep_for(30ms);  // sleep: the slow call itself
    return 2;
  }));
  EXPECT_EQ(*slow, 2);
}

TEST(BlockingPool, ACancelledCallerWaitsForAStartedJobThenUnwinds) {
  IoThreads threads(1);
  BlockingPool pool({.name = "work", .thread_count = 1});
  std::promise<void> started;
  std::promise<void> release;
  std::atomic<bool> finished = false;
  auto work = [&] {
    started.set_value();
    release.get_future().wait();
    finished = true;
    return 1;
  };
  Cancellable<Result<int>> running(threads, pool.run(Deadline::max(), work));
  started.get_future().wait();
  running.cancel();
  release.set_value();
  EXPECT_FALSE(running.result());
  EXPECT_TRUE(finished);
}

TEST(BlockingPool, StoppingAnswersWhatWaits) {
  IoThreads threads(1);
  BlockingPool pool({.name = "work", .thread_count = 1});
  std::promise<void> started;
  std::promise<void> release;
  ASSERT_TRUE(pool.post([&] {
    started.set_value();
    release.get_future().wait();
  }));
  started.get_future().wait();
  auto waiting = asio::co_spawn(threads.executor(0), pool.run(Deadline::max(), [] { return 1; }), asio::use_future);
  while (pool.queue_size() == 0) std::this_thread::yield();
  std::thread stopping([&] { pool.stop(); });
  auto result = waiting.get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::unavailable);
  release.set_value();
  stopping.join();
  EXPECT_FALSE(pool.post([] {}));
}

TEST(Gate, WaitsForThoseInside) {
  IoThreads threads(1);
  Gate gate;
  auto first = gate.enter();
  auto second = gate.enter();
  ASSERT_TRUE(first && second);
  gate.close();
  EXPECT_FALSE(gate.enter());
  EXPECT_FALSE(gate.wait_empty_blocking(deadline_in(5ms)));
  auto waiting = asio::co_spawn(threads.executor(0), gate.wait_empty(deadline_in(10s)), asio::use_future);
  first.reset();
  second.reset();
  EXPECT_TRUE(waiting.get());
  EXPECT_TRUE(gate.wait_empty_blocking(Clock::now()));
}

TEST(Gate, AnEmptyGateIsEmptyWhenClosed) {
  Gate gate;
  gate.close();
  gate.close();
  EXPECT_TRUE(gate.wait_empty_blocking(Clock::now()));
}

TEST(Snapshot, ReadersKeepWhatTheyGot) {
  Snapshot<int> snapshot(std::make_shared<const int>(1));
  const auto old = snapshot.get();
  snapshot.publish(std::make_shared<const int>(2));
  EXPECT_EQ(*old, 1);
  EXPECT_EQ(*snapshot.get(), 2);
}

Task<Result<int>> sleep_then(std::chrono::milliseconds time, int value) {
  co_await sleep_until(deadline_in(time));
  co_return value;
}

TEST(WithDeadline, GivesTheValueOrATimeout) {
  IoThreads threads(1);
  EXPECT_EQ(*threads.run(0, with_deadline(sleep_then(0ms, 3), deadline_in(10s))), 3);
  auto late = threads.run(0, with_deadline(sleep_then(1h, 3), deadline_in(10ms)));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::timeout);
}

TEST(WithDeadline, AnExceptionOfTheTaskPassesThroughAtOnce) {
  IoThreads threads(1);
  auto thrower = []() -> Task<Result<int>> {
    throw std::runtime_error("x");
    co_return 1;
  };
  EXPECT_THROW(threads.run(0, with_deadline(thrower(), deadline_in(1h))), std::runtime_error);
}

TEST(WithDeadline, CancellingTheOuterTaskCancelsTheInner) {
  IoThreads threads(1);
  Cancellable<Result<int>> running(threads, with_deadline(sleep_then(1h, 3), deadline_in(1h)));
  running.cancel();
  auto result = running.result();
  EXPECT_TRUE(!result || !*result || **result == 3);
}

}  // namespace
}  // namespace kinglet
