// SPDX-License-Identifier: Apache-2.0
// One call of an endpoint.
#pragma once

#include <string_view>

#include "api/services.h"

namespace kinglet::api {

/// Runs the endpoint `name` and answers in the format of `suffix` ("json", "csv" …).
Task<Result<http::Response>> call_endpoint(Call& call, std::string_view name, std::string_view suffix);

}  // namespace kinglet::api
