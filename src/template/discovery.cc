// SPDX-License-Identifier: Apache-2.0
// What a template declares, found without rendering it: parameters, lists, secrets; and the constants of its calls.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "template/parser.h"

namespace kinglet::templates {
namespace internal {
namespace {

using Kind = Expression::Kind;

/// The value of a literal, a negative literal, or a list or dictionary of such; nothing for anything else.
std::optional<Value> constant_of(const Expression& expression) {
  switch (expression.kind) {
    case Kind::literal:
      return expression.value;
    case Kind::negative: {
      const auto inner = constant_of(*expression.children[0]);
      if (!inner) return std::nullopt;
      if (const auto* number = inner->as<Integer>()) return Value(Integer(-*number));
      if (const auto* real = inner->as<double>()) return Value(-*real);
      return std::nullopt;
    }
    case Kind::list: {
      Items items;
      for (const auto& child : expression.children) {
        auto item = constant_of(*child);
        if (!item) return std::nullopt;
        items.push_back(std::move(*item));
      }
      return Value(std::move(items));
    }
    default:
      return std::nullopt;
  }
}

/// Python's false, as JSON: such a default does not replace another.
bool empty_default(const std::optional<std::string>& json) {
  return !json || *json == "\"\"" || *json == "0" || *json == "false" || *json == "[]" || *json == "null";
}

/// The rules of templates.md section 10 for several calls of one name. A name without a call says nothing beside one.
void merge_into(Parameter& found, const Parameter& later) {
  if (later.calls == 0) {
    if (found.calls == 0) found.required = found.required || later.required;
    return;
  }
  if (found.calls == 0) {
    const auto position = found.position;
    found = later;
    found.position = position;
    return;
  }
  found.type = later.type;
  found.element_type = later.element_type;
  if (!empty_default(later.default_json) || !found.default_json) found.default_json = later.default_json;
  if (!later.description.empty()) found.description = later.description;
  if (!later.format.empty()) found.format = later.format;
  if (later.example_json) found.example_json = later.example_json;
  if (!later.enum_values.empty()) found.enum_values = later.enum_values;
  found.calls += later.calls;
  found.optional = found.optional || later.optional;
  found.required = !found.optional;
}

class Discovery {
 public:
  explicit Discovery(Program& program)
      : program_(program), positions_(program.source), assigned_(program.names.size(), false) {}

  std::expected<void, SyntaxError> run() {
    block(program_.body);
    if (!error_.message.empty()) return std::unexpected(std::move(error_));
    for (auto& call : calls_) merge(std::move(call));
    program_.lists.assign(program_.names.size(), false);
    for (std::size_t slot = 0; slot < program_.names.size(); ++slot)
      program_.lists[slot] = program_.array_parameters.contains(program_.names[slot]);
    for (std::size_t slot = 0; slot < program_.names.size(); ++slot)
      if (const auto found = merged_.find(program_.names[slot]); found != merged_.end())
        program_.declared[slot] = &program_.parameters[found->second.index];
    return {};
  }

 private:
  /// One mention of a parameter, and what merging asks of it.
  struct Mention {
    Parameter parameter;
    bool typed = true;
    bool has_default = false;
    std::optional<bool> required = std::nullopt;  // as written
  };
  struct Merged {
    std::size_t index = 0;  // in program_.parameters
    bool asked = false;     // defined() of it
  };

  void fail(std::size_t offset, std::string message, std::string hint = {}) {
    if (error_.message.empty()) error_ = {std::move(message), std::move(hint), offset};
  }
  void warn(std::size_t offset, std::string message) {
    program_.warnings.push_back({std::move(message), positions_.at(offset)});
  }

