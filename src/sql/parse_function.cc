// SPDX-License-Identifier: Apache-2.0
// Calls: arguments, parameters, FILTER, OVER, and the functions with a grammar of their own.
#include <algorithm>
#include <array>

#include "sql/parser_internal.h"

namespace kinglet::sql::internal {
namespace {

struct Unit {
  std::string_view function;
  std::string_view name;
  std::array<std::string_view, 5> spellings;
};

// Source: ClickHouse, parseIntervalKind.
constexpr auto units = std::to_array<Unit>({
    {"toIntervalNanosecond", "nanosecond", {"nanosecond", "nanoseconds", "sql_tsi_nanosecond", "ns", ""}},
    {"toIntervalMicrosecond", "microsecond", {"microsecond", "microseconds", "sql_tsi_microsecond", "mcs", ""}},
    {"toIntervalMillisecond", "millisecond", {"millisecond", "milliseconds", "sql_tsi_millisecond", "ms", ""}},
    {"toIntervalSecond", "second", {"second", "seconds", "sql_tsi_second", "ss", "s"}},
    {"toIntervalMinute", "minute", {"minute", "minutes", "sql_tsi_minute", "mi", "n"}},
    {"toIntervalHour", "hour", {"hour", "hours", "sql_tsi_hour", "hh", "h"}},
    {"toIntervalDay", "day", {"day", "days", "sql_tsi_day", "dd", "d"}},
    {"toIntervalWeek", "week", {"week", "weeks", "sql_tsi_week", "wk", "ww"}},
    {"toIntervalMonth", "month", {"month", "months", "sql_tsi_month", "mm", "m"}},
    {"toIntervalQuarter", "quarter", {"quarter", "quarters", "sql_tsi_quarter", "qq", "q"}},
    {"toIntervalYear", "year", {"year", "years", "sql_tsi_year", "yyyy", "yy"}},
});

const Unit* find_unit(std::string_view word) {
  constexpr std::size_t longest = 19;  // sql_tsi_microsecond
  if (word.empty() || word.size() > longest) return nullptr;
  const char initial = static_cast<char>(word[0] | 0x20);
  if (std::string_view("nmshdwqy").find(initial) == std::string_view::npos) return nullptr;
  for (const Unit& unit : units)
    for (const auto spelling : unit.spellings)
      if (!spelling.empty() && equals_lower(word, spelling)) return &unit;
  return nullptr;
}

std::string_view extract_function(std::string_view word) {
  if (equals_lower(word, "epoch")) return "toUnixTimestamp";
  if (equals_lower(word, "doy")) return "toDayOfYear";
  if (equals_lower(word, "dow") || equals_lower(word, "isodow")) return "toDayOfWeek";
  if (equals_lower(word, "isoyear")) return "toISOYear";
  const Unit* unit = find_unit(word);
  if (unit == nullptr) return {};
  constexpr auto functions =
      std::to_array<std::pair<std::string_view, std::string_view>>({{"nanosecond", "toNanosecond"},
                                                                    {"microsecond", "toMicrosecond"},
                                                                    {"millisecond", "toMillisecond"},
                                                                    {"second", "toSecond"},
                                                                    {"minute", "toMinute"},
                                                                    {"hour", "toHour"},
                                                                    {"day", "toDayOfMonth"},
                                                                    {"week", "toISOWeek"},
                                                                    {"month", "toMonth"},
                                                                    {"quarter", "toQuarter"},
                                                                    {"year", "toYear"}});
  return std::find_if(functions.begin(), functions.end(), [&](const auto& f) { return f.first == unit->name; })->second;
}

/// Appends the text of a literal of numbers and strings, nested in arrays and tuples; false for anything else.
bool append_literal(const Expr& value, std::string& out) {
  if (!value.alias.empty()) return false;
  if (value.kind == Expr::Kind::number) {
    if (value.text.find_first_of("0123456789") == std::string_view::npos) return false;  // inf, nan
    out += value.text;
    return true;
  }
  if (value.kind == Expr::Kind::string) {
    out += '\'';
    for (const char c : value.text) {
      if (c == '\'' || c == '\\') out += '\\';
      out += c;
    }
    out += '\'';
    return true;
  }
  const bool array = value.kind == Expr::Kind::array;
  if (!array && (value.kind != Expr::Kind::tuple || value.args.size() < 2)) return false;
  out += array ? '[' : '(';
  bool first = true;
  for (const Expr* item : value.args) {
    if (!std::exchange(first, false)) out += ", ";
    if (!append_literal(*item, out)) return false;
  }
  out += array ? ']' : ')';
  return true;
}

enum class Special : std::uint8_t {
  none,
  cast,
  extract,
  substring,
  trim,
  position,
  overlay,
  date_add,
  date_sub,
  date_diff,
  exists
};

struct SpecialName {
  std::string_view spelling;
  Special special;
};

// Shortest first.
constexpr auto special_names = std::to_array<SpecialName>({
    {"cast", Special::cast},
    {"trim", Special::trim},
    {"ltrim", Special::trim},
    {"rtrim", Special::trim},
    {"exists", Special::exists},
    {"dateadd", Special::date_add},
    {"datesub", Special::date_sub},
    {"extract", Special::extract},
    {"overlay", Special::overlay},
    {"date_add", Special::date_add},
    {"date_sub", Special::date_sub},
    {"datediff", Special::date_diff},
    {"position", Special::position},
    {"date_diff", Special::date_diff},
    {"substring", Special::substring},
    {"overlayutf8", Special::overlay},
    {"timestampadd", Special::date_add},
    {"timestampsub", Special::date_sub},
    {"timestamp_add", Special::date_add},
    {"timestamp_sub", Special::date_sub},
    {"timestampdiff", Special::date_diff},
    {"timestamp_diff", Special::date_diff},
});
static_assert(std::ranges::is_sorted(special_names, {}, [](const SpecialName& one) { return one.spelling.size(); }));

/// By size: the index of the first special name that is at least as long.
constexpr auto first_special = [] {
  std::array<std::uint8_t, special_names.back().spelling.size() + 2> out{};
  for (std::size_t size = 0; size < out.size(); ++size)
    while (out[size] < special_names.size() && special_names[out[size]].spelling.size() < size) ++out[size];
  return out;
}();

Special find_special(std::string_view name) {
  const std::size_t size = name.size();
  if (size + 1 >= first_special.size()) return Special::none;
  for (std::size_t i = first_special[size]; i < first_special[size + 1]; ++i)
    if (equals_lower(name, special_names[i].spelling)) return special_names[i].special;
  return Special::none;
}

}  // namespace

std::string_view interval_function(std::string_view word) {
  const Unit* unit = find_unit(word);
  return unit == nullptr ? std::string_view() : unit->function;
}

/// At the name, which a parenthesis follows.
Result<Expr*> Parser::call() {
  const Token& name = token();
  ++next_;
  const Level level(nesting_);
  TRY_VOID(check_nesting());
  const auto function = string_value(name);
  ++next_;
  switch (find_special(function)) {
    case Special::cast:
      return cast_call(name);
    case Special::extract:
      return extract_call(name);
    case Special::substring:
      return substring_call(name);
    case Special::trim:
      return trim_call(name);
    case Special::position:
      return position_call(name);
    case Special::overlay:
      return overlay_call(name);
    case Special::date_add:
      return date_add_call(name, Operator::plus);
    case Special::date_sub:
      return date_add_call(name, Operator::minus);
    case Special::date_diff:
      return date_diff_call(name);
    case Special::exists:
      return exists_call(name);
    case Special::none:
      break;
  }
  Expr* node = make(Expr::Kind::call, name.where);
  node->text = equals_lower(function, "grouping") ? "grouping" : function;  // as the engine's parser does
  if (at(Keyword::select) || at(Keyword::with))
    return error_here("a sub-query as an argument needs its own parentheses");
  bool distinct = at(Keyword::distinct);
  if (distinct || (at(Keyword::all) && !at(",", 1) && !at(")", 1) && !at(".", 1) && !at("(", 1))) ++next_;
  TRY_VOID(arguments(node->args));
  if (at("(")) {
    if (distinct) return error_here("DISTINCT belongs to the second list of arguments");
    node->has_params = true;
    node->params = node->args;
    ++next_;
    distinct = at(Keyword::distinct);
    if (distinct) ++next_;
    if (at(")")) return expected("an argument: the first list holds parameters");
    node->args = {};
    TRY_VOID(arguments(node->args));
  }
  if (distinct) {
    if (node->args.empty()) return error_here("DISTINCT needs an argument");
    node->text = arena_.keep(std::string(node->text) + "Distinct");
  }
  return call_tail(node);
}

/// Arguments up to and with the closing parenthesis, put behind those in `list`.
Status Parser::arguments(Exprs& list) {
  if (list.empty() && take(")")) return {};  // else a comma stands before
  do {
    TRY(Expr * arg, !list.empty() && lambda_ahead() ? lambda_behind(list) : aliased());
    TRY_VOID(push(list, arg, limits_.list_items, "arguments"));
  } while (take(","));
  if (at(Keyword::settings)) return error_here("SETTINGS is not allowed here", Code::forbidden);
  if (!take(")")) return expected("',' or ')'");
  return {};
}

/// [FILTER (WHERE c)] [RESPECT|IGNORE NULLS] [OVER w]
Result<Expr*> Parser::call_tail(Expr* call) {
  if (at(Keyword::filter) && at("(", 1)) {
    next_ += 2;
    TRY_VOID(require(Keyword::where, "WHERE"));
    TRY(Expr * condition, expression());
    call->text = arena_.keep(std::string(call->text) + "If");
    call->args.push(arena_, condition);
    TRY_VOID(require(")"));
  }
  if ((at(Keyword::respect) || at(Keyword::ignore)) && at(Keyword::nulls, 1)) {
    call->nulls = at(Keyword::respect) ? Expr::Nulls::respect : Expr::Nulls::ignore;
    next_ += 2;
  }
  if (at(Keyword::over) && (at("(", 1) || at_name(1))) {
    ++next_;
    TRY(call->window, window_reference());
    for (const Expr* expr : call->window->partition_by) call->height = std::max(call->height, expr->height + 1);
    for (const OrderItem& item : call->window->order_by) call->height = std::max(call->height, item.expr->height + 1);
    for (const FrameBound* bound : {&call->window->frame_begin, &call->window->frame_end})
      if (bound->offset != nullptr) call->height = std::max(call->height, bound->offset->height + 1);
  }
  return finish(call);
}

/// OVER name | OVER (definition)
Result<Window*> Parser::window_reference() {
  if (at("(")) return window_definition();
  auto* window = arena_.make<Window>();
  window->reference = true;
  TRY(window->name, name("the name of a window"));
  return window;
}

Result<Window*> Parser::window_definition() {
  const Level level(nesting_);
  TRY_VOID(check_nesting());
  if (++window_count_ > limits_.windows_per_select)
    return error_here(fmt::format("more than {} windows", limits_.windows_per_select));
  auto* node = arena_.make<Window>();
  TRY_VOID(require("("));
  using enum Keyword;
  const bool clause = (at(partition) || at(order)) && at(by, 1);
  const bool frame = at(rows) || at(range) || at(groups);
  if (at_name() && !clause && !frame) {
    TRY(node->name, name("the name of a window"));
  }
  if (at(partition)) {
    ++next_;
    TRY_VOID(require(by, "BY"));
    TRY_VOID(expressions(node->partition_by, "PARTITION BY"));
  }
  if (at(order)) {
    ++next_;
    TRY_VOID(require(by, "BY"));
    TRY(node->order_by, order_items());
  }
  TRY_VOID(window_frame(*node));
  if (!take(")")) return expected("PARTITION BY, ORDER BY, ROWS, RANGE or ')'");
  return node;
}

Status Parser::window_frame(Window& node) {
  using enum Keyword;
  if (take(rows))
    node.frame = Window::Frame::rows;
  else if (take(range))
    node.frame = Window::Frame::range;
  else if (take(groups))
    node.frame = Window::Frame::groups;
  else
    return {};
  node.frame_between = take(between);
  TRY(node.frame_begin, frame_bound());
  if (!node.frame_between) return {};
  TRY_VOID(require(and_, "AND"));
  TRY(node.frame_end, frame_bound());
  return {};
}

Result<FrameBound> Parser::frame_bound() {
  using enum Keyword;
  FrameBound bound;
  if (take(current)) {
    TRY_VOID(require(row, "ROW"));
    return bound;
  }
  if (!take(unbounded)) {
    constexpr int above_and = 5;
    TRY(bound.offset, expression(above_and));
  }
  if (take(preceding))
    bound.kind = FrameBound::Kind::preceding;
  else if (take(following))
    bound.kind = FrameBound::Kind::following;
  else
    return expected("PRECEDING or FOLLOWING");
  return bound;
}

/// CAST(x AS T) | CAST(x, 'T')
Result<Expr*> Parser::cast_call(const Token& name) {
  TRY(Expr * value, expression());
  if (at(Keyword::as) && !at(",", 2) && !at(Keyword::as, 2)) {
    ++next_;
    TRY(const std::string type, this->type());
    TRY_VOID(require(")"));
    return finish(make_call("CAST", name.where, {value, make_string(arena_.keep(type), name.where)}));
  }
  if (take(Keyword::as)) TRY_VOID(alias(*value));
  if (!at(",")) return expected("AS and a type, or ',' and a type in quotes");
  ++next_;
  Expr* node = make(Expr::Kind::call, name.where);
  node->text = "CAST";
  node->args.push(arena_, value);
  TRY_VOID(arguments(node->args));
  return finish(node);
}

/// What `literal::T` casts from: its text.
Result<Expr*> Parser::cast_literal(Expr* value, const Position& where) {
  if (!value->alias.empty() || value->kind == Expr::Kind::string) return value;
  std::string text;
  if (!append_literal(*value, text)) return value;
  return make_string(arena_.keep(text), where);
}

/// EXTRACT(unit FROM x), else the function extract(text, pattern)
Result<Expr*> Parser::extract_call(const Token& name) {
  if (token().type == Token::Type::word && at(Keyword::from, 1)) {
    const auto function = extract_function(raw(token()));
    if (function.empty()) return expected("a part of a date (YEAR, MONTH, DAY, HOUR …)");
    const bool sunday_first = is_word("dow");
    next_ += 2;
    TRY(Expr * value, expression());
    TRY_VOID(require(")"));
    Expr* node = make_call(function, name.where, {value});
    if (sunday_first) node->args.push(arena_, make_number("2", name.where));
    return finish(node);
  }
  Expr* node = make(Expr::Kind::call, name.where);
  node->text = "extract";
  TRY_VOID(arguments(node->args));
  return call_tail(node);
}

/// SUBSTRING(x FROM n [FOR m])
Result<Expr*> Parser::substring_call(const Token& name) {
  Expr* node = make(Expr::Kind::call, name.where);
  node->text = "substring";
  if (take(")")) return call_tail(node);
  TRY(Expr * value, aliased());
  node->args.push(arena_, value);
  if (take(Keyword::from)) {
    TRY(Expr * start, expression());
    node->args.push(arena_, start);
    if (take(Keyword::for_)) {
      TRY(Expr * length, expression());
      node->args.push(arena_, length);
    }
    TRY_VOID(require(")"));
    return finish(node);
  }
  if (!take(",")) return expected("',' or FROM");
  TRY_VOID(arguments(node->args));
  return call_tail(node);
}

/// TRIM([BOTH|LEADING|TRAILING] characters FROM x); the engine renames trim, ltrim and rtrim.
Result<Expr*> Parser::trim_call(const Token& name) {
  using enum Keyword;
  Expr* node = make(Expr::Kind::call, name.where);
  const char initial = static_cast<char>(string_value(name)[0] | 0x20);
  node->text = initial == 'l' ? "trimLeft" : initial == 'r' ? "trimRight" : "trimBoth";
  const bool side = initial == 't' && (at(both) || at(leading) || at(trailing)) && !at(",", 1) && !at(")", 1);
  if (!side) {
    TRY_VOID(arguments(node->args));
    return call_tail(node);
  }
  node->text = at(both) ? "trimBoth" : at(leading) ? "trimLeft" : "trimRight";
  ++next_;
  TRY(Expr * characters, expression());
  TRY_VOID(require(from, "FROM"));
  TRY(Expr * value, expression());
  TRY_VOID(require(")"));
  node->args.push(arena_, value);
  node->args.push(arena_, characters);
  return finish(node);
}

/// POSITION(needle IN text), else position(text, needle)
Result<Expr*> Parser::position_call(const Token& name) {
  Expr* node = make(Expr::Kind::call, name.where);
  node->text = "position";
  if (at(")")) return expected("a text and what to find in it");
  constexpr int above_in = 10;
  const std::uint32_t start = next_;
  if (at(Keyword::not_)) return error_here("NOT needs parentheses here");
  TRY(Expr * first, expression(above_in));
  if (take(Keyword::in)) {
    TRY(Expr * text, expression());
    TRY_VOID(require(")"));
    node->args.push(arena_, text);
    node->args.push(arena_, first);
    return finish(node);
  }
  TRY(first, operators(first, start, 1));
  if (take(Keyword::as)) TRY_VOID(alias(*first));
  node->args.push(arena_, first);
  if (!take(",")) return expected("',' or IN");
  TRY_VOID(arguments(node->args));
  return call_tail(node);
}

/// OVERLAY(x PLACING y FROM n [FOR m])
Result<Expr*> Parser::overlay_call(const Token& name) {
  Expr* node = make(Expr::Kind::call, name.where);
  node->text = equals_lower(string_value(name), "overlay") ? "overlay" : string_value(name);
  TRY(Expr * value, aliased());
  node->args.push(arena_, value);
  if (!take(Keyword::placing)) {
    TRY_VOID(require(","));
    TRY_VOID(arguments(node->args));
    return finish(node);
  }
  TRY(Expr * replacement, expression());
  node->args.push(arena_, replacement);
  TRY_VOID(require(Keyword::from, "FROM"));
  TRY(Expr * start, expression());
  node->args.push(arena_, start);
  if (take(Keyword::for_)) {
    TRY(Expr * length, expression());
    node->args.push(arena_, length);
  }
  TRY_VOID(require(")"));
  return finish(node);
}

/// date_add(unit, n, x) | date_add(x, interval): the engine makes a plus of both.
Result<Expr*> Parser::date_add_call(const Token& name, Operator op) {
  Expr* node = make(Expr::Kind::binary, name.where);
  node->op = op;
  const auto function = token().type == Token::Type::word ? interval_function(raw(token())) : std::string_view();
  if (!function.empty() && at(",", 1)) {
    next_ += 2;
    TRY(Expr * amount, expression());
    if (take(",")) {
      TRY(Expr * value, expression());
      TRY_VOID(require(")"));
      TRY(Expr * interval, finish(make_call(function, name.where, {amount})));
      node->args.push(arena_, value);
      node->args.push(arena_, interval);
      return finish(node);
    }
    return expected("',' and the date");
  }
  TRY_VOID(arguments(node->args));
  if (node->args.size() != 2)
    return error(name.where, fmt::format("{} takes a unit, a number and a date, or a date and an INTERVAL", raw(name)));
  return finish(node);
}

/// dateDiff(unit, a, b): the unit may stand without quotes.
Result<Expr*> Parser::date_diff_call(const Token& name) {
  Expr* node = make(Expr::Kind::call, name.where);
  node->text = "dateDiff";
  const Unit* unit = token().type == Token::Type::word && at(",", 1) ? find_unit(raw(token())) : nullptr;
  if (unit != nullptr) {
    node->args.push(arena_, make_string(unit->name, token().where));
    next_ += 2;
  }
  TRY_VOID(arguments(node->args));
  return finish(node);
}

Result<Expr*> Parser::exists_call(const Token& name) {
  --next_;
  if (!query_content(next_ + 1)) return expected("a sub-query after EXISTS");
  TRY(Expr * query, parenthesised());
  return finish(make_call("exists", name.where, {query}));
}

}  // namespace kinglet::sql::internal
