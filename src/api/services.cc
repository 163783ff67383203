// SPDX-License-Identifier: Apache-2.0
#include "api/services.h"

#include "api/reply.h"
#include "base/clock.h"

namespace kinglet::api {

namespace {
std::string scalar_text(const json::value& v) {
  if (v.is_string()) return std::string(v.get_string());
  return v.is_null() ? std::string() : json::write(v);
}

void add_object(http::QueryParameters& out, const json::object& object) {
  for (const auto& [key, v] : object) {
    if (v.is_null()) continue;
    const bool texts =
        v.is_array() && !v.get_array().empty() &&
        std::ranges::all_of(v.get_array(), [](const json::value& e) { return e.is_string() || e.is_number(); });
    if (texts) {
      for (const auto& element : v.get_array()) out.add(std::string(key), scalar_text(element));
    } else {
      out.add(std::string(key), scalar_text(v));
    }
  }
}
}  // namespace

Status check_rate(auth::RateLimiter& limiter, const auth::Access& access, auth::RateDecision& decision) {
  const auto& identity = access.identity();
  if (identity.requests_per_second <= 0) return {};
  decision = limiter.check(auth::RateScope::jwt, identity.workspace->id + "/" + identity.token_name,
                           identity.requests_per_second, Clock::now());
  if (decision.allowed) return {};
  return fail(Code::busy, "rate limit of {} requests per second reached; retry in {} s", decision.limit,
              decision.retry_after_seconds);
}

Result<auth::Access> Call::authenticate() const {
  std::string_view token;
  if (const auto header = request.headers.get("Authorization")) {
    constexpr std::string_view scheme = "bearer ";
    if (header->size() > scheme.size() &&
        std::ranges::equal(header->substr(0, scheme.size()), scheme, {}, [](char c) { return std::tolower(c); }))
      token = header->substr(scheme.size());
  }
  if (token.empty()) token = request.query.get("token").value_or("");
  while (token.starts_with(' ')) token.remove_prefix(1);
  TRY(auto access, auth::authenticate(*snapshot, token, wall_now()));
  TRY_VOID(check_rate(services.limiter, access, rate));
  return access;
}

Result<auth::Access> Call::authenticate_workspace() const {
  TRY(auto access, authenticate());
  TRY_VOID(access.require_workspace());
  return access;
}

namespace {
/// The headers tell of the limit that refused, else of the one with the least left.
void keep_tightest(auth::RateDecision& kept, const auth::RateDecision& other) {
  if (other.limit == 0) return;
  if (kept.limit == 0 || !other.allowed || other.remaining < kept.remaining) kept = other;
}
}  // namespace

Result<auth::Access> Call::authenticate_append() const {
  TRY(auto access, authenticate_workspace());
  const double most = services.limits.token_requests_per_second;
  if (most <= 0) return access;
  const auto& identity = access.identity();
  // A JWT has no id; its name is what its maker tells callers apart by.
  const bool jwt = identity.token_id.empty();
  const auto decision = services.limiter.check(
      auth::RateScope::token,
      identity.workspace->id + (jwt ? "/name/" + identity.token_name : "/id/" + identity.token_id), most, Clock::now());
  keep_tightest(rate, decision);
  if (decision.allowed) return access;
  return fail(Code::busy, "rate limit of {} requests per second for this token reached; retry in {} s", decision.limit,
              decision.retry_after_seconds);
}

Status Call::admit_append(const auth::Access& access, const catalog::DataSource& source) const {
  const double most = services.limits.data_source_requests_per_second;
  if (most <= 0) return {};
  const auto decision = services.limiter.check(auth::RateScope::data_source,
                                               access.identity().workspace->id + "/" + source.id, most, Clock::now());
  keep_tightest(rate, decision);
  if (decision.allowed) return {};
  return fail(Code::busy, "rate limit of {} requests per second for the data source '{}' reached; retry in {} s",
              decision.limit, source.name, decision.retry_after_seconds);
}

Task<Result<Fields>> read_fields(http::Request& request) {
  Fields fields;
  for (const auto& [name, value] : request.query) fields.values.add(name, value);
  CO_TRY(const auto body, co_await request.body->read_all(Limits::form_bytes_max));
  const auto first = body.find_first_not_of(" \t\r\n");
  if (first == body.npos) co_return fields;
  if (body[first] == '{') {
    CO_TRY(fields.document, json::parse(body));
    add_object(fields.values, fields.document.get_object());
    co_return fields;
  }
  CO_TRY(const auto form, http::parse_query(body));
  for (const auto& [name, value] : form) fields.values.add(name, value);
  co_return fields;
}

namespace {
/// http-api.md 1.8: in seconds, on every reply to a caller that has a limit.
void add_rate_headers(http::Response& response, const auth::RateDecision& rate) {
  if (rate.limit == 0) return;
  response.headers.set("X-RateLimit-Limit", std::to_string(rate.limit));
  response.headers.set("X-RateLimit-Remaining", std::to_string(rate.remaining));
  response.headers.set("X-RateLimit-Reset", std::to_string(rate.reset_seconds));
  if (!rate.allowed) response.headers.set("Retry-After", std::to_string(rate.retry_after_seconds));
}

Task<http::Response> run(Services& services, const CallHandler& handler, http::Request& request,
                         const PathArguments& path) {
  Call call{.services = services, .request = request, .path = path, .snapshot = services.catalog.snapshot()};
  auto reply = co_await handler(call);
  http::Response response = reply ? std::move(*reply) : error_reply(reply.error());
  add_rate_headers(response, call.rate);
  co_return response;
}
}  // namespace

RouteHandler handle(Services& services, CallHandler handler) {
  return [&services, handler = std::move(handler)](http::Request& request, const PathArguments& path) {
    return run(services, handler, request, path);
  };
}

void add_routes(Router& router, Services& services) {
  add_local_routes(router, services);
  add_event_routes(router, services);
  add_data_source_routes(router, services);
  add_quarantine_routes(router, services);
  add_pipe_routes(router, services);
  add_sql_routes(router, services);
  add_token_routes(router, services);
  add_spool_routes(router, services);
  add_job_routes(router, services);
  add_analyze_routes(router, services);
  add_deploy_routes(router, services);
  add_workspace_routes(router, services);
}

}  // namespace kinglet::api
