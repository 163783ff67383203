// SPDX-License-Identifier: Apache-2.0
// The test case of the spool: one on scripted tables and a folder that may fail.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "spool/spool.h"
#include "spool/spool_testing.h"

namespace kinglet::spool::testing {

using Kind = FlushOutcome::Kind;
using Rows = std::vector<std::string>;

inline Deadline soon() {
  return Clock::now() + std::chrono::seconds(20);
}

class SpoolTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Spool>> try_open() {
    return Spool::open(
        options_, [this](const auto&) { return std::make_unique<ScriptedLanding>(tables_); }, callbacks_);
  }
  void open() {
    auto opened = try_open();
    ASSERT_TRUE(opened) << opened.error().message;
    spool_ = *std::move(opened);
  }
  template <class Make>
  void open_with(Make make) {
    auto opened = Spool::open(options_, make, callbacks_);
    ASSERT_TRUE(opened) << opened.error().message;
    spool_ = *std::move(opened);
  }
  void open_faulty() {
    auto folder = SpoolFolder::open(options_.folder);
    ASSERT_TRUE(folder);
    auto opened = Spool::open_on(
        std::make_unique<FaultyFolder>(*std::move(folder), faults_), options_,
        [this](const auto&) { return std::make_unique<ScriptedLanding>(tables_); }, callbacks_);
    ASSERT_TRUE(opened) << opened.error().message;
    spool_ = *std::move(opened);
  }
  void reopen() {
    spool_.reset();
    open();
  }
  Result<AppendReceipt> append(AppendRequest request) {
    return io_.run(0, [&]() -> Task<Result<AppendReceipt>> { return spool_->append(std::move(request)); });
  }
  FlushOutcome wait(const AppendReceipt& receipt, Deadline deadline = soon()) {
    return io_.run(0, [&] { return spool_->wait(receipt, deadline); });
  }
  Status flush(Deadline deadline = soon()) {
    return io_.run(0, [&] { return spool_->flush(deadline); });
  }
  std::uint64_t drain(Deadline deadline = soon()) {
    return io_.run(0, [&] { return spool_->drain(deadline); });
  }
  Result<Spool::Hold> hold(const std::string& table, HoldKind kind, Deadline deadline = soon()) {
    return io_.run(0, [&] { return spool_->hold({.database = "db", .table = table}, kind, deadline); });
  }
  Status retry_failed(const std::string& token) {
    return io_.run(0, [&] { return spool_->retry_failed(token); });
  }
  Status drop_failed(const std::string& token) {
    return io_.run(0, [&] { return spool_->drop_failed(token); });
  }
  std::vector<FailedBatch> failed() {
    return io_.run(0, [&] { return spool_->failed(); });
  }
  template <class Condition>
  bool eventually(Condition condition) {
    for (const auto end = soon(); Clock::now() < end; std::this_thread::yield())
      if (condition()) return true;
    return false;
  }

  TempFolder folder_;
  Tables tables_;
  Faults faults_;
  SpoolOptions options_ = quick_options(folder_.path());
  SpoolCallbacks callbacks_;
  IoThreads io_{2, "test"};
  std::unique_ptr<Spool> spool_;
};

}  // namespace kinglet::spool::testing
