// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>

#include "base/log.h"
#include "http/server_state.h"

namespace kinglet::http {
namespace internal {
namespace {

/// Sent and not yet acknowledged bytes do not count: a slow reader's progress shows, and it holds little of the kernel.
constexpr int unsent_bytes_max = 256 << 10;
/// Connections that one round of the sweeper looks at, so that it never holds its loop for long.
constexpr std::size_t sweep_connections_max = 512;
constexpr std::size_t sweep_rounds_max = 16;
/// Peers told at once that there are no descriptors left.
constexpr std::size_t refusals_at_once_max = 256;
constexpr std::chrono::milliseconds descriptor_pause{50};
constexpr std::chrono::seconds descriptor_log_pause{10};

ServerConnection::Peer peer_of(const asio::ip::tcp::socket& socket) {
  error_code ec;
  const auto endpoint = socket.remote_endpoint(ec);
  if (ec) return {"unknown", false};
  asio::ip::address address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  return {address.to_string(), address.is_loopback()};
}

ServerConnection::Peer peer_of(const asio::local::stream_protocol::socket&) {
  return {"unix", true};
}

/// Whose connections count together: an address, for IPv6 the /64 that one customer has.
std::string network_of(const std::string& ip) {
  error_code ec;
  const auto address = asio::ip::make_address(ip, ec);
  if (ec || !address.is_v6()) return ip;
  auto bytes = address.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
  return asio::ip::make_address_v6(bytes).to_string();
}

std::chrono::milliseconds sweep_interval(const ServerLimits& limits) {
  const auto shortest = std::min(std::min(limits.head_timeout, limits.body_idle_timeout),
                                 std::min(limits.write_idle_timeout, limits.keep_alive_timeout));
  return std::clamp(shortest / 4, std::chrono::milliseconds(10), std::chrono::milliseconds(250));
}

}  // namespace

ServerState::ServerState(IoThreads& threads, ServerOptions server_options, Handler server_handler)
    : options(std::move(server_options)),
      handler(std::move(server_handler)),
      sweep_interval_(sweep_interval(options.limits)) {
  for (std::size_t i = 0; i < threads.size(); ++i) loops_.push_back(std::make_unique<Loop>(threads.executor(i)));
  spare_descriptor_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

ServerState::~ServerState() {
  if (spare_descriptor_ >= 0) ::close(spare_descriptor_);
}

Status ServerState::load_tls() {
  if (options.tls_certificate_file.empty() && options.tls_key_file.empty()) return {};
  if (!options.socket_path.empty()) return fail(Code::invalid, "TLS on a Unix socket makes no sense");
  tls = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  error_code ec;
  tls->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                       asio::ssl::context::no_tlsv1_1 | asio::ssl::context::no_compression,
                   ec);
  tls->use_certificate_chain_file(options.tls_certificate_file, ec);
  if (ec) return fail(Code::invalid, "The TLS certificate file cannot be used: {}", ec.message());
  tls->use_private_key_file(options.tls_key_file, asio::ssl::context::pem, ec);
  if (ec) return fail(Code::invalid, "The TLS key file cannot be used: {}", ec.message());
  if (SSL_CTX_check_private_key(tls->native_handle()) != 1) {
    return fail(Code::invalid, "The TLS key does not belong to the certificate");
  }
  return {};
}

Status ServerState::listen_tcp() {
  error_code ec;
  const auto address = asio::ip::make_address(options.ip, ec);
  if (ec) return fail(Code::invalid, "'{}' is not an ip address to listen on", options.ip);
  const asio::ip::tcp::endpoint endpoint(address, options.port);
  auto& acceptor = tcp_acceptor_.emplace(loops_[0]->executor);
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(asio::ip::tcp::acceptor::reuse_address(true), ec);
  if (!ec && address.is_v6()) acceptor.set_option(asio::ip::v6_only(false), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (ec) return fail(Code::unavailable, "Cannot listen on {} port {}: {}", options.ip, options.port, ec.message());
  port = acceptor.local_endpoint(ec).port();
  return {};
}

Status ServerState::listen_unix() {
  error_code ec;
  asio::local::stream_protocol::endpoint endpoint;
  if (options.socket_path.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(Code::invalid, "The path of the Unix socket is longer than {} bytes",
                sizeof(sockaddr_un::sun_path) - 1);
  }
  endpoint.path(options.socket_path);
  // A socket file without a listener is what a killed process leaves; one with a listener is somebody's.
  asio::io_context probe_context(1);
  asio::local::stream_protocol::socket probe(probe_context);
  probe.connect(endpoint, ec);
  if (!ec) return fail(Code::unavailable, "Somebody listens on the Unix socket already");
  struct stat status{};
  if (::lstat(options.socket_path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) return fail(Code::invalid, "The path of the Unix socket is taken by another file");
    ::unlink(options.socket_path.c_str());
  }
  auto& acceptor = unix_acceptor_.emplace(loops_[0]->executor);
  acceptor.open(endpoint.protocol(), ec);
  // The file's rights are set before anybody can connect: bind() makes it, listen() opens it.
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec && ::chmod(options.socket_path.c_str(), S_IRUSR | S_IWUSR) != 0)
    ec.assign(errno, boost::system::system_category());
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (ec) return fail(Code::unavailable, "Cannot listen on the Unix socket: {}", ec.message());
  return {};
}

Status ServerState::adopt_socket() {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (::getsockname(options.listening_socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return fail(Code::invalid, "The socket to listen on is not a socket");
  }
  error_code ec;
  if (address.ss_family == AF_UNIX) {
    unix_acceptor_.emplace(loops_[0]->executor).assign(asio::local::stream_protocol(), options.listening_socket, ec);
  } else {
    const auto protocol = address.ss_family == AF_INET6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4();
    auto& acceptor = tcp_acceptor_.emplace(loops_[0]->executor);
    acceptor.assign(protocol, options.listening_socket, ec);
    if (!ec) port = acceptor.local_endpoint(ec).port();
  }
  if (ec) return fail(Code::invalid, "The socket to listen on cannot be used: {}", ec.message());
  return {};
}

Status ServerState::listen() {
  TRY_VOID(load_tls());
  if (options.listening_socket >= 0) {
    TRY_VOID(adopt_socket());
  } else {
    TRY_VOID(options.socket_path.empty() ? listen_tcp() : listen_unix());
  }
  users_ = 1;
  on_loops_ = 2 * loops_.size();  // a sweeper each, and the handler that ends it
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    asio::post(loops_[i]->executor, [self = shared_from_this(), i] { self->arm_sweeper(i); });
  }
  auto accepting =
      unix_acceptor_ ? accept(shared_from_this(), *unix_acceptor_) : accept(shared_from_this(), *tcp_acceptor_);
  auto ended = [self = shared_from_this()](std::exception_ptr) { self->release(); };
  asio::co_spawn(loops_[0]->executor, std::move(accepting), std::move(ended));
  return {};
}

template <class Acceptor>
Task<void> ServerState::accept([[maybe_unused]] std::shared_ptr<ServerState> self, Acceptor& acceptor) {
  asio::steady_timer pause(loops_[0]->executor);
  while (!stopping_) {
    const asio::any_io_executor executor = loops_[next_loop_]->executor;
    auto [ec, socket] = co_await acceptor.async_accept(executor, use_task);
    if (ec) {
      if (stopping_ || !acceptor.is_open()) break;
      if (ec == asio::error::connection_aborted) continue;
      // Out of file descriptors or memory: they come back when connections end.
      if (descriptors_told_at_ + descriptor_log_pause <= Clock::now()) {
        descriptors_told_at_ = Clock::now();
        log::warning("cannot accept connections; they are refused with 503", {{"why", ec.message()}});
      }
      refuse_without_descriptors(acceptor.native_handle());
      pause.expires_after(descriptor_pause);
      co_await pause.async_wait(use_task);
      continue;
    }
    error_code ignored;
    if constexpr (std::is_same_v<Acceptor, asio::ip::tcp::acceptor>) {
      socket.set_option(asio::ip::tcp::no_delay(true), ignored);
      ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes_max, sizeof unsent_bytes_max);
    }
    ServerConnection::Peer peer = peer_of(socket);
    admit(Stream::Socket(std::move(socket)), std::move(peer));
  }
}

void ServerState::turn_away(int descriptor, std::string_view why) const {
  if (!tls) {
    const std::string body = fmt::format("{{\"error\":\"{}\"}}", why);
    const std::string answer = fmt::format(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=UTF-8\r\nRetry-After: 1\r\n"
        "Content-Length: {}\r\nConnection: close\r\n\r\n{}",
        body.size(), body);
    ::send(descriptor, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    ::shutdown(descriptor, SHUT_WR);
  }
  // A request that came already would turn the close into a reset.
  std::array<char, 16 << 10> scratch;
  for (int i = 0; i < 16 && ::recv(descriptor, scratch.data(), scratch.size(), MSG_DONTWAIT) > 0; ++i) {
  }
}

void ServerState::refuse_without_descriptors(int listening) {
  if (spare_descriptor_ >= 0) ::close(spare_descriptor_);
  for (std::size_t i = 0; i < refusals_at_once_max; ++i) {
    const int descriptor = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor < 0) break;
    ++counters.refused_descriptors;
    turn_away(descriptor, "The server has no file descriptor left for another connection");
    ::close(descriptor);
  }
  spare_descriptor_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void ServerState::admit(Stream::Socket socket, ServerConnection::Peer peer) {
  ++counters.accepted;
  if (open_ >= options.limits.connections_max) {
    ++counters.refused_total;
    return turn_away(socket.native_handle(), "The server has as many connections as it may");
  }
  if (peer.ip != "unix") {
    const auto found = connections_of_peer_.try_emplace(network_of(peer.ip), 0).first;
    peer.count = &*found;
    if (peer.count->second >= options.limits.connections_per_peer_max) {
      ++counters.refused_peer;
      if (peer.count->second == 0) connections_of_peer_.erase(found);
      return turn_away(socket.native_handle(), "Your address has as many connections as one may");
    }
    ++peer.count->second;
  }
  ++open_;
  ++users_;
  const std::size_t index = next_loop_;
  next_loop_ = (next_loop_ + 1) % loops_.size();
  auto connection = std::make_shared<ServerConnection>(shared_from_this(), index, std::move(socket), std::move(peer));
  asio::dispatch(loops_[index]->executor, [self = shared_from_this(), connection, index] {
    Loop& loop = *self->loops_[index];
    connection->index = loop.connections.size();
    loop.connections.push_back(connection.get());
    connection->start();
    if (loop.draining) connection->drain();
    if (loop.aborting) connection->abort();
  });
}

void ServerState::connection_ended(std::size_t loop_index, ServerConnection* connection,
                                   ServerConnection::PeerCount* peer_count) {
  auto& connections = loops_[loop_index]->connections;
  connections.back()->index = connection->index;
  connections[connection->index] = connections.back();
  connections.pop_back();
  --open_;
  asio::post(loops_[0]->executor, [self = shared_from_this(), peer_count] {
    if (peer_count != nullptr && --peer_count->second == 0) {
      const std::string network = peer_count->first;
      self->connections_of_peer_.erase(network);
    }
    self->release();
  });
}

void ServerState::release() {
  if (--users_ == 0) ended_.set_value();
}

void ServerState::leave_loop() {
  if (--on_loops_ == 0) left_loops_.set_value();
}

void ServerState::sweep_some(Loop& loop) {
  const Deadline now = Clock::now();
  auto& connections = loop.connections;
  const std::size_t count = std::max(sweep_connections_max, connections.size() / sweep_rounds_max + 1);
  // Sweeping only cancels operations; their handlers, which may take connections from the list, run later. One that
  // moves into a place already passed waits for the next round.
  for (std::size_t i = 0; i < count; ++i, ++loop.sweep_at) {
    if (loop.sweep_at >= connections.size()) {
      loop.sweep_at = 0;
      return;
    }
    connections[loop.sweep_at]->sweep(now);
  }
}

void ServerState::arm_sweeper(std::size_t loop_index) {
  Loop& loop = *loops_[loop_index];
  const std::size_t rounds =
      std::clamp(loop.connections.size() / sweep_connections_max, std::size_t{1}, sweep_rounds_max);
  loop.sweep_timer.expires_after(std::chrono::duration_cast<Clock::duration>(sweep_interval_) / rounds);
  loop.sweep_timer.async_wait([self = shared_from_this(), loop_index](const error_code& ec) {
    if (ec) return self->leave_loop();
    self->sweep_some(*self->loops_[loop_index]);
    if (self->stopping_ && self->ended_future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
      return self->leave_loop();
    }
    self->arm_sweeper(loop_index);
  });
}

void ServerState::stop(Deadline drain) {
  const auto on_each_loop = [this](auto work) {
    for (std::size_t i = 0; i < loops_.size(); ++i) {
      asio::post(loops_[i]->executor, [self = shared_from_this(), i, work] { work(*self, *self->loops_[i], i); });
    }
  };
  if (!stopping_.exchange(true)) {
    on_each_loop([](ServerState& state, Loop& loop, std::size_t index) {
      error_code ignored;
      if (index == 0 && state.tcp_acceptor_) state.tcp_acceptor_->close(ignored);
      if (index == 0 && state.unix_acceptor_) state.unix_acceptor_->close(ignored);
      loop.draining = true;
      for (ServerConnection* connection : loop.connections) connection->drain();
    });
    if (options.listening_socket < 0 && !options.socket_path.empty()) ::unlink(options.socket_path.c_str());
  }
  if (ended_future_.wait_until(drain) != std::future_status::ready) {
    on_each_loop([](ServerState&, Loop& loop, std::size_t) {
      loop.aborting = true;
      for (ServerConnection* connection : loop.connections) connection->abort();
    });
    // A handler that waits for a blocking job ends with the job: returning earlier would pull its ground away.
    while (ended_future_.wait_for(std::chrono::seconds(5)) != std::future_status::ready) {
      log::warning("waiting for request handlers to end", {{"connections", open_.load()}});
    }
  }
  // Whatever holds this object on a loop has run when stop() returns: the loops may then be destroyed, one by one.
  if (!finishing_.exchange(true)) {
    on_each_loop([](ServerState& state, Loop& loop, std::size_t) {
      loop.sweep_timer.cancel();
      state.leave_loop();
    });
  }
  left_loops_future_.wait();
}

ServerStatistics ServerState::statistics() const {
  ServerStatistics result;
  result.connections_open = open_;
  result.connections_accepted = counters.accepted;
  result.refused_total = counters.refused_total;
  result.refused_peer = counters.refused_peer;
  result.refused_descriptors = counters.refused_descriptors;
  result.requests = counters.requests;
  result.requests_refused = counters.requests_refused;
  const auto timeouts = [this](Connection::Wait wait) {
    return counters.timeouts[static_cast<std::size_t>(wait)].load();
  };
  result.timeouts_idle = timeouts(Connection::Wait::idle);
  result.timeouts_head = timeouts(Connection::Wait::head);
  result.timeouts_body = timeouts(Connection::Wait::body);
  result.timeouts_write = timeouts(Connection::Wait::write);
  result.disconnects = counters.disconnects;
  result.handler_exceptions = counters.handler_exceptions;
  result.large_heads = large_heads;
  result.bytes_received = counters.bytes_received;
  result.bytes_sent = counters.bytes_sent;
  return result;
}

}  // namespace internal

void Request::cancel_on_disconnect() {
  if (connection != nullptr) connection->watch_peer();
}

bool Request::peer_left() const {
  return connection != nullptr && connection->peer_left();
}

Server::Server(std::shared_ptr<internal::ServerState> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Server>> Server::listen(IoThreads& threads, ServerOptions options, Handler handler) {
  auto state = std::make_shared<internal::ServerState>(threads, std::move(options), std::move(handler));
  TRY_VOID(state->listen());
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

Server::~Server() {
  stop(Clock::now());
}

std::uint16_t Server::port() const {
  return state_->port;
}

ServerStatistics Server::statistics() const {
  return state_->statistics();
}

void Server::stop(Deadline drain) {
  state_->stop(drain);
}

}  // namespace kinglet::http
