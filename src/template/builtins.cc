// SPDX-License-Identifier: Apache-2.0
// Functions and methods of templates: what each does at rendering.
#include <fmt/format.h>

#include <cmath>

#include "template/dates.h"
#include "template/evaluator.h"
#include "template/types.h"

namespace kinglet::templates::internal {

using Kind = Expression::Kind;
using ErrorKind = RenderError::Kind;

namespace {

const Expression* positional(const Expression& expression, int wanted) {
  for (const auto& argument : expression.arguments)
    if (argument.keyword.empty() && wanted-- == 0) return argument.value.get();
  return nullptr;
}

constexpr std::string_view blanks = " \t\r\n\f\v";

std::string_view strip_left(std::string_view text, std::string_view set) {
  const auto start = text.find_first_not_of(set);
  return start == text.npos ? std::string_view() : text.substr(start);
}
std::string_view strip_right(std::string_view text, std::string_view set) {
  const auto end = text.find_last_not_of(set);
  return end == text.npos ? std::string_view() : text.substr(0, end + 1);
}

/// What a date function makes of a value when no format is given: every form that a type function accepts.
std::optional<Moment> any_moment(std::string_view text) {
  if (auto moment = parse_date_time(text)) return moment;
  return parse_date(text);
}

}  // namespace

bool Evaluator::call(const Expression& expression, Value& out) {
  switch (expression.function->id) {
    case FunctionId::typed:
    case FunctionId::array:
      return typed(expression, out);
    case FunctionId::column:
    case FunctionId::columns:
    case FunctionId::symbol:
      return identifier(expression, out);
    case FunctionId::defined: {
      const auto slot = expression.arguments[0].value->slot;
      load(slot);
      const auto& value = slots_[slot].value;
      const bool small_boolean = slots_[slot].state == Slot::State::undefined;  // true, false
      out = Value(!value.is_undefined() && !small_boolean);
      return true;
    }
    case FunctionId::split_to_array:
      return split_to_array(expression, out);
    case FunctionId::enumerate_with_last:
      return enumerate_with_last(expression, out);
    case FunctionId::sql_and:
      return sql_and(expression, out);
    case FunctionId::error:
    case FunctionId::custom_error:
      if (input_.branch && input_.stand_ins != StandIns::off) {
        out = Value(Fragment{});
        return true;
      }
      return raise(expression);
    case FunctionId::tb_secret:
      return secret(expression, out);
    case FunctionId::range:
      return range(expression, out);
    case FunctionId::day_diff:
    case FunctionId::date_diff:
      return date_difference(expression, out);
    case FunctionId::max_threads:
      return max_threads(expression, out);
    case FunctionId::ignored:
      out = Value(Fragment{});
      return true;
    case FunctionId::length: {
      const auto& argument = *expression.arguments[0].value;
      Value value;
      if (!evaluate(argument, value) || !defined_value(argument, value)) return false;
      std::size_t count = 0;
      if (const auto* text = value.text())
        count = static_cast<std::size_t>(std::count_if(
            text->begin(), text->end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
      else if (const auto* list = value.as<List>())
        count = (*list)->size();
      else if (const auto* dictionary = value.as<Dictionary>())
        count = (*dictionary)->size();
      else
        return refuse(expression.offset, fmt::format("len() of {}", kind_name(value)));
      out = Value(Integer(count));
      return true;
    }
  }
  return false;
}

// ---- parameters

const Value* Evaluator::parameter_value(const Expression& expression, Value& made, bool& is_default) {
  is_default = false;
  const Value* const value = evaluated(*expression.first, made);
  if (value == nullptr) return nullptr;
  const bool requested = expression.first->kind == Kind::name && is_request_name(expression.first->slot);
  bool optional = expression.default_value != nullptr;
  if (!optional && expression.defined_flag != nullptr) {
    Value flag;
    if (!evaluate(*expression.defined_flag, flag)) return nullptr;
    optional = !truth(flag);
  }
  if (requested && !optional) met(program_.names[expression.first->slot]);
  if (!value->is_undefined() && !value->is_none()) return value;
  if (expression.default_value != nullptr) {
    is_default = true;
    if (expression.converted_default) return &*expression.converted_default;
    const bool done = evaluate(*expression.default_value, made) && defined_value(*expression.default_value, made);
    return done ? &made : nullptr;
  }
  if (optional || value->is_none()) {
    made = Value();
    return &made;
  }
  if (input_.stand_ins != StandIns::off) return value;
  missing(*value->as<Undefined>()->name, expression.offset);
  return nullptr;
}

bool Evaluator::convert_or_fail(const Expression& expression, const TypeInfo& type, const Value& from, Value& out) {
  std::string expected;
  if (const auto* text = from.text(); text != nullptr && !charge_text(text->size(), expression.offset)) return false;
  if (const auto* list = from.as<List>(); list != nullptr && !charge((*list)->size(), expression.offset)) return false;
  if (type.kind == TypeClass::json && from.text() != nullptr && !charge(from.text()->size() / 8, expression.offset))
    return false;
  if (convert(type, from, out, expected)) return true;
  if (input_.stand_ins != StandIns::off) {
    out = stand_in(type);
    return true;
  }
  // The value goes into the message; what a secret holds never does.
  const auto value = scalar_text(from);
  const auto what = value ? fmt::format("'{}'", shown(*value)) : std::string(kind_name(from));
  return fail(ErrorKind::invalid_value, expression.offset,
              fmt::format("Error validating {}: {} is not a valid {}, {} is expected", what_is(expression), what,
                          type.name, expected));
}

std::string Evaluator::what_is(const Expression& expression) const {
  const auto* first = expression.first;
  return first != nullptr && first->kind == Kind::name ? fmt::format("parameter '{}'", program_.names[first->slot])
                                                       : std::string("value");
}

bool Evaluator::check_allowed(const Expression& expression, const Value& value) {
  if (expression.allowed.empty() || input_.stand_ins != StandIns::off) return true;
  if (!charge(expression.allowed.size(), expression.offset)) return false;
  bool same = false;
  for (const auto& one : expression.allowed) {
    if (!equal(value, one, same)) return false;
    if (same) return true;
  }
  std::string list;
  for (std::size_t i = 0; i < expression.allowed.size(); ++i) {
    if (i == Limits::shown_choices_max) {
      fmt::format_to(std::back_inserter(list), " … ({} in all)", expression.allowed.size());
      break;
    }
    fmt::format_to(std::back_inserter(list), "{}'{}'", i == 0 ? "" : ", ",
                   shown(scalar_text(expression.allowed[i]).value_or("")));
  }
  return fail(ErrorKind::invalid_value, expression.offset,
              fmt::format("Error validating {}: '{}' is not one of the allowed values: {}", what_is(expression),
                          shown(scalar_text(value).value_or("")), list));
}

bool Evaluator::typed(const Expression& expression, Value& out) {
  Value made;
  bool is_default = false;
  const Value* const value = parameter_value(expression, made, is_default);
  if (value == nullptr) return false;
  if (is_default && expression.converted_default) {
    out = *value;
    return true;
  }
  const bool is_array = expression.function->id == FunctionId::array;
  if (value->is_undefined()) {  // a deployment's check
    out = stand_in(*expression.type);
    if (is_array) out = Value(Items{std::move(out)});
    return true;
  }
  if (value->is_none()) {
    // defined=False gives nothing; None out of JSON() does not fit any type.
    if (expression.defined_flag != nullptr || is_default) {
      out = Value();
      return true;
    }
    return convert_or_fail(expression, *expression.type, *value, out);
  }
  if (is_array) return array(expression, *value, is_default, out);
  return convert_or_fail(expression, *expression.type, *value, out) && (is_default || check_allowed(expression, out));
}

bool Evaluator::array(const Expression& expression, const Value& from, bool is_default, Value& out) {
  const auto& type = *expression.type;
  Items made;
  const auto add = [&](const Value& element) {
    if (made.size() >= Limits::list_items_max)
      return fail(ErrorKind::limit, expression.offset,
                  fmt::format("a list of more than {} items", Limits::list_items_max));
    return charge(1, expression.offset) && convert_or_fail(expression, type, element, made.emplace_back()) &&
           (is_default || check_allowed(expression, made.back()));
  };
  const auto add_text = [&](const std::string& text) {
    if (text.empty() && type.kind != TypeClass::text) return true;
    Items parts;
    if (!split(text, ",", -1, parts, expression.offset)) return false;
    return std::all_of(parts.begin(), parts.end(), add);
  };
  if (const auto* list = from.as<List>()) {
    // An empty text of a list parameter arrives as ['']; as numbers that is no element.
    const bool empty = type.kind != TypeClass::text && (*list)->size() == 1 && (**list)[0].text() != nullptr &&
                       (**list)[0].text()->empty();
    made.reserve(std::min<std::size_t>((*list)->size(), Limits::list_items_max));
    if (!empty && !std::all_of((*list)->begin(), (*list)->end(), add)) return false;
  } else if (from.text() != nullptr) {
    if (!add_text(*from.text())) return false;
  } else if (!add(from)) {
    return false;
  }
  out = Value(std::move(made));
  return true;
}

bool Evaluator::identifier(const Expression& expression, Value& out) {
  const auto id = expression.function->id;
  Value made;
  bool is_default = false;
  const Value* const given = parameter_value(expression, made, is_default);
  if (given == nullptr) return false;
  const Value& value = *given;
  if (value.as<Fragment>() != nullptr && !value.as<Fragment>()->secret && id != FunctionId::columns) {
    out = value;  // column(column(x))
    return true;
  }
  // No column is known at a deployment: `1` stands in any place of an expression.
  const auto refused = [&](std::string_view text) {
    if (input_.stand_ins != StandIns::off && (text.empty() || text == stand_in_text)) {
      out = Value(Fragment{.sql = id == FunctionId::symbol ? "`__no_value__`" : "1"});
      return true;
    }
    return fail(ErrorKind::invalid_value, expression.offset,
                fmt::format("Error validating {}: '{}' is not a valid name for {}(): letters, digits, '_' and '.' "
                            "are expected, with no digit first",
                            what_is(expression), shown(text), expression.function->name));
  };
  if (value.is_undefined()) return refused({});
  Fragment fragment;
  if (id != FunctionId::columns) {
    const auto text = value.text() != nullptr ? *value.text() : std::string();
    if (!is_default && !check_allowed(expression, value)) return false;
    if (text == stand_in_text || !append_identifier(fragment.sql, text)) return refused(text);
    out = Value(std::move(fragment));
    return true;
  }
  Items names;
  if (const auto* list = value.as<List>())
    names = **list;
  else if (value.text() != nullptr && !split(*value.text(), ",", -1, names, expression.offset))
    return false;
  if (!charge(names.size(), expression.offset)) return false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto* text = names[i].text();
    const auto name = text == nullptr ? std::string_view() : strip_left(strip_right(*text, blanks), blanks);
    if (i > 0) fragment.sql += ',';
    if (!is_default && !check_allowed(expression, Value(name))) return false;
    if (name == stand_in_text || !append_identifier(fragment.sql, name)) return refused(name);
  }
  if (names.empty()) return refused({});
  out = Value(std::move(fragment));
  return true;
}

// ---- lists

bool Evaluator::split(std::string_view text, std::string_view separator, std::int64_t splits_max, Items& out,
                      std::size_t offset) {
  if (!charge_text(text.size(), offset)) return false;
  std::size_t start = 0;
  for (;;) {
    const auto next = splits_max == 0 ? text.npos : text.find(separator, start);
    if (out.size() >= Limits::list_items_max)
      return fail(ErrorKind::limit, offset, fmt::format("a list of more than {} items", Limits::list_items_max));
    out.emplace_back(text.substr(start, next == text.npos ? text.npos : next - start));
    if (next == text.npos) break;
    start = next + separator.size();
    --splits_max;
  }
  return charge(out.size(), offset);
}

bool Evaluator::split_to_array(const Expression& expression, Value& out) {
  Value made;
  bool is_default = false;
  const Value* const found = parameter_value(expression, made, is_default);
  if (found == nullptr) return false;
  Value value = *found;
  std::string separator = ",";
  if (const auto* given = expression.keyword("separator")) {
    Value text;
    if (!evaluate(*given, text) || !defined_value(*given, text)) return false;
    if (text.text() == nullptr || text.text()->empty())
      return refuse(given->offset, "split_to_array(): separator must be a text that is not empty");
    separator = *text.text();
  }
  if (value.is_undefined()) value = Value(stand_in_text);
  if (value.as<List>() != nullptr || value.is_none()) {
    // A list parameter arrives split at commas. With another separator the text that was sent is split again.
    if (separator == "," || value.is_none()) {
      if (value.is_none()) value = Value(Items());
      out = std::move(value);
      return true;
    }
    static const TypeInfo& text_type = *find_type("String");
    Value joined;
    if (!convert_or_fail(expression, text_type, value, joined)) return false;
    value = std::move(joined);
  }
  const auto text = scalar_text(value);
  if (!text) return refuse(expression.offset, fmt::format("split_to_array() of {}", kind_name(value)));
  Items parts;
  if (!split(*text, separator, -1, parts, expression.offset)) return false;
  out = Value(std::move(parts));
  return true;
}

bool Evaluator::enumerate_with_last(const Expression& expression, Value& out) {
  const auto& argument = *expression.arguments[0].value;
  Value value;
  if (!evaluate(argument, value) || !defined_value(argument, value)) return false;
  const auto* list = value.as<List>();
  if (list == nullptr) {
    if (input_.stand_ins != StandIns::off) {
      out = Value(Items());
      return true;
    }
    return refuse(expression.offset, fmt::format("enumerate_with_last() of {}; a list is expected", kind_name(value)));
  }
  Items pairs;
  if (!charge((*list)->size() * 2, expression.offset)) return false;
  for (std::size_t i = 0; i < (*list)->size(); ++i)
    pairs.emplace_back(Items{Value(i + 1 == (*list)->size()), (**list)[i]});
  out = Value(std::move(pairs));
  return true;
}

bool Evaluator::range(const Expression& expression, Value& out) {
  std::int64_t bounds[3] = {0, 0, 1};
  const auto count = expression.arguments.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto& argument = *expression.arguments[i].value;
    Value value;
    if (!evaluate(argument, value) || !defined_value(argument, value)) return false;
    const auto* number = value.as<Integer>();
    if (number == nullptr || !fits(*number, 48, true))
      return refuse(argument.offset, fmt::format("range() takes integers, not {}", kind_name(value)));
    bounds[count == 1 ? 1 : i] = static_cast<std::int64_t>(*number);
  }
  const auto [low, high, step] = bounds;
  if (step == 0) return refuse(expression.offset, "range() with a step of 0");
  const auto items = step > 0 ? (high - low + step - 1) / step : (low - high - step - 1) / -step;
  if (items > static_cast<std::int64_t>(Limits::range_items_max))
    return fail(ErrorKind::limit, expression.offset,
                fmt::format("range() of more than {} items", Limits::range_items_max));
  Items made;
  for (std::int64_t i = 0; i < items; ++i) made.emplace_back(Integer(low + i * step));
  if (!charge(made.size(), expression.offset)) return false;
  out = Value(std::move(made));
  return true;
}

bool Evaluator::sql_and(const Expression& expression, Value& out) {
  static constexpr std::pair<std::string_view, std::string_view> operators[] = {
      {"in", "IN"}, {"not_in", "NOT IN"}, {"gt", ">"}, {"lt", "<"}, {"gte", ">="}, {"lte", "<="}};
  Fragment made;
  for (const auto& argument : expression.arguments) {
    Value value;
    if (!evaluate(*argument.value, value)) return false;
    if (value.is_none() || value.is_undefined()) continue;
    const auto split = argument.keyword.rfind("__");  // checked by the parser
    const auto op = std::find_if(std::begin(operators), std::end(operators), [&](const auto& o) {
      return o.first == std::string_view(argument.keyword).substr(split + 2);
    });
    fmt::format_to(std::back_inserter(made.sql), "{}{} {} ", made.sql.empty() ? "" : " AND ",
                   argument.keyword.substr(0, split), op->second);
    if (!append_sql(made.sql, value, work_left_))
      return refuse(argument.offset, "a value that cannot be printed as SQL");
    if (!charge_text(made.sql.size(), expression.offset)) return false;
  }
  if (made.sql.empty()) made.sql = "1";
  out = Value(std::move(made));
  return true;
}

// ---- errors, secrets, settings

bool Evaluator::raise(const Expression& expression) {
  const auto& argument = *expression.arguments[0].value;
  Value value;
  if (!evaluate(argument, value) || !defined_value(argument, value)) return false;
  if (expression.function->id == FunctionId::error) {
    auto text = scalar_text(value);
    if (!text) return refuse(expression.offset, fmt::format("error() takes a text, not {}", kind_name(value)));
    return fail(ErrorKind::raised, expression.offset, std::move(*text));
  }
  int status = 400;
  if (const auto* code = positional(expression, 1)) {
    Value number;
    if (!evaluate(*code, number) || !defined_value(*code, number)) return false;
    const auto* integer = number.as<Integer>();
    if (integer == nullptr || *integer < 400 || *integer > 599)
      return refuse(code->offset, "custom_error(): the status must be an integer from 400 to 599");
    status = static_cast<int>(*integer);
  }
  if (value.as<Dictionary>() == nullptr)
    return refuse(argument.offset, fmt::format("custom_error() takes a dictionary, not {}", kind_name(value)));
  const auto body = to_json(value, work_left_);
  if (!body) return refuse(argument.offset, "custom_error(): the dictionary cannot be written as JSON");
  auto text = json::write(*body);
  fail(ErrorKind::raised, expression.offset, text);
  error_.status = status;
  error_.body_json = std::move(text);
  return false;
}

bool Evaluator::secret(const Expression& expression, Value& out) {
  const auto& name = *expression.first->value.text();
  std::optional<std::string> value;
  if (input_.secret == nullptr || !*input_.secret)
    return refuse(expression.offset, "tb_secret() is not available here: only pipes that were deployed read secrets");
  value = (*input_.secret)(name);
  if (!value && expression.default_value != nullptr) {
    Value otherwise;
    if (!evaluate(*expression.default_value, otherwise) || !defined_value(*expression.default_value, otherwise))
      return false;
    value = scalar_text(otherwise);
    if (!value)
      return refuse(expression.offset,
                    fmt::format("the default of secret '{}' is {}", shown(name), kind_name(otherwise)));
  }
  if (!value) return refuse(expression.offset, fmt::format("secret '{}' is not set", shown(name)));
  Fragment made{.sql = {}, .secret = true};
  if (program_.is_setting)
    made.sql = std::move(*value);
  else if (!append_literal(made.sql, *value))
    return refuse(expression.offset, fmt::format("secret '{}' holds a NUL byte", shown(name)));
  out = Value(std::move(made));
  return true;
}

bool Evaluator::max_threads(const Expression& expression, Value& out) {
  const auto& argument = *expression.arguments[0].value;
  Value value;
  if (!evaluate(argument, value) || !defined_value(argument, value)) return false;
  const auto* number = value.as<Integer>();
  if (number == nullptr || *number < 1 || *number > Limits::threads_max)
    return refuse(expression.offset, fmt::format("max_threads() takes an integer from 1 to {}", Limits::threads_max));
  std::erase_if(settings_, [](const auto& setting) { return setting.first == "max_threads"; });
  settings_.emplace_back("max_threads", integer_text(*number));
  out = Value(Fragment{});
  return true;
}

// ---- dates

bool Evaluator::date_difference(const Expression& expression, Value& out) {
  const auto argument = [&](std::string_view name, int place) {
    const auto* found = expression.keyword(name);
    return found != nullptr ? found : positional(expression, place);
  };
  bool none_if_error = false;
  std::vector<std::string> formats;
  if (expression.function->id == FunctionId::date_diff) {
    int place = 2;
    for (const auto name : {"date_format", "backup_date_format"}) {
      const auto* given = argument(name, place++);
      if (given == nullptr) continue;
      Value format;
      if (!evaluate(*given, format) || !defined_value(*given, format)) return false;
      if (format.is_none()) continue;
      if (format.text() == nullptr) return refuse(given->offset, fmt::format("{} must be a text", name));
      if (const auto unknown = unknown_conversion(*format.text()))
        return refuse(given->offset, fmt::format("'{}' is not a known part of a date format", shown(*unknown)));
      formats.push_back(*format.text());
    }
    if (const auto* given = argument("none_if_error", 4)) {
      Value flag;
      if (!evaluate(*given, flag)) return false;
      none_if_error = truth(flag);
    }
  }
  Moment moments[2];
  for (int i = 0; i < 2; ++i) {
    const auto& source = *positional(expression, i);
    Value value;
    if (!evaluate(source, value) || !defined_value(source, value)) return false;
    std::optional<Moment> moment;
    const auto* text = value.text();
    if (text != nullptr && !charge_text(text->size(), source.offset)) return false;
    // Values of Date(), DateTime() are in our own form whatever the format says.
    if (text != nullptr && value.type == nullptr)
      for (const auto& format : formats)
        if (!moment) moment = parse_moment(*text, format);
    if (text != nullptr && !moment && (formats.empty() || value.type != nullptr)) moment = any_moment(*text);
    if (!moment && input_.stand_ins != StandIns::off) moment = Moment{};
    if (!moment && none_if_error) {
      out = Value();
      return true;
    }
    if (!moment) {
      const auto known = scalar_text(value);
      const auto what = known ? fmt::format("'{}'", shown(*known)) : std::string(kind_name(value));
      const auto name =
          source.kind == Kind::name ? fmt::format("parameter '{}'", program_.names[source.slot]) : std::string("value");
      return fail(ErrorKind::invalid_value, source.offset,
                  fmt::format("Error validating {}: {} is not a date for {}(), {} is expected", name, what,
                              expression.function->name,
                              formats.empty() ? std::string("YYYY-MM-DD HH:MM:SS") : shown(formats[0])));
    }
    moments[i] = *moment;
  }
  std::int64_t difference = 0;
  if (expression.function->id == FunctionId::day_diff) {
    difference = moments[1].days() - moments[0].days();
  } else {
    difference = moments[1].seconds - moments[0].seconds;
    // Whole units of the exact distance: a begun second does not count.
    const auto fraction = std::int64_t{moments[1].nanoseconds} - std::int64_t{moments[0].nanoseconds};
    if (difference > 0 && fraction < 0) --difference;
    if (difference < 0 && fraction > 0) ++difference;
    difference /= expression.function->unit_seconds;
  }
  out = Value(Integer(difference < 0 ? -difference : difference));
  return true;
}

// ---- methods

bool Evaluator::method(const Expression& expression, Value& out) {
  const auto& source = *expression.children[0];
  Value object;
  if (!evaluate(source, object) || !defined_value(source, object)) return false;
  std::vector<Value> given(expression.children.size() - 1);
  for (std::size_t i = 0; i < given.size(); ++i)
    if (!evaluate(*expression.children[i + 1], given[i]) || !defined_value(*expression.children[i + 1], given[i]))
      return false;
  const auto* dictionary = object.as<Dictionary>();
  const bool asks_dictionary = expression.method >= Method::get;
  if (asks_dictionary != (dictionary != nullptr) || (!asks_dictionary && object.text() == nullptr)) {
    if (input_.stand_ins != StandIns::off) {
      out = Value(stand_in_text);
      return true;
    }
    return refuse(expression.offset, fmt::format("{} has no such method; {} has", kind_name(object),
                                                 asks_dictionary ? "a dictionary" : "a text"));
  }
  if (!asks_dictionary) return text_method(expression, *object.text(), given, out);
  const auto& entries = **dictionary;
  if (!charge(entries.size() + 1, expression.offset)) return false;
  if (expression.method == Method::get) {
    const auto key = scalar_text(given[0]);
    out = given.size() > 1 ? given[1] : Value();
    for (const auto& [known, value] : entries)
      if (key && known == *key) out = value;
    return true;
  }
  Items made;
  for (const auto& [key, value] : entries) {
    if (expression.method == Method::keys)
      made.emplace_back(key);
    else if (expression.method == Method::values)
      made.push_back(value);
    else
      made.emplace_back(Items{Value(key), value});
  }
  out = Value(std::move(made));
  return true;
}

bool Evaluator::text_method(const Expression& expression, const std::string& text, const std::vector<Value>& given,
                            Value& out) {
  const auto offset = expression.offset;
  if (!charge_text(text.size(), offset)) return false;
  if (expression.method == Method::join) {
    const auto* list = given[0].as<List>();
    if (list == nullptr)
      return refuse(offset, fmt::format("join() of {}; a list of texts is expected", kind_name(given[0])));
    std::string joined;
    for (std::size_t i = 0; i < (*list)->size(); ++i) {
      const auto* item = (**list)[i].text();
      if (item == nullptr)
        return refuse(offset, fmt::format("join(): item {} is {}, not a text", i, kind_name((**list)[i])));
      if (!charge_text(joined.size() + text.size() + item->size() > Limits::text_bytes_max ? Limits::text_bytes_max + 1
                                                                                           : item->size() + text.size(),
                       offset))
        return false;
      if (i > 0) joined += text;
      joined += *item;
    }
    out = Value(std::move(joined));
    return true;
  }
  std::vector<const std::string*> texts;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const bool count = expression.method == Method::split && i == 1;
    const bool blank_split = expression.method == Method::split && i == 0 && given[i].is_none();
    if (!count && !blank_split && given[i].text() == nullptr)
      return refuse(offset, fmt::format("argument {} is {}, not a text", i + 1, kind_name(given[i])));
    texts.push_back(given[i].text());
  }
  const auto ascii = [&](char from, char to) {
    std::string made = text;
    for (char& c : made)
      if (c >= from && c <= to) c = static_cast<char>(c ^ 0x20);
    return made;
  };
  switch (expression.method) {
    case Method::lower:
      out = Value(ascii('A', 'Z'));
      return true;
    case Method::upper:
      out = Value(ascii('a', 'z'));
      return true;
    case Method::strip:
    case Method::lstrip:
    case Method::rstrip: {
      const std::string_view set = texts.empty() ? blanks : std::string_view(*texts[0]);
      std::string_view made = text;
      if (expression.method != Method::rstrip) made = strip_left(made, set);
      if (expression.method != Method::lstrip) made = strip_right(made, set);
      out = Value(made);
      return true;
    }
    case Method::startswith:
      out = Value(text.starts_with(*texts[0]));
      return true;
    case Method::endswith:
      out = Value(text.ends_with(*texts[0]));
      return true;
    case Method::replace: {
      if (texts[0]->empty()) return refuse(offset, "replace() of an empty text");
      std::string made;
      std::size_t start = 0;
      for (;;) {
        const auto next = text.find(*texts[0], start);
        made.append(text, start, next == std::string::npos ? next : next - start);
        if (next == std::string::npos) break;
        made += *texts[1];
        if (made.size() > Limits::text_bytes_max) break;
        start = next + texts[0]->size();
      }
      if (!charge_text(made.size(), offset)) return false;
      out = Value(std::move(made));
      return true;
    }
    case Method::split: {
      Items parts;
      std::int64_t most = -1;
      if (given.size() > 1) {
        const auto* number = given[1].as<Integer>();
        if (number == nullptr || !fits(*number, 32, true))
          return refuse(offset, "split(): the second argument must be an integer");
        most = static_cast<std::int64_t>(*number);
      }
      if (!texts.empty() && texts[0] != nullptr) {
        if (texts[0]->empty()) return refuse(offset, "split() at an empty text");
        if (!split(text, *texts[0], most, parts, offset)) return false;
      } else {  // at runs of white space, as Python
        std::string_view rest = strip_left(text, blanks);
        while (!rest.empty()) {
          const auto end = most == 0 ? rest.npos : rest.find_first_of(blanks);
          if (!charge(1, offset)) return false;
          parts.emplace_back(most == 0 ? strip_right(rest, blanks) : rest.substr(0, end));
          if (end == rest.npos) break;
          rest = strip_left(rest.substr(end), blanks);
          --most;
        }
        if (parts.size() > Limits::list_items_max)
          return fail(ErrorKind::limit, offset, fmt::format("a list of more than {} items", Limits::list_items_max));
      }
      out = Value(std::move(parts));
      return true;
    }
    default:
      return refuse(offset, "no such method");
  }
}

}  // namespace kinglet::templates::internal
