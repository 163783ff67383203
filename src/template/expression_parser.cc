// SPDX-License-Identifier: Apache-2.0
// Expressions: a subset of Python (templates.md section 4), by recursive descent with a counted depth.
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "template/limits.h"
#include "template/parser.h"

namespace kinglet::templates::internal {
namespace {

using Kind = Expression::Kind;

enum class TokenKind : std::uint8_t { end, name, number, text, symbol };

struct Token {
  TokenKind kind = TokenKind::end;
  std::string_view text = {};  // of the source
  std::size_t offset = 0;
  std::string decoded = {};  // of a text
};

constexpr std::array<std::string_view, 9> reserved = {"and", "or", "not", "in", "is", "if", "else", "for", "lambda"};

bool name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool digit(char c) {
  return c >= '0' && c <= '9';
}
bool name_part(char c) {
  return name_start(c) || digit(c);
}

void append_utf8(std::string& out, std::uint32_t point) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | (point >> 6));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | (point >> 12));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (point >> 18));
    out += static_cast<char>(0x80 | ((point >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  }
}

/// The first error is kept in `error`; after it every method returns at once with null.
class Parser {
 public:
  Parser(std::string_view text, std::size_t offset, Names& names, std::uint32_t depth)
      : text_(text), offset_(offset), names_(names), depth_(depth) {
    next();
  }

  ExpressionPointer whole() {
    if (token_.kind == TokenKind::end && !failed()) return fail(token_.offset, "an expression is expected here");
    auto made = expression();
    if (made && token_.kind != TokenKind::end) return fail_unexpected("the end of the tag");
    return failed() ? nullptr : std::move(made);
  }
  SyntaxError& error() { return error_; }

 private:
  /// Counts nesting; made before every descent.
  struct Level {
    explicit Level(Parser& parser) : parser_(parser) { ++parser_.depth_; }
    ~Level() { --parser_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    Parser& parser_;
  };

  bool failed() const { return !error_.message.empty(); }
  std::nullptr_t fail(std::size_t offset, std::string message, std::string hint = {}) {
    if (!failed()) error_ = {std::move(message), std::move(hint), offset};
    return nullptr;
  }
  std::nullptr_t fail_unexpected(std::string_view expected) {
    if (token_.kind == TokenKind::end)
      return fail(token_.offset, fmt::format("the tag ends where {} is expected", expected));
    return fail(token_.offset, fmt::format("unexpected '{}', expected {}", token_.text.substr(0, 40), expected),
                habit());
  }
  /// What an author who is used to another language meant by the token.
  std::string habit() const {
    for (const std::string_view word : {"and", "or", "not"})
      for (const auto written : {token_.text, last_word_})
        if (equals_in_any_case(written, word) && written != word) return fmt::format("write {} in lower case", word);
    if (is_symbol("=")) return "to compare, write ==";
    if (is_symbol(":") && text_.find_first_not_of(" \t\r\n", position_) == text_.npos)
      return "no ':' at the end of a tag";
    if (is_word("if") || is_word("for")) return "statements stand in {% %}";
    return {};
  }
  static bool equals_in_any_case(std::string_view written, std::string_view word) {
    return std::equal(written.begin(), written.end(), word.begin(), word.end(),
                      [](char a, char b) { return (a | 0x20) == b; });
  }
  bool too_deep() {
    if (depth_ <= Limits::nesting_max) return false;
    fail(token_.offset, fmt::format("nested too deeply: at most {} levels", Limits::nesting_max));
    return true;
  }

  // ---- tokens

  void next() {
    while (position_ < text_.size() && std::string_view(" \t\r\n\f\v").find(text_[position_]) != std::string_view::npos)
      ++position_;
    last_word_ = token_.kind == TokenKind::name ? token_.text : std::string_view();
    token_ = Token{.offset = offset_ + position_};
    if (position_ == text_.size()) return;
    const std::size_t start = position_;
    const char c = text_[start];
    if (name_start(c)) {
      while (position_ < text_.size() && name_part(text_[position_])) ++position_;
      finish(TokenKind::name, start);
      if (position_ < text_.size() && (text_[position_] == '\'' || text_[position_] == '"') &&
          token_.text.size() <= 2 && token_.text.find_first_not_of("fFrRbBuU") == std::string_view::npos)
        fail(token_.offset, fmt::format("texts with a prefix ({}'…') are not available", token_.text));
    } else if (digit(c) || (c == '.' && start + 1 < text_.size() && digit(text_[start + 1]))) {
      read_number(start);
    } else if (c == '\'' || c == '"') {
      read_text(c);
      finish(TokenKind::text, start);
    } else {
      static constexpr std::array<std::string_view, 6> two = {"==", "!=", "<=", ">=", "//", "**"};
      const auto pair = text_.substr(start, 2);
      position_ += std::find(two.begin(), two.end(), pair) != two.end() ? 2 : 1;
      finish(TokenKind::symbol, start);
      if (token_.text.size() == 1 && std::string_view("+-*/%<>=()[]{},.:").find(c) == std::string_view::npos) {
        struct Habit {
          std::string_view symbol, hint;
        };
        static constexpr std::array<Habit, 7> habits = {
            {{"&&", "write and"},
             {"||", "write or"},
             {"!", "write not"},
             {"|", "filters are not available: call a function, or do it in SQL"},
             {"?", "write a if condition else b"},
             {"~", "texts are joined with +"},
             {";", "one expression in a tag, and nothing at its end"}}};
        const auto habit = std::find_if(habits.begin(), habits.end(),
                                        [&](const Habit& h) { return text_.substr(start).starts_with(h.symbol); });
        if (habit != habits.end() && habit->symbol.size() == 2) {
          fail(token_.offset, fmt::format("unexpected '{}'", habit->symbol), std::string(habit->hint));
          return;
        }
        std::size_t length = 1;  // show a whole character
        while (start + length < text_.size() && (static_cast<unsigned char>(text_[start + length]) & 0xC0) == 0x80)
          ++length;
        const bool printable = static_cast<unsigned char>(c) >= 0x20 && c != 0x7F;
        fail(token_.offset,
             printable ? fmt::format("unexpected character '{}'", text_.substr(start, length))
                       : fmt::format("unexpected byte 0x{:02X}", static_cast<unsigned char>(c)),
             habit != habits.end() ? std::string(habit->hint) : std::string());
      }
    }
  }
  void finish(TokenKind kind, std::size_t start) {
    token_.kind = kind;
    token_.text = text_.substr(start, position_ - start);
  }

  void read_number(std::size_t start) {
    const auto digits = [&] {
      while (position_ < text_.size() && digit(text_[position_])) ++position_;
    };
    digits();
    if (position_ < text_.size() && text_[position_] == '.') {
      ++position_;
      digits();
    }
    if (position_ < text_.size() && (text_[position_] == 'e' || text_[position_] == 'E')) {
      std::size_t after = position_ + 1;
      if (after < text_.size() && (text_[after] == '+' || text_[after] == '-')) ++after;
      if (after < text_.size() && digit(text_[after])) {
        position_ = after;
        digits();
      }
    }
    if (position_ < text_.size() && name_part(text_[position_])) {
      while (position_ < text_.size() && name_part(text_[position_])) ++position_;
      fail(offset_ + start,
           fmt::format("'{}' is not a number", text_.substr(start, std::min<std::size_t>(position_ - start, 40))));
    }
    finish(TokenKind::number, start);
  }

  bool read_hex(std::size_t count, std::uint32_t& value) {
    value = 0;
    if (position_ + count > text_.size()) return false;
    const auto* end = text_.data() + position_ + count;
    const auto read = std::from_chars(text_.data() + position_, end, value, 16);
    if (read.ec != std::errc() || read.ptr != end) return false;
    position_ += count;
    return true;
  }

  void read_text(char quote) {
    const std::size_t start = position_++;
    std::string& out = token_.decoded;
    while (position_ < text_.size()) {
      const char c = text_[position_++];
      if (c == quote) return;
      if (c != '\\') {
        out += c;
        continue;
      }
      if (position_ == text_.size()) break;
      const char escape = text_[position_++];
      switch (escape) {
        case '\n':
          break;
        case '\\':
        case '\'':
        case '"':
          out += escape;
          break;
        case 'n':
          out += '\n';
          break;
        case 't':
          out += '\t';
          break;
        case 'r':
          out += '\r';
          break;
        case 'a':
          out += '\a';
          break;
        case 'b':
          out += '\b';
          break;
        case 'f':
          out += '\f';
          break;
        case 'v':
          out += '\v';
          break;
        case 'x':
        case 'u':
        case 'U': {
          std::uint32_t point = 0;
          if (!read_hex(escape == 'x'   ? 2
                        : escape == 'u' ? 4
                                        : 8,
                        point) ||
              point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) {
            fail(offset_ + position_ - 2,
                 fmt::format("bad escape \\{} in a text: hexadecimal digits of a character are expected", escape));
            return;
          }
          append_utf8(out, point);
          break;
        }
        default:  // as Python: an unknown escape stays as it is
          out += '\\';
          out += escape;
      }
    }
    fail(offset_ + start, fmt::format("a text that begins with {} is not closed inside the tag", quote));
  }

  bool is_symbol(std::string_view symbol) const { return token_.kind == TokenKind::symbol && token_.text == symbol; }
  bool is_word(std::string_view word) const { return token_.kind == TokenKind::name && token_.text == word; }
  bool take_symbol(std::string_view symbol) {
    if (!is_symbol(symbol)) return false;
    next();
    return true;
  }
  bool take_word(std::string_view word) {
    if (!is_word(word)) return false;
    next();
    return true;
  }

  ExpressionPointer make(Kind kind, std::size_t offset) {
    auto made = std::make_unique<Expression>();
    made->kind = kind;
    made->offset = static_cast<std::uint32_t>(offset);
    return made;
  }

  // ---- grammar

  ExpressionPointer expression() {
    const Level level(*this);
    if (failed() || too_deep()) return nullptr;
    auto value = any();
    if (!value || !is_word("if")) return value;
    auto made = make(Kind::conditional, token_.offset);
    next();
    auto condition = any();
    if (!condition) return nullptr;
    if (!take_word("else")) return fail_unexpected("'else'");
    auto otherwise = expression();
    if (!otherwise) return nullptr;
    made->children.push_back(std::move(value));
    made->children.push_back(std::move(condition));
    made->children.push_back(std::move(otherwise));
    return made;
  }

  ExpressionPointer any() { return joined("or", Kind::logical_or, &Parser::all); }
  ExpressionPointer all() { return joined("and", Kind::logical_and, &Parser::negation); }

  ExpressionPointer joined(std::string_view word, Kind kind, ExpressionPointer (Parser::*operand)()) {
    auto first = (this->*operand)();
    if (!first || !is_word(word)) return first;
    auto made = make(kind, token_.offset);
    made->children.push_back(std::move(first));
    while (take_word(word)) {
      auto following = (this->*operand)();
      if (!following) return nullptr;
      made->children.push_back(std::move(following));
    }
    return failed() ? nullptr : std::move(made);
  }

  ExpressionPointer negation() {
    if (!is_word("not")) return comparison();
    const Level level(*this);
    if (too_deep()) return nullptr;
    auto made = make(Kind::logical_not, token_.offset);
    next();
    auto operand = negation();
    if (!operand) return nullptr;
    made->children.push_back(std::move(operand));
    return made;
  }

  std::optional<Operator> comparison_operator() {
    if (token_.kind == TokenKind::symbol) {
      static constexpr std::array<std::pair<std::string_view, Operator>, 6> symbols = {
          {{"==", Operator::equal},
           {"!=", Operator::not_equal},
           {"<", Operator::less},
           {"<=", Operator::less_equal},
           {">", Operator::greater},
           {">=", Operator::greater_equal}}};
      for (const auto& [symbol, op] : symbols)
        if (take_symbol(symbol)) return op;
      return std::nullopt;
    }
    if (take_word("in")) return Operator::in;
    if (take_word("is")) {
      const auto op = take_word("not") ? Operator::is_not : Operator::is;
      // As a name it would be a parameter that nobody sends, and the condition false for ever.
      for (const std::string_view word : {"defined", "undefined"})
        if (is_word(word)) {
          fail(token_.offset, fmt::format("'is {}' is not available", word), "defined is a function: write defined(x)");
          return std::nullopt;
        }
      return op;
    }
    if (take_word("not")) {
      if (!take_word("in")) {
        fail_unexpected("'in' after 'not'");
        return std::nullopt;
      }
      return Operator::not_in;
    }
    return std::nullopt;
  }

  ExpressionPointer comparison() {
    auto first = sum();
    if (!first || failed()) return nullptr;
    ExpressionPointer made;
    for (;;) {
      const std::size_t at = token_.offset;
      const auto op = comparison_operator();
      if (failed()) return nullptr;
      if (!op) return made ? std::move(made) : std::move(first);
      if (!made) {
        made = make(Kind::comparison, at);
        made->children.push_back(std::move(first));
      }
      made->operators.push_back(*op);
      auto following = sum();
      if (!following) return nullptr;
      made->children.push_back(std::move(following));
    }
  }

  ExpressionPointer sum() { return chain({{"+", Operator::add}, {"-", Operator::subtract}}, &Parser::term); }
  ExpressionPointer term() {
    return chain(
        {{"*", Operator::multiply}, {"/", Operator::divide}, {"//", Operator::floor_divide}, {"%", Operator::modulo}},
        &Parser::unary);
  }

  ExpressionPointer chain(std::initializer_list<std::pair<std::string_view, Operator>> operators,
                          ExpressionPointer (Parser::*operand)()) {
    auto first = (this->*operand)();
    if (!first || failed()) return nullptr;
    ExpressionPointer made;
    for (;;) {
      const std::pair<std::string_view, Operator>* found = nullptr;
      for (const auto& candidate : operators)
        if (is_symbol(candidate.first)) found = &candidate;
      if (found == nullptr) return made ? std::move(made) : std::move(first);
      if (!made) {
        made = make(Kind::arithmetic, token_.offset);
        made->children.push_back(std::move(first));
      }
      next();
      made->operators.push_back(found->second);
      auto following = (this->*operand)();
      if (!following || failed()) return nullptr;
      made->children.push_back(std::move(following));
    }
  }

  ExpressionPointer unary() {
    if (!is_symbol("-") && !is_symbol("+")) return postfix();
    const Level level(*this);
    if (too_deep()) return nullptr;
    auto made = make(is_symbol("-") ? Kind::negative : Kind::positive, token_.offset);
    next();
    auto operand = unary();
    if (!operand) return nullptr;
    made->children.push_back(std::move(operand));
    return made;
  }

  ExpressionPointer postfix() {
    if (is_word("loop") && position_ < text_.size() && text_[position_] == '.') return jinja_loop();
    auto made = atom();
    // Each link puts one more level around the tree.
    std::uint32_t links = 0;
    while (made && !failed() && (is_symbol(".") || is_symbol("[") || is_symbol("("))) {
      if (depth_ + ++links > Limits::nesting_max)
        return fail(token_.offset, fmt::format("nested too deeply: at most {} levels", Limits::nesting_max));
      if (is_symbol("."))
        made = method(std::move(made));
      else if (is_symbol("["))
        made = index(std::move(made));
      else
        return fail(token_.offset, "only functions can be called, by their name");
    }
    return failed() ? nullptr : std::move(made);
  }

  /// Public templates hold `loop.first` in branches that are never taken; those must still deploy.
  ExpressionPointer jinja_loop() {
    auto made = make(Kind::unavailable, token_.offset);
    next();
    next();
    if (token_.kind != TokenKind::name || token_.text.starts_with("_")) return fail_unexpected("a name");
    made->value = Value(fmt::format("'loop' is not defined, so there is no 'loop.{}'; use enumerate_with_last()",
                                    token_.text.substr(0, 40)));
    next();
    if (is_symbol("(")) return fail(token_.offset, "only functions can be called, by their name");
    return failed() ? nullptr : std::move(made);
  }

  ExpressionPointer method(ExpressionPointer object) {
    next();
    if (token_.kind != TokenKind::name) return fail_unexpected("the name of a method");
    const auto name = token_.text;
    const auto at = token_.offset;
    if (name.starts_with("__"))
      return fail(at, fmt::format("'{}' is not available: no name with two leading underscores is", name));
    next();
    if (!is_symbol("(")) return fail(at, fmt::format("attributes are not available: '.{}' must be a call", name));
    const auto* info = find_method(name);
    if (info == nullptr) return fail(at, fmt::format("unknown method '{}'", name), suggest_method(name));
    auto made = make(Kind::method, at);
    made->method = info->id;
    made->children.push_back(std::move(object));
    std::vector<Argument> given;
    if (!arguments(given)) return nullptr;
    for (auto& argument : given) {
      if (!argument.keyword.empty()) return fail(argument.offset, fmt::format("{}() takes no keyword arguments", name));
      made->children.push_back(std::move(argument.value));
    }
    return counted(std::move(made), name, given.size(), info->arguments_min, info->arguments_max, at);
  }

  ExpressionPointer counted(ExpressionPointer made, std::string_view name, std::size_t count, int least, int most,
                            std::size_t at) {
    const auto given = static_cast<int>(count);
    if (given >= least && given <= most) return made;
    const auto wanted = least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most);
    return fail(at, fmt::format("{}() takes {} argument{}, {} given", name, wanted, wanted == "1" ? "" : "s", given));
  }

  ExpressionPointer index(ExpressionPointer object) {
    auto made = make(Kind::index, token_.offset);
    next();
    made->children.push_back(std::move(object));
    ExpressionPointer low;
    if (!is_symbol(":")) {
      low = expression();
      if (!low) return nullptr;
    }
    made->children.push_back(std::move(low));
    if (take_symbol(":")) {
      made->kind = Kind::slice;
      ExpressionPointer high;
      if (!is_symbol("]")) {
        high = expression();
        if (!high) return nullptr;
      }
      made->children.push_back(std::move(high));
    }
    if (!take_symbol("]")) return fail_unexpected("']'");
    return made;
  }

  bool arguments(std::vector<Argument>& given) {
    next();  // (
    while (!is_symbol(")")) {
      if (failed()) return false;
      if (given.size() >= Limits::arguments_max)
        return fail(token_.offset, fmt::format("more than {} arguments", Limits::arguments_max)) != nullptr;
      Argument argument;
      argument.offset = static_cast<std::uint32_t>(token_.offset);
      const Token before = token_;
      const std::size_t position = position_;
      if (token_.kind == TokenKind::name) {
        next();
        if (is_symbol("=")) {
          argument.keyword = before.text;
          for (const auto& other : given)
            if (other.keyword == argument.keyword)
              return fail(before.offset, fmt::format("'{}=' is given twice", argument.keyword)) != nullptr;
          next();
        } else {  // a positional argument that begins with a name: read it again from the start
          token_ = before;
          position_ = position;
        }
      }
      argument.value = expression();
      if (!argument.value) return false;
      given.push_back(std::move(argument));
      if (!take_symbol(",") && !is_symbol(")")) return fail_unexpected("',' or ')'") != nullptr;
    }
    next();
    return !failed();
  }

  ExpressionPointer atom() {
    if (failed()) return nullptr;
    const auto at = token_.offset;
    switch (token_.kind) {
      case TokenKind::end:
        return fail_unexpected("a value");
      case TokenKind::number:
        return number();
      case TokenKind::text: {
        auto made = make(Kind::literal, at);
        std::string text;
        while (token_.kind == TokenKind::text && !failed()) {
          text += token_.decoded;
          next();
        }
        made->value = Value(std::move(text));
        return failed() ? nullptr : std::move(made);
      }
      case TokenKind::name:
        return name();
      case TokenKind::symbol:
        break;
    }
    if (is_symbol("[")) {
      next();
      return sequence("]", make(Kind::list, at));
    }
    if (is_symbol("(")) {
      next();
      auto first = expression();
      if (!first) return nullptr;
      if (take_symbol(")")) return first;
      if (!take_symbol(",")) return fail_unexpected("')'");
      auto made = make(Kind::list, at);
      made->children.push_back(std::move(first));
      return sequence(")", std::move(made));
    }
    if (is_symbol("{")) return dictionary();
    if (is_symbol("**") || is_symbol("*")) return fail(at, "'*' before an argument is not available");
    return fail_unexpected("a value");
  }

  /// Items up to `close`, appended to `made`.
  ExpressionPointer sequence(std::string_view close, ExpressionPointer made) {
    while (!is_symbol(close)) {
      auto item = expression();
      if (!item) return nullptr;
      made->children.push_back(std::move(item));
      if (!take_symbol(",") && !is_symbol(close)) {
        if (is_word("for")) return fail(token_.offset, "comprehensions are not available; use {% for %}");
        return fail_unexpected(fmt::format("',' or '{}'", close));
      }
    }
    next();
    return failed() ? nullptr : std::move(made);
  }

  ExpressionPointer dictionary() {
    auto made = make(Kind::dictionary, token_.offset);
    next();
    while (!is_symbol("}")) {
      auto key = expression();
      if (!key) return nullptr;
      if (!take_symbol(":")) return fail_unexpected("':'");
      auto value = expression();
      if (!value) return nullptr;
      made->children.push_back(std::move(key));
      made->children.push_back(std::move(value));
      if (!take_symbol(",") && !is_symbol("}")) return fail_unexpected("',' or '}'");
    }
    next();
    return failed() ? nullptr : std::move(made);
  }

  ExpressionPointer number() {
    auto made = make(Kind::literal, token_.offset);
    const auto text = token_.text;
    if (text.find_first_of(".eE") == text.npos) {
      auto value = parse_integer(text);
      if (!value) return fail(token_.offset, "an integer beyond 256 bits");
      made->value = Value(std::move(*value));
    } else {
      double value = 0;
      const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
      if (read.ec != std::errc() || !std::isfinite(value))
        return fail(token_.offset, fmt::format("the number {} is out of range", text.substr(0, 40)));
      made->value = Value(value);
    }
    next();
    return failed() ? nullptr : std::move(made);
  }

  ExpressionPointer name() {
    const auto text = token_.text;
    const auto at = token_.offset;
    if (text.starts_with("__"))
      return fail(at, fmt::format("'{}' is not available: no name with two leading underscores is", text));
    if (text == "lambda") return fail(at, "lambda is not available");
    if (std::find(reserved.begin(), reserved.end(), text) != reserved.end()) return fail_unexpected("a value");
    next();
    if (failed()) return nullptr;
    if (text == "True" || text == "False" || text == "None") {
      auto made = make(Kind::literal, at);
      if (text != "None") made->value = Value(text == "True");
      return made;
    }
    if (is_symbol("(")) return call(text, at);
    auto made = make(Kind::name, at);
    made->slot = names_.slot(text);
    return made;
  }

  ExpressionPointer call(std::string_view name, std::size_t at) {
    const auto* function = find_function(name);
    if (function == nullptr) return fail(at, fmt::format("unknown function '{}'", name), suggest_function(name));
    auto made = make(Kind::call, at);
    made->function = function;
    if (!arguments(made->arguments)) return nullptr;
    int positional = 0;
    for (const auto& argument : made->arguments) {
      if (argument.keyword.empty()) {
        ++positional;
        continue;
      }
      if (function->id == FunctionId::sql_and) {
        if (!check_condition(argument)) return nullptr;
      } else if (std::find(function->keywords.begin(), function->keywords.end(), argument.keyword) ==
                 function->keywords.end()) {
        return fail(argument.offset, fmt::format("{}() has no argument '{}='", name, argument.keyword),
                    suggest(argument.keyword, function->keywords));
      }
    }
    return counted(std::move(made), name, static_cast<std::size_t>(positional), function->positional_min,
                   function->positional_max, at);
  }

  /// sql_and(): `column__operator=`.
  bool check_condition(const Argument& argument) {
    static constexpr std::array<std::string_view, 6> operators = {"in", "not_in", "gt", "lt", "gte", "lte"};
    const auto split = argument.keyword.rfind("__");
    const auto op =
        split == std::string::npos ? std::string_view() : std::string_view(argument.keyword).substr(split + 2);
    if (split == 0 || std::find(operators.begin(), operators.end(), op) == operators.end()) {
      fail(argument.offset, fmt::format("sql_and(): '{}' is not a column and an operator", argument.keyword),
           "write column__in=, column__not_in=, column__gt=, column__lt=, column__gte= or column__lte=");
      return false;
    }
    return true;
  }

  std::string_view text_;
  std::size_t offset_;
  Names& names_;
  std::uint32_t depth_;
  std::size_t position_ = 0;
  Token token_;
  std::string_view last_word_;  // the token before it, when that was a name
  SyntaxError error_;
};

}  // namespace

