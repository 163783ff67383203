// SPDX-License-Identifier: Apache-2.0
// Which files of a folder are the project.
#include "project/discovery.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "project/pattern.h"

namespace kinglet::project {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

class DiscoveryTest : public ::testing::Test {
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
    const auto files = discover(folder_.string());
    EXPECT_TRUE(files);
    std::vector<std::string> out;
    if (files)
      for (const auto& file : files->files) out.push_back(file.name);
    return out;
  }
  static Names lines(const Discovered& found) {
    Names out;
    for (const auto& d : found.findings) {
      auto line = fmt::format("{}:{}:{} {}", d.file, d.position.line, d.position.column, d.message);
      if (!d.hint.empty()) line += fmt::format(" ({})", d.hint);
      out.push_back(std::move(line));
    }
    return out;
  }
  fs::path folder_;
};

/// The working directory, for as long as it lives.
class InFolder {
 public:
  explicit InFolder(const fs::path& folder) : before_(fs::current_path()) { fs::current_path(folder); }
  ~InFolder() { fs::current_path(before_); }
  InFolder(const InFolder&) = delete;

 private:
  fs::path before_;
};

TEST_F(DiscoveryTest, AFolderThatIsNoneIsAnError) {
  EXPECT_EQ(discover((folder_ / "absent").string()).error().code, Code::invalid);
  put("a.pipe");
  EXPECT_EQ(discover((folder_ / "a.pipe").string()).error().code, Code::invalid) << "a file is no folder";
}

TEST_F(DiscoveryTest, AFolderWithoutDatafilesIsAnErrorThatSaysWhatToDo) {
  put("readme.md");
  put("queries.sql");
  const auto files = discover(folder_.string());
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().code, Code::invalid);
  EXPECT_NE(files.error().hint, "");
}

TEST_F(DiscoveryTest, HiddenAndForeignFoldersAreLeftOut) {
  put("a.pipe");
  for (const char* folder : {".git", ".venv/lib", "node_modules/x", "vendor/y", "deep/node_modules", "deep/vendor"})
    put(std::string(folder) + "/b.pipe");
  EXPECT_EQ(names(), Names{"a.pipe"});
}

TEST_F(DiscoveryTest, OtherEndingsAreLeftOut) {
  for (const char* name : {"a.pipe", "a.pipe.bak", "a.pipe~", "apipe", "c.json", ".pipe"}) put(name);
  EXPECT_EQ(names(), Names{"a.pipe"});
}

TEST_F(DiscoveryTest, NamesAreRelativeAndSorted) {
  put("pipes/z.pipe");
  put("connections/k.connection");
  put("datasources/b.datasource");
  put("a.pipe");
  fs::create_directory(folder_ / "folder.pipe");
  EXPECT_EQ(names(), (Names{"a.pipe", "connections/k.connection", "datasources/b.datasource", "pipes/z.pipe"}));
}

TEST_F(DiscoveryTest, TextsAreKeptByteForByte) {
  const std::string text("NODE a\r\n\xef\xbb\xbf\0 end", 17);
  put("a.pipe", text);
  put("empty.pipe", "");
  const auto files = discover(folder_.string());
  ASSERT_TRUE(files);
  ASSERT_EQ(files->files.size(), 2u);
  EXPECT_EQ(files->files[0].text, text);
  EXPECT_EQ(files->files[1].text, "");
}

TEST_F(DiscoveryTest, FoldersBeyondTheDepthLimitAreLeftOut) {
  std::string folder;
  for (std::size_t i = 0; i < ProjectLimits::depth_max; ++i) folder += "d/";
  put(folder + "reached.pipe");
  put(folder + "d/beyond.pipe");
  EXPECT_EQ(names(), Names{folder + "reached.pipe"});
}

TEST_F(DiscoveryTest, ALinkInACircleEnds) {
  put("a.pipe");
  fs::create_directory_symlink(folder_, folder_ / "again");
  EXPECT_EQ(names(), Names{"a.pipe"});
}

TEST_F(DiscoveryTest, EndingsMayBeInAnyCase) {
  for (const char* name : {"a.Pipe", "b.DATASOURCE", "c.endpoint", "d.incl", "e.TOKEN"}) put(name);
  EXPECT_EQ(names(), (Names{"a.Pipe", "b.DATASOURCE", "c.endpoint", "d.incl", "e.TOKEN"}));
}

TEST_F(DiscoveryTest, ANamedPipeIsNotOpened) {
  put("a.pipe");
  ASSERT_EQ(::mkfifo((folder_ / "b.pipe").c_str(), 0600), 0);
  const auto found = discover(folder_.string());
  ASSERT_TRUE(found);
  EXPECT_EQ(lines(*found), Names{"b.pipe:0:0 the name of a datafile, but it is no file"});
}

