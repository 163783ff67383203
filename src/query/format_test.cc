// SPDX-License-Identifier: Apache-2.0
// Formats by suffix and by word: what is not on the list is no format.
#include "query/format.h"

#include <gtest/gtest.h>

namespace kinglet::query {
namespace {

TEST(Format, S4WordsThatAreNotOnTheListAreNone) {
  for (const std::string_view word :
       {"", "Null", "Native", "RowBinary", "SQLInsert", "Template", "CustomSeparated", "Protobuf", "Arrow", "JSON ",
        " JSON", "JSON;", "JSONAsString", "CSV\n", "Hash", "ODBCDriver2"})
    EXPECT_FALSE(format_of_word(word)) << word;
  for (const std::string_view suffix : {"", "JSON", "Csv", ".json", "json.gz", "tsv", "xml", "html"})
    EXPECT_FALSE(format_of_suffix(suffix)) << suffix;
}

TEST(Format, WordsAreReadInAnyCase) {
  for (const std::string_view word : {"JSONEachRow", "jsoneachrow", "JSONEACHROW", "ndjson"}) {
    const auto format = format_of_word(word);
    ASSERT_TRUE(format) << word;
    EXPECT_EQ(format->engine_name, "JSONEachRow");
    EXPECT_EQ(format->content_type, "application/x-ndjson");
  }
}

TEST(Format, TheTwoSuffixesOfCsvDifferInTheHeaderLineOnly) {
  EXPECT_EQ(format_of_suffix("csv")->engine_name, "CSV");
  EXPECT_EQ(format_of_suffix("csvwithnames")->engine_name, "CSVWithNames");
  EXPECT_EQ(format_of_suffix("csv")->content_type, format_of_suffix("csvwithnames")->content_type);
}

// A document, or one with a head, cannot be put together from pieces that the engine makes one by one.
TEST(Format, WhatHasAHeadOrIsOneDocumentRunsAsOneResult) {
  for (const std::string_view word :
       {"JSON", "JSONCompact", "JSONStrings", "Parquet", "Prometheus", "CSVWithNames", "TSVWithNames",
        "TSVWithNamesAndTypes", "Pretty", "PrettyCompact", "Vertical", "Markdown"})
    EXPECT_TRUE(format_of_word(word)->whole) << word;
  for (const std::string_view word : {"CSV", "TSV", "JSONEachRow", "JSONCompactEachRow"})
    EXPECT_FALSE(format_of_word(word)->whole) << word;
}

}  // namespace
}  // namespace kinglet::query
