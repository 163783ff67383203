// SPDX-License-Identifier: Apache-2.0
// modules: project
// Settings, .env files and patterns of a project, and the checks over a pipe of any text: nothing crashes, every
// finding has a message, and no check takes long.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "project/check.h"
#include "project/config.h"
#include "project/line_diff.h"
#include "project/pattern.h"

namespace {

using namespace kinglet;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_pipe(std::string_view text) {
  project::Discovered found;
  found.files = {{.name = "events.datasource", .text = "SCHEMA >\n    a String,\n    b UInt32\n"},
                 {.name = "p.pipe", .text = std::string(text)},
                 {.name = "q.pipe", .text = "NODE n\nSQL >\n    SELECT a FROM p JOIN events USING a\n"}};
  for (const auto& finding : project::check(found).diagnostics) require(!finding.message.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::vector<datafile::Diagnostic> findings;
  switch (data[0] % 5) {
    case 0:
      (void)project::parse_config(text, "c", findings);
      break;
    case 1:
      (void)project::parse_variables(text, "e", findings);
      (void)project::interpolate(text, [](std::string_view) { return std::optional<std::string>("v"); });
      break;
    case 2: {
      const auto half = std::min(text.size() / 2, project::ProjectLimits::pattern_bytes_max);
      (void)project::matches_pattern(text.substr(0, half), text.substr(half, half));
      break;
    }
    case 3: {
      const auto half = text.size() / 2;
      (void)project::unified_diff(text.substr(0, half), text.substr(half), "f");
      break;
    }
    default:
      check_pipe(text);
  }
  for (const auto& finding : findings) require(!finding.message.empty());
  return 0;
}
