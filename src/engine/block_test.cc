// SPDX-License-Identifier: Apache-2.0
// Native bytes: the hex examples of the format's page, wrong blocks, and the laws of truncating and joining.
#include "engine/block.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <deque>
#include <random>

#include "engine/block_joiner.h"

namespace kinglet::engine {
namespace {

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02X}", static_cast<unsigned char>(c));
  return out;
}
std::string from_hex(std::string_view text) {
  std::string digits, out;
  for (const char c : text)
    if (c != ' ') digits += c;
  for (std::size_t i = 0; i < digits.size(); i += 2)
    out += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  return out;
}
Column column_of(const char* type) {
  return Column(*parse_type(type));
}
std::string data_of(const Column& column) {
  std::string out;
  column.encode_data(out);
  return hex(out);
}

TEST(NativeBlock, TwoRowsOfTheFormatPage) {
  Block block;
  block.add("k", column_of("UInt64"));
  block.add("s", column_of("String"));
  block.column(0).add<std::uint64_t>(1);
  block.column(0).add<std::uint64_t>(2);
  block.column(1).add_string("ab");
  block.column(1).add_string("");
  std::string out;
  block.encode(out);
  EXPECT_EQ(out, from_hex("02 02 01 6B 06 55 49 6E 74 36 34 01 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00"
                          "01 73 06 53 74 72 69 6E 67 02 61 62 00"));
  auto back = Block::decode(out);
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(back->column_names(), (std::vector<std::string>{"k", "s"}));
  EXPECT_EQ(back->column(1).string_at(0), "ab");
}

TEST(NativeBlock, ValuesOfTheFormatPage) {
  Column nullable = column_of("Nullable(UInt8)");
  nullable.present().add<std::uint8_t>(5);
  nullable.add_null();
  nullable.present().add<std::uint8_t>(9);
  EXPECT_EQ(data_of(nullable), "000100050009");

  Column array = column_of("Array(UInt8)");
  for (int v : {10, 20, 30}) array.element(0).add(static_cast<std::uint8_t>(v));
  array.close_row();
  array.close_row();
  for (int v : {40, 50}) array.element(0).add(static_cast<std::uint8_t>(v));
  array.close_row();
  EXPECT_EQ(data_of(array),
            "0300000000000000"
            "0300000000000000"
            "0500000000000000"
            "0A141E2832");

  Column map = column_of("Map(String, UInt32)");
  map.element(0).add_string("a");
  map.element(1).add<std::uint32_t>(1);
  map.element(0).add_string("b");
  map.element(1).add<std::uint32_t>(2);
  map.close_row();
  EXPECT_EQ(data_of(map),
            "0200000000000000"
            "01610162"
            "0100000002000000");

  Column json = column_of("JSON");
  json.add_string("{\"a\":1}");
  json.add_string("{}");
  EXPECT_EQ(data_of(json),
            "0100000000000000"
            "077B2261223A317D"
            "027B7D");

  Column empty_tuple = column_of("Tuple()");
  empty_tuple.close_row();
  EXPECT_EQ(data_of(empty_tuple), "30");

  Column prefix_first = column_of("Array(JSON)");
  prefix_first.element(0).add_string("{}");
  prefix_first.close_row();
  EXPECT_EQ(data_of(prefix_first),
            "0100000000000000"
            "0100000000000000"
            "027B7D");
}

TEST(NativeBlock, DefaultColumnsAreNullableOnlyWhenARowTakesTheDefault) {
  Column column = Column::with_default(*parse_type("UInt8"));
  column.present().add<std::uint8_t>(7);
  EXPECT_EQ(column.header_type(), "UInt8");
  EXPECT_EQ(data_of(column), "07");
  column.add_null();
  EXPECT_EQ(column.header_type(), "Nullable(UInt8)");
  EXPECT_EQ(data_of(column), "00010700");
  column.truncate(1);
  EXPECT_EQ(column.header_type(), "UInt8");
}

TEST(NativeBlock, NestedIsSentAsItsArrays) {
  Block block;
  block.add("n", column_of("Nested(a UInt8, b String)"));
  block.column(0).element(0).add<std::uint8_t>(1);
  block.column(0).element(1).add_string("x");
  block.column(0).close_row();
  EXPECT_EQ(block.column_names(), (std::vector<std::string>{"n.a", "n.b"}));
  std::string out;
  block.encode(out);
  auto back = Block::decode(out);
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(back->column(0).header_type(), "Array(UInt8)");
  EXPECT_EQ(back->column(1).header_type(), "Array(String)");
  std::string again;
  back->encode(again);
  EXPECT_EQ(again, out);
}

