// SPDX-License-Identifier: Apache-2.0
// Datafiles to the model of a project.
#include "datafile/parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "datafile/limits.h"
#include "datafile/parts.h"
#include "datafile/project_check.h"
#include "datafile/source.h"
#include "datafile/values.h"

namespace kinglet::datafile {
namespace {

using internal::quoted;
using internal::Source;

/// "a/b\\c.datasource" -> "c.datasource"
std::string_view base_name(std::string_view path) {
  const auto slash = path.find_last_of("/\\");
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view extension(std::string_view path) {
  const auto name = base_name(path);
  const auto dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(dot);
}

bool is_connection_name(std::string_view name) {
  return !name.empty() && name.size() <= limits::name_bytes_max && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

void check_name(Source& source, std::string_view name, bool connection) {
  if (internal::is_identifier(name) || (connection && is_connection_name(name))) return;
  if (name.size() > limits::name_bytes_max)
    return source.error(Position{}, fmt::format("the name of the file has {} bytes, the limit is {}", name.size(),
                                                limits::name_bytes_max));
  source.error(
      Position{},
      fmt::format("{} is no name for a {}: the name of the file has letters, digits and _ only, and no digit first",
                  quoted(name), connection ? "connection" : "resource"),
      "rename the file");
}

/// Text checks that come before parsing. False when there is nothing to parse.
bool begin(Source& source, std::string_view name, bool connection) {
  check_name(source, name, connection);
  if (!source.check_text()) return false;
  if (!internal::trim(source.text()).empty()) return true;
  source.error(Position{.line = 1, .column = 1}, "the file is empty");
  return false;
}

/// By file, line, column; findings at one place keep their order.
template <class FileOrder>
void sort_findings(std::vector<Diagnostic>& findings, FileOrder&& file_order) {
  using Key = std::tuple<std::size_t, std::uint32_t, std::uint32_t, std::size_t>;
  std::map<Key, Diagnostic> sorted;
  for (auto& d : findings)
    sorted.emplace(Key{file_order(d), d.position.line, d.position.column, sorted.size()}, std::move(d));
  findings.clear();
  for (auto& [key, d] : sorted) findings.push_back(std::move(d));
}

template <class T>
Parsed<T> parse_one(const SourceFile& file, bool connection, T (*read)(Source&, std::string)) {
  Parsed<T> out;
  auto name = resource_name(file.name);
  Source source(file.name, file.text, out.diagnostics);
  const bool readable = begin(source, name, connection);
  if (readable) out.resource = read(source, name);
  out.resource.name = std::move(name);
  sort_findings(out.diagnostics, [](const Diagnostic&) { return std::size_t{0}; });
  return out;
}

class ProjectReader {
 public:
  explicit ProjectReader(std::vector<SourceFile> files) : files_(std::move(files)) {}

  ParsedProject read() {
    if (files_.size() > limits::files_max) {
      add({.severity = Severity::error,
           .file = {},
           .position = {},
           .message = fmt::format("the project has {} files, the limit is {}", files_.size(), limits::files_max)});
      return std::move(out_);
    }
    for (auto& file : files_) read_file(file);
    for (auto& finding : check_references(out_.project)) add(std::move(finding));
    sort_by_file();
    return std::move(out_);
  }

 private:
  void add(Diagnostic finding) { out_.diagnostics.push_back(std::move(finding)); }

  void read_file(SourceFile& file) {
    const auto kind = internal::upper(extension(file.name));
    auto& project = out_.project;
    if (kind == ".DATASOURCE") {
      keep(parse_data_source(file), file, project.data_sources, project.files);
    } else if (kind == ".PIPE" || kind == ".ENDPOINT") {
      keep(parse_pipe(file), file, project.pipes, project.files);
    } else if (kind == ".CONNECTION") {
      keep(parse_connection(file), file, project.connections, project.connection_files);
    } else if (kind == ".INCL" || kind == ".TOKEN") {
      add({.severity = Severity::warning,
           .file = file.name,
           .position = {},
           .message = fmt::format("{} files of older projects are ignored", extension(file.name))});
    } else {
      add({.severity = Severity::error,
           .file = file.name,
           .position = {},
           .message = "not a datafile: the name ends in .datasource, .pipe or .connection"});
    }
  }

  template <class T, class Map, class Files>
  void keep(Parsed<T> parsed, SourceFile& file, Map& map, Files& files) {
    std::move(parsed.diagnostics.begin(), parsed.diagnostics.end(), std::back_inserter(out_.diagnostics));
    const std::string name = parsed.resource.name;
    if (const auto same = files.find(name); same != files.end())
      return add({.severity = Severity::error,
                  .file = file.name,
                  .position = {},
                  .message = fmt::format("the name {} is already taken by {}", quoted(name), same->second.name),
                  .hint = "data sources and pipes share one name space, whatever their folder"});
    map.emplace(name, std::move(parsed.resource));
    files.emplace(name, Project::File{.name = file.name, .text = file.text});
  }

  void sort_by_file() {
    std::map<std::string_view, std::size_t> order;
    for (const auto& file : files_) order.emplace(file.name, order.size());
    sort_findings(out_.diagnostics, [&](const Diagnostic& d) {
      const auto at = order.find(d.file);
      return at == order.end() ? 0 : at->second;
    });
  }

  std::vector<SourceFile> files_;
  ParsedProject out_;
};

}  // namespace

bool ParsedProject::ok() const {
  return std::none_of(diagnostics.begin(), diagnostics.end(),
                      [](const Diagnostic& d) { return d.severity == Severity::error; });
}

std::string resource_name(std::string_view file_name) {
  const auto name = base_name(file_name);
  return std::string(name.substr(0, name.size() - extension(file_name).size()));
}

std::string to_string(const Diagnostic& diagnostic) {
  std::string out = diagnostic.file;
  if (diagnostic.position.line > 0) out += fmt::format(":{}:{}", diagnostic.position.line, diagnostic.position.column);
  out += fmt::format("{}{}{}", out.empty() ? "" : ": ", diagnostic.severity == Severity::warning ? "warning: " : "",
                     diagnostic.message);
  if (!diagnostic.hint.empty()) out += fmt::format(" ({})", diagnostic.hint);
  return out;
}

Parsed<DataSource> parse_data_source(const SourceFile& file) {
  return parse_one<DataSource>(file, false, internal::read_data_source);
}
Parsed<Pipe> parse_pipe(const SourceFile& file) {
  return parse_one<Pipe>(file, false, internal::read_pipe);
}
Parsed<Connection> parse_connection(const SourceFile& file) {
  return parse_one<Connection>(file, true, internal::read_connection);
}

ParsedProject parse_project(std::vector<SourceFile> files) {
  return ProjectReader(std::move(files)).read();
}

}  // namespace kinglet::datafile
