// SPDX-License-Identifier: Apache-2.0
// How canonical datafiles look: lines, blocks and the gaps between them; for print.cc and format.cc.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datafile/model.h"
#include "datafile/tokens.h"

namespace kinglet::datafile::internal {

/// Collects groups of lines; an empty group leaves no trace.
class Page {
 public:
  /// One or more lines, without the last line end.
  void line(std::string_view text);
  /// A line that the next block stands under without a gap.
  void heading(std::string_view text);
  /// KEY "text"; nothing when the text is empty.
  void value(std::string_view key, std::string_view text);
  /// KEY > and the lines of `text` behind 4 blanks, with gaps around; nothing when the text is empty.
  void block(std::string_view key, std::string_view text);
  /// A blank line before what follows, unless it is the first.
  void gap() { gap_ = true; }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  bool gap_ = false, heading_ = false;
};

/// The lines of `text` behind 4 blanks; empty lines stay empty. Ends without a line end.
std::string indented(std::string_view text);

std::string column_line(const ColumnDefinition& column);
std::string index_line(const IndexDefinition& index);
std::string settings_line(std::span<const std::pair<std::string, std::string>> settings);

/// Is the value of this ENGINE_… keyword a list?
bool is_key_list(std::string_view keyword);
/// A key as it stands in the model: "(a,b)" as "a, b", "()" as "tuple()". Takes the outer brackets off `tokens`.
std::string key_text(std::string_view keyword, std::vector<Token>& tokens);

}  // namespace kinglet::datafile::internal
