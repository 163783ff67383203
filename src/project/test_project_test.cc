// SPDX-License-Identifier: Apache-2.0
// What the data tests' own build leaves out of a project.
#include "project/test_project.h"

#include <gtest/gtest.h>

namespace kinglet::project {
namespace {

std::string built(std::string text, std::string name = "datasources/a.datasource") {
  return files_for_tests({{.name = std::move(name), .text = std::move(text)}})[0].text;
}

TEST(FilesForTests, HaveNoTtlAndKeepEveryLine) {
  const std::string head = "# head\nSCHEMA >\n    `a` DateTime,\n    `b` String\n\nENGINE \"MergeTree\"\n";
  EXPECT_EQ(built(head + "ENGINE_TTL \"a + INTERVAL 1 DAY\" # why\nENGINE_SORTING_KEY \"a\"\n"),
            head + "\nENGINE_SORTING_KEY \"a\"\n");
  EXPECT_EQ(built(head + "engine_ttl a + toIntervalDay(60)"), head);
  const auto source = datafile::parse_data_source(
      {.name = "a.datasource", .text = built(head + "ENGINE_TTL \"a + INTERVAL 1 DAY\"\nENGINE_SORTING_KEY \"a\"\n")});
  EXPECT_TRUE(source.ok());
  EXPECT_EQ(source.resource.engine.ttl, "");
  EXPECT_EQ(source.resource.engine.sorting_key, "a");
}

TEST(FilesForTests, AreOtherwiseTheSameBytes) {
  for (const std::string text :
       {"", "SCHEMA >\n    `ENGINE_TTL` String\n", "\xEF\xBB\xBFSCHEMA >\r\n  `a` Int8\r\n\r\n# ENGINE_TTL x\r\n",
        "DESCRIPTION >\n    ENGINE_TTL a\n\nSCHEMA >\n    `a` Int8", "nonsense \xff\n", "ENGINE_TTLS x\n"})
    EXPECT_EQ(built(text), text);
  EXPECT_EQ(built("ENGINE_TTL x\n", "a.pipe"), "ENGINE_TTL x\n") << "only of data sources";
}

}  // namespace
}  // namespace kinglet::project
