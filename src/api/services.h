// SPDX-License-Identifier: Apache-2.0
// What the handlers reach: the services of the server, wired once in server/.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "api/router.h"
#include "auth/access.h"
#include "auth/rate_limit.h"
#include "catalog/catalog.h"
#include "http/server.h"
#include "observe/observer.h"

namespace kinglet::ingest {
class Intake;
}
namespace kinglet::query {
class Runners;
}
namespace kinglet::deploy {
class Deployer;
}
namespace kinglet::jobs {
class Jobs;
}

namespace kinglet::api {

struct Limits {
  std::uint64_t events_body_bytes_max = 64ull << 30;  // 0: no limit
  std::uint64_t upload_bytes_max = 500ull << 20;
  double data_source_requests_per_second = 0;                 // appends to one; 0: any number
  double token_requests_per_second = 0;                       // appends with one; 0: any number
  static constexpr std::size_t form_bytes_max = 1 << 20;      // tokens, deletes, small forms
  static constexpr std::size_t project_bytes_max = 64 << 20;  // build and deploy
  static constexpr std::size_t sql_bytes_max = 64 << 10;      // ad-hoc SQL
};

struct Services {
  catalog::Catalog& catalog;
  observe::Observer& observer;
  auth::RateLimiter& limiter;
  ingest::Intake& intake;
  query::Runners& runners;
  deploy::Deployer& deployer;
  jobs::Jobs& jobs;
  std::string public_url;
  Limits limits;
  /// What /health and /metrics say about the engine; made in server/, which owns the processes.
  std::function<json::object()> health;
  std::function<std::string()> metrics;
};

/// One request with what nearly every handler needs.
struct Call {
  Services& services;
  http::Request& request;
  const PathArguments& path;
  catalog::SnapshotPtr snapshot;

  /// Who calls: `Authorization: Bearer`, else `?token=`. Errors: unauthenticated; busy when a JWT's rate is used up.
  Result<auth::Access> authenticate() const;
  /// As authenticate(), and the token belongs to a workspace.
  Result<auth::Access> authenticate_workspace() const;

  /// As authenticate_workspace(), for a route that appends rows: counted against the token's limit of those. Errors:
  /// busy too.
  Result<auth::Access> authenticate_append() const;
  /// Counts one append against the data source's limit. Ask before the body is read. Errors: busy.
  Status admit_append(const auth::Access& access, const catalog::DataSource& source) const;

  /// What the tightest rate limit said to this caller, for the X-RateLimit-* headers; `limit` 0: it has none.
  mutable auth::RateDecision rate = {};
};

/// Counts the request against the caller's own limit, whatever door it came through (A6). Errors: busy.
Status check_rate(auth::RateLimiter& limiter, const auth::Access& access, auth::RateDecision& decision);

/// Fields of a request from the query string and, after those, from an urlencoded or JSON-object body.
struct Fields {
  http::QueryParameters values;
  json::value document;  // the JSON body, null when there was none
  std::optional<std::string_view> get(std::string_view name) const { return values.get(name); }
};
/// Reads the body (limit form_bytes_max). A body that starts with `{` is JSON whatever its content type says
/// (tb-client.md 1.1); JSON scalars count as text fields, arrays of text as repeated ones.
Task<Result<Fields>> read_fields(http::Request& request);

/// Adds every route.
void add_routes(Router& router, Services& services);
void add_local_routes(Router& router, Services& services);  // /health /metrics /tokens /version
void add_event_routes(Router& router, Services& services);  // /v0/events
void add_data_source_routes(Router& router, Services& services);
void add_quarantine_routes(Router& router, Services& services);  // /v0/datasources/{name}/quarantine
void add_pipe_routes(Router& router, Services& services);        // lists, details, endpoints
void add_sql_routes(Router& router, Services& services);         // /v0/sql
void add_token_routes(Router& router, Services& services);
void add_spool_routes(Router& router, Services& services);  // /v0/spool/failed
void add_job_routes(Router& router, Services& services);
void add_analyze_routes(Router& router, Services& services);
void add_deploy_routes(Router& router, Services& services);  // /v1/build, /v1/deploy, /v1/deployments
void add_workspace_routes(Router& router, Services& services);

/// Wraps a handler that takes a Call and answers Result<Response>: an Error becomes its reply.
using CallHandler = std::function<Task<Result<http::Response>>(Call&)>;
RouteHandler handle(Services& services, CallHandler handler);

}  // namespace kinglet::api
