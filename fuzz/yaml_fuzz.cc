// SPDX-License-Identifier: Apache-2.0
// modules: project
// Test files: any text is read or refused; what is written into one is read back; differences agree with equality.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "project/test_compare.h"
#include "project/test_edit.h"

namespace {
using namespace kinglet;
using namespace kinglet::project;
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const datafile::SourceFile file{.name = "tests/top.yaml", .text = text};
  const auto read = read_tests(file);
  CHECK(read.ok() || !read.diagnostics.empty(), "a refusal says why");
  for (const auto& d : read.diagnostics) CHECK(!d.message.empty(), "a finding says what is wrong");
  if (read.ok() && !read.file.cases.empty()) {
    const auto& test = read.file.cases.back();
    const auto index = read.file.cases.size() - 1;
    const NewExpectation same{.index = index, .result = test.expected_result, .status = test.expected_http_status};
    const auto unchanged = with_expectations(file, {&same, 1});
    CHECK(unchanged && *unchanged == text, "the same expectation changes nothing");
    const NewExpectation other{.index = index, .result = "{\"new\":1}\n", .status = 418};
    if (const auto changed = with_expectations(file, {&other, 1})) {
      const auto again = read_tests({.name = file.name, .text = *changed});
      CHECK(again.ok() && again.file.cases.size() == read.file.cases.size() &&
                again.file.cases.back().expected_result == other.result && again.file.cases.back().name == test.name,
            "a change is read back and changes nothing else");
    }
  }
  if (read.ok() && !read.file.classic)
    if (const auto longer = with_test(file, {.name = "added", .query = "a=1", .expected_result = text})) {
      const auto again = read_tests({.name = file.name, .text = *longer});
      CHECK(again.ok() && again.file.cases.size() == read.file.cases.size() + 1, "an added test is read back");
    }
  const auto half = size / 2;
  CHECK(same_rows(text.substr(0, half), text.substr(half)) ==
            show_difference(text.substr(0, half), text.substr(half)).empty(),
        "a difference is shown exactly when there is one");
  return 0;
}
