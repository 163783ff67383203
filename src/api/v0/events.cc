// SPDX-License-Identifier: Apache-2.0
// POST /v0/events (http-api.md 3).
#include "api/reply.h"
#include "api/services.h"
#include "ingest/intake.h"

namespace kinglet::api {
namespace {

constexpr auto wait_patience = std::chrono::seconds(25);  // clients give up after 30
constexpr std::size_t key_bytes_max = 256;

Result<bool> flag(const http::Request& request, std::string_view name) {
  const auto text = request.query.get(name).value_or("false");
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0" || text.empty()) return false;
  return fail(Code::invalid, "{} is true or false, not '{}'", name, text.substr(0, 32));
}

Task<Result<http::Response>> events(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  const auto& query = call.request.query;
  const auto name = query.get("name").value_or("");
  if (name.empty()) co_return fail(Code::invalid, "the parameter `name` is missing: the data source to append to");
  CO_TRY(const auto source, access.appendable_data_source(name));
  const auto format = query.get("format").value_or("ndjson");
  if (format != "ndjson" && format != "json")
    co_return fail(Code::invalid, "format is ndjson or json, not '{}'", format.substr(0, 32));
  CO_TRY(const bool wait, flag(call.request, "wait"));
  const auto key = call.request.headers.get("Idempotency-Key").value_or("");
  if (key.size() > key_bytes_max)
    co_return fail(Code::invalid, "Idempotency-Key has more than {} bytes", key_bytes_max);

  ingest::EventsRequest request{
      .workspace = access.identity().workspace,
      .source = source,
      .format = format == "json" ? rows::InputFormat::json : rows::InputFormat::ndjson,
      .content_encoding = std::string(call.request.headers.get("Content-Encoding").value_or("")),
      .idempotency_key = std::string(key),
      .request_id = call.request.id,
      .wait = wait,
      .body_bytes_max = call.services.limits.events_body_bytes_max,
      .wait_deadline = Clock::now() + wait_patience};
  CO_TRY(const auto answer, co_await call.services.intake.events(std::move(request), *call.request.body));
  const json::object counts{{"successful_rows", answer.successful_rows}, {"quarantined_rows", answer.quarantined_rows}};
  if (!wait) co_return json_reply(counts, 202);
  using Kind = spool::FlushOutcome::Kind;
  switch (answer.outcome.kind) {
    case Kind::stored:
      co_return json_reply(counts, 200);
    // Durable, not stored yet: what 202 says.
    case Kind::pending:
      co_return json_reply(counts, 202);
    case Kind::dropped:
      co_return fail(Code::not_found, "the data source was deleted meanwhile");
    case Kind::view_failed: {
      auto body = counts;
      body["error"] =
          "the rows are stored, but a materialized view of this data source refused them; do not send them again";
      co_return json_reply(body, 422);
    }
    case Kind::failed: {
      auto body = counts;
      body["error"] = "the engine refused the rows; they are kept beside the spool for an operator";
      co_return json_reply(body, 422);
    }
  }
  co_return json_reply(counts, 200);
}

}  // namespace

void add_event_routes(Router& router, Services& services) {
  router.add(http::Method::post, "/v0/events", handle(services, events));
}

}  // namespace kinglet::api
