// SPDX-License-Identifier: Apache-2.0
#include "http/compression.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/check.h"
#include "http/text.h"

namespace kinglet::http {
namespace {

constexpr std::size_t input_bytes = 64 << 10;
constexpr int gzip_or_zlib = 15 + 32;  // largest window, header found by zlib
constexpr int gzip_only = 15 + 16;

std::optional<Encoding> known_encoding(std::string_view name) {
  if (same_text(name, "identity") || name.empty()) return Encoding::identity;
  if (same_text(name, "gzip") || same_text(name, "x-gzip")) return Encoding::gzip;
  if (same_text(name, "deflate")) return Encoding::deflate;
  if (same_text(name, "zstd")) return Encoding::zstd;
  return std::nullopt;
}

}  // namespace

Result<Encoding> content_encoding(const Headers& headers) {
  const auto values = headers.get_all("content-encoding");
  if (values.empty()) return Encoding::identity;
  const std::string_view name = trim(values.front());
  if (values.size() > 1 || name.find(',') != std::string_view::npos) {
    return fail(Code::unsupported, "More than one Content-Encoding; gzip, deflate or zstd can be used, one at a time");
  }
  const auto encoding = known_encoding(name);
  if (!encoding)
    return fail(Code::unsupported, "The Content-Encoding '{}' is not supported; use gzip, deflate or zstd",
                name.substr(0, 40));
  return *encoding;
}

Encoding sniff_encoding(std::string_view first_bytes) {
  if (first_bytes.starts_with("\x1f\x8b")) return Encoding::gzip;
  if (first_bytes.starts_with("\x28\xb5\x2f\xfd")) return Encoding::zstd;
  return Encoding::identity;
}

struct Decoder::State {
  explicit State(Encoding kind) : encoding(kind) {
    if (encoding == Encoding::gzip || encoding == Encoding::deflate) {
      CHECK(inflateInit2(&inflate_state, gzip_or_zlib) == Z_OK, "zlib has memory at the start of a stream");
    } else if (encoding == Encoding::zstd) {
      zstd = ZSTD_createDCtx();
      CHECK(zstd != nullptr, "zstd has memory at the start of a stream");
      ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, zstd_window_log_max);
    }
  }
  ~State() {
    if (encoding == Encoding::gzip || encoding == Encoding::deflate) inflateEnd(&inflate_state);
    if (zstd != nullptr) ZSTD_freeDCtx(zstd);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Result<Step> inflate_some(std::string_view in, std::span<char> out);
  Result<Step> zstd_some(std::string_view in, std::span<char> out);

  Encoding encoding;
  z_stream inflate_state{};
  ZSTD_DCtx* zstd = nullptr;
  bool complete = false;   // an ended member or frame, and nothing behind it yet
  bool raw_tried = false;  // deflate without its zlib header
  bool replay_first_byte = false;
  char first_byte = 0;
  std::uint64_t bytes_in = 0;
  bool output_waits = false;  // zlib filled the buffer and may hold more, without any input
};

Decoder::Decoder(Encoding encoding) : state_(std::make_unique<State>(encoding)) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

bool Decoder::complete() const {
  return state_->encoding == Encoding::identity || state_->complete;
}

Result<Decoder::Step> Decoder::State::inflate_some(std::string_view in, std::span<char> out) {
  Step step;
  while (step.produced < out.size() && (step.consumed < in.size() || output_waits)) {
    if (complete) {
      // gzip files may be concatenated, as log rotation makes them.
      if (encoding != Encoding::gzip || inflateReset2(&inflate_state, gzip_only) != Z_OK) {
        return fail(Code::invalid, "Bytes follow the end of the compressed body");
      }
      complete = false;
    }
    std::string_view rest = in.substr(step.consumed);
    if (replay_first_byte) rest = std::string_view(&first_byte, 1);
    const std::span<char> room = out.subspan(step.produced);
    constexpr std::size_t most = std::numeric_limits<uInt>::max();
    inflate_state.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(rest.data()));
    inflate_state.avail_in = static_cast<uInt>(std::min(rest.size(), most));
    inflate_state.next_out = reinterpret_cast<Bytef*>(room.data());
    inflate_state.avail_out = static_cast<uInt>(std::min(room.size(), most));
    const uInt in_before = inflate_state.avail_in;
    const uInt out_before = inflate_state.avail_out;
    const int code = inflate(&inflate_state, Z_NO_FLUSH);
    // "deflate" is zlib by the RFC and raw by the habit of some old clients; the first bytes decide.
    // zlib's header has two bytes: the first may have come in an earlier piece, and is then read once more.
    if (code == Z_DATA_ERROR && encoding == Encoding::deflate && !raw_tried && bytes_in < 2 && step.consumed == 0) {
      raw_tried = true;
      replay_first_byte = bytes_in == 1;
      if (inflateReset2(&inflate_state, -15) == Z_OK) continue;
    }
    const std::size_t used = in_before - inflate_state.avail_in;
    if (bytes_in == 0 && used > 0) first_byte = rest.front();
    if (replay_first_byte) {
      replay_first_byte = used == 0;
    } else {
      bytes_in += used;
      step.consumed += used;
    }
    step.produced += out_before - inflate_state.avail_out;
    output_waits = inflate_state.avail_out == 0 && code == Z_OK;
    if (code == Z_STREAM_END) {
      complete = true;
    } else if (code == Z_BUF_ERROR) {
      break;
    } else if (code != Z_OK) {
      return fail(Code::invalid, "The body is not valid {}", encoding == Encoding::gzip ? "gzip" : "deflate");
    }
  }
  return step;
}

