// SPDX-License-Identifier: Apache-2.0
// The output formats that are answered: canonical name, Content-Type, and whether chunks of a stream may be put
// together.
#pragma once

#include <string_view>

namespace kinglet::embedded {

struct OutputFormat {
  std::string_view name;
  std::string_view content_type;
  /// True when the document of a whole result equals those of its chunks one after the other. The stream call repeats
  /// header lines and frames, so that JSON, Parquet or CSVWithNames must come whole.
  bool concatenates;
};

/// By name or alias, letter case as in ClickHouse. Null for formats that are not answered.
const OutputFormat* find_output_format(std::string_view name);
/// Formats that an insert's body may have.
bool is_input_format(std::string_view name);

}  // namespace kinglet::embedded
