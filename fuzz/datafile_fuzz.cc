// SPDX-License-Identifier: Apache-2.0
// modules: datafile
// Any bytes as a datafile: no crash, places inside the file, and what is accepted prints and reads back the same.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "datafile/check.h"
#include "datafile/ddl.h"
#include "datafile/parse.h"
#include "datafile/print.h"

using namespace kinglet::datafile;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

template <class T>
void read_back(const T& resource, const std::string& name, Parsed<T> (*parse)(const SourceFile&)) {
  const auto text = print(resource);
  const auto again = parse({.name = name, .text = text});
  require(again.ok());
  require(print(again.resource) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto lines = static_cast<std::uint32_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  const char* names[] = {"a.datasource", "a.pipe", "a.connection"};
  const SourceFile file{.name = names[data[0] % 3], .text = text};
  const auto project = parse_project({file});
  for (const auto& found : project.diagnostics) {
    require(!found.message.empty());
    require(found.position.line <= lines);
  }
  if (!project.ok()) return 0;
  for (const auto& found : check_project(project.project)) require(!found.message.empty());
  for (const auto& [name, source] : project.project.data_sources) {
    (void)create_table_ddl(source, "t");
    (void)quarantine_ddl(source, "t");
    read_back(source, file.name, parse_data_source);
  }
  for (const auto& [name, pipe] : project.project.pipes) read_back(pipe, file.name, parse_pipe);
  for (const auto& [name, connection] : project.project.connections) read_back(connection, file.name, parse_connection);
  return 0;
}
