// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

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
  peer.send(
      "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-T: "
      "1\r\n\r\n");
  EXPECT_TRUE(peer.read_reply().ends_with("POST /c [abcde]"));
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  serve_echo();
  std::string requests;
  std::string expected;
  for (int i = 0; i < 50; ++i) {
    requests += fmt::format("POST /{} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n{}\r\nabc", i,
                            i == 49 ? "Connection: close\r\n" : "");
  }
  const std::string replies = answer_to(requests);
  std::size_t at = 0;
  for (int i = 0; i < 50; ++i) {
    at = replies.find(fmt::format("POST /{} [abc]", i), at);
    ASSERT_NE(at, std::string::npos) << "reply " << i;
  }
}

TEST_F(ServerTest, AHeadMayComeByteByByte) {
  serve_echo();
  RawPeer peer(server_->port());
  for (const char c :
       std::string_view("POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n")) {
    peer.send({&c, 1});
  }
  EXPECT_TRUE(peer.read_reply().ends_with("POST /x [ab]"));
}

TEST_F(ServerTest, HeadHasTheLengthButNoBody) {
  serve_echo();
  RawPeer peer(server_->port());
  peer.send("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string replies = peer.read_to_close();
  EXPECT_NE(replies.find("Content-Length: 10\r\n\r\nHTTP/1.1 200 OK"), std::string::npos) << replies;
  EXPECT_TRUE(replies.ends_with("GET /b []")) << replies;
}

TEST_F(ServerTest, OptionsAndUnknownMethodsReachTheHandler) {
  serve_echo();
  RawPeer peer(server_->port());
  peer.send("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(peer.read_reply().ends_with("OPTIONS * []"));
  peer.send("PURGE /p HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(peer.read_reply().ends_with("PURGE /p []"));
}

TEST_F(ServerTest, OldClientsGetHttp10Answers) {
  auto handler = [](Request&) -> Task<Response> {
    Response response;
    response.stream = std::make_unique<ListSource>(std::vector<std::string>{"ab", "c"});
    co_return response;
  };
  serve(handler);
  const std::string reply = answer_to("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(reply.find("Transfer-Encoding"), std::string::npos);
  EXPECT_TRUE(reply.ends_with("Connection: close\r\n\r\nabc")) << reply;
}

TEST_F(ServerTest, ExpectContinueIsAnsweredWhenTheBodyIsWanted) {
  serve_echo();
  RawPeer peer(server_->port());
  peer.send("POST /b HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(peer.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  peer.send("hi");
  EXPECT_TRUE(peer.read_reply().ends_with("POST /b [hi]"));
}

TEST_F(ServerTest, ExpectContinueIsNotAnsweredWhenTheBodyIsRefused) {
  auto handler = [](Request&) -> Task<Response> { co_return text("no", 403); };
  serve(handler);
  RawPeer peer(server_->port());
  peer.send("POST /b HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n");
  const std::string reply = peer.read_to_close();
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 403 Forbidden\r\n")) << reply;
  EXPECT_NE(reply.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(answer_to("POST /b HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nContent-Length: 2\r\n\r\nhi")
                  .starts_with("HTTP/1.1 417 "));
}

TEST_F(ServerTest, AnUnreadSmallBodyKeepsTheConnection) {
  auto handler = [](Request& request) -> Task<Response> { co_return text(request.path); };
  serve(handler);
  RawPeer peer(server_->port());
  peer.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_TRUE(peer.read_reply().ends_with("/a"));
  peer.send(
      "POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /c "
      "HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(peer.read_reply().ends_with("/b"));
  EXPECT_TRUE(peer.read_reply().ends_with("/c"));
}

TEST_F(ServerTest, AnUnreadLargeBodyClosesAfterTheReplyArrived) {
  auto handler = [](Request&) -> Task<Response> { co_return text("too much", 413); };
  serve(handler);
  RawPeer peer(server_->port());
  peer.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n");
  peer.send(std::string(200'000, 'x'));
  const std::string reply = peer.read_to_close();
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 413 Content Too Large\r\n")) << reply;
  EXPECT_TRUE(reply.ends_with("too much")) << reply;
}

TEST_F(ServerTest, StreamedRepliesComeInChunksWithTrailersWhenWanted) {
  auto handler = [](Request&) -> Task<Response> {
    Response response;
    response.stream = std::make_unique<ListSource>(std::vector<std::string>{"hello ", "world"});
    co_return response;
  };
  serve(handler);
  RawPeer peer(server_->port());
  peer.send("GET / HTTP/1.1\r\nHost: x\r\nTE: gzip;q=0.5, trailers\r\n\r\n");
  std::string reply = peer.read_until("0\r\nX-Rows: 3\r\n\r\n");
  EXPECT_NE(reply.find("Transfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n"), std::string::npos)
      << reply;
  peer.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(peer.read_until("world\r\n0\r\n\r\n"), "");
}

TEST_F(ServerTest, AFailingStreamIsCutVisibly) {
  std::atomic<int> finished_complete = -1;
  auto handler = [&finished_complete](Request&) -> Task<Response> {
    Response response;
    response.stream = std::make_unique<ListSource>(std::vector<std::string>{"hello ", "the late error block"}, true);
    response.on_finished = [&finished_complete](const Finished& finished) {
      finished_complete = finished.complete ? 1 : 0;
    };
    co_return response;
  };
  serve(handler);
  const std::string reply = answer_to("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(reply.ends_with("14\r\nthe late error block\r\n")) << reply;
  server_->stop(Clock::now() + 5s);
  EXPECT_EQ(finished_complete, 0);
}

TEST_F(ServerTest, AStreamThatBreaksItsLengthIsCut) {
  auto handler = [](Request& request) -> Task<Response> {
    Response response;
    response.stream = std::make_unique<ListSource>(std::vector<std::string>{"abc", "def"});
    response.stream_length = request.path == "/short" ? 7 : request.path == "/long" ? 5 : 6;
    co_return response;
  };
  serve(handler);
  EXPECT_TRUE(answer_to("GET /short HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("Content-Length: 7\r\n\r\nabcdef"));
  EXPECT_TRUE(answer_to("GET /long HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("Content-Length: 5\r\n\r\nabc"));
  RawPeer peer(server_->port());
  peer.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(peer.read_reply().ends_with("\r\n\r\nabcdef"));
}

TEST_F(ServerTest, ASlowReaderHoldsTheSourceBack) {
  std::atomic<std::size_t> made = 0;
  auto handler = [&made](Request&) -> Task<Response> {
    Response response;
    response.stream = std::make_unique<LongSource>(4096, made);  // 256 MiB
    co_return response;
  };
  serve(handler);
  RawPeer peer(server_->port());
  peer.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  peer.read_bytes(1 << 20);
  // Nobody reads: the source stands still once the sockets' own buffers (a few MiB) are full.
  std::size_t last = 0;
  for (int quiet = 0; quiet < 10;) {
    std::this_thread::sleep_for(10ms);  // sleep: stillness is what is tested
    quiet = made == last ? quiet + 1 : 0;
    last = made;
  }
  EXPECT_LT(made, 1024U);
  peer.close();
  server_->stop(Clock::now() + 5s);
}

// attacks.md I9: a large upload is read in the memory of one piece.
TEST_F(ServerTest, ALargeBodyIsReadPieceByPiece) {
  auto handler = [](Request& request) -> Task<Response> {
    std::string piece(64 << 10, '\0');
    std::uint64_t size = 0;
    while (true) {
      auto read = co_await request.body->read_some(piece);
      if (!read) co_return text(read.error().message, 400);
      if (*read == 0) break;
      size += *read;
    }
    co_return text(std::to_string(size));
  };
  serve(handler);
  const std::string block(1 << 20, 'x');
  RawPeer sized(server_->port());
  sized.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 268435456\r\n\r\n");
  for (int i = 0; i < 256; ++i) ASSERT_TRUE(sized.send(block));
  EXPECT_TRUE(sized.read_reply().ends_with("\r\n\r\n268435456"));
  RawPeer chunked(server_->port());
  chunked.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(chunked.send("100000\r\n" + block + "\r\n"));
  chunked.send("0\r\n\r\n");
  EXPECT_TRUE(chunked.read_reply().ends_with("\r\n\r\n67108864"));
}

TEST_F(ServerTest, ABodyBeyondTheHandlersLimitIsTooLarge) {
  serve_echo();
  EXPECT_TRUE(answer_to("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\nConnection: close\r\n\r\n")
                  .starts_with("HTTP/1.1 413 "));
  RawPeer peer(server_->port());
  peer.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n100001\r\n" +
            std::string(0x100001, 'x') + "\r\n0\r\n\r\n");
  EXPECT_TRUE(peer.read_to_close().starts_with("HTTP/1.1 413 "));
}

/// Tells "whole", or the error that reading the body gives.
Handler tell_of_body(std::promise<std::string>& seen) {
  return [&seen](Request& request) -> Task<Response> {
    auto body = co_await request.body->read_all(1000);
    seen.set_value(body ? "whole" : std::string(code_name(body.error().code)));
    co_return text("x");
  };
}

TEST_F(ServerTest, ACutBodyIsAnErrorForTheHandler) {
  std::promise<std::string> seen;
  serve(tell_of_body(seen));
  RawPeer peer(server_->port());
  peer.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  peer.close();
  EXPECT_EQ(seen.get_future().get(), "invalid");
}

// attacks.md I9: a peer that only ended its side still reads what was wrong.
TEST_F(ServerTest, I9AHalfClosedPeerIsAnswered) {
  serve_echo();
  const auto answer_to_half = [this](std::string_view bytes) {
    RawPeer peer(server_->port());
    peer.send(bytes);
    peer.finish_sending();
    std::string reply = peer.read_to_close();
    EXPECT_TRUE(peer.closed_by_peer()) << bytes;
    return reply;
  };
  EXPECT_TRUE(answer_to_half("GET /a HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("GET /a []"));
  EXPECT_TRUE(answer_to_half("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc").ends_with("POST /a [abc]"));
  const std::string cut = answer_to_half("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\nabc");
  EXPECT_TRUE(cut.starts_with("HTTP/1.1 400 ")) << cut;
  EXPECT_NE(cut.find("Connection: close"), std::string::npos) << cut;
  EXPECT_TRUE(cut.ends_with("The body ended after 3 of the 30 bytes that Content-Length announces")) << cut;
  EXPECT_TRUE(answer_to_half("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab")
                  .ends_with("The body ended before its last chunk"));
  EXPECT_EQ(answer_to_half("GET /a HTTP/1.1\r\nHos"), "") << "half a head is no request";
  EXPECT_EQ(answer_to_half(""), "");
}

// attacks.md I9
TEST_F(ServerTest, I9AResetInTheMiddleOfABodyIsTheHandlersError) {
  std::promise<std::string> seen;
  serve(tell_of_body(seen));
  RawPeer peer(server_->port());
  peer.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  while (server_->statistics().requests == 0) std::this_thread::yield();
  const linger reset{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(::setsockopt(peer.descriptor(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
  peer.close();
  EXPECT_EQ(seen.get_future().get(), "cancelled");
}

// attacks.md I9: a steady trickle ends too, and a body at a fair rate lives as long as it needs.
TEST_F(ServerTest, I9ATrickleIsLateAndAFairRateIsNot) {
  ServerLimits limits;
  limits.body_idle_timeout = 200ms;
  limits.body_bytes_per_second_min = 10'000;
  serve_echo(limits);
  for (const bool chunked : {false, true}) {
    RawPeer fair(server_->port());
    RawPeer trickle(server_->port());
    const std::string head = std::string("POST / HTTP/1.1\r\nHost: x\r\n") +
                             (chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "Content-Length: 500000\r\n\r\n");
    const auto piece = [chunked](std::size_t size) {
      const std::string bytes(size, 'x');
      return chunked ? fmt::format("{:x}\r\n{}\r\n", size, bytes) : bytes;
    };
    fair.send(head);
    trickle.send(head);
    // 50 pieces over five times the longest pause: a piece of the fair peer pays for the pause behind it.
    bool open = true;
    for (int i = 0; i < 50; ++i) {
      ASSERT_TRUE(fair.send(piece(10'000)));
      if (open) open = trickle.send(piece(1));
      std::this_thread::sleep_for(20ms);  // sleep: the rate is what is tested
    }
    if (chunked) fair.send("0\r\n\r\n");
    EXPECT_TRUE(fair.read_reply().starts_with("HTTP/1.1 200 "));
    const std::string reply = trickle.read_to_close();
    EXPECT_TRUE(reply.ends_with("at least 10000 bytes a second are expected, after pauses of 0.2 s in all")) << reply;
  }
  EXPECT_EQ(server_->statistics().timeouts_body, 2U);
}

// attacks.md I9
TEST_F(ServerTest, I9OnePeerTakesOnlyItsShareOfConnections) {
  ServerLimits limits;
  limits.connections_per_peer_max = 2;
  serve_echo(limits);
  const auto ask = [](RawPeer& peer) {
    peer.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    return peer.read_reply();
  };
  RawPeer first(server_->port()), second(server_->port());
  EXPECT_TRUE(ask(first).starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(ask(second).starts_with("HTTP/1.1 200 "));
  RawPeer third(server_->port());
  const std::string reply = third.read_to_close();
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 503 ")) << reply;
  EXPECT_TRUE(reply.ends_with("{\"error\":\"Your address has as many connections as one may\"}")) << reply;
  RawPeer other("127.0.0.77", server_->port());
  EXPECT_TRUE(ask(other).starts_with("HTTP/1.1 200 "));
  EXPECT_EQ(server_->statistics().refused_peer, 1U);
  first.close();
  while (server_->statistics().connections_open > 2) std::this_thread::yield();
  EXPECT_TRUE(ask(second).starts_with("HTTP/1.1 200 "));
}

// attacks.md R7: without descriptors peers are told, nothing spins or dies, and all is well once there are some again.
TEST_F(ServerTest, R7WithoutDescriptorsPeersAreRefusedAndTheServerGoesOn) {
  serve_echo();
  RawPeer known(server_->port());
  known.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_NE(known.read_reply(), "");
  std::vector<int> taken;
  RawPeer peer(server_->port(), RawPeer::later);  // its own descriptor exists before they run out
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = 256;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  for (int one = ::dup(0); one >= 0; one = ::dup(0)) taken.push_back(one);
  peer.connect();
  const std::string reply = peer.read_to_close();
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 503 ")) << reply;
  EXPECT_NE(reply.find("Retry-After: 1\r\n"), std::string::npos);
  EXPECT_TRUE(reply.ends_with("{\"error\":\"The server has no file descriptor left for another connection\"}"))
      << reply;
  known.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(known.read_reply(), "") << "who is connected goes on";
  for (const int one : taken) ::close(one);
  ::setrlimit(RLIMIT_NOFILE, &before);
  RawPeer after(server_->port());
  after.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(after.read_reply(), "");
  EXPECT_EQ(server_->statistics().refused_descriptors, 1U);
}

// attacks.md I10: everything that two parsers could read differently is refused, and the connection closed.
TEST_F(ServerTest, I10AmbiguousRequestsAreRefused) {
  serve_echo();
  const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string post = "POST / HTTP/1.1\r\nHost: x\r\n";
  for (const std::string& request : {
           post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
           post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" + smuggled,
           post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd" + smuggled,
           post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc" + smuggled,
           post + "Content-Length: 3, 3\r\n\r\nabc" + smuggled,
           post + "Content-Length: +3\r\n\r\nabc" + smuggled,
           post + "Content-Length: 0x3\r\n\r\nabc" + smuggled,
           post + "Content-Length: -3\r\n\r\nabc" + smuggled,
           post + "Content-Length:\r\n\r\nabc" + smuggled,
           post + "Content-Length: 99999999999999999999\r\n\r\nabc" + smuggled,
           post + "Content-Length : 3\r\n\r\nabc" + smuggled,
           post + " Content-Length: 3\r\n\r\nabc" + smuggled,
           post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + smuggled,
           post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + smuggled,
           post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + smuggled,
           post + "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
           post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
           post +
               "Transfer-Encoding: \x0b"
               "chunked\r\n\r\n0\r\n\r\n" +
               smuggled,
           post + "Transfer-Encoding\r\n : chunked\r\n\r\n0\r\n\r\n" + smuggled,
           post + "X: a\r\n folded\r\n\r\n" + smuggled,
           post + "X: a\n\r\n" + smuggled,
           post + "X: a\r\n\n" + smuggled,
           post + "X: a\rb\r\n\r\n" + smuggled,
           post + std::string("X: a\0b\r\n\r\n", 10) + smuggled,
           std::string("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") + smuggled,
           std::string("GET / HTTP/1.1\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
           std::string("GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
           std::string("GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
           std::string("GET /\r\n\r\n"),
           std::string("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
           std::string("G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string("\x16\x03\x01\x02", 4),
           std::string("\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
       }) {
    const std::string reply = answer_to(request);
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 400 Bad Request\r\n")) << request << "\n--- got\n" << reply;
    EXPECT_EQ(reply.find("smuggled"), std::string::npos) << request;
  }
}

// attacks.md I10: a malformed chunk is an error of the body; nothing behind it is read as a request.
TEST_F(ServerTest, I10MalformedChunksEndTheConnection) {
  serve_echo();
  for (const std::string_view chunks :
       {"x\r\nabc\r\n0\r\n\r\n", "3\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "3\r\nabc0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n", "0x3\r\nabc\r\n0\r\n\r\n", "ffffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        "3 3\r\nabc\r\n0\r\n\r\n", "3;a\nb\r\nabc\r\n0\r\n\r\n", "\r\n3\r\nabc\r\n0\r\n\r\n",
        "3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\n", "3\r\nabc\r\n0\r\nbad trailer\r\n\r\n"}) {
    const std::string reply = answer_to("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
                                        std::string(chunks) + "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 400 ")) << chunks << "\n--- got\n" << reply;
    EXPECT_EQ(reply.find("smuggled"), std::string::npos) << chunks;
  }
  EXPECT_TRUE(answer_to("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;" + std::string(20'000, 'a'))
                  .starts_with("HTTP/1.1 400 "));
}

// attacks.md I11
TEST_F(ServerTest, I11PathTricks) {
  serve_echo();
  const auto path_of = [this](std::string_view target) {
    const std::string reply = answer_to(fmt::format("GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", target));
    if (!reply.starts_with("HTTP/1.1 200")) return reply.substr(9, 3);
    return reply.substr(reply.find("\r\n\r\n") + 8);
  };
  EXPECT_EQ(path_of("/v0/pipes/a%20b.json"), "/v0/pipes/a b.json []");
  EXPECT_EQ(path_of("/%2561"), "/%61 []") << "decoded once";
  EXPECT_EQ(path_of("/a+b"), "/a+b []");
  EXPECT_EQ(path_of("/a%2Fb"), "/a%2Fb []") << "a proxy sees one segment, so do we";
  EXPECT_EQ(path_of("//a///b/"), "//a///b/ []");
  EXPECT_EQ(path_of("http://other/x?y"), "/x []");
  EXPECT_EQ(path_of("http://other"), "/ []");
  EXPECT_EQ(path_of("?a=b"), "400");
  for (const std::string_view bad :
       {"/a/../b", "/..", "/a/.", "/%2e%2e/b", "/a/%2E/b", "/%00", "/a%0", "/%zz", "/a#b", "ftp://x/", "a", "x:1"}) {
    EXPECT_EQ(path_of(bad), "400") << bad;
  }
}

// attacks.md I11
TEST_F(ServerTest, I11HeadLimitsAreExact) {
  ServerLimits limits;
  limits.target_bytes_max = 1000;
  limits.head_bytes_max = 500;
  limits.headers_max = 5;
  limits.query_parameters_max = 3;
  serve_echo(limits);
  const auto status_of = [this](const std::string& target, const std::string& headers) {
    return answer_to("GET " + target + " HTTP/1.1\r\n" + headers + "Connection: close\r\n\r\n").substr(9, 3);
  };
  const std::string host = "Host: x\r\n";
  EXPECT_EQ(status_of("/" + std::string(999, 'a'), host), "200");
  EXPECT_EQ(status_of("/" + std::string(1000, 'a'), host), "414");
  EXPECT_EQ(status_of("/" + std::string(100'000, 'a'), host), "414");
  EXPECT_EQ(status_of("/", host + "A: " + std::string(300, 'a') + "\r\n"), "200");
  EXPECT_EQ(status_of("/", host + "A: " + std::string(600, 'a') + "\r\n"), "431");
  EXPECT_EQ(status_of("/", host + "A: 1\r\nB: 1\r\nC: 1\r\n"), "200");
  EXPECT_EQ(status_of("/", host + "A: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\n"), "431");
  EXPECT_EQ(status_of("/?a&b&c", host), "200");
  EXPECT_EQ(status_of("/?a&b&c&d", host), "400");
}

// attacks.md I11: many large heads at once do not fill the memory.
TEST_F(ServerTest, I11LargeHeadsAreFew) {
  ServerLimits limits;
  limits.head_bytes_max = 1000;
  limits.large_heads_max = 2;
  serve_echo(limits);
  const std::string half = "GET /" + std::string(50'000, 'a');
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 2; ++i) {
    peers.push_back(std::make_unique<RawPeer>(server_->port()));
    peers.back()->send(half);
  }
  const auto give_up = Clock::now() + 10s;
  while (server_->statistics().large_heads < 2 && Clock::now() < give_up) std::this_thread::yield();
  EXPECT_TRUE(answer_to(half + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 503 "));
  for (auto& peer : peers) {
    peer->send(" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(peer->read_to_close().starts_with("HTTP/1.1 200 "));
  }
  EXPECT_TRUE(answer_to(half + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 200 "));
}

// attacks.md I9: slow headers, slow bodies, slow readers and silent connections all end.
TEST_F(ServerTest, I9SlowPeersAreClosed) {
  ServerLimits limits;
  limits.head_timeout = 100ms;
  limits.body_idle_timeout = 100ms;
  limits.keep_alive_timeout = 150ms;
  serve_echo(limits);
  RawPeer silent(server_->port());
  RawPeer slow_head(server_->port());
  RawPeer slow_body(server_->port());
  slow_head.send("GET / HTTP/1.1\r\nHo");
  slow_body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
  EXPECT_TRUE(slow_head.read_to_close().starts_with("HTTP/1.1 408 Request Timeout\r\n"));
  EXPECT_TRUE(slow_head.closed_by_peer());
  slow_body.read_to_close();
  EXPECT_TRUE(slow_body.closed_by_peer());
  EXPECT_EQ(silent.read_to_close(), "");
  EXPECT_TRUE(silent.closed_by_peer());
  RawPeer after(server_->port());
  after.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(after.read_reply(), "");
  after.read_to_close();
  EXPECT_TRUE(after.closed_by_peer()) << "keep-alive ends too";
  const ServerStatistics seen = server_->statistics();
  EXPECT_GE(seen.timeouts_idle, 2U);
  EXPECT_GE(seen.timeouts_head, 1U);
  EXPECT_GE(seen.timeouts_body, 1U);
  RawPeer told(server_->port());
  told.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab");
  EXPECT_TRUE(told.read_to_close().ends_with("The body did not arrive in time"))
      << "the handler's answer still arrives";
}

// attacks.md I9
TEST_F(ServerTest, I9APeerThatReadsNothingIsClosed) {
  std::promise<bool> finished;
  auto handler = [&finished](Request&) -> Task<Response> {
    Response response;
    response.body = std::string(64 << 20, 'x');
    response.on_finished = [&finished](const Finished& end) { finished.set_value(end.complete); };
    co_return response;
  };
  ServerLimits limits;
  limits.write_idle_timeout = 100ms;
  serve(handler, limits);
  RawPeer peer(server_->port());
  peer.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_FALSE(finished.get_future().get());
}

// attacks.md I9
TEST_F(ServerTest, I9ConnectionsHaveALimit) {
  ServerLimits limits;
  limits.connections_max = 3;
  serve_echo(limits);
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 3; ++i) {
    peers.push_back(std::make_unique<RawPeer>(server_->port()));
    peers.back()->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_NE(peers.back()->read_reply(), "");
  }
  RawPeer refused(server_->port());
  const std::string reply = refused.read_to_close();
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 503 Service Unavailable\r\n")) << reply;
  EXPECT_NE(reply.find("Retry-After: 1\r\n"), std::string::npos);
  EXPECT_TRUE(reply.ends_with("{\"error\":\"The server has as many connections as it may\"}")) << reply;
  EXPECT_EQ(server_->statistics().refused_total, 1U);
  peers.clear();
  while (server_->statistics().connections_open > 0) std::this_thread::yield();
  RawPeer again(server_->port());
  again.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(again.read_reply(), "");
}

TEST_F(ServerTest, AHandlerThatThrowsKillsNothing) {
  auto handler = [](Request& request) -> Task<Response> {
    if (request.path == "/throw") throw std::runtime_error("the secret reason");
    if (request.path == "/odd") throw 7;
    co_return text("fine");
  };
  serve(handler);
  const std::string reply = answer_to("GET /throw HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 500 ")) << reply;
  EXPECT_EQ(reply.find("secret"), std::string::npos);
  EXPECT_TRUE(answer_to("GET /odd HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 500 "));
  RawPeer peer(server_->port());
  peer.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(peer.read_reply().ends_with("fine"));
  EXPECT_EQ(server_->statistics().handler_exceptions, 2U);
}

TEST_F(ServerTest, AUsersLineBreakMakesNoHeader) {
  auto handler = [](Request&) -> Task<Response> {
    Response response = text("x");
    response.headers.add("X-Name", "a\r\nSet-Cookie: b=c");
    response.headers.add("Content-Length", "5000");
    co_return response;
  };
  serve(handler);
  RawPeer peer(server_->port());
  peer.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string reply = peer.read_reply();
  EXPECT_NE(reply.find("X-Name: a  Set-Cookie: b=c\r\n"), std::string::npos) << reply;
  EXPECT_NE(reply.find("Content-Length: 1\r\n"), std::string::npos) << reply;
}

}  // namespace
}  // namespace kinglet::http
