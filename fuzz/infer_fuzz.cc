// SPDX-License-Identifier: Apache-2.0
// modules: rows
// Samples of files whose columns are guessed: no crash, and where the bytes are cut never changes the columns.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "rows/infer.h"

namespace {
using namespace kinglet::rows;

std::string columns(const InferenceOptions& options, std::string_view text, std::size_t step) {
  SchemaInference inference(options);
  for (std::size_t at = 0; at < text.size(); at += step) inference.feed(text.substr(at, step));
  inference.finish(true);
  std::string seen = fmt::format("{} {}", inference.row_count(), inference.malformed_count());
  const auto found = inference.columns();
  for (const auto& one : found) {
    CHECK(one.present_pct >= 0 && one.present_pct <= 1, "a part of the rows");
    seen += fmt::format("\n{} {} {} {}", one.name, one.type, one.path, one.present_pct);
  }
  for (const auto& row : inference.preview()) CHECK(row.size() == found.size(), "a value for each column");
  return seen;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  InferenceOptions options{.csv = (data[0] & 1) != 0,
                           .type_guessing = (data[0] & 2) == 0,
                           .rows_max = (data[0] & 4) != 0 ? 3u : 10'000u,
                           .columns_max = (data[0] & 8) != 0 ? 2u : 500u};
  CHECK(columns(options, text, text.size() + 1) == columns(options, text, data[1] % 16 + 1u), "cuts change nothing");
  return 0;
}
