// SPDX-License-Identifier: Apache-2.0
// What the connections of one server share, and the sweeper that ends the late ones. Included by .cc files of http/
// only.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "http/connection.h"
#include "http/server.h"

namespace kinglet::http::internal {

/// One accepted connection: reads requests, calls the handler, writes replies, one after the other.
class ServerConnection final : public Connection, public std::enable_shared_from_this<ServerConnection> {
 public:
  /// How many connections a peer has; touched on loop 0 only.
  using PeerCount = std::pair<const std::string, std::size_t>;
  struct Peer {
    std::string ip;
    bool loopback = false;
    PeerCount* count = nullptr;  // null for Unix sockets
  };
  ServerConnection(std::shared_ptr<ServerState> state, std::size_t loop_index, Stream::Socket socket, Peer peer);

  /// Spawns the coroutine that serves it. Thread: its io thread, as everything here.
  void start();

  void sweep(Deadline now);
  /// Ends it as soon as no request is being answered.
  void drain();
  /// Ends it now: cancels the handler.
  void abort();

  /// Where it stands in its loop's list.
  std::size_t index = 0;

  void watch_peer();
  bool peer_left() const { return peer_left_; }

 private:
  Task<void> run();
  Task<bool> handshake();
  void wait_for(Wait what, std::chrono::milliseconds time);
  /// False when the connection is to be closed.
  Task<bool> serve_one();
  /// Has the whole head of the next request arrived? The usual case, without a coroutine; read_head() does the others.
  bool head_is_here();
  /// The head of the next request in the buffer; false when the connection ended, or a refusal was sent.
  Task<bool> read_head();
  /// The answer where a handler ended by the exception that is being handled.
  Response handler_threw(const Request& request);
  Task<bool> send(Request& request, Response& response, SocketBody& body);
  Task<Status> send_stream(Response& response, std::string head, bool chunked, bool trailers_wanted,
                           std::uint64_t& body_bytes, bool& source_failed);
  Task<void> refuse(Refusal refusal);
  /// False when too many large heads are in memory.
  bool admit_head_bytes();
  void release_head_bytes();
  /// Reads away what the peer still sends, so that it sees our reply instead of a reset.
  Task<void> linger();
  /// True when the rest of an unread body was read away within the limit.
  Task<bool> drain_body(SocketBody& body);
  std::string response_head(const Response& response, int version_minor, std::optional<std::uint64_t> length,
                            bool chunked, bool close) const;
  Response error_response(int status, std::string_view message) const;
  void arm_watch();
  void on_readable();
  void unwatch();
  void leave();
  void finish();

  const ServerLimits& limits() const;

  std::shared_ptr<ServerState> state_;
  std::size_t loop_index_;
  Peer peer_;
  HeadScanner scanner_;
  asio::cancellation_signal cancel_;  // of the whole coroutine
  asio::cancellation_signal watch_cancel_;
  bool idle_ = true;     // between requests
  bool parked_ = false;  // idle without a pending read: the buffer is not in use
  bool draining_ = false, aborted_ = false;
  bool large_head_ = false;  // counted in ServerState::large_heads
  bool watching_ = false, poll_peer_ = false, peer_left_ = false;
};

class ServerState : public std::enable_shared_from_this<ServerState> {
 public:
  ServerState(IoThreads& threads, ServerOptions options, Handler handler);
  ~ServerState();

  Status listen();
  void stop(Deadline drain);
  /// True from the first moment of stop(), before each loop has heard of it. Thread: any.
  bool stopping() const { return stopping_; }
  void connection_ended(std::size_t loop_index, ServerConnection* connection, ServerConnection::PeerCount* peer_count);
  ServerStatistics statistics() const;

  struct Counters {
    std::atomic<std::uint64_t> accepted = 0, refused_total = 0, refused_peer = 0, refused_descriptors = 0;
    std::atomic<std::uint64_t> requests = 0, requests_refused = 0, disconnects = 0, handler_exceptions = 0;
    std::atomic<std::uint64_t> bytes_received = 0, bytes_sent = 0;
    std::array<std::atomic<std::uint64_t>, 5> timeouts{};  // by Connection::Wait
  };

  const ServerOptions options;
  const Handler handler;
  Counters counters;
  std::atomic<std::size_t> large_heads = 0;
  std::uint16_t port = 0;
  std::unique_ptr<asio::ssl::context> tls;

 private:
  struct Loop {
    explicit Loop(asio::any_io_executor loop_executor) : executor(std::move(loop_executor)), sweep_timer(executor) {}
    asio::any_io_executor executor;
    asio::steady_timer sweep_timer;
    std::vector<ServerConnection*> connections;
    std::size_t sweep_at = 0;
    bool draining = false, aborting = false;
  };
  Status load_tls();
  Status listen_tcp();
  Status listen_unix();
  Status adopt_socket();
  template <class Acceptor>
  Task<void> accept(std::shared_ptr<ServerState> self, Acceptor& acceptor);
  void admit(Stream::Socket socket, ServerConnection::Peer peer);
  /// Answers 503 and closes; no word under TLS, whose handshake would cost more than the refusal.
  void turn_away(int descriptor, std::string_view why) const;
  /// Takes what waits in the acceptor's queue with the spare descriptor, so that those peers are told.
  void refuse_without_descriptors(int listening);
  void arm_sweeper(std::size_t loop_index);
  void sweep_some(Loop& loop);
  void release();
  void leave_loop();

  std::vector<std::unique_ptr<Loop>> loops_;
  std::optional<asio::ip::tcp::acceptor> tcp_acceptor_;
  std::optional<asio::local::stream_protocol::acceptor> unix_acceptor_;
  std::unordered_map<std::string, std::size_t> connections_of_peer_;  // touched on loop 0 only
  std::size_t next_loop_ = 0;
  int spare_descriptor_ = -1;
  Deadline descriptors_told_at_{};  // of the last log line
  std::chrono::milliseconds sweep_interval_{250};
  std::atomic<std::size_t> open_ = 0;
  std::atomic<std::size_t> users_ = 0;  // the acceptor and every connection; 0 ends stop()
  std::atomic<bool> stopping_ = false;
  std::promise<void> ended_;
  std::shared_future<void> ended_future_ = ended_.get_future().share();
  std::atomic<bool> finishing_ = false;
  std::atomic<std::size_t> on_loops_ = 0;
  std::promise<void> left_loops_;
  std::shared_future<void> left_loops_future_ = left_loops_.get_future().share();
};

}  // namespace kinglet::http::internal
