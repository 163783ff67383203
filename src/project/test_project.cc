// SPDX-License-Identifier: Apache-2.0
#include "project/test_project.h"

#include <algorithm>

#include "datafile/tree.h"

namespace kinglet::project {
namespace {

namespace internal = datafile::internal;

std::string without_ttl(const datafile::SourceFile& file) {
  std::vector<datafile::Diagnostic> ignored;  // the build tells them
  internal::Source source(file.name, file.text, ignored);
  if (!source.check_text()) return file.text;
  std::string out(file.text.substr(0, file.text.size() - source.text().size()));  // a byte order mark
  for (const auto& piece : internal::read_tree(source, internal::FileKind::data_source).pieces) {
    const auto* rule = piece.instruction ? piece.instruction->rule : nullptr;
    if (piece.kind == internal::Piece::Kind::mark) continue;
    if (rule != nullptr && rule->name == "ENGINE_TTL")
      out.append(static_cast<std::size_t>(std::ranges::count(piece.text, '\n')), '\n');
    else
      out += piece.text;
  }
  return out;
}

}  // namespace

std::vector<datafile::SourceFile> files_for_tests(std::vector<datafile::SourceFile> files) {
  for (auto& file : files)
    if (file.name.ends_with(".datasource")) file.text = without_ttl(file);
  return files;
}

}  // namespace kinglet::project