TEST(NativeBlock, WrongBlocksAreRefused) {
  for (const char* text : {"",
                           "00 00",                                // the engine's silent end of input
                           "00 05",                                // rows of defaults
                           "01 00 01 6B 05 55 49 6E 74 38",        // no rows
                           "01 01 01 6B 05 55 49 6E 74 38",        // data missing
                           "01 01 01 6B 05 55 49 6E 74 38 01 00",  // stray byte
                           "01 FF FF FF FF FF FF FF FF FF 01 01 6B 05 55 49 6E 74 38 01",  // 2^64 rows
                           "01 FF FF FF FF FF FF FF FF FF 7F 01",                          // varuint too long
                           "01 01 01 6B 03 46 6F 6F 01",                                   // unknown type
                           "01 01 01 6B 06 53 74 72 69 6E 67 7F",  // string longer than the block
                           "01 01 01 6B 0F 4E 75 6C 6C 61 62 6C 65 28 55 49 6E 74 38 29 02 05",  // null byte 2
                           "01 02 01 6B 0C 41 72 72 61 79 28 55 49 6E 74 38 29 01 00 00 00 00 00 00 00 00 00 00 00 00 "
                           "00 00 00 05",                                   // falling ends
                           "01 01 01 6B 06 53 74 72 69 6E 67 81 00 61"}) {  // length in a longer form than needed
    EXPECT_FALSE(Block::decode(from_hex(text)).has_value()) << text;
  }
}

TEST(NativeBlock, BlocksOfOtherColumnsAreNotJoined) {
  Block a, b, c;
  a.add("x", column_of("UInt8"));
  b.add("y", column_of("UInt8"));
  c.add("x", column_of("UInt16"));
  EXPECT_FALSE(a.append(b).has_value());
  EXPECT_FALSE(a.append(c).has_value());
  EXPECT_FALSE(a.append(Block()).has_value());
}

const std::vector<const char*> shapes = {"UInt8",
                                         "Int256",
                                         "String",
                                         "FixedString(3)",
                                         "Nullable(String)",
                                         "Array(String)",
                                         "Array(Array(UInt16))",
                                         "Map(String, Nullable(UInt8))",
                                         "Tuple(a UInt8, b Array(String))",
                                         "Nested(a UInt8, b String)",
                                         "JSON",
                                         "Tuple()",
                                         "Array(Tuple(JSON, UUID))",
                                         "DateTime64(3)"};

void add_random(Column& column, std::mt19937& random, int depth = 0) {
  const auto up_to = [&](std::uint32_t n) { return random() % (n + 1); };
  switch (column.shape()) {
    case Column::Shape::fixed: {
      std::string bytes(column.type().width, '\0');
      for (char& c : bytes) c = static_cast<char>(random());
      column.add_bytes(bytes.data());
      return;
    }
    case Column::Shape::string:
      column.add_string(std::string(up_to(depth > 0 ? 5 : 200), static_cast<char>('a' + up_to(20))));
      return;
    case Column::Shape::nullable:
      if (up_to(2) == 0) {
        column.add_null();
      } else {
        add_random(column.present(), random, depth + 1);
      }
      return;
    case Column::Shape::array:
      for (std::uint32_t n = static_cast<std::uint32_t>(up_to(4)); n > 0; --n)
        for (std::size_t i = 0; i < column.element_count(); ++i) add_random(column.element(i), random, depth + 1);
      column.close_row();
      return;
    case Column::Shape::tuple:
      for (std::size_t i = 0; i < column.element_count(); ++i) add_random(column.element(i), random, depth + 1);
      column.close_row();
      return;
  }
}
Block random_block(std::uint32_t seed, std::size_t rows, bool defaults = true) {
  Block block;
  for (std::size_t i = 0; i < shapes.size(); ++i) block.add(fmt::format("c{}", i), column_of(shapes[i]));
  block.add("d", Column::with_default(*parse_type("UInt32")));
  std::mt19937 random(seed);
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t i = 0; i < block.column_count(); ++i) {
      if (i + 1 == block.column_count() && !defaults) {
        add_random(block.column(i).present(), random);
      } else {
        add_random(block.column(i), random);
      }
    }
  return block;
}
std::string encoded(const Block& block) {
  std::string out;
  block.encode(out);
  return out;
}

TEST(NativeBlockLaws, DecodeOfEncodeIsTheSame) {
  EXPECT_TRUE(rc::check([](std::uint32_t seed, std::uint8_t rows) {
    const std::string bytes = encoded(random_block(seed, rows + 1u));
    auto back = Block::decode(bytes);
    RC_ASSERT(back.has_value());
    RC_ASSERT(encoded(*back) == bytes);
  }));
}

