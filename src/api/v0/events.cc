// SPDX-License-Identifier: Apache-2.0
// POST /v0/events (http-api.md 3).
#include <algorithm>

#include "api/reply.h"
#include "api/services.h"
#include "ingest/intake.h"

namespace kinglet::api {
namespace {

constexpr std::chrono::seconds wait_patience{25};  // clients give up after 30
constexpr std::size_t key_bytes_max = 256;

Result<bool> flag(const http::Request& request, std::string_view name) {
  const auto text = request.query.get(name).value_or("false");
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0" || text.empty()) return false;
  return fail(Code::invalid, "{} is true or false, not '{}'", name, text.substr(0, 32));
}

/// The header, or the parameter for senders that cannot set one.
Result<std::string> idempotency_key(const http::Request& request) {
  const auto header = request.headers.get("Idempotency-Key").value_or("");
  const auto parameter = request.query.get("idempotency_key").value_or("");
  if (!header.empty() && !parameter.empty() && header != parameter)
    return fail(Code::invalid, "the header Idempotency-Key and the parameter idempotency_key are different");
  const auto key = header.empty() ? parameter : header;
  if (key.size() > key_bytes_max)
    return fail(Code::invalid, "the idempotency key has {} bytes; at most {} are taken", key.size(), key_bytes_max);
  if (std::ranges::any_of(key, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
    return fail(Code::invalid, "the idempotency key has a control character");
  return std::string(key);
}

/// The counts of an accepted request, with what a waiting sender must know.
http::Response accepted(const ingest::EventsAnswer& answer, bool wait) {
  const auto counts = [&](int status) {
    return json_text_reply(fmt::format(R"({{"successful_rows":{},"quarantined_rows":{}}})", answer.successful_rows,
                                       answer.quarantined_rows),
                           status);
  };
  const auto counts_with = [&](std::string_view error) {
    return json_reply(json::object{{"successful_rows", answer.successful_rows},
                                   {"quarantined_rows", answer.quarantined_rows},
                                   {"error", error}},
                      422);
  };
  if (!wait) return counts(202);
  using Kind = spool::FlushOutcome::Kind;
  switch (answer.outcome.kind) {
    case Kind::stored:
      return counts(200);
    // Durable, not stored yet: what 202 says.
    case Kind::pending:
      return counts(202);
    case Kind::dropped:
      return error_reply(404, "the data source was deleted meanwhile");
    case Kind::view_failed:
      return counts_with(
          "the rows are stored, but a materialized view of this data source refused them; do not send them again");
    case Kind::failed:
      return counts_with("the engine refused the rows; they are kept beside the spool for an operator");
  }
  return counts(200);
}

/// An error, with what is durable of the request all the same.
http::Response refused(const ingest::EventsAnswer& answer) {
  auto response = error_reply(*answer.error);
  if (answer.successful_rows + answer.quarantined_rows == 0) return response;
  json::object body{{"error", fmt::format("{}. What came before it is stored: {} rows and {} rows of the quarantine",
                                          answer.error->message, answer.successful_rows, answer.quarantined_rows)},
                    {"successful_rows", answer.successful_rows},
                    {"quarantined_rows", answer.quarantined_rows}};
  response.body = json::write(body);
  return response;
}

Task<Result<http::Response>> events(Call& call) {
  CO_TRY(const auto access, call.authenticate_append());
  const auto& query = call.request.query;
  const auto name = query.get("name").value_or("");
  if (name.empty()) co_return fail(Code::invalid, "the parameter `name` is missing: the data source to append to");
  CO_TRY(const auto source, access.appendable_data_source(name));
  CO_TRY_VOID(call.admit_append(access, *source));
  const auto format = query.get("format").value_or("ndjson");
  if (format != "ndjson" && format != "json")
    co_return fail(Code::invalid, "format is ndjson or json, not '{}'", format.substr(0, 32));
  CO_TRY(const bool wait, flag(call.request, "wait"));
  CO_TRY(auto key, idempotency_key(call.request));

  std::string encoding;  // a header that came twice is a list (RFC 9110 5.3)
  for (const auto value : call.request.headers.get_all("Content-Encoding"))
    encoding += (encoding.empty() ? "" : ",") + std::string(value);
  ingest::EventsRequest request{.workspace = access.identity().workspace,
                                .source = source,
                                .format = format == "json" ? rows::InputFormat::json : rows::InputFormat::ndjson,
                                .content_encoding = std::move(encoding),
                                .idempotency_key = std::move(key),
                                .wait = wait,
                                .body_bytes_max = call.services.limits.events_body_bytes_max,
                                .wait_patience = wait_patience};
  const auto answer = co_await call.services.intake.events(std::move(request), *call.request.body);
  if (answer.error) co_return refused(answer);
  auto response = accepted(answer, wait);
  response.headers.add("X-Kinglet-Durability", std::string(call.services.intake.durability()));
  if (answer.replayed) response.headers.add("X-Kinglet-Idempotent-Replay", "true");
  co_return response;
}

}  // namespace

void add_event_routes(Router& router, Services& services) {
  router.add(http::Method::post, "/v0/events", handle(services, events));
}

}  // namespace kinglet::api
