// SPDX-License-Identifier: Apache-2.0
// Which format a file's name tells.
#include "jobs/import.h"

#include <gtest/gtest.h>

namespace kinglet::jobs {
namespace {

TEST(FormatOfFile, NamesThatDoNotTellAreNone) {
  for (const std::string_view name :
       {"", "data", "data.", ".gz", "data.gz", "data.csv.zip", "data.orc", "csv", "a.csv/b", "data.csv.bak",
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
  for (const std::string_view name : {"", "tsv", "avro", "csv ", "orc"}) EXPECT_FALSE(file_format(name)) << name;
}

}  // namespace
}  // namespace kinglet::jobs
