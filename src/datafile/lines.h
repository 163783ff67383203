// SPDX-License-Identifier: Apache-2.0
// Cuts a datafile into instructions: KEYWORD value, or KEYWORD > and a block.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "datafile/source.h"

namespace kinglet::datafile::internal {

enum class FileKind : std::uint8_t { data_source, pipe, connection };

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

struct Instruction {
  const KeywordRule* rule = nullptr;
  std::string_view keyword;  // in the file, for positions
  std::string_view value;    // quotes removed; of a block, the block
  std::string_view raw;      // quotes kept
  bool block = false;        // written with '>'
};

/// The keywords of a file kind.
std::span<const KeywordRule> keywords_of(FileKind kind);

/// Reads all instructions; reports unknown, misplaced, misspelt and repeated keywords, and unclosed quotes.
/// A block ends at a line that starts in the first column with a keyword of this file kind (datafiles spec, 2.3).
std::vector<Instruction> read_instructions(Source& source, FileKind kind);

}  // namespace kinglet::datafile::internal
