// SPDX-License-Identifier: Apache-2.0
// modules: jobs
// Footers and heads of Parquet, Arrow, ORC and Avro files: no crash, bounded, and the same judgement each time.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "jobs/container_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kinglet::jobs;
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr FileFormat formats[] = {FileFormat::parquet, FileFormat::arrow, FileFormat::arrow_stream, FileFormat::orc,
                                    FileFormat::avro};
  const auto format = formats[data[0] % 5];
  const auto first = check_container_bytes(format, bytes);
  const auto again = check_container_bytes(format, bytes);
  CHECK(first.has_value() == again.has_value(), "a file is judged the same each time");
  if (!first) {
    CHECK(!first.error().message.empty(), "a refusal says why");
  } else {
    CHECK(first->rows == again->rows, "a file has the same rows each time");
  }
  return 0;
}