  // Names count as parameters until the text assigns them: `set a = String(a, 'x')` declares a.
  void block(Block& statements) {
    for (auto& statement : statements) {
      switch (statement.kind) {
        case Statement::Kind::leave:
        case Statement::Kind::next:
          break;
        case Statement::Kind::text:
          cursor_.advance(statement.text);
          break;
        case Statement::Kind::output:
          visit(*statement.expression, true);
          output(statement);
          break;
        case Statement::Kind::conditional: {
          const auto before = cursor_;
          std::optional<SqlCursor> after;
          bool has_else = false;
          for (auto& branch : statement.branches) {
            if (branch.condition) visit(*branch.condition, false);
            has_else = has_else || !branch.condition;
            cursor_ = before;
            block(branch.body);
            if (!after) after = cursor_;
            balanced(statement, *after, cursor_);
          }
          if (!has_else) balanced(statement, before, *after);
          cursor_ = before;
          if (has_else) cursor_ = *after;
          break;
        }
        case Statement::Kind::loop: {
          visit(*statement.expression, true);
          for (const auto slot : statement.slots) assigned_[slot] = true;
          const auto before = cursor_;
          block(statement.body);
          balanced(statement, before, cursor_);
          break;
        }
        case Statement::Kind::assign:
          visit(*statement.expression, false);
          assigned_[statement.slots[0]] = true;
          break;
      }
    }
  }

  /// A value inside the author's own quotes is refused when it is rendered; the author should hear of it before.
  void output(const Statement& statement) {
    const auto where = cursor_.where();
    const auto& expression = *statement.expression;
    const bool digits =
        expression.kind == Kind::arithmetic ||
        (expression.kind == Kind::call && expression.type != nullptr && expression.type->kind != TypeClass::text);
    if (where == SqlCursor::Where::heredoc || (where == SqlCursor::Where::quotes && !digits))
      warn(statement.offset,
           "a placeholder inside quotes: values are printed with their own quotes, so remove those around the tag");
    cursor_.value_printed(')');
  }

  void balanced(const Statement& statement, const SqlCursor& one, const SqlCursor& other) {
    if (one.where() != other.where())
      warn(statement.offset, "a quote or comment that begins in this block does not end in it, or the other way round");
  }

  /// `needed`: the value is printed or otherwise must be there.
  void visit(Expression& expression, bool needed) {
    switch (expression.kind) {
      case Kind::name:
        mention(expression, needed ? std::optional(true) : std::nullopt);
        return;
      case Kind::call:
        call(expression);
        return;
      case Kind::unavailable:
        warn(expression.offset, *expression.value.text());
        return;
      default:
        for (auto& child : expression.children)
          if (child) visit(*child, expression.kind == Kind::arithmetic || expression.kind == Kind::method);
    }
  }

  void mention(const Expression& name, std::optional<bool> required) {
    if (assigned_[name.slot]) return;
    const auto& text = program_.names[name.slot];
    if (text == "true" || text == "false") return;
    Mention made;
    made.parameter.name = text;
    made.parameter.position = positions_.at(name.offset);
    made.parameter.required = required.value_or(false);
    made.typed = false;
    made.required = required;
    calls_.push_back(std::move(made));
  }

  static Expression* positional(Expression& expression, int wanted) {
    for (auto& argument : expression.arguments)
      if (argument.keyword.empty() && wanted-- == 0) return argument.value.get();
    return nullptr;
  }
  static Expression* keyword(Expression& expression, std::string_view name) {
    return const_cast<Expression*>(expression.keyword(name));
  }

  void call(Expression& expression) {
    const auto& function = *expression.function;
    if (function.id == FunctionId::defined) {
      auto& argument = *expression.arguments[0].value;
      if (argument.kind != Kind::name)
        return fail(argument.offset, "defined() takes the name of a parameter, without quotes");
      return mention(argument, false);
    }
    if (function.id == FunctionId::tb_secret) return secret(expression);
    if (function.id == FunctionId::ignored)
      warn(expression.offset, fmt::format("{}() has no effect here", function.name));
    if (function.declares_parameter() || function.id == FunctionId::symbol || function.id == FunctionId::split_to_array)
      return parameter_call(expression);
    for (auto& argument : expression.arguments) visit(*argument.value, function.id != FunctionId::ignored);
  }

