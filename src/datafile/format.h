// SPDX-License-Identifier: Apache-2.0
// A datafile in canonical layout, comments kept: for `kinglet fmt`.
#pragma once

#include <string>

#include "base/result.h"
#include "datafile/parse.h"

namespace kinglet::datafile {

/// The text of `file` in the layout of print.h: groups apart by a blank line, blocks behind 4 blanks, one column a
/// line, values quoted alike, LF line ends. It reads as the same model, and formatting it again changes nothing.
///
/// - A comment stays above the instruction, column or index that it stood above. A comment with a blank line behind it
///   stands alone. Comments inside one column go behind it.
/// - Instructions come in the order of print.h when every comment outside blocks stands right above an instruction, or
///   first in the file; else, and in files with INCLUDE, the order stays. Nodes of a pipe, connector keys, and what
///   belongs to a node stay where they are.
/// - SQL, FORWARD_QUERY and DESCRIPTION are re-indented as a whole, never rewritten.
/// - Classic keywords stay as written. INCLUDE is not followed.
///
/// A file with errors is refused: `message` is "file:line:column: what is wrong" of the first. So are .incl and .token
/// files (Code::unsupported), whose layout belongs to who pastes them.
/// Thread: any. Limits: limits.h. Cost: linear in the text.
Result<std::string> format_datafile(const SourceFile& file);

}  // namespace kinglet::datafile
