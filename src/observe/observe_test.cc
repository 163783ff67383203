// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <thread>

#include "observe/observer.h"

namespace kinglet::observe {
namespace {

TEST(Queue, KeepsWhatCameFirstAndCountsTheRest) {
  Queue<int> queue({.records = 3, .bytes = 100});
  for (int i = 0; i < 5; ++i) queue.add(i, 10);
  EXPECT_EQ(queue.counts().waiting, 3U);
  EXPECT_EQ(queue.counts().lost, 2U);
  EXPECT_EQ(queue.take(), (std::vector<int>{0, 1, 2}));
  EXPECT_TRUE(queue.take().empty());
  queue.add(6, 99);
  queue.add(7, 2);
  EXPECT_EQ(queue.take(), std::vector<int>{6});
  queue.lose(4);
  EXPECT_EQ(queue.counts().lost, 7U);
}

TEST(Queue, LosesNothingOfManyThreadsWhileItHasRoom) {
  Queue<std::string> queue({.records = 10'000, .bytes = 1u << 20});
  std::atomic<std::size_t> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) {
        queue.add(std::string(40, 'x'), 40);
        if (j % 100 == 0) taken += queue.take().size();
      }
    });
  for (auto& one : threads) one.join();
  EXPECT_EQ(taken + queue.take().size(), 3000U);
  EXPECT_EQ(queue.counts().lost, 0U);
}

TEST(Observer, KeepsReadsOfServiceDataSourcesOutOfThem) {
  Observer observer;
  RequestRecord call;
  call.workspace_id = "w";
  call.pipe_id = "query_api";
  call.reads_service = true;
  observer.record(call);
  EXPECT_EQ(observer.calls("w", "query_api").calls, 1U);
  EXPECT_TRUE(observer.requests().take().empty());
}

TEST(Observer, BoundsWhatWaitsByItsBytes) {
  Observer observer;
  for (int i = 0; i < 40; ++i) {
    RequestRecord call;
    call.parameters = {{"q", std::string(1u << 20, 'x')}};
    observer.record(std::move(call));
  }
  const auto counts = observer.requests().counts();
  EXPECT_EQ(counts.waiting + counts.lost, 40U);
  EXPECT_EQ(counts.waiting, 31U);
}

TEST(Observer, AccountsForEveryRow) {
  Observer observer;
  const auto account = observer.rows("w", "t_1", "events");
  EXPECT_EQ(observer.rows("w", "t_1", "events"), account);
  EXPECT_NE(observer.rows("v", "t_1", "events"), account);
  account->accept(10);
  account->add({.stored = 6});
  account->add({.quarantined = 1});
  EXPECT_EQ(account->read().pending(), 3);
  account->add({.stored = 1});
  account->deduplicate(2);
  EXPECT_EQ(account->read().pending(), 0);
  EXPECT_EQ(observer.account("w", "t_2"), nullptr);
  observer.forget("w", "t_1");
  EXPECT_EQ(observer.account("w", "t_1"), nullptr);
  account->accept(1);  // whoever holds it may go on
}

TEST(RowAccount, TheOldestRowThatWaitsHasAnAge) {
  using namespace std::chrono_literals;
  RowAccount account;
  const auto now = [] { return std::chrono::steady_clock::now(); };
  EXPECT_EQ(account.oldest_pending(now()), 0ms);
  const auto before = now();
  account.accept(10);
  EXPECT_GE(account.oldest_pending(now() + 5s), 5s);
  EXPECT_LE(account.oldest_pending(now() + 5s), now() - before + 5s);
  account.add({.stored = 9, .quarantined = 1});
  EXPECT_EQ(account.oldest_pending(now() + 5s), 0ms);
}

TEST(RowAccount, ABacklogOfAnyLengthKeepsItsOldestRow) {
  using namespace std::chrono_literals;
  RowAccount account;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 100'000; ++i) account.accept(1);
  account.add({.stored = 1});
  EXPECT_GE(account.oldest_pending(start + 60s), 59s);
}

TEST(Observer, AReaderNeverSeesMoreStoredThanAccepted) {
  Observer observer;
  const auto account = observer.rows("w", "t_1", "events");
  std::thread writer([&] {
    for (int i = 0; i < 50'000; ++i) {
      account->accept(1);
      account->add({.stored = 1});
    }
  });
  for (int i = 0; i < 5'000; ++i) ASSERT_GE(account->read().pending(), 0);
  writer.join();
  EXPECT_EQ(account->read().pending(), 0);
}

TEST(Observer, CountsCallsOfAnEndpoint) {
  Observer observer;
  const auto call = [&](int status, double seconds) {
    RequestRecord one;
    one.workspace_id = "w";
    one.pipe_id = "t_9";
    one.pipe_name = "top";
    one.status_code = status;
    one.duration_seconds = seconds;
    one.read_rows = 5;
    observer.record(std::move(one));
  };
  call(200, 0.0005);
  call(400, 0.3);
  call(200, 1000);
  const CallCounts counts = observer.calls("w", "t_9");
  EXPECT_EQ(counts.calls, 3U);
  EXPECT_EQ(counts.errors, 1U);
  EXPECT_EQ(counts.read_rows, 15U);
  EXPECT_EQ(counts.buckets.front(), 1U);
  EXPECT_EQ(counts.buckets[4], 1U);
  EXPECT_EQ(counts.buckets.back(), 1U);
  EXPECT_EQ(observer.requests().take().size(), 3U);
}

TEST(Observer, MetricsSayWhatWasCounted) {
  Observer observer;
  observer.rows("w", "t_1", "events")->accept(4);
  RequestRecord call;
  call.workspace_id = "w";
  call.pipe_id = "t_9";
  call.pipe_name = "top";
  observer.record(call);
  bool rows = false, pending = false, histogram = false;
  for (const auto& family : observer.Collect())
    for (const auto& metric : family.metric) {
      if (family.name.starts_with("kinglet_service_records")) continue;
      ASSERT_GE(metric.label.size(), 2U);
      EXPECT_EQ(metric.label[0].value, "w");
      if (family.name == "kinglet_data_source_rows_total" && metric.label[2].value == "accepted")
        rows = metric.counter.value == 4;
      if (family.name == "kinglet_data_source_rows_pending") pending = metric.gauge.value == 4;
      if (family.name == "kinglet_endpoint_duration_seconds")
        histogram = metric.histogram.bucket.back().cumulative_count == 1 && metric.histogram.sample_count == 1;
    }
  EXPECT_TRUE(rows);
  EXPECT_TRUE(pending);
  EXPECT_TRUE(histogram);
}

TEST(Observer, StrangersBeyondTheLimitShareOneAccount) {
  Observer observer;
  const auto rows = [&](const std::string& id) { return observer.rows("w", id, "name of " + id); };
  for (std::size_t i = 0; i < Observer::accounts_max; ++i) rows(std::to_string(i));
  const auto shared = rows("one more");
  EXPECT_EQ(rows("another"), shared);
  EXPECT_NE(rows("5"), shared);
}

}  // namespace
}  // namespace kinglet::observe
