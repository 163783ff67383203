// SPDX-License-Identifier: Apache-2.0
// Changes of a test file that leave the rest of its text as it is.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "project/test_file.h"

namespace kinglet::project {

struct NewExpectation {
  std::size_t index = 0;  // of the test in the file
  std::string result;
  int status = 200;
};

/// The file's text with other values of expected_result and expected_http_status; comments, blank lines, quoting and
/// order of everything else stay. A status of 200 is not added where none stands.
/// Errors: invalid (the file has faults, or a test is written in a form that cannot be changed in place).
Result<std::string> with_expectations(const datafile::SourceFile& file, std::span<const NewExpectation> expectations);

/// The file's text with one more test at its end; an empty text is a new file. Errors: as above.
Result<std::string> with_test(const datafile::SourceFile& file, const TestCase& test);

}  // namespace kinglet::project
