// SPDX-License-Identifier: Apache-2.0
// What both ends of a connection share: a socket, the bytes read ahead, the deadline of the pending operation, and the
// body that is being read. Included by .cc files of http/ only.
#pragma once

#include <chrono>
#include <cstdint>
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
  /// Gives all memory back; only when empty.
  void release();

 private:
  std::string bytes_;
  std::size_t begin_ = 0, end_ = 0;
};

/// A socket with its read-ahead and the deadline of what it waits for. A sweeper calls expire() when the deadline has
/// passed: no timer per operation.
class Connection {
 public:
  enum class Now : std::uint8_t { done, would_block, closed };
  /// Reads into the buffer without waiting, and without a coroutine. Never `done` under TLS.
  Now fill_now();
  /// Writes what the socket takes without waiting; how much that was. 0 under TLS, and on errors, which write_all()
  /// meets again.
  std::size_t write_now(std::string_view bytes);

  explicit Connection(Stream::Socket socket) : stream(std::move(socket)) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Reads more into the buffer. Errors: timeout, cancelled (closed by the peer, or broken).
  Task<Status> fill();
  /// Writes all; the deadline starts anew with each piece that the peer takes.
  Task<Status> write_all(std::string_view bytes);
  Task<Status> write_all(std::string_view first, std::string_view second, std::string_view third);
  Task<Status> write_all(std::span<const std::string_view> pieces);

  /// Called by the sweeper.
  void expire() {
    expired = true;
    deadline = no_deadline;
    stream.cancel();
  }

  static constexpr Deadline no_deadline = Deadline::max();

  Stream stream;
  ReadBuffer buffer;
  /// What the deadline is for.
  enum class Wait : std::uint8_t { idle, head, body, write, linger };
  Deadline deadline = no_deadline;  // of the pending operation
  Wait wait = Wait::idle;           // whose it is
  error_code fill_error;            // why the last fill() ended
  bool expired = false;
  std::chrono::milliseconds write_idle_timeout{30'000};
  std::uint64_t bytes_received = 0, bytes_sent = 0;
};

/// The body of the message whose head was just consumed from the connection's buffer.
class SocketBody final : public BodyReader {
 public:
  struct Options {
    /// Longest pause; with a least rate, the credit of waiting time that a body starts with and may regain.
    std::chrono::milliseconds idle_timeout{30'000};
    /// 0: none. A peer below it uses up its credit and gets Code::timeout, however steadily it sends.
    std::uint64_t bytes_per_second_min = 0;
    bool until_close = false;                     // a reply without framing: the end of the connection is the end
    bool expect_continue = false;                 // the peer waits for "100 Continue"
    Deadline deadline = Connection::no_deadline;  // of the whole body
  };
  SocketBody(Connection& connection, const Framing& framing, const Options& options);

  Task<Result<std::size_t>> read_some(std::span<char> to) override;
  std::size_t read_now(std::span<char> to) override;
  std::optional<std::uint64_t> content_length() const override;
  const Headers& trailers() const override;

  bool done() const { return done_; }
  bool failed() const { return failed_; }
  /// The peer ended its side in the middle of the body.
  bool cut() const { return cut_; }
  /// Bytes that surely are still to come; 0 for a chunked body.
  std::uint64_t remaining() const { return remaining_; }
  bool waits_for_continue() const { return options_.expect_continue; }

 private:
  Task<Result<std::size_t>> read_sized(std::span<char> to);
  Task<Result<std::size_t>> read_chunked(std::span<char> to);
  Task<Result<std::size_t>> read_until_close(std::span<char> to);
  std::size_t take_buffered(std::span<char> to);
  /// Straight from the socket.
  Task<Result<std::size_t>> read_socket(std::span<char> to);
  Deadline next_deadline() const;
  /// Books a wait that brought `size` bytes.
  void spend_patience(Deadline began, std::size_t size);
  std::unexpected<Error> late() const;
  std::unexpected<Error> ended(const error_code& why);

  Connection& connection_;
  Options options_;
  std::optional<std::uint64_t> length_;
  std::uint64_t remaining_ = 0;
  std::optional<ChunkedDecoder> chunked_;
  std::chrono::nanoseconds patience_;
  bool done_ = false, failed_ = false, cut_ = false;
};

}  // namespace kinglet::http::internal
