// SPDX-License-Identifier: Apache-2.0
// One connected socket, TCP or Unix, with or without TLS. Included by .cc files of http/ only.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <memory>
#include <span>
#include <tuple>

#include "runtime/task.h"

namespace kinglet::http::internal {

using boost::system::error_code;
using IoResult = std::tuple<error_code, std::size_t>;

class Stream {
 public:
  using Socket = asio::generic::stream_protocol::socket;

  explicit Stream(Socket socket) : socket_(std::move(socket)) {}

  void start_tls(asio::ssl::context& context) { tls_ = std::make_unique<asio::ssl::stream<Socket&>>(socket_, context); }
  asio::ssl::stream<Socket&>* tls() { return tls_.get(); }
  Socket& socket() { return socket_; }

  Task<IoResult> read_some(std::span<char> to) {
    const asio::mutable_buffer buffer(to.data(), to.size());
    if (tls_) return tls_->async_read_some(buffer, use_task);
    return socket_.async_read_some(buffer, use_task);
  }
  template <class Buffers>
  Task<IoResult> write_some(const Buffers& buffers) {
    if (tls_) return tls_->async_write_some(buffers, use_task);
    return socket_.async_write_some(buffers, use_task);
  }

  /// Pending operations end with operation_aborted.
  void cancel() {
    error_code ignored;
    socket_.cancel(ignored);
  }
  void shutdown_send() {
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
  }
  void close() {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  Socket socket_;
  std::unique_ptr<asio::ssl::stream<Socket&>> tls_;
};

}  // namespace kinglet::http::internal