Result<Decoder::Step> Decoder::State::zstd_some(std::string_view in, std::span<char> out) {
  // Asked behind the end of a frame, zstd would begin to wait for the next one.
  if (in.empty() && complete) return Step{};
  ZSTD_inBuffer input{in.data(), in.size(), 0};
  ZSTD_outBuffer output{out.data(), out.size(), 0};
  // With no input left the decoder may still hold output.
  do {
    const std::size_t before = input.pos + output.pos;
    const std::size_t hint = ZSTD_decompressStream(zstd, &output, &input);
    if (ZSTD_isError(hint) != 0)
      return fail(Code::invalid, "The body is not valid zstd, or its window is larger than 128 MiB");
    complete = hint == 0;
    if (input.pos + output.pos == before) break;
  } while (input.pos < input.size && output.pos < output.size);
  return Step{input.pos, output.pos};
}

Result<Decoder::Step> Decoder::decode(std::string_view in, std::span<char> out) {
  switch (state_->encoding) {
    case Encoding::gzip:
    case Encoding::deflate:
      return state_->inflate_some(in, out);
    case Encoding::zstd:
      return state_->zstd_some(in, out);
    case Encoding::identity:
      break;
  }
  const std::size_t size = std::min(in.size(), out.size());
  std::copy_n(in.begin(), size, out.begin());
  return Step{size, size};
}

DecodingBody::DecodingBody(BodyReader& body, Encoding encoding, std::uint64_t decoded_bytes_max)
    : body_(body), encoding_(encoding), bytes_max_(decoded_bytes_max), decoder_(encoding) {
  if (encoding_ != Encoding::identity) input_.resize(input_bytes);
}

std::optional<std::uint64_t> DecodingBody::content_length() const {
  if (encoding_ == Encoding::identity) return body_.content_length();
  return std::nullopt;
}

