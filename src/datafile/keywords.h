// SPDX-License-Identifier: Apache-2.0
// The keywords of every kind of datafile, and how each is written.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace kinglet::datafile::internal {

enum class FileKind : std::uint8_t { data_source, pipe, connection, token };

enum class KeywordForm : std::uint8_t {
  line,     // one value; a block is accepted too
  columns,  // needs a block of column or index definitions
  sql,      // needs a block of SQL
  text,     // free text, line or block
};

struct KeywordRule {
  std::string_view name;
  KeywordForm form = KeywordForm::line;
  bool repeatable = false;
  bool classic = false;  // known from older projects: accepted with a warning and ignored, unless the parser uses it
};

/// The keywords of a file kind.
std::span<const KeywordRule> keywords_of(FileKind kind);

}  // namespace kinglet::datafile::internal
