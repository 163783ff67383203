// SPDX-License-Identifier: Apache-2.0
// The ready file is there as a whole or not at all.
#include "server/ready_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "catalog/testing.h"
#include "json/document.h"

namespace kinglet::server {
namespace {

std::string text_of(const std::filesystem::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}
const ReadyFile ready{
    .url = "http://127.0.0.1:7181", .clickhouse_url = "http://127.0.0.1:7182", .pid = 12, .engine_pid = 34};

TEST(ReadyFile, AFolderThatIsNotThereIsAnError) {
  const catalog::testing::TempFolder folder;
  const auto written = write_ready_file((folder.path() / "absent" / "ready").string(), ready);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::unavailable);
}

TEST(ReadyFile, APathThatIsAFolderIsAnErrorAndLeavesNothing) {
  const catalog::testing::TempFolder folder;
  const auto path = folder.path() / "ready";
  std::filesystem::create_directory(path);
  EXPECT_FALSE(write_ready_file(path.string(), ready));
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".new"));
}

TEST(ReadyFile, ReplacesAnOldOneAndLeavesNothingBeside) {
  const catalog::testing::TempFolder folder;
  const auto path = folder.path() / "ready";
  std::ofstream(path) << std::string(10'000, 'x');
  ASSERT_TRUE(write_ready_file(path.string(), ready));
  EXPECT_EQ(text_of(path),
            "{\"url\":\"http://127.0.0.1:7181\",\"clickhouse_url\":\"http://"
            "127.0.0.1:7182\",\"pid\":12,\"engine_pid\":34}\n");
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path())) ++files;
  EXPECT_EQ(files, 1u);
}

TEST(ReadyFile, NoPathWritesNothing) {
  EXPECT_TRUE(write_ready_file("", ready));
}

}  // namespace
}  // namespace kinglet::server
