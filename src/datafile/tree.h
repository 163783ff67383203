// SPDX-License-Identifier: Apache-2.0
// The lossless syntax tree of a datafile: comments, blank lines and instructions (KEYWORD value, or KEYWORD > and a
// block) in the order of the file. The texts of its pieces, one after the other, are the file byte for byte.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "datafile/keywords.h"
#include "datafile/source.h"

namespace kinglet::datafile::internal {

struct Instruction {
  const KeywordRule* rule = nullptr;
  std::string_view keyword;  // in the file, for positions
  std::string_view value;    // quotes removed; of a block, the block
  std::string_view raw;      // quotes kept
  bool block = false;        // written with '>'
  std::string_view comment;  // "# why" behind a quoted value or behind '>'
};

struct Piece {
  enum class Kind : std::uint8_t {
    mark,     // a byte order mark
    blank,    // blank lines
    comment,  // one line that starts with #, outside blocks
    instruction,
    unread,  // lines that are no instruction; reported
  };
  Kind kind = Kind::unread;
  std::string_view text;  // whole lines with their ends
  std::optional<Instruction> instruction = {};
};

struct SyntaxTree {
  std::vector<Piece> pieces;
  std::vector<Instruction> instructions() const;
};

/// Reads a whole file; reports unknown, misplaced, misspelt and repeated keywords, and unclosed quotes.
/// A block ends at a line that starts in the first column with a keyword of this file kind (datafiles spec, 2.3).
/// Blank lines behind a block are not part of it, nor are comments in the first column behind an indented block:
/// they speak of what follows.
SyntaxTree read_tree(Source& source, FileKind kind);

}  // namespace kinglet::datafile::internal
