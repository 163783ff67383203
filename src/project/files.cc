// SPDX-License-Identifier: Apache-2.0
#include "project/files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace kinglet::project {

namespace fs = std::filesystem;

Result<std::vector<datafile::SourceFile>> read_project(const std::string& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) return fail(Code::invalid, "{} is no folder", folder);
  std::vector<datafile::SourceFile> files;
  auto it = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    const auto& path = it->path();
    const auto name = path.filename().string();
    if (it->is_directory(error)) {
      if (name.starts_with('.') || name == "node_modules" || name == "vendor" ||
          static_cast<std::size_t>(it.depth()) >= ProjectLimits::depth_max)
        it.disable_recursion_pending();
      continue;
    }
    const auto extension = path.extension().string();
    if (extension != ".datasource" && extension != ".pipe" && extension != ".connection") continue;
    if (files.size() >= ProjectLimits::files_max)
      return fail(Code::invalid, "more than {} datafiles in {}", ProjectLimits::files_max, folder);
    std::ifstream in(path, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    if (!in) return fail(Code::invalid, "{} cannot be read", path.string());
    files.push_back({.name = fs::relative(path, folder, error).generic_string(), .text = text.str()});
  }
  if (error) return fail(Code::invalid, "{} cannot be read: {}", folder, error.message());
  if (files.empty())
    return fail(Error{.code = Code::invalid,
                      .message = fmt::format("no .datasource or .pipe file in {}", folder),
                      .hint = "run it in the project's folder, or name the folder"});
  std::ranges::sort(files, {}, &datafile::SourceFile::name);
  return files;
}

}  // namespace kinglet::project
