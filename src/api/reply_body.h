// SPDX-License-Identifier: Apache-2.0
// The engine's reply as the body of ours.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "http/message.h"
#include "query/runner.h"

namespace kinglet::api {

/// The first bytes, which the status waited for, then the rest as it comes. Destroyed early, it stops the query.
class ReplyBody final : public http::BodySource {
 public:
  /// `summary` gets the engine's figures once the end was read.
  explicit ReplyBody(query::Answer answer, std::shared_ptr<engine::Summary> summary = nullptr)
      : answer_(std::move(answer)), summary_(std::move(summary)) {}
  Task<Result<std::string>> next() override {
    if (!answer_.first.empty()) co_return std::exchange(answer_.first, {});
    auto more = co_await answer_.rest->next();
    if (more && more->empty() && summary_) *summary_ = answer_.rest->summary();
    co_return more;
  }

 private:
  query::Answer answer_;
  std::shared_ptr<engine::Summary> summary_;
};

}  // namespace kinglet::api
