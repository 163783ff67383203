// SPDX-License-Identifier: Apache-2.0
// Tags and statements: Tornado's form, of which only if, for, set, break, continue and comment are taken.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "template/limits.h"
#include "template/parser.h"

namespace kinglet::templates::internal {

std::uint32_t Names::slot(std::string_view name) {
  const auto found = slots_.find(name);
  if (found != slots_.end()) return found->second;
  const auto made = static_cast<std::uint32_t>(program_.names.size());
  program_.names.emplace_back(name);
  program_.assigned.push_back(false);
  slots_.emplace(name, made);
  return made;
}

namespace {

void advance(TextPosition& position, std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      ++position.line;
      position.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      ++position.column;
    }
  }
}

}  // namespace

TextPosition position_at(std::string_view source, std::size_t offset) {
  TextPosition position;
  advance(position, source.substr(0, offset));
  return position;
}

std::size_t offset_at(std::string_view source, TextPosition position) {
  std::size_t at = 0;
  for (; position.line > 1; --position.line) {
    const auto end = source.find('\n', at);
    if (end == source.npos) return source.size();
    at = end + 1;
  }
  for (TextPosition reached; at < source.size() && source[at] != '\n'; ++at) {
    const bool begins = (static_cast<unsigned char>(source[at]) & 0xC0) != 0x80;
    if (begins && reached.column++ == position.column) break;
  }
  return at;
}

PositionIndex::PositionIndex(std::string_view source) : source_(source) {
  TextPosition position;
  for (std::size_t at = 0; at <= source.size(); at += step) {
    marks_.push_back(position);
    advance(position, source.substr(at, step));
  }
}

TextPosition PositionIndex::at(std::size_t offset) const {
  offset = std::min(offset, source_.size());
  TextPosition position = marks_[offset / step];
  advance(position, source_.substr(offset / step * step, offset % step));
  return position;
}

namespace {

using namespace std::string_view_literals;

constexpr std::array statements = {"if"sv,  "elif"sv,  "else"sv,     "for"sv,    "set"sv,
                                   "end"sv, "break"sv, "continue"sv, "comment"sv};
/// Statements of Tornado that are refused, with the reason.
constexpr std::array<std::pair<std::string_view, std::string_view>, 16> refused = {{
    {"while", "loops without a known end are not available; use {% for %}"},
    {"raw", "it would print a value without quoting"},
    {"try", "errors cannot be caught"},
    {"except", "errors cannot be caught"},
    {"finally", "errors cannot be caught"},
    {"import", "modules cannot be imported"},
    {"from", "modules cannot be imported"},
    {"include", "other files cannot be read"},
    {"extends", "other files cannot be read"},
    {"block", "templates have no blocks to override"},
    {"apply", "functions cannot be applied to a block"},
    {"module", "there are no modules"},
    {"autoescape", "values are always printed as SQL"},
    {"whitespace", "white space is kept"},
    {"macro", "templates have no macros"},
    {"super", "templates have no blocks to override"},
}};

bool blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

class Parser {
 public:
  Parser(Program& program, std::size_t start)
      : program_(program), names_(program), source_(program.source), position_(start) {}

  bool whole() {
    frames_.push_back({.block = &program_.body});
    while (position_ < source_.size())
      if (!piece()) return false;
    if (frames_.size() > 1)
      return fail(frames_.back().offset, fmt::format("{{% {} %}} is not closed", frames_.back().word),
                  "close it with {% end %}");
    return true;
  }
  SyntaxError& error() { return error_; }

 private:
  struct Frame {
    Block* block = nullptr;
    std::string_view word = {};  // "if" or "for"
    std::size_t offset = 0;
    bool has_else = false;
  };

  bool fail(std::size_t offset, std::string message, std::string hint = {}) {
    error_ = {std::move(message), std::move(hint), offset};
    return false;
  }

