// SPDX-License-Identifier: Apache-2.0
#include "http/compression.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace kinglet::http {
namespace {

class PiecesBody final : public BodyReader {
 public:
  PiecesBody(std::string bytes, std::size_t step) : bytes_(std::move(bytes)), step_(step) {}
  Task<Result<std::size_t>> read_some(std::span<char> to) override {
    const std::size_t size = std::min({step_, to.size(), bytes_.size() - at_});
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at_), size, to.begin());
    at_ += size;
    co_return size;
  }
  std::optional<std::uint64_t> content_length() const override { return bytes_.size(); }
  std::size_t read_so_far() const { return at_; }

 private:
  std::string bytes_;
  std::size_t step_, at_ = 0;
};

Result<std::string> decode(Encoding encoding, std::string bytes, std::size_t step, std::size_t bytes_max = 1 << 20) {
  asio::io_context context;
  PiecesBody pieces(std::move(bytes), step);
  DecodingBody body(pieces, encoding, bytes_max);
  Result<std::string> result;
  asio::co_spawn(context, body.read_all(64 << 20),
                 [&](std::exception_ptr, Result<std::string> value) { result = std::move(value); });
  context.run();
  return result;
}

RC_GTEST_PROP(Compression, DecodingGivesWhatWasEncodedWhereverItIsCut, ()) {
  const auto encoding = *rc::gen::element(Encoding::gzip, Encoding::deflate, Encoding::zstd, Encoding::identity);
  const auto unit = *rc::gen::arbitrary<std::string>();
  const auto repeats = *rc::gen::inRange(1, 2000);
  std::string text;
  for (int i = 0; i < repeats; ++i) text += unit;
  const auto step = *rc::gen::inRange<std::size_t>(1, 500);
  const std::string encoded = encode_all(encoding, text);
  auto streamed = decode(encoding, encoded, step);
  RC_ASSERT(streamed.has_value());
  RC_ASSERT(*streamed == text);
  auto whole = decode_all(encoding, encoded, text.size());
  RC_ASSERT(whole.has_value());
  RC_ASSERT(*whole == text);
  // Every shorter body is an error (identity has no end of its own).
  if (encoding != Encoding::identity && !text.empty()) {
    const auto cut = *rc::gen::inRange<std::size_t>(0, encoded.size());
    RC_ASSERT(!decode(encoding, encoded.substr(0, cut), step));
    RC_ASSERT(!decode_all(encoding, encoded.substr(0, cut), text.size()));
  }
}

// attacks.md I7: a bomb ends at the limit, having cost no more than the limit.
TEST(Compression, I7BombsEndAtTheLimit) {
  for (const Encoding encoding : {Encoding::gzip, Encoding::deflate, Encoding::zstd}) {
    const std::string bomb = encode_all(encoding, std::string(16 << 20, '\0'));
    EXPECT_LT(bomb.size(), 100'000U);
    auto streamed = decode(encoding, bomb, 1000, 1 << 20);
    ASSERT_FALSE(streamed);
    EXPECT_EQ(streamed.error().code, Code::too_large);
    auto whole = decode_all(encoding, bomb, 1 << 20);
    ASSERT_FALSE(whole);
    EXPECT_EQ(whole.error().code, Code::too_large);
    EXPECT_TRUE(decode(encoding, bomb, 1000, 16 << 20)) << "exactly the limit is allowed";
  }
}

// attacks.md I7
TEST(Compression, I7EncodingsThatAreRefused) {
  EXPECT_EQ(*content_encoding({}), Encoding::identity);
  EXPECT_EQ(*content_encoding({{"Content-Encoding", "GZip"}}), Encoding::gzip);
  EXPECT_EQ(*content_encoding({{"Content-Encoding", "identity"}}), Encoding::identity);
  for (const char* refused : {"br", "gzip, gzip", "gzip,gzip", "compress", "gzip;q=1"}) {
    auto encoding = content_encoding({{"Content-Encoding", refused}});
    ASSERT_FALSE(encoding) << refused;
    EXPECT_EQ(encoding.error().code, Code::unsupported);
  }
  EXPECT_FALSE(content_encoding({{"Content-Encoding", "gzip"}, {"content-encoding", "gzip"}}));
}

TEST(Compression, WrongStreamsAreErrors) {
  for (const Encoding encoding : {Encoding::gzip, Encoding::deflate, Encoding::zstd}) {
    EXPECT_EQ(decode(encoding, "this is plain text, not compressed at all", 7).error().code, Code::invalid);
    EXPECT_EQ(decode(encoding, "", 7).error().code, Code::invalid);
    std::string damaged = encode_all(encoding, "hello hello hello");
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
    if (encoding != Encoding::zstd) {  // a zstd frame has no checksum unless asked for
      EXPECT_FALSE(decode(encoding, damaged, 7));
    }
  }
  EXPECT_EQ(decode(Encoding::gzip, encode_all(Encoding::gzip, "a") + "junk", 3).error().code, Code::invalid);
}

TEST(Compression, ConcatenatedMembersAndRawDeflate) {
  EXPECT_EQ(*decode(Encoding::gzip, encode_all(Encoding::gzip, "ab") + encode_all(Encoding::gzip, "cd"), 3), "abcd");
  EXPECT_EQ(*decode(Encoding::zstd, encode_all(Encoding::zstd, "ab") + encode_all(Encoding::zstd, "cd"), 3), "abcd");
  const std::string zlib = encode_all(Encoding::deflate, "hello hello");
  EXPECT_EQ(*decode(Encoding::deflate, zlib.substr(2, zlib.size() - 6), 1000), "hello hello");
  const std::string long_zlib = encode_all(Encoding::deflate, std::string(1 << 20, 'x'));
  for (const std::size_t step : {1, 2, 3, 1000}) {
    auto raw = decode(Encoding::deflate, long_zlib.substr(2, long_zlib.size() - 6), step);
    ASSERT_TRUE(raw) << raw.error().message << " at step " << step;
    EXPECT_EQ(raw->size(), std::size_t{1} << 20);
  }
  EXPECT_EQ(sniff_encoding(encode_all(Encoding::gzip, "a")), Encoding::gzip);
  EXPECT_EQ(sniff_encoding(encode_all(Encoding::zstd, "a")), Encoding::zstd);
  EXPECT_EQ(sniff_encoding("{"), Encoding::identity);
}

TEST(Compression, ChoosesWhatThePeerReads) {
  EXPECT_EQ(choose_encoding(""), Encoding::identity);
  EXPECT_EQ(choose_encoding("gzip, deflate, br"), Encoding::gzip);
  EXPECT_EQ(choose_encoding("gzip, deflate, br, zstd"), Encoding::zstd);
  EXPECT_EQ(choose_encoding("gzip;q=1.0, zstd;q=0.5"), Encoding::gzip);
  EXPECT_EQ(choose_encoding("gzip;q=0"), Encoding::identity);
  EXPECT_EQ(choose_encoding("br"), Encoding::identity);
}

}  // namespace
}  // namespace kinglet::http
