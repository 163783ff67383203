// SPDX-License-Identifier: Apache-2.0
// Compressed bodies: bombs, cuts, junk, odd headers (attacks.md I7), and that pieces of any size give the same bytes.
#include "rows/decompress.h"

#include <gtest/gtest.h>
#include <lz4frame.h>
#include <rapidcheck.h>
#include <zstd.h>

#include "rows/compress_testing.h"

namespace kinglet::rows {
namespace {

using testing::deflated;
using testing::gzipped;

std::string zstded(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}
std::string lz4ed(std::string_view text) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  std::string out(LZ4F_compressFrameBound(text.size(), &preferences), '\0');
  out.resize(LZ4F_compressFrame(out.data(), out.size(), text.data(), text.size(), &preferences));
  return out;
}
std::string compressed(Encoding encoding, std::string_view text) {
  switch (encoding) {
    case Encoding::gzip:
      return gzipped(text);
    case Encoding::deflate:
      return deflated(text, MAX_WBITS);
    case Encoding::zstd:
      return zstded(text);
    case Encoding::lz4:
      return lz4ed(text);
    case Encoding::identity:
      break;
  }
  return std::string(text);
}

Result<std::string> in_pieces(Encoding encoding, std::string_view bytes, std::size_t piece,
                              std::uint64_t limit = 1ull << 30) {
  auto decoder = Decompressor::make(encoding, {.output_bytes_max = limit});
  std::string whole, out;
  while (!bytes.empty()) {
    const std::string chunk(bytes.substr(0, piece));
    bytes.remove_prefix(chunk.size());
    std::string_view rest = chunk;
    bool more = true;
    while (more) {
      TRY(more, decoder->next(rest, out));
      EXPECT_LE(out.size(), 2 * Decompressor::piece_bytes);
      whole += out;
    }
    EXPECT_TRUE(rest.empty());
  }
  TRY_VOID(decoder->finish());
  return whole;
}

TEST(Decompress, HeadersI7) {
  EXPECT_EQ(parse_content_encoding("").value(), Encoding::identity);
  EXPECT_EQ(parse_content_encoding("identity").value(), Encoding::identity);
  EXPECT_EQ(parse_content_encoding(" GZip ").value(), Encoding::gzip);
  EXPECT_EQ(parse_content_encoding("x-gzip").value(), Encoding::gzip);
  EXPECT_EQ(parse_content_encoding("identity, zstd").value(), Encoding::zstd);
  EXPECT_EQ(parse_content_encoding("deflate").value(), Encoding::deflate);
  EXPECT_EQ(parse_content_encoding("lz4").value(), Encoding::lz4);
  for (const char* header : {"br", "gzip, gzip", "gzip,zstd", "lz4, lz4", "gzip, identity, gzip", "compress",
                             "gzip;q=1", "snappy", "gzip, br"}) {
    auto result = parse_content_encoding(header);
    ASSERT_FALSE(result.has_value()) << header;
    EXPECT_EQ(result.error().code, Code::unsupported);
  }
}

TEST(Decompress, BombsStopAtTheLimitI7) {
  const std::string zeros(64 << 20, '\0');
  for (const Encoding encoding :
       {Encoding::gzip, Encoding::deflate, Encoding::zstd, Encoding::lz4, Encoding::identity}) {
    auto result = decompress_all(encoding, compressed(encoding, zeros), 1 << 20);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, Code::too_large);
  }
  // At the limit is fine, one byte more is not.
  EXPECT_TRUE(decompress_all(Encoding::gzip, gzipped(std::string(1000, 'x')), 1000).has_value());
  EXPECT_FALSE(decompress_all(Encoding::gzip, gzipped(std::string(1001, 'x')), 1000).has_value());
  // Nested compression is only peeled once.
  EXPECT_EQ(decompress_all(Encoding::gzip, gzipped(gzipped("x")), 1000).value(), gzipped("x"));
}