  Statement& add(Statement::Kind kind, std::size_t offset) {
    auto& block = *frames_.back().block;
    auto& made = block.emplace_back();
    made.kind = kind;
    made.offset = static_cast<std::uint32_t>(offset);
    return made;
  }

  void add_text(std::string_view text, std::size_t offset) {
    if (text.empty()) return;
    auto& block = *frames_.back().block;
    if (block.empty() || block.back().kind != Statement::Kind::text) add(Statement::Kind::text, offset);
    auto& statement = block.back();
    if (!statement.text.empty()) statement.joints.push_back({.rendered = statement.text.size(), .source = offset});
    statement.text += text;
    statement.cursor_after.advance(text);
  }

  /// Text up to the next tag, then the tag.
  bool piece() {
    std::size_t open = position_;
    for (;; ++open) {
      open = source_.find('{', open);
      if (open == source_.npos || open + 1 == source_.size()) {
        add_text(source_.substr(position_), position_);
        position_ = source_.size();
        return true;
      }
      const char kind = source_[open + 1];
      if (kind != '{' && kind != '%' && kind != '#') continue;
      // Of several braces in a row the last two count: `{{{x}}}` is a brace around `{{x}}`.
      if (kind == '{' && open + 2 < source_.size() && source_[open + 2] == '{') continue;
      break;
    }
    add_text(source_.substr(position_, open - position_), position_);
    const char kind = source_[open + 1];
    if (open + 2 < source_.size() && source_[open + 2] == '!') {
      add_text(source_.substr(open, 2), open);
      position_ = open + 3;
      return true;
    }
    const auto mark = kind == '{' ? "}}"sv : kind == '%' ? "%}"sv : "#}"sv;
    const auto close = source_.find(mark, open + 2);
    if (close == source_.npos)
      return fail(open, fmt::format("{} is not closed with {}", source_.substr(open, 2), mark));
    position_ = close + 2;
    if (kind == '#') return true;
    std::size_t start = open + 2;
    while (start < close && blank(source_[start])) ++start;
    std::size_t end = close;
    while (end > start && blank(source_[end - 1])) --end;
    const auto inside = source_.substr(start, end - start);
    if (inside.empty()) return fail(open, kind == '{' ? "{{ }} is empty" : "{% %} is empty");
    return kind == '{' ? output(inside, start, open) : statement(inside, start, open);
  }

  ExpressionPointer parse(std::string_view text, std::size_t offset) {
    auto made = parse_expression(text, offset, names_, static_cast<std::uint32_t>(frames_.size()) - 1);
    if (made) return std::move(*made);
    error_ = std::move(made.error());
    if (tag_inside(text, offset)) return nullptr;
    // The tag went on to the end of a later one.
    if (error_.hint.empty() && error_.message == "unexpected '}', expected the end of the tag") {
      const auto begin = source_.find_last_of("{%", offset);
      error_.hint = begin != source_.npos && source_[begin] == '%' ? "write %} at the end of the tag"
                                                                   : "write }} at the end of the tag";
    }
    return nullptr;
  }

  /// Another tag begins at the fault or behind it: either this one has no end of its own, or braces stand around a name
  /// where none belong. Replaces the error then.
  bool tag_inside(std::string_view text, std::size_t offset) {
    const auto inner = std::min(text.find("{{"), text.find("{%"));
    if (inner == text.npos || error_.message == "unexpected '}', expected the end of the tag") return false;
    const auto begin = offset == 0 ? source_.npos : source_.find_last_of("{%", offset - 1);
    const bool is_statement = begin != source_.npos && source_[begin] == '%';
    auto before = text.substr(0, inner);
    if (std::ranges::count(before, '\'') % 2 != 0 || std::ranges::count(before, '"') % 2 != 0) return false;  // a text
    while (!before.empty() && blank(before.back())) before.remove_suffix(1);
    const auto ends_with_word = [&](std::string_view word) {
      return before == word || (before.ends_with(word) && blank(before[before.size() - word.size() - 1]));
    };
    const bool needs_value = before.empty() || "(,=<>[+-*/:"sv.find(before.back()) != std::string_view::npos ||
                             ends_with_word("not") || ends_with_word("and") || ends_with_word("or") ||
                             ends_with_word("in");
    const bool fault_before = error_.offset < offset + inner;
    const bool inner_is_closed = text.find("}}", inner) != text.npos || text.find("%}", inner) != text.npos;
    if (fault_before ? is_statement && inner_is_closed && needs_value
                     : !needs_value && error_.offset > offset + inner + 2)
      return false;  // a fault of its own
    if (needs_value && !fault_before && text[inner + 1] == '{')
      error_ = {"a tag inside a tag", "names inside a tag stand without braces", offset + inner};
    else
      error_ = {fmt::format("{} is not closed before the next tag", is_statement ? "{%" : "{{"),
                fmt::format("write {} at the end of the tag", is_statement ? "%}" : "}}"),
                begin == source_.npos || begin == 0 ? offset : begin - 1};
    return true;
  }

