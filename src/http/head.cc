// SPDX-License-Identifier: Apache-2.0
#include "http/head.h"

#include <boost/beast/http/basic_parser.hpp>
#include <charconv>
#include <cstring>
#include <limits>

#include "http/text.h"

namespace kinglet::http::internal {

namespace beast = boost::beast;

HeadScanner::State HeadScanner::scan(std::string_view bytes, const Limits& limits) {
  // A TLS hello on a plain port, for one.
  if (!bytes.empty() && (bytes.front() <= ' ' || bytes.front() == 127)) return State::bad;
  while (true) {
    // The byte after each line feed: a space or tab there folds the line into the one before.
    if (line_start_ != 0 && line_start_ < bytes.size() && (bytes[line_start_] == ' ' || bytes[line_start_] == '\t')) {
      return State::bad;
    }
    const void* found =
        scanned_ < bytes.size() ? std::memchr(bytes.data() + scanned_, '\n', bytes.size() - scanned_) : nullptr;
    const std::size_t line_feed =
        found ? static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data()) : bytes.size();
    if (fields_start_ == 0 && line_feed > limits.start_line_max) return State::start_line_too_long;
    if (fields_start_ != 0 && line_feed - fields_start_ > limits.fields_max) return State::fields_too_long;
    if (!found) {
      scanned_ = bytes.size();
      return State::more;
    }
    if (line_feed == 0 || bytes[line_feed - 1] != '\r') return State::bad;
    scanned_ = line_feed + 1;
    const bool empty_line = line_feed == line_start_ + 1;
    if (empty_line && fields_start_ == 0) return State::bad;
    if (empty_line) return State::done;
    line_start_ = scanned_;
    if (fields_start_ == 0) fields_start_ = scanned_;
  }
}

namespace {

constexpr std::size_t usual_headers = 12;

/// Beast checks the grammar; the fields go straight into ours.
template <bool is_request>
class HeadParser final : public beast::http::basic_parser<is_request> {
 public:
  HeadParser(Headers& headers, std::size_t headers_max) : headers_(headers), headers_max_(headers_max) {
    headers.reserve(usual_headers);
    this->header_limit(std::numeric_limits<std::uint32_t>::max());
    this->body_limit(boost::none);
    this->eager(false);
  }
  std::string method, target;
  int status = 0, version = 0;
  bool too_many = false;

 private:
  using View = beast::string_view;
  using ErrorCode = beast::error_code;