TEST_F(DiscoveryTest, AFileThatIsTooLargeIsNamedAndTheOthersAreRead) {
  put("a.pipe");
  put("b.pipe", std::string(ProjectLimits::file_bytes_max + 1, 'x'));
  const auto found = discover(folder_.string());
  ASSERT_TRUE(found);
  EXPECT_EQ(lines(*found), Names{"b.pipe:0:0 the file has 1048577 bytes, the limit is 1048576"});
  EXPECT_EQ(found->files.size(), 1u);
}

TEST_F(DiscoveryTest, IncludeNamesFilesFoldersAndPatterns) {
  put("tinybird.config.json", R"({"include": ["one", "two/b.pipe", "three/**/*.{pipe,datasource}", "src/lib.ts"]})");
  for (const char* name : {"one/deep/a.pipe", "two/b.pipe", "two/c.pipe", "three/d.datasource", "three/x/y/e.pipe",
                           "three/f.connection", "other/g.pipe", "src/lib.ts"})
    put(name);
  const auto found = discover(folder_.string());
  ASSERT_TRUE(found);
  EXPECT_EQ(names(), (Names{"one/deep/a.pipe", "three/d.datasource", "three/x/y/e.pipe", "two/b.pipe"}));
  EXPECT_EQ(lines(*found),
            Names{"tinybird.config.json:1:68 'src/lib.ts' is a program; it is not run, so what it defines "
                  "is not seen (let its SDK write datafiles, and include those)"});
}

TEST_F(DiscoveryTest, WhatIncludeNamesMustExist) {
  put("tinybird.config.json",
      "{\n  \"include\": [\"a.pipe\",\n    \"datasource\", \"no/*.pipe\",\n    \"*.datasource\", \"note.md\"]\n}");
  for (const char* name : {"a.pipe", "datasources/a.datasource", "note.md"}) put(name);
  const auto found = discover(folder_.string());
  ASSERT_TRUE(found);
  EXPECT_EQ(lines(*found),
            (Names{"tinybird.config.json:3:6 include names 'datasource', but there is no such file or folder (did you "
                   "mean datasources?)",
                   "tinybird.config.json:3:20 include names 'no/*.pipe', but there is no folder 'no/'",
                   "tinybird.config.json:4:6 no datafile matches '*.datasource'",
                   "tinybird.config.json:4:22 include names 'note.md', which is not a datafile"}));
}

TEST_F(DiscoveryTest, WrongSettingsLeaveNoFiles) {
  put("tinybird.config.json", R"({"include": [})");
  put("a.pipe");
  const auto found = discover(folder_.string());
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->files.empty());
  EXPECT_EQ(found->findings.size(), 1u);
}

TEST_F(DiscoveryTest, FolderOfTheSettingsIsTheRoot) {
  put("tinybird.config.json", R"({"folder": "analytics/tinybird", "dev_mode": "local"})");
  put("analytics/tinybird/pipes/a.pipe");
  put("elsewhere/b.pipe");
  const auto found = discover(folder_.string());
  ASSERT_TRUE(found);
  EXPECT_EQ(names(), Names{"pipes/a.pipe"});
  EXPECT_EQ(found->config.dev_mode, DevMode::local);
  EXPECT_EQ(lines(*found), Names{});
}

TEST_F(DiscoveryTest, AFolderOfTheSettingsThatIsAbsentIsAnError) {
  put("tinybird.config.json", R"({"folder": "analytic"})");
  put("analytics/a.pipe");
  const auto found = discover(folder_.string());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message, "the settings of the project name the folder 'analytic', which does not exist");
}

TEST_F(DiscoveryTest, ANamedFolderBelowTheSettingsIsTakenAsItIs) {
  put("tinybird.config.json", R"({"include": ["one"], "dev_mode": "manual"})");
  put("one/a.pipe");
  put("two/b.pipe");
  const auto found = discover((folder_ / "two").string());
  ASSERT_TRUE(found);
  ASSERT_EQ(found->files.size(), 1u);
  EXPECT_EQ(found->files[0].name, "b.pipe");
  EXPECT_EQ(found->config.dev_mode, DevMode::manual);
}

TEST_F(DiscoveryTest, SettingsAreFoundAboveTheWorkingDirectory) {
  put("tinybird.json", R"({"include": ["one"]})");
  put("one/a.pipe");
  fs::create_directories(folder_ / "src/deep");
  const InFolder here(folder_ / "src/deep");
  const auto found = discover();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->files[0].name, "one/a.pipe");
  EXPECT_EQ(found->place("one/a.pipe"), "../../one/a.pipe");
}

