// SPDX-License-Identifier: Apache-2.0
// Everything about a project that can be told without a server.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "project/discovery.h"
#include "project/graph.h"
#include "project/test_file.h"

namespace kinglet::project {

/// What belongs to a project beside its datafiles.
struct Surroundings {
  std::span<const Vendored> vendored = {};
  std::span<const DataTest> tests = {};
  std::span<const Fixture> fixtures = {};
  std::span<const TestFile> test_files = {};  // those of `tests` that could be read
  /// Are names and columns that nothing here has a fault? No: a server that knows more looks at them.
  bool complete = true;
};

/// What is wrong with the nodes of a project and between its resources: texts (datafile/check.h), names that nothing
/// has, circles, nodes that hide resources, parameters, columns that are not there, columns that do not fit their
/// target, tests and fixtures of nothing. In the order of reading, each at its place in the file that was sent, an
/// included one too. Thread: any. Cost: about 200 µs a node.
std::vector<datafile::Diagnostic> check(const datafile::Project& project, const Surroundings& surroundings = {});

struct Checked {
  datafile::Project project;
  std::vector<datafile::Diagnostic> diagnostics;  // sorted
  std::vector<datafile::SourceFile> tests;        // tests/*.yaml, as read
  std::size_t error_count() const;
};

/// Parses the files, reads the tests and checks everything; the findings of the discovery are among the diagnostics.
/// Blocks on the file system.
Checked check(const Discovered& found);

}  // namespace kinglet::project
