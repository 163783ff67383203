// SPDX-License-Identifier: Apache-2.0
// Datafiles to the model of a project.
#include "datafile/parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/ascii.h"
#include "base/spelling.h"
#include "datafile/classic_target.h"
#include "datafile/include.h"
#include "datafile/limits.h"
#include "datafile/parts.h"
#include "datafile/project_check.h"
#include "datafile/source.h"
#include "datafile/token_file.h"
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
  return !name.empty() && name.size() <= limits::name_bytes_max &&
         std::all_of(name.begin(), name.end(), [](char c) { return ascii::is_word(c) || c == '-'; });
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

/// From places in the pasted text to places in the files it came from.
void place_back(std::string_view text, const std::vector<Origin>& origins, Diagnostic& finding) {
  if (origins.empty() || finding.position.line == 0) return;
  const auto place = internal::origin_of(text, origins, finding.position);
  if (!place.file.empty()) finding.file = place.file;
  finding.position = place.position;
}

template <class T>
struct Read {
  Parsed<T> parsed;
  Project::File file;
};

template <class T>
Read<T> parse_one(const SourceFile& file, bool connection, T (*read)(Source&, std::string),
                  const internal::Fragments& fragments, std::set<std::string, std::less<>>& used) {
  Read<T> out;
  auto& found = out.parsed.diagnostics;
  auto name = resource_name(file.name);
  Source written(file.name, file.text, found);
  if (begin(written, name, connection)) {
    auto expanded = internal::expand_includes(written, fragments);
    used.merge(expanded.used);
    if (expanded.origins.empty()) {
      if (expanded.complete) out.parsed.resource = read(written, name);
    } else if (expanded.complete) {
      // What was included may be no text at all.
      std::vector<Diagnostic> inside;
      Source pasted(file.name, expanded.text, inside);
      if (pasted.check_text()) out.parsed.resource = read(pasted, name);
      for (auto& finding : inside) {
        place_back(expanded.text, expanded.origins, finding);
        found.push_back(std::move(finding));
      }
    }
    if (!expanded.origins.empty())
      out.file = {.name = {}, .text = std::move(expanded.text), .origins = std::move(expanded.origins)};
  }
  out.parsed.resource.name = std::move(name);
  out.file.name = file.name;
  if (out.file.origins.empty()) out.file.text = file.text;
  sort_findings(found, [](const Diagnostic&) { return std::size_t{0}; });
  return out;
}

