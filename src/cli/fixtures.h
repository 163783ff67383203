// SPDX-License-Identifier: Apache-2.0
// fixtures/<data source>.ndjson|csv|parquet: rows for data sources that have none yet.
#pragma once

#include <string>
#include <vector>

#include "cli/session.h"
#include "project/discovery.h"

namespace kinglet::cli {

/// What became of one file.
struct AppendedFixture {
  std::string name;  // of the file, in the project
  std::string source;
  std::uint64_t rows = 0, quarantined = 0;
  std::string fault = {};  // why no or not all rows were taken: the first error of the server
  bool appended = false;
};

enum class OldFixtures : std::uint8_t {
  left_out,  // datasources/fixtures/ of Classic is loaded only on request
  loaded,    // where fixtures/ has no file of that name
};

/// Appends each file to the data source it is named after, when that is empty, and waits until the rows can be read.
/// What is empty is asked before the first file goes: rows that a materialized view makes keep no file out. Files
/// without a data source are ignored. One file's fault does not stop the others. Errors: unavailable (no server).
Result<std::vector<AppendedFixture>> append_fixtures(const Session& session, const project::Discovered& project,
                                                     OldFixtures old = OldFixtures::left_out);

/// One line for each: how many rows, or what is wrong.
void show_fixtures(const Terminal& terminal, const std::vector<AppendedFixture>& fixtures);

}  // namespace kinglet::cli
