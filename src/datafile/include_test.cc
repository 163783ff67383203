// SPDX-License-Identifier: Apache-2.0
// INCLUDE of older projects: text pasted with variables, places in the included files, and what is refused.
// S1 (limits) and path traversal out of the project.
#include "datafile/include.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "datafile/limits.h"
#include "datafile/parse.h"

namespace kinglet::datafile {
namespace {

using Lines = std::vector<std::string>;

Lines findings(const ParsedProject& project, bool warnings = false) {
  Lines out;
  for (const auto& d : project.diagnostics)
    if (warnings || d.severity == Severity::error) out.push_back(to_string(d));
  return out;
}

TEST(Include, NodesAndVariablesArePasted) {
  const auto parsed = parse_project(
      {{"pipes/p.pipe",
        "DESCRIPTION of p\nINCLUDE \"../includes/common.incl\" \"TABLE=events\" 'N=10'\nNODE last\nSQL >\n"
        "    SELECT * FROM common\nTYPE endpoint\n"},
       {"includes/common.incl",
        "NODE common\nSQL >\n    SELECT * FROM $TABLE WHERE a = '$.x' AND b LIKE '$OTHER' LIMIT ${N}"}});
  EXPECT_EQ(
      findings(parsed, true),
      (Lines{"pipes/p.pipe:2:1: warning: INCLUDE belongs to older projects; newer ones do not know it (copy the text "
             "of the file here when you move on)"}));
  const auto& pipe = parsed.project.pipes.at("p");
  ASSERT_EQ(pipe.nodes.size(), 2u);
  EXPECT_EQ(pipe.nodes[0].sql, "SELECT * FROM events WHERE a = '$.x' AND b LIKE '$OTHER' LIMIT 10");
  EXPECT_EQ(pipe.nodes[1].name, "last");
  EXPECT_EQ(
      parsed.project.files.at("p").text,
      "DESCRIPTION of p\nNODE common\nSQL >\n    SELECT * FROM events WHERE a = '$.x' AND b LIKE '$OTHER' LIMIT 10\n"
      "NODE last\nSQL >\n    SELECT * FROM common\nTYPE endpoint\n");
}

TEST(Include, KeysOfAConnectorAndBareSql) {
  const auto parsed = parse_project(
      {{"datasources/k.datasource",
        "SCHEMA >\n    a String\nENGINE_SORTING_KEY __timestamp\nINCLUDE includes/kafka.incl TOPIC=t1\n"},
       {"includes/kafka.incl", "\xEF\xBB\xBFKAFKA_CONNECTION_NAME c\r\nKAFKA_TOPIC $TOPIC\r\n"},
       {"c.connection", "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS b:9092\n"},
       {"pipes/p.pipe",
        "NODE n\nSQL >\n    SELECT a\n    FROM k\n    INCLUDE \"../includes/filter.incl\"\n    LIMIT 1\n"},
       {"includes/filter.incl", "WHERE a != ''\n"}});
  EXPECT_EQ(findings(parsed), Lines{});
  EXPECT_EQ(parsed.project.data_sources.at("k").connector.at(1),
            (std::pair<std::string, std::string>{"KAFKA_TOPIC", "t1"}));
  EXPECT_EQ(parsed.project.pipes.at("p").nodes[0].sql, "    SELECT a\n    FROM k\nWHERE a != ''\n    LIMIT 1");
}

TEST(Include, FindingsNameTheIncludedFile) {
  const auto parsed = parse_project(
      {{"a.pipe",
        "INCLUDE \"x/one.incl\" \"NAME=9x\" \"LONG=äöü much longer than the name\"\nNODE last\nSQL >\n    SELECT "
        "1\nTYPE copy\n"
        "TARGET_DATASOURCE nowhere\nCACHE x\n"},
       {"x/one.incl",
        "# comment\nINCLUDE \"two.incl\"\nNODE $NAME\nSQL >\n    SELECT '$LONG'\nTYPO $LONG\nTOKEN t APPEND\n"},
       {"x/two.incl", "NODE two\nSQL >\n    %\n"}});
  EXPECT_EQ(
      findings(parsed),
      (Lines{
          "a.pipe:6:19: TARGET_DATASOURCE names 'nowhere', but there is no data source of that name (add a file "
          "nowhere.datasource)",
          "a.pipe:7:1: CACHE goes with TYPE endpoint, this pipe is of TYPE copy",
          "x/one.incl:3:6: '9x' is no name for a node: letters, digits and _ only, no digit first, at most 256 bytes",
          "x/one.incl:6:1: unknown keyword 'TYPO' (did you mean TYPE?)",
          "x/one.incl:7:9: unknown token scope 'APPEND'; a pipe knows only READ (write TOKEN name READ)",
          "x/two.incl:2:1: the SQL of node 'two' is only a %, which announces a template (write a SELECT in the "
          "lines below)"}));
}

TEST(Include, PlacesOfLaterChecksAreTranslated) {
  const auto parsed = parse_project(
      {{"a.pipe", "INCLUDE \"i.incl\" \"T=events\"\n"}, {"i.incl", "\nNODE n\nSQL >\n    SELECT $T, 1\n"}});
  std::vector<Diagnostic> found = {
      {.severity = Severity::error, .file = "a.pipe", .position = {.line = 4, .column = 20}, .message = "m"},
      {.severity = Severity::error, .file = "a.pipe", .position = {.line = 4, .column = 14}, .message = "m"},
      {.severity = Severity::error, .file = "b.pipe", .position = {.line = 4, .column = 14}, .message = "m"},
      {.severity = Severity::error, .file = "a.pipe", .position = {}, .message = "m"}};
  place_in_included_files(parsed.project, found);
  Lines lines;
  for (const auto& d : found) lines.push_back(to_string(d));
  EXPECT_EQ(lines, (Lines{"i.incl:4:16: m", "i.incl:4:12: m", "b.pipe:4:14: m", "a.pipe: m"}));
}

TEST(Include, WhatCannotBeFollowedIsTheOnlyFinding) {
  const auto error = [](const std::string& line, const std::string& other = "") {
    std::vector<SourceFile> files = {{"pipes/p.pipe", line + "\n"}};
    if (!other.empty()) files.push_back({"includes/common.incl", other});
    const auto found = findings(parse_project(std::move(files)));
    return fmt::format("{}", fmt::join(found, "\n"));
  };
  EXPECT_EQ(error("INCLUDE"),
            "pipes/p.pipe:1:1: INCLUDE needs the path of a file (write INCLUDE \"../includes/name.incl\" "
            "\"VAR=value\")");
  EXPECT_EQ(error("INCLUDE \"x.incl"),
            "pipes/p.pipe:1:1: this INCLUDE opens a quote that is never closed (write INCLUDE "
            "\"../includes/name.incl\" \"VAR=value\")");
  EXPECT_EQ(error("INCLUDE \"x.incl\" \"9=1\""),
            "pipes/p.pipe:1:1: behind the path of an INCLUDE comes VAR=value, found '9=1' "
            "(write INCLUDE \"../includes/name.incl\" \"VAR=value\")");
  EXPECT_EQ(
      error("INCLUDE \"../includes/comon.incl\"", "NODE a\n"),
      "pipes/p.pipe:1:1: there is no file '../includes/comon.incl' to INCLUDE; tried includes/comon.incl (did you mean "
      "includes/common.incl?)");
  EXPECT_EQ(error("INCLUDE \"x.incl\""),
            "pipes/p.pipe:1:1: there is no file 'x.incl' to INCLUDE; tried pipes/x.incl and x.incl");
  EXPECT_EQ(error("INCLUDE \"q.sql\""), "pipes/p.pipe:1:1: INCLUDE reads files whose name ends in .incl, not 'q.sql'");
  EXPECT_EQ(
      error("INCLUDE \"../includes/c$WHERE.incl\"", "x"),
      "pipes/p.pipe:1:1: the path of this INCLUDE holds $WHERE, which has no value here: the environment is not read "
      "(write the name of the file itself: common.incl)");
  for (const std::string path : {"../../x.incl", "../a/../../x.incl", "/etc/x.incl", "C:\\x.incl", "..\\..\\x.incl"})
    EXPECT_EQ(error("INCLUDE \"" + path + "\""),
              "pipes/p.pipe:1:1: the path '" + path +
                  "' of this INCLUDE leaves the project (a path counts from the folder of "
                  "the file it stands in)");
  EXPECT_EQ(error("INCLUDE \"../includes/common.incl\"", "INCLUDE common.incl\n"),
            "includes/common.incl:1:1: INCLUDE goes in a circle: pipes/p.pipe -> includes/common.incl -> "
            "includes/common.incl");
}

TEST(Include, AloneAFileCannotIncludeAnother) {
  const auto parsed = parse_data_source({"t.datasource", "INCLUDE \"x.incl\"\nSCHEMA >\n    a String\n"});
  ASSERT_EQ(parsed.diagnostics.size(), 1u);
  EXPECT_EQ(to_string(parsed.diagnostics[0]), "t.datasource:1:1: there is no file 'x.incl' to INCLUDE; tried x.incl");
}

TEST(Include, UnusedFragmentsAndTextsThatOnlyLookLikeIncludes) {
  const auto parsed = parse_project(
      {{"p.pipe", "DESCRIPTION >\n    INCLUDE everything\nNODE n\nSQL >\n    SELECT 'INCLUDE' AS INCLUDE\n"},
       {"x.incl", "\xff"}});
  EXPECT_EQ(findings(parsed, true), (Lines{"x.incl: warning: no file has an INCLUDE of this one; it is ignored"}));
}

TEST(Include, LimitsHold) {
  std::vector<SourceFile> files = {{"p.pipe", "INCLUDE \"f0.incl\"\n"}};
  for (std::size_t i = 0; i <= limits::include_depth_max; ++i)
    files.push_back({fmt::format("f{}.incl", i), fmt::format("INCLUDE \"f{}.incl\"\n", i + 1)});
  EXPECT_EQ(findings(parse_project(files)),
            (Lines{fmt::format("f{}.incl:1:1: files include each other deeper than {}", limits::include_depth_max - 1,
                               limits::include_depth_max)}));
  // Eight levels of ten includes each would be 10^8 pastes.
  files = {{"p.pipe", "INCLUDE \"f0.incl\"\n"}};
  for (std::size_t i = 0; i + 1 < limits::include_depth_max; ++i) {
    std::string text;
    for (int n = 0; n < 10; ++n) text += fmt::format("INCLUDE \"f{}.incl\"\n", i + 1);
    files.push_back({fmt::format("f{}.incl", i), text});
  }
  files.push_back({fmt::format("f{}.incl", limits::include_depth_max - 1), "# leaf\n"});
  const auto wide = findings(parse_project(files));
  ASSERT_FALSE(wide.empty());
  EXPECT_NE(wide.front().find("a file has more than 1000 INCLUDEs"), std::string::npos) << wide.front();
  EXPECT_LE(wide.size(), limits::diagnostics_per_file_max + 1);
  const std::string big(limits::file_bytes_max / 2, '#');
  EXPECT_EQ(findings(parse_project({{"p.pipe", "INCLUDE b.incl\nINCLUDE b.incl\nINCLUDE b.incl\n"}, {"b.incl", big}})),
            (Lines{"b.incl:1:1: the file has more than 1048576 bytes with what it includes"}));
}

TEST(Include, AnyPathStaysInTheProject) {
  EXPECT_TRUE(rc::check([] {
    const auto parts = *rc::gen::container<std::vector<std::string>>(
        rc::gen::elementOf(std::vector<std::string>{"..", ".", "a", "", "b c", "..."}));
    const auto path = fmt::format("{}", fmt::join(parts, *rc::gen::arbitrary<bool>() ? "/" : "\\"));
    const auto normal = internal::normal_path(path);
    if (!normal) return;
    RC_ASSERT(!normal->starts_with('/'));
    RC_ASSERT(fmt::format("/{}/", *normal).find("/../") == std::string::npos);
    RC_ASSERT(internal::normal_path(*normal) == normal);
  }));
}

}  // namespace
}  // namespace kinglet::datafile