  bool output(std::string_view inside, std::size_t offset, std::size_t tag) {
    auto expression = parse(inside, offset);
    if (!expression) return false;
    if (program_.is_setting &&
        (expression->kind != Expression::Kind::call || expression->function->id != FunctionId::tb_secret))
      return fail(offset, "only {{ tb_secret(\"name\") }} is available here");
    add(Statement::Kind::output, tag).expression = std::move(expression);
    return true;
  }

  bool open_block(std::string_view word, std::size_t tag) {
    if (frames_.size() > Limits::nesting_max)
      return fail(tag, fmt::format("blocks nested too deeply: at most {} levels", Limits::nesting_max));
    frames_.push_back({.word = word, .offset = tag});
    return true;
  }

  bool statement(std::string_view inside, std::size_t offset, std::size_t tag) {
    std::size_t length = 0;
    while (length < inside.size() && ((inside[length] >= 'a' && inside[length] <= 'z') ||
                                      (inside[length] >= 'A' && inside[length] <= 'Z') || inside[length] == '_'))
      ++length;
    const auto word = inside.substr(0, length);
    const auto rest = inside.substr(length);
    const std::size_t rest_offset = offset + length;
    if (program_.is_setting && word != "comment") return fail(tag, "statements are not available here");
    if (word == "comment") return true;
    if (word == "if") return statement_if(rest, rest_offset, tag);
    if (word == "elif" || word == "else") return statement_else(word, rest, rest_offset, tag);
    if (word == "for") return statement_for(rest, rest_offset, tag);
    if (word == "set") return statement_set(rest, rest_offset, tag);
    if (word == "end" || word == "break" || word == "continue") {
      if (!rest.empty()) return fail(rest_offset, fmt::format("nothing may follow '{}' in its tag", word));
      if (word == "end") {
        if (frames_.size() == 1) return fail(tag, "{% end %} closes nothing");
        auto& closed = frames_[frames_.size() - 2].block->back();
        (frames_.back().word == "if" ? closed.branches.back().end : closed.end_branch) = program_.branch_count;
        frames_.pop_back();
        return true;
      }
      const bool inside_loop =
          std::any_of(frames_.begin(), frames_.end(), [](const Frame& f) { return f.word == "for"; });
      if (!inside_loop) return fail(tag, fmt::format("'{}' outside a {{% for %}}", word));
      add(word == "break" ? Statement::Kind::leave : Statement::Kind::next, tag);
      return true;
    }
    for (const auto& [name, why] : refused)
      if (word == name) return fail(tag, fmt::format("'{}' is not available: {}", name, why));
    if (word == "endif" || word == "endfor" || word == "endset")
      return fail(tag, fmt::format("unknown statement '{}'", word), "did you mean 'end'?");
    const auto shown = word.empty() ? inside.substr(0, 20) : word;
    return fail(tag, fmt::format("unknown statement '{}'", shown), suggest(word, statements));
  }

