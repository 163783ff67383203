// SPDX-License-Identifier: Apache-2.0
// The compiled tree of a template: statements and expressions. Built by the parsers, walked by the evaluator.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "template/functions.h"
#include "template/sql_text.h"
#include "template/template.h"
#include "template/value.h"

namespace kinglet::templates::internal {

enum class Operator : std::uint8_t {
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  in,
  not_in,
  is,
  is_not,
};

struct Expression;
using ExpressionPointer = std::unique_ptr<Expression>;

struct Argument {
  std::string keyword;  // empty for a positional one
  ExpressionPointer value;
  std::uint32_t offset = 0;
};

struct Expression {
  enum class Kind : std::uint8_t {
    literal,      // value
    name,         // slot
    list,         // children
    dictionary,   // children: key, value, key, value…
    negative,     // children[0]
    positive,     // children[0]
    arithmetic,   // children[0] operators[0] children[1] operators[1] …, left to right
    comparison,   // the same, chained as in Python
    logical_not,  // children[0]
    logical_and,  // children, short-circuit
    logical_or,   // children, short-circuit
    conditional,  // children: value if true, condition, value if false
    call,         // call
    method,       // children[0] is the object; method, the arguments are the rest
    index,        // children[0] [ children[1] ]
    slice,        // children[0] [ children[1] : children[2] ], either bound may be null
    unavailable,  // `loop.first`: written for Jinja, an error only where it is reached; value is the message
  };
  Kind kind = Kind::literal;
  std::uint32_t offset = 0;  // in the node's text
  Value value;
  std::uint32_t slot = 0;
  Method method = Method::split;
  std::vector<Operator> operators;
  std::vector<ExpressionPointer> children;

  // Kind::call. What a type function needs is worked out once, at compile time.
  const Function* function = nullptr;
  std::vector<Argument> arguments;
  const TypeInfo* type = nullptr;             // of a type function, or of the elements of Array()
  const Expression* first = nullptr;          // the value
  const Expression* default_value = nullptr;  // positional or default=
  std::optional<Value> converted_default;     // when it is a constant that the type accepts
  const Expression* defined_flag = nullptr;   // defined=
  std::vector<Value> allowed;                 // enum=, of the function's type; empty when every value is

  const Expression* keyword(std::string_view name) const {
    for (const auto& argument : arguments)
      if (argument.keyword == name) return argument.value.get();
    return nullptr;
  }
};

/// Where a piece of text begins, and where in the node's text it comes from.
struct Origin {
  std::size_t rendered = 0;  // offset in the text made of pieces
  std::size_t source = 0;    // offset in the node's text; of a value that of its tag
  bool is_value = false;
};

struct Statement;
using Block = std::vector<Statement>;

struct Branch {
  ExpressionPointer condition;  // null for else
  Block body;
  std::uint32_t number = 0;  // in the order of the text
  std::uint32_t end = 0;     // one more than the last branch inside of this one, or than `number`
  bool holds(std::uint32_t other) const { return other >= number && other < end; }
};

struct Statement {
  enum class Kind : std::uint8_t { text, output, conditional, loop, assign, leave, next };
  Kind kind = Kind::text;
  std::uint32_t offset = 0;
  std::string text;
  SqlCursor cursor_after;            // of text, begun as plain code
  std::vector<Origin> joints;        // of text: where each piece of it but the first begins, comments between them
  ExpressionPointer expression;      // output, loop, assign
  std::vector<std::uint32_t> slots;  // targets of loop and assign
  std::vector<Branch> branches;      // conditional
  Block body;                        // loop
  std::uint32_t first_branch = 0;    // loop: those inside it
  std::uint32_t end_branch = 0;
};

struct Program {
  bool is_template = false;
  bool is_setting = false;
  std::string source;
  Block body;
  std::vector<std::string> names;          // by slot
  std::vector<const Parameter*> declared;  // by slot; null for names that are no parameter
  std::vector<bool> assigned;              // by slot: set somewhere in the text
  std::vector<bool> lists;                 // by slot: used with Array() in this text
  std::uint32_t branch_count = 0;
  std::vector<Parameter> parameters;
  NameSet array_parameters;
  std::map<std::string, bool, std::less<>> secrets;
  std::vector<Warning> warnings;
};

TextPosition position_at(std::string_view source, std::size_t offset);
/// The byte at a position; the text's size when there is none.
std::size_t offset_at(std::string_view source, TextPosition position);

/// Many positions of one text, each found without reading it from the start.
class PositionIndex {
 public:
  explicit PositionIndex(std::string_view source);
  TextPosition at(std::size_t offset) const;

 private:
  static constexpr std::size_t step = 512;  // bytes between marks
  std::string_view source_;
  std::vector<TextPosition> marks_;
};

}  // namespace kinglet::templates::internal
