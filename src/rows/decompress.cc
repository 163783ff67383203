// SPDX-License-Identifier: Apache-2.0
// zlib, zstd and lz4 behind one streaming interface.
#include "rows/decompress.h"

#include <lz4frame.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <span>

#include "base/ascii.h"
#include "base/check.h"

namespace kinglet::rows {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// What went in and came out so far, against the limits.
class Meter {
 public:
  explicit Meter(const DecompressLimits& limits) : limits_(limits) {}
  Status count(std::size_t in, std::size_t out) {
    in_ += in;
    out_ += out;
    if (out_ > limits_.output_bytes_max)
      return fail(Code::too_large, "the body is larger than {} bytes when decompressed", limits_.output_bytes_max);
    if (out_ > limits_.ratio_free_bytes && out_ / limits_.ratio_max > in_)
      return fail(Code::too_large,
                  "the body decompresses to more than {} times its size ({} bytes from {}); a body of more than {} "
                  "bytes may not",
                  limits_.ratio_max, out_, in_, limits_.ratio_free_bytes);
    return {};
  }

 private:
  DecompressLimits limits_;
  std::uint64_t in_ = 0, out_ = 0;
};

class Identity : public Decompressor {
 public:
  explicit Identity(const DecompressLimits& limits) : meter_(limits) {}
  Result<bool> next(std::string_view& input, std::string& out) override {
    const std::size_t size = std::min(input.size(), piece_bytes);
    out.assign(input.substr(0, size));
    input.remove_prefix(size);
    TRY_VOID(meter_.count(size, size));
    return !input.empty();
  }
  Status finish() override { return {}; }

 private:
  Meter meter_;
};

/// gzip and deflate. `deflate` means zlib's wrapping (RFC 9110 8.4.1.2); bare deflate data, which some senders use, is
/// told apart by its first two bytes.
class Zlib : public Decompressor {
 public:
  Zlib(Encoding encoding, const DecompressLimits& limits) : encoding_(encoding), meter_(limits) {}
  ~Zlib() override {
    if (open_) inflateEnd(&stream_);
  }
  Zlib(const Zlib&) = delete;
  Zlib& operator=(const Zlib&) = delete;

  Result<bool> next(std::string_view& input, std::string& out) override {
    out.clear();
    if (!open_) {
      if (encoding_ == Encoding::deflate && head_.size() < 2) {
        const std::size_t size = std::min(input.size(), 2 - head_.size());
        head_.append(input.substr(0, size));
        input.remove_prefix(size);
        if (head_.size() < 2) return false;
      }
      open();
    }
    if (!head_.empty()) {
      std::string_view head = head_;
      TRY(bool more, decode(head, out));
      head_.erase(0, head_.size() - head.size());
      if (more || !head_.empty()) return true;
      if (!out.empty()) return !input.empty();
    }
    return decode(input, out);
  }

  Status finish() override {
    if (!ended_) return fail(Code::invalid, "the {} stream is cut: it ends before its last block", name());
    return {};
  }

 private:
  const char* name() const { return encoding_ == Encoding::gzip ? "gzip" : "deflate"; }

  void open() {
    const auto high = static_cast<unsigned char>(head_.empty() ? 0 : head_[0]);
    const auto low = static_cast<unsigned char>(head_.empty() ? 0 : head_[1]);
    const bool wrapped = (high & 15) == 8 && (high * 256u + low) % 31 == 0;
    const int window = encoding_ == Encoding::gzip ? MAX_WBITS + 16 : wrapped ? MAX_WBITS : -MAX_WBITS;
    CHECK(inflateInit2(&stream_, window) == Z_OK, "memory for a zlib stream");
    open_ = true;
  }

  Result<bool> decode(std::string_view& input, std::string& out) {
    if (ended_ && !input.empty()) {
      // gzip: another member may follow; anything else is junk.
      if (encoding_ != Encoding::gzip)
        return fail(Code::invalid, "bytes stand behind the end of the {} stream", name());
      CHECK(inflateReset(&stream_) == Z_OK, "a zlib stream can be reset");
      ended_ = false;
    }
    const std::size_t start = out.size();
    out.resize(start + piece_bytes);
    const std::size_t given = std::min<std::size_t>(input.size(), 1u << 30);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream_.avail_in = static_cast<uInt>(given);
    stream_.next_out = reinterpret_cast<Bytef*>(out.data() + start);
    stream_.avail_out = static_cast<uInt>(piece_bytes);
    const int result = ended_ ? Z_OK : inflate(&stream_, Z_NO_FLUSH);
    const std::size_t made = piece_bytes - stream_.avail_out;
    out.resize(start + made);
    input.remove_prefix(given - stream_.avail_in);
    TRY_VOID(meter_.count(given - stream_.avail_in, made));
    if (result == Z_STREAM_END) {
      ended_ = true;
      return !input.empty();
    }
    if (result != Z_OK && result != Z_BUF_ERROR)
      return fail(Code::invalid, "the body is not a valid {} stream, or it is damaged", name());
    return stream_.avail_out == 0 || !input.empty();
  }

  Encoding encoding_;
  Meter meter_;
  z_stream stream_{};
  bool open_ = false;
  bool ended_ = false;
  std::string head_;  // deflate: the two bytes that tell its wrapping
};

/// A format of frames: a stream may hold several, and ends only at the end of one.
class Framed : public Decompressor {
 public:
  Result<bool> next(std::string_view& input, std::string& out) final {
    out.resize(piece_bytes);
    Sizes sizes;
    if (!input.empty() || waiting_) {
      TRY(ended_, decode(input, out, sizes));
    }
    out.resize(sizes.made);
    input.remove_prefix(sizes.used);
    TRY_VOID(meter_.count(sizes.used, sizes.made));
    waiting_ = sizes.made == piece_bytes && !ended_;
    return waiting_ || !input.empty();
  }
  Status finish() final {
    if (!ended_) return fail(Code::invalid, "the {} stream is cut: it ends inside a frame", name_);
    return {};
  }

