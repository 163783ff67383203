// SPDX-License-Identifier: Apache-2.0
// attacks.md I8: files that lie about themselves are refused before an engine sees them. Good files of every format, as
// the engine writes them, are in tests/api/test_file_formats.py.
#include "jobs/container_check.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

namespace kinglet::jobs {
namespace {

/// Thrift's compact protocol, written.
class ThriftOut {
 public:
  ThriftOut& field(int id, int type) {
    bytes_ += static_cast<char>(type);  // long form: no delta
    return zigzag(id);
  }
  ThriftOut& zigzag(std::int64_t value) {
    return varint(static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
  }
  ThriftOut& varint(std::uint64_t value) {
    for (; value >= 128; value >>= 7) bytes_ += static_cast<char>(value | 128);
    bytes_ += static_cast<char>(value);
    return *this;
  }
  ThriftOut& text(std::string_view value) {
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  ThriftOut& list(std::uint64_t count, int type) {
    bytes_ += static_cast<char>(0xf0 | type);
    return varint(count);
  }
  ThriftOut& raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  ThriftOut& stop() {
    bytes_ += '\0';
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};
constexpr int i32 = 5, i64 = 6, binary = 8, list = 9, structure = 12;

std::string schema_element(std::string_view name, std::int64_t children) {
  ThriftOut out;
  out.field(4, binary).text(name);
  if (children != 0) out.field(5, i32).zigzag(children);
  return out.stop().bytes();
}

struct Footer {
  std::vector<std::string> schema{schema_element("root", 1), schema_element("a", 0)};
  std::int64_t rows = 10, group_rows = 10, codec = 1, unpacked = 100, packed = 50, data_at = 4;
  int codec_type = i32;
  std::string chunk_extra = {}, extra = {};
};

std::string parquet(const Footer& f) {
  ThriftOut metadata;
  metadata.field(4, f.codec_type).zigzag(f.codec).field(5, i64).zigzag(f.rows).field(6, i64).zigzag(f.unpacked);
  metadata.field(7, i64).zigzag(f.packed).field(9, i64).zigzag(f.data_at).stop();
  ThriftOut chunk;
  chunk.raw(f.chunk_extra).field(2, i64).zigzag(4).field(3, structure).raw(metadata.bytes()).stop();
  ThriftOut group;
  group.field(1, list)
      .list(1, structure)
      .raw(chunk.bytes())
      .field(2, i64)
      .zigzag(100)
      .field(3, i64)
      .zigzag(f.group_rows);
  group.stop();
  ThriftOut footer;
  footer.field(1, i32).zigzag(2).field(2, list).list(f.schema.size(), structure);
  for (const auto& one : f.schema) footer.raw(one);
  footer.field(3, i64).zigzag(f.rows).field(4, list).list(1, structure).raw(group.bytes()).raw(f.extra).stop();
  std::string out = "PAR1" + std::string(60, 'x') + footer.bytes();
  const auto size = static_cast<std::uint32_t>(footer.bytes().size());
  out.append(reinterpret_cast<const char*>(&size), 4);
  return out + "PAR1";
}

std::string refusal(FileFormat format, std::string_view bytes) {
  const auto facts = check_container_bytes(format, bytes);
  return facts ? "" : facts.error().message;
}
std::string refusal(const Footer& footer) {
  return refusal(FileFormat::parquet, parquet(footer));
}
void expect_word(const std::string& text, std::string_view word) {
  EXPECT_NE(text.find(word), std::string::npos) << "'" << text << "' does not say '" << word << "'";
}

TEST(ContainerCheck, AGoodParquetFooterPasses) {
  const auto facts = check_container_bytes(FileFormat::parquet, parquet({}));
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(facts->rows, 10u);
  for (const int codec : {0, 1, 2, 5, 6, 7}) EXPECT_EQ(refusal(Footer{.codec = codec}), "") << codec;
}

TEST(ContainerCheck, I8BrotliPagesAreRefused) {
  expect_word(refusal(Footer{.codec = 4}), "BROTLI");
  expect_word(refusal(Footer{.codec = 3}), "LZO");
  expect_word(refusal(Footer{.codec = 9}), "compression");
  expect_word(refusal(Footer{.codec = -1}), "compression");
  // A codec that a lenient reader would read from a field of another type.
  expect_word(refusal(Footer{.codec = 4, .codec_type = i64}), "wrong type");
}

TEST(ContainerCheck, I8ARepeatedFieldIsJudgedEachTime) {
  // Twice in one struct: whichever a decoder takes, one of them is BROTLI.
  auto bytes = parquet({});
  ThriftOut again;
  again.field(4, i32).zigzag(4);
  const auto at = bytes.find(ThriftOut().field(4, i32).zigzag(1).field(5, i64).bytes());
  ASSERT_NE(at, std::string::npos);
  bytes.insert(at, again.bytes());
  const auto size = static_cast<std::uint32_t>(bytes.size() - 4 - 60 - 8);
  std::memcpy(bytes.data() + bytes.size() - 8, &size, 4);
  expect_word(refusal(FileFormat::parquet, bytes), "BROTLI");
}

TEST(ContainerCheck, I8HeadersThatLieAreRefused) {
  expect_word(refusal(Footer{.rows = 4'000'000'000, .group_rows = 4'000'000'000}), "rows in");
  expect_word(refusal(Footer{.rows = 10, .group_rows = 11}), "row groups");
  expect_word(refusal(Footer{.rows = -1, .group_rows = -1}), "rows");
  expect_word(refusal(Footer{.unpacked = 1ll << 40}), "unpack");
  expect_word(refusal(Footer{.unpacked = -5}), "unpack");
  expect_word(refusal(Footer{.packed = 1 << 20}), "outside");
  expect_word(refusal(Footer{.data_at = 1ll << 50}), "outside");
  expect_word(refusal(Footer{.chunk_extra = ThriftOut().field(1, binary).text("/etc/passwd").bytes()}), "other files");
  expect_word(refusal(Footer{.chunk_extra = ThriftOut().field(8, structure).stop().bytes()}), "encrypted");
}

TEST(ContainerCheck, I8SchemasThatAreNoTreesAreRefused) {
  for (const auto& schema : std::vector<std::vector<std::string>>{
           {},
           {schema_element("root", 2), schema_element("a", 0)},
           {schema_element("root", 1), schema_element("a", 0), schema_element("b", 0)},
           {schema_element("root", -1), schema_element("a", 0)},
           {schema_element("root", 1'000'000'000), schema_element("a", 0)},
       })
    expect_word(refusal(Footer{.schema = schema}), "schema");
  std::vector<std::string> deep(100, schema_element("g", 1));
  deep.push_back(schema_element("leaf", 0));
  expect_word(refusal(Footer{.schema = deep}), "levels deep");
  std::vector<std::string> wide{schema_element("root", 10'001)};
  wide.resize(10'002, schema_element("c", 0));
  expect_word(refusal(Footer{.schema = wide}), "columns");
}

TEST(ContainerCheck, I8NestedAndEndlessFieldsAreBounded) {
  ThriftOut deep;
  for (int i = 0; i < 10'000; ++i) deep.field(20, structure);
  expect_word(refusal(Footer{.extra = deep.bytes()}), "nested");
  expect_word(refusal(Footer{.extra = ThriftOut().field(20, list).list(1ull << 60, i32).bytes()}), "promises more");
  expect_word(refusal(Footer{.extra = ThriftOut().field(20, binary).varint(1ull << 62).bytes()}), "cut short");
}

TEST(ContainerCheck, EveryCutAndEveryByteIsSurvived) {
  const auto good = parquet({});
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_NE(refusal(FileFormat::parquet, std::string_view(good).substr(0, size)), "") << size;
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = good;
    for (int change = 0; change < 3; ++change) bytes[random() % bytes.size()] = static_cast<char>(random());
    for (const auto format :
         {FileFormat::parquet, FileFormat::orc, FileFormat::avro, FileFormat::arrow, FileFormat::arrow_stream})
      (void)check_container_bytes(format, bytes);
  }
}

// ---- ORC -----------------------------------------------------------------------------------------------------------

std::string orc(std::uint64_t compression, std::uint64_t footer = 5) {
  ThriftOut script;  // protobuf's varints are the same
  script.varint(1 << 3).varint(footer).varint(2 << 3).varint(compression).varint(3 << 3).varint(262'144);
  script.varint(8000 << 3 | 2).text("ORC");
  return "ORC" + std::string(40, 'x') + script.bytes() + static_cast<char>(script.bytes().size());
}

TEST(ContainerCheck, OrcPostscripts) {
  for (const auto compression : {0u, 1u, 2u, 4u, 5u}) EXPECT_EQ(refusal(FileFormat::orc, orc(compression)), "");
  expect_word(refusal(FileFormat::orc, orc(6)), "BROTLI");
  expect_word(refusal(FileFormat::orc, orc(3)), "LZO");
  expect_word(refusal(FileFormat::orc, orc(99)), "compression");
  expect_word(refusal(FileFormat::orc, orc(1, 1 << 20)), "larger than the file");
  expect_word(refusal(FileFormat::orc, orc(1, 1ull << 40)), "larger than is accepted");
  expect_word(refusal(FileFormat::orc, orc(1) + "tail"), "postscript");
}

// ---- Avro ----------------------------------------------------------------------------------------------------------

std::string avro(std::string_view schema, std::string_view codec = "null") {
  ThriftOut head;
  head.raw(std::string_view("Obj\x01", 4)).zigzag(2);
  for (const std::string_view text : {std::string_view("avro.schema"), schema, std::string_view("avro.codec"), codec})
    head.zigzag(static_cast<std::int64_t>(text.size())).raw(text);
  return head.zigzag(0).bytes() + std::string(16, 's') + "x";
}
constexpr std::string_view record = R"({"type":"record","name":"r","fields":[{"name":"a","type":["null","long"]}]})";

TEST(ContainerCheck, AvroHeaders) {
  for (const auto* codec : {"null", "deflate", "snappy", "zstandard"})
    EXPECT_EQ(refusal(FileFormat::avro, avro(record, codec)), "") << codec;
  for (const auto* codec : {"bzip2", "xz", "nonsense"})
    expect_word(refusal(FileFormat::avro, avro(record, codec)), "compression");
  expect_word(refusal(FileFormat::avro, avro("{")), "schema");
  expect_word(refusal(FileFormat::avro, avro(R"({"type":"record","name":"r"})")), "schema");
}

TEST(ContainerCheck, I8CyclicAvroSchemasAreRefused) {
  expect_word(refusal(FileFormat::avro, avro(R"({"type":"record","name":"r","fields":[{"name":"a","type":"r"}]})")),
              "cyclic");
  expect_word(refusal(FileFormat::avro,
                      avro(R"({"type":"record","name":"n.r","fields":[{"name":"a","type":{"type":"array","items":
                               {"type":"record","name":"s","fields":[{"name":"b","type":["null","n.r"]}]}}}]})")),
              "cyclic");
  // A type that is named twice, and holds another twice, and so on: 2^30 columns from a page of text.
  std::string bomb = R"({"type":"record","name":"r","fields":[{"name":"f0","type":{"type":"record","name":"t0",
                        "fields":[{"name":"x","type":"int"}]}})";
  for (int i = 1; i < 30; ++i)
    bomb +=
        fmt::format(R"(,{{"name":"f{0}","type":{{"type":"record","name":"t{0}","fields":[{{"name":"a","type":"t{1}"}},
                           {{"name":"b","type":"t{1}"}}]}}}})",
                    i, i - 1);
  expect_word(refusal(FileFormat::avro, avro(bomb + "]}")), "larger than is accepted");
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += R"({"type":"array","items":)";
  expect_word(refusal(FileFormat::avro, avro(deep + "\"int\"" + std::string(200, '}'))), "deep");
}

TEST(ContainerCheck, EmptyAndForeignFiles) {
  for (const auto format :
       {FileFormat::parquet, FileFormat::orc, FileFormat::avro, FileFormat::arrow, FileFormat::arrow_stream}) {
    expect_word(refusal(format, ""), "empty");
    EXPECT_NE(refusal(format, "id,name\n1,a\n2,b\n3,c and some more text to be long enough\n"), "");
  }
}

}  // namespace
}  // namespace kinglet::jobs
