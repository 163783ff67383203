// SPDX-License-Identifier: Apache-2.0
// modules: http
// Heads, targets and chunked bodies: no crash, and where the bytes are cut never changes what is understood. A body is
// also read the way a server's connection reads it, from a socket, partly straight into the reader's buffer.
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/chunked.h"
#include "http/connection.h"
#include "http/head.h"

namespace {

using namespace kinglet::http;
using namespace kinglet::http::internal;

void require(bool good) {
  if (!good) std::abort();
}

struct Scanned {
  HeadScanner::State state = HeadScanner::State::more;
  std::size_t size = 0;
  bool operator==(const Scanned&) const = default;
};

Scanned scan(std::string_view bytes, std::size_t step) {
  HeadScanner scanner;
  Scanned result;
  for (std::size_t end = 0; result.state == HeadScanner::State::more && end < bytes.size();) {
    end = std::min(bytes.size(), end + step);
    result.state = scanner.scan(bytes.substr(0, end), {1000, 2000});
    if (result.state == HeadScanner::State::done) result.size = scanner.head_size();
  }
  return result;
}

/// The body, or "!" and what came before the error; "?" when more is wanted.
std::string decode(std::string_view bytes, std::size_t in_step, std::size_t out_size) {
  ChunkedDecoder decoder;
  std::string body;
  std::string pending;
  std::string out(out_size, '\0');
  while (true) {
    auto step = decoder.decode(pending, out);
    if (!step) return "!";
    body.append(out, 0, step->produced);
    pending.erase(0, step->consumed);
    if (decoder.done()) return body;
    if (!step->need_more && step->produced > 0) continue;
    if (bytes.empty()) return "?" + body;
    pending += bytes.substr(0, in_step);
    bytes.remove_prefix(std::min(in_step, bytes.size()));
  }
}

/// Beyond it a socket's buffer may be full before anybody reads.
constexpr std::size_t socket_bytes_max = 64 << 10;

kinglet::Task<void> read_body(SocketBody& body, std::size_t out_size, std::string& result) {
  std::string out(out_size, '\0');
  while (true) {
    auto read = co_await body.read_some(out);
    if (!read) {
      result = body.cut() ? "?" + result : "!";
      co_return;
    }
    if (*read == 0) co_return;
    result.append(out, 0, *read);
  }
}

/// As decode(), by way of a connection; `first` bytes arrive before the others.
std::string receive(std::string_view bytes, std::size_t first, std::size_t out_size) {
  static kinglet::asio::io_context context(1);
  int ends[2];
  require(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  std::string result;
  {
    Connection connection(
        Stream::Socket(context, kinglet::asio::generic::stream_protocol(AF_UNIX, SOCK_STREAM), ends[1]));
    SocketBody body(connection, Framing{.chunked = true, .content_length = {}}, {});
    kinglet::asio::co_spawn(context, read_body(body, out_size, result), kinglet::asio::detached);
    for (const std::string_view part : {bytes.substr(0, first), bytes.substr(std::min(first, bytes.size()))}) {
      // A body that ended early leaves nobody to read.
      if (!part.empty()) (void)::send(ends[0], part.data(), part.size(), MSG_NOSIGNAL);
      context.restart();
      context.poll();
    }
    ::close(ends[0]);
    context.restart();
    context.run();
  }
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = data[0] % 64 + 1;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);

  const Scanned whole = scan(bytes, bytes.size() + 1);
  const Scanned pieces = scan(bytes, step);
  // In pieces a limit may be seen before a fault behind it; what is accepted is the same.
  require((whole.state == HeadScanner::State::done) == (pieces.state == HeadScanner::State::done));
  if (whole.state == HeadScanner::State::done) {
    require(whole == pieces);
    const std::string_view head = bytes.substr(0, whole.size);
    auto request = parse_request_head(head, 20);
    if (request) {
      require(!(request->framing.chunked && request->framing.content_length));
      auto target = parse_target(request->target, 50);
      if (target) {
        require(target->path.find('\0') == std::string::npos);
        require(target->path == "*" || target->path.front() == '/');
        require((target->path + "/").find("/../") == std::string::npos);
      }
    }
    auto response = parse_response_head(head, 20);
    (void)response;
  }

  const std::string at_once = decode(bytes, bytes.size() + 1, 1 << 16);
  const std::string in_steps = decode(bytes, step, step);
  require(at_once == in_steps);
  if (!bytes.empty() && bytes.size() <= socket_bytes_max) require(receive(bytes, step * 2, step * 100) == at_once);
  return 0;
}
