// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <list>

#include "http/connection.h"
#include "http/text.h"

namespace kinglet::http {
namespace internal {

/// One connection with its timer. Thread: the client's.
class ClientConnection final : public Connection, public std::enable_shared_from_this<ClientConnection> {
 public:
  ClientConnection(Stream::Socket socket, Endpoint to)
      : Connection(std::move(socket)), endpoint(std::move(to)), timer_(stream.socket().get_executor()) {
    write_idle_timeout = std::chrono::hours(24);  // the exchange's own deadline is the timer below
  }

  /// Cancels what is pending when `time` comes.
  void arm(Deadline time) {
    ++exchange_;
    timer_.expires_at(time);
    timer_.async_wait([weak = weak_from_this(), exchange = exchange_](const error_code& ec) {
      const auto self = weak.lock();
      // A wait that ended just before its timer was set anew is still told as a success.
      if (!ec && self && self->exchange_ == exchange) self->expire();
    });
  }
  void disarm() {
    ++exchange_;
    timer_.cancel();
  }

  /// False when the other side closed, or sent what nobody asked for.
  bool is_quiet() {
    char byte = 0;
    const ssize_t size = ::recv(stream.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return size < 0 && errno == EAGAIN && buffer.empty() && !expired;
  }

  const Endpoint endpoint;
  Deadline idle_since{};
  bool used_before = false;

 private:
  asio::steady_timer timer_;
  std::uint64_t exchange_ = 0;
};

/// The idle connections, and the count of all.
class ClientPool : public std::enable_shared_from_this<ClientPool> {
 public:
  ClientPool(asio::any_io_executor executor, ClientOptions client_options)
      : options(std::move(client_options)), executor_(std::move(executor)) {}

  const ClientOptions options;

  Task<Status> wait_for_turn(Deadline deadline);
  void end_turn() {
    --open_;
    wake_one();
  }
  std::shared_ptr<ClientConnection> take_idle(const Endpoint& endpoint);
  void put_idle(std::shared_ptr<ClientConnection> connection);
  void close() {
    closed_ = true;
    idle_.clear();
  }
  Result<asio::ssl::context*> tls();

  Task<Result<std::shared_ptr<ClientConnection>>> connect(Endpoint endpoint, Deadline deadline);

 private:
  Task<Result<Stream::Socket>> connect_unix(const Endpoint& endpoint);
  Task<Result<Stream::Socket>> connect_tcp(const Endpoint& endpoint, Deadline deadline);
  /// Asio starts a thread for the first name, and throws where no coroutine can catch when it gets none (attacks.md
  /// R7): a resolution that nobody waits for goes first.
  error_code start_resolving() {
    if (resolving_) return {};
    try {
      const auto first = std::make_shared<asio::ip::tcp::resolver>(executor_);
      first->async_resolve("127.0.0.1", "0", asio::ip::tcp::resolver::numeric_host, [first](auto, auto) {});
    } catch (const boost::system::system_error& problem) {
      return problem.code();
    }
    resolving_ = true;
    return {};
  }
  void wake_one() {
    while (!waiting_.empty()) {
      const auto timer = waiting_.front().lock();
      waiting_.pop_front();
      if (!timer) continue;
      timer->cancel();
      return;
    }
  }

