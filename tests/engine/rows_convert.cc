// SPDX-License-Identifier: Apache-2.0
// For tests/engine/test_conversion.py: what becomes of values of one type. Standard input holds rows {"n": number, "v":
// value}, one a line; `rows_convert TYPE` prints one JSON line {"number of a row that was not taken": "why", …} and
// behind it the Native block of the rows that were.
#include <boost/json.hpp>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <string>

#include "rows/row_batch.h"

using namespace kinglet;

namespace {

datafile::ColumnDefinition column(std::string name, std::string type) {
  datafile::ColumnDefinition out;
  out.name = name;
  out.type = std::move(type);
  out.path = datafile::JsonPath{.steps = {{.key = name, .each = false}}, .text = "$." + name};
  return out;
}

int refused(const Error& error) {
  std::fprintf(stderr, "%s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: rows_convert TYPE < rows\n");
    return 2;
  }
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  datafile::DataSource source;
  source.name = "conversion";
  source.columns = {column("n", "UInt32"), column("v", argv[1])};
  const auto mapping = rows::RowMapping::compile(source);
  if (!mapping) return refused(mapping.error());
  rows::BatchBuilder builder(*mapping, {.rows_max = SIZE_MAX, .bytes_max = SIZE_MAX});
  if (const auto fed = builder.feed(text); !fed) return refused(fed.error());
  if (const auto done = builder.finish(); !done) return refused(done.error());
  const rows::Batch batch = builder.take();

  // Rows that are no JSON have no number; the caller finds them by their absence.
  boost::json::object why;
  const engine::Block& bad = batch.quarantine;
  std::size_t number = 0;
  std::size_t errors = 0;
  for (std::size_t i = 0; i < bad.column_count(); ++i) {
    if (bad.entries()[i].name == "n") number = i;
    if (bad.entries()[i].name == "c__error") errors = i;
  }
  for (std::size_t row = 0; row < bad.row_count(); ++row) {
    if (bad.column(number).is_null(row)) continue;
    const engine::Column& texts = bad.column(errors);
    std::string all;
    for (std::uint64_t i = row == 0 ? 0 : texts.end_of(row - 1); i < texts.end_of(row); ++i)
      all += std::string(all.empty() ? "" : "; ") + std::string(texts.child(0).string_at(i));
    why[bad.column(number).child(0).string_at(row)] = all;
  }
  std::cout << boost::json::serialize(why) << "\n";
  std::string bytes;
  for (const engine::Block& block : batch.rows) block.encode(bytes);
  std::cout << bytes;
  return 0;
}
