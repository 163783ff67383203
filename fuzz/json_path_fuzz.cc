// SPDX-License-Identifier: Apache-2.0
// modules: datafile
// Any bytes as the JSONPath of a column: no crash, faults inside the text, and what is accepted reads back from its
// steps.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "datafile/json_path.h"
#include "datafile/limits.h"

using namespace kinglet::datafile;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

/// The same steps, every key quoted.
std::string written(const JsonPath& path) {
  std::string out(1, path.text.front());
  for (const auto& step : path.steps) {
    const char quote = step.key.find('\'') == std::string::npos ? '\'' : '"';
    out += step.each ? "[:]" : std::string("[") + quote + step.key + quote + "]";
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::size_t at = 0;
  const auto path = parse_json_path(text, &at);
  if (!path) {
    require(at <= text.size());
    require(!path.error().message.empty());
    return 0;
  }
  require(path->text == text);
  require(path->steps.size() <= limits::path_steps_max);
  for (const auto& step : path->steps) require(step.each == step.key.empty());
  const auto again = parse_json_path(written(*path));
  if (again) require(again->steps == path->steps);
  require(again || written(*path).size() > limits::path_bytes_max);
  return 0;
}
