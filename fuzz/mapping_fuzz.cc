// SPDX-License-Identifier: Apache-2.0
// modules: rows
// Any schema over any documents: paths and types from the input become a mapping, and rows go through it. Compiling and
// reading never fail otherwise than by an Error, cuts change nothing, counts add up, blocks decode, and the order of
// the columns decides nothing.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "datafile/json_path.h"
#include "rows/row_testing.h"
#include "rows_outcome.h"

namespace {

using namespace kinglet;
using namespace kinglet::rows;

constexpr std::size_t columns_max = 24;
constexpr std::size_t defaults_max = 4;  // sets of left-out columns stay fewer than BatchBuilder::groups_max

constexpr const char* types[] = {"String",
                                 "Int32",
                                 "Nullable(Int64)",
                                 "Float64",
                                 "Array(String)",
                                 "Array(Nullable(Int8))",
                                 "Array(Array(String))",
                                 "Map(String, Nullable(String))",
                                 "Tuple(a Nullable(Int8), b String)",
                                 "Nested(a Nullable(Int8), b String)",
                                 "JSON",
                                 "JSON(a UInt8, b.c String, m Map(String, Int8))",
                                 "DateTime64(3, 'America/New_York')",
                                 "LowCardinality(Nullable(String))",
                                 "FixedString(3)",
                                 "Bool"};
constexpr const char* defaults[] = {"", "", "", "'x'", "[]", "now()", "map()", "NULL", "someFunction(k)"};

/// The input: lines of `path TAB type number TAB default number`, an empty line, then rows.
datafile::DataSource schema(std::string_view& text) {
  datafile::DataSource source;
  source.name = "events";
  std::size_t with_default = 0;
  while (source.columns.size() < columns_max) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty()) break;
    const auto tab = line.rfind('\t');
    const std::string_view numbers = tab == std::string_view::npos ? std::string_view{} : line.substr(tab + 1);
    datafile::ColumnDefinition column;
    column.name = fmt::format("c{}", source.columns.size());
    const auto byte = [&](std::size_t at) {
      return at < numbers.size() ? static_cast<unsigned char>(numbers[at]) : 0u;
    };
    column.type = types[byte(0) % std::size(types)];
    const std::string_view expression = defaults[byte(1) % std::size(defaults)];
    if (!expression.empty() && with_default < defaults_max) {
      column.default_expression = std::string(expression);
      ++with_default;
    }
    const auto path = datafile::parse_json_path(line.substr(0, tab));
    if (path) column.path = *path;
    source.columns.push_back(std::move(column));
  }
  return source;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const datafile::DataSource source = schema(text);
  const MappingOptions options{.invalid_text = (data[0] & 1) != 0 ? InvalidText::replace : InvalidText::reject,
                               .quarantine_json_text = (data[0] & 2) != 0,
                               .depth_max = (data[0] & 4) != 0 ? 4u : 128u};
  const auto mapping = RowMapping::compile(source, options);
  if (!mapping) {
    CHECK(!mapping.error().message.empty(), "a schema is refused with a reason");
    return 0;
  }
  CHECK((*mapping)->columns().size() == source.columns.size(), "each column has its place");
  const BatchOptions batch{.format = (data[0] & 8) != 0 ? InputFormat::json : InputFormat::ndjson};
  const testing::Outcome whole = testing::read_with(*mapping, text, batch);
  CHECK(testing::seen(whole) == testing::seen(testing::read_with(*mapping, text, batch, data[1] % 32 + 1u)),
        "the cuts of a stream change nothing");
  testing::check_outcome(whole);
  // The schema's order is no part of its meaning: what is good and bad stays so when the columns are turned round.
  datafile::DataSource turned = source;
  std::reverse(turned.columns.begin(), turned.columns.end());
  const auto other = RowMapping::compile(turned, options);
  CHECK(other.has_value(), "the order of columns decides nothing");
  const testing::Outcome same = testing::read_with(*other, text, batch);
  CHECK(same.batch.counts == whole.batch.counts && same.new_columns == whole.new_columns,
        "the order of columns decides nothing about rows");
  return 0;
}
