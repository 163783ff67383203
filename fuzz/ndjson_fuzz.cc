// SPDX-License-Identifier: Apache-2.0
// modules: rows
// JSON bodies: whatever comes, cuts change nothing, counts add up, and what is built can be encoded and read back.
#include <cstdint>
#include <map>
#include <string>

#include "base/check.h"
#include "rows/row_testing.h"
#include "rows_outcome.h"

namespace {

using namespace kinglet;
using namespace kinglet::rows;

const datafile::DataSource& source() {
  static const datafile::DataSource made =
      testing::source_of({{"a", "Int32"},
                          {"s", "Nullable(String)"},
                          {"t", "DateTime64(3, 'Europe/Madrid')", "$.n.t", "now64(3)"},
                          {"d", "Decimal(38, 5)", "", "0"},
                          {"l", "Array(Nullable(Int8))", "", "[]"},
                          {"i", "Array(String)", "$.x[:].y", "someFunction(a)"},
                          {"m", "Map(String, Float64)", "", "map()"},
                          {"p", "Tuple(u UInt8, v String)", "", "(1, '')"},
                          {"j", "JSON(k.l UInt8)", "", "'{}'"},
                          {"e", "Enum8('x' = 1)", "", "'x'"},
                          {"w", "String", "$"}});
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const BatchOptions options{.format = (data[0] & 1) != 0 ? InputFormat::json : InputFormat::ndjson};
  const MappingOptions mapping{.numeric_strings = static_cast<NumericStrings>(data[0] >> 1 & 3),
                               .dates = static_cast<DateTexts>((data[0] >> 3 & 3) % 3),
                               .invalid_text = (data[0] & 32) != 0 ? InvalidText::replace : InvalidText::reject,
                               .quarantine_json_text = (data[0] & 64) != 0,
                               .row_bytes_max = (data[0] & 128) != 0 ? 64u : 16u << 20};
  static std::map<int, std::shared_ptr<const RowMapping>> compiled;  // by the bits of `mapping`
  auto& rows_to_columns = compiled[data[0]];
  if (!rows_to_columns) rows_to_columns = RowMapping::compile(source(), mapping).value();
  const testing::Outcome whole = testing::read_with(rows_to_columns, text, options);
  const testing::Outcome pieces = testing::read_with(rows_to_columns, text, options, data[1] % 32 + 1u);
  CHECK(testing::seen(whole) == testing::seen(pieces), "the cuts of a stream change nothing");
  testing::check_outcome(whole);
  return 0;
}
