// SPDX-License-Identifier: Apache-2.0
#include "cli/test_run.h"

#include <algorithm>

#include "http/multipart.h"
#include "project/test_compare.h"
#include "project/test_project.h"

namespace kinglet::cli {
namespace {

constexpr auto build_patience = std::chrono::seconds(600);
constexpr auto case_patience = std::chrono::seconds(120);

std::uint64_t number(const json::object& o, std::string_view key) {
  const auto* found = o.if_contains(key);
  return found != nullptr && found->is_number() ? found->to_number<std::uint64_t>() : 0;
}

/// Every fault of a build, a line each: `file:line:column: message`.
std::string faults_of(const project::Discovered& project, const json::object& reply) {
  std::string out;
  const auto* errors = reply.if_contains("errors");
  if (errors == nullptr || !errors->is_array()) return out;
  for (const auto& entry : errors->get_array()) {
    const auto* e = entry.if_object();
    if (e == nullptr) continue;
    std::string message(json::get_string(*e, "error").value_or("unknown error"));
    const std::string file(json::get_string(*e, "filename").value_or(""));
    std::string place = file.empty() ? "" : project.place(file);
    if (const auto line = number(*e, "line"); line != 0) {
      const auto at = fmt::format("{}:{}: ", line, number(*e, "column"));
      if (message.starts_with(at)) message.erase(0, at.size());
      place += ":" + at.substr(0, at.size() - 2);
    }
    out += fmt::format("{}{}{}{}", out.empty() ? "" : "\n", place, place.empty() ? "" : ": ", message);
  }
  return out;
}

Status build(const Session& session, const project::Discovered& project) {
  http::MultipartWriter writer;
  for (const auto& file : project::files_for_tests(project.files))
    writer.add("data_project://", file.text, file.name, "text/plain");
  Session::Request request{.method = "POST", .path = "/v1/build"};
  request.content_type = writer.content_type();
  request.body = writer.take();
  request.patience = build_patience;
  TRY(const auto reply, session.send(std::move(request)));
  const auto document = json::parse(reply.body);
  const auto* body = document ? document->if_object() : nullptr;
  const auto result = body == nullptr ? std::nullopt : json::get_string(*body, "result");
  if (!result) return fail(reply_error(reply));
  if (*result != "failed") return {};
  auto faults = faults_of(project, *body);
  if (faults.empty()) return fail(reply_error(reply));
  return fail(Error{.code = Code::invalid, .message = std::move(faults)});
}

}  // namespace

Result<TestWorkspace> TestWorkspace::make(const project::Discovered& project) {
  TRY(auto server, ThrowawayServer::start());
  TRY(const auto tokens, Session::at(server.url(), {}).get("/tokens"));
  const auto token = tokens.is_object() ? json::get_string(tokens.get_object(), "workspace_admin_token") : std::nullopt;
  if (!token) return fail(Code::internal, "the server of the tests tells no token");
  auto session = Session::at(server.url(), std::string(*token));
  TestWorkspace workspace(std::move(server), std::move(session));
  workspace.send_secrets(project);
  TRY_VOID(build(workspace.session_, project));
  TRY(workspace.fixtures_, append_fixtures(workspace.session_, project, OldFixtures::loaded));
  return workspace;
}

void TestWorkspace::send_secrets(const project::Discovered& project) {
  for (const auto& secret : project.secrets) {
    Session::Request request{.method = "POST", .path = "/v0/variables"};
    request.body =
        fmt::format("name={}&value={}", http::percent_encode(secret.name), http::percent_encode(secret.value));
    request.content_type = "application/x-www-form-urlencoded";
    const auto reply = session_.send(std::move(request));
    if (reply && reply->status >= 200 && reply->status <= 299) continue;
    // Never the value, whatever the reply says.
    warnings_.push_back(
        reply && (reply->status == 404 || reply->status == 405)
            ? "this version keeps no secrets: those of .env.local are not set, so each tb_secret() needs a default"
            : fmt::format("the secret {} of .env.local could not be set", secret.name));
    if (reply && (reply->status == 404 || reply->status == 405)) return;
  }
}

Result<Answer> ask(const Session& session, const std::string& pipe, const project::TestCase& test) {
  const auto started = std::chrono::steady_clock::now();
  Session::Request request{.path = fmt::format("/v0/pipes/{}.ndjson", http::percent_encode(pipe))};
  if (auto query = internal::request_query(test); !query.empty()) request.path += "?" + query;
  request.patience = case_patience;
  TRY(auto reply, session.send(std::move(request)));
  Answer answer{.status = reply.status,
                .result = reply.status == 200 ? std::move(reply.body) : reply_error(reply).message,
                .duration = std::chrono::steady_clock::now() - started};
  return answer;
}

Outcome judge(const project::TestCase& test, Answer answer) {
  Outcome outcome{.passed = false, .answer = std::move(answer), .difference = {}};
  const auto& [status, result, duration] = outcome.answer;
  const bool rows = status == 200 && test.expected_http_status == 200;
  const bool same =
      rows ? project::same_rows(test.expected_result, result) : project::same_message(test.expected_result, result);
  outcome.passed = same && status == test.expected_http_status;
  if (outcome.passed) return outcome;
  if (status != test.expected_http_status)
    outcome.difference += fmt::format("status: expected {}, got {}\n", test.expected_http_status, status);
  if (!same) {
    outcome.difference += project::show_difference(test.expected_result, result);
    if (rows && test.expected_result.empty())
      outcome.difference += "no row was expected; `kinglet test update` writes down what came\n";
  }
  return outcome;
}

namespace internal {

std::string request_query(const project::TestCase& test) {
  std::string query;
  for (const char c : test.query) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7F || c == '"' || c == '<' || c == '>' || c == '\\' || c == '^' || c == '`' ||
        c == '{' || c == '|' || c == '}' || c == '#')
      query += fmt::format("%{:02X}", byte);
    else
      query += c;
  }
  for (const auto& [name, value] : test.parameters)
    query += fmt::format("{}{}={}", query.empty() ? "" : "&", http::percent_encode(name), http::percent_encode(value));
  return query;
}

}  // namespace internal

}  // namespace kinglet::cli
