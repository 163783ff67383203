// SPDX-License-Identifier: Apache-2.0
#include "http/chunked.h"

#include <boost/beast/http/basic_parser.hpp>
#include <cstring>
#include <limits>

#include "base/check.h"

namespace kinglet::http::internal {

namespace beast = boost::beast;

/// Beast's parser, led past a head that announces a chunked body.
class ChunkedDecoder::Parser final : public beast::http::basic_parser<true> {
 public:
  Parser() {
    header_limit(std::numeric_limits<std::uint32_t>::max());
    body_limit(boost::none);
    eager(false);
    static constexpr std::string_view head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    beast::error_code ec;
    put(boost::asio::const_buffer(head.data(), head.size()), ec);
    CHECK(!ec && is_header_done(), "the constant head is well formed");
    in_trailers_ = true;
  }

  std::span<char> out;      // where the next body bytes go; null data: they are there already
  std::size_t produced = 0;
  std::uint64_t remaining = 0;
  Headers trailers;

 private:
  using View = beast::string_view;
  using ErrorCode = beast::error_code;

  void on_request_impl(beast::http::verb, View, View, int, ErrorCode&) override {}
  void on_response_impl(int, View, int, ErrorCode&) override {}
  void on_field_impl(beast::http::field, View name, View value, ErrorCode&) override {
    if (in_trailers_) trailers.add(std::string(name.data(), name.size()), std::string(value.data(), value.size()));
  }
  void on_header_impl(ErrorCode&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
  std::size_t on_body_impl(View, ErrorCode&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t size, View, ErrorCode&) override { remaining = size; }
  std::size_t on_chunk_body_impl(std::uint64_t, View body, ErrorCode&) override {
    std::size_t size = body.size();
    if (out.data() != nullptr) {
      size = std::min(size, out.size() - produced);
      std::memcpy(out.data() + produced, body.data(), size);
    }
    produced += size;
    remaining -= size;
    return size;
  }
  void on_finish_impl(ErrorCode&) override {}

  bool in_trailers_ = false;
};

ChunkedDecoder::ChunkedDecoder() : parser_(std::make_unique<Parser>()) {}
ChunkedDecoder::~ChunkedDecoder() = default;

Result<ChunkedDecoder::Step> ChunkedDecoder::decode(std::string_view in, std::span<char> out) {
  CHECK(!out.empty(), "an empty buffer cannot take bytes");
  parser_->out = out;
  parser_->produced = 0;
  Step step;
  while (!parser_->is_done() && parser_->produced < out.size()) {
    const std::string_view rest = in.substr(step.consumed);
    if (rest.empty()) {
      step.need_more = true;
      break;
    }
    // Beast waits for a whole CRLF; a line feed alone is refused at once.
    if (parser_->remaining == 0) {
      // The line end of the chunk before comes first.
      const std::size_t line_feed = rest.find('\n', rest.starts_with("\r\n") ? 2 : 0);
      if (line_feed != std::string_view::npos && (line_feed == 0 || rest[line_feed - 1] != '\r')) {
        return fail(Code::invalid, "A malformed chunk in the body");
      }
    }
    beast::error_code ec;
    step.consumed += parser_->put(boost::asio::const_buffer(rest.data(), rest.size()), ec);
    if (ec == beast::http::error::need_more) {
      if (in.size() - step.consumed > line_bytes_max) return fail(Code::invalid, "A chunk header or trailer is too long");
      step.need_more = true;
      break;
    }
    if (ec) return fail(Code::invalid, "A malformed chunk in the body");
  }
  step.produced = parser_->produced;
  return step;
}

bool ChunkedDecoder::done() const { return parser_->is_done(); }
std::uint64_t ChunkedDecoder::chunk_remaining() const { return parser_->remaining; }

Status ChunkedDecoder::accept(std::string_view body) {
  parser_->out = {};
  parser_->produced = 0;
  beast::error_code ec;
  const std::size_t used = parser_->put(boost::asio::const_buffer(body.data(), body.size()), ec);
  if (ec || used != body.size()) return fail(Code::invalid, "A malformed chunk in the body");
  return {};
}

const Headers& ChunkedDecoder::trailers() const { return parser_->trailers; }

}  // namespace kinglet::http::internal
