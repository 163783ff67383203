// SPDX-License-Identifier: Apache-2.0
#include "api/v0/call_record.h"

#include "base/clock.h"

namespace kinglet::api {

namespace {

using observe::RecordLimits;

bool is_secret(std::string_view name) {
  const auto is = [&](std::string_view word) {
    return std::ranges::equal(name, word, {}, [](unsigned char c) { return std::tolower(c); });
  };
  return is("token") || is("password");
}

/// Cut to `bytes_max` bytes, not inside a UTF-8 character.
std::string cut(std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max) {
    while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xC0) == 0x80) --bytes_max;
    text = text.substr(0, bytes_max);
  }
  return std::string(text);
}

/// The text of an error reply: its `error`, or the body that a template chose.
std::string error_of(const http::Response& response) {
  const auto document = json::parse(response.body);
  if (document && document->is_object())
    if (const auto* error = document->get_object().if_contains("error"); error != nullptr && error->is_string())
      return cut(error->get_string(), RecordLimits::error_bytes);
  return cut(response.body, RecordLimits::error_bytes);
}

}  // namespace

std::string url_to_record(std::string_view target, std::size_t bytes_max) {
  const auto mark = std::min(target.find('?'), target.size());
  std::string out(target.substr(0, mark));
  std::string_view rest = target.substr(std::min(mark + 1, target.size()));
  char separator = '?';
  while (!rest.empty() && out.size() <= bytes_max) {
    const auto end = std::min(rest.find('&'), rest.size());
    const auto part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    // As whoever reads the token does: a name that cannot be decoded stands as it is written.
    const auto written = part.substr(0, part.find('='));
    const auto name = http::percent_decode(written, true);
    if (part.empty() || is_secret(name ? std::string_view(*name) : written)) continue;
    out += separator;
    out += part;
    separator = '&';
  }
  return cut(out, bytes_max);
}

void record_call(Call& call, http::Response& response, const auth::Access& access, const CallFacts& facts) {
  observe::RequestRecord record;
  record.workspace_id = access.workspace().id;
  record.pipe_id = facts.pipe == nullptr ? "query_api" : facts.pipe->id;
  record.pipe_name = facts.pipe == nullptr ? "query_api" : facts.pipe->name;
  record.request_id = call.request.id;
  record.url = url_to_record(call.request.target, RecordLimits::url_bytes);
  record.method = call.request.method_name;
  record.token_id = access.identity().token_id;
  record.token_name = access.identity().token_name;
  record.user_agent = cut(call.request.headers.get("User-Agent").value_or(""), RecordLimits::user_agent_bytes);
  for (const auto& [name, value] : facts.parameters) {
    if (record.parameters.size() >= RecordLimits::parameters) break;
    if (is_secret(name)) continue;
    record.parameters.emplace_back(cut(name, RecordLimits::parameter_bytes), cut(value, RecordLimits::parameter_bytes));
  }
  record.reads_service = facts.reads_service;
  if (response.status >= 400) record.error = error_of(response);
  response.on_finished = [&observer = call.services.observer, summary = facts.summary,
                          record = std::move(record)](const http::Finished& f) mutable {
    record.start = wall_now() - std::chrono::duration_cast<std::chrono::microseconds>(f.duration);
    record.status_code = f.status;
    record.duration_seconds = std::chrono::duration<double>(f.duration).count();
    record.read_rows = summary->read_rows;
    record.read_bytes = summary->read_bytes;
    record.result_rows = summary->result_rows;
    if (!f.complete && record.error.empty()) record.error = "the reply was not read to its end";
    observer.record(std::move(record));
  };
}

}  // namespace kinglet::api
