// SPDX-License-Identifier: Apache-2.0
#include "engine/client.h"

#include "base/ids.h"
#include "base/log.h"
#include "engine/exception.h"
#include "http/client.h"
#include "json/document.h"

namespace kinglet::engine {
namespace {

constexpr std::size_t error_bytes_max = 64 << 10;
constexpr std::size_t read_bytes = 64 << 10;
constexpr std::size_t tree_bytes_max = 64 << 20;  // of 1 MiB of SQL: a line for each node, indented by its depth
constexpr std::chrono::seconds default_time{60};

http::Endpoint endpoint_of(const Address& address) {
  return {.socket_path = address.socket_path, .host = address.host, .port = address.port, .tls = address.tls};
}

void append_parameter(std::string& target, std::string_view name, std::string_view value) {
  target += target.empty() ? "/?" : "&";
  target += http::percent_encode(name);
  target += '=';
  target += http::percent_encode(value);
}

void append_parameters(std::string& target, const Settings& settings, std::string_view prefix = {}) {
  for (const auto& [name, value] : settings) append_parameter(target, std::string(prefix) + name, value);
}

std::uint64_t number(const json::object& object, std::string_view key) {
  const auto text = json::get_string(object, key);  // ClickHouse writes 64-bit numbers as strings
  std::uint64_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

Summary parse_summary(std::string_view text) {
  Summary summary;
  auto document = json::parse(text);
  if (!document || !document->is_object()) return summary;  // a statistic, not worth an error
  const json::object& object = document->get_object();
  summary.read_rows = number(object, "read_rows");
  summary.read_bytes = number(object, "read_bytes");
  summary.written_rows = number(object, "written_rows");
  summary.result_rows = number(object, "result_rows");
  summary.elapsed_seconds = static_cast<double>(number(object, "elapsed_ns")) / 1e9;
  return summary;
}

/// The Error that a status other than 200 stands for.
Error error_of_reply(int status, std::optional<std::string_view> code_header, std::string_view body) {
  Error error = parse_exception(body);
  if (error.engine_code == 0 && code_header) {
    int code = 0;
    std::from_chars(code_header->data(), code_header->data() + code_header->size(), code);
    error.engine_code = code;
    error.code = code_of_exception(code);
  }
  if (error.engine_code == 0) {
    error.code = status == 502 || status == 503 || status == 504 ? Code::unavailable : Code::engine_refused;
    if (error.message.empty()) error.message = fmt::format("The engine answered with status {}", status);
  }
  return error;
}

class HttpReply final : public Reply {
 public:
  explicit HttpReply(std::unique_ptr<http::ClientReply> reply)
      : reply_(std::move(reply)),
        filter_(reply_->headers().get("x-clickhouse-exception-tag").value_or("")),
        buffer_(std::make_unique_for_overwrite<char[]>(read_bytes)) {
    const auto header = reply_->headers().get("x-clickhouse-summary");
    if (header) summary_ = parse_summary(*header);
  }

  Task<Result<std::string>> next() override {
    if (failure_) co_return fail(*failure_);
    if (ended_) co_return std::string();
    while (true) {
      const std::span<char> room(buffer_.get(), read_bytes);
      auto read = co_await reply_->body().read_some(room);
      if (!read || *read == 0) break_off(read);
      if (failure_) co_return fail(*failure_);
      std::string piece = ended_ ? filter_.rest() : filter_.pass({buffer_.get(), *read});
      if (!piece.empty() || ended_) co_return piece;
    }
  }
  const Summary& summary() const override { return summary_; }

 private:
  /// The body ended, well or not.
  void break_off(const Result<std::size_t>& read) {
    const std::optional<Error> late = filter_.exception(!read);
    if (late) {
      failure_ = late;
    } else if (!read) {
      failure_ = read.error();
      if (failure_->code == Code::unavailable) failure_->message = "The engine's reply was cut before its end";
    } else {
      ended_ = true;
      const auto trailer = reply_->body().trailers().get("x-clickhouse-summary");
      if (trailer) summary_ = parse_summary(*trailer);
    }
    if (failure_) reply_->do_not_reuse();
  }

  std::unique_ptr<http::ClientReply> reply_;
  LateExceptionFilter filter_;
  std::unique_ptr<char[]> buffer_;
  Summary summary_;
  std::optional<Error> failure_;
  bool ended_ = false;
};

}  // namespace

Result<Address> Address::parse(std::string_view url) {
  Address address;
  static constexpr std::string_view unix_prefix = "unix:";
  if (url.starts_with(unix_prefix)) {
    url.remove_prefix(unix_prefix.size());
    if (!url.starts_with('/')) return fail(Code::invalid, "An engine address unix:PATH needs an absolute path");
    address.socket_path = std::string(url);
    return address;
  }
  TRY(http::Url parsed, http::parse_url(url, {.http = 8123, .https = 8443}));  // ClickHouse's own ports
  if (parsed.target != "/")
    return fail(Code::invalid, "An engine URL has no path and no query; settings belong to the configuration");
  address.host = std::move(parsed.endpoint.host);
  address.tls = parsed.endpoint.tls;
  address.port = parsed.endpoint.port;
  address.user = std::move(parsed.user);
  address.password = std::move(parsed.password);
  return address;
}

struct Client::State {
  State(asio::any_io_executor executor, Options client_options)
      : options(std::move(client_options)),
        endpoint(endpoint_of(options.address)),
        client(std::move(executor), {.connections_max = options.connections_max}) {}

  Options options;
  http::Endpoint endpoint;
  http::Client client;
  bool away = false;  // and the log says so