std::expected<ExpressionPointer, SyntaxError> parse_expression(std::string_view text, std::size_t offset, Names& names,
                                                               std::uint32_t depth) {
  Parser parser(text, offset, names, depth);
  auto made = parser.whole();
  if (!made) return std::unexpected(std::move(parser.error()));
  return made;
}

std::expected<LoopHeader, SyntaxError> parse_loop_header(std::string_view text, std::size_t offset, Names& names) {
  LoopHeader header;
  std::size_t position = 0;
  const auto skip = [&] {
    while (position < text.size() && std::string_view(" \t\r\n").find(text[position]) != std::string_view::npos)
      ++position;
  };
  for (;;) {
    skip();
    const std::size_t start = position;
    while (position < text.size() && name_part(text[position])) ++position;
    const auto name = text.substr(start, position - start);
    if (name.empty() || !name_start(name[0]) || name == "in")
      return std::unexpected(SyntaxError{"a loop variable is expected: {% for name in list %}", {}, offset + start});
    if (name.starts_with("__") || name == "True" || name == "False" || name == "None")
      return std::unexpected(SyntaxError{fmt::format("'{}' cannot be a variable", name), {}, offset + start});
    header.slots.push_back(names.slot(name));
    skip();
    if (position < text.size() && text[position] == ',') {
      ++position;
      continue;
    }
    if (text.substr(position, 2) == "in" && (position + 2 == text.size() || !name_part(text[position + 2]))) {
      header.expression_start = position + 2;
      return header;
    }
    return std::unexpected(SyntaxError{"'in' is expected: {% for name in list %}", {}, offset + position});
  }
}

}  // namespace kinglet::templates::internal
