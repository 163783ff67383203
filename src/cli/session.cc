// SPDX-License-Identifier: Apache-2.0
#include "cli/session.h"

#include <cstdlib>
#include <tuple>

#include "project/config.h"

namespace kinglet::cli {

namespace {
constexpr std::string_view default_host = "http://localhost:7181";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string first_of(std::initializer_list<std::string> candidates) {
  for (const auto& c : candidates)
    if (!c.empty()) return c;
  return {};
}

/// Host and token of the project: token and baseUrl of its settings when both are there, else its .tinyb.
Result<project::Credentials> project_credentials() {
  std::vector<datafile::Diagnostic> unused;  // `kinglet check` tells
  const auto config = project::find_config(".", unused);
  if (config.token.empty() || config.base_url.empty()) return project::find_credentials(".");
  const auto environment = project::environment_of(config.file.parent_path());
  project::Credentials out{.file = config.file, .host = {}, .token = {}, .cwd = {}};
  for (const auto& [key, text, value] :
       {std::tuple("baseUrl", &config.base_url, &out.host), std::tuple("token", &config.token, &out.token)}) {
    auto read = project::interpolate(*text, environment);
    if (!read)
      return fail(
          Error{.code = Code::invalid,
                .message = fmt::format("{}, {}: {}", config.file.filename().string(), key, read.error().message),
                .hint = read.error().hint});
    *value = std::move(*read);
  }
  return out;
}

std::string text_of(const json::object& o, std::string_view key) {
  return std::string(json::get_string(o, key).value_or(""));
}
}  // namespace

Error reply_error(const Reply& reply) {
  Error error{.code = reply.status == 404   ? Code::not_found
                      : reply.status == 403 ? Code::forbidden
                                            : Code::invalid,
              .message = {}};
  if (const auto document = json::parse(reply.body); document && document->is_object())
    error.message = text_of(document->get_object(), "error");
  if (error.message.empty())
    error.message = reply.body.empty() ? fmt::format("the server answered with status {}", reply.status) : reply.body;
  if (reply.status == 403)
    error.hint = "is this the right token? --token, KINGLET_TOKEN and .tinyb are looked at in this order";
  return error;
}

Result<Session> Session::open(const GlobalFlags& flags) {
  Session session;
  session.host_ = first_of({flags.host, variable("KINGLET_HOST"), variable("TB_HOST")});
  session.token_ = first_of({flags.token, variable("KINGLET_TOKEN"), variable("TB_TOKEN")});
  if (session.host_.empty() || session.token_.empty()) {
    TRY(const auto file, project_credentials());
    session.host_ = first_of({session.host_, file.host, std::string(default_host)});
    session.token_ = first_of({session.token_, file.token});
  }
  while (session.host_.ends_with('/')) session.host_.pop_back();
  if (session.host_.find("://") == std::string::npos) session.host_ = "http://" + session.host_;
  if (!session.token_.empty()) return session;
  auto tokens = session.get("/tokens");
  if (!tokens) {
    if (tokens.error().code == Code::unavailable) return fail(std::move(tokens.error()));
    return fail(
        Error{.code = Code::unauthenticated,
              .message = fmt::format("no token for {}", session.host_),
              .hint = "give one with --token or KINGLET_TOKEN; a server tells its own only to its own machine"});
  }
  session.token_ = text_of(tokens->as_object(), "workspace_admin_token");
  session.local_ = true;
  return session;
}

Session Session::at(std::string host, std::string token) {
  Session session;
  session.host_ = std::move(host);
  session.token_ = std::move(token);
  return session;
}

Result<Reply> Session::send(Request request) const {
  std::string target = request.path;
  char separator = target.find('?') == target.npos ? '?' : '&';
  for (const auto& [name, value] : request.query) {
    target += fmt::format("{}{}={}", separator, http::percent_encode(name), http::percent_encode(value));
    separator = '&';
  }
  TRY(auto url, http::parse_url(host_ + target));
  http::ClientRequest wanted;
  wanted.method = std::move(request.method);
  wanted.target = url.target;
  wanted.headers.add("User-Agent", "kinglet/" KINGLET_VERSION);
  wanted.headers.add("Accept", "*/*");
  if (!token_.empty()) wanted.headers.add("Authorization", "Bearer " + token_);
  if (!request.content_type.empty()) wanted.headers.add("Content-Type", request.content_type);
  wanted.body = std::move(request.body);
  if (request.stream) {
    wanted.stream = std::move(request.stream);
    wanted.stream_length = request.stream_length;
  }
  wanted.deadline = Clock::now() + request.patience;
  auto reply = http::fetch(url, std::move(wanted));
  if (!reply) {
    auto error = std::move(reply.error());
    if (error.code == Code::unavailable) {
      error.message = fmt::format("no answer from {}: {}", host_, error.message);
      error.hint = "is the server running? `./dev run` or `kinglet serve` starts it; --host names another one";
    }
    return fail(std::move(error));
  }
  return Reply{.status = reply->status,
               .body = std::move(reply->body),
               .content_type = std::string(reply->headers.get("Content-Type").value_or(""))};
}

Result<json::value> Session::json(Request request) const {
  TRY(const auto reply, send(std::move(request)));
  if (reply.status < 200 || reply.status > 299) return fail(reply_error(reply));
  if (reply.body.empty()) return json::value(json::object{});
  return json::parse(reply.body);
}

Result<json::value> Session::get(std::string path, Parameters query) const {
  Request request;
  request.path = std::move(path);
  request.query = std::move(query);
  return json(std::move(request));
}

}  // namespace kinglet::cli
