// SPDX-License-Identifier: Apache-2.0
// Peers that leave, and a server that stops.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <filesystem>
#include <future>

#include "http/raw_peer.h"
#include "http/server_test_case.h"

namespace kinglet::http {
namespace {

using namespace testing;  // NOLINT: the test kit of this module

/// A handler that waits for an hour and tells how it ended.
struct Waiter {
  std::promise<void> started;
  std::promise<bool> ended;  // true: unwound by cancellation
  bool cancellable = true;
  bool in_stream = false;

  struct Tell {
    Waiter& waiter;
    bool cancelled = true;
    ~Tell() { waiter.ended.set_value(cancelled); }
  };
  Task<void> wait(std::chrono::milliseconds time) {
    Tell tell{*this};
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    started.set_value();
    const auto [ec] = co_await timer.async_wait(use_task);
    tell.cancelled = bool(ec);
  }
  struct Source final : BodySource {
    explicit Source(Waiter& w) : waiter(w) {}
    Task<Result<std::string>> next() override {
      co_await waiter.wait(std::chrono::hours(1));
      co_return std::string();
    }
    Waiter& waiter;
  };
  Handler handler() {
    return [this](Request& request) -> Task<Response> {
      if (cancellable) request.cancel_on_disconnect();
      Response response = text("done");
      if (in_stream) {
        response.stream = std::make_unique<Source>(*this);
      } else {
        co_await wait(cancellable ? std::chrono::milliseconds(std::chrono::hours(1)) : 100ms);
      }
      co_return response;
    };
  }
  /// Sends a request; returns when the handler is at work on it.
  void ask(RawPeer& peer) {
    peer.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    started.get_future().wait();
  }
};

TEST_F(ServerTest, APeerThatLeavesCancelsAHandlerThatAskedForIt) {
  Waiter waiter;
  serve(waiter.handler());
  RawPeer peer(server_->port());
  waiter.ask(peer);
  peer.close();
  EXPECT_TRUE(waiter.ended.get_future().get());
  EXPECT_EQ(server_->statistics().disconnects, 1U);
}

TEST_F(ServerTest, APeerThatLeavesCancelsTheStream) {
  Waiter waiter;
  waiter.in_stream = true;
  serve(waiter.handler());
  RawPeer peer(server_->port());
  waiter.ask(peer);
  peer.close();
  EXPECT_TRUE(waiter.ended.get_future().get());
}

TEST_F(ServerTest, APeerThatLeavesIsNoticedBehindAPipelinedRequest) {
  Waiter waiter;
  serve(waiter.handler());
  RawPeer peer(server_->port());
  waiter.ask(peer);
  peer.send("GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
  peer.close();
  EXPECT_TRUE(waiter.ended.get_future().get());
}

TEST_F(ServerTest, APeerThatLeavesDoesNotCancelAHandlerByDefault) {
  Waiter waiter;
  waiter.cancellable = false;
  serve(waiter.handler());
  RawPeer peer(server_->port());
  waiter.ask(peer);
  peer.close();
  EXPECT_FALSE(waiter.ended.get_future().get());
}

TEST_F(ServerTest, AWatchedConnectionIsUsedAgain) {
  auto handler = [](Request& request) -> Task<Response> {
    request.cancel_on_disconnect();
    co_return text("ok");
  };
  serve(handler);
  RawPeer peer(server_->port());
  for (int i = 0; i < 100; ++i) {
    peer.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(peer.read_reply().ends_with("ok"));
  }
  EXPECT_EQ(server_->statistics().disconnects, 0U);
}

TEST_F(ServerTest, StoppingLetsRunningRequestsEndAndClosesIdleOnes) {
  std::promise<void> started;
  std::promise<void> release;
  auto released = release.get_future().share();
  auto handler = [&started, released](Request& request) -> Task<Response> {
    if (request.path == "/slow") {
      started.set_value();
      asio::steady_timer timer(co_await asio::this_coro::executor);
      while (released.wait_for(0s) != std::future_status::ready) {
        timer.expires_after(5ms);
        co_await timer.async_wait(use_task);
      }
    }
    co_return text("answered");
  };
  serve(handler);
  RawPeer idle(server_->port());
  idle.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  idle.read_reply();
  RawPeer busy(server_->port());
  busy.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  started.get_future().wait();
  std::thread stopping([this] { server_->stop(Clock::now() + 20s); });
  EXPECT_EQ(idle.read_to_close(), "");
  EXPECT_TRUE(idle.closed_by_peer());
  release.set_value();
  const std::string reply = busy.read_to_close();
  EXPECT_TRUE(reply.ends_with("answered")) << reply;
  EXPECT_NE(reply.find("Connection: close"), std::string::npos);
  stopping.join();
  EXPECT_FALSE(RawPeer(server_->port()).connected());
  server_->stop(Clock::now());
}

TEST_F(ServerTest, StoppingCancelsWhatDoesNotEnd) {
  Waiter waiter;
  serve(waiter.handler());
  RawPeer peer(server_->port());
  waiter.ask(peer);
  server_->stop(Clock::now() + 20ms);
  EXPECT_TRUE(waiter.ended.get_future().get());
}

TEST_F(ServerTest, ListensOnAUnixSocketOnlyItsOwnerCanOpen) {
  const std::string path = ::testing::TempDir() + fmt::format("kinglet-http-{}.sock", ::getpid());
  const auto listen = [&] {
    ServerOptions options;
    options.socket_path = path;
    return Server::listen(threads_, std::move(options),
                          [](Request& request) -> Task<Response> { co_return text(request.peer); });
  };
  auto first = listen();
  ASSERT_TRUE(first) << first.error().message;
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  RawPeer peer(path);
  peer.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(peer.read_reply().ends_with("unix"));
  auto second = listen();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::unavailable);
  first->reset();
  EXPECT_FALSE(std::filesystem::exists(path));

  // What a killed process leaves is replaced; another file is not.
  const int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(stale, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ::close(stale);
  EXPECT_TRUE(listen());
  std::FILE* file = std::fopen(path.c_str(), "w");
  std::fclose(file);
  EXPECT_FALSE(listen());
  std::filesystem::remove(path);
}

TEST_F(ServerTest, TakesOverAListeningSocket) {
  const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(::listen(listening, 10), 0);
  ServerOptions options;
  options.listening_socket = listening;
  auto server = Server::listen(threads_, std::move(options),
                               [](Request& request) -> Task<Response> { co_return text(request.peer); });
  ASSERT_TRUE(server);
  RawPeer peer((*server)->port());
  peer.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(peer.read_reply().ends_with("127.0.0.1"));
}

TEST_F(ServerTest, TwoServersCannotShareAPort) {
  serve_echo();
  ServerOptions options;
  options.port = server_->port();
  auto second = Server::listen(threads_, std::move(options), [](Request&) -> Task<Response> { co_return text(""); });
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::unavailable);
}

}  // namespace
}  // namespace kinglet::http
