// SPDX-License-Identifier: Apache-2.0
// Datafiles to the model of a project: every file is read, every fault is reported at once.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "datafile/model.h"

namespace kinglet::datafile {

struct SourceFile {
  std::string name;  // path as sent, "/" or "\" between folders
  std::string text;
};

struct ParsedProject {
  Project project;
  std::vector<Diagnostic> diagnostics;  // by file as sent, then by line
  /// No error; warnings may be there.
  bool ok() const;
};

/// Reads .datasource, .pipe and .connection files (extension in any case); the resource is named after the file.
/// .incl files are pasted where INCLUDE names them.
/// Then checks what only the whole project can tell: names given twice, unknown targets and connections, nodes that
/// shadow resources. References inside SQL are checked at deploy. A file with errors still takes part, as far as it
/// was understood, so that one fault is reported once.
/// Thread: any. Limits: limits.h. Cost: linear in the text.
ParsedProject parse_project(std::vector<SourceFile> files);

/// One file alone, without the checks between files. The result is usable only when no diagnostic is an error.
template <class T>
struct Parsed {
  T resource;
  std::vector<Diagnostic> diagnostics;
  bool ok() const {
    for (const auto& d : diagnostics)
      if (d.severity == Severity::error) return false;
    return true;
  }
};
Parsed<DataSource> parse_data_source(const SourceFile& file);
Parsed<Pipe> parse_pipe(const SourceFile& file);
Parsed<Connection> parse_connection(const SourceFile& file);

/// Findings whose position is a place in Project::File::text, as those of checks of a whole project are: where a file
/// INCLUDEs others, file and position become those of the file that the text came from.
void place_in_included_files(const Project& project, std::vector<Diagnostic>& findings);

/// "datasources/events.datasource" -> "events"
std::string resource_name(std::string_view file_name);

/// "file:line:column: message (hint)"
std::string to_string(const Diagnostic& diagnostic);

}  // namespace kinglet::datafile
