// SPDX-License-Identifier: Apache-2.0
// The test case of the HTTP server, and bodies for its replies.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "http/raw_peer.h"
#include "http/server.h"

namespace kinglet::http::testing {

using namespace std::chrono_literals;

inline Response text(std::string body, int status = 200) {
  Response response;
  response.status = status;
  response.headers.add("Content-Type", "text/plain");
  response.body = std::move(body);
  return response;
}

/// Pieces of a list; then the end, or an error.
class ListSource final : public BodySource {
 public:
  explicit ListSource(std::vector<std::string> pieces, bool fails = false)
      : pieces_(std::move(pieces)), fails_(fails) {}
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

class ServerTest : public ::testing::Test {
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

}  // namespace kinglet::http::testing
