// SPDX-License-Identifier: Apache-2.0
// tests/<pipe>.yaml: requests to an endpoint and what they must answer.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "datafile/parse.h"
#include "project/discovery.h"

namespace kinglet::project {

struct TestLimits {
  static constexpr std::size_t cases_max = 5000;       // of one file
  static constexpr std::size_t parameters_max = 1000;  // of one case, written as a map
  static constexpr std::size_t query_bytes_max = 64 * 1024;
};

struct TestCase {
  std::string name;
  std::string description = {};
  std::string query = {};                                            // `parameters` as a query string: a=1&b=x%20y
  std::vector<std::pair<std::string, std::string>> parameters = {};  // `parameters` as a map, not encoded
  std::string expected_result = {};  // rows as NDJSON; the message of a request that fails
  int expected_http_status = 200;
  datafile::Position position = {};
};

struct TestFile {
  std::string name;  // as given
  std::string pipe;  // after the file's name
  std::vector<TestCase> cases = {};
  bool classic = false;  // tests of Classic: SQL that must return no rows. Not run; a warning says so
};

struct ReadTests {
  TestFile file;
  std::vector<datafile::Diagnostic> diagnostics;
  bool ok() const;
};

/// The text of a test file; `shown` is its name for a reader. Errors: invalid (it cannot be read, the limit of a
/// datafile's size). Thread: any; blocks on the file system.
Result<std::string> read_test_text(const DataTest& test, const std::string& shown);

/// Reads a list of {name, description, parameters, expected_result, expected_http_status} and reports every fault.
/// `parameters` may be a query string or a map; `expected_result` text or a list of rows.
/// Thread: any. Limits: TestLimits, those of datafiles for the size of a file, YamlLimits.
ReadTests read_tests(const datafile::SourceFile& file);

}  // namespace kinglet::project