  void secret(Expression& expression) {
    const auto* name = positional(expression, 0);
    // A name that a request could choose would let it read every secret.
    if (name == nullptr || name->kind != Kind::literal || name->value.text() == nullptr)
      return fail(expression.offset, "tb_secret() takes the name of a secret as a quoted text");
    auto* otherwise = positional(expression, 1);
    if (otherwise == nullptr) otherwise = keyword(expression, "default");
    expression.first = name;
    expression.default_value = otherwise;
    if (otherwise != nullptr) visit(*otherwise, true);
    auto [entry, added] = program_.secrets.emplace(*name->value.text(), otherwise != nullptr);
    if (!added) entry->second = entry->second && otherwise != nullptr;
  }

  void parameter_call(Expression& expression) {
    const auto& function = *expression.function;
    auto* first = positional(expression, 0);
    if (first == nullptr) return;  // counted by the parser
    const bool literal_allowed = function.id != FunctionId::typed && function.id != FunctionId::array;
    if (!literal_allowed && constant_of(*first)) {
      const bool quoted = first->value.text() != nullptr;
      return fail(first->offset, fmt::format("{}() takes the name of a parameter, not a constant", function.name),
                  quoted ? "write the name without quotes" : "");
    }
    expression.first = first;
    expression.type = function.type;
    Expression* otherwise = positional(expression, 1);
    Mention made;
    made.parameter.type =
        function.id == FunctionId::symbol || function.id == FunctionId::split_to_array ? "String" : function.name;
    if (function.id == FunctionId::array) otherwise = element_type(expression, made.parameter);
    if (otherwise == nullptr) otherwise = keyword(expression, "default");
    expression.default_value = otherwise;
    expression.defined_flag = keyword(expression, "defined");
    describe(expression, made);
    if (otherwise != nullptr) default_of(expression, *otherwise, made);
    if (first->kind != Kind::name) return visit(*first, false);
    if (assigned_[first->slot]) return;
    made.parameter.name = program_.names[first->slot];
    made.parameter.position = positions_.at(expression.offset);
    if (function.id == FunctionId::array) program_.array_parameters.insert(made.parameter.name);
    calls_.push_back(std::move(made));
  }

  /// Array(x, 'Int32', default), Array(x, Int32) or Array(x, default): sets the type, returns the default.
  Expression* element_type(Expression& expression, Parameter& parameter) {
    expression.type = find_type("String");
    auto* second = positional(expression, 1);
    auto* third = positional(expression, 2);
    Expression* otherwise = third;
    if (second != nullptr) {
      std::string_view word;
      if (second->kind == Kind::name) word = program_.names[second->slot];
      if (second->kind == Kind::literal && second->value.text() != nullptr) word = *second->value.text();
      const auto* type = find_type(word);
      if (type != nullptr) {
        expression.type = type;
      } else if (third != nullptr) {
        fail(second->offset, "Array(): the second of three arguments is not a type", suggest(word, type_names()));
      } else {
        otherwise = second;
        if (const auto near = suggest(word, type_names()); word.size() > 3 && near.size() && !word.contains(','))
          warn(second->offset, fmt::format("Array(): '{}' is no type, so it is taken as the default; {}", word, near));
      }
    }
    parameter.element_type = expression.type->name;
    return otherwise;
  }

  void describe(Expression& expression, Mention& made) {
    auto& parameter = made.parameter;
    for (const auto& [name, into] :
         {std::pair{"description", &parameter.description}, std::pair{"format", &parameter.format}}) {
      const auto* text = keyword(expression, name);
      if (text == nullptr) continue;
      if (text->kind == Kind::literal && text->value.text() != nullptr)
        *into = *text->value.text();
      else
        warn(text->offset, fmt::format("{}= is not a quoted text, so the documentation shows none", name));
    }
    if (const auto* example = keyword(expression, "example")) {
      parameter.example_json = constant_json(*example);
      if (!parameter.example_json) warn(example->offset, "example= is not a constant, so the documentation shows none");
    }
    if (const auto* values = keyword(expression, "enum")) allow(expression, *values, parameter);
    if (const auto* required = keyword(expression, "required")) {
      if (required->kind == Kind::name && program_.names[required->slot] == "true") made.required = true;
      if (required->kind == Kind::name && program_.names[required->slot] == "false") made.required = false;
      if (const auto constant = constant_of(*required)) made.required = truth(*constant);
    }
  }

