// SPDX-License-Identifier: Apache-2.0
// One file being parsed: its text, positions in it, and where findings about it go.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "datafile/model.h"

namespace kinglet::datafile::internal {

/// All text views that the parser hands around point into text(), so a view is also a place.
class Source {
 public:
  /// `text` and `out` must outlive the Source. A byte order mark is no part of text().
  Source(std::string name, std::string_view text, std::vector<Diagnostic>& out);

  std::string_view text() const { return text_; }
  /// The byte order mark before text(), or nothing.
  std::string_view mark() const { return mark_; }
  const std::string& name() const { return name_; }
  /// Of the first character of `place`, which must lie in text(). Columns count characters, not bytes.
  Position position(std::string_view place) const;
  /// Right behind the last character of `place`.
  Position end_position(std::string_view place) const { return position(place.substr(place.size())); }

  void error(Position at, std::string message, std::string hint = {});
  void error(std::string_view place, std::string message, std::string hint = {});
  void warning(Position at, std::string message, std::string hint = {});
  void warning(std::string_view place, std::string message, std::string hint = {});
  /// A finding about another file.
  void report(Diagnostic finding);
  std::size_t error_count() const { return error_count_; }

  /// Size and encoding. False when the rest of the file is not worth reading.
  bool check_text();

 private:
  void add(Severity severity, Position at, std::string message, std::string hint);

  std::string name_;
  std::string_view text_, mark_;
  std::vector<Diagnostic>& out_;
  std::vector<std::size_t> line_starts_;
  std::size_t count_ = 0;
  std::size_t error_count_ = 0;
};

std::string_view trim(std::string_view text);
bool equal_ignoring_case(std::string_view a, std::string_view b);
std::string upper(std::string_view text);
/// Removes one pair of surrounding quotes. `closed` turns false when a quote opens and never closes.
/// A comment (blank, then #) behind a closing quote is dropped.
std::string_view unquote(std::string_view value, bool& closed);
/// "'text'" for messages: cut to a readable length, control characters replaced.
std::string quoted(std::string_view text);
/// Removes blank lines at both ends and the white space all lines share. `indent` is what was removed from each line.
struct Dedented {
  std::string text;
  std::string_view first_line = {};  // in the file, behind the indent
  std::size_t indent = 0;
};
Dedented dedent(std::string_view block);

}  // namespace kinglet::datafile::internal
