// SPDX-License-Identifier: Apache-2.0
// The engine client against a server that answers as ClickHouse does, and as it does when it fails.
#include "engine/client.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <future>

#include "engine/exception.h"
#include "http/server.h"
#include "runtime/deadline.h"

namespace kinglet::engine {
namespace {

using namespace std::chrono_literals;

class PiecesSource final : public http::BodySource {
 public:
  PiecesSource(std::vector<std::string> pieces, bool cut, http::Headers trailers = {})
      : pieces_(std::move(pieces)), cut_(cut), trailers_(std::move(trailers)) {}
  Task<Result<std::string>> next() override {
    if (index_ < pieces_.size()) co_return pieces_[index_++];
    if (cut_) co_return fail(Code::internal, "cut");
    co_return std::string();
  }
  http::Headers trailers() override { return trailers_; }

 private:
  std::vector<std::string> pieces_;
  bool cut_;
  http::Headers trailers_;
  std::size_t index_ = 0;
};

/// Never ends; tells when it was destroyed.
class EndlessSource final : public http::BodySource {
 public:
  explicit EndlessSource(std::promise<void>& ended) : ended_(ended) {}
  ~EndlessSource() override { ended_.set_value(); }
  Task<Result<std::string>> next() override {
    co_await sleep_until(deadline_in(1ms));
    co_return "row\n";
  }

 private:
  std::promise<void>& ended_;
};

struct Seen {
  std::string target, query_id, body;
  http::QueryParameters query;
  http::Headers headers;
};

class EngineClientTest : public testing::Test {
 protected:
  template <class F>
  auto run(F task) {
    return threads_.run(0, std::move(task));
  }
  /// `answer` makes the reply to the statement in Seen.
  void serve(std::function<http::Response(const Seen&)> answer) {
    answer_ = std::move(answer);
    auto handler = [this](http::Request& request) -> Task<http::Response> {
      Seen seen;
      auto body = co_await request.body->read_all(10 << 20);
      seen.body = body ? *body : "";
      seen.query = request.query;
      seen.headers = request.headers;
      request.cancel_on_disconnect();
      seen_ = seen;
      co_return answer_(seen);
    };
    auto listening = http::Server::listen(threads_, http::ServerOptions{}, handler);
    ASSERT_TRUE(listening);
    server_ = std::move(*listening);
    Client::Options options;
    options.address = *Address::parse(fmt::format("http://user:pass@127.0.0.1:{}", server_->port()));
    run([this, &options]() -> Task<void> {
      client_ = std::make_unique<Client>(threads_.executor(0), options);
      co_return;
    });
  }
  void TearDown() override {
    run([this]() -> Task<void> {
      client_.reset();
      co_return;
    });
  }
  Result<Client::Whole> query(std::string sql, QueryOptions options = {}) {
    if (options.deadline == Deadline{}) options.deadline = deadline_in(10s);
    return run([&]() { return client_->query(sql, options); });
  }

  IoThreads threads_{2};
  std::function<http::Response(const Seen&)> answer_;
  Seen seen_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<Client> client_;
};

http::Response exception_reply(int code, std::string text, int status) {
  http::Response response;
  response.status = status;
  response.headers.add("X-ClickHouse-Exception-Code", std::to_string(code));
  response.body = std::move(text);
  return response;
}

http::Response stream_reply(std::vector<std::string> pieces, bool cut, std::string tag, http::Headers trailers = {}) {
  http::Response response;
  if (!tag.empty()) response.headers.add("X-ClickHouse-Exception-Tag", std::move(tag));
  response.stream = std::make_unique<PiecesSource>(std::move(pieces), cut, std::move(trailers));
  return response;
}

TEST_F(EngineClientTest, SendsSettingsParametersAndLogin) {
  serve([](const Seen&) {
    return stream_reply(
        {"1\n", "2\n"}, false, "abcdefghijklmnop",
        {{"X-ClickHouse-Summary",
          R"({"read_rows":"12","read_bytes":"18446744073709551615","written_rows":"3","result_rows":"2","elapsed_ns":"1500000000"})"}});
  });
  QueryOptions options;
  options.format = "TSV";
  options.query_id = "q 1";
  options.settings = {{"max_threads", "2"}, {"x&y", "a=b"}};
  options.parameters = {{"name", "O'Neil\n"}};
  auto whole = query("SELECT {name:String}", options);
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->body, "1\n2\n");
  EXPECT_EQ(whole->summary.read_rows, 12U);
  EXPECT_EQ(whole->summary.read_bytes, 18446744073709551615U);
  EXPECT_EQ(whole->summary.written_rows, 3U);
  EXPECT_EQ(whole->summary.result_rows, 2U);
  EXPECT_DOUBLE_EQ(whole->summary.elapsed_seconds, 1.5);
  EXPECT_EQ(seen_.body, "SELECT {name:String}");
  EXPECT_EQ(seen_.query.get("query_id"), "q 1");
  EXPECT_EQ(seen_.query.get("default_format"), "TSV");
  EXPECT_EQ(seen_.query.get("readonly"), "1");
  EXPECT_EQ(seen_.query.get("max_threads"), "2");
  EXPECT_EQ(seen_.query.get("x&y"), "a=b");
  EXPECT_EQ(seen_.query.get("param_name"), "O'Neil\n");
  EXPECT_EQ(seen_.headers.get("X-ClickHouse-User"), "user");
  EXPECT_EQ(seen_.headers.get("X-ClickHouse-Key"), "pass");
}

TEST_F(EngineClientTest, AStatementOfOursIsNotReadOnly) {
  serve([](const Seen&) { return http::Response{}; });
  EXPECT_TRUE(run([&] {
    return client_->execute("CREATE TABLE t (a Int8) ENGINE = Memory", deadline_in(10s), {{"max_execution_time", "5"}});
  }));
  EXPECT_FALSE(seen_.query.contains("readonly"));
  EXPECT_EQ(seen_.query.get("max_execution_time"), "5");
}

TEST_F(EngineClientTest, AnInsertSendsTheBlockAsBody) {
  serve([](const Seen&) {
    http::Response response;
    response.headers.add("X-ClickHouse-Summary", R"({"written_rows":"7"})");
    return response;
  });
  const std::string block(1 << 20, '\0');
  auto summary = run([&] {
    return client_->insert("INSERT INTO `d`.`t` (`a`)", {block}, {{"insert_deduplication_token", "x"}},
                           deadline_in(10s));
  });
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->written_rows, 7U);
  EXPECT_EQ(seen_.query.get("query"), "INSERT INTO `d`.`t` (`a`) FORMAT Native");
  EXPECT_EQ(seen_.query.get("insert_deduplication_token"), "x");
  EXPECT_EQ(seen_.body, block);
}

