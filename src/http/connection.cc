// SPDX-License-Identifier: Apache-2.0
#include "http/connection.h"

#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace kinglet::http::internal {

void ReadBuffer::consume(std::size_t size) {
  begin_ += size;
  if (begin_ == end_) begin_ = end_ = 0;
}

std::span<char> ReadBuffer::prepare() {
  if (begin_ > 0 && end_ == bytes_.size()) {
    std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == bytes_.size()) bytes_.resize(std::max(size_first, bytes_.size() * 2));
  return {bytes_.data() + end_, bytes_.size() - end_};
}

void ReadBuffer::shrink() {
  if (!empty() || bytes_.size() <= 4 * size_first) return;
  bytes_ = std::string();
  begin_ = end_ = 0;
}

Task<Status> Connection::fill() {
  const auto room = buffer.prepare();
  const auto [ec, size] = co_await stream.read_some(room);
  if (expired) co_return fail(Code::timeout, "The peer sent nothing in time");
  if (ec) co_return fail(Code::cancelled, "The connection was closed by the peer");
  buffer.commit(size);
  bytes_received += size;
  co_return Status();
}

Task<Status> Connection::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    deadline = Clock::now() + write_idle_timeout;
    const auto [ec, size] = co_await stream.write_some(asio::const_buffer(bytes.data(), bytes.size()));
    deadline = no_deadline;
    bytes_sent += size;
    if (expired) co_return fail(Code::timeout, "The peer did not take the bytes in time");
    if (ec) co_return fail(Code::cancelled, "The connection was closed by the peer");
    bytes.remove_prefix(size);
  }
  co_return Status();
}

Task<Status> Connection::write_all(std::string_view first, std::string_view second, std::string_view third) {
  std::array<asio::const_buffer, 3> parts{asio::buffer(first), asio::buffer(second), asio::buffer(third)};
  std::size_t rest = first.size() + second.size() + third.size();
  while (rest > 0) {
    deadline = Clock::now() + write_idle_timeout;
    const auto [ec, size] = co_await stream.write_some(parts);
    deadline = no_deadline;
    bytes_sent += size;
    if (expired) co_return fail(Code::timeout, "The peer did not take the bytes in time");
    if (ec) co_return fail(Code::cancelled, "The connection was closed by the peer");
    rest -= size;
    std::size_t taken = size;
    for (asio::const_buffer& part : parts) {
      const std::size_t step = std::min(taken, part.size());
      part += step;
      taken -= step;
    }
  }
  co_return Status();
}

SocketBody::SocketBody(Connection& connection, const Framing& framing, const Options& options)
    : connection_(connection), options_(options) {
  if (framing.chunked) {
    chunked_.emplace();
    return;
  }
  length_ = framing.content_length;
  if (!length_ && !options.until_close) length_ = 0;
  remaining_ = length_.value_or(0);
  done_ = length_ && *length_ == 0;
}

std::optional<std::uint64_t> SocketBody::content_length() const {
  return length_;
}

const Headers& SocketBody::trailers() const {
  return chunked_ ? chunked_->trailers() : BodyReader::trailers();
}

Deadline SocketBody::next_deadline() const {
  return std::min(options_.deadline, Clock::now() + options_.idle_timeout);
}

Task<Result<std::size_t>> SocketBody::read_some(std::span<char> to) {
  CHECK(!to.empty(), "an empty buffer cannot take bytes");
  if (done_) co_return std::size_t{0};
  if (failed_) co_return fail(Code::cancelled, "The connection was closed before the end of the body");
  if (options_.expect_continue) {
    options_.expect_continue = false;
    if (connection_.buffer.empty()) {
      auto told = co_await connection_.write_all("HTTP/1.1 100 Continue\r\n\r\n");
      if (!told) {
        failed_ = true;
        co_return std::unexpected(std::move(told).error());
      }
    }
  }
  // Until the read succeeded the body counts as broken: a cancelled read leaves it so.
  failed_ = true;
  Task<Result<std::size_t>> reading = chunked_ ? read_chunked(to) : length_ ? read_sized(to) : read_until_close(to);
  auto read = co_await std::move(reading);
  failed_ = !read.has_value();
  co_return read;
}

Task<Result<std::size_t>> SocketBody::read_socket(std::span<char> to) {
  connection_.deadline = next_deadline();
  const auto [ec, size] = co_await connection_.stream.read_some(to);
  connection_.deadline = Connection::no_deadline;
  connection_.bytes_received += size;
  if (std::exchange(connection_.expired, false)) co_return fail(Code::timeout, "The body did not arrive in time");
  if (ec) co_return fail(Code::cancelled, "The connection was closed before the end of the body");
  co_return size;
}

Task<Result<std::size_t>> SocketBody::read_sized(std::span<char> to) {
  const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), remaining_));
  std::size_t size = 0;
  if (!connection_.buffer.empty()) {
    const std::string_view ahead = connection_.buffer.data();
    size = std::min(wanted, ahead.size());
    std::memcpy(to.data(), ahead.data(), size);
    connection_.buffer.consume(size);
  } else {
    auto read = co_await read_socket(to.first(wanted));
    if (!read) co_return read;
    size = *read;
  }
  remaining_ -= size;
  done_ = remaining_ == 0;
  co_return size;
}

Task<Result<std::size_t>> SocketBody::read_chunked(std::span<char> to) {
  while (true) {
    auto step = chunked_->decode(connection_.buffer.data(), to);
    if (!step) co_return std::unexpected(std::move(step).error());
    connection_.buffer.consume(step->consumed);
    if (chunked_->done()) done_ = true;
    if (step->produced > 0 || done_) co_return step->produced;

    const std::uint64_t chunk = chunked_->chunk_remaining();
    if (chunk >= ReadBuffer::size_first && connection_.buffer.empty()) {
      const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), chunk));
      auto read = co_await read_socket(to.first(wanted));
      if (!read) co_return read;
      chunked_->accept(*read);
      co_return *read;
    }
    connection_.deadline = next_deadline();
    auto filled = co_await connection_.fill();
    connection_.deadline = Connection::no_deadline;
    if (!filled) {
      // The time of reading is over, not that of the reply that says so.
      if (std::exchange(connection_.expired, false)) co_return fail(Code::timeout, "The body did not arrive in time");
      co_return fail(Code::cancelled, "The connection was closed before the end of the body");
    }
  }
}

Task<Result<std::size_t>> SocketBody::read_until_close(std::span<char> to) {
  if (!connection_.buffer.empty()) {
    const std::string_view ahead = connection_.buffer.data();
    const std::size_t size = std::min(to.size(), ahead.size());
    std::memcpy(to.data(), ahead.data(), size);
    connection_.buffer.consume(size);
    co_return size;
  }
  connection_.deadline = next_deadline();
  const auto [ec, size] = co_await connection_.stream.read_some(to);
  connection_.deadline = Connection::no_deadline;
  connection_.bytes_received += size;
  if (std::exchange(connection_.expired, false)) co_return fail(Code::timeout, "The body did not arrive in time");
  if (ec && ec != asio::error::eof) {
    co_return fail(Code::cancelled, "The connection was closed before the end of the body");
  }
  done_ = ec == asio::error::eof;
  co_return size;
}

}  // namespace kinglet::http::internal
