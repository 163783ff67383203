// SPDX-License-Identifier: Apache-2.0
// What both ends of a connection share: a socket, the bytes read ahead, the deadline of the pending operation, and the
// body that is being read. Included by .cc files of http/ only.
#pragma once

#include <optional>
#include <string>

#include "http/chunked.h"
#include "http/head.h"
#include "http/stream.h"

namespace kinglet::http::internal {

/// Bytes that arrived and nobody consumed yet.
class ReadBuffer {
 public:
  static constexpr std::size_t size_first = 4 << 10;

  std::string_view data() const { return {bytes_.data() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }
  void consume(std::size_t size);
  /// Room for at least one more byte, usually much more.
  std::span<char> prepare();
  void commit(std::size_t size) { end_ += size; }
  /// Gives memory back after a large head; only when empty.
  void shrink();

 private:
  std::string bytes_;
  std::size_t begin_ = 0, end_ = 0;
};

/// A socket with its read-ahead and the deadline of what it waits for. A sweeper calls expire() when the deadline has
/// passed: no timer per operation.
class Connection {
 public:
  explicit Connection(Stream::Socket socket) : stream(std::move(socket)) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Reads more into the buffer. Errors: timeout, cancelled (closed by the peer, or broken).
  Task<Status> fill();
  /// Writes all; the deadline starts anew with each piece that the peer takes.
  Task<Status> write_all(std::string_view bytes);
  Task<Status> write_all(std::string_view first, std::string_view second, std::string_view third);

  /// Called by the sweeper.
  void expire() {
    expired = true;
    deadline = no_deadline;
    stream.cancel();
  }

  static constexpr Deadline no_deadline = Deadline::max();

  Stream stream;
  ReadBuffer buffer;
  Deadline deadline = no_deadline;  // of the pending operation
  bool expired = false;
  std::chrono::milliseconds write_idle_timeout{30'000};
  std::uint64_t bytes_received = 0, bytes_sent = 0;
};

/// The body of the message whose head was just consumed from the connection's buffer.
class SocketBody final : public BodyReader {
 public:
  struct Options {
    std::chrono::milliseconds idle_timeout{30'000};
    bool until_close = false;                     // a reply without framing: the end of the connection is the end
    bool expect_continue = false;                 // the peer waits for "100 Continue"
    Deadline deadline = Connection::no_deadline;  // of the whole body
  };
  SocketBody(Connection& connection, const Framing& framing, const Options& options);

  Task<Result<std::size_t>> read_some(std::span<char> to) override;
  std::optional<std::uint64_t> content_length() const override;
  const Headers& trailers() const override;

  bool done() const { return done_; }
  bool failed() const { return failed_; }
  /// Bytes that surely are still to come; 0 for a chunked body.
  std::uint64_t remaining() const { return remaining_; }
  bool waits_for_continue() const { return options_.expect_continue; }

 private:
  Task<Result<std::size_t>> read_sized(std::span<char> to);
  Task<Result<std::size_t>> read_chunked(std::span<char> to);
  Task<Result<std::size_t>> read_until_close(std::span<char> to);
  /// Straight from the socket.
  Task<Result<std::size_t>> read_socket(std::span<char> to);
  Deadline next_deadline() const;

  Connection& connection_;
  Options options_;
  std::optional<std::uint64_t> length_;
  std::uint64_t remaining_ = 0;
  std::optional<ChunkedDecoder> chunked_;
  bool done_ = false, failed_ = false;
};

}  // namespace kinglet::http::internal
