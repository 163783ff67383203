// SPDX-License-Identifier: Apache-2.0
#include "template/evaluator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "template/types.h"

namespace kinglet::templates::internal {

using Kind = Expression::Kind;
using ErrorKind = RenderError::Kind;

std::string shown(std::string_view text) {
  std::string made(text.substr(0, Limits::shown_bytes_max));
  if (text.size() > made.size()) {
    while (!made.empty() && (static_cast<unsigned char>(made.back()) & 0xC0) == 0x80) made.pop_back();
    if (!made.empty() && static_cast<unsigned char>(made.back()) >= 0xC0) made.pop_back();
    made += "…";
  }
  for (char& c : made)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '.';
  return made;
}

Evaluator::Evaluator(const Program& program, const RenderInput& input, std::vector<Origin>* origins)
    : program_(program),
      input_(input),
      origins_(origins),
      slots_(program.names.size()),
      met_(input.required_met != nullptr ? input.required_met : &own_met_) {
  out_.reserve(program.source.size() + program.source.size() / 4 + 64);
  if (input.stand_ins != StandIns::off) taken_.assign(program.branch_count, false);
}

std::expected<Rendered, RenderError> Evaluator::run() {
  if (block(program_.body) == Flow::stop) return std::unexpected(std::move(error_));
  return Rendered{.sql = std::move(out_), .settings = std::move(settings_), .branches_taken = std::move(taken_)};
}

// ---- errors and limits

bool Evaluator::fail(ErrorKind kind, std::size_t offset, std::string message) {
  error_.kind = kind;
  error_.position = position_at(program_.source, offset);
  if (kind == ErrorKind::refused || kind == ErrorKind::limit)
    message = fmt::format("Template Syntax Error: line {}, column {}: {}", error_.position.line, error_.position.column,
                          message);
  error_.message = std::move(message);
  return false;
}

bool Evaluator::overworked(std::size_t offset) {
  work_left_ = 0;
  return fail(ErrorKind::limit, offset,
              fmt::format("the template does too much work: more than {} steps", Limits::work_max));
}

bool Evaluator::charge_text(std::size_t bytes, std::size_t offset) {
  if (bytes > Limits::text_bytes_max)
    return fail(ErrorKind::limit, offset,
                fmt::format("a text of {} bytes; at most {} are allowed", bytes, Limits::text_bytes_max));
  return charge(bytes / 64 + 1, offset);
}

void Evaluator::met(const std::string& name) {
  for (const auto& known : *met_)
    if (known == name) return;
  work_left_ -= std::min(work_left_, static_cast<std::uint32_t>(met_->size() / 8));
  if (met_->empty()) met_->reserve(program_.parameters.size());
  met_->push_back(name);
}

bool Evaluator::missing(const std::string& name, std::size_t offset) {
  std::erase(*met_, name);
  met_->push_back(name);
  std::string list;
  for (std::size_t i = 0; i < met_->size(); ++i) {
    if (i > 0) list += i + 1 == met_->size() ? " and " : ", ";
    list += (*met_)[i];
  }
  return fail(
      ErrorKind::missing_parameter, offset,
      fmt::format("Template Syntax Error: Required parameter is not defined. Check the parameters {}. Please provide a "
                  "value or set a default value in the pipe code.",
                  list));
}

/// False, with the missing-parameter error, for an undefined value.
bool Evaluator::defined_value(const Expression& expression, Value& value) {
  if (!value.is_undefined()) {
    // A raw parameter that is used where it must be there counts as met, sent or not.
    if (expression.kind == Kind::name && is_request_name(expression.slot)) met(program_.names[expression.slot]);
    return true;
  }
  if (input_.stand_ins != StandIns::off) {
    value = Value(stand_in_text);
    return true;
  }
  const auto* name = value.as<Undefined>()->name;
  return missing(name != nullptr ? *name : std::string("?"), expression.offset);
}

// ---- names

bool Evaluator::is_request_name(std::uint32_t slot) const {
  return slots_[slot].state != Slot::State::assigned;
}

/// The text that a request would have sent: the default, or something valid for the type.
std::string Evaluator::stand_in_for(std::uint32_t slot, bool is_list) const {
  const auto* declared = program_.declared[slot];
  if (declared == nullptr) return std::string(stand_in_text);
  if (declared->default_json) {
    const auto parsed = json::parse(*declared->default_json);
    if (parsed && parsed->is_string()) return std::string(parsed->get_string());
    if (parsed && parsed->is_array()) {
      std::string joined;
      for (const auto& item : parsed->get_array()) {
        if (!joined.empty()) joined += ',';
        joined += scalar_text(from_json(item)).value_or("");
      }
      return joined;
    }
    if (parsed && !parsed->is_null()) return json::write(*parsed);
  }
  const auto* type = find_type(is_list ? declared->element_type : declared->type);
  return type != nullptr ? scalar_text(stand_in(*type)).value_or("{}") : std::string(stand_in_text);
}

void Evaluator::load(std::uint32_t slot) {
  auto& entry = slots_[slot];
  if (entry.state != Slot::State::unread) return;
  const auto& name = program_.names[slot];
  const std::vector<std::string>* values = nullptr;
  // A name that the token fixes is never looked up in the request, not even when the fixed value is empty.
  for (const auto* source : {input_.fixed, input_.arguments}) {
    if (source == nullptr) continue;
    const auto found = source->find(name);
    if (found == source->end()) continue;
    values = &found->second;
    if (source == input_.fixed || !values->empty()) break;
    values = nullptr;
  }
  const bool is_list =
      program_.lists[slot] || (input_.array_parameters != nullptr && input_.array_parameters->contains(name));
  std::vector<std::string> made;
  if (values != nullptr && values->empty()) values = nullptr;  // fixed to nothing: undefined
  if (values == nullptr && input_.stand_ins == StandIns::all_defined) {
    made.push_back(stand_in_for(slot, is_list));
    values = &made;
  }
  if (values == nullptr) {
    entry.state = Slot::State::undefined;
    entry.value = Value(Undefined{&name});
    if (name == "true" || name == "false") entry.value = Value(name == "true");
    return;
  }
  entry.state = Slot::State::request;
  if (!is_list) {
    entry.value = Value(values->front());
    return;
  }
  Items items;
  std::size_t count = values->size();
  for (const auto& text : *values) count += static_cast<std::size_t>(std::count(text.begin(), text.end(), ','));
  items.reserve(count);
  for (const auto& text : *values) {
    std::size_t start = 0;
    for (;;) {
      const auto comma = text.find(',', start);
      items.emplace_back(std::string_view(text).substr(start, comma == text.npos ? text.npos : comma - start));
      if (comma == text.npos) break;
      start = comma + 1;
    }
  }
  entry.value = Value(std::move(items));
}

bool Evaluator::assign(std::uint32_t slot, Value value, std::size_t offset) {
  if (input_.from_request && input_.fixed != nullptr && input_.fixed->contains(program_.names[slot]))
    return refuse(offset, fmt::format("'{}' is fixed by the token and cannot be set", program_.names[slot]));
  slots_[slot].state = Slot::State::assigned;
  slots_[slot].value = std::move(value);
  return true;
}

// ---- statements

Evaluator::Flow Evaluator::block(const Block& statements) {
  for (const auto& statement : statements) {
    switch (statement.kind) {
      case Statement::Kind::text:
        if (!print_text(statement)) return Flow::stop;
        break;
      case Statement::Kind::output: {
        Value value;
        if (!evaluate(*statement.expression, value) || !print_value(statement, value)) return Flow::stop;
        break;
      }
      case Statement::Kind::conditional:
        if (const auto flow = conditional(statement); flow != Flow::on) return flow;
        break;
      case Statement::Kind::loop:
        if (const auto flow = loop(statement); flow != Flow::on) return flow;
        break;
      case Statement::Kind::assign: {
        Value value;
        if (!evaluate(*statement.expression, value) || !assign(statement.slots[0], std::move(value), statement.offset))
          return Flow::stop;
        break;
      }
      case Statement::Kind::leave:
        return Flow::leave;
      case Statement::Kind::next:
        return Flow::next;
    }
  }
  return Flow::on;
}

Evaluator::Flow Evaluator::conditional(const Statement& statement) {
  if (!taken_.empty() && input_.branch)
    for (const auto& branch : statement.branches)
      if (branch.holds(*input_.branch)) {
        taken_[branch.number] = true;
        return block(branch.body);
      }
  for (const auto& branch : statement.branches) {
    if (branch.condition) {
      Value value;
      if (!evaluate(*branch.condition, value)) return Flow::stop;
      if (!truth(value)) continue;
    }
    if (!taken_.empty()) taken_[branch.number] = true;
    return block(branch.body);
  }
  return Flow::on;
}

Evaluator::Flow Evaluator::loop(const Statement& statement) {
  const auto& source = *statement.expression;
  Value value;
  if (!evaluate(source, value)) return Flow::stop;
  if (input_.stand_ins != StandIns::off && (value.is_undefined() || value.text() != nullptr)) {
    if (!input_.branch || *input_.branch < statement.first_branch || *input_.branch >= statement.end_branch)
      return Flow::on;
    value = Value(Items{Value(stand_in_text)});
  }
  if (!defined_value(source, value)) return Flow::stop;
  List items;
  if (const auto* list = value.as<List>()) {
    items = *list;
  } else if (const auto* dictionary = value.as<Dictionary>()) {
    Items keys;
    for (const auto& [key, item] : **dictionary) keys.emplace_back(key);
    items = std::make_shared<const Items>(std::move(keys));
  } else {
    refuse(source.offset,
           fmt::format("{} cannot be looped over; use Array(), split_to_array() or JSON()", kind_name(value)));
    return Flow::stop;
  }
  const auto count = statement.slots.size();
  for (const auto& item : *items) {
    if (++loop_steps_ > Limits::loop_steps_max) {
      fail(ErrorKind::limit, statement.offset, fmt::format("more than {} loop steps", Limits::loop_steps_max));
      return Flow::stop;
    }
    if (count == 1) {
      if (item.text() != nullptr && !charge_text(item.text()->size(), statement.offset)) return Flow::stop;
      if (!assign(statement.slots[0], item, statement.offset)) return Flow::stop;
    } else {
      const auto* parts = item.as<List>();
      if (parts == nullptr || (*parts)->size() != count) {
        refuse(statement.offset,
               fmt::format("the loop has {} variables, but an item is not a list of {}", count, count));
        return Flow::stop;
      }
      for (std::size_t i = 0; i < count; ++i)
        if (!charge(1, statement.offset) || !assign(statement.slots[i], (**parts)[i], statement.offset))
          return Flow::stop;
    }
    const auto flow = block(statement.body);
    if (flow == Flow::stop) return Flow::stop;
    if (flow == Flow::leave) break;
  }
  return Flow::on;
}

bool Evaluator::print_text(const Statement& statement) {
  if (out_.size() + statement.text.size() > Limits::output_bytes_max)
    return fail(ErrorKind::limit, statement.offset,
                fmt::format("the SQL would be longer than {} bytes", Limits::output_bytes_max));
  if (origins_ != nullptr) {
    origins_->push_back({.rendered = out_.size(), .source = statement.offset});
    for (const auto& joint : statement.joints)
      origins_->push_back({.rendered = out_.size() + joint.rendered, .source = joint.source});
  }
  out_ += statement.text;
  // From plain code on, the end of the text is known; `$` alone may depend on the byte before it.
  if (cursor_.plain() && statement.text[0] != '$')
    cursor_ = statement.cursor_after;
  else
    cursor_.advance(statement.text);
  return true;
}

bool Evaluator::print_value(const Statement& statement, const Value& printed) {
  const auto& expression = *statement.expression;
  Value value;
  const Value* source = &printed;
  if (printed.is_undefined() || expression.kind == Kind::name) {
    value = printed;
    if (!defined_value(expression, value)) return false;
    source = &value;
  }
  const auto where = cursor_.where();
  // Inside a comment no quoting holds: a line break in a value would end it. The value was evaluated, which is all it
  // is for.
  if (where == SqlCursor::Where::comment) return true;
  if (where == SqlCursor::Where::heredoc)
    return refuse(statement.offset, "a value cannot be printed inside a $tag$ … $tag$ text");
  const std::size_t before = out_.size();
  if (!append_sql(out_, *source, work_left_)) {
    if (source->text() != nullptr && source->text()->find('\0') != std::string::npos)
      return fail(ErrorKind::invalid_value, statement.offset,
                  "Error validating value: a NUL byte cannot be part of a query");
    if (work_left_ == 0) return charge(1, statement.offset);
    if (out_.size() > Limits::output_bytes_max)
      return fail(ErrorKind::limit, statement.offset,
                  fmt::format("the SQL would be longer than {} bytes", Limits::output_bytes_max));
    return refuse(statement.offset, "a value that cannot be printed as SQL");
  }
  const auto size = out_.size() - before;
  if (!charge(size / 64 + 1, statement.offset)) return false;
  if (out_.size() > Limits::output_bytes_max)
    return fail(ErrorKind::limit, statement.offset,
                fmt::format("the SQL would be longer than {} bytes", Limits::output_bytes_max));
  if (size == 0) return true;
  if (origins_ != nullptr) origins_->push_back({.rendered = before, .source = statement.offset, .is_value = true});
  if (where == SqlCursor::Where::quotes) {
    // The author's quotes hold digits and plain words, and nothing that could end them.
    const auto text = std::string_view(out_).substr(before);
    const auto harmless = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
             c == '+' || c == '-';
    };
    if (!std::all_of(text.begin(), text.end(), harmless))
      return refuse(
          statement.offset,
          "a placeholder inside quotes: values are printed with their own quotes, so remove those around the tag");
    return true;
  }
  // A literal that touches a word or another literal would be read as one with it: x'41' is not a text, 'a''b' is one,
  // xtrue is a name. Digits may join a name: c{{i}}.
  const auto word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
  };
  if (before > 0 && !program_.is_setting) {
    const char first = out_[before];
    const char touching = out_[before - 1];
    const bool joins = first == '\'' ? word(touching) || touching == '\''
                                     : word(first) && !(first >= '0' && first <= '9') && word(touching);
    if (joins) out_.insert(before, 1, ' ');
  }
  cursor_.value_printed(out_.back());
  return true;
}