  /// enum=: the values, of the function's type, and as documentation shows them.
  void allow(Expression& expression, const Expression& values, Parameter& parameter) {
    const auto constant = constant_of(values);
    const auto* list = constant ? constant->as<List>() : nullptr;
    if (list == nullptr || (*list)->empty())
      return fail(values.offset, "enum= takes a list of constants, such as enum=['day', 'week']");
    for (const auto& item : **list) {
      auto text = scalar_text(item);
      Value made;
      std::string expected;
      if (!text) return fail(values.offset, fmt::format("enum= holds {}, which is no value", kind_name(item)));
      if (expression.type == nullptr)
        made = Value(*text);  // column()
      else if (!convert(*expression.type, item, made, expected))
        return fail(values.offset, fmt::format("'{}' in enum= is not a valid {}: {} is expected", *text,
                                               expression.type->name, expected));
      parameter.enum_values.push_back(std::move(*text));
      expression.allowed.push_back(std::move(made));
    }
  }

  static std::optional<std::string> constant_json(const Expression& expression) {
    const auto constant = constant_of(expression);
    if (!constant) return std::nullopt;
    std::uint32_t budget = 10'000;
    const auto made = to_json(*constant, budget);
    return made ? std::optional(json::write(*made)) : std::nullopt;
  }

  void default_of(Expression& expression, Expression& otherwise, Mention& made) {
    made.has_default = true;
    // `true` and `false` in small letters are booleans unless somebody sends a parameter of that name.
    if (otherwise.kind == Kind::name && !assigned_[otherwise.slot]) {
      const auto& word = program_.names[otherwise.slot];
      if (word == "true" || word == "false") {
        made.parameter.default_json = word;
        return;
      }
    }
    const auto constant = constant_of(otherwise);
    if (!constant) return visit(otherwise, true);
    made.parameter.default_json = constant_json(otherwise);
    if (expression.function->id != FunctionId::typed) return;
    Value converted;
    std::string expected;
    if (convert(*expression.type, *constant, converted, expected))
      expression.converted_default = std::move(converted);
    else if (!constant->is_none())
      warn(otherwise.offset,
           fmt::format("the default is not a valid {}: {} is expected", expression.type->name, expected));
    if (!expression.allowed.empty() && expression.converted_default) {
      const auto text = scalar_text(*expression.converted_default);
      const auto is_default = [&](const Value& one) { return scalar_text(one) == text; };
      if (text && std::none_of(expression.allowed.begin(), expression.allowed.end(), is_default))
        warn(otherwise.offset, "the default is not one of the values in enum=");
    }
  }

  /// Names only: needed when printed, unless the text asks whether it is defined.
  void merge(Mention mention) {
    auto& parameter = mention.parameter;
    const auto [entry, is_new] = merged_.try_emplace(parameter.name, Merged{.index = program_.parameters.size()});
    auto& state = entry->second;
    if (mention.typed) {
      parameter.calls = 1;
      parameter.optional = mention.has_default || mention.required == false;
      parameter.required = mention.required.value_or(!mention.has_default);
    } else {
      parameter.required = mention.required.value_or(false);
    }
    if (is_new)
      program_.parameters.push_back(parameter);
    else
      merge_into(program_.parameters[state.index], parameter);
    auto& found = program_.parameters[state.index];
    if (found.calls > 0) return;
    if (mention.required == false) state.asked = true;
    if (state.asked) found.required = false;
  }

  Program& program_;
  PositionIndex positions_;
  SqlCursor cursor_;
  std::vector<bool> assigned_;
  std::vector<Mention> calls_;
  std::map<std::string, Merged> merged_;
  SyntaxError error_;
};

}  // namespace

std::expected<void, SyntaxError> discover(Program& program) {
  program.declared.assign(program.names.size(), nullptr);
  return Discovery(program).run();
}

}  // namespace internal

void merge_parameters(std::vector<Parameter>& into, const std::vector<Parameter>& from) {
  for (const auto& parameter : from) {
    const auto found =
        std::find_if(into.begin(), into.end(), [&](const Parameter& p) { return p.name == parameter.name; });
    if (found == into.end())
      into.push_back(parameter);
    else
      internal::merge_into(*found, parameter);
  }
}

}  // namespace kinglet::templates
