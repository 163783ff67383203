// SPDX-License-Identifier: Apache-2.0
// Datafiles that are wrong as users get them wrong (tests/cases/wrong_datafiles): each has its own clear message with
// line and column, and all messages come at once. Covers the files' side of S1, S4 and S12.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "datafile/parse.h"
#include "project/check.h"

namespace kinglet::project {
namespace {

using datafile::Diagnostic;
using datafile::Severity;
using datafile::SourceFile;

using Lines = std::vector<std::string>;
constexpr const char* folder = "tests/cases/wrong_datafiles";
constexpr std::size_t wrong_files_min = 60;

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// All files of the folder but the expected lines, by name.
std::map<std::string, SourceFile> read_files() {
  std::map<std::string, SourceFile> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const auto name = entry.path().filename().string();
    if (name != "expected.txt") out.emplace(name, SourceFile{.name = name, .text = read_file(entry.path())});
  }
  return out;
}

Lines expected_lines() {
  Lines out;
  std::istringstream in(read_file(std::filesystem::path(folder) / "expected.txt"));
  for (std::string line; std::getline(in, line);)
    if (!line.empty() && line.front() != '#') out.push_back(line);
  return out;
}

/// "a.pipe:1:2: text" -> "a.pipe"
std::string file_of(const std::string& line) {
  return line.substr(0, line.find(':'));
}

std::vector<Diagnostic> all_findings(const std::map<std::string, SourceFile>& files) {
  std::vector<SourceFile> list;
  for (const auto& [name, file] : files) list.push_back(file);
  auto parsed = datafile::parse_project(std::move(list));
  auto more = check(parsed.project, {.complete = false});
  std::move(more.begin(), more.end(), std::back_inserter(parsed.diagnostics));
  datafile::sort_diagnostics(parsed.diagnostics);
  return std::move(parsed.diagnostics);
}

Lines to_lines(const std::vector<Diagnostic>& findings) {
  Lines out;
  for (const auto& finding : findings) out.push_back(to_string(finding));
  return out;
}

TEST(WrongDatafiles, AllInOneProjectSayWhatIsWrongAndWhere) {
  const auto files = read_files();
  ASSERT_FALSE(files.empty()) << "run from the root of the repository: " << folder << " is not here";
  const auto found = to_lines(all_findings(files)), expected = expected_lines();
  for (const auto& line : found)
    EXPECT_TRUE(std::find(expected.begin(), expected.end(), line) != expected.end()) << "not expected: " << line;
  for (const auto& line : expected)
    EXPECT_TRUE(std::find(found.begin(), found.end(), line) != found.end()) << "not found: " << line;
  EXPECT_EQ(found, expected);  // and in this order
}

TEST(WrongDatafiles, EachAloneSaysTheSame) {
  const auto files = read_files();
  std::map<std::string, Lines> expected;
  for (const auto& line : expected_lines()) expected[file_of(line)].push_back(line);
  std::map<std::string, SourceFile> sound;
  for (const auto& [name, file] : files)
    if (!expected.contains(name)) sound.emplace(name, file);
  for (const auto& [name, file] : files) {
    if (sound.contains(name) || name.starts_with("both_")) continue;  // faults of two files together
    auto project = sound;
    project.emplace(name, file);
    if (name == "materialized_target_is_a_pipe.pipe") project.emplace("no_node.pipe", files.at("no_node.pipe"));
    Lines found;
    for (const auto& line : to_lines(all_findings(project)))
      if (file_of(line) == name) found.push_back(line);
    EXPECT_EQ(found, expected[name]);
  }
}

TEST(WrongDatafiles, EveryMessageIsItsOwn) {
  std::map<std::string, std::string> seen;  // message -> file
  std::set<std::string> wrong;
  for (const auto& finding : all_findings(read_files())) {
    if (finding.severity != Severity::error) continue;
    wrong.insert(finding.file);
    const auto [same, is_new] = seen.emplace(finding.message, finding.file);
    EXPECT_TRUE(is_new || same->second == finding.file)
        << finding.file << " and " << same->second << ": " << finding.message;
  }
  EXPECT_GE(wrong.size(), wrong_files_min);
}

}  // namespace
}  // namespace kinglet::project
