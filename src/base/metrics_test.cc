// SPDX-License-Identifier: Apache-2.0
#include "base/metrics.h"

#include <gtest/gtest.h>

namespace kinglet::metrics {
namespace {

TEST(Metrics, TextHoldsWhatWasCounted) {
  Registry registry;
  registry.counter("kinglet_rows_total", "Rows.", {{"source", "a\"b"}}).add(3);
  registry.counter("kinglet_rows_total", "Rows.", {{"source", "a\"b"}}).add();
  const Gauge depth = registry.gauge("kinglet_depth", "Depth.");
  registry.before_text([depth] { depth.set(7); });
  registry.histogram("kinglet_seconds", "Time.", {0.1, 1}).observe(0.5);
  const std::string text = registry.text();
  EXPECT_NE(text.find("# TYPE kinglet_rows_total counter"), std::string::npos) << text;
  EXPECT_NE(text.find("kinglet_rows_total{source=\"a\\\"b\"} 4"), std::string::npos) << text;
  EXPECT_NE(text.find("kinglet_depth 7"), std::string::npos) << text;
  EXPECT_NE(text.find("kinglet_seconds_bucket{le=\"1\"} 1"), std::string::npos) << text;
}

TEST(Metrics, LabelValuesOfUsersDoNotGrowWithoutLimit) {
  Registry registry;
  for (std::size_t i = 0; i < Registry::series_max + 5; ++i) {
    registry.counter("kinglet_x_total", "X.", {{"name", std::to_string(i)}}).add();
  }
  EXPECT_EQ(registry.counter("kinglet_x_total", "X.", {{"name", "a new one"}}).value(), 5);
  EXPECT_EQ(registry.counter("kinglet_x_total", "X.", {{"name", "3"}}).value(), 1);
}

TEST(Metrics, AnUnboundMetricCountsNothing) {
  Counter().add();
  Gauge().set(1);
  Histogram().observe(1);
}

}  // namespace
}  // namespace kinglet::metrics