  asio::any_io_executor executor_;
  std::list<std::shared_ptr<ClientConnection>> idle_;  // the longest unused first
  std::deque<std::weak_ptr<asio::steady_timer>> waiting_;
  std::size_t open_ = 0;  // requests that have their turn
  std::unique_ptr<asio::ssl::context> tls_;
  bool resolving_ = false;
  bool closed_ = false;
};

Task<Status> ClientPool::wait_for_turn(Deadline deadline) {
  while (open_ >= options.connections_max) {
    if (waiting_.size() >= options.waiting_max)
      std::erase_if(waiting_, [](const auto& timer) { return timer.expired(); });
    if (waiting_.size() >= options.waiting_max) co_return fail(Code::busy, "Too many requests wait for a connection");
    auto timer = std::make_shared<asio::steady_timer>(executor_);
    timer->expires_at(deadline);
    waiting_.push_back(timer);
    co_await timer->async_wait(use_task);
    const bool late = Clock::now() >= deadline;
    if (late && open_ >= options.connections_max) co_return fail(Code::timeout, "No connection became free in time");
  }
  ++open_;
  co_return Status();
}

std::shared_ptr<ClientConnection> ClientPool::take_idle(const Endpoint& endpoint) {
  const Deadline too_old = Clock::now() - options.idle_timeout;
  std::erase_if(idle_, [too_old](const auto& connection) { return connection->idle_since < too_old; });
  // The youngest first: it is the likeliest to be alive.
  for (auto at = idle_.end(); at != idle_.begin();) {
    --at;
    if ((*at)->endpoint != endpoint) continue;
    std::shared_ptr<ClientConnection> connection = *at;
    at = idle_.erase(at);
    if (connection->is_quiet()) return connection;
  }
  return nullptr;
}

void ClientPool::put_idle(std::shared_ptr<ClientConnection> connection) {
  if (closed_) return;
  connection->disarm();
  connection->buffer.shrink();
  connection->idle_since = Clock::now();
  connection->used_before = true;
  if (idle_.size() >= options.connections_max) idle_.pop_front();
  idle_.push_back(std::move(connection));
}

Result<asio::ssl::context*> ClientPool::tls() {
  if (tls_) return tls_.get();
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_client);
  error_code ec;
  context->set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1, ec);
  if (options.tls_ca_file.empty()) {
    context->set_default_verify_paths(ec);
  } else {
    context->load_verify_file(options.tls_ca_file, ec);
  }
  if (ec) return fail(Code::invalid, "The certificates to trust cannot be read: {}", ec.message());
  context->set_verify_mode(options.tls_verify ? asio::ssl::verify_peer : asio::ssl::verify_none, ec);
  tls_ = std::move(context);
  return tls_.get();
}

Task<Result<Stream::Socket>> ClientPool::connect_unix(const Endpoint& endpoint) {
  if (endpoint.socket_path.size() >= sizeof(sockaddr_un::sun_path)) {
    co_return fail(Code::invalid, "The path of the Unix socket is too long");
  }
  asio::local::stream_protocol::socket socket(executor_);
  const asio::local::stream_protocol::endpoint address(endpoint.socket_path);
  const auto [ec] = co_await socket.async_connect(address, use_task);
  if (ec) co_return fail(Code::unavailable, "Cannot connect to the Unix socket: {}", ec.message());
  co_return Stream::Socket(std::move(socket));
}

Task<Result<Stream::Socket>> ClientPool::connect_tcp(const Endpoint& endpoint, Deadline deadline) {
  // One timer for resolving and connecting; it cancels whichever is pending.
  struct Attempt {
    explicit Attempt(const asio::any_io_executor& executor) : resolver(executor), socket(executor), timer(executor) {}
    asio::ip::tcp::resolver resolver;
    asio::ip::tcp::socket socket;
    asio::steady_timer timer;
    bool late = false;
  };
  const auto attempt = std::make_shared<Attempt>(executor_);
  attempt->timer.expires_at(deadline);
  attempt->timer.async_wait([weak = std::weak_ptr(attempt)](const error_code& ec) {
    const auto waiting = weak.lock();
    if (ec || !waiting) return;
    error_code ignored;
    waiting->late = true;
    waiting->resolver.cancel();
    waiting->socket.close(ignored);
  });
  const std::string service = std::to_string(endpoint.port);
  if (const error_code problem = start_resolving())
    co_return fail(Code::unavailable, "The host '{}' cannot be resolved: {}", endpoint.host, problem.message());
  const auto [resolve_error, addresses] = co_await attempt->resolver.async_resolve(endpoint.host, service, use_task);
  if (attempt->late) co_return fail(Code::timeout, "The host '{}' was not resolved in time", endpoint.host);
  if (resolve_error) {
    co_return fail(Code::unavailable, "The host '{}' cannot be resolved: {}", endpoint.host, resolve_error.message());
  }
  Error refused{.code = Code::unavailable, .message = fmt::format("The host '{}' has no address", endpoint.host)};
  for (const auto& entry : addresses) {
    const asio::ip::tcp::endpoint address = entry.endpoint();
    if (options.address_policy) {
      Status allowed = options.address_policy(endpoint.host, address.address());
      if (!allowed) {
        refused = std::move(allowed).error();
        continue;
      }
    }
    error_code ignored;
    attempt->socket.close(ignored);
    const auto [ec] = co_await attempt->socket.async_connect(address, use_task);
    if (attempt->late) co_return fail(Code::timeout, "The connection to '{}' was not made in time", endpoint.host);
    if (!ec) {
      attempt->socket.set_option(asio::ip::tcp::no_delay(true), ignored);
      co_return Stream::Socket(std::move(attempt->socket));
    }
    refused = {
        .code = Code::unavailable,
        .message = fmt::format("Cannot connect to '{}' port {}: {}", endpoint.host, endpoint.port, ec.message())};
  }
  co_return fail(std::move(refused));
}

Task<Result<std::shared_ptr<ClientConnection>>> ClientPool::connect(Endpoint endpoint, Deadline deadline) {
  if (open_ + idle_.size() > options.connections_max && !idle_.empty()) idle_.pop_front();
  const Deadline connected_until = std::min(deadline, Clock::now() + options.connect_timeout);
  const bool on_unix = !endpoint.socket_path.empty();
  Task<Result<Stream::Socket>> connecting = on_unix ? connect_unix(endpoint) : connect_tcp(endpoint, connected_until);
  auto socket = co_await std::move(connecting);
  if (!socket) co_return std::unexpected(std::move(socket).error());
  auto connection = std::make_shared<ClientConnection>(std::move(*socket), endpoint);
  if (!endpoint.tls || on_unix) co_return connection;

  CO_TRY(asio::ssl::context* const context, tls());
  connection->stream.start_tls(*context);
  auto& stream = *connection->stream.tls();
  SSL_set_tlsext_host_name(stream.native_handle(), endpoint.host.c_str());
  error_code ec;
  if (options.tls_verify) stream.set_verify_callback(asio::ssl::host_name_verification(endpoint.host), ec);
  connection->arm(connected_until);
  const auto [handshake_error] = co_await stream.async_handshake(asio::ssl::stream_base::client, use_task);
  if (connection->expired) co_return fail(Code::timeout, "TLS with '{}' was not set up in time", endpoint.host);
  if (handshake_error) {
    co_return fail(Code::unavailable, "TLS with '{}' failed: {}", endpoint.host, handshake_error.message());
  }
  co_return connection;
}

/// A request's turn and its connection: given back to the pool, or closed.
class Lease {
 public:
  explicit Lease(std::shared_ptr<ClientPool> pool) : pool_(std::move(pool)) {}
  ~Lease() {
    if (connection && reusable && !banned_) {
      pool_->put_idle(std::move(connection));
    } else if (connection) {
      connection->disarm();
      connection->stream.close();
    }
    pool_->end_turn();
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  void ban_reuse() { banned_ = true; }

  std::shared_ptr<ClientConnection> connection;
  bool reusable = false;

 private:
  std::shared_ptr<ClientPool> pool_;
  bool banned_ = false;
};

namespace {

/// SocketBody for a reply: says what its errors mean to a client, and frees the connection at the end.
class ReplyBody final : public BodyReader {
 public:
  ReplyBody(Lease& lease, const Framing& framing, const SocketBody::Options& options, bool keep_alive)
      : lease_(lease), body_(*lease.connection, framing, options), keep_alive_(keep_alive) {
    note_end();
  }
  Task<Result<std::size_t>> read_some(std::span<char> to) override {
    lease_.reusable = false;
    auto read = co_await body_.read_some(to);
    if (!read && (body_.cut() || read.error().code == Code::cancelled)) {
      co_return fail(Code::unavailable, "The peer closed the connection in the middle of its reply");
    }
    if (read) note_end();
    co_return read;
  }
  std::optional<std::uint64_t> content_length() const override { return body_.content_length(); }
  const Headers& trailers() const override { return body_.trailers(); }