 protected:
  struct Sizes {
    std::size_t used = 0, made = 0;
  };
  Framed(const char* name, const DecompressLimits& limits) : name_(name), meter_(limits) {}
  /// Decodes into the whole of `out`, as far as it goes; true at the end of a frame. Errors: invalid, too_large.
  virtual Result<bool> decode(std::string_view input, std::span<char> out, Sizes& sizes) = 0;

 private:
  const char* name_;
  Meter meter_;
  bool ended_ = false;
  bool waiting_ = false;  // the decoder may hold more than the piece had room for
};

class Zstd final : public Framed {
 public:
  explicit Zstd(const DecompressLimits& limits)
      : Framed("zstd", limits), window_log_max_(limits.zstd_window_log_max), stream_(ZSTD_createDStream()) {
    CHECK(stream_ != nullptr, "memory for a zstd stream");
    ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, static_cast<int>(limits.zstd_window_log_max));
  }
  ~Zstd() override { ZSTD_freeDStream(stream_); }
  Zstd(const Zstd&) = delete;
  Zstd& operator=(const Zstd&) = delete;

 private:
  Result<bool> decode(std::string_view input, std::span<char> out, Sizes& sizes) override {
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    ZSTD_outBuffer made{out.data(), out.size(), 0};
    const std::size_t result = ZSTD_decompressStream(stream_, &made, &in);
    if (ZSTD_isError(result)) {
      if (ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge)
        return fail(Code::too_large, "the zstd window is larger than 2^{} bytes", window_log_max_);
      return fail(Code::invalid, "the body is not a valid zstd stream, or it is damaged");
    }
    sizes = {.used = in.pos, .made = made.pos};
    return result == 0;
  }

  unsigned window_log_max_;
  ZSTD_DStream* stream_;
};

/// The lz4 frame format; a block of it has at most 4 MiB.
class Lz4 final : public Framed {
 public:
  explicit Lz4(const DecompressLimits& limits) : Framed("lz4", limits) {
    CHECK(!LZ4F_isError(LZ4F_createDecompressionContext(&context_, LZ4F_VERSION)), "memory for an lz4 stream");
  }
  ~Lz4() override { LZ4F_freeDecompressionContext(context_); }
  Lz4(const Lz4&) = delete;
  Lz4& operator=(const Lz4&) = delete;

 private:
  Result<bool> decode(std::string_view input, std::span<char> out, Sizes& sizes) override {
    sizes = {.used = input.size(), .made = out.size()};
    const std::size_t result = LZ4F_decompress(context_, out.data(), &sizes.made, input.data(), &sizes.used, nullptr);
    if (LZ4F_isError(result)) return fail(Code::invalid, "the body is not a valid lz4 stream, or it is damaged");
    return result == 0;
  }

  LZ4F_dctx* context_ = nullptr;
};

}  // namespace

Result<Encoding> parse_content_encoding(std::string_view header) {
  Encoding found = Encoding::identity;
  std::size_t count = 0;
  while (!header.empty()) {
    const auto comma = header.find(',');
    const std::string coding = ascii::lower(trimmed(header.substr(0, comma)));
    header = comma == std::string_view::npos ? std::string_view{} : header.substr(comma + 1);
    if (coding.empty() || coding == "identity") continue;
    if (coding == "gzip" || coding == "x-gzip") {
      found = Encoding::gzip;
    } else if (coding == "deflate") {
      found = Encoding::deflate;
    } else if (coding == "zstd") {
      found = Encoding::zstd;
    } else if (coding == "lz4") {
      found = Encoding::lz4;
    } else if (coding == "br") {
      return fail(Code::unsupported, "Content-Encoding br is not supported; use gzip, zstd, deflate or lz4");
    } else {
      return fail(Code::unsupported, "Content-Encoding '{}' is not known; use gzip, zstd, deflate or lz4",
                  coding.substr(0, 40));
    }
    if (++count > 1)
      return fail(Code::unsupported, "several content codings on top of each other are not supported; use one");
  }
  return found;
}

Encoding encoding_of_name(std::string_view name) {
  const std::string text = ascii::lower(name);
  return text.ends_with(".gz")    ? Encoding::gzip
         : text.ends_with(".zst") ? Encoding::zstd
         : text.ends_with(".lz4") ? Encoding::lz4
                                  : Encoding::identity;
}

std::unique_ptr<Decompressor> Decompressor::make(Encoding encoding, const DecompressLimits& limits) {
  switch (encoding) {
    case Encoding::gzip:
    case Encoding::deflate:
      return std::make_unique<Zlib>(encoding, limits);
    case Encoding::zstd:
      return std::make_unique<Zstd>(limits);
    case Encoding::lz4:
      return std::make_unique<Lz4>(limits);
    case Encoding::identity:
      break;
  }
  return std::make_unique<Identity>(limits);
}

Result<std::string> decompress_all(Encoding encoding, std::string_view input, std::size_t output_bytes_max) {
  const auto decoder = Decompressor::make(encoding, {.output_bytes_max = output_bytes_max});
  std::string whole, piece;
  bool more = !input.empty();
  while (more) {
    TRY(more, decoder->next(input, piece));
    whole += piece;
    more = more || !input.empty();
  }
  TRY_VOID(decoder->finish());
  return whole;
}

}  // namespace kinglet::rows
