// SPDX-License-Identifier: Apache-2.0
// Data sources made of the ENGINE lines of materialized nodes.
#include "datafile/classic_target.h"

#include <fmt/format.h>

#include <algorithm>

#include "datafile/parse.h"

namespace kinglet::datafile {
namespace {

class Maker {
 public:
  explicit Maker(Project& project) : project_(project) {}

  std::vector<Diagnostic> make() {
    // A target may be read by the next pipe: go on as long as one more becomes known.
    std::vector<const Pipe*> open;
    for (const auto& [name, pipe] : project_.pipes)
      if (!pipe.target_engine.empty() && !pipe.target.empty()) open.push_back(&pipe);
    std::erase_if(open, [&](const Pipe* pipe) {
      if (!project_.data_sources.contains(pipe->target)) return false;
      add(Severity::warning, *pipe,
          fmt::format("the ENGINE lines of this node belong to older projects and are ignored; "
                      "{}.datasource says what the target is",
                      pipe->target));
      return true;
    });
    for (bool changed = true; changed;) {
      changed = false;
      std::erase_if(open, [&](const Pipe* pipe) {
        const auto columns = internal::output_columns(project_, *pipe);
        if (!columns || !all_known(*columns)) return false;
        translate(*pipe, *columns);
        return changed = true;
      });
    }
    for (const auto* pipe : open) report_unknown(*pipe);
    return std::move(out_);
  }

 private:
  void add(Severity severity, const Pipe& pipe, std::string message, std::string hint = {}) {
    const auto file = project_.files.find(pipe.name);
    out_.push_back({.severity = severity,
                    .file = file == project_.files.end() ? pipe.name : file->second.name,
                    .position = pipe.target_engine_position,
                    .message = std::move(message),
                    .hint = std::move(hint)});
  }

  static bool all_known(const std::vector<internal::OutputColumn>& columns) {
    return !columns.empty() && std::all_of(columns.begin(), columns.end(),
                                           [](const auto& c) { return !c.name.empty() && !c.type.empty(); });
  }

  void translate(const Pipe& pipe, const std::vector<internal::OutputColumn>& columns) {
    if (project_.data_sources.contains(pipe.target)) return;  // two pipes with one target: the first made it
    std::string text = "SCHEMA >\n";
    for (std::size_t i = 0; i < columns.size(); ++i)
      text += fmt::format("    `{}` {}{}\n", columns[i].name, columns[i].type, i + 1 < columns.size() ? "," : "");
    text += '\n';
    for (const auto& [key, value] : pipe.target_engine) text += fmt::format("{} {}\n", key, value);
    SourceFile file{.name = pipe.target + ".datasource", .text = std::move(text)};
    auto parsed = parse_data_source(file);
    for (const auto& finding : parsed.diagnostics)
      if (finding.severity == Severity::error)
        return add(Severity::error, pipe,
                   fmt::format("the target {} of these ENGINE lines: {}", pipe.target, finding.message), finding.hint);
    if (project_.pipes.contains(pipe.target)) return;  // reported with the target
    add(Severity::warning, pipe,
        fmt::format("the target {} is made of the ENGINE lines of this node, as older projects did", pipe.target),
        fmt::format("write its columns and these lines into a file {}", file.name));
    project_.files.emplace(pipe.target, Project::File{.name = file.name, .text = std::move(file.text)});
    project_.data_sources.emplace(pipe.target, std::move(parsed.resource));
  }

  void report_unknown(const Pipe& pipe) {
    std::string unknown;
    if (const auto columns = internal::output_columns(project_, pipe))
      for (const auto& column : *columns)
        if (column.type.empty() || column.name.empty())
          unknown += fmt::format("{}{}", unknown.empty() ? "" : ", ",
                                 column.name.empty() ? "one without a name" : column.name);
    add(Severity::error, pipe,
        fmt::format("the ENGINE lines of this node describe the target {}, as in older projects, but the types of its "
                    "columns are not known{}{}",
                    pipe.target, unknown.empty() ? "" : ": ", unknown),
        fmt::format("write a file {}.datasource with 'SCHEMA >', one column a line, and these ENGINE lines",
                    pipe.target));
  }

  Project& project_;
  std::vector<Diagnostic> out_;
};

}  // namespace

std::vector<Diagnostic> make_classic_targets(Project& project) {
  return Maker(project).make();
}

}  // namespace kinglet::datafile