 private:
  void note_end() { lease_.reusable = body_.done() && keep_alive_ && lease_.connection->buffer.empty(); }

  Lease& lease_;
  SocketBody body_;
  bool keep_alive_;
};

bool valid_header(std::string_view name, std::string_view value) {
  const auto bad_name = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == ':' || c == 127; };
  const auto bad_value = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
  return !name.empty() && std::none_of(name.begin(), name.end(), bad_name) &&
         std::none_of(value.begin(), value.end(), bad_value);
}

std::string host_header(const Endpoint& endpoint) {
  if (endpoint.host.empty()) return "localhost";
  const bool ipv6 = endpoint.host.find(':') != std::string::npos;
  std::string text = ipv6 ? "[" + endpoint.host + "]" : endpoint.host;
  if (endpoint.port != 0 && endpoint.port != (endpoint.tls ? 443 : 80)) text += ":" + std::to_string(endpoint.port);
  return text;
}

Result<std::string> request_head(const Endpoint& endpoint, const ClientRequest& request) {
  if (!valid_header(request.method, request.target) || request.target.empty() ||
      request.target.find(' ') != std::string::npos) {
    return fail(Code::invalid, "The method or the target of the request holds a space or a line break");
  }
  std::string head = request.method + " " + request.target + " HTTP/1.1\r\n";
  if (!request.headers.contains("host")) head += "Host: " + host_header(endpoint) + "\r\n";
  for (const auto& [name, value] : request.headers) {
    if (same_text(name, "content-length") || same_text(name, "transfer-encoding")) continue;
    if (!valid_header(name, value)) return fail(Code::invalid, "The request header '{}' holds a line break", name);
    head += name + ": " + value + "\r\n";
  }
  std::size_t size = request.body.size();
  for (const std::string_view piece : request.body_pieces) size += piece.size();
  const bool needs_length = size > 0 || (request.method != "GET" && request.method != "HEAD");
  if (request.stream && !request.stream_length) {
    head += "Transfer-Encoding: chunked\r\n";
  } else if (needs_length || request.stream) {
    head += fmt::format("Content-Length: {}\r\n", request.stream ? *request.stream_length : size);
  }
  head += "\r\n";
  return head;
}

/// Errors of the socket come back as cancelled or timeout; those of the source as they are, with `source_failed`.
Task<Status> send_stream(ClientConnection& connection, BodySource& stream, std::optional<std::uint64_t> length,
                         std::string prefix, bool& source_failed) {
  std::uint64_t size = 0;
  while (true) {
    auto piece = co_await stream.next();
    const bool wrong_length = piece && length && (piece->empty() ? size < *length : size + piece->size() > *length);
    if (!piece || wrong_length) {
      source_failed = true;
      if (!piece) co_return std::unexpected(std::move(piece).error());
      co_return fail(Code::internal, "The body of the request is not as long as announced");
    }
    if (piece->empty()) break;
    size += piece->size();
    if (!length) fmt::format_to(std::back_inserter(prefix), "{:x}\r\n", piece->size());
    auto sent = co_await connection.write_all(prefix, *piece, length ? "" : "\r\n");
    if (!sent) co_return sent;
    prefix.clear();
  }
  if (!length) prefix += "0\r\n\r\n";
  auto sent = co_await connection.write_all(prefix);
  co_return sent;
}

Task<Result<ResponseHead>> read_reply_head(ClientConnection& connection, const ClientOptions& options, bool& any_byte) {
  while (true) {
    HeadScanner scanner;
    const HeadScanner::Limits limits{8 << 10, options.head_bytes_max};
    while (true) {
      const HeadScanner::State state = scanner.scan(connection.buffer.data(), limits);
      any_byte = any_byte || !connection.buffer.empty();
      if (state == HeadScanner::State::done) break;
      if (state != HeadScanner::State::more)
        co_return fail(Code::unavailable, "The peer's reply is not HTTP/1.1, or its head is too large");
      auto filled = co_await connection.fill();
      if (!filled && connection.expired) co_return fail(Code::timeout, "The peer did not answer in time");
      if (!filled) co_return fail(Code::unavailable, "The peer closed the connection without an answer");
    }
    auto head = parse_response_head(connection.buffer.data().substr(0, scanner.head_size()), options.headers_max);
    connection.buffer.consume(scanner.head_size());
    const bool interim = head && head->status >= 100 && head->status < 200 && head->status != 101;
    if (!interim) co_return head;
  }
}

}  // namespace
}  // namespace internal

