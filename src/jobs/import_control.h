// SPDX-License-Identifier: Apache-2.0
// ImportControl: how far an import is, and the way to stop it from outside.
#pragma once

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>

#include "runtime/guarded.h"
#include "runtime/task.h"

namespace kinglet::jobs {

/// Counters: any thread. stop(): any thread. run(): the import's own io thread, one step at a time.
/// Lifetime: a shared_ptr that the import and whoever watches it hold.
class ImportControl : public std::enable_shared_from_this<ImportControl> {
 public:
  struct Counters {
    std::atomic<std::uint64_t> bytes_read{0};   // as sent
    std::atomic<std::uint64_t> bytes_total{0};  // 0: not known
    std::atomic<std::uint64_t> rows{0}, quarantined{0}, invalid{0}, content_bytes{0};
  };
  Counters counters;

  enum class Stop : std::uint8_t {
    none,
    cancelled,  // somebody asked for it
    leaving,    // the server ends: the job goes on at the next start
  };
  /// The first reason stays.
  void stop(Stop why) {
    auto none = Stop::none;
    if (!stop_.compare_exchange_strong(none, why)) return;
    signal_.with([](const std::shared_ptr<Signal>& signal) {
      if (!signal) return;
      asio::post(signal->executor, [signal] { signal->emitter.emit(asio::cancellation_type::terminal); });
    });
  }
  Stop stopped() const { return stop_.load(); }
  /// Errors: cancelled, once stop() was called.
  Status check() const {
    if (stopped() == Stop::none) return {};
    if (stopped() == Stop::leaving) return fail(Code::cancelled, "the server stops; the job goes on afterwards");
    return fail(Code::cancelled, "the job was cancelled");
  }

  /// Awaits a step that may be broken off in the middle: a read from a network or an engine. What it leaves is only
  /// good for being destroyed. Errors: cancelled; timeout at `deadline`; what the step gives.
  template <class T>
  Task<Result<T>> run(Task<Result<T>> step, Deadline deadline = Deadline::max()) {
    CO_TRY_VOID(check());
    const auto executor = co_await asio::this_coro::executor;
    const auto signal = std::make_shared<Signal>(executor);
    signal_.with([&](std::shared_ptr<Signal>& present) { present = signal; });
    bool late = false;
    asio::steady_timer timer(executor);
    if (deadline != Deadline::max()) {
      timer.expires_at(deadline);
      timer.async_wait([signal, &late](const boost::system::error_code& error) {
        if (error || signal->over) return;
        late = true;
        signal->emitter.emit(asio::cancellation_type::terminal);
      });
    }
    if (stopped() != Stop::none)
      asio::post(executor, [signal] { signal->emitter.emit(asio::cancellation_type::terminal); });
    auto [problem, result] = co_await asio::co_spawn(executor, std::move(step),
                                                     asio::bind_cancellation_slot(signal->emitter.slot(), use_task));
    signal->over = true;
    timer.cancel();
    signal_.with([](std::shared_ptr<Signal>& present) { present.reset(); });
    CO_TRY_VOID(check());
    if (late) co_return fail(Code::timeout, "no answer in time");
    if (problem) co_return fail(Code::internal, "a step of the import failed");
    co_return std::move(result);
  }

 private:
  struct Signal {
    explicit Signal(asio::any_io_executor e) : executor(std::move(e)) {}
    asio::any_io_executor executor;
    asio::cancellation_signal emitter;
    bool over = false;
  };
  std::atomic<Stop> stop_{Stop::none};
  Guarded<std::shared_ptr<Signal>> signal_;
};

}  // namespace kinglet::jobs
