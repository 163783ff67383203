// SPDX-License-Identifier: Apache-2.0
// The HTTP/1.1 server: connections on io threads, one handler coroutine per request, every limit named.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "http/message.h"
#include "runtime/io_threads.h"

namespace kinglet::http {

namespace internal {
class ServerConnection;
class ServerState;
}  // namespace internal

/// What a peer may do; each line says what happens beyond it.
struct ServerLimits {
  std::size_t head_bytes_max = 64 << 10;           // header lines without the request line: 431, close
  std::size_t target_bytes_max = 1 << 20;          // the URL: 414, close
  std::size_t headers_max = 200;                   // fields: 431, close
  std::size_t query_parameters_max = 1'000;        // 400
  std::size_t large_heads_max = 64;                // heads beyond 64 KiB that are in memory at once: 503, close
  std::size_t connections_max = 20'000;            // 503 with Retry-After, close
  std::size_t connections_per_peer_max = 10'000;   // of one ip (IPv6: one /64); 503 with Retry-After, close
  std::size_t drain_bytes_max = 256 << 10;         // unread body after an early reply: read away, beyond it close
  std::size_t linger_bytes_max = 16 << 20;         // after such a close: read away, so that the peer sees the reply
  std::chrono::milliseconds head_timeout{10'000};  // from the first byte to the end of the head: 408, close
  /// A body may pause for this long in all; each byte regains its share at the least rate below. Used up: the reader
  /// gets Code::timeout, then close.
  std::chrono::milliseconds body_idle_timeout{30'000};
  std::uint64_t body_bytes_per_second_min = 0;           // while we wait for it; 0: any rate
  std::chrono::milliseconds write_idle_timeout{30'000};  // the peer takes no byte of the reply: close
  std::chrono::milliseconds keep_alive_timeout{75'000};  // no request: close
};

/// One request. Lives until its reply was sent. Thread: its connection's io thread.
struct Request {
  Method method = Method::get;
  std::string method_name;  // as sent, for Method::other
  std::string target;       // as sent, with the query; log it only through log::redact_url
  /// Decoded once. An encoded slash stays "%2F", so that a proxy and we see the same segments; "." and ".." segments,
  /// NUL and bad escapes were refused with 400.
  std::string path;
  QueryParameters query;
  Headers headers;
  int version_minor = 1;       // HTTP/1.x
  BodyReader* body = nullptr;  // never null in a handler
  std::string peer;            // ip address of the socket's other end; "unix" on a Unix socket
  bool peer_is_loopback = false;
  bool tls = false;
  std::string id;  // a ULID, new for each request
  Clock::time_point received_at{};

  /// From now on, a peer that leaves cancels the handler and the reply's stream: the pending co_await ends and the
  /// coroutine unwinds. Without it a handler always runs to its end, so that writes are not half done.
  void cancel_on_disconnect();
  /// True once the peer closed; known only after cancel_on_disconnect().
  bool peer_left() const;

  internal::ServerConnection* connection = nullptr;
};

using Handler = std::function<Task<Response>(Request&)>;

struct ServerOptions {
  /// Where to listen: a Unix socket path (mode 0600, a stale file is replaced), or an ip and a port (0: any free one).
  std::string socket_path = {};
  std::string ip = "127.0.0.1";
  std::uint16_t port = 0;
  /// A bound and listening TCP or Unix socket that the server takes over; then the three above are ignored. For a
  /// process that must bind before it fences itself and start threads only after.
  int listening_socket = -1;
  /// PEM files; both or none.
  std::string tls_certificate_file = {}, tls_key_file = {};
  ServerLimits limits = {};
  /// The reply for what the server itself refuses (400, 408, 414, 417, 431, 500, 503). Default: {"error": message}.
  std::function<Response(int status, std::string_view message)> error_response = {};
};

/// What happened since the start; for metrics.
struct ServerStatistics {
  std::uint64_t connections_open = 0, connections_accepted = 0;
  std::uint64_t large_heads = 0;  // in memory now: at most ServerLimits::large_heads_max
  /// Beyond connections_max, beyond connections_per_peer_max, and for want of file descriptors.
  std::uint64_t refused_total = 0, refused_peer = 0, refused_descriptors = 0;
  std::uint64_t requests = 0, requests_refused = 0, disconnects = 0, handler_exceptions = 0;
  /// No next request, an unfinished head (or handshake), a slow body, a reply that is not read.
  std::uint64_t timeouts_idle = 0, timeouts_head = 0, timeouts_body = 0, timeouts_write = 0;
  std::uint64_t bytes_received = 0, bytes_sent = 0;
};

/// A listening server. A connection lives on one io thread; the handler runs there.
class Server {
 public:
  /// Errors: unavailable (address in use, no such ip), invalid (TLS files).
  static Result<std::unique_ptr<Server>> listen(IoThreads& threads, ServerOptions options, Handler handler);
  /// As stop() with no time to drain. `threads` must still run.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;
  ServerStatistics statistics() const;

  /// Stops listening, closes idle connections, lets running requests end until `drain`, then cancels and closes them.
  /// Blocks until no handler runs; idempotent. Thread: any but an io thread.
  void stop(Deadline drain);

 private:
  explicit Server(std::shared_ptr<internal::ServerState> state);
  std::shared_ptr<internal::ServerState> state_;
};

}  // namespace kinglet::http
