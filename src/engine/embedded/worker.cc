// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/worker.h"

#include <algorithm>
#include <cstring>

#include "engine/embedded/errors.h"

namespace kinglet::embedded {

namespace {
constexpr std::size_t stack_bytes = 16u << 20;
}

Result<std::unique_ptr<Worker>> Worker::start(std::string name, ConnectionCache cache) {
  std::unique_ptr<Worker> worker(new Worker(std::move(name), std::move(cache)));
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, stack_bytes);
  const int error = ::pthread_create(&worker->thread_, &attributes, &Worker::main, worker.get());
  ::pthread_attr_destroy(&attributes);
  if (error != 0) return fail(Code::unavailable, "a worker thread could not be started: {}", std::strerror(error));
  worker->started_ = true;
  return worker;
}

Worker::~Worker() {
  if (!started_) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  ::pthread_join(thread_, nullptr);
}

void Worker::post(Job job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
}

bool Worker::try_post(Job job, std::size_t waiting_max) {
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() >= waiting_max) return false;
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

void* Worker::main(void* self) {
  auto* worker = static_cast<Worker*>(self);
  ::pthread_setname_np(::pthread_self(), worker->name_.c_str());
  worker->loop();
  return nullptr;
}

void Worker::loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) break;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job(cache_);
    job = nullptr;  // destroyed here, on the thread that owns the connections
    lock.lock();
  }
  lock.unlock();
  cache_.clear();
}

void Lease::release(Worker::Job last) {
  if (worker_ == nullptr) return;
  Worker* worker = std::exchange(worker_, nullptr);
  auto pool = std::move(pool_);
  if (!last) {
    pool->give_back(worker);
    return;
  }
  worker->post([last = std::move(last), pool = std::move(pool), worker](ConnectionCache& cache) mutable {
    last(cache);
    last = nullptr;
    auto executor = pool->executor_;
    asio::post(executor, [pool = std::move(pool), worker] { pool->give_back(worker); });
  });
}

Result<std::shared_ptr<WorkerPool>> WorkerPool::start(asio::any_io_executor executor, const Options& options,
                                                      const std::function<ConnectionCache()>& make_cache) {
  std::shared_ptr<WorkerPool> pool(new WorkerPool(std::move(executor), options.waiting_max));
  for (std::size_t i = 0; i < options.threads; ++i) {
    TRY(auto worker, Worker::start(fmt::format("{}{}", options.name, i), make_cache()));
    pool->free_.push_back(worker.get());
    pool->workers_.push_back(std::move(worker));
  }
  return pool;
}

Task<Result<Lease>> WorkerPool::lease(Deadline deadline) {
  if (!free_.empty()) {
    // Last in, first out: its connections and its stack are warm.
    Worker* worker = free_.back();
    free_.pop_back();
    co_return Lease(shared_from_this(), worker);
  }
  if (waiting_.size() >= waiting_max_)
    co_return refuse(number::too_many_queries, "Too many queries wait for the engine");

  // Removes the waiter on every way out, also when the coroutine is destroyed while it waits.
  struct Place {
    Place(WorkerPool& p) : pool(p), waiter(p.executor_), at(p.waiting_.insert(p.waiting_.end(), &waiter)) {}
    ~Place() {
      if (waiter.worker == nullptr) pool.waiting_.erase(at);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    WorkerPool& pool;
    Waiter waiter;
    std::list<Waiter*>::iterator at;
  };
  const auto self = shared_from_this();
  Place place(*this);
  place.waiter.timer.expires_at(deadline);
  co_await place.waiter.timer.async_wait(use_task);
  if (place.waiter.worker != nullptr) co_return Lease(self, place.waiter.worker);
  co_return refuse(number::too_many_queries, "No worker of the engine became free in time");
}

void WorkerPool::give_back(Worker* worker) {
  if (waiting_.empty()) {
    free_.push_back(worker);
    return;
  }
  Waiter* waiter = waiting_.front();
  waiting_.pop_front();
  waiter->worker = worker;
  waiter->timer.cancel();
}

}  // namespace kinglet::embedded
