// SPDX-License-Identifier: Apache-2.0
// modules: datafile
// Any bytes as a project of two files, one of which may include the other: no crash, places inside the files, what is
// accepted prints and reads back the same, and is formatted once for all.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "datafile/check.h"
#include "datafile/ddl.h"
#include "datafile/format.h"
#include "datafile/parse.h"
#include "datafile/print.h"
#include "datafile/tree.h"

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

std::uint32_t lines_of(const std::string& text) {
  return static_cast<std::uint32_t>(std::count(text.begin(), text.end(), '\n')) + 1;
}

void format_twice(const SourceFile& file) {
  const auto once = format_datafile(file);
  if (!once)
    return require(once.error().code == kinglet::Code::invalid || once.error().code == kinglet::Code::unsupported);
  const auto twice = format_datafile({.name = file.name, .text = *once});
  require(twice && *twice == *once);
}

void pieces_are_the_file(const SourceFile& file) {
  std::vector<Diagnostic> found;
  internal::Source source(file.name, file.text, found);
  for (const auto kind : {internal::FileKind::data_source, internal::FileKind::pipe, internal::FileKind::connection,
                          internal::FileKind::token}) {
    std::string all;
    for (const auto& piece : internal::read_tree(source, kind).pieces) all += piece.text;
    require(all == file.text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  // "…\n%%%%\n…": what stands behind is a file to include.
  constexpr std::string_view border = "\n%%%%\n";
  const auto cut = text.find(border);
  const char* names[] = {"a.datasource", "a.pipe", "a.connection", "a.endpoint", "a.token"};
  const SourceFile file{.name = names[data[0] % 5], .text = text.substr(0, cut == std::string::npos ? cut : cut + 1)};
  std::vector<SourceFile> files = {file};
  std::map<std::string, std::uint32_t> lines = {{file.name, lines_of(file.text)}};
  if (cut != std::string::npos) {
    files.push_back({.name = "x.incl", .text = text.substr(cut + border.size())});
    lines["x.incl"] = lines_of(files.back().text);
  }
  const auto project = parse_project(files);
  for (const auto& found : project.diagnostics) {
    require(!found.message.empty());
    const auto known = lines.find(found.file);
    require(known == lines.end() || found.position.line <= known->second);
  }
  format_twice(file);
  pieces_are_the_file(file);
  if (!project.ok()) return 0;
  auto checked = check_project(project.project);
  place_in_included_files(project.project, checked);
  for (const auto& found : checked) require(!found.message.empty());
  for (const auto& [name, source] : project.project.data_sources) {
    (void)create_table_ddl(source, "t");
    (void)quarantine_ddl(source, "t");
    read_back(source, name + ".datasource", parse_data_source);
  }
  for (const auto& [name, pipe] : project.project.pipes) read_back(pipe, file.name, parse_pipe);
  for (const auto& [name, connection] : project.project.connections) read_back(connection, file.name, parse_connection);
  // What is kept of a file reads the same without the files it included.
  for (const auto& [name, kept] : project.project.files) {
    if (kept.name.ends_with(".datasource"))
      require(print(parse_data_source({.name = kept.name, .text = kept.text}).resource) ==
              print(project.project.data_sources.at(name)));
    else
      require(print(parse_pipe({.name = kept.name, .text = kept.text}).resource) ==
              print(project.project.pipes.at(name)));
  }
  return 0;
}