template <class T>
Parsed<T> parse_alone(const SourceFile& file, bool connection, T (*read)(Source&, std::string)) {
  std::set<std::string, std::less<>> used;
  return parse_one<T>(file, connection, read, {}, used).parsed;
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
    for (const auto& file : files_)
      if (internal::upper(extension(file.name)) == ".INCL") fragments_.add(file.name, file.text);
    for (auto& file : files_) read_file(file);
    for (const auto& file : files_)
      if (internal::upper(extension(file.name)) == ".TOKEN") read_tokens(file);
    report_unused();
    auto targets = make_classic_targets(out_.project);
    place_in_included_files(out_.project, targets);
    for (auto& finding : targets) add(std::move(finding));
    auto found = check_references(out_.project);
    place_in_included_files(out_.project, found);
    for (auto& finding : found) add(std::move(finding));
    sort_by_file();
    return std::move(out_);
  }

 private:
  void add(Diagnostic finding) { out_.diagnostics.push_back(std::move(finding)); }

  void read_file(SourceFile& file) {
    const auto kind = internal::upper(extension(file.name));
    auto& project = out_.project;
    if (kind == ".DATASOURCE") {
      keep(parse_one(file, false, internal::read_data_source, fragments_, used_), project.data_sources, project.files);
    } else if (kind == ".PIPE" || kind == ".ENDPOINT") {
      keep(parse_one(file, false, internal::read_pipe, fragments_, used_), project.pipes, project.files);
    } else if (kind == ".CONNECTION") {
      keep(parse_one(file, true, internal::read_connection, fragments_, used_), project.connections,
           project.connection_files);
    } else if (kind == ".INCL") {
      return;  // read where it is included
    } else if (kind == ".TOKEN") {
      return;  // read when all resources are known
    } else {
      add({.severity = Severity::error,
           .file = file.name,
           .position = {},
           .message = "not a datafile: the name ends in .datasource, .pipe or .connection"});
    }
  }

  /// A .token file of older projects becomes TOKEN lines of the resources it names.
  void read_tokens(const SourceFile& file) {
    Source source(file.name, file.text, out_.diagnostics);
    const auto name = resource_name(file.name);
    if (!begin(source, "token", true)) return;
    if (name.empty() || name.size() > limits::name_bytes_max || name.find_first_of("\"\r\n") != std::string::npos)
      return source.error(Position{}, fmt::format("{} is no name for a token: 1 to {} bytes without quotes",
                                                  quoted(name), limits::name_bytes_max));
    const auto scopes = internal::read_token_file(source);
    if (source.error_count() > 0) return;
    source.warning(Position{}, "a .token file belongs to older projects",
                   fmt::format("write TOKEN \"{}\" READ into the files of the resources it names", name));
    for (const auto& scope : scopes) {
      const auto text = scope.permission == TokenGrant::Permission::append ? "APPEND" : "READ";
      if (scope.pipe)
        grant(source, scope, fmt::format("TOKEN \"{}\" {}", name, text), out_.project.pipes, "pipe",
              internal::read_pipe);
      else
        grant(source, scope, fmt::format("TOKEN \"{}\" {}", name, text), out_.project.data_sources, "data source",
              internal::read_data_source);
    }
  }

  /// Adds the TOKEN line to the file of the resource and reads it again, as it will be read from then on.
  template <class T>
  void grant(Source& source, const internal::TokenScope& scope, const std::string& line,
             std::map<std::string, T, std::less<>>& resources, std::string_view what, T (*read)(Source&, std::string)) {
    const auto found = resources.find(scope.resource);
    if (found == resources.end()) {
      std::vector<std::string_view> names;
      for (const auto& [name, resource] : resources) names.push_back(name);
      return source.error(scope.position, fmt::format("there is no {} {}", what, quoted(scope.resource)),
                          did_you_mean(scope.resource, names));
    }
    auto& file = out_.project.files.at(scope.resource);
    if (!file.text.ends_with('\n')) file.text += '\n';
    file.text += line + "\n";
    std::vector<Diagnostic> again;  // reported when the file was read
    Source amended(file.name, file.text, again);
    found->second = read(amended, scope.resource);
  }

  void report_unused() {
    for (const auto& file : files_)
      if (internal::upper(extension(file.name)) == ".INCL" && !used_.contains(file.name))
        add({.severity = Severity::warning,
             .file = file.name,
             .position = {},
             .message = "no file has an INCLUDE of this one; it is ignored"});
  }

  template <class T, class Map, class Files>
  void keep(Read<T> read, Map& map, Files& files) {
    auto& [parsed, file] = read;
    std::move(parsed.diagnostics.begin(), parsed.diagnostics.end(), std::back_inserter(out_.diagnostics));
    const std::string name = parsed.resource.name;
    if (const auto same = files.find(name); same != files.end())
      return add({.severity = Severity::error,
                  .file = file.name,
                  .position = {},
                  .message = fmt::format("the name {} is already taken by {}", quoted(name), same->second.name),
                  .hint = "data sources and pipes share one name space, whatever their folder"});
    map.emplace(name, std::move(parsed.resource));
    files.emplace(name, std::move(file));
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
  internal::Fragments fragments_;
  std::set<std::string, std::less<>> used_;  // fragments
  ParsedProject out_;
};

}  // namespace

bool ParsedProject::ok() const {
  return std::none_of(diagnostics.begin(), diagnostics.end(),
                      [](const Diagnostic& d) { return d.severity == Severity::error; });
}

void place_in_included_files(const Project& project, std::vector<Diagnostic>& findings) {
  std::map<std::string_view, const Project::File*> pasted;
  for (const auto& [name, file] : project.files)
    if (!file.origins.empty()) pasted.emplace(file.name, &file);
  for (auto& finding : findings)
    if (const auto file = pasted.find(finding.file); file != pasted.end())
      place_back(file->second->text, file->second->origins, finding);
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
  return parse_alone<DataSource>(file, false, internal::read_data_source);
}
Parsed<Pipe> parse_pipe(const SourceFile& file) {
  return parse_alone<Pipe>(file, false, internal::read_pipe);
}
Parsed<Connection> parse_connection(const SourceFile& file) {
  return parse_alone<Connection>(file, true, internal::read_connection);
}

ParsedProject parse_project(std::vector<SourceFile> files) {
  return ProjectReader(std::move(files)).read();
}

}  // namespace kinglet::datafile
