// SPDX-License-Identifier: Apache-2.0
#include "http/connection.h"

#include <sys/socket.h>

#include <algorithm>
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

void ReadBuffer::release() {
  CHECK(empty(), "unread bytes would be lost");
  bytes_ = std::string();
  begin_ = end_ = 0;
}

Connection::Now Connection::fill_now() {
  if (stream.tls() != nullptr) return Now::would_block;
  const auto room = buffer.prepare();
  const ssize_t size = ::recv(stream.socket().native_handle(), room.data(), room.size(), MSG_DONTWAIT);
  if (size < 0) return Now::would_block;  // fill() meets a broken socket again
  if (size == 0) return Now::closed;
  buffer.commit(static_cast<std::size_t>(size));
  bytes_received += static_cast<std::uint64_t>(size);
  return Now::done;
}

std::size_t Connection::write_now(std::string_view bytes) {
  if (stream.tls() != nullptr) return 0;
  const ssize_t size = ::send(stream.socket().native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (size <= 0) return 0;
  bytes_sent += static_cast<std::uint64_t>(size);
  return static_cast<std::size_t>(size);
}

Task<Status> Connection::fill() {
  const auto room = buffer.prepare();
  const auto [ec, size] = co_await stream.read_some(room);
  fill_error = ec;
  if (expired) co_return fail(Code::timeout, "The peer sent nothing in time");
  if (ec) co_return fail(Code::cancelled, "The connection was closed by the peer");
  buffer.commit(size);
  bytes_received += size;
  co_return Status();
}

Task<Status> Connection::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    wait = Wait::write;
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
    wait = Wait::write;
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

Task<Status> Connection::write_all(std::span<const std::string_view> pieces) {
  constexpr std::size_t parts_max = 64;  // what Asio hands to one call of the kernel
  std::size_t next = 0, skip = 0;        // the first piece that is not gone, and how much of it is
  while (true) {
    std::array<asio::const_buffer, parts_max> parts;
    std::size_t count = 0, part_skip = skip;
    for (std::size_t i = next; i < pieces.size() && count < parts_max; ++i, part_skip = 0)
      if (pieces[i].size() > part_skip) parts[count++] = asio::buffer(pieces[i].substr(part_skip));
    if (count == 0) co_return Status();
    wait = Wait::write;
    deadline = Clock::now() + write_idle_timeout;
    const auto [ec, size] = co_await stream.write_some(std::span<const asio::const_buffer>(parts).first(count));
    deadline = no_deadline;
    bytes_sent += size;
    if (expired) co_return fail(Code::timeout, "The peer did not take the bytes in time");
    if (ec) co_return fail(Code::cancelled, "The connection was closed by the peer");
    for (skip += size; next < pieces.size() && skip >= pieces[next].size(); ++next) skip -= pieces[next].size();
  }
}

SocketBody::SocketBody(Connection& connection, const Framing& framing, const Options& options)
    : connection_(connection), options_(options), patience_(options.idle_timeout) {
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
  return std::min(options_.deadline, Clock::now() + std::chrono::duration_cast<Clock::duration>(patience_));
}

void SocketBody::spend_patience(Deadline began, std::size_t size) {
  if (options_.bytes_per_second_min == 0) return;
  constexpr std::uint64_t nanoseconds = 1'000'000'000;
  // No piece is larger than a read, so nothing overflows.
  const std::chrono::nanoseconds earned(static_cast<std::uint64_t>(size) * nanoseconds / options_.bytes_per_second_min);
  patience_ += earned - (Clock::now() - began);
  patience_ = std::min<std::chrono::nanoseconds>(patience_, options_.idle_timeout);
}

std::unexpected<Error> SocketBody::late() const {
  if (options_.bytes_per_second_min == 0) return fail(Code::timeout, "The body did not arrive in time");
  return fail(Code::timeout,
              "The body came too slowly: at least {} bytes a second are expected, after pauses of {} s in all",
              options_.bytes_per_second_min, static_cast<double>(options_.idle_timeout.count()) / 1000);
}

std::unexpected<Error> SocketBody::ended(const error_code& why) {
  if (why != asio::error::eof) return fail(Code::cancelled, "The connection was closed before the end of the body");
  cut_ = true;
  if (!length_) return fail(Code::invalid, "The body ended before its last chunk");
  return fail(Code::invalid, "The body ended after {} of the {} bytes that Content-Length announces",
              *length_ - remaining_, *length_);
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
  if (length_ && !connection_.buffer.empty()) co_return take_buffered(to);
  // Until the read succeeded the body counts as broken: a cancelled read leaves it so.
  failed_ = true;
  Task<Result<std::size_t>> reading = chunked_ ? read_chunked(to) : length_ ? read_sized(to) : read_until_close(to);
  auto read = co_await std::move(reading);
  failed_ = !read.has_value();
  co_return read;
}

std::size_t SocketBody::read_now(std::span<char> to) {
  if (done_ || failed_ || options_.expect_continue || !length_) return 0;
  return take_buffered(to);
}

Task<Result<std::size_t>> SocketBody::read_socket(std::span<char> to) {
  const auto began = Clock::now();
  connection_.wait = Connection::Wait::body;
  connection_.deadline = next_deadline();
  const auto [ec, size] = co_await connection_.stream.read_some(to);
  connection_.deadline = Connection::no_deadline;
  connection_.bytes_received += size;
  // The time of reading is over, not that of the reply that says so.
  if (std::exchange(connection_.expired, false)) co_return late();
  if (ec) co_return ended(ec);
  spend_patience(began, size);
  co_return size;
}

std::size_t SocketBody::take_buffered(std::span<char> to) {
  const std::string_view ahead = connection_.buffer.data();
  const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>({to.size(), remaining_, ahead.size()}));
  std::memcpy(to.data(), ahead.data(), size);
  connection_.buffer.consume(size);
  remaining_ -= size;
  done_ = remaining_ == 0;
  return size;
}

Task<Result<std::size_t>> SocketBody::read_sized(std::span<char> to) {
  if (!connection_.buffer.empty()) co_return take_buffered(to);
  const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), remaining_));
  auto read = co_await read_socket(to.first(wanted));
  if (!read) co_return read;
  remaining_ -= *read;
  done_ = remaining_ == 0;
  co_return read;
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
    const auto began = Clock::now();
    const std::uint64_t before = connection_.bytes_received;
    connection_.wait = Connection::Wait::body;
    connection_.deadline = next_deadline();
    auto filled = co_await connection_.fill();
    connection_.deadline = Connection::no_deadline;
    if (!filled) {
      if (std::exchange(connection_.expired, false)) co_return late();
      co_return ended(connection_.fill_error);
    }
    spend_patience(began, static_cast<std::size_t>(connection_.bytes_received - before));
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
  connection_.wait = Connection::Wait::body;
  connection_.deadline = next_deadline();
  const auto [ec, size] = co_await connection_.stream.read_some(to);
  connection_.deadline = Connection::no_deadline;
  connection_.bytes_received += size;
  if (std::exchange(connection_.expired, false)) co_return late();
  if (ec && ec != asio::error::eof) {
    co_return fail(Code::cancelled, "The connection was closed before the end of the body");
  }
  done_ = ec == asio::error::eof;
  co_return size;
}

}  // namespace kinglet::http::internal
