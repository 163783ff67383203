// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/running.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

#include "base/log.h"

namespace kinglet::embedded {
namespace {

constexpr auto tick = std::chrono::milliseconds(100);

std::int64_t now() {
  return Clock::now().time_since_epoch().count();
}
constexpr std::int64_t nanoseconds(std::chrono::nanoseconds duration) {
  return duration.count();
}

std::uint64_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  unsigned long total = 0, resident = 0;
  const int fields = std::fscanf(file, "%lu %lu", &total, &resident);
  std::fclose(file);
  return fields == 2 ? resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace

RunningQuery::RunningQuery(std::string query_id, std::uint64_t number, double seconds_max)
    : query_id_(std::move(query_id)), mark_(fmt::format("/*kinglet {:016x}*/ ", number)), seconds_max_(seconds_max) {}

RunningQuery::Step::Step(RunningQuery& query) : query_(query) {
  const std::int64_t at = now();
  std::int64_t none = 0;
  query_.begun_at_.compare_exchange_strong(none, at);
  query_.step_at_ = at;
}

RunningQuery::Step::~Step() {
  query_.step_at_ = 0;
}

RunningQueries::RunningQueries(Options options) : options_(std::move(options)), thread_([this] { watch(); }) {}

RunningQueries::~RunningQueries() {
  stop();
}

void RunningQueries::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

std::shared_ptr<RunningQuery> RunningQueries::add(std::string query_id, double seconds_max) {
  const std::lock_guard lock(mutex_);
  if (const auto it = queries_.find(query_id); it != queries_.end() && !it->second.expired()) return nullptr;
  auto forget = [this](RunningQuery* query) {
    {
      const std::lock_guard forget_lock(mutex_);
      if (const auto it = queries_.find(query->query_id()); it != queries_.end() && it->second.expired())
        queries_.erase(it);
    }
    delete query;
  };
  std::shared_ptr<RunningQuery> query(new RunningQuery(query_id, next_number_++, seconds_max), forget);
  queries_[std::move(query_id)] = query;
  if (queries_.size() == 1) wake_.notify_one();
  return query;
}

bool RunningQueries::cancel(std::string_view query_id) {
  std::shared_ptr<RunningQuery> query;
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = queries_.find(query_id); it != queries_.end()) query = it->second.lock();
  }
  if (query == nullptr) return false;
  cancel(query);
  return true;
}

void RunningQueries::cancel(const std::shared_ptr<RunningQuery>& query) {
  if (!query->cancel_requested_.exchange(true)) ++kills_;
  if (query->step_at_ != 0) options_.kill(query->mark());
}

std::size_t RunningQueries::size() const {
  const std::lock_guard lock(mutex_);
  return queries_.size();
}

void RunningQueries::watch() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (queries_.empty()) {
      wake_.wait(lock);  // an idle engine costs nothing
      continue;
    }
    wake_.wait_for(lock, tick);
    lock.unlock();
    check();
    lock.lock();
  }
}

void RunningQueries::check() {
  std::vector<std::shared_ptr<RunningQuery>> running;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, weak] : queries_) {
      if (auto query = weak.lock()) running.push_back(std::move(query));
    }
  }
  for (const auto& query : running) {
    const std::int64_t step_at = query->step_at_;
    if (step_at == 0) continue;
    // KILL finds a query only once its analysis is over: ask until it worked.
    if (query->cancel_requested()) options_.kill(query->mark());
    if (query->seconds_max_ <= 0) continue;
    // A client that reads slowly is not the engine's fault: a step that began after the limit has its own three
    // seconds.
    const std::int64_t limit = query->begun_at_ + static_cast<std::int64_t>(query->seconds_max_ * 1e9);
    const std::int64_t late = now() - std::max(limit, step_at);
    if (late > nanoseconds(options_.exit_after)) {
      options_.end_process(fmt::format("query {} is {} s later than its limit of {} s and does not stop",
                                       query->query_id(), late / 1'000'000'000, query->seconds_max_));
    } else if (late > nanoseconds(options_.kill_after) && !query->cancel_requested()) {
      log::warning("a query is later than its limit and is killed",
                   {{"query_id", query->query_id()}, {"limit_seconds", query->seconds_max_}});
      cancel(query);
    }
  }
  if (options_.resident_bytes_max != 0) {
    if (const std::uint64_t resident = resident_bytes(); resident > options_.resident_bytes_max) {
      options_.end_process(fmt::format("{} MB of memory are in use, more than the engine may have", resident >> 20));
    }
  }
}

}  // namespace kinglet::embedded
