// SPDX-License-Identifier: Apache-2.0
// For tests: a folder that goes away, and resources made from datafile text.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "base/check.h"
#include "catalog/catalog.h"
#include "datafile/parse.h"

namespace kinglet::catalog::testing {

class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kinglet-test-XXXXXX").string();
    CHECK(::mkdtemp(pattern.data()) != nullptr, "tests need a writable temporary folder");
    path_ = pattern;
  }
  ~TempFolder() {
    std::error_code ignored;  // a folder left behind fails no test
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::unique_ptr<Catalog> open(const std::filesystem::path& folder) {
  Options options;
  options.folder = folder;
  auto catalog = Catalog::open(std::move(options));
  if (!catalog) ADD_FAILURE() << catalog.error().message;
  return catalog ? std::move(*catalog) : nullptr;
}

/// `tokens` are lines such as "TOKEN reader READ".
inline DataSource data_source(const std::string& name, const std::string& tokens = "") {
  DataSource out;
  out.name = name;
  out.file = "datasources/" + name + ".datasource";
  out.text = tokens + (tokens.empty() ? "" : "\n") +
             "SCHEMA >\n    `id` Int64 `json:$.id`,\n    `word` String `json:$.word`\n";
  out.table = "table_" + name;
  out.quarantine_table = out.table + "_quarantine";
  auto parsed = datafile::parse_data_source({.name = out.file, .text = out.text});
  for (const auto& one : parsed.diagnostics)
    EXPECT_NE(one.severity, datafile::Severity::error) << datafile::to_string(one);
  out.definition = std::move(parsed.resource);
  return out;
}

inline Pipe pipe(const std::string& name, const std::string& tokens = "", const std::string& sql = "SELECT 1") {
  Pipe out;
  out.name = name;
  out.file = "pipes/" + name + ".pipe";
  out.text = tokens + (tokens.empty() ? "" : "\n") + "NODE " + name + "_first\nSQL >\n    " + sql + "\n\nNODE " + name +
             "_last\nSQL >\n    SELECT * FROM " + name + "_first\n\nTYPE endpoint\n";
  auto parsed = datafile::parse_pipe({.name = out.file, .text = out.text});
  for (const auto& one : parsed.diagnostics)
    EXPECT_NE(one.severity, datafile::Severity::error) << datafile::to_string(one);
  out.definition = std::move(parsed.resource);
  return out;
}

/// Applies and fails the test when it does not work.
inline std::shared_ptr<const Deployment> deploy(Catalog& catalog, const std::string& workspace_id,
                                                DeploymentChange change) {
  auto done =
      catalog.update_blocking([&](Transaction& t) { return t.apply_deployment(workspace_id, std::move(change)); });
  if (!done) ADD_FAILURE() << done.error().message;
  return done ? *done : nullptr;
}

}  // namespace kinglet::catalog::testing
