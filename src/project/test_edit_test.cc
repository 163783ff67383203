// SPDX-License-Identifier: Apache-2.0
// Changing test files in place: nothing else moves.
#include "project/test_edit.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace kinglet::project {
namespace {

std::string change(const std::string& text, std::vector<NewExpectation> expectations) {
  const auto out = with_expectations({.name = "tests/top.yaml", .text = text}, expectations);
  return out ? *out : "error: " + out.error().message;
}

std::string add(const std::string& text, const TestCase& test) {
  const auto out = with_test({.name = "tests/top.yaml", .text = text}, test);
  return out ? *out : "error: " + out.error().message;
}

TEST(TestEdit, OnlyTheValueChanges) {
  const std::string text =
      "# head\n- name: 'a'   # why\n  expected_result: |   # rows\n    {\"a\":1}\n\n    {\"a\":2}\n\n  # of the "
      "status\n"
      "  expected_http_status: 200 # fine\n  parameters:  x=1\n\n\n- name: b\n  expected_result: ''  # none yet\n"
      "  description: >\n    long\n    text\n# tail\n";
  EXPECT_EQ(change(text, {{0, "{\"a\":3}\n", 200}, {1, "{\"b\":\"\\/\"}\n{\"b\":2}\n", 200}}),
            "# head\n- name: 'a'   # why\n  expected_result: |   # rows\n    {\"a\":3}\n\n  # of the status\n"
            "  expected_http_status: 200 # fine\n  parameters:  x=1\n\n\n- name: b\n  expected_result: |  # none yet\n"
            "    {\"b\":\"\\/\"}\n    {\"b\":2}\n  description: >\n    long\n    text\n# tail\n");
  EXPECT_EQ(change(text, {}), text);
  EXPECT_EQ(change(text, {{0, "{\"a\":1}\n\n{\"a\":2}\n", 200}}), text) << "the same result is no change";
}

TEST(TestEdit, EveryFormOfAValueIsReplaced) {
  const std::string before = "- name: a\n  expected_result:", after = "  parameters: x=1\n";
  for (const char* value :
       {" ''\n", "\n", " ~\n", " null\n", " \"a b\"\n", " 'it''s'\n", " plain\n", " plain\n    goes on\n",
        " |\n    {\"a\":1}\n", " |-\n    {\"a\":1}\n\n\n", " >\n    a\n    b\n", " |2\n    x\n", " !!str x\n",
        " \"a\n    b\"\n", "\n    plain\n    goes on\n", "\n    'x'\n"}) {
    const auto changed = change(before + value + after, {{0, "{\"n\":1}\n", 200}});
    const auto wanted = before + " |\n    {\"n\":1}\n";
    EXPECT_EQ(changed.substr(0, wanted.size()), wanted) << value;
    EXPECT_EQ(changed.substr(changed.size() - after.size()), after) << value;
    EXPECT_EQ(change(before + value, {{0, "{\"n\":1}\n", 200}}).substr(0, wanted.size()), wanted) << value;
  }
}

TEST(TestEdit, ResultsGetTheFormThatReadsBest) {
  const std::string text = "- name: a\n  expected_result: x\n";
  EXPECT_EQ(change(text, {{0, "", 200}}), "- name: a\n  expected_result: ''\n");
  EXPECT_EQ(change(text, {{0, "p is required", 200}}), "- name: a\n  expected_result: p is required\n");
  EXPECT_EQ(change(text, {{0, "[Error] no: \"p\" #1\\", 200}}),
            "- name: a\n  expected_result: \"[Error] no: \\\"p\\\" #1\\\\\"\n");
  EXPECT_EQ(change(text, {{0, "null", 200}}), "- name: a\n  expected_result: \"null\"\n");
  EXPECT_EQ(change(text, {{0, "two\nlines", 200}}), "- name: a\n  expected_result: |-\n    two\n    lines\n");
  EXPECT_EQ(change(text, {{0, " \ttab\x01\n", 200}}), "- name: a\n  expected_result: \" \\x09tab\\x01\\n\"\n");
}

TEST(TestEdit, AStatusIsChangedAndAddedWhereItIsNot200) {
  EXPECT_EQ(change("- name: a\n  expected_result: x\n", {{0, "y", 400}}),
            "- name: a\n  expected_result: y\n  expected_http_status: 400\n");
  EXPECT_EQ(change("- name: a\n  expected_http_status: 400   # bad\n  expected_result: x\n", {{0, "{\"a\":1}\n", 200}}),
            "- name: a\n  expected_http_status: 200   # bad\n  expected_result: |\n    {\"a\":1}\n");
}

TEST(TestEdit, MissingKeysAreAdded) {
  EXPECT_EQ(change("- name: a\n- name: b\n  parameters: x=1", {{0, "{\"a\":1}\n", 200}, {1, "bad", 400}}),
            "- name: a\n  expected_result: |\n    {\"a\":1}\n- name: b\n  parameters: x=1\n  expected_result: bad\n"
            "  expected_http_status: 400\n");
  EXPECT_EQ(change("  -   name: a\n      parameters:\n        x: 1\n", {{0, "z", 200}}),
            "  -   name: a\n      expected_result: z\n      parameters:\n        x: 1\n");
}

TEST(TestEdit, WindowsLineEndsAndAByteOrderMarkStay) {
  EXPECT_EQ(change("\xEF\xBB\xBF- name: a\r\n  expected_result: x\r\n  parameters: y=1\r\n", {{0, "{\"a\":1}\n", 200}}),
            "\xEF\xBB\xBF- name: a\r\n  expected_result: |\r\n    {\"a\":1}\r\n  parameters: y=1\r\n");
}

TEST(TestEdit, FormsThatCannotBeChangedAreRefused) {
  EXPECT_NE(change("- {name: a, expected_result: x}\n", {{0, "y", 200}}).find("tests/top.yaml:1: this test cannot be"),
            std::string::npos);
  EXPECT_NE(change("- name: a\n  expected_result:\n  - a: 1\n", {{0, "y", 200}}).find("cannot be changed"),
            std::string::npos);
  EXPECT_NE(change("- name: &a x\n", {{0, "y", 200}}).find("anchors"), std::string::npos);
  EXPECT_NE(change("- a:\n    sql: SELECT 1\n", {{0, "y", 200}}).find("Classic"), std::string::npos);
}

TEST(TestEdit, TestsAreAddedAtTheEnd) {
  const TestCase test{.name = "b", .query = "x=1&y=a%20b", .expected_result = "{\"a\":1}\n"};
  const std::string written = "- name: b\n  parameters: x=1&y=a%20b\n  expected_result: |\n    {\"a\":1}\n";
  EXPECT_EQ(add("", test), written);
  EXPECT_EQ(add("[]\n", test), written);
  EXPECT_EQ(add("# head\n", test), "# head\n\n" + written);
  EXPECT_EQ(add("- name: a\n  expected_result: |\n    {\"a\":1}", test),
            "- name: a\n  expected_result: |\n    {\"a\":1}\n\n" + written);
  EXPECT_EQ(add("  - name: a\n",
                {.name = "b c", .description = "a: b", .expected_result = "no", .expected_http_status = 400}),
            "  - name: a\n\n  - name: b c\n    description: \"a: b\"\n    parameters: ''\n    expected_result: \"no\"\n"
            "    expected_http_status: 400\n");
  EXPECT_NE(add("[{name: a}]\n", test).find("cannot be changed"), std::string::npos);
  EXPECT_NE(add("- name: a\n...\n", test).find("error: "), std::string::npos);
}

/// Whatever came: the file then expects exactly that, and every other test is as it was.
RC_GTEST_PROP(TestEdit, WhatIsWrittenIsReadBack, ()) {
  const auto text = rc::gen::container<std::string>(rc::gen::oneOf(
      rc::gen::elementOf(std::string("{}\"':#\n \t|>-?&*!%@`[],~nul\\\r\x01\x7F")), rc::gen::inRange(' ', '~')));
  const auto value = *text;
  const std::string result = *rc::gen::oneOf(text, rc::gen::just(std::string("{\"a\":\"\xC2\x85\xE2\x80\xA8\"}\n")),
                                             rc::gen::just(std::string("\xC3\xA9\n\nx\n\n")));
  const TestCase first{.name = "first", .description = value, .query = "a=1", .expected_result = result};
  const auto one = with_test({.name = "tests/top.yaml", .text = {}}, first);
  RC_ASSERT(one.has_value());
  const auto two = with_test({.name = "tests/top.yaml", .text = *one}, {.name = "second", .expected_result = value});
  RC_ASSERT(two.has_value());
  const std::vector<NewExpectation> news{{0, value, 400}, {1, result, 200}};
  const auto changed = with_expectations({.name = "tests/top.yaml", .text = *two}, news);
  RC_ASSERT(changed.has_value());
  const auto read = read_tests({.name = "tests/top.yaml", .text = *changed});
  RC_ASSERT(read.ok());
  RC_ASSERT(read.file.cases.size() == 2u);
  RC_ASSERT(read.file.cases[0].expected_result == value);
  RC_ASSERT(read.file.cases[0].expected_http_status == 400);
  RC_ASSERT(read.file.cases[0].description == first.description);
  RC_ASSERT(read.file.cases[1].expected_result == result);
}

}  // namespace
}  // namespace kinglet::project
