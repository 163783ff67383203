// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <filesystem>

#include "http/raw_peer.h"

namespace kinglet::http {
namespace {

using namespace std::chrono_literals;

Response text(std::string body, int status = 200) {
  Response response;
  response.status = status;
  response.headers.add("Content-Type", "text/plain");
  response.body = std::move(body);
  return response;
}

/// Pieces of a list; then the end, or an error.
class ListSource final : public BodySource {
 public:
  explicit ListSource(std::vector<std::string> pieces, bool fails = false) : pieces_(std::move(pieces)), fails_(fails) {}
  Task<Result<std::string>> next() override {
    if (index_ < pieces_.size()) co_return pieces_[index_++];
    if (fails_) co_return fail(Code::internal, "broken in the middle");
    co_return std::string();
  }
  Headers trailers() override { return {{"X-Rows", "3"}}; }

 private:
  std::vector<std::string> pieces_;
  bool fails_;
  std::size_t index_ = 0;
};

/// Many pieces that are never in memory together.
class LongSource final : public BodySource {
 public:
  LongSource(std::size_t pieces, std::atomic<std::size_t>& made) : pieces_(pieces), made_(made) {}
  Task<Result<std::string>> next() override {
    if (index_++ == pieces_) co_return std::string();
    ++made_;
    co_return std::string(64 << 10, 'x');
  }

 private:
  std::size_t pieces_;
  std::size_t index_ = 0;
  std::atomic<std::size_t>& made_;
};

class ServerTest : public testing::Test {
 protected:
  void serve(Handler handler, ServerLimits limits = {}) {
    ServerOptions options;
    options.limits = limits;
    auto listening = Server::listen(threads_, std::move(options), std::move(handler));
    ASSERT_TRUE(listening) << listening.error().message;
    server_ = std::move(*listening);
  }
  void serve_echo(ServerLimits limits = {}) {
    auto handler = [](Request& request) -> Task<Response> {
      auto body = co_await request.body->read_all(1 << 20);
      if (!body) co_return text(body.error().message, body.error().code == Code::too_large ? 413 : 400);
      co_return text(fmt::format("{} {} [{}]", request.method_name, request.path, *body));
    };
    serve(handler, limits);
  }
  std::string answer_to(std::string_view bytes) {
    RawPeer peer(server_->port());
    peer.send(bytes);
    std::string reply = peer.read_to_close();
    EXPECT_TRUE(peer.closed_by_peer()) << "the connection stayed open after:\n" << reply;
    return reply;
  }

  IoThreads threads_{2};
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, AnswersAndKeepsTheConnection) {
  serve_echo();
  RawPeer peer(server_->port());
  for (int i = 0; i < 3; ++i) {
    peer.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string reply = peer.read_reply();
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 200 OK\r\nDate: ")) << reply;
    EXPECT_TRUE(reply.ends_with("\r\n\r\nGET /a []")) << reply;
  }
}

TEST_F(ServerTest, ReadsSizedAndChunkedBodies) {
  serve_echo();
  RawPeer peer(server_->port());
  peer.send("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_TRUE(peer.read_reply().ends_with("POST /b [hello]"));
  peer.send("POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n");
  EXPECT_TRUE(peer.read_reply().ends_with("POST /c [abcde]"));
}

}  // namespace
}  // namespace kinglet::http
