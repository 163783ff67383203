// SPDX-License-Identifier: Apache-2.0
// What belongs to a project: its datafiles, fixtures, tests, secrets and settings, found from a folder.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "datafile/parse.h"
#include "project/config.h"
#include "project/limits.h"

namespace kinglet::project {

enum class FixtureFormat : std::uint8_t { ndjson, csv, parquet };

/// `fixtures/<data source>.ndjson|csv|parquet`, or older `datasources/fixtures/…`.
struct Fixture {
  std::string source;          // the data source, by the name of the file
  std::string name;            // relative to Discovered::root
  std::filesystem::path path;  // to open it
  FixtureFormat format = FixtureFormat::ndjson;
};

/// `tests/<pipe>.yaml`
struct DataTest {
  std::string pipe;
  std::string name;            // relative to Discovered::root
  std::filesystem::path path;  // to open it
};

/// `vendor/<workspace>/…/<data source>.datasource`: what another workspace shares; `workspace.data source` in SQL. For
/// reading only: it is never sent to a server.
struct Vendored {
  std::string workspace;
  std::string source;
  datafile::SourceFile file;
};

struct Discovered {
  std::filesystem::path root;                  // names of files are relative to it
  std::string shown;                           // how to write `root` for a reader: "", or a path that ends in '/'
  std::vector<datafile::SourceFile> files;     // .datasource, .pipe, .endpoint, .connection, .incl, .token; by name
  std::vector<Fixture> fixtures;               // by name
  std::vector<DataTest> tests;                 // by name
  std::vector<Vendored> vendored;              // by name
  std::vector<Variable> secrets;               // of .env.local
  Config config;                               // empty `file` when there is none
  std::vector<datafile::Diagnostic> findings;  // about settings and files that cannot be read

  /// A file's name as a reader at the working directory sees it: what editors and terminals open.
  std::string place(std::string_view name) const;
};

/// Finds the project that `folder` is or belongs to; empty: the working directory.
///
/// `tinybird.config.json` (or older `tinybird.json`) is looked for in the folder and above. When no folder is named,
/// its `include` or `folder` says where the files are, or else `cwd` of a `.tinyb`; a folder that is named is taken as
/// it is. Datafiles may lie anywhere below; .git, node_modules and hidden folders are left out. Errors: invalid (no
/// such folder, no datafile in it, limits). What is wrong inside settings is in `findings`. Thread: any; blocks on the
/// file system.
Result<Discovered> discover(const std::string& folder = {});

}  // namespace kinglet::project
