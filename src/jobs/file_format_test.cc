// SPDX-License-Identifier: Apache-2.0
// Which format a file's name, media type or first bytes tell.
#include "jobs/file_format.h"

#include <gtest/gtest.h>

namespace kinglet::jobs {
namespace {

TEST(FormatOfFile, NamesThatDoNotTellAreNone) {
  for (const std::string_view name :
       {"", "data", "data.", ".gz", "data.gz", "data.csv.zip", "data.xlsx", "csv", "a.csv/b", "data.csv.bak",
        "https://host/?file=x.csv", "https://host/path#x.csv", "data.csv.br"})
    EXPECT_FALSE(format_of_file(name)) << name;
}

TEST(FormatOfFile, TheLastEndingTells) {
  EXPECT_EQ(format_of_file("rows.csv"), FileFormat::csv);
  EXPECT_EQ(format_of_file("rows.csv.ndjson"), FileFormat::ndjson);
  EXPECT_EQ(format_of_file("rows.jsonl"), FileFormat::ndjson);
  EXPECT_EQ(format_of_file("rows.json"), FileFormat::ndjson);
  EXPECT_EQ(format_of_file("v1.2/rows.parquet"), FileFormat::parquet);
}

TEST(FormatOfFile, CompressionStandsAfterTheFormat) {
  EXPECT_EQ(format_of_file("rows.csv.gz"), FileFormat::csv);
  EXPECT_EQ(format_of_file("rows.ndjson.zst"), FileFormat::ndjson);
}

TEST(FormatOfFile, EndingsAreReadInAnyCase) {
  EXPECT_EQ(format_of_file("ROWS.CSV"), FileFormat::csv);
  EXPECT_EQ(format_of_file("Rows.Ndjson.GZ"), FileFormat::ndjson);
}

TEST(FormatOfFile, OfAnUrlThePathCounts) {
  EXPECT_EQ(format_of_file("https://host/rows.csv?signature=a.parquet"), FileFormat::csv);
  EXPECT_EQ(format_of_file("https://host/rows.parquet#x.csv"), FileFormat::parquet);
}

TEST(FileFormat, NamesOfOtherFormatsAreNone) {
  for (const std::string_view name : {"", "tsv", "xlsx", "csv ", "protobuf"}) EXPECT_FALSE(file_format(name)) << name;
  EXPECT_EQ(file_format("PARQUET"), FileFormat::parquet);
}

TEST(FileFormat, ItsNameIsReadBack) {
  for (const auto format : {FileFormat::csv, FileFormat::ndjson, FileFormat::parquet, FileFormat::arrow,
                            FileFormat::arrow_stream, FileFormat::orc, FileFormat::avro})
    EXPECT_EQ(file_format(format_name(format)), format);
}

TEST(FormatOfBytes, ContainersByTheirMagicTextByItsFirstCharacter) {
  EXPECT_EQ(format_of_bytes("PAR1\x15\x04"), FileFormat::parquet);
  EXPECT_EQ(format_of_bytes(std::string_view("ARROW1\0\0", 8)), FileFormat::arrow);
  EXPECT_EQ(format_of_bytes("\xff\xff\xff\xff\x10"), FileFormat::arrow_stream);
  EXPECT_EQ(format_of_bytes("ORC\x11"), FileFormat::orc);
  EXPECT_EQ(format_of_bytes("Obj\x01\x04"), FileFormat::avro);
  EXPECT_EQ(format_of_bytes("ORCHID,price\n"), FileFormat::csv);
  EXPECT_EQ(format_of_bytes("{\"a\":1}"), FileFormat::ndjson);
  EXPECT_EQ(format_of_bytes("\xef\xbb\xbf \n {\"a\":1}"), FileFormat::ndjson);
  EXPECT_EQ(format_of_bytes(" [ {\"a\":1}]"), FileFormat::ndjson);
  EXPECT_EQ(format_of_bytes("[1],[2]\n"), FileFormat::csv);
  EXPECT_EQ(format_of_bytes("id,name\n"), FileFormat::csv);
  EXPECT_EQ(format_of_bytes(""), FileFormat::csv);
}

}  // namespace
}  // namespace kinglet::jobs