ClientReply::ClientReply() = default;
ClientReply::~ClientReply() = default;
void ClientReply::do_not_reuse() {
  lease_->ban_reuse();
}

Client::Client(asio::any_io_executor executor, ClientOptions options)
    : pool_(std::make_shared<internal::ClientPool>(std::move(executor), std::move(options))) {}

Client::~Client() {
  pool_->close();
}

Task<Result<std::unique_ptr<ClientReply>>> Client::send_once(const Endpoint& endpoint, ClientRequest& request,
                                                             bool fresh, bool& unanswered) {
  const std::shared_ptr<internal::ClientPool> pool = pool_;
  auto turn = co_await pool->wait_for_turn(request.deadline);
  if (!turn) co_return std::unexpected(std::move(turn).error());
  auto lease = std::make_unique<internal::Lease>(pool);
  if (!fresh) lease->connection = pool->take_idle(endpoint);
  if (!lease->connection) {
    auto connected = co_await pool->connect(endpoint, request.deadline);
    if (!connected) co_return std::unexpected(std::move(connected).error());
    lease->connection = std::move(*connected);
  }
  internal::ClientConnection& connection = *lease->connection;
  connection.arm(request.deadline);

  CO_TRY(std::string head, internal::request_head(endpoint, request));
  Status sent;
  bool source_failed = false;
  if (request.stream) {
    sent = co_await internal::send_stream(connection, *request.stream, request.stream_length, std::move(head),
                                          source_failed);
  } else {
    std::vector<std::string_view> pieces{head, request.body};
    pieces.insert(pieces.end(), request.body_pieces.begin(), request.body_pieces.end());
    sent = co_await connection.write_all(pieces);
  }
  if (source_failed) co_return std::unexpected(std::move(sent).error());
  if (!sent && connection.expired) co_return fail(Code::timeout, "The peer did not take the request in time");

  // A peer that refuses a body early answers and closes: the answer is worth more than the broken pipe.
  bool any_byte = false;
  auto reply_head = co_await internal::read_reply_head(connection, pool->options, any_byte);
  if (!reply_head) {
    unanswered = connection.used_before && !any_byte && !connection.expired;
    co_return std::unexpected(std::move(reply_head).error());
  }
  std::unique_ptr<ClientReply> reply(new ClientReply());
  reply->status_ = reply_head->status;
  reply->headers_ = std::move(reply_head->headers);
  const bool bodyless =
      request.method == "HEAD" || reply->status_ == 204 || reply->status_ == 304 || reply->status_ < 200;
  internal::SocketBody::Options body_options;
  body_options.idle_timeout = std::chrono::hours(24);  // the connection's timer is the limit
  body_options.until_close = !bodyless && !reply_head->framing.chunked && !reply_head->framing.content_length;
  const internal::Framing framing = bodyless ? internal::Framing{} : reply_head->framing;
  const bool keep_alive = reply_head->keep_alive && sent.has_value() && !body_options.until_close;
  reply->lease_ = std::move(lease);
  reply->body_ = std::make_unique<internal::ReplyBody>(*reply->lease_, framing, body_options, keep_alive);
  co_return reply;
}

