// SPDX-License-Identifier: Apache-2.0
// Test files: what is read, and what is said about what is wrong.
#include "project/test_file.h"

#include <gtest/gtest.h>

#include "datafile/limits.h"
#include "project/test_yaml.h"

namespace kinglet::project {
namespace {

ReadTests read(std::string text) {
  return read_tests({.name = "tests/top.yaml", .text = std::move(text)});
}

std::string findings(std::string text) {
  std::string out;
  for (const auto& d : read(std::move(text)).diagnostics) out += datafile::to_string(d) + "\n";
  return out;
}

TestCase only(std::string text) {
  const auto tests = read(text);
  EXPECT_TRUE(tests.ok()) << findings(text);
  EXPECT_EQ(tests.file.cases.size(), 1u) << text;
  return tests.file.cases.empty() ? TestCase{} : tests.file.cases[0];
}

TEST(TestFile, ReadsEveryKeyOfADocumentedCase) {
  const auto tests = read(
      "\n- name: a_b\n  description: Test with a year\n  parameters: a=1&b=x%20y,z:1\n  expected_result: |\n"
      "    {\"x\":\"\\/\"}\n    {\"x\":2}\n\n"
      "# a comment\n- name: wrong\n  description: >\n    folded\n    text\n  parameters: ''\n"
      "  expected_result: start_date (DateTime) query param is required\n  expected_http_status: 400\n");
  ASSERT_TRUE(tests.ok());
  EXPECT_TRUE(tests.diagnostics.empty());
  EXPECT_EQ(tests.file.pipe, "top");
  ASSERT_EQ(tests.file.cases.size(), 2u);
  const auto& first = tests.file.cases[0];
  EXPECT_EQ(first.name, "a_b");
  EXPECT_EQ(first.description, "Test with a year");
  EXPECT_EQ(first.query, "a=1&b=x%20y,z:1");
  EXPECT_EQ(first.expected_result, "{\"x\":\"\\/\"}\n{\"x\":2}\n");
  EXPECT_EQ(first.expected_http_status, 200);
  EXPECT_EQ(first.position, (datafile::Position{2, 3}));
  const auto& second = tests.file.cases[1];
  EXPECT_EQ(second.description, "folded text\n");
  EXPECT_EQ(second.query, "");
  EXPECT_EQ(second.expected_result, "start_date (DateTime) query param is required");
  EXPECT_EQ(second.expected_http_status, 400);
}

TEST(TestFile, AbsentAndEmptyValuesAreTheDefaults) {
  for (const char* text : {"- name: a\n", "- name: a\n  parameters:\n  expected_result:\n", "- {name: a}\n",
                           "- name: a\n  parameters: ''\n  expected_result: ''\n  expected_http_status: 200\n",
                           "- name: a\n  parameters: ~\n  expected_result: null\n"}) {
    const auto test = only(text);
    EXPECT_EQ(test.query, "") << text;
    EXPECT_EQ(test.expected_result, "") << text;
    EXPECT_EQ(test.expected_http_status, 200) << text;
  }
}

TEST(TestFile, ParametersMayBeAMap) {
  const auto test = only(
      "- name: a\n  parameters:\n    limit: 10\n    when: '2025-01-01 00:00:00'\n    list: [1, b]\n"
      "    none:\n");
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(test.parameters, (Pairs{{"limit", "10"}, {"when", "2025-01-01 00:00:00"}, {"list", "1,b"}, {"none", ""}}));
  EXPECT_EQ(only("- name: a\n  parameters: '?a=1'\n").query, "a=1");
}

TEST(TestFile, RowsMayBeAListOfMaps) {
  const auto test =
      only("- name: a\n  expected_result:\n  - {a: 1, b: x, c: '1', d: true, e: null, f: [1, 0.5]}\n  - a: -2\n");
  EXPECT_EQ(test.expected_result,
            "{\"a\":1,\"b\":\"x\",\"c\":\"1\",\"d\":true,\"e\":null,\"f\":[1,0.5]}\n{\"a\":-2}\n");
}

TEST(TestFile, EveryFaultIsToldAtOnceWithItsPlace) {
  EXPECT_EQ(
      findings("- nane: a\n  parameters: [1]\n- name: b\n  expected_status: 400\n  expected_http_status: 4000\n- c\n"
               "- name:\n- name: d\n  name: e\n  expected_result: {a: 1}\n"),
      "tests/top.yaml:1:3: unknown key 'nane' (did you mean name?)\n"
      "tests/top.yaml:1:3: the test has no name (start it with `- name: …`)\n"
      "tests/top.yaml:2:15: parameters: a query string like a=1&b=2, or a map, was expected, this is a list\n"
      "tests/top.yaml:4:3: unknown key 'expected_status' (a test has the keys name, description, parameters, "
      "expected_result, expected_http_status)\n"
      "tests/top.yaml:5:25: expected_http_status: a status from 100 to 599 was expected, this is '4000'\n"
      "tests/top.yaml:6:3: a test was expected, this is text (start each test with `- name: …`)\n"
      "tests/top.yaml:8:1: the name is empty\n"
      "tests/top.yaml:9:3: name is given twice\n"
      "tests/top.yaml:10:20: expected_result: rows as NDJSON, or an error's message, was expected, this is a map\n");
}

TEST(TestFile, ATextThatIsNoYamlIsToldWithItsPlace) {
  for (const auto& [text, place] :
       std::vector<std::pair<std::string, std::string>>{{"- name: a\n parameters: ''\n", "tests/top.yaml:2:"},
                                                        {"- name: \"a\n", "tests/top.yaml:1:9"},
                                                        {"- name: 'it''s\n  parameters: x\n", "tests/top.yaml:1:9"},
                                                        {"- name: \"a\\\"\n", "tests/top.yaml:1:9"},
                                                        {"- name: a\n\tparameters: x\n", "tests/top.yaml:2:"},
                                                        {"- name: a: b\n", "tests/top.yaml:1:"},
                                                        {"- [a, b\n", "tests/top.yaml:"},
                                                        {"- name: %a\n", "tests/top.yaml:1:9"}}) {
    const auto told = findings(text);
    EXPECT_EQ(told.substr(0, place.size()), place) << text << told;
    EXPECT_TRUE(told.find("this is no YAML") != told.npos || told.find("not closed") != told.npos) << told;
  }
  EXPECT_NE(findings("- name: a\xff\n").find("not UTF-8"), std::string::npos);
  EXPECT_NE(findings(std::string("- name: a\0\n", 11)).find("NUL"), std::string::npos);
}

TEST(TestFile, OtherShapesAreRefused) {
  EXPECT_NE(findings("name: a\n").find("1:1: a list of tests was expected, this is a map"), std::string::npos);
  EXPECT_NE(findings("hello\n").find("a list of tests was expected, this is text"), std::string::npos);
  EXPECT_NE(findings("- name: a\n---\n- name: b\n").find("2:1: a second document"), std::string::npos);
  for (const char* text : {"", "\n\n", "# only a comment\n", "---\n"})
    EXPECT_NE(findings(text).find("warning: "), std::string::npos) << text;
}

TEST(TestFile, ANameThatIsTakenIsAWarning) {
  EXPECT_EQ(findings("- name: a\n- name: b\n- name: a\n"),
            "tests/top.yaml:3:9: warning: the name 'a' is taken by the test in line 1\n");
}

/// A text of a few lines must not become a tree of gigabytes.
TEST(TestFile, AnchorsAliasesAndTagsAreRefused) {
  EXPECT_NE(findings("- name: &a x\n").find("1:9: anchors and aliases"), std::string::npos);
  EXPECT_NE(findings("- name: a\n  parameters: *a\n").find("tests/top.yaml:2:"), std::string::npos);
  std::string laughs = "- &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  for (char c = 'b'; c <= 'z'; ++c) {
    laughs += std::string("- &") + c + " [";
    for (int i = 0; i < 9; ++i) laughs += std::string(i == 0 ? "*" : ", *") + static_cast<char>(c - 1);
    laughs += "]\n";
  }
  EXPECT_NE(findings(laughs).find("1:3: anchors and aliases"), std::string::npos);
  EXPECT_NE(findings("- name: a\n  <<: {description: b}\n").find("unknown key '<<'"), std::string::npos);
  EXPECT_NE(findings("- name: !evil x\n").find("tags (!name) are not read"), std::string::npos);
  EXPECT_EQ(only("- name: !!str 12\n").name, "12");
}

TEST(TestFile, LimitsHold) {
  EXPECT_NE(
      findings("- name: a\n  description: " + std::string(datafile::limits::file_bytes_max, 'x')).find("the limit is"),
      std::string::npos);
  EXPECT_TRUE(read("- name: " + std::string(datafile::limits::name_bytes_max, 'x')).ok());
  EXPECT_FALSE(read("- name: " + std::string(datafile::limits::name_bytes_max + 1, 'x')).ok());
  const auto nested = [](std::size_t depth) {
    return "- name: a\n  description: " + std::string(depth - 2, '[') + std::string(depth - 2, ']');
  };
  EXPECT_EQ(findings(nested(internal::YamlLimits::depth_max)).find("deeper"), std::string::npos);
  EXPECT_NE(findings(nested(internal::YamlLimits::depth_max + 1)).find("deeper than 32"), std::string::npos);
  EXPECT_FALSE(read("- name: a\n  description: " + std::string(200'000, '[')).ok());
  EXPECT_FALSE(read(std::string(500'000, '-') + " a").ok() && read(std::string(200'000, '{')).ok());
  const auto cases = [](std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += fmt::format("- name: a{}\n", i);
    return text;
  };
  EXPECT_TRUE(read(cases(TestLimits::cases_max)).ok());
  EXPECT_NE(findings(cases(TestLimits::cases_max + 1)).find("the limit is 5000"), std::string::npos);
  std::string map = "- name: a\n  parameters:\n";
  for (std::size_t i = 0; i <= TestLimits::parameters_max; ++i) map += fmt::format("    p{}: 1\n", i);
  EXPECT_NE(findings(map).find("1001 parameters"), std::string::npos);
  EXPECT_FALSE(read("- name: a\n  parameters: " + std::string(TestLimits::query_bytes_max + 1, 'x')).ok());
}

TEST(TestFile, TestsOfClassicAreNamedAndNotRun) {
  for (const char* text :
       {"- no-visits:\n    max_bytes_read: null\n    max_time: null\n    sql: |\n      SELECT 1\n",
        "- a:\n    pipe:\n      name: x\n      params:\n        b: 1\n    max_time: 1\n- b:\n    sql: SELECT 1\n",
        "- pipe: '.*'\n  tests:\n  - coverage:\n      config:\n        assert_result: false\n"}) {
    const auto tests = read(text);
    EXPECT_TRUE(tests.ok()) << findings(text);
    EXPECT_TRUE(tests.file.classic) << text;
    EXPECT_TRUE(tests.file.cases.empty());
    EXPECT_NE(findings(text).find("tests/top.yaml:1:3: warning: tests of Classic are not run"), std::string::npos);
  }
  EXPECT_NE(findings("- name: a\n- b:\n    sql: SELECT 1\n").find("2:3: this is a test of Classic"), std::string::npos);
}

TEST(TestFile, AByteOrderMarkAndWindowsLineEndsChangeNothing) {
  const auto test =
      only("\xEF\xBB\xBF- name: a\r\n  expected_result: |\r\n    {\"a\":1}\r\n    {\"a\":2}\r\n  parameters: x=1\r\n");
  EXPECT_EQ(test.expected_result, "{\"a\":1}\n{\"a\":2}\n");
  EXPECT_EQ(test.query, "x=1");
}

}  // namespace
}  // namespace kinglet::project