TEST(Decompress, BombsStopAtTheRatioI7) {
  const std::string zeros(8 << 20, '\0');
  const auto read = [](Encoding encoding, std::string_view bytes, std::uint64_t free) -> Result<std::uint64_t> {
    auto decoder = Decompressor::make(encoding, {.ratio_max = 20, .ratio_free_bytes = free});
    std::uint64_t total = 0;
    std::string out;
    for (bool more = true; more;) {
      TRY(more, decoder->next(bytes, out));
      total += out.size();
    }
    TRY_VOID(decoder->finish());
    return total;
  };
  for (const Encoding encoding : {Encoding::gzip, Encoding::deflate, Encoding::zstd, Encoding::lz4}) {
    const std::string bomb = compressed(encoding, zeros);
    auto refused = read(encoding, bomb, 1 << 20);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Code::too_large);
    EXPECT_NE(refused.error().message.find("more than 20 times its size"), std::string::npos)
        << refused.error().message;
    EXPECT_EQ(read(encoding, bomb, 8 << 20).value(), zeros.size());  // small enough, whatever the ratio
  }
  // Ordinary text of any size stays below it.
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += fmt::format("line {} {}\n", i, i * 7919);
  for (const Encoding encoding : {Encoding::gzip, Encoding::zstd, Encoding::lz4})
    EXPECT_EQ(read(encoding, compressed(encoding, text), 1 << 20).value(), text.size());
}

TEST(Decompress, HugeZstdWindowsAreRefusedI7) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 27);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  std::string out(1 << 20, '\0');
  ZSTD_outBuffer made{out.data(), out.size(), 0};
  ZSTD_inBuffer in{"abc", 3, 0};
  ASSERT_EQ(ZSTD_compressStream2(context, &made, &in, ZSTD_e_flush), 0u);
  ASSERT_EQ(ZSTD_compressStream2(context, &made, &in, ZSTD_e_end), 0u);
  ZSTD_freeCCtx(context);
  auto result = decompress_all(Encoding::zstd, std::string_view(out).substr(0, made.pos), 1000);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Code::too_large);
}

TEST(Decompress, CutOrDamagedStreamsAreInvalidI7) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += fmt::format("line {} {}\n", i, i * 7919);
  for (const Encoding encoding : {Encoding::gzip, Encoding::deflate, Encoding::zstd, Encoding::lz4}) {
    const std::string bytes = compressed(encoding, text);
    for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 50) {
      auto result = decompress_all(encoding, std::string_view(bytes).substr(0, size), 1 << 20);
      ASSERT_FALSE(result.has_value()) << size;
      EXPECT_EQ(result.error().code, Code::invalid);
    }
    EXPECT_FALSE(decompress_all(encoding, "hello, this is not compressed", 1 << 20).has_value());
    EXPECT_FALSE(decompress_all(encoding, bytes + "junk", 1 << 20).has_value());
  }
  std::string damaged = gzipped(text);
  damaged[damaged.size() - 6] ^= 1;  // the checksum
  EXPECT_FALSE(decompress_all(Encoding::gzip, damaged, 1 << 20).has_value());
  damaged = lz4ed(text);
  damaged.back() ^= 1;
  EXPECT_FALSE(decompress_all(Encoding::lz4, damaged, 1 << 20).has_value());
}

TEST(Decompress, MembersAndFramesFollowEachOther) {
  EXPECT_EQ(decompress_all(Encoding::gzip, gzipped("a") + gzipped("") + gzipped("b"), 100).value(), "ab");
  EXPECT_EQ(decompress_all(Encoding::zstd, zstded("a") + zstded("b"), 100).value(), "ab");
  EXPECT_EQ(decompress_all(Encoding::lz4, lz4ed("a") + lz4ed("") + lz4ed("b"), 100).value(), "ab");
  EXPECT_EQ(decompress_all(Encoding::deflate, deflated("bare", -MAX_WBITS), 100).value(), "bare");
}

TEST(DecompressLaws, PiecesChangeNothing) {
  EXPECT_TRUE(rc::check([](std::string text, std::uint8_t repeat) {
    std::string big;
    for (int i = 0; i < repeat * 40; ++i) big += text;
    const auto piece = *rc::gen::element<std::size_t>(1, 2, 3, 100, SIZE_MAX);
    const auto encoding =
        *rc::gen::element(Encoding::gzip, Encoding::deflate, Encoding::zstd, Encoding::lz4, Encoding::identity);
    auto result = in_pieces(encoding, compressed(encoding, big), piece);
    RC_ASSERT(result.has_value() || (encoding == Encoding::identity && big.empty()));
    if (result) RC_ASSERT(*result == big);
  }));
}

}  // namespace
}  // namespace kinglet::rows