Task<Result<std::unique_ptr<ClientReply>>> Client::send(Endpoint endpoint, ClientRequest request) {
  bool unanswered = false;
  auto reply = co_await send_once(endpoint, request, false, unanswered);
  if (reply || !unanswered || request.stream) co_return reply;
  const std::string& method = request.method;
  const bool idempotent =
      method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" || method == "OPTIONS";
  if (!idempotent && !request.repeatable) co_return reply;
  auto again = co_await send_once(endpoint, request, true, unanswered);
  co_return again;
}

Task<Result<std::unique_ptr<ClientReply>>> Client::send_following(Url url, ClientRequest request, int hops_max) {
  if (request.stream || (request.method != "GET" && request.method != "HEAD")) {
    co_return fail(Code::invalid, "Redirects are followed for GET and HEAD only");
  }
  for (int hop = 0;; ++hop) {
    ClientRequest one;
    one.method = request.method;
    one.target = url.target;
    one.headers = request.headers;
    one.deadline = request.deadline;
    auto reply = co_await send(url.endpoint, std::move(one));
    if (!reply) co_return reply;
    const int status = (*reply)->status();
    const bool redirect = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    const auto location = (*reply)->headers().get("location");
    if (!redirect || !location) co_return reply;
    if (hop == hops_max) co_return fail(Code::unavailable, "More than {} redirects", hops_max);

    Url next;
    if (location->starts_with("//")) {
      CO_TRY(next, parse_url((url.endpoint.tls ? "https:" : "http:") + std::string(*location)));
    } else if (location->starts_with("/")) {
      next.endpoint = url.endpoint;
      next.target = std::string(location->substr(0, location->find('#')));
    } else if (location->find("://") != std::string_view::npos) {
      CO_TRY(next, parse_url(*location));
    } else {
      co_return fail(Code::unavailable, "A redirect to a relative path is not followed");
    }
    if (url.endpoint.tls && !next.endpoint.tls)
      co_return fail(Code::forbidden, "A redirect from https to http is not followed");
    if (next.endpoint != url.endpoint) {
      for (const std::string_view secret : {"authorization", "cookie", "proxy-authorization"})
        request.headers.remove(secret);
    }
    url = std::move(next);
  }
}