TEST_F(DiscoveryTest, TinybSaysWhereTheFilesAreWhenNothingElseDoes) {
  put(".tinyb", R"({"host": "https://api.example.com", "token": "t", "cwd": "data"})");
  put("data/a.pipe");
  put("b.pipe");
  const InFolder here(folder_);
  const auto found = discover();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->files[0].name, "a.pipe");
  EXPECT_EQ(found->place("a.pipe"), "data/a.pipe");
  EXPECT_EQ(discover(".")->files.size(), 2u) << "a folder that is named is taken as it is";
}

TEST_F(DiscoveryTest, SettingsThatAreAProgramAreNotRun) {
  put("tinybird.config.mjs", "process.exit(1)");
  put("a.pipe");
  const auto found = discover(folder_.string());
  ASSERT_TRUE(found);
  EXPECT_EQ(lines(*found),
            Names{"tinybird.config.mjs:0:0 settings that are a program are not run, so they have no effect "
                  "here (write a tinybird.config.json beside it)"});
}

TEST_F(DiscoveryTest, FixturesTestsAndSecretsOfBothLayouts) {
  put("tinybird/datasources/events.datasource");
  put("tinybird/pipes/top.pipe");
  put("tinybird/fixtures/events.ndjson");
  put("tinybird/fixtures/events.sql");
  put("tinybird/fixtures/flights.PARQUET");
  put("tinybird/datasources/fixtures/older.csv");
  put("tinybird/tests/top.yaml");
  put("tinybird/tests/.hidden.yaml");
  put("unrelated/deep/tests/other.yaml");
  put(".env.local", "# comment\nexport KEY=\"a # b\" # why\nPLAIN = x y # z\nNAME\n");
  const auto found = discover(folder_.string());
  ASSERT_TRUE(found);
  Names fixtures, tests, secrets;
  for (const auto& f : found->fixtures) fixtures.push_back(f.name + " -> " + f.source);
  for (const auto& t : found->tests) tests.push_back(t.name + " -> " + t.pipe);
  for (const auto& s : found->secrets) secrets.push_back(s.name + "=" + s.value);
  EXPECT_EQ(fixtures,
            (Names{"tinybird/datasources/fixtures/older.csv -> older", "tinybird/fixtures/events.ndjson -> events",
                   "tinybird/fixtures/flights.PARQUET -> flights"}));
  EXPECT_EQ(tests, Names{"tinybird/tests/top.yaml -> top"});
  EXPECT_EQ(secrets, (Names{"KEY=a # b", "PLAIN=x y"}));
  EXPECT_EQ(lines(*found), Names{".env.local:4:1 a line NAME=value is expected (a comment begins with #)"});
}

TEST_F(DiscoveryTest, VendoredDefinitionsAreKeptApart) {
  put("pipes/a.pipe");
  put("vendor/shop/datasources/orders.datasource", "SCHEMA >\n    a String\n");
  put("vendor/loose.datasource");
  put("datasources/other.items.datasource");
  const auto found = discover(folder_.string());
  ASSERT_TRUE(found);
  EXPECT_EQ(names(), Names{"pipes/a.pipe"});
  Names vendored;
  for (const auto& v : found->vendored) vendored.push_back(v.workspace + "." + v.source);
  EXPECT_EQ(vendored, (Names{"other.items", "shop.orders"}));
}

// --- settings
// ----------------------------------------------------------------------------------------------------------

Names config_findings(std::string_view text) {
  std::vector<datafile::Diagnostic> findings;
  parse_config(text, "c", findings);
  Names out;
  for (const auto& finding : findings) out.push_back(to_string(finding));
  return out;
}

TEST(Config, WrongJsonIsNamedWithItsPlace) {
  EXPECT_EQ(config_findings("{\n  \"include\": [\"a\",]\n}"),
            Names{"c:2:19: JSON: syntax error (the file must be one JSON object)"});
  EXPECT_EQ(config_findings("{\n"), Names{"c:2:1: JSON: incomplete JSON (the file must be one JSON object)"});
  EXPECT_EQ(config_findings("[]"), Names{"c:1:1: a JSON object { … } is expected here"});
  EXPECT_EQ(config_findings(""), Names{"c:1:1: JSON: incomplete JSON (the file must be one JSON object)"});
}

