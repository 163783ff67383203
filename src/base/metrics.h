// SPDX-License-Identifier: Apache-2.0
// Counters, gauges and histograms for Prometheus. Declared once where they are counted, read at GET /metrics.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace kinglet::metrics {

using Labels = std::map<std::string, std::string>;

/// Only grows. Cheap to copy; valid as long as its registry. Thread: any, without a lock.
class Counter {
 public:
  Counter() = default;  // counts nothing
  explicit Counter(prometheus::Counter* counter) : counter_(counter) {}
  void add(double amount = 1) const;
  double value() const;

 private:
  prometheus::Counter* counter_ = nullptr;
};

class Gauge {
 public:
  Gauge() = default;
  explicit Gauge(prometheus::Gauge* gauge) : gauge_(gauge) {}
  void set(double value) const;
  void add(double amount) const;
  double value() const;

 private:
  prometheus::Gauge* gauge_ = nullptr;
};

class Histogram {
 public:
  Histogram() = default;
  explicit Histogram(prometheus::Histogram* histogram) : histogram_(histogram) {}
  void observe(double value) const;

 private:
  prometheus::Histogram* histogram_ = nullptr;
};

/// Upper bounds in seconds for what takes from 0.1 ms to a minute.
std::vector<double> latency_buckets();

/// All metrics of a process. Thread: any; making a series takes a lock, so keep what you made.
class Registry {
 public:
  /// Series of one name beyond it share the one whose label values are all "other": label values may come from users.
  static constexpr std::size_t series_max = 2'000;

  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  /// The same name and labels give the same series. A name keeps its kind.
  Counter counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram histogram(const std::string& name, const std::string& help, std::vector<double> bucket_bounds,
                      const Labels& labels = {});

  /// Called before each text(): for gauges that are computed then.
  void before_text(std::function<void()> update);
  /// The Prometheus text format, version 0.0.4.
  std::string text();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kinglet::metrics
