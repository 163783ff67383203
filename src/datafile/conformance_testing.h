// SPDX-License-Identifier: Apache-2.0
// A table of the datafiles page as a test: what each row allows is read, what it excludes is refused. The first column
// is the section of the page.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "datafile/parse.h"
#include "datafile/print.h"

namespace kinglet::datafile::testing {

/// A line or file, and what must come of it: "" for no finding at all; "warning: …" or another text for a finding that
/// contains it; "= …" for a part of the printed model, without errors.
struct Row {
  std::string_view section;
  std::string text;
  std::vector<std::string> expected = {};
};

struct Outcome {
  std::vector<std::string> findings;
  std::string model;
  bool ok = false;
};

template <class T>
Outcome outcome(const Parsed<T>& parsed) {
  Outcome out{.findings = {}, .model = {}, .ok = parsed.ok()};
  for (const auto& d : parsed.diagnostics) out.findings.push_back(to_string(d));
  if (out.ok) out.model = print(parsed.resource);
  return out;
}

inline void expect(const Row& row, const Outcome& found) {
  const auto all = fmt::format("{}", fmt::join(found.findings, "\n"));
  SCOPED_TRACE(
      fmt::format("section {}:\n{}\n--- findings:\n{}\n--- model:\n{}", row.section, row.text, all, found.model));
  if (row.expected.empty()) EXPECT_EQ(all, "");
  bool error = false;
  for (const std::string_view wanted : row.expected) {
    if (wanted.starts_with("= ")) {
      EXPECT_TRUE(found.ok);
      EXPECT_NE(found.model.find(wanted.substr(2)), std::string::npos) << wanted;
    } else {
      error = error || !wanted.starts_with("warning");
      EXPECT_NE(all.find(wanted), std::string::npos) << wanted;
    }
  }
  EXPECT_EQ(found.ok, !error);
}

/// A SCHEMA that the keys of the rows can name; then the line.
inline const std::string schema =
    "SCHEMA >\n    id UInt64,\n    org String,\n    at DateTime,\n    at64 DateTime64(3),\n    gone UInt8,\n    sign "
    "Int8,\n"
    "    ver UInt32,\n    n Nullable(UInt8),\n    d Date\n";

inline void data_source_rows(const std::vector<Row>& rows) {
  for (const auto& row : rows) expect(row, outcome(parse_data_source({"t.datasource", schema + row.text + "\n"})));
}
inline void file_rows(const std::vector<Row>& rows) {
  for (const auto& row : rows) expect(row, outcome(parse_data_source({"t.datasource", row.text})));
}
inline void pipe_rows(const std::vector<Row>& rows, const std::string& before = "NODE n\nSQL >\n    SELECT 1\n") {
  for (const auto& row : rows) expect(row, outcome(parse_pipe({"p.pipe", before + row.text})));
}
inline void connection_rows(const std::vector<Row>& rows) {
  for (const auto& row : rows) expect(row, outcome(parse_connection({"c.connection", row.text})));
}

}  // namespace kinglet::datafile::testing