TEST(Config, WrongKeysAndValuesAreNamedAllAtOnce) {
  EXPECT_EQ(
      config_findings(R"({
  "includes": [],
  "devmode": "x",
  "color": 1,
  "dev_mode": "branches",
  "branch_data_on_create": "last_partition",
  "branch_data_mode": "all",
  "token": 7,
  "include": [1]
})"),
      (Names{"c:2:4: warning: 'includes' is no setting; it is ignored (did you mean include?)",
             "c:3:4: warning: 'devmode' is no setting; it is ignored (did you mean devMode?)",
             "c:4:4: warning: 'color' is no setting; it is ignored (settings: include, folder, dev_mode, "
             "branch_data_mode, token, baseUrl)",
             "c:5:16: dev_mode 'branches' is unknown (it can be branch, local or manual)",
             "c:6:4: branch_data_on_create is no setting any more (its name is branch_data_mode now)",
             "c:7:24: branch_data_mode 'all' is unknown (it can be last_partition)", "c:8:4: token must be a text",
             "c:9:4: an item of include must be the name of a file or folder, or a pattern"}));
  EXPECT_EQ(config_findings(R"({"devMode": "local", "branch_data_mode": "last_partition"})"),
            Names{"c:1:23: warning: branch_data_mode has no meaning with dev_mode local"});
  EXPECT_EQ(config_findings(R"({"$schema": "x", "include": []})"),
            Names{"c:1:19: include is empty, so nothing belongs to the project"});
}

TEST(Config, VariablesOfTheEnvironment) {
  const Environment environment = [](std::string_view name) -> std::optional<std::string> {
    return name == "A" ? std::optional<std::string>("1") : std::nullopt;
  };
  EXPECT_EQ(*interpolate("x${A}y${A}", environment), "x1y1");
  EXPECT_EQ(*interpolate("$A {A}", environment), "$A {A}");
  EXPECT_EQ(interpolate("${B}", environment).error().message, "the environment has no variable 'B'");
  EXPECT_FALSE(interpolate("${A", environment));
  EXPECT_FALSE(interpolate("${}", environment));
}

TEST_F(DiscoveryTest, EnvLocalComesBeforeEnvAndBothBehindTheProcess) {
  put(".env.local", "ONE=local\nHOME=local\n");
  put(".env", "ONE=plain\nTWO=plain\n");
  const auto environment = environment_of(folder_);
  EXPECT_EQ(environment("ONE"), "local");
  EXPECT_EQ(environment("TWO"), "plain");
  EXPECT_NE(environment("HOME"), "local");
  EXPECT_EQ(environment("THREE_OF_NOTHING"), std::nullopt);
}

TEST_F(DiscoveryTest, CredentialsAreFoundAbove) {
  put(".tinyb", R"({"host": "https://h", "tokens": {"https://h": "t"}})");
  fs::create_directories(folder_ / "a/b");
  const auto found = find_credentials(folder_ / "a/b");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->host, "https://h");
  EXPECT_EQ(found->token, "t");
  put("a/.tinyb", "{\n\"host\" 1}");
  EXPECT_TRUE(find_credentials(folder_ / "a/b").error().message.starts_with(".tinyb:2:")) << "wrong JSON has a place";
}

TEST(EnvFile, QuotesGoOverLinesAndMustClose) {
  std::vector<datafile::Diagnostic> findings;
  const auto read = parse_variables("A='x\ny'\nB=\"q\\\"n\\n\"\nA=2\r\nC=\"open\nD=1", "f", findings);
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].value, "2");
  EXPECT_EQ(read[1].value, "q\"n\n");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(to_string(findings[0]), "f:5:1: the quote of the value of C never closes");
}

TEST(Pattern, Table) {
  struct Row {
    std::string_view path, pattern;
    bool matches;
  };
  for (const auto& [path, pattern, matches] :
       {Row{"a.pipe", "*.pipe", true}, Row{"x/a.pipe", "*.pipe", false}, Row{"x/a.pipe", "**/*.pipe", true},
        Row{"a.pipe", "**/*.pipe", true}, Row{"x/y/a.pipe", "x/**", true}, Row{"x/y/a.pipe", "x/*/a.pipe", true},
        Row{"xy/a.pipe", "x**/a.pipe", true}, Row{"a.pipe", "?.pipe", true}, Row{"/.pipe", "?.pipe", false},
        Row{"b1", "[a-c][!2-9]", true}, Row{"b2", "[a-c][!2-9]", false}, Row{"a.x", "a.{x,y{1,2}}", true},
        Row{"a.y2", "a.{x,y{1,2}}", true}, Row{"a.y", "a.{x,y{1,2}}", false}, Row{"a{b", "a{b", true},
        Row{"[", "[", true}, Row{"", "", true}, Row{"", "*", true}, Row{"a", "", false}})
    EXPECT_EQ(matches_pattern(path, pattern), matches) << path << " " << pattern;
}

TEST(Pattern, NoPatternTakesLong) {
  std::string stars, choices;
  for (int i = 0; i < 100; ++i) stars += "a*";
  for (int i = 0; i < 12; ++i) choices += "{a,b}";
  EXPECT_FALSE(matches_pattern(std::string(300, 'a') + "b", stars + "c"));
  EXPECT_FALSE(matches_pattern("aaaaaaaaaaaa", choices)) << "4,096 choices are beyond the limit";
}

}  // namespace
}  // namespace kinglet::project
