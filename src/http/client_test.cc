// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "http/address_policy.h"
#include "http/raw_peer.h"
#include "http/server.h"
#include "runtime/deadline.h"
#include "runtime/one_shot.h"

namespace kinglet::http {
namespace {

using namespace std::chrono_literals;

/// Answers each connection with the next of its replies and closes it: for replies no decent server sends.
class RawServer {
 public:
  explicit RawServer(std::vector<std::string> replies)
      : replies_(std::move(replies)), listening_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listening_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listening_, 16), 0);
    ::getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~RawServer() {
    ::shutdown(listening_, SHUT_RDWR);
    ::close(listening_);
    thread_.join();
  }
  std::uint16_t port = 0;
  std::atomic<int> connections = 0, closed = 0;

 private:
  void run() {
    for (std::size_t i = 0;; ++i) {
      const int peer = ::accept(listening_, nullptr, nullptr);
      if (peer < 0) return;
      ++connections;
      std::string head;
      char byte = 0;
      while (!head.ends_with("\r\n\r\n") && ::recv(peer, &byte, 1, 0) == 1) head.push_back(byte);
      const std::string& reply = replies_[std::min(i, replies_.size() - 1)];
      ::send(peer, reply.data(), reply.size(), MSG_NOSIGNAL);
      ::close(peer);
      ++closed;
    }
  }
  std::vector<std::string> replies_;
  int listening_;
  std::thread thread_;
};

class PiecesSource final : public BodySource {
 public:
  explicit PiecesSource(std::vector<std::string> pieces, bool fails = false)
      : pieces_(std::move(pieces)), fails_(fails) {}
  Task<Result<std::string>> next() override {
    if (index_ < pieces_.size()) co_return pieces_[index_++];
    if (fails_) co_return fail(Code::invalid, "the source broke");
    co_return std::string();
  }

 private:
  std::vector<std::string> pieces_;
  bool fails_;
  std::size_t index_ = 0;
};

class ClientTest : public testing::Test {
 protected:
  void SetUp() override {
    auto handler = [this](Request& request) -> Task<Response> {
      ++requests_;
      Response response;
      if (request.path == "/slow") co_await sleep_until(deadline_in(10s));
      if (request.path == "/stream")
        response.stream = std::make_unique<PiecesSource>(std::vector<std::string>{"abc", "def"});
      if (request.path == "/cut")
        response.stream = std::make_unique<PiecesSource>(std::vector<std::string>{"abc"}, true);
      if (request.path == "/big") response.body = std::string(10 << 20, 'x');
      if (request.path == "/204") response.status = 204;
      if (request.path == "/refuse") {
        response.status = 413;
        response.body = "no";
        co_return response;
      }
      if (request.path == "/redirect") {
        response.status = 302;
        response.headers.add("Location", std::string(request.query.get("to").value_or("")));
        co_return response;
      }
      if (request.path == "/headers") {
        for (const auto& [name, value] : request.headers) response.body += name + "=" + value + ";";
        co_return response;
      }
      auto body = co_await request.body->read_all(64 << 20);
      if (!body) co_return response;
      if (request.path == "/echo") {
        response.body = *std::move(body);
        co_return response;
      }
      if (response.body.empty() && !response.stream) {
        response.body = request.method_name + " " + request.target + " " +
                        (body->size() > 100 ? std::to_string(body->size()) : *body);
      }
      co_return response;
    };
    auto listening = Server::listen(threads_, ServerOptions{}, handler);
    ASSERT_TRUE(listening);
    server_ = std::move(*listening);
    endpoint_ = {.host = "127.0.0.1", .port = server_->port()};
    make_client({});
  }
  void TearDown() override { destroy_client(); }
  void make_client(ClientOptions options) {
    destroy_client();
    threads_.run(0, [this, &options]() -> Task<void> {
      client_ = std::make_unique<Client>(threads_.executor(0), std::move(options));
      co_return;
    });
  }
  void destroy_client() {
    threads_.run(0, [this]() -> Task<void> {
      client_.reset();
      co_return;
    });
  }

  struct Answer {
    int status = 0;
    std::string body = {};
    std::string error = {};
    bool operator==(const Answer&) const = default;
  };
  Task<Answer> exchange(Endpoint endpoint, ClientRequest request, std::size_t bytes_max) {
    auto reply = co_await client_->send(std::move(endpoint), std::move(request));
    if (!reply) co_return Answer{.error = std::string(code_name(reply.error().code))};
    auto body = co_await (*reply)->body().read_all(bytes_max);
    if (!body) co_return Answer{.status = (*reply)->status(), .error = std::string(code_name(body.error().code))};
    co_return Answer{.status = (*reply)->status(), .body = std::move(*body)};
  }
  Answer ask(ClientRequest request, std::size_t bytes_max = 64 << 20) {
    return ask(endpoint_, std::move(request), bytes_max);
  }
  Answer ask(Endpoint endpoint, ClientRequest request, std::size_t bytes_max = 64 << 20) {
    return threads_.run(0, exchange(std::move(endpoint), std::move(request), bytes_max));
  }
  Answer get(std::string target) { return ask({.target = std::move(target)}); }

