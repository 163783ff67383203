// SPDX-License-Identifier: Apache-2.0
// The HTTP/1.1 client: TCP, TLS and Unix sockets, a keep-alive pool per io thread, streamed bodies both ways.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace kinglet::http {

namespace internal {
class ClientConnection;
class ClientPool;
class Lease;
class SocketBody;
}  // namespace internal

/// Whom to connect to.
struct Endpoint {
  std::string socket_path = {};  // not empty: a Unix socket, and the rest is only for the Host header
  std::string host = {};         // a name, an IPv4 address, or an IPv6 address without brackets
  std::uint16_t port = 0;
  bool tls = false;

  bool operator==(const Endpoint&) const = default;
};

struct Url {
  Endpoint endpoint;
  std::string target = "/";              // path and query as written
  std::string user = {}, password = {};  // decoded
};
/// "http[s]://[user[:password]@]host[:port][/path][?query]". A fragment is dropped. Errors: invalid.
struct DefaultPorts {
  std::uint16_t http = 80, https = 443;
};
Result<Url> parse_url(std::string_view text, DefaultPorts ports = {});
/// The inverse without user and password.
std::string print_url(const Url& url);

struct ClientRequest {
  std::string method = "GET";
  std::string target = "/";
  Headers headers = {};  // Host, Content-Length and Transfer-Encoding are the client's business
  std::string body = {};
  std::vector<std::string_view> body_pieces =
      {};                                   // behind `body`, when they should not be copied; must outlive the call
  std::unique_ptr<BodySource> stream = {};  // instead of both
  std::optional<std::uint64_t> stream_length = {};              // unknown: sent in chunks
  Deadline deadline = Clock::now() + std::chrono::seconds(30);  // of the whole exchange, the reply's body included
  /// A reused connection that turns out to be dead gives no answer. GET, HEAD, PUT, DELETE and OPTIONS are then sent
  /// once more; others only when the caller says that a repetition does no harm.
  bool repeatable = false;
};

/// A reply whose head was read. Read to its end, its connection is used again; destroyed earlier, it is closed.
/// Errors of body(): unavailable (cut before its end), timeout, invalid (bad chunk).
class ClientReply {
 public:
  ~ClientReply();
  ClientReply(const ClientReply&) = delete;
  ClientReply& operator=(const ClientReply&) = delete;

  int status() const { return status_; }
  const Headers& headers() const { return headers_; }
  BodyReader& body() { return *body_; }
  /// Nobody uses the connection again.
  void do_not_reuse();

 private:
  friend class Client;
  ClientReply();
  int status_ = 0;
  Headers headers_;
  std::unique_ptr<internal::Lease> lease_;
  std::unique_ptr<BodyReader> body_;
};

/// Asked with every address a name resolved to, before connecting to it (attacks.md S7): see address_policy.h.
using AddressPolicy = std::function<Status(const std::string& host, const asio::ip::address& address)>;

struct ClientOptions {
  std::size_t connections_max = 64;  // open at once, over all endpoints; beyond it requests wait for their turn
  std::size_t waiting_max = 1024;    // requests that wait; beyond it: busy
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds idle_timeout{60'000};  // an unused connection older than this is closed
  std::size_t head_bytes_max = 64 << 10;
  std::size_t headers_max = 200;
  AddressPolicy address_policy = {};  // none: every address is allowed
  bool tls_verify = true;
  std::string tls_ca_file = {};  // PEM; empty: the system's
};

/// Connections owned by one io thread. Thread: the one of `executor`.
class Client {
 public:
  explicit Client(asio::any_io_executor executor, ClientOptions options = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Returns once the head of the reply was read, whatever its status.
  /// Errors: unavailable (no such host, refused connection, TLS, cut), timeout, forbidden (address policy),
  /// busy (too many wait), invalid (a line break in a header).
  Task<Result<std::unique_ptr<ClientReply>>> send(Endpoint endpoint, ClientRequest request);

  /// Follows up to `hops_max` redirects of a GET or HEAD. Each hop passes the address policy anew; https never becomes
  /// http; Authorization and Cookie do not go to another host.
  Task<Result<std::unique_ptr<ClientReply>>> send_following(Url url, ClientRequest request, int hops_max = 5);

 private:
  Task<Result<std::unique_ptr<ClientReply>>> send_once(const Endpoint& endpoint, ClientRequest& request, bool fresh,
                                                       bool& unanswered);
  std::shared_ptr<internal::ClientPool> pool_;
};

/// A whole reply, for callers without an io thread.
struct FetchedReply {
  int status = 0;
  Headers headers = {};
  std::string body = {};
};
struct FetchOptions {
  ClientOptions client = {};
  std::size_t bytes_max = 256u << 20;  // of the reply's body: too_large
  int hops_max = 0;                    // redirects to follow
  /// Called with each piece of the body as it comes; then FetchedReply::body stays empty. An Error ends the fetch.
  std::function<Status(std::string_view)> on_piece = {};
};
/// Blocks. Thread: any but an io thread.
Result<FetchedReply> fetch(const Url& url, ClientRequest request, FetchOptions options = {});

}  // namespace kinglet::http
