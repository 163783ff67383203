// SPDX-License-Identifier: Apache-2.0
// The engine's reply as the body of ours.
#pragma once

#include <string>
#include <utility>

#include "http/message.h"
#include "query/runner.h"

namespace kinglet::api {

/// The first bytes, which the status waited for, then the rest as it comes. Destroyed early, it stops the query.
class ReplyBody final : public http::BodySource {
 public:
  explicit ReplyBody(query::Answer answer) : answer_(std::move(answer)) {}
  Task<Result<std::string>> next() override {
    if (!answer_.first.empty()) co_return std::exchange(answer_.first, {});
    auto more = co_await answer_.rest->next();
    co_return more;
  }

 private:
  query::Answer answer_;
};

}  // namespace kinglet::api
