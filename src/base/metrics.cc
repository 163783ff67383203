// SPDX-License-Identifier: Apache-2.0
#include "base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>
#include <set>

#include "base/check.h"

namespace kinglet::metrics {

struct Registry::State {
  prometheus::Registry registry;
  std::mutex mutex;
  std::map<std::string, std::set<Labels>> series;  // by name
  std::map<std::string, std::string> kinds;
  std::vector<std::function<void()>> updates;

  /// `labels`, or the shared series when there are too many. Under the mutex.
  Labels admit(const std::string& name, const std::string& kind, const Labels& labels) {
    CHECK(kinds.try_emplace(name, kind).first->second == kind, "a metric name is used for one kind only");
    auto& known = series[name];
    if (known.contains(labels)) return labels;
    if (known.size() < series_max) {
      known.insert(labels);
      return labels;
    }
    Labels other = labels;
    for (auto& [label, value] : other) value = "other";
    return other;
  }
};

void Counter::add(double amount) const {
  if (counter_ != nullptr) counter_->Increment(amount);
}
double Counter::value() const {
  return counter_ != nullptr ? counter_->Value() : 0;
}

void Gauge::set(double value) const {
  if (gauge_ != nullptr) gauge_->Set(value);
}
void Gauge::add(double amount) const {
  if (gauge_ != nullptr) gauge_->Increment(amount);
}
double Gauge::value() const {
  return gauge_ != nullptr ? gauge_->Value() : 0;
}

void Histogram::observe(double value) const {
  if (histogram_ != nullptr) histogram_->Observe(value);
}

std::vector<double> latency_buckets() {
  return {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
}

Registry::Registry() : state_(std::make_unique<State>()) {}
Registry::~Registry() = default;

Counter Registry::counter(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(state_->mutex);
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(state_->registry);
  return Counter(&family.Add(state_->admit(name, "counter", labels)));
}

Gauge Registry::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(state_->mutex);
  auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(state_->registry);
  return Gauge(&family.Add(state_->admit(name, "gauge", labels)));
}

Histogram Registry::histogram(const std::string& name, const std::string& help, std::vector<double> bucket_bounds,
                              const Labels& labels) {
  const std::lock_guard lock(state_->mutex);
  auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(state_->registry);
  return Histogram(&family.Add(state_->admit(name, "histogram", labels), std::move(bucket_bounds)));
}

void Registry::before_text(std::function<void()> update) {
  const std::lock_guard lock(state_->mutex);
  state_->updates.push_back(std::move(update));
}

std::string Registry::text() {
  std::vector<std::function<void()>> updates;
  {
    const std::lock_guard lock(state_->mutex);
    updates = state_->updates;
  }
  for (const auto& update : updates) update();
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

}  // namespace kinglet::metrics
