// SPDX-License-Identifier: Apache-2.0
// The ClickHouse interface (port 7182): SELECT over HTTP as ClickHouse's own clients send it.
#pragma once

#include "api/services.h"

namespace kinglet::api {

/// `/ping`, and queries by GET or POST with the token as password. Errors look like ClickHouse's
/// (clickhouse-interface.md 7).
Task<http::Response> handle_clickhouse(Services& services, http::Request& request);

}  // namespace kinglet::api