TEST(NativeBlockLaws, TruncatingUndoesAppendingAlsoHalfWrittenRows) {
  EXPECT_TRUE(rc::check([](std::uint32_t seed, std::uint8_t rows, std::uint8_t more) {
    Block block = random_block(seed, rows + 1u);
    const std::string before = encoded(block);
    std::mt19937 random(seed + 1);
    for (int row = 0; row < more; ++row)
      for (std::size_t i = 0; i < block.column_count(); ++i) add_random(block.column(i), random);
    for (std::size_t i = 0; i < block.column_count() / 2; ++i) add_random(block.column(i), random);
    for (std::size_t i = 0; i < block.column_count(); ++i) {
      Column& column = block.column(i);
      if (column.shape() == Column::Shape::array) add_random(column.element(0), random);
      if (column.shape() == Column::Shape::nullable) column.present();
      if (column.shape() == Column::Shape::tuple && column.element_count() > 0) add_random(column.element(0), random);
    }
    block.truncate(rows + 1u);
    RC_ASSERT(encoded(block) == before);
  }));
}

TEST(NativeBlockLaws, JoiningEncodedBlocksIsJoiningBlocks) {
  EXPECT_TRUE(rc::check([](std::uint32_t seed, std::uint8_t rows, bool defaults_a, bool defaults_b) {
    Block a = random_block(seed, rows % 20 + 1u, defaults_a);
    const Block b = random_block(seed + 1, rows % 7 + 1u, defaults_b);
    auto decoded = Block::decode(encoded(a));
    auto other = Block::decode(encoded(b));
    RC_ASSERT(decoded.has_value() && other.has_value());
    RC_ASSERT(decoded->append(*other).has_value());
    RC_ASSERT(a.append(b).has_value());
    RC_ASSERT(encoded(*decoded) == encoded(a));
    RC_ASSERT(a.row_count() == rows % 20 + 1u + rows % 7 + 1u);
  }));
}

std::string joined(BlockJoiner& joiner) {
  std::string out;
  for (const auto piece : joiner.pieces()) out += piece;
  return out;
}

TEST(NativeBlockLaws, TheJoinerMakesWhatDecodingAndAppendingMakes) {
  EXPECT_TRUE(rc::check([](std::uint32_t seed, const std::vector<std::uint8_t>& rows, std::uint8_t defaults) {
    Block slowly = random_block(seed, 2, (defaults & 1u) != 0);
    std::deque<std::string> blocks{encoded(slowly)};  // the joiner refers to them
    BlockJoiner joiner;
    RC_ASSERT(joiner.add(blocks.back()).has_value());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      // Now and then so many rows that runs of their bytes stay in the block.
      const std::size_t count = rows[i] % 32 == 0 ? 1'200u : rows[i] % 5u + 1u;
      const Block next =
          random_block(seed + static_cast<std::uint32_t>(i) + 1, count, ((defaults >> (i % 8)) & 1u) != 0);
      RC_ASSERT(joiner.add(blocks.emplace_back(encoded(next))).has_value());
      RC_ASSERT(slowly.append(next).has_value());
    }
    RC_ASSERT(joined(joiner) == encoded(slowly));
    RC_ASSERT(joined(joiner) == encoded(slowly));  // asking twice changes nothing
  }));
}

TEST(NativeBlock, TheJoinerRefusesCutBlocksAndOtherColumns) {
  Block other;
  other.add("other", column_of("UInt8"));
  other.column(0).add<std::uint8_t>(1);
  const std::string first = encoded(random_block(7, 3));
  for (std::size_t size = 0; size < first.size(); ++size) {
    BlockJoiner joiner;
    ASSERT_TRUE(joiner.add(first).has_value());
    EXPECT_FALSE(joiner.add(std::string_view(first).substr(0, size)).has_value()) << size;
  }
  const std::string others = encoded(other);
  BlockJoiner joiner;
  ASSERT_TRUE(joiner.add(first).has_value());
  EXPECT_FALSE(joiner.add(others).has_value());
}

TEST(NativeBlock, TheJoinerTakesAnotherSpellingOfATypeAndRefusesAnotherType) {
  const auto block_of = [](std::string_view type) {
    std::string out(
        "\x01\x01\x01"
        "a",
        4);
    append_varuint(type.size(), out);
    return out.append(type) + "\x05";
  };
  const std::string plain = block_of("UInt8"), spaced = block_of(" UInt8 "), other = block_of("Int8");
  BlockJoiner joiner;
  ASSERT_TRUE(joiner.add(plain).has_value());
  EXPECT_TRUE(joiner.add(spaced).has_value());
  EXPECT_EQ(joined(joiner), std::string("\x01\x02\x01"
                                        "a"
                                        "\x05"
                                        "UInt8"
                                        "\x05\x05"));
  EXPECT_EQ(joiner.add(other).error().message, "a column a of type UInt8 cannot be joined with one a of type Int8");
}

TEST(NativeBlockLaws, NoCutBlockIsTaken) {
  const std::string bytes = encoded(random_block(7, 3));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(Block::decode(std::string_view(bytes).substr(0, size)).has_value()) << size;
}

}  // namespace
}  // namespace kinglet::engine
