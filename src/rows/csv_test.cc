// SPDX-License-Identifier: Apache-2.0
// CSV: structure, dialects, NULL spellings, and cells that do not fit.
#include <gtest/gtest.h>

#include "rows/row_testing.h"

namespace kinglet::rows {
namespace {

using testing::read_all;
using testing::source_of;
using Rows = std::vector<std::string>;

const auto three = source_of({{"a", "Int32"}, {"b", "String"}, {"c", "Nullable(Float64)"}});

testing::Outcome csv(const datafile::DataSource& source, std::string_view text, CsvDialect dialect = {},
                     const MappingOptions& mapping = {}, std::size_t piece = SIZE_MAX) {
  return read_all(source, text, {.format = InputFormat::csv, .csv = dialect}, mapping, piece);
}
std::string counts(const testing::Outcome& out) {
  return fmt::format("{}+{} malformed {}", out.batch.counts.successful, out.batch.counts.quarantined,
                     out.batch.counts.malformed);
}

TEST(Csv, StructureThatIsWrongIsCountedAndNotStoredI2) {
  for (const char* text : {"a,b,c\n1,x\n", "a,b,c\n1,x,2,3\n", "a,b,c\n1,\"x\"y,2\n", "a,b,c\n1,\"x,2\n"}) {
    auto out = csv(three, text);
    EXPECT_EQ(counts(out), "0+0 malformed 1") << text;
    EXPECT_TRUE(out.nothing_parsed);
    EXPECT_EQ(out.batch.errors.size(), 1u);
    EXPECT_EQ(out.batch.errors[0].row, 2u);
  }
  EXPECT_EQ(csv(three, "a,b,c\n1,x\n2,\"y\"z,1\n3,w,\n").rows(), (Rows{"3;w;NULL"}));
}

TEST(Csv, HeaderByNameOrPosition) {
  EXPECT_EQ(csv(three, "c,a,b\n1.5,1,x\n").rows(), (Rows{"1;x;1.5"}));
  EXPECT_EQ(csv(three, "1,x,1.5\n2,y,\n").rows(), (Rows{"1;x;1.5", "2;y;NULL"}));
  EXPECT_EQ(csv(three, "a,b\n1,x\n").rows(), (Rows{"1;x;NULL"}));
  EXPECT_EQ(csv(three, "b,a,other,c\nx,1,zz,2\n").rows(), (Rows{"1;x;2"}));
  EXPECT_EQ(csv(three, "b,a,other,c\nx,1,zz,2\n").new_columns, (Rows{"other"}));
  EXPECT_EQ(counts(csv(three, "1,x,1.5,4\n")), "0+0 malformed 1");
  EXPECT_EQ(counts(csv(three, "a\n1\n")), "0+1 malformed 0") << "b has no default";
  EXPECT_EQ(
      csv(three, "a,b,c\n", {.header = false}).bad(),
      (Rows{
          "[a,c];[value 'a' on column 'a' is not Int32,value 'c' on column 'c' is not Nullable(Float64)];NULL;a;b;c"}));
  EXPECT_NE(csv(three, "x,y\n1,2\n", {.header = true}).fault, "");
  EXPECT_EQ(counts(csv(three, "")), "0+0 malformed 0");
}

TEST(Csv, QuotesNewlinesAndMarksI2) {
  EXPECT_EQ(csv(three, "\xef\xbb\xbf\"a\",\"b\",c\r\n\"1\",\"x\r\n\r\ny\"\"z, w\",\"2\"\r\n\r\n2,\xc3\xa9,\r\n").rows(),
            (Rows{"1;x\r\n\r\ny\"z, w;2", "2;\xc3\xa9;NULL"}));
  EXPECT_EQ(csv(three, std::string_view("1,a\0b,2\n", 8)).rows(), (Rows{std::string("1;a\0b;2", 7)}));
  EXPECT_EQ(csv(three, "1,say \"hi\",2\n").rows(), (Rows{"1;say \"hi\";2"})) << "a quote inside a plain cell is text";
  const std::string big(10 << 20, 'x');
  EXPECT_EQ(csv(three, "1," + big + ",2\n").rows()[0].size(), big.size() + 4);
  EXPECT_EQ(counts(csv(three, "1," + big + ",2\n2,y,2\n", {}, {.row_bytes_max = 1 << 20})), "1+0 malformed 1");
}

TEST(Csv, Dialects) {
  EXPECT_EQ(csv(three, "a;b;c\n1;x,y;2\n").rows(), (Rows{"1;x,y;2"}));
  EXPECT_EQ(csv(three, "a|b|c\n1|x|2\n").rows(), (Rows{"1;x;2"}));
  EXPECT_EQ(csv(three, "a\tb\tc\n1\tx\t2\n").rows(), (Rows{"1;x;2"}));
  EXPECT_EQ(csv(three, "a:b:c\n1:x:2\n", {.delimiter = ':'}).rows(), (Rows{"1;x;2"}));
  EXPECT_EQ(csv(three, "1,\"x\\\"y\",2\n", {.escape = '\\'}).rows(), (Rows{"1;x\"y;2"}));
  EXPECT_EQ(counts(csv(three, "1,\"x\\\"y\",2\n")), "0+0 malformed 1") << "no escape by default";
  EXPECT_FALSE(parse_csv_dialect("ab", "", "").has_value());
  EXPECT_FALSE(parse_csv_dialect("\"", "", "").has_value());
  EXPECT_FALSE(parse_csv_dialect(",", ",", "").has_value());
  EXPECT_FALSE(parse_csv_dialect("", "", "\r").has_value());
  EXPECT_EQ(parse_csv_dialect("\\t", "\\", "\n")->delimiter, '\t');
}

TEST(Csv, NullSpellings) {
  EXPECT_EQ(csv(three, "1,,\\N\n2,\"\",\"\\N\"\n").rows(), (Rows{"1;;NULL", "2;;NULL"}));
  EXPECT_EQ(csv(three, ",x,1\n").bad(), (Rows{"[a];[value '' on column 'a' is not Int32];NULL;;x;1"}));
  EXPECT_EQ(csv(source_of({{"absicht", "String"}, {"abslevel", "Float32"}}), "x,\n").bad(),
            (Rows{"[abslevel];[value '' on column 'abslevel' is not Float32];NULL;x;"}))
      << "the documented text";
  auto with = source_of({{"a", "Int32", "", "7"}, {"s", "String", "", "'d'"}, {"n", "Nullable(String)"}});
  EXPECT_EQ(csv(with, ",,\n1,\"\",\"\"\n").rows(), (Rows{"NULL;NULL;NULL", "1;;"}));
}

TEST(Csv, CellsAreNumbersArraysAndObjectsAsText) {
  auto source = source_of({{"a", "Array(Int8)"},
                           {"m", "Map(String, Int8)"},
                           {"b", "Bool"},
                           {"t", "DateTime"},
                           {"u", "UInt64"},
                           {"d", "Decimal(9, 2)"}});
  EXPECT_EQ(csv(source, "\"[1,2]\",\"{\"\"k\"\":1}\",true,1704413030,18446744073709551615,1.25\n").rows(),
            (Rows{"[1,2];{k:1};1;1704413030;18446744073709551615;125"}));
  EXPECT_EQ(counts(csv(source, "[1,{},yes,x,-1,a\n", {.delimiter = ','})), "0+1 malformed 0");
  for (const char* cell : {"300", "1.7", "abc", "0x1", " 1", "1 ", "1e5"})
    EXPECT_EQ(counts(csv(source_of({{"a", "Int8"}}), std::string(cell) + "\n")), "0+1 malformed 0") << cell;
}

TEST(Csv, InvalidUtf8IsQuarantinedAsReceived) {
  auto out = csv(three, "1,\xff,2\n");
  EXPECT_EQ(out.bad(), (Rows{"[b];[value '\xef\xbf\xbd' on column 'b' is not valid Unicode text];NULL;1;\xff;2"}));
  EXPECT_EQ(csv(three, "1,a\xff,2\n", {}, {.invalid_text = InvalidText::replace}).rows(), (Rows{"1;a\xef\xbf\xbd;2"}));
}

}  // namespace
}  // namespace kinglet::rows