Result<FetchedReply> fetch(const Url& url, ClientRequest request, FetchOptions options) {
  asio::io_context context(1);
  Result<FetchedReply> result = fail(Code::internal, "The fetch did not end");
  // The loop below runs it to its end inside this call.
  // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines)
  auto run = [&]() -> Task<void> {
    Client client(context.get_executor(), options.client);
    Result<std::unique_ptr<ClientReply>> reply;
    if (options.hops_max > 0) {
      reply = co_await client.send_following(url, std::move(request), options.hops_max);
    } else {
      if (request.target == "/") request.target = url.target;
      reply = co_await client.send(url.endpoint, std::move(request));
    }
    if (!reply) {
      result = std::unexpected(std::move(reply).error());
      co_return;
    }
    FetchedReply fetched{.status = (*reply)->status(), .headers = (*reply)->headers(), .body = {}};
    std::string piece(64 << 10, '\0');
    std::size_t size = 0;
    while (true) {
      auto read = co_await (*reply)->body().read_some(piece);
      if (!read) {
        result = std::unexpected(std::move(read).error());
        co_return;
      }
      if (*read == 0) break;
      size += *read;
      const std::string_view bytes(piece.data(), *read);
      if (options.on_piece) {
        Status taken = options.on_piece(bytes);
        if (!taken) {
          result = std::unexpected(std::move(taken).error());
          co_return;
        }
      } else if (size > options.bytes_max) {
        result = fail(Code::too_large, "The reply is larger than {} bytes", options.bytes_max);
        co_return;
      } else {
        fetched.body += bytes;
      }
    }
    result = std::move(fetched);
  };
  asio::co_spawn(context, run(), [](std::exception_ptr problem) {
    if (problem) std::rethrow_exception(problem);
  });
  try {
    context.run();
  } catch (const std::exception& problem) {
    return fail(Code::internal, "The request failed: {}", problem.what());
  }
  return result;
}

}  // namespace kinglet::http