TEST_F(EngineClientTest, ExceptionsBecomeErrorsWithTheirCode) {
  int code = 0;
  std::string text;
  serve([&](const Seen&) { return exception_reply(code, text, 500); });
  const auto error_for = [&](int c, std::string t) {
    code = c;
    text = std::move(t);
    auto result = query("SELECT 1");
    return result ? Error{} : result.error();
  };
  const Error unknown = error_for(
      47,
      "Code: 47. DB::Exception: Unknown identifier `x`. (UNKNOWN_IDENTIFIER) (version 26.7.2.1 (official build))\n");
  EXPECT_EQ(unknown.code, Code::engine_refused);
  EXPECT_EQ(unknown.engine_code, 47);
  EXPECT_EQ(unknown.message, "Unknown identifier `x`. (UNKNOWN_IDENTIFIER)");
  EXPECT_EQ(error_for(159, "Code: 159. DB::Exception: Timeout exceeded. (TIMEOUT_EXCEEDED)").code, Code::timeout);
  EXPECT_EQ(error_for(202, "Code: 202. DB::Exception: Too many. (TOO_MANY_SIMULTANEOUS_QUERIES)").code,
            Code::unavailable);
  EXPECT_EQ(error_for(209, "").code, Code::unavailable) << "the header alone tells the code";
  EXPECT_EQ(error_for(241, "Code: 241. DB::Exception: Memory limit").engine_code, 241);
  EXPECT_EQ(error_for(439,
                      "Code: 439. DB::Exception: Cannot schedule a task: thread constructor failed, Stack trace (when "
                      "copying this message, always include the lines below):\n\n0. ? @ 0x00007f\n (version 26.7.2.1) "
                      "(threads=21, jobs=20). (CANNOT_SCHEDULE_TASK), Stack trace (when copying this message, always "
                      "include the lines below):\n\n0. ? @ 0x00007f\n (version 26.7.2.1) (threads=4, jobs=4). "
                      "(CANNOT_SCHEDULE_TASK)")
                .message,
            "Cannot schedule a task: thread constructor failed");
  EXPECT_EQ(error_for(0, "something else").message, "something else");
  EXPECT_EQ(server_->statistics().connections_accepted, 7U) << "no connection is used again after an error";
}

constexpr std::string_view tag = "hpcxvbnmasdfghjk";

std::string late_block(std::string_view text) {
  return fmt::format("\r\n__exception__\r\n{}\r\n{}\n{} {}\r\n__exception__\r\n", tag, text, text.size() + 1, tag);
}

TEST_F(EngineClientTest, ALateExceptionIsAnErrorAndNeverARow) {
  const std::string text =
      "Code: 395. DB::Exception: Value passed to 'throwIf'. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO) (version 26.7)";
  for (const bool cut : {true, false}) {
    serve([&](const Seen&) { return stream_reply({"row 1\n", "row 2\n", late_block(text)}, cut, std::string(tag)); });
    std::string rows;
    auto error = run([&]() -> Task<Error> {
      QueryOptions options;
      options.deadline = deadline_in(10s);
      auto reply = co_await client_->open("SELECT", options);
      if (!reply) co_return reply.error();
      while (true) {
        auto piece = co_await (*reply)->next();
        if (!piece) {
          auto again = co_await (*reply)->next();
          EXPECT_FALSE(again) << "an error stays";
          co_return piece.error();
        }
        if (piece->empty()) co_return Error{.message = "no error"};
        rows += *piece;
      }
    });
    EXPECT_EQ(error.engine_code, 395) << error.message;
    EXPECT_EQ(error.code, Code::engine_refused);
    EXPECT_EQ(error.message, "Value passed to 'throwIf'. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO)");
    EXPECT_EQ(rows, "row 1\nrow 2\n");
    TearDown();
  }
}

