// SPDX-License-Identifier: Apache-2.0
// modules: rows
// CSV files and compressed streams: cuts change nothing, counts add up, blocks decode, limits hold.
#include <cstdint>
#include <map>
#include <string>

#include "base/check.h"
#include "rows/decompress.h"
#include "rows/row_testing.h"
#include "rows_outcome.h"

using namespace kinglet;
using namespace kinglet::rows;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  static const datafile::DataSource source = testing::source_of({{"a", "Int32"},
                                                                 {"s", "String"},
                                                                 {"n", "Nullable(String)"},
                                                                 {"d", "DateTime"},
                                                                 {"l", "Array(Int8)", "", "[]"},
                                                                 {"j", "JSON", "", "'{}'"}});
  BatchOptions options{.format = InputFormat::csv};
  if ((data[0] & 1) != 0) options.csv.delimiter = ';';
  if ((data[0] & 2) != 0) options.csv.escape = '\\';
  if ((data[0] & 4) != 0) options.csv.header = (data[0] & 8) != 0;
  const MappingOptions mapping{.invalid_text = (data[0] & 16) != 0 ? InvalidText::replace : InvalidText::reject,
                               .row_bytes_max = (data[0] & 32) != 0 ? 64u : 16u << 20};
  static std::map<int, std::shared_ptr<const RowMapping>> compiled;  // by the bits of `mapping`
  auto& rows_to_columns = compiled[data[0]];
  if (!rows_to_columns) rows_to_columns = RowMapping::compile(source, mapping).value();
  const testing::Outcome whole = testing::read_with(rows_to_columns, text, options);
  CHECK(testing::seen(whole) == testing::seen(testing::read_with(rows_to_columns, text, options, data[1] % 32 + 1u)),
        "the cuts of a stream change nothing");
  testing::check_outcome(whole);

  constexpr std::size_t limit = 1u << 20;
  const auto out = decompress_all(static_cast<Encoding>(data[0] >> 6), text, limit);
  CHECK(!out || out->size() <= limit, "the limit of a decoder holds");
  return 0;
}
