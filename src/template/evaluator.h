// SPDX-License-Identifier: Apache-2.0
// One rendering of a Program: the values of names, the limits, the output.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "template/limits.h"
#include "template/program.h"

namespace kinglet::templates::internal {

/// Methods that return bool return false when an error was recorded; rendering stops then.
/// Thread: any; lives for one call of Template::render.
class Evaluator {
 public:
  /// `origins` gets every piece of the output, in order; null: nobody asks.
  Evaluator(const Program& program, const RenderInput& input, std::vector<Origin>* origins = nullptr);
  std::expected<Rendered, RenderError> run();

 private:
  enum class Flow : std::uint8_t { on, leave, next, stop };
  struct Slot {
    enum class State : std::uint8_t { unread, request, assigned, undefined } state = State::unread;
    Value value;
  };

  // statements (evaluator.cc)
  Flow block(const Block& statements);
  Flow conditional(const Statement& statement);
  Flow loop(const Statement& statement);
  bool assign(std::uint32_t slot, Value value, std::size_t offset);
  bool print_text(const Statement& statement);
  bool print_value(const Statement& statement, const Value& value);

  // expressions (evaluator.cc)
  bool evaluate(const Expression& expression, Value& out);
  /// A name's value where it lies, any other in `made`; null when an error was recorded.
  const Value* evaluated(const Expression& expression, Value& made);
  const Value* value_of_name(const Expression& name);

  // operators (operators.cc)
  bool evaluate_arithmetic(const Expression& expression, Value& out);
  bool evaluate_comparison(const Expression& expression, Value& out);
  bool evaluate_index(const Expression& expression, Value& out);
  bool arithmetic(Operator op, Value& left, const Value& right, std::size_t offset);
  bool compare(Operator op, const Value& left, const Value& right, bool& out, std::size_t offset);
  bool equal(const Value& left, const Value& right, bool& out, int depth = 0);
  bool contains(const Value& whole, const Value& item, bool& out, std::size_t offset);

  // calls (builtins.cc)
  bool call(const Expression& expression, Value& out);
  bool typed(const Expression& expression, Value& out);
  bool array(const Expression& expression, const Value& from, bool is_default, Value& out);
  bool identifier(const Expression& expression, Value& out);
  bool split_to_array(const Expression& expression, Value& out);
  bool enumerate_with_last(const Expression& expression, Value& out);
  bool sql_and(const Expression& expression, Value& out);
  bool raise(const Expression& expression);
  bool secret(const Expression& expression, Value& out);
  bool range(const Expression& expression, Value& out);
  bool date_difference(const Expression& expression, Value& out);
  bool max_threads(const Expression& expression, Value& out);
  bool method(const Expression& expression, Value& out);
  bool text_method(const Expression& expression, const std::string& text, const std::vector<Value>& given, Value& out);
  bool split(std::string_view text, std::string_view separator, std::int64_t splits_max, Items& out,
             std::size_t offset);
  /// The value of a parameter function: request, `default=`, stand-in, or null with the missing-parameter error.
  /// `made` holds it where it lies nowhere else.
  const Value* parameter_value(const Expression& expression, Value& made, bool& is_default);
  bool convert_or_fail(const Expression& expression, const TypeInfo& type, const Value& from, Value& out);
  /// enum=: a value that is not in the list is refused. Defaults are the author's and are not asked.
  bool check_allowed(const Expression& expression, const Value& value);
  std::string what_is(const Expression& expression) const;

  // names and errors (evaluator.cc)
  void load(std::uint32_t slot);
  std::string stand_in_for(std::uint32_t slot, bool is_list) const;
  bool is_request_name(std::uint32_t slot) const;
  void met(const std::string& name);
  bool defined_value(const Expression& expression, Value& value);
  bool missing(const std::string& name, std::size_t offset);
  bool fail(RenderError::Kind kind, std::size_t offset, std::string message);
  bool refuse(std::size_t offset, std::string message) {
    return fail(RenderError::Kind::refused, offset, std::move(message));
  }
  bool charge(std::size_t units, std::size_t offset) {
    if (units >= work_left_) return overworked(offset);
    work_left_ -= static_cast<std::uint32_t>(units);
    return true;
  }
  bool overworked(std::size_t offset);
  bool charge_text(std::size_t bytes, std::size_t offset);

  const Program& program_;
  const RenderInput& input_;
  std::vector<Origin>* origins_;
  std::vector<Slot> slots_;
  std::vector<std::string> own_met_;
  std::vector<std::string>* met_;
  std::string out_;
  SqlCursor cursor_;
  std::vector<std::pair<std::string, std::string>> settings_;
  std::vector<bool> taken_;  // by branch, with stand-ins
  std::uint32_t loop_steps_ = 0;
  std::uint32_t work_left_ = Limits::work_max;
  RenderError error_;
};

/// A caller's text inside a message: cut to Limits::shown_bytes_max, control bytes as dots.
std::string shown(std::string_view text);

}  // namespace kinglet::templates::internal
