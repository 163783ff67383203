// SPDX-License-Identifier: Apache-2.0
// Text -> Program. Nothing is evaluated here; every name of a function, method, keyword or statement is checked.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "template/program.h"

namespace kinglet::templates::internal {

/// What is wrong and where, as an offset into the node's text.
struct SyntaxError {
  std::string message;
  std::string hint;
  std::size_t offset = 0;
};

/// Gives every name of a template its slot.
class Names {
 public:
  explicit Names(Program& program) : program_(program) {}
  std::uint32_t slot(std::string_view name);

 private:
  Program& program_;
  std::map<std::string, std::uint32_t, std::less<>> slots_;
};

/// Parses `text`, which stands at `offset` in the source, as one expression. `depth` counts blocks around it.
std::expected<ExpressionPointer, SyntaxError> parse_expression(std::string_view text, std::size_t offset, Names& names,
                                                               std::uint32_t depth);
/// A `for` header: "a, b in expr". The targets' slots, and where the expression starts in `text`.
struct LoopHeader {
  std::vector<std::uint32_t> slots;
  std::size_t expression_start = 0;
};
std::expected<LoopHeader, SyntaxError> parse_loop_header(std::string_view text, std::size_t offset, Names& names);

/// Tags, statements and blocks of a template's text from `start` on, into program.body.
std::expected<void, SyntaxError> parse_template(Program& program, std::size_t start);

/// Fills parameters, array_parameters, secrets, warnings, and the constants of type functions. Errors: literals where
/// a parameter's name belongs, constants that their type refuses.
std::expected<void, SyntaxError> discover(Program& program);

}  // namespace kinglet::templates::internal