TEST_F(EngineClientTest, ACutReplyIsAnError) {
  serve([](const Seen& seen) {
    if (seen.body == "old")
      return stream_reply({"row 1\n", "Code: 159. DB::Exception: Timeout exceeded. (TIMEOUT_EXCEEDED)\n"}, true, "");
    return stream_reply({"row 1\n"}, true, std::string(tag));
  });
  auto cut = query("new");
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, Code::unavailable);
  auto old_server = query("old");
  ASSERT_FALSE(old_server);
  EXPECT_EQ(old_server.error().code, Code::timeout) << "servers before 25.11 write the bare text";
}

TEST_F(EngineClientTest, DroppingAReplyEndsTheQuery) {
  std::promise<void> ended;
  serve([&](const Seen&) {
    http::Response response;
    response.stream = std::make_unique<EndlessSource>(ended);
    return response;
  });
  run([&]() -> Task<void> {
    QueryOptions options;
    options.deadline = deadline_in(10s);
    auto reply = co_await client_->open("SELECT", options);
    EXPECT_TRUE(reply);
    auto piece = co_await (*reply)->next();
    EXPECT_TRUE(piece);
  });
  EXPECT_EQ(ended.get_future().wait_for(10s), std::future_status::ready);
}

TEST_F(EngineClientTest, ADeadlineIsATimeoutAndEndsTheQuery) {
  std::promise<void> ended;
  serve([&](const Seen&) {
    http::Response response;
    response.stream = std::make_unique<EndlessSource>(ended);
    return response;
  });
  QueryOptions options;
  options.deadline = deadline_in(100ms);
  auto late = query("SELECT", options);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::timeout);
  EXPECT_EQ(ended.get_future().wait_for(10s), std::future_status::ready);
}

TEST_F(EngineClientTest, LimitsAndAbsentEngines) {
  serve([](const Seen&) { return stream_reply({std::string(1000, 'x')}, false, ""); });
  auto large = run([&] { return client_->query("SELECT", {.deadline = deadline_in(10s)}, 999); });
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, Code::too_large);
  EXPECT_TRUE(run([&] { return client_->query("SELECT", {.deadline = deadline_in(10s)}, 1000); }));
  EXPECT_TRUE(run([&] { return client_->ping(deadline_in(10s)); }));
  server_.reset();
  auto absent = query("SELECT");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, Code::unavailable);
  EXPECT_FALSE(run([&] { return client_->ping(deadline_in(10s)); }));
}

TEST(EngineAddress, Parses) {
  EXPECT_EQ(Address::parse("unix:/run/e.sock")->socket_path, "/run/e.sock");
  const auto url = Address::parse("https://u:p%40@ch.example:8443");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "ch.example");
  EXPECT_EQ(url->port, 8443);
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->user, "u");
  EXPECT_EQ(url->password, "p@");
  EXPECT_EQ(Address::parse("http://ch")->port, 8123) << "ClickHouse's own default";
  EXPECT_EQ(Address::parse("https://ch")->port, 8443);
  EXPECT_EQ(Address::parse("http://ch:80")->port, 80);
  EXPECT_EQ(Address::parse("http://[::1]")->port, 8123);
  for (const char* bad : {"", "unix:rel", "tcp://x", "http://", "http://x/db", "http://x?a=b"})
    EXPECT_FALSE(Address::parse(bad)) << bad;
}

RC_GTEST_PROP(LateException, SplitPointsNeverChangeTheResult, ()) {
  static const std::string mark = "\r\n__exception__\r\n" + std::string(tag) + "\r\n";
  static const std::vector<std::string> pieces{
      "\r\n", "\r", "__exception__", "a", mark.substr(0, 20), std::string(tag), mark.substr(0, mark.size() - 1)};
  std::string data;
  for (const std::string& piece : *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(pieces)))
    data += piece;
  RC_PRE(data.find(mark) == std::string::npos);
  const bool with_block = *rc::gen::arbitrary<bool>();
  const std::string body = with_block ? data + late_block("Code: 5. DB::Exception: x") : data;
  // The data may end in a line break that the block's own beginning completes earlier.
  const std::string expected = with_block ? body.substr(0, body.find(mark)) : data;
  const std::size_t step = *rc::gen::inRange<std::size_t>(1, 40);
  LateExceptionFilter filter(tag);
  std::string passed;
  for (std::size_t at = 0; at < body.size(); at += step) passed += filter.pass(std::string_view(body).substr(at, step));
  const auto error = filter.exception(with_block);
  RC_ASSERT(error.has_value() == with_block);
  if (with_block) RC_ASSERT(error->engine_code == 5);
  passed += filter.rest();
  RC_ASSERT(passed == expected);
}

}  // namespace
}  // namespace kinglet::engine
