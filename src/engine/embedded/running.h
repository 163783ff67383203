// SPDX-License-Identifier: Apache-2.0
// The statements that run now: found by query id, killed, and watched. What no limit of the engine stops, the watchdog
// does.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "runtime/task.h"

namespace kinglet::embedded {

/// One statement from its request to its end. Made on the io thread; steps run on a worker.
class RunningQuery {
 public:
  RunningQuery(std::string query_id, std::uint64_t number, double seconds_max);

  const std::string& query_id() const { return query_id_; }
  /// A comment put before the statement: libchdb gives no way to set the query id, but system.processes shows the text.
  const std::string& mark() const { return mark_; }
  bool cancel_requested() const { return cancel_requested_; }

  /// Around each call into the engine. The time limit counts from the first one.
  class Step {
   public:
    explicit Step(RunningQuery& query);
    ~Step();
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    RunningQuery& query_;
  };

 private:
  friend class RunningQueries;
  std::string query_id_, mark_;
  double seconds_max_;
  std::atomic<bool> cancel_requested_{false};
  std::atomic<std::int64_t> begun_at_{0};  // nanoseconds of Clock; 0: no step yet
  std::atomic<std::int64_t> step_at_{0};   // begin of the running step; 0: none runs
};

class RunningQueries {
 public:
  struct Options {
    std::chrono::milliseconds kill_after{3000};         // later than its limit: KILL
    std::chrono::milliseconds exit_after{5000};         // still there: the process ends, its server starts it again
    std::uint64_t resident_bytes_max = 0;               // beyond it the process ends; 0: not watched
    std::function<void(const std::string& mark)> kill;  // sends KILL QUERY; must not block
    std::function<void(const std::string& why)> end_process;  // does not return
  };
  explicit RunningQueries(Options options);
  ~RunningQueries();
  RunningQueries(const RunningQueries&) = delete;
  RunningQueries& operator=(const RunningQueries&) = delete;

  /// Registers; the entry leaves when the last owner drops it. Null when a query with that id runs.
  std::shared_ptr<RunningQuery> add(std::string query_id, double seconds_max);
  /// Asks for the end of a query, and goes on asking until it ended. False when none has that id.
  bool cancel(std::string_view query_id);
  void cancel(const std::shared_ptr<RunningQuery>& query);

  std::size_t size() const;
  std::uint64_t kill_count() const { return kills_; }
  void stop();

 private:
  void watch();
  void check();

  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::map<std::string, std::weak_ptr<RunningQuery>, std::less<>> queries_;  // guarded by mutex_
  std::uint64_t next_number_ = 1;                                            // guarded by mutex_
  bool stopping_ = false;                                                    // guarded by mutex_
  std::atomic<std::uint64_t> kills_{0};
  std::thread thread_;
};

}  // namespace kinglet::embedded