  /// Sends `body` to `target`; a reply with status 200, or the Error it stands for.
  Task<Result<std::unique_ptr<http::ClientReply>>> exchange(http::ClientRequest request);
};

Task<Result<std::unique_ptr<http::ClientReply>>> Client::State::exchange(http::ClientRequest request) {
  request.method = "POST";
  if (request.deadline == Deadline{}) request.deadline = Clock::now() + default_time;
  request.headers.add("TE", "trailers");
  if (!options.address.user.empty()) {
    request.headers.add("X-ClickHouse-User", options.address.user);
    request.headers.add("X-ClickHouse-Key", options.address.password);
  }
  auto reply = co_await client.send(endpoint, std::move(request));
  if (!reply) {
    Error error = std::move(reply).error();
    if (error.code == Code::busy) error.code = Code::unavailable;  // our pool, not the caller's limit
    if (error.code == Code::timeout) error.message = "The engine did not answer in time";
    if (error.code == Code::unavailable) {
      // The operator's: it names the engine's address. Callers hear only that it is away.
      if (!std::exchange(away, true)) log::warning("the engine does not answer", {{"error", error.message}});
      error.message = "The engine does not answer; try again in a moment";
    }
    co_return fail(std::move(error));
  }
  away = false;
  if ((*reply)->status() == 200) co_return reply;

  (*reply)->do_not_reuse();
  std::string text(error_bytes_max, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const std::span<char> room(text.data() + size, text.size() - size);
    auto read = co_await (*reply)->body().read_some(room);
    if (!read || *read == 0) break;  // a cut error text is still the error
    size += *read;
  }
  const auto code_header = (*reply)->headers().get("x-clickhouse-exception-code");
  co_return fail(error_of_reply((*reply)->status(), code_header, {text.data(), size}));
}

Client::Client(asio::any_io_executor executor, Options options)
    : state_(std::make_unique<State>(std::move(executor), std::move(options))) {}
Client::~Client() = default;

Task<Result<std::unique_ptr<Reply>>> Client::open(std::string sql, QueryOptions options) {
  std::string target;
  append_parameter(target, "query_id", options.query_id.empty() ? make_uuid() : options.query_id);
  append_parameter(target, "default_format", options.format);
  if (options.read_only) {
    append_parameter(target, "readonly", "1");
    // A ClickHouse server goes on reading for nobody unless told otherwise; kinglet-engine always stops.
    if (!state_->endpoint.host.empty()) append_parameter(target, "cancel_http_readonly_queries_on_client_close", "1");
  }
  append_parameters(target, options.settings);
  append_parameters(target, options.parameters, "param_");
  http::ClientRequest request;
  request.target = std::move(target);
  request.body = std::move(sql);
  request.repeatable = options.read_only;
  request.deadline = options.deadline;
  auto reply = co_await state_->exchange(std::move(request));
  if (!reply) co_return std::unexpected(std::move(reply).error());
  co_return std::unique_ptr<Reply>(new HttpReply(std::move(*reply)));
}

Task<Result<Client::Whole>> Client::query(std::string sql, QueryOptions options, std::size_t bytes_max) {
  auto opened = co_await open(std::move(sql), std::move(options));
  if (!opened) co_return std::unexpected(std::move(opened).error());
  const std::unique_ptr<Reply> reply = std::move(*opened);
  Whole whole;
  while (true) {
    auto piece = co_await reply->next();
    if (!piece) co_return std::unexpected(std::move(piece).error());
    if (piece->empty()) break;
    if (whole.body.size() + piece->size() > bytes_max) {
      co_return fail(Code::too_large, "The result is larger than {} bytes", bytes_max);
    }
    if (whole.body.empty()) {
      whole.body = std::move(*piece);
    } else {
      whole.body += *piece;
    }
  }
  whole.summary = reply->summary();
  co_return whole;
}

Task<Result<std::string>> Client::explain_tree(std::string_view sql, Deadline deadline) {
  QueryOptions options;
  options.format = "TabSeparatedRaw";
  options.whole = true;
  options.deadline = deadline;
  CO_TRY(auto explained, co_await query(fmt::format("EXPLAIN AST {}", sql), std::move(options), tree_bytes_max));
  co_return std::move(explained.body);
}

Task<Status> Client::execute(std::string sql, Deadline deadline, Settings settings) {
  QueryOptions options;
  options.format = "Null";
  options.read_only = false;
  options.settings = std::move(settings);
  options.deadline = deadline;
  auto done = co_await query(std::move(sql), std::move(options), 1 << 20);
  if (!done) co_return std::unexpected(std::move(done).error());
  co_return Status();
}

Task<Result<Summary>> Client::insert(std::string statement, std::vector<std::string_view> block, Settings settings,
                                     Deadline deadline, std::string_view format) {
  std::string target;
  append_parameter(target, "query", fmt::format("{} FORMAT {}", statement, format));
  append_parameter(target, "query_id", make_uuid());
  append_parameters(target, settings);
  http::ClientRequest request;
  request.target = std::move(target);
  request.body_pieces = std::move(block);
  request.deadline = deadline;
  auto sent = co_await state_->exchange(std::move(request));
  if (!sent) co_return std::unexpected(std::move(sent).error());
  HttpReply reply(std::move(*sent));
  while (true) {
    auto piece = co_await reply.next();
    if (!piece) co_return std::unexpected(std::move(piece).error());
    if (piece->empty()) break;
  }
  co_return reply.summary();
}

Task<bool> Client::ping(Deadline deadline) {
  http::ClientRequest request;
  request.target = "/ping";
  request.deadline = deadline;
  auto reply = co_await state_->client.send(state_->endpoint, std::move(request));
  if (!reply || (*reply)->status() != 200) co_return false;
  auto body = co_await (*reply)->body().read_all(1024);
  co_return body.has_value();
}

}  // namespace kinglet::engine