Task<Result<std::size_t>> DecodingBody::read_some(std::span<char> to) {
  while (true) {
    std::size_t produced = 0;
    if (encoding_ == Encoding::identity) {
      auto read = co_await body_.read_some(to);
      if (!read || *read == 0) co_return read;
      produced = *read;
    } else {
      // First what the decoder still holds, then more input.
      const std::string_view input(input_.data() + begin_, end_ - begin_);
      auto step = decoder_.decode(input, to);
      if (!step) co_return std::unexpected(std::move(step).error());
      begin_ += step->consumed;
      produced = step->produced;
    }
    if (produced > 0) {
      bytes_ += produced;
      if (bytes_ > bytes_max_)
        co_return fail(Code::too_large, "The decoded body is larger than the limit of {} bytes", bytes_max_);
      co_return produced;
    }
    if (begin_ < end_) continue;
    if (input_ended_) {
      if (decoder_.complete()) co_return std::size_t{0};
      co_return fail(Code::invalid, "The compressed body ends in the middle");
    }
    begin_ = end_ = 0;
    auto read = co_await body_.read_some(input_);
    if (!read) co_return read;
    end_ = *read;
    input_ended_ = *read == 0;
  }
}

Result<std::string> decode_all(Encoding encoding, std::string_view bytes, std::size_t decoded_bytes_max) {
  Decoder decoder(encoding);
  std::string out;
  std::size_t size = 0;
  while (true) {
    if (size == out.size())
      out.resize(std::min(decoded_bytes_max + 1, std::max<std::size_t>(out.size() * 2, 16 << 10)));
    TRY(const auto step, decoder.decode(bytes, std::span<char>(out).subspan(size)));
    bytes.remove_prefix(step.consumed);
    size += step.produced;
    if (size > decoded_bytes_max)
      return fail(Code::too_large, "The decoded body is larger than the limit of {} bytes", decoded_bytes_max);
    if (step.consumed == 0 && step.produced == 0) break;
  }
  if (!bytes.empty() || !decoder.complete()) return fail(Code::invalid, "The compressed body ends in the middle");
  out.resize(size);
  return out;
}

Encoding choose_encoding(std::string_view accept_encoding) {
  double best_quality = 0;
  Encoding best = Encoding::identity;
  while (!accept_encoding.empty()) {
    const std::size_t end = std::min(accept_encoding.find(','), accept_encoding.size());
    const std::string_view item = accept_encoding.substr(0, end);
    accept_encoding.remove_prefix(std::min(end + 1, accept_encoding.size()));
    const auto encoding = known_encoding(trim(item.substr(0, item.find(';'))));
    if (!encoding || (*encoding != Encoding::gzip && *encoding != Encoding::zstd)) continue;
    double quality = 1;
    const auto q = header_parameter(item, "q");
    if (q) {
      const auto [rest, problem] = std::from_chars(q->data(), q->data() + q->size(), quality);
      if (problem != std::errc()) continue;
    }
    // At equal quality zstd: cheaper for both sides.
    if (quality > best_quality || (quality == best_quality && quality > 0 && *encoding == Encoding::zstd)) {
      best_quality = quality;
      best = *encoding;
    }
  }
  return best;
}

std::string_view encoding_name(Encoding encoding) {
  switch (encoding) {
    case Encoding::gzip:
      return "gzip";
    case Encoding::deflate:
      return "deflate";
    case Encoding::zstd:
      return "zstd";
    case Encoding::identity:
      break;
  }
  return {};
}

std::string encode_all(Encoding encoding, std::string_view text) {
  std::string out;
  if (encoding == Encoding::zstd) {
    out.resize(ZSTD_compressBound(text.size()));
    const std::size_t size = ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 1);
    CHECK(ZSTD_isError(size) == 0, "the buffer has the size zstd asks for");
    out.resize(size);
    return out;
  }
  if (encoding == Encoding::identity) return std::string(text);
  CHECK(text.size() < std::numeric_limits<uInt>::max(), "larger bodies are streamed");
  z_stream stream{};
  const int window = encoding == Encoding::gzip ? gzip_only : 15;
  CHECK(deflateInit2(&stream, 1, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) == Z_OK,
        "zlib has memory at the start of a stream");
  out.resize(deflateBound(&stream, text.size()));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END, "the buffer has the size zlib asks for");
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace kinglet::http
