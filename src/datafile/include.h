// SPDX-License-Identifier: Apache-2.0
// INCLUDE of older projects (datafiles spec 4.8): fragments pasted into a file before it is read.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "datafile/model.h"
#include "datafile/source.h"

namespace kinglet::datafile::internal {

/// The .incl files of a project by their path, folders apart by "/".
class Fragments {
 public:
  void add(const std::string& file_name, std::string_view text);

  struct Fragment {
    std::string name;  // as sent
    std::string_view text;
  };
  const Fragment* find(std::string_view path) const;
  std::vector<std::string_view> paths() const;

 private:
  std::map<std::string, Fragment, std::less<>> files_;
};

struct Expanded {
  std::string text;
  std::vector<Origin> origins;              // empty: nothing was included
  bool complete = true;                     // false: an INCLUDE could not be followed, which was reported
  std::set<std::string, std::less<>> used;  // names of the fragments, as sent
};

/// Replaces every line `INCLUDE "path.incl" "VAR=value"…` by the text of that file, in which $VAR and ${VAR} became
/// the value. The path counts from the folder of the file that includes, else from that of the project; it cannot
/// leave the project. Limits: include_depth_max, includes_max, file_bytes_max of the result.
Expanded expand_includes(Source& source, const Fragments& fragments);

/// "a/../b.incl" -> "b.incl"; nothing when the path leaves the project or starts at the root of a disk.
std::optional<std::string> normal_path(std::string_view path);

/// Where the character at `at` of `text` came from.
struct Place {
  std::string_view file;
  Position position;
};
Place origin_of(std::string_view text, const std::vector<Origin>& origins, Position at);

}  // namespace kinglet::datafile::internal
