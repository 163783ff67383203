// SPDX-License-Identifier: Apache-2.0
#include "runtime/io_threads.h"

#include <pthread.h>

#include <system_error>

#include "base/check.h"
#include "runtime/threads.h"

namespace kinglet {
namespace {
thread_local std::optional<std::size_t> current_io_thread;
}  // namespace

IoThreads::IoThreads(std::size_t count, std::string name) {
  CHECK(count > 0, "somebody must run the loops");
  for (std::size_t i = 0; i < count; ++i) {
    auto loop = std::make_unique<Loop>();
    loop->context = std::make_unique<asio::io_context>(1);
    loop->work.emplace(loop->context->get_executor());
    loops_.push_back(std::move(loop));
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto loop = [context = loops_[i]->context.get(), i, name] {
      block_signals_in_this_thread();
      const std::string thread_name = (name + std::to_string(i)).substr(0, 15);
      pthread_setname_np(pthread_self(), thread_name.c_str());
      current_io_thread = i;
      context->run();
    };
    try {
      loops_[i]->thread = std::thread(loop);
    } catch (const std::system_error& problem) {
      end_without_thread(problem.code().value());
    }
  }
}

IoThreads::~IoThreads() {
  stop();
}

std::optional<std::size_t> IoThreads::current_index() {
  return current_io_thread;
}

void IoThreads::stop() {
  for (auto& loop : loops_) {
    loop->work.reset();
    loop->context->stop();
  }
  for (auto& loop : loops_) {
    if (loop->thread.joinable()) loop->thread.join();
  }
}

}  // namespace kinglet