  void on_request_impl(beast::http::verb, View method_name, View request_target, int http_version,
                       ErrorCode&) override {
    method.assign(method_name.data(), method_name.size());
    target.assign(request_target.data(), request_target.size());
    version = http_version;
  }
  void on_response_impl(int code, View, int http_version, ErrorCode&) override {
    status = code;
    version = http_version;
  }
  void on_field_impl(beast::http::field, View name, View value, ErrorCode& ec) override {
    if (headers_.size() == headers_max_) {
      too_many = true;
      ec = beast::http::error::header_limit;
      return;
    }
    headers_.add(std::string(name.data(), name.size()), std::string(value.data(), value.size()));
  }
  void on_header_impl(ErrorCode&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
  std::size_t on_body_impl(View, ErrorCode&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, View, ErrorCode&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, View, ErrorCode&) override { return 0; }
  void on_finish_impl(ErrorCode&) override {}

  Headers& headers_;
  std::size_t headers_max_;
};

/// Everything that framing and routing depend on, found in one pass.
struct KnownFields {
  std::size_t content_lengths = 0, transfer_encodings = 0, hosts = 0;
  std::string_view content_length, transfer_encoding, expect;
  bool close = false, keep_alive = false;
};

KnownFields find_known(const Headers& headers) {
  KnownFields known;
  for (const auto& [name, value] : headers) {
    switch (name.size()) {
      case 4:
        if (same_text(name, "host")) ++known.hosts;
        break;
      case 6:
        if (same_text(name, "expect")) known.expect = value;
        break;
      case 10:
        if (same_text(name, "connection")) {
          known.close = known.close || list_contains(value, "close");
          known.keep_alive = known.keep_alive || list_contains(value, "keep-alive");
        }
        break;
      case 14:
        if (same_text(name, "content-length")) {
          ++known.content_lengths;
          known.content_length = value;
        }
        break;
      case 17:
        if (same_text(name, "transfer-encoding")) {
          ++known.transfer_encodings;
          known.transfer_encoding = value;
        }
        break;
      default:
        break;
    }
  }
  return known;
}

/// The one place where the framing of a body is decided; everything ambiguous is refused (RFC 9112 section 6.3).
std::expected<Framing, Refusal> find_framing(const KnownFields& known, int version_minor) {
  Framing framing;
  if (known.transfer_encodings > 0) {
    if (known.content_lengths > 0)
      return std::unexpected(Refusal{400, "Content-Length together with Transfer-Encoding"});
    if (version_minor == 0) return std::unexpected(Refusal{400, "Transfer-Encoding in an HTTP/1.0 message"});
    if (known.transfer_encodings > 1 || !same_text(known.transfer_encoding, "chunked")) {
      return std::unexpected(Refusal{400, "The only Transfer-Encoding that is understood is chunked"});
    }
    framing.chunked = true;
    return framing;
  }
  if (known.content_lengths > 1) return std::unexpected(Refusal{400, "More than one Content-Length"});
  if (known.content_lengths == 1) {
    const std::string_view text = known.content_length;
    std::uint64_t length = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    const bool number = error == std::errc() && end == text.data() + text.size() && !text.empty();
    if (!number || length > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return std::unexpected(Refusal{400, "Content-Length is not a number"});
    }
    framing.content_length = length;
  }
  return framing;
}

}  // namespace

std::expected<RequestHead, Refusal> parse_request_head(std::string_view head, std::size_t headers_max) {
  RequestHead request;
  HeadParser<true> parser(request.headers, headers_max);
  beast::error_code ec;
  parser.put(boost::asio::const_buffer(head.data(), head.size()), ec);
  if (parser.too_many) return std::unexpected(Refusal{431, fmt::format("More than {} header fields", headers_max)});
  const bool old_version = ec == beast::http::error::bad_version;
  if (old_version) return std::unexpected(Refusal{400, "The HTTP version is not 1.0 or 1.1"});
  const bool framing_error = ec == beast::http::error::bad_content_length ||
                             ec == beast::http::error::multiple_content_length ||
                             ec == beast::http::error::bad_transfer_encoding;
  if (framing_error) return std::unexpected(Refusal{400, "Content-Length and Transfer-Encoding do not agree"});
  if (ec || !parser.is_header_done()) return std::unexpected(Refusal{400, "The request head is malformed"});

  const KnownFields known = find_known(request.headers);
  request.method = std::move(parser.method);
  request.target = std::move(parser.target);
  request.version_minor = parser.version % 10;
  auto framing = find_framing(known, request.version_minor);
  if (!framing) return std::unexpected(std::move(framing).error());
  request.framing = *framing;
  if (known.hosts > 1 || (known.hosts == 0 && request.version_minor == 1)) {
    return std::unexpected(Refusal{400, "An HTTP/1.1 request has exactly one Host header"});
  }
  request.keep_alive = !known.close && (request.version_minor == 1 || known.keep_alive);
  if (!known.expect.empty()) {
    if (!same_text(known.expect, "100-continue")) {
      return std::unexpected(Refusal{417, "The only expectation that is understood is 100-continue"});
    }
    request.expect_continue = request.version_minor == 1;
  }
  return request;
}

Result<ResponseHead> parse_response_head(std::string_view head, std::size_t headers_max) {
  ResponseHead response;
  HeadParser<false> parser(response.headers, headers_max);
  beast::error_code ec;
  parser.put(boost::asio::const_buffer(head.data(), head.size()), ec);
  if (ec || !parser.is_header_done()) return fail(Code::unavailable, "The peer's reply is not HTTP/1.1");
  const KnownFields known = find_known(response.headers);
  response.status = parser.status;
  response.version_minor = parser.version % 10;
  auto framing = find_framing(known, response.version_minor);
  if (!framing) return fail(Code::unavailable, "The peer's reply has a malformed head: {}", framing.error().message);
  response.framing = *framing;
  response.keep_alive = !known.close && (response.version_minor == 1 || known.keep_alive);
  return response;
}

std::expected<Target, Refusal> parse_target(std::string_view target, std::size_t parameters_max) {
  const auto bad = [](std::string message) { return std::unexpected(Refusal{400, std::move(message)}); };
  Target result;
  if (target == "*") {
    result.path = "*";
    return result;
  }
  if (!target.empty() && target.front() != '/') {
    // Absolute form, as sent to proxies: the host is the Host header's business.
    const std::size_t scheme_end = target.find("://");
    const bool http = scheme_end != std::string_view::npos && (same_text(target.substr(0, scheme_end), "http") ||
                                                               same_text(target.substr(0, scheme_end), "https"));
    if (!http) return bad("The request target is neither a path nor an http URL");
    target.remove_prefix(scheme_end + 3);
    target.remove_prefix(std::min(target.find_first_of("/?"), target.size()));
  }
  if (target.find('#') != std::string_view::npos) return bad("A fragment (#) in the request target");
  const std::size_t question = std::min(target.find('?'), target.size());
  std::string_view raw_path = target.substr(0, question);
  if (raw_path.empty()) raw_path = "/";

  result.path.reserve(raw_path.size());
  while (!raw_path.empty()) {  // raw_path is at a slash
    raw_path.remove_prefix(1);
    const std::size_t end = std::min(raw_path.find('/'), raw_path.size());
    auto segment = percent_decode(raw_path.substr(0, end), false);
    raw_path.remove_prefix(end);
    if (!segment) return bad("A % in the path is not followed by two hexadecimal digits");
    if (segment->find('\0') != std::string::npos) return bad("A NUL character in the path");
    if (*segment == "." || *segment == "..") return bad("A '.' or '..' segment in the path");
    result.path.push_back('/');
    for (const char c : *segment) {
      if (c == '/') {
        result.path += "%2F";
      } else {
        result.path.push_back(c);
      }
    }
  }
  if (question < target.size()) {
    auto query = parse_query(target.substr(question + 1), parameters_max);
    if (!query) return bad(query.error().message);
    result.query = std::move(*query);
  }
  return result;
}

}  // namespace kinglet::http::internal
