// SPDX-License-Identifier: Apache-2.0
// What a local client and an operator ask: /tokens, /health, /metrics, /version (http-api.md 12.1).
#include "api/reply.h"
#include "api/services.h"

namespace kinglet::api {
namespace {

/// Full power without a credential, so only to programs of this machine that mean it: a request through a proxy, or
/// from a web page that a browser was led to (another Host or an Origin), is refused (A7).
bool from_this_machine(const http::Request& request) {
  if (!request.peer_is_loopback) return false;
  for (const auto* header : {"X-Forwarded-For", "Forwarded", "X-Real-IP", "Origin", "Via"})
    if (request.headers.contains(header)) return false;
  if (const auto site = request.headers.get("Sec-Fetch-Site"); site && *site != "none" && *site != "same-origin")
    return false;
  std::string_view host = request.headers.get("Host").value_or("localhost");
  if (host.starts_with('['))
    host = host.substr(0, host.find(']') + 1);
  else
    host = host.substr(0, host.find(':'));
  if (host == "localhost" || host == "[::1]") return true;
  // The whole text must be the address: 127.0.0.1.example.org is a name that someone else answers for.
  boost::system::error_code error;
  const auto address = asio::ip::make_address_v4(std::string(host), error);
  return !error && address.is_loopback();
}

Task<Result<http::Response>> tokens(Call& call) {
  if (!from_this_machine(call.request))
    co_return fail(Code::forbidden,
                   "/tokens answers only programs on the server's own machine, by its loopback address");
  const auto& snapshot = *call.snapshot;
  auto reply = json_reply(json::object{{"user_token", snapshot.account->user_token->value},
                                       {"admin_token", snapshot.account->admin_token->value},
                                       {"workspace_admin_token", snapshot.default_workspace()->admin_token->value}});
  reply.headers.set("Cache-Control", "no-store");
  co_return reply;
}

Task<Result<http::Response>> health(Call& call) {
  auto state = call.services.health();
  const bool serving = state["status"] != "starting";
  co_return json_reply(std::move(state), serving ? 200 : 503);
}

Task<Result<http::Response>> metrics(Call& call) {
  http::Response response;
  response.headers.add("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  response.body = call.services.metrics();
  co_return response;
}

Task<Result<http::Response>> version(Call&) {
  co_return text_reply(KINGLET_VERSION "\n");
}

}  // namespace

void add_local_routes(Router& router, Services& services) {
  router.add(http::Method::get, "/tokens", handle(services, tokens));
  router.add(http::Method::get, "/health", handle(services, health));
  router.add(http::Method::get, "/metrics", handle(services, metrics));
  router.add(http::Method::get, "/version", handle(services, version));
}

}  // namespace kinglet::api