// ---- expressions

const Value* Evaluator::evaluated(const Expression& expression, Value& made) {
  if (expression.kind != Kind::name) return evaluate(expression, made) ? &made : nullptr;
  return charge(1, expression.offset) ? value_of_name(expression) : nullptr;
}

const Value* Evaluator::value_of_name(const Expression& name) {
  load(name.slot);
  const auto& value = slots_[name.slot].value;
  if (value.text() != nullptr && !charge_text(value.text()->size(), name.offset)) return nullptr;
  if (const auto* fragment = value.as<Fragment>();
      fragment != nullptr && !charge_text(fragment->sql.size(), name.offset))
    return nullptr;
  return &value;
}

bool Evaluator::evaluate(const Expression& expression, Value& out) {
  if (!charge(1, expression.offset)) return false;
  switch (expression.kind) {
    case Kind::literal:
      if (expression.value.text() != nullptr && !charge_text(expression.value.text()->size(), expression.offset))
        return false;
      out = expression.value;
      return true;
    case Kind::name: {
      const Value* const value = value_of_name(expression);
      if (value == nullptr) return false;
      out = *value;
      return true;
    }
    case Kind::list: {
      Items items;
      items.reserve(expression.children.size());
      for (const auto& child : expression.children)
        if (!evaluate(*child, items.emplace_back()) || !defined_value(*child, items.back())) return false;
      out = Value(std::move(items));
      return true;
    }
    case Kind::dictionary: {
      Entries entries;
      for (std::size_t i = 0; i + 1 < expression.children.size(); i += 2) {
        Value key;
        if (!evaluate(*expression.children[i], key)) return false;
        auto name = scalar_text(key);
        if (!name) return refuse(expression.children[i]->offset, fmt::format("{} cannot be a key", kind_name(key)));
        Value value;
        if (!evaluate(*expression.children[i + 1], value)) return false;
        const auto same =
            std::find_if(entries.begin(), entries.end(), [&](const auto& entry) { return entry.first == *name; });
        if (same != entries.end())
          same->second = std::move(value);
        else
          entries.emplace_back(std::move(*name), std::move(value));
        if (!charge(entries.size() / 16, expression.offset)) return false;
      }
      out = Value(std::move(entries));
      return true;
    }
    case Kind::negative:
    case Kind::positive: {
      Value operand;
      if (!evaluate(*expression.children[0], operand) || !defined_value(*expression.children[0], operand)) return false;
      const bool negate = expression.kind == Kind::negative;
      if (const auto* flag = operand.as<bool>()) operand = Value(Integer(*flag ? 1 : 0));
      if (const auto* number = operand.as<Integer>()) {
        out = Value(negate ? Integer(-*number) : *number);
        if (!fits_256(*out.as<Integer>())) return refuse(expression.offset, "an integer beyond 256 bits");
        return true;
      }
      if (const auto* real = operand.as<double>()) {
        out = Value(negate ? -*real : *real);
        return true;
      }
      return refuse(expression.offset, fmt::format("a sign before {}", kind_name(operand)));
    }
    case Kind::arithmetic:
      return evaluate_arithmetic(expression, out);
    case Kind::comparison:
      return evaluate_comparison(expression, out);
    case Kind::logical_not: {
      Value operand;
      if (!evaluate(*expression.children[0], operand)) return false;
      out = Value(!truth(operand));
      return true;
    }
    case Kind::logical_and:
    case Kind::logical_or:
      for (const auto& child : expression.children) {
        if (!evaluate(*child, out)) return false;
        if (truth(out) == (expression.kind == Kind::logical_or)) return true;
      }
      return true;
    case Kind::conditional: {
      Value condition;
      if (!evaluate(*expression.children[1], condition)) return false;
      return evaluate(*expression.children[truth(condition) ? 0 : 2], out);
    }
    case Kind::call:
      return call(expression, out);
    case Kind::method:
      return method(expression, out);
    case Kind::index:
    case Kind::slice:
      return evaluate_index(expression, out);
    case Kind::unavailable:
      return refuse(expression.offset, *expression.value.text());
  }
  return false;
}

}  // namespace kinglet::templates::internal