  IoThreads threads_{2};
  std::atomic<int> requests_ = 0;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Client> client_;
  Endpoint endpoint_;
};

TEST_F(ClientTest, ReusesOneConnection) {
  for (int i = 0; i < 20; ++i) ASSERT_EQ(get("/x?a=b").body, "GET /x?a=b ");
  EXPECT_EQ(ask({.method = "POST", .target = "/p", .body = "hello"}).body, "POST /p hello");
  EXPECT_EQ(ask({.method = "POST", .target = "/p"}).body, "POST /p ");
  EXPECT_EQ(ask({.method = "HEAD", .target = "/p"}), (Answer{.status = 200}));
  EXPECT_EQ(get("/204"), (Answer{.status = 204}));
  EXPECT_EQ(get("/stream").body, "abcdef");
  EXPECT_EQ(get("/big").body.size(), std::size_t{10} << 20);
  EXPECT_EQ(server_->statistics().connections_accepted, 1U);
}

TEST_F(ClientTest, StreamsTheBodyOfARequest) {
  const auto post = [this](std::unique_ptr<BodySource> source, std::optional<std::uint64_t> length) {
    ClientRequest request{.method = "POST", .target = "/p"};
    request.stream = std::move(source);
    request.stream_length = length;
    return ask(std::move(request));
  };
  const std::vector<std::string> pieces{"ab", "cde"};
  EXPECT_EQ(post(std::make_unique<PiecesSource>(pieces), std::nullopt).body, "POST /p abcde");
  EXPECT_EQ(post(std::make_unique<PiecesSource>(pieces), 5).body, "POST /p abcde");
  EXPECT_EQ(post(std::make_unique<PiecesSource>(pieces), 4).error, "internal");
  EXPECT_EQ(post(std::make_unique<PiecesSource>(pieces), 6).error, "internal");
  EXPECT_EQ(post(std::make_unique<PiecesSource>(pieces, true), std::nullopt).error, "invalid");
  EXPECT_EQ(
      post(std::make_unique<PiecesSource>(std::vector<std::string>(100, std::string(100'000, 'x'))), std::nullopt).body,
      "POST /p 10000000");
}

TEST_F(ClientTest, ABodyIsNotCopiedWhenTheCallerKeepsIt) {
  const std::string block(1 << 20, 'x');
  ClientRequest request{.method = "POST", .target = "/p"};
  request.body_pieces = {block};
  EXPECT_EQ(ask(std::move(request)).body, "POST /p 1048576");
}

TEST_F(ClientTest, ABodyOfManyPiecesArrivesInOrder) {
  std::vector<std::string> texts;
  std::string whole;
  for (int i = 0; i < 500; ++i) {  // more than one call of the kernel takes, some of them empty, some long
    texts.push_back(i % 7 == 0 ? "" : std::to_string(i) + std::string(i % 50 == 0 ? 100'000 : 0, 'x'));
    whole += texts.back();
  }
  ClientRequest request{.method = "POST", .target = "/echo", .body = "first "};
  request.body_pieces.assign(texts.begin(), texts.end());
  EXPECT_EQ(ask(std::move(request)).body, "first " + whole);
  ClientRequest nothing{.method = "POST", .target = "/echo"};
  nothing.body_pieces = {"", ""};
  EXPECT_EQ(ask(std::move(nothing)).body, "");
}

TEST_F(ClientTest, AReplyThatIsCutIsAnError) {
  EXPECT_EQ(get("/cut"), (Answer{.status = 200, .error = "unavailable"}));
  EXPECT_EQ(get("/x").body, "GET /x ") << "the next request takes another connection";
  for (const char* reply :
       {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", "HTTP/1.1 200 OK\r\nContent-Len", "",
        "junk\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\nabc"}) {
    RawServer raw({reply});
    EXPECT_EQ(ask({.host = "127.0.0.1", .port = raw.port}, {}).error, "unavailable") << reply;
  }
  RawServer bad_chunk({"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"});
  EXPECT_EQ(ask({.host = "127.0.0.1", .port = bad_chunk.port}, {}).error, "invalid");
}

TEST_F(ClientTest, AReplyWithoutFramingEndsWithTheConnection) {
  RawServer raw({"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nabc"});
  EXPECT_EQ(ask({.host = "127.0.0.1", .port = raw.port}, {}).body, "abc");
}

TEST_F(ClientTest, AStaleConnectionIsReplacedForIdempotentRequestsOnly) {
  // The first connection promises to stay open and closes.
  RawServer raw({"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"});
  const Endpoint to{.host = "127.0.0.1", .port = raw.port};
  EXPECT_EQ(ask(to, {}).body, "a");
  EXPECT_EQ(ask(to, {}).body, "b");
  while (raw.closed < 2) std::this_thread::yield();
  EXPECT_EQ(ask(to, {.method = "POST", .target = "/"}).body, "b") << "a connection known to be closed is not used";
  EXPECT_EQ(raw.connections, 3);
}

TEST_F(ClientTest, ADeadlineEndsWaitingForAReply) {
  ClientRequest request{.target = "/slow"};
  request.deadline = deadline_in(50ms);
  EXPECT_EQ(ask(std::move(request)).error, "timeout");
  EXPECT_EQ(get("/x").body, "GET /x ");
}

TEST_F(ClientTest, NobodyListensIsUnavailable) {
  std::uint16_t free_port = 0;
  {
    RawServer raw({""});
    free_port = raw.port;
  }
  EXPECT_EQ(ask({.host = "127.0.0.1", .port = free_port}, {}).error, "unavailable");
  EXPECT_EQ(ask({.socket_path = "/nonexistent/socket"}, {}).error, "unavailable");
  EXPECT_EQ(ask({.host = "name.invalid", .port = 80}, {}).error, "unavailable");
}

TEST_F(ClientTest, AnEarlyRefusalOfALargeBodyIsRead) {
  ClientRequest request{.method = "POST", .target = "/refuse"};
  request.body = std::string(8 << 20, 'x');
  EXPECT_EQ(ask(std::move(request)), (Answer{.status = 413, .body = "no"}));
}

TEST_F(ClientTest, MoreRequestsThanConnectionsWaitTheirTurn) {
  make_client({.connections_max = 2, .waiting_max = 100});
  auto all = [this]() -> Task<int> {
    auto right = std::make_shared<int>(0);
    auto ended = std::make_shared<OneShot<bool>>();
    for (int i = 0; i < 50; ++i) {
      asio::co_spawn(threads_.executor(0), exchange(endpoint_, {.target = "/x"}, 100),
                     [right, ended](std::exception_ptr, Answer answer) {
                       if (answer.body == "GET /x ") ++*right;
                       if (*right == 50) ended->set(true);
                     });
    }
    co_await ended->wait(deadline_in(10s));
    co_return *right;
  };
  EXPECT_EQ(threads_.run(0, all), 50);
  EXPECT_EQ(server_->statistics().connections_accepted, 2U);
}

TEST_F(ClientTest, TooManyThatWaitAreRefused) {
  make_client({.connections_max = 1, .waiting_max = 0});
  auto both = [this]() -> Task<std::string> {
    auto first = co_await client_->send(endpoint_, {.target = "/stream"});
    auto second = co_await client_->send(endpoint_, {.target = "/x"});
    co_return second ? "answered" : std::string(code_name(second.error().code));
  };
  EXPECT_EQ(threads_.run(0, both), "busy");
}

TEST_F(ClientTest, AReplyDroppedEarlyClosesItsConnection) {
  auto drop = [this]() -> Task<void> {
    auto reply = co_await client_->send(endpoint_, {.target = "/big"});
    EXPECT_TRUE(reply);
  };
  threads_.run(0, drop);
  EXPECT_EQ(get("/x").body, "GET /x ");
  EXPECT_EQ(server_->statistics().connections_accepted, 2U);
}

TEST_F(ClientTest, LineBreaksInARequestAreRefused) {
  EXPECT_EQ(ask({.target = "/x HTTP/1.1\r\nEvil: 1"}).error, "invalid");
  EXPECT_EQ(ask({.target = "/x", .headers = {{"A", "b\r\nEvil: 1"}}}).error, "invalid");
  EXPECT_EQ(ask({.method = "GET\r\n", .target = "/x"}).error, "invalid");
  EXPECT_EQ(requests_, 0);
}

// attacks.md S7: the policy sees what a name resolved to, on every hop.
TEST_F(ClientTest, S7AddressesAreCheckedAfterResolving) {
  make_client({.address_policy = public_addresses_only()});
  for (const char* host : {"127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "017700000001", "0", "::1",
                           "::ffff:127.0.0.1"}) {
    const std::string error = ask({.host = host, .port = endpoint_.port}, {.target = "/x"}).error;
    EXPECT_EQ(error, "forbidden") << host;
  }
  EXPECT_EQ(requests_, 0);
  make_client({.address_policy = public_addresses_only({"localhost"})});
  EXPECT_EQ(ask({.host = "localhost", .port = endpoint_.port}, {.target = "/x"}).body, "GET /x ");
}

// attacks.md S7
TEST(AddressPolicy, S7SpecialNetworks) {
  const auto reason = [](const char* text) { return non_public_reason(asio::ip::make_address(text)); };
  for (const char* text : {"127.0.0.1",
                           "127.255.255.254",
                           "0.0.0.0",
                           "10.1.2.3",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.1.1",
                           "169.254.169.254",
                           "100.64.0.1",
                           "224.0.0.1",
                           "255.255.255.255",
                           "198.18.0.1",
                           "192.0.2.1",
                           "::",
                           "::1",
                           "::ffff:10.0.0.1",
                           "::127.0.0.1",
                           "64:ff9b::7f00:1",
                           "2002:7f00:1::",
                           "fe80::1",
                           "fc00::1",
                           "fd12::1",
                           "ff02::1",
                           "2001:db8::1",
                           "2001::1",
                           "fec0::1",
                           "100::1"}) {
    EXPECT_NE(reason(text), "") << text;
  }
  for (const char* text : {"8.8.8.8", "172.15.0.1", "172.32.0.1", "100.128.0.1", "192.167.1.1", "2606:4700::1111",
                           "::ffff:8.8.8.8", "64:ff9b::808:808"}) {
    EXPECT_EQ(reason(text), "") << text;
  }
}

// attacks.md S7: redirects pass the policy again, and secrets stay with their host.
TEST_F(ClientTest, S7RedirectsAreFollowedHopByHop) {
  const auto follow = [this](std::string target, int hops = 5) {
    return threads_.run(0, [this, &target, hops]() -> Task<Answer> {
      ClientRequest request;
      request.headers.add("Authorization", "Bearer secret");
      Url url{.endpoint = endpoint_, .target = target};
      auto reply = co_await client_->send_following(url, std::move(request), hops);
      if (!reply) co_return Answer{.error = std::string(code_name(reply.error().code))};
      auto body = co_await (*reply)->body().read_all(10'000);
      co_return Answer{.status = (*reply)->status(), .body = body ? *body : ""};
    });
  };
  EXPECT_NE(follow("/redirect?to=/headers").body.find("Authorization=Bearer secret"), std::string::npos);
  const std::string elsewhere = follow(fmt::format("/redirect?to=http://localhost:{}/headers", endpoint_.port)).body;
  EXPECT_NE(elsewhere.find("Host=localhost"), std::string::npos) << elsewhere;
  EXPECT_EQ(elsewhere.find("secret"), std::string::npos) << elsewhere;
  EXPECT_EQ(follow("/redirect?to=/redirect?to=/redirect", 1).error, "unavailable");
  EXPECT_EQ(follow("/redirect?to=file:///etc/passwd").error, "invalid");
  make_client({.address_policy = public_addresses_only({"127.0.0.1"})});
  EXPECT_EQ(follow(fmt::format("/redirect?to=http://127.0.0.2:{}/headers", endpoint_.port)).error, "forbidden");
}

TEST_F(ClientTest, FetchBlocks) {
  Url url{.endpoint = endpoint_, .target = "/stream"};
  auto reply = fetch(url, {});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->body, "abcdef");
  std::string pieces;
  FetchOptions options;
  options.on_piece = [&pieces](std::string_view piece) -> Status {
    pieces += piece;
    return {};
  };
  const auto streamed = fetch(url, {}, options);
  ASSERT_TRUE(streamed) << streamed.error().message;
  EXPECT_EQ(pieces, "abcdef");
  FetchOptions small;
  small.bytes_max = 5;
  EXPECT_EQ(fetch(url, {}, small).error().code, Code::too_large);
  url.target = "/cut";
  EXPECT_EQ(fetch(url, {}).error().code, Code::unavailable);
}

TEST(Url, ParsesAndPrints) {
  const auto url = parse_url("https://us%40er:p%3Aw@Example.test:8443/a/b?c=d#e");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->endpoint, (Endpoint{.host = "Example.test", .port = 8443, .tls = true}));
  EXPECT_EQ(url->target, "/a/b?c=d");
  EXPECT_EQ(url->user, "us@er");
  EXPECT_EQ(url->password, "p:w");
  EXPECT_EQ(print_url(*url), "https://Example.test:8443/a/b?c=d");
  EXPECT_EQ(parse_url("http://[::1]:80?x")->endpoint.host, "::1");
  EXPECT_EQ(parse_url("http://[::1]:80?x")->target, "/?x");
  EXPECT_EQ(print_url(*parse_url("http://[::1]")), "http://[::1]/");
  for (const char* bad :
       {"", "x", "ftp://x", "http://", "http://:80", "http://a:0", "http://a:65536", "http://a:b", "http://a b",
        "http://[::1", "http://[::1]x", "http://a\\@b/", "http://a\r\nb", "http://%zz@a"}) {
    EXPECT_FALSE(parse_url(bad)) << bad;
  }
}

}  // namespace
}  // namespace kinglet::http
