// SPDX-License-Identifier: Apache-2.0
// What a call of an endpoint or of the Query API leaves in `tinybird.pipe_stats_rt`.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "api/services.h"
#include "engine/client.h"

namespace kinglet::api {

/// What is known of a call while it is answered.
struct CallFacts {
  const catalog::Pipe* pipe = nullptr;  // null: the Query API
  http::QueryParameters parameters = {};
  bool reads_service = false;
  /// Of the engine's reply; for a stream filled at its end.
  std::shared_ptr<engine::Summary> summary = std::make_shared<engine::Summary>();
};

/// Books the call once its reply has ended.
void record_call(Call& call, http::Response& response, const auth::Access& access, const CallFacts& facts);

/// `target` without the parameters that hold a token or a password, however they are written (A4), cut to `bytes_max`.
std::string url_to_record(std::string_view target, std::size_t bytes_max);

}  // namespace kinglet::api
