// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <sys/socket.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <ctime>

#include "base/ids.h"
#include "base/log.h"
#include "http/server_state.h"
#include "http/text.h"

namespace kinglet::http::internal {
namespace {

/// "Date: …\r\n", made once a second per thread.
std::string_view date_line() {
  thread_local std::time_t made_at = 0;
  thread_local std::string line;
  const std::time_t now = std::time(nullptr);
  if (now != made_at) {
    std::tm parts{};
    gmtime_r(&now, &parts);
    std::array<char, 64> text{};
    const std::size_t size = std::strftime(text.data(), text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
    line.assign(text.data(), size);
    made_at = now;
  }
  return line;
}

/// Header values may repeat a user's text; a line break in one would begin a header of the user's choice.
void append_header(std::string& out, std::string_view name, std::string_view value) {
  const std::size_t name_at = out.size();
  out += name;
  for (char& c : std::span(out).subspan(name_at)) c = c <= ' ' || c == 127 || c == ':' ? '_' : c;
  out += ": ";
  const std::size_t value_at = out.size();
  out += value;
  for (char& c : std::span(out).subspan(value_at)) c = static_cast<unsigned char>(c) < ' ' && c != '\t' ? ' ' : c;
  out += "\r\n";
}

bool set_by_server(std::string_view name) {
  return same_text(name, "content-length") || same_text(name, "transfer-encoding") || same_text(name, "connection") ||
         same_text(name, "date") || same_text(name, "keep-alive");
}

bool status_without_body(int status) {
  return status < 200 || status == 204 || status == 304;
}

/// Replies up to this size are copied behind their head and leave in one buffer.
constexpr std::size_t one_buffer_bytes_max = 16 << 10;
constexpr std::chrono::milliseconds linger_time{1'000};

}  // namespace

ServerConnection::ServerConnection(std::shared_ptr<ServerState> state, std::size_t loop_index, Stream::Socket socket,
                                   Peer peer)
    : Connection(std::move(socket)), state_(std::move(state)), loop_index_(loop_index), peer_(std::move(peer)) {
  write_idle_timeout = limits().write_idle_timeout;
}

const ServerLimits& ServerConnection::limits() const {
  return state_->options.limits;
}

void ServerConnection::start() {
  auto self = shared_from_this();
  // A coroutine that was cancelled ends with an exception of Asio's; the connection just closes then.
  auto ended = [self](std::exception_ptr) { self->finish(); };
  asio::co_spawn(stream.socket().get_executor(), run(), asio::bind_cancellation_slot(cancel_.slot(), std::move(ended)));
}

void ServerConnection::finish() {
  unwatch();
  release_head_bytes();
  stream.close();
  state_->counters.bytes_received += bytes_received;
  state_->counters.bytes_sent += bytes_sent;
  state_->connection_ended(loop_index_, this, peer_.count);
}

void ServerConnection::sweep(Deadline now) {
  if (deadline <= now) {
    ++state_->counters.timeouts[static_cast<std::size_t>(wait)];
    expire();
  }
  if (parked_ && buffer.empty()) buffer.release();
  if (!poll_peer_) return;
  pollfd descriptor{.fd = stream.socket().native_handle(), .events = POLLRDHUP, .revents = 0};
  if (::poll(&descriptor, 1, 0) == 1) leave();
}

void ServerConnection::drain() {
  draining_ = true;
  if (idle_) stream.cancel();
}

void ServerConnection::abort() {
  draining_ = true;
  aborted_ = true;
  cancel_.emit(asio::cancellation_type::terminal);
  stream.close();
}

void ServerConnection::watch_peer() {
  if (watching_) return;
  watching_ = true;
  arm_watch();
}

void ServerConnection::arm_watch() {
  auto self = shared_from_this();
  auto ready = [self](const error_code& ec) {
    if (!ec) self->on_readable();
  };
  stream.socket().async_wait(Stream::Socket::wait_read,
                             asio::bind_cancellation_slot(watch_cancel_.slot(), std::move(ready)));
}

void ServerConnection::on_readable() {
  if (!watching_) return;
  char byte = 0;
  const ssize_t size = ::recv(stream.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (size > 0) {
    // Bytes of the body or of a next request hide the end behind them: from now on the sweeper asks the kernel.
    poll_peer_ = true;
  } else if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
    arm_watch();
  } else {
    leave();
  }
}

void ServerConnection::unwatch() {
  if (!watching_) return;
  watching_ = false;
  poll_peer_ = false;
  watch_cancel_.emit(asio::cancellation_type::terminal);
}

void ServerConnection::leave() {
  ++state_->counters.disconnects;
  peer_left_ = true;
  unwatch();
  cancel_.emit(asio::cancellation_type::terminal);
}

void ServerConnection::wait_for(Wait what, std::chrono::milliseconds time) {
  wait = what;
  deadline = Clock::now() + time;
}

Task<bool> ServerConnection::handshake() {
  wait_for(Wait::head, limits().head_timeout);
  const auto [ec] = co_await stream.tls()->async_handshake(asio::ssl::stream_base::server, use_task);
  deadline = no_deadline;
  co_return !ec;
}

Task<void> ServerConnection::run() {
  if (state_->tls) {
    stream.start_tls(*state_->tls);
    const bool good = co_await handshake();
    if (!good) co_return;
  }
  while (!draining_) {
    if (buffer.empty() && !state_->tls) {
      // Nothing but this small frame while a connection is idle: no buffer, no request.
      wait_for(Wait::idle, limits().keep_alive_timeout);
      idle_ = parked_ = true;
      const auto [ec] = co_await stream.socket().async_wait(Stream::Socket::wait_read, use_task);
      parked_ = false;
      deadline = no_deadline;
      if (ec || expired) break;
    }
    const bool again = co_await serve_one();
    if (!again) break;
    buffer.shrink();
  }
}

bool ServerConnection::admit_head_bytes() {
  if (large_head_ || buffer.data().size() <= limits().head_bytes_max) return true;
  if (state_->large_heads.fetch_add(1) >= limits().large_heads_max) {
    --state_->large_heads;
    return false;
  }
  large_head_ = true;
  return true;
}

void ServerConnection::release_head_bytes() {
  if (large_head_) --state_->large_heads;
  large_head_ = false;
}

bool ServerConnection::head_is_here() {
  scanner_.reset();
  if (buffer.empty() && fill_now() != Now::done) return false;
  const HeadScanner::Limits head_limits{limits().target_bytes_max + 32, limits().head_bytes_max};
  if (scanner_.scan(buffer.data(), head_limits) != HeadScanner::State::done) return false;
  idle_ = false;
  return true;
}

Task<bool> ServerConnection::read_head() {
  scanner_.reset();
  const HeadScanner::Limits head_limits{limits().target_bytes_max + 32, limits().head_bytes_max};
  bool started = !buffer.empty();
  wait_for(started ? Wait::head : Wait::idle, started ? limits().head_timeout : limits().keep_alive_timeout);
  std::optional<Refusal> refusal;
  while (true) {
    // Tolerated before a request line since RFC 2616: an empty line that old clients send after a body.
    if (scanner_.head_size() == 0 && buffer.data().starts_with("\r\n")) buffer.consume(2);
    const HeadScanner::State state = scanner_.scan(buffer.data(), head_limits);
    if (state == HeadScanner::State::done) break;
    if (state == HeadScanner::State::bad) refusal = Refusal{400, "The request head is malformed"};
    if (state == HeadScanner::State::start_line_too_long) refusal = Refusal{414, "The URL is too long"};
    if (!admit_head_bytes()) refusal = Refusal{503, "Too many requests with large heads"};
    if (state == HeadScanner::State::fields_too_long) refusal = Refusal{431, "The request headers are too large"};
    if (refusal) break;
    idle_ = !started;
    if (draining_ && idle_) co_return false;
    const Now now = fill_now();
    if (now == Now::closed) {
      deadline = no_deadline;
      co_return false;
    }
    Status filled;
    if (now == Now::would_block) filled = co_await fill();
    if (!filled) {
      const bool late = filled.error().code == Code::timeout && started;
      if (!late) co_return false;
      expired = false;
      refusal = Refusal{408, "The request head did not arrive in time"};
      break;
    }
    if (!started) {
      started = true;
      wait_for(Wait::head, limits().head_timeout);
    }
  }
  deadline = no_deadline;
  idle_ = false;
  if (refusal) {
    co_await refuse(std::move(*refusal));
    co_return false;
  }
  co_return true;
}

Task<bool> ServerConnection::serve_one() {
  if (!head_is_here()) {
    const bool complete = co_await read_head();
    if (!complete) co_return false;
  }
  auto head = parse_request_head(buffer.data().substr(0, scanner_.head_size()), limits().headers_max);
  buffer.consume(scanner_.head_size());
  release_head_bytes();
  if (!head) {
    co_await refuse(std::move(head).error());
    co_return false;
  }
  if (head->target.size() > limits().target_bytes_max) {
    co_await refuse(Refusal{414, "The URL is too long"});
    co_return false;
  }
  auto target = parse_target(head->target, limits().query_parameters_max);
  if (!target) {
    co_await refuse(std::move(target).error());
    co_return false;
  }
  ++state_->counters.requests;

  SocketBody::Options body_options;
  body_options.idle_timeout = limits().body_idle_timeout;
  body_options.bytes_per_second_min = limits().body_bytes_per_second_min;
  body_options.expect_continue = head->expect_continue && (head->framing.chunked || head->framing.content_length > 0);
  SocketBody body(*this, head->framing, body_options);

  Request request;
  request.method = parse_method(head->method);
  request.method_name = std::move(head->method);
  request.target = std::move(head->target);
  request.path = std::move(target->path);
  request.query = std::move(target->query);
  request.headers = std::move(head->headers);
  request.version_minor = head->version_minor;
  request.body = &body;
  request.peer = peer_.ip;
  request.peer_is_loopback = peer_.loopback;
  request.tls = state_->tls != nullptr;
  request.id = make_ulid();
  request.received_at = Clock::now();
  request.connection = this;

  Response response;
  try {
    response = co_await state_->handler(request);
  } catch (...) {
    if (peer_left_ || aborted_) throw;  // most likely the cancellation that we asked for
    response = handler_threw(request);
  }
  if (!head->keep_alive) response.close = true;
  const bool again = co_await send(request, response, body);
  unwatch();
  co_return again;
}

Response ServerConnection::handler_threw(const Request& request) {
  try {
    throw;
  } catch (const std::exception& problem) {
    log::error("a request handler threw",
               {{"request", request.id}, {"what", problem.what()}});  // a path may hold a token
  } catch (...) {
    log::error("a request handler threw", {{"request", request.id}, {"what", "an unknown exception"}});
  }
  ++state_->counters.handler_exceptions;
  Response response =
      error_response(500, "Internal error; the log of the server has the details of request " + request.id);
  response.close = true;
  return response;
}

Response ServerConnection::error_response(int status, std::string_view message) const {
  if (state_->options.error_response) return state_->options.error_response(status, message);
  Response response;
  response.status = status;
  response.headers.add("Content-Type", "application/json; charset=UTF-8");
  response.body = "{\"error\":\"";
  for (const char c : message) {
    if (c == '"' || c == '\\') response.body.push_back('\\');
    response.body.push_back(static_cast<unsigned char>(c) < ' ' ? ' ' : c);
  }
  response.body += "\"}";
  return response;
}

Task<void> ServerConnection::refuse(Refusal refusal) {
  ++state_->counters.requests_refused;
  const Response response = error_response(refusal.status, refusal.message);
  std::string bytes = response_head(response, 1, response.body.size(), false, true);
  bytes += response.body;
  auto sent = co_await write_all(bytes);
  if (sent) co_await linger();
}

std::string ServerConnection::response_head(const Response& response, int version_minor,
                                            std::optional<std::uint64_t> length, bool chunked, bool close) const {
  std::string head;
  head.reserve(512 + response.fixed_lines.size() + (length ? std::min<std::size_t>(*length, one_buffer_bytes_max) : 0));
  if (response.status == 200) {
    head += "HTTP/1.1 200 OK\r\n";
  } else {
    fmt::format_to(std::back_inserter(head), "HTTP/1.1 {} {}\r\n", response.status, reason_phrase(response.status));
  }
  head += date_line();
  for (const auto& [name, value] : response.headers) {
    if (!set_by_server(name)) append_header(head, name, value);
  }
  head += response.fixed_lines;
  if (length) fmt::format_to(std::back_inserter(head), "Content-Length: {}\r\n", *length);
  if (chunked) head += "Transfer-Encoding: chunked\r\n";
  if (close) {
    head += "Connection: close\r\n";
  } else if (version_minor == 0) {
    head += "Connection: keep-alive\r\n";
  }
  head += "\r\n";
  return head;
}

Task<bool> ServerConnection::send(Request& request, Response& response, SocketBody& body) {
  struct Report {
    Response& response;
    Deadline received_at;
    Finished finished;
    ~Report() {
      if (!response.on_finished) return;
      finished.duration = Clock::now() - received_at;
      response.on_finished(finished);
    }
  };
  Report report{response, request.received_at, {.status = response.status}};

  const bool head_only = request.method == Method::head;
  const bool bodyless = status_without_body(response.status);
  const bool streamed = response.stream != nullptr && !bodyless;
  std::optional<std::uint64_t> length;
  if (!bodyless) length = streamed ? response.stream_length : std::optional<std::uint64_t>(response.body.size());
  const bool chunked = streamed && !length && request.version_minor == 1;
  const bool unread = body.failed() || body.waits_for_continue() || body.remaining() > limits().drain_bytes_max;
  const bool by_close = streamed && !length && !chunked;  // HTTP/1.0 knows no other end of a stream
  bool close = response.close || draining_ || state_->stopping() || unread || by_close;

  std::string head = response_head(response, request.version_minor, length, chunked, close);
  Status sent;
  bool source_failed = false;
  if (head_only || bodyless) {
    response.stream.reset();
    sent = co_await write_all(head);
  } else if (streamed) {
    const auto te = request.headers.get("te");
    const bool trailers_wanted = te && list_contains(*te, "trailers");
    sent = co_await send_stream(response, std::move(head), chunked, trailers_wanted, report.finished.body_bytes_sent,
                                source_failed);
  } else if (response.body.size() <= one_buffer_bytes_max) {
    head += response.body;
    const std::size_t at_once = write_now(head);
    if (at_once < head.size()) sent = co_await write_all(std::string_view(head).substr(at_once));
    report.finished.body_bytes_sent = response.body.size();
  } else {
    sent = co_await write_all(head, response.body, {});
    report.finished.body_bytes_sent = response.body.size();
  }
  if (!sent) {
    // What was sent before the source failed must arrive (it may say why); the missing last chunk shows the cut.
    if (source_failed && !body.done()) co_await linger();
    co_return false;
  }
  report.finished.complete = true;
  if (!body.done() && !close) close = !co_await drain_body(body);
  // Closing a socket with unread bytes resets it, and the peer may lose the reply.
  const bool bytes_to_come = !body.done() || !buffer.empty() || stream.tls() != nullptr;
  if (close && bytes_to_come) co_await linger();
  co_return !close;
}

Task<Status> ServerConnection::send_stream(Response& response, std::string head, bool chunked, bool trailers_wanted,
                                           std::uint64_t& body_bytes, bool& source_failed) {
  std::string prefix = std::move(head);
  while (true) {
    auto piece = co_await response.stream->next();
    if (!piece) {
      source_failed = true;
      // The head still goes out: an error before the first byte cuts an empty body.
      if (body_bytes == 0 && !prefix.empty()) co_await write_all(prefix);
      co_return std::unexpected(std::move(piece).error());
    }
    if (piece->empty()) break;
    body_bytes += piece->size();
    if (response.stream_length && body_bytes > *response.stream_length) {
      source_failed = true;
      co_return fail(Code::internal, "The stream is longer than announced");
    }
    if (chunked) fmt::format_to(std::back_inserter(prefix), "{:x}\r\n", piece->size());
    auto sent = co_await write_all(prefix, *piece, chunked ? "\r\n" : "");
    if (!sent) co_return sent;
    prefix.clear();
  }
  if (response.stream_length && body_bytes < *response.stream_length) {
    source_failed = true;
    co_return fail(Code::internal, "The stream is shorter than announced");
  }
  if (chunked) {
    prefix += "0\r\n";
    if (trailers_wanted) {
      for (const auto& [name, value] : response.stream->trailers()) append_header(prefix, name, value);
    }
    prefix += "\r\n";
  }
  auto sent = co_await write_all(prefix);
  co_return sent;
}

Task<bool> ServerConnection::drain_body(SocketBody& body) {
  std::string scratch(16 << 10, '\0');
  std::size_t size = 0;
  while (!body.done()) {
    auto read = co_await body.read_some(scratch);
    if (!read) co_return false;
    size += *read;
    if (size > limits().drain_bytes_max) co_return false;
  }
  co_return true;
}

Task<void> ServerConnection::linger() {
  if (stream.tls() != nullptr) {
    wait_for(Wait::linger, linger_time);
    co_await stream.tls()->async_shutdown(use_task);
    deadline = no_deadline;
    co_return;
  }
  stream.shutdown_send();
  std::string scratch(64 << 10, '\0');
  wait_for(Wait::linger, linger_time);
  std::size_t size = 0;
  while (!expired && size < limits().linger_bytes_max) {
    const auto [ec, read] = co_await stream.read_some(scratch);
    size += read;
    if (ec) break;
  }
  deadline = no_deadline;
}

}  // namespace kinglet::http::internal