  bool statement_if(std::string_view rest, std::size_t offset, std::size_t tag) {
    auto condition = parse(rest, offset);
    if (!condition) return false;
    auto& made = add(Statement::Kind::conditional, tag);
    if (!open_block("if", tag)) return false;
    add_branch(made, std::move(condition));
    return true;
  }

  void add_branch(Statement& conditional, ExpressionPointer condition) {
    if (!conditional.branches.empty()) conditional.branches.back().end = program_.branch_count;
    auto& made = conditional.branches.emplace_back();
    made.condition = std::move(condition);
    made.number = program_.branch_count++;
    frames_.back().block = &made.body;
  }

  bool statement_else(std::string_view word, std::string_view rest, std::size_t offset, std::size_t tag) {
    auto& frame = frames_.back();
    if (frame.word != "if") return fail(tag, fmt::format("'{}' without {{% if %}}", word));
    if (frame.has_else) return fail(tag, fmt::format("'{}' after 'else'", word));
    ExpressionPointer condition;
    if (word == "elif") {
      condition = parse(rest, offset);
      if (!condition) return false;
    } else {
      if (!rest.empty())
        return fail(offset, "nothing may follow 'else' in its tag",
                    rest.find("if") == rest.npos ? "" : "write {% elif condition %}");
      frame.has_else = true;
    }
    // The statement is the last one of the block around this frame.
    auto& conditional = frames_[frames_.size() - 2].block->back();
    add_branch(conditional, std::move(condition));
    return true;
  }

  bool statement_for(std::string_view rest, std::size_t offset, std::size_t tag) {
    auto header = parse_loop_header(rest, offset, names_);
    if (!header) {
      error_ = std::move(header.error());
      return false;
    }
    auto list = parse(rest.substr(header->expression_start), offset + header->expression_start);
    if (!list) return false;
    for (const auto slot : header->slots) program_.assigned[slot] = true;
    auto& made = add(Statement::Kind::loop, tag);
    made.expression = std::move(list);
    made.slots = std::move(header->slots);
    made.first_branch = program_.branch_count;
    if (!open_block("for", tag)) return false;
    frames_.back().block = &made.body;
    return true;
  }

  bool statement_set(std::string_view rest, std::size_t offset, std::size_t tag) {
    std::size_t start = 0;
    while (start < rest.size() && blank(rest[start])) ++start;
    const auto is_part = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9');
    };
    std::size_t end = start;
    while (end < rest.size() && is_part(rest[end])) ++end;
    const auto name = rest.substr(start, end - start);
    std::size_t equals = end;
    while (equals < rest.size() && blank(rest[equals])) ++equals;
    if (name.empty() || (name[0] >= '0' && name[0] <= '9') || equals == rest.size() || rest[equals] != '=' ||
        rest.substr(equals).starts_with("=="))
      return fail(offset + start, "{% set name = value %} is expected, with one name");
    static constexpr std::array fixed = {"True"sv, "False"sv, "None"sv, "and"sv, "or"sv,
                                         "not"sv,  "in"sv,    "is"sv,   "if"sv,  "else"sv};
    if (name.starts_with("__") || std::find(fixed.begin(), fixed.end(), name) != fixed.end())
      return fail(offset + start, fmt::format("'{}' cannot be a variable", name));
    auto value = parse(rest.substr(equals + 1), offset + equals + 1);
    if (!value) return false;
    const auto slot = names_.slot(name);
    program_.assigned[slot] = true;
    auto& made = add(Statement::Kind::assign, tag);
    made.expression = std::move(value);
    made.slots = {slot};
    return true;
  }

  Program& program_;
  Names names_;
  std::string_view source_;
  std::size_t position_;
  std::vector<Frame> frames_;
  SyntaxError error_;
};

}  // namespace

std::expected<void, SyntaxError> parse_template(Program& program, std::size_t start) {
  Parser parser(program, start);
  if (!parser.whole()) return std::unexpected(std::move(parser.error()));
  return {};
}

}  // namespace kinglet::templates::internal
