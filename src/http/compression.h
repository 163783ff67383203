// SPDX-License-Identifier: Apache-2.0
// Content-Encoding of bodies: gzip, deflate and zstd, streamed, with the decoded size bounded (attacks.md I7).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace kinglet::http {

enum class Encoding : std::uint8_t { identity, gzip, deflate, zstd };

/// Of a message's Content-Encoding header; identity when there is none. Errors: unsupported (unknown, `br`, or
/// more than one: nested encodings are a bomb inside a bomb).
Result<Encoding> content_encoding(const Headers& headers);
/// gzip or zstd when the bytes begin as such a file does; files named .gz come without a header.
Encoding sniff_encoding(std::string_view first_bytes);

/// Decodes a stream of bytes. Thread: any, one at a time.
class Decoder {
 public:
  /// Memory a zstd frame may ask for as its window: 2^27 = 128 MiB is what `zstd --long` writes.
  static constexpr int zstd_window_log_max = 27;

  explicit Decoder(Encoding encoding);
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  struct Step {
    std::size_t consumed = 0, produced = 0;
  };
  /// Moves on until `in` is used up or `out` is full. Errors: invalid (not such a stream).
  Result<Step> decode(std::string_view in, std::span<char> out);
  /// True between members or frames: where the input may end.
  bool complete() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A body that is decoded as it is read. `decoded_bytes_max` bounds what comes out in all (too_large beyond). A stream
/// that ends in the middle is an error (invalid). `body` must outlive it.
class DecodingBody final : public BodyReader {
 public:
  DecodingBody(BodyReader& body, Encoding encoding, std::uint64_t decoded_bytes_max);
  Task<Result<std::size_t>> read_some(std::span<char> to) override;
  std::optional<std::uint64_t> content_length() const override;
  const Headers& trailers() const override { return body_.trailers(); }

 private:
  BodyReader& body_;
  Encoding encoding_;
  std::uint64_t bytes_max_, bytes_ = 0;
  Decoder decoder_;
  std::string input_;
  std::size_t begin_ = 0, end_ = 0;
  bool input_ended_ = false;
};

/// Decodes a whole text. Errors: invalid, too_large.
Result<std::string> decode_all(Encoding encoding, std::string_view bytes, std::size_t decoded_bytes_max);

/// The best of what Accept-Encoding allows and we write (zstd, gzip), or identity. `q=0` refuses one.
Encoding choose_encoding(std::string_view accept_encoding);
/// "gzip"; empty for identity.
std::string_view encoding_name(Encoding encoding);
/// One compressed text, level for speed.
std::string encode_all(Encoding encoding, std::string_view text);

}  // namespace kinglet::http
