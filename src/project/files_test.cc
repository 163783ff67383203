// SPDX-License-Identifier: Apache-2.0
// Which files of a folder are the project.
#include "project/files.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace kinglet::project {
namespace {

namespace fs = std::filesystem;

class ProjectFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "kinglet-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override {
    std::error_code ignored;  // a folder left behind fails no test
    fs::remove_all(folder_, ignored);
  }
  void put(const std::string& name, const std::string& text = "x") {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  std::vector<std::string> names() {
    const auto files = read_project(folder_.string());
    EXPECT_TRUE(files);
    std::vector<std::string> out;
    if (files)
      for (const auto& file : *files) out.push_back(file.name);
    return out;
  }
  using Names = std::vector<std::string>;
  fs::path folder_;
};

TEST_F(ProjectFilesTest, AFolderThatIsNoneIsAnError) {
  EXPECT_EQ(read_project((folder_ / "absent").string()).error().code, Code::invalid);
  put("a.pipe");
  EXPECT_EQ(read_project((folder_ / "a.pipe").string()).error().code, Code::invalid) << "a file is no folder";
}

TEST_F(ProjectFilesTest, AFolderWithoutDatafilesIsAnErrorThatSaysWhatToDo) {
  put("readme.md");
  put("queries.sql");
  const auto files = read_project(folder_.string());
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().code, Code::invalid);
  EXPECT_NE(files.error().hint, "");
}

TEST_F(ProjectFilesTest, HiddenAndForeignFoldersAreLeftOut) {
  put("a.pipe");
  for (const char* folder : {".git", ".venv/lib", "node_modules/x", "vendor/y", "deep/node_modules"})
    put(std::string(folder) + "/b.pipe");
  EXPECT_EQ(names(), Names{"a.pipe"});
}

TEST_F(ProjectFilesTest, OtherEndingsAreLeftOut) {
  for (const char* name : {"a.pipe", "a.pipe.bak", "a.pipe~", "apipe", "b.incl", "c.json", ".pipe"}) put(name);
  EXPECT_EQ(names(), Names{"a.pipe"});
}

TEST_F(ProjectFilesTest, NamesAreRelativeAndSorted) {
  put("pipes/z.pipe");
  put("connections/k.connection");
  put("datasources/b.datasource");
  put("a.pipe");
  fs::create_directory(folder_ / "folder.pipe");
  EXPECT_EQ(names(), (Names{"a.pipe", "connections/k.connection", "datasources/b.datasource", "pipes/z.pipe"}));
}

TEST_F(ProjectFilesTest, TextsAreKeptByteForByte) {
  const std::string text("NODE a\r\n\xef\xbb\xbf\0 end", 17);
  put("a.pipe", text);
  put("empty.pipe", "");
  const auto files = read_project(folder_.string());
  ASSERT_TRUE(files);
  ASSERT_EQ(files->size(), 2u);
  EXPECT_EQ((*files)[0].text, text);
  EXPECT_EQ((*files)[1].text, "");
}

TEST_F(ProjectFilesTest, FoldersBeyondTheDepthLimitAreLeftOut) {
  std::string folder;
  for (std::size_t i = 0; i < ProjectLimits::depth_max; ++i) folder += "d/";
  put(folder + "reached.pipe");
  put(folder + "d/beyond.pipe");
  EXPECT_EQ(names(), Names{folder + "reached.pipe"});
}

TEST_F(ProjectFilesTest, ALinkInACircleEnds) {
  put("a.pipe");
  fs::create_directory_symlink(folder_, folder_ / "again");
  EXPECT_EQ(names(), Names{"a.pipe"});
}

}  // namespace
}  // namespace kinglet::project
