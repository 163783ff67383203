// SPDX-License-Identifier: Apache-2.0
// modules: template
// Compiles any text and renders what compiles, in every mode. The first line holds values of the parameters a, b and c
// (each up to a '|'), the rest is the template.
#include <cstdint>
#include <cstdlib>

#include "template/limits.h"
#include "template/template.h"

using namespace kinglet::templates;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto line = input.substr(0, input.find('\n'));
  const auto text = "%" + std::string(input.substr(std::min(input.size(), line.size() + 1)));
  Arguments arguments;
  std::size_t start = 0;
  for (const char* name : {"a", "b", "c"}) {
    if (start > line.size()) break;
    const auto end = std::min(line.find('|', start), line.size());
    arguments[name] = {std::string(line.substr(start, end - start))};
    start = end + 1;
  }
  (void)Template::compile_setting(text);
  (void)Template::compile_query(std::string_view(text).substr(1));
  const auto compiled = Template::compile(text);
  if (!compiled) {
    if (compiled.error().message.empty() || compiled.error().position.line == 0) std::abort();
    return 0;
  }
  const std::function<std::optional<std::string>(std::string_view)> secret = [](std::string_view) {
    return std::optional<std::string>("s3cr3t'\\");
  };
  const NameSet lists = {"b"};
  const Arguments fixed = {{"c", {"7"}}};
  for (const auto mode : {StandIns::off, StandIns::none_defined, StandIns::all_defined}) {
    std::vector<std::string> met;
    const auto made = compiled->render({.arguments = &arguments,
                                        .fixed = &fixed,
                                        .array_parameters = &lists,
                                        .secret = &secret,
                                        .stand_ins = mode,
                                        .from_request = mode == StandIns::off,
                                        .required_met = &met});
    if (made ? made->sql.size() > Limits::output_bytes_max
             : made.error().message.find("s3cr3t") != std::string::npos && text.find("s3cr3t") == std::string::npos &&
                   line.find("s3cr3t") == std::string_view::npos)
      std::abort();
  }
  for (std::uint32_t branch = 0; branch < compiled->branch_count() && branch < 16; ++branch) {
    const auto made = compiled->render(
        {.array_parameters = &lists, .secret = &secret, .stand_ins = StandIns::all_defined, .branch = branch});
    if (made && made->branches_taken.size() != compiled->branch_count()) std::abort();
  }
  return 0;
}
