// SPDX-License-Identifier: Apache-2.0
#include "runtime/blocking_pool.h"

#include <pthread.h>

#include "base/check.h"
#include "runtime/threads.h"

namespace kinglet {

BlockingPool::BlockingPool(Options options) : options_(std::move(options)) {
  CHECK(options_.thread_count > 0, "somebody must do the work");
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  if (options_.stack_bytes > 0) {
    CHECK(pthread_attr_setstacksize(&attributes, options_.stack_bytes) == 0, "a stack size the system accepts");
  }
  for (std::size_t i = 0; i < options_.thread_count; ++i) {
    pthread_t thread{};
    if (const int problem = pthread_create(&thread, &attributes, &BlockingPool::thread_main, this); problem != 0)
      end_without_thread(problem);
    pthread_setname_np(thread, (options_.name + std::to_string(i)).substr(0, 15).c_str());
    threads_.push_back(thread);
  }
  pthread_attr_destroy(&attributes);
}

BlockingPool::~BlockingPool() {
  stop();
}

void* BlockingPool::thread_main(void* pool) {
  block_signals_in_this_thread();
  static_cast<BlockingPool*>(pool)->work_loop();
  return nullptr;
}

void BlockingPool::work_loop() {
  while (true) {
    Job job;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopped_) condition_.wait(mutex_);
      if (stopped_) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    job(true);
  }
}

bool BlockingPool::push(Job job) {
  MutexLock lock(mutex_);
  if (stopped_ || queue_.size() >= options_.queue_max) return false;
  queue_.push_back(std::move(job));
  condition_.notify_one();
  return true;
}

bool BlockingPool::post(std::function<void()> work) {
  return push([work = std::move(work)](bool started) {
    if (started) work();
  });
}

std::size_t BlockingPool::queue_size() const {
  MutexLock lock(mutex_);
  return queue_.size();
}

void BlockingPool::stop() {
  std::deque<Job> dropped;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    dropped.swap(queue_);
    condition_.notify_all();
  }
  for (Job& job : dropped) job(false);
  for (const pthread_t thread : threads_) pthread_join(thread, nullptr);
  threads_.clear();
}

}  // namespace kinglet
