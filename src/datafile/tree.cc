// SPDX-License-Identifier: Apache-2.0
// Cuts a datafile into pieces, and tells a misspelt or misplaced keyword from text.
#include "datafile/tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "base/ascii.h"
#include "base/spelling.h"
#include "datafile/type_reader.h"

namespace kinglet::datafile::internal {
namespace {

using enum KeywordForm;

std::string_view kind_name(FileKind kind) {
  switch (kind) {
    case FileKind::data_source:
      return ".datasource";
    case FileKind::pipe:
      return ".pipe";
    case FileKind::connection:
      return ".connection";
    case FileKind::token:
      return ".token";
  }
  return "";
}

/// A line without its end, and where the next starts.
struct Line {
  std::string_view text;
  std::size_t next = 0;
  std::string_view first_word() const {
    const auto trimmed = trim(text);
    std::size_t n = 0;
    while (n < trimmed.size() && ascii::is_word(trimmed[n])) ++n;
    return trimmed.substr(0, n);
  }
  bool indented() const { return !text.empty() && (text.front() == ' ' || text.front() == '\t'); }
  /// What follows the first word.
  std::string_view rest() const {
    const auto word = first_word();
    return trim(text.substr(static_cast<std::size_t>(word.data() - text.data()) + word.size()));
  }
};

class TreeReader {
 public:
  TreeReader(Source& source, FileKind kind)
      : source_(source), text_(source.text()), kind_(kind), rules_(keywords_of(kind)) {
    for (const auto& rule : rules_)
      if (!rule.classic) names_.push_back(rule.name);
  }

  SyntaxTree read() {
    if (!source_.mark().empty()) add(Piece::Kind::mark, source_.mark());
    for (std::size_t at = 0; at < text_.size();) at = read_piece(at);
    return std::move(out_);
  }

 private:
  void add(Piece::Kind kind, std::string_view text) { out_.pieces.push_back({.kind = kind, .text = text}); }

  /// Adds the piece that starts at `at`; returns where the next one does.
  std::size_t read_piece(std::size_t at) {
    const Line line = line_at(at);
    const auto trimmed = trim(line.text);
    const auto word = line.first_word();
    if (trimmed.empty()) {
      std::size_t end = line.next;
      while (end < text_.size() && trim(line_at(end).text).empty()) end = line_at(end).next;
      add(Piece::Kind::blank, text_.substr(at, end - at));
      return end;
    }
    if (trimmed.front() == '#') {
      add(Piece::Kind::comment, text_.substr(at, line.next - at));
      return line.next;
    }
    if (const KeywordRule* rule = keyword_of(line)) {
      stray_ = false;
      auto instruction = read_instruction(*rule, line, word);
      const auto end = block_end_;
      out_.pieces.push_back(
          {.kind = Piece::Kind::instruction, .text = text_.substr(at, end - at), .instruction = instruction});
      return end;
    }
    std::size_t end = line.next;
    if (!line.indented() && looks_like_keyword(word)) {
      stray_ = false;
      end = skip_unknown(line, word);
    } else {
      if (!stray_)
        source_.error(trimmed, fmt::format("expected a keyword, found {}", quoted(trimmed)),
                      "every instruction starts with an upper-case keyword in the first column; lines of a block "
                      "belong under 'KEYWORD >'");
      stray_ = true;
    }
    add(Piece::Kind::unread, text_.substr(at, end - at));
    return end;
  }

  Line line_at(std::size_t at) const {
    const auto end = text_.find('\n', at);
    auto line = text_.substr(at, end == std::string_view::npos ? std::string_view::npos : end - at);
    while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return {.text = line, .next = end == std::string_view::npos ? text_.size() : end + 1};
  }

  const KeywordRule* find(std::string_view word) const {
    const auto found = std::find_if(rules_.begin(), rules_.end(), [&](const auto& rule) { return rule.name == word; });
    return found == rules_.end() ? nullptr : &*found;
  }

  /// Outside a block. Reports an indented or lower-case keyword and goes on as if it were right.
  const KeywordRule* keyword_of(const Line& line) {
    const auto word = line.first_word();
    const KeywordRule* rule = find(upper(word));
    if (rule == nullptr) return nullptr;
    if (rule->name != word)
      source_.error(word, fmt::format("keywords are written in upper case: {} instead of {}", rule->name, word));
    else if (line.indented())
      source_.error(word, fmt::format("{} is indented; a keyword starts in the first column of its line", word),
                    "remove the blanks or tabs before it");
    return rule;
  }

  static bool looks_like_keyword(std::string_view word) {
    return word.size() >= 2 && word.front() >= 'A' && word.front() <= 'Z' &&
           std::all_of(word.begin(), word.end(),
                       [](char c) { return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
  }

  /// Is this line, inside a block of form `form`, an instruction all the same?
  bool ends_block(const Line& line, KeywordForm form) const {
    const auto word = line.first_word();
    if (word.empty() || word.data() != trim(line.text).data()) return false;
    const auto rest = line.rest();
    const auto behind = word.data() + word.size();
    const bool word_ends =
        behind == line.text.data() + line.text.size() || *behind == ' ' || *behind == '\t' || *behind == '>';
    if (!line.indented() && word_ends && find(word) != nullptr) return true;
    // "TYPE: endpoint" is no SQL; it is reported where it is read.
    if (form == sql && !line.indented() && *behind == ':' && find(word) != nullptr) return true;
    if (form == text || form == KeywordForm::line || !word_ends) return false;
    const bool marked = rest.starts_with('>');
    if (form == sql) {
      // Written as a keyword line and meaningless in SQL, whatever its case and indentation.
      if (equal_ignoring_case(word, "TYPE") && is_pipe_type(rest)) return true;
      if (find(upper(word)) != nullptr && rest == ">") return true;
      if (word == "NODE" && std::all_of(rest.begin(), rest.end(), ascii::is_word) && !rest.empty())
        return next_is_sql(line.next);
      return !line.indented() && looks_like_keyword(word) && is_foreign_or_misspelt(word) && !is_sql_clause(word);
    }
    // Columns: a keyword in the place of a column name, unless a type follows as behind a column name.
    const std::string_view second = Line{.text = rest}.first_word();
    if (is_type_name(second) || rest.starts_with(',') || word.size() < 3) return false;
    if (find(word) != nullptr && !rest.empty()) return true;
    // In lower case it may be a column with a wrong type: only what no column looks like.
    if (find(upper(word)) != nullptr &&
        (marked || rest.starts_with('"') || rest.starts_with('\'') || equal_ignoring_case(word, "ENGINE") ||
         equal_ignoring_case(word.substr(0, 7), "ENGINE_")))
      return true;
    return !line.indented() && looks_like_keyword(word) && is_foreign_or_misspelt(word);
  }

  static bool is_pipe_type(std::string_view value) {
    bool closed = true;
    value = unquote(value, closed);
    constexpr std::array<std::string_view, 4> types = {"ENDPOINT", "MATERIALIZED", "COPY", "SINK"};
    return std::any_of(types.begin(), types.end(),
                       [&](std::string_view type) { return equal_ignoring_case(type, value); });
  }

  bool next_is_sql(std::size_t at) const {
    while (at < text_.size()) {
      const Line line = line_at(at);
      const auto word = line.first_word();
      if (!trim(line.text).empty()) return (word == "SQL" || word == "DESCRIPTION") && line.rest().starts_with('>');
      at = line.next;
    }
    return false;
  }

  /// Words that may start a line of SQL although they resemble a keyword.
  static bool is_sql_clause(std::string_view word) {
    constexpr std::array<std::string_view, 34> clauses = {
        "SELECT", "FROM",      "WHERE",    "PREWHERE", "WITH",  "GROUP", "ORDER", "LIMIT", "OFFSET",
        "UNION",  "HAVING",    "JOIN",     "LEFT",     "RIGHT", "INNER", "FULL",  "CROSS", "ANY",
        "ASOF",   "ARRAY",     "SETTINGS", "FORMAT",   "AND",   "OR",    "ON",    "USING", "QUALIFY",
        "WINDOW", "INTERSECT", "EXCEPT",   "SAMPLE",   "FINAL", "CASE",  "END"};
    return std::find(clauses.begin(), clauses.end(), word) != clauses.end();
  }

  bool is_foreign_or_misspelt(std::string_view word) const {
    if (other_kind(word)) return true;
    return !nearest_keyword(word).empty();
  }

  std::optional<FileKind> other_kind(std::string_view word) const {
    for (const FileKind kind : {FileKind::data_source, FileKind::pipe, FileKind::connection}) {
      if (kind == kind_) continue;
      for (const auto& rule : keywords_of(kind))
        if (!rule.classic && rule.name == word) return kind;
    }
    return std::nullopt;
  }

  std::string_view nearest_keyword(std::string_view word) const { return nearest(word, names_); }

  /// What a datafile has for the clause of CREATE TABLE that starts with `word`.
  static std::string_view keyword_of_sql(std::string_view word) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 8> clauses = {
        std::pair<std::string_view, std::string_view>{"PARTITION", "ENGINE_PARTITION_KEY"},
        {"ORDER", "ENGINE_SORTING_KEY"},
        {"ENGINE_ORDER_BY", "ENGINE_SORTING_KEY"},
        {"ENGINE_PARTITION_BY", "ENGINE_PARTITION_KEY"},
        {"PRIMARY", "ENGINE_PRIMARY_KEY"},
        {"SAMPLE", "ENGINE_SAMPLING_KEY"},
        {"TTL", "ENGINE_TTL"},
        {"SETTINGS", "ENGINE_SETTINGS"}};
    for (const auto& [clause, keyword] : clauses)
      if (clause == word) return keyword;
    return {};
  }

  std::size_t skip_unknown(const Line& line, std::string_view word) {
    const auto near = nearest_keyword(word);
    if (const auto other = other_kind(word); other && near.empty())
      source_.error(
          word, fmt::format("{} belongs in a {} file, this is a {} file", word, kind_name(*other), kind_name(kind_)));
    else if (const auto own = keyword_of_sql(word); !own.empty() && kind_ == FileKind::data_source)
      source_.error(word, fmt::format("unknown keyword {}", quoted(word)), fmt::format("write {}", own));
    else
      source_.error(word, fmt::format("unknown keyword {}", quoted(word)),
                    !near.empty() ? fmt::format("did you mean {}?", near)
                                  : fmt::format("a {} file knows {} and others", kind_name(kind_),
                                                kind_ == FileKind::data_source ? "SCHEMA, ENGINE, TOKEN"
                                                : kind_ == FileKind::pipe      ? "NODE, SQL, TYPE, TOKEN"
                                                : kind_ == FileKind::token     ? "SCOPE"
                                                                               : "TYPE"));
    return line.rest().starts_with('>') ? block_end(line.next, columns) : line.next;
  }

  std::size_t block_end(std::size_t at, KeywordForm form) const {
    while (at < text_.size()) {
      const Line line = line_at(at);
      if (ends_block(line, form)) break;
      at = line.next;
    }
    return at;
  }

  /// Where the text of a block that ends at `end` stops: before blank lines, and before comments in the first column
  /// when all its lines are indented.
  std::size_t content_end(std::size_t start, std::size_t end) const {
    std::size_t last = start, last_indented = start;
    bool indented = true;
    for (std::size_t at = start; at < end;) {
      const Line line = line_at(at);
      at = line.next;
      if (trim(line.text).empty()) continue;
      last = at;
      if (line.indented())
        last_indented = at;
      else if (line.text.front() != '#')
        indented = false;
    }
    return indented && last_indented > start ? last_indented : last;
  }

  /// Sets block_end_ to where the next piece starts.
  Instruction read_instruction(const KeywordRule& rule, const Line& line, std::string_view word) {
    Instruction found{.rule = &rule, .keyword = word, .value = {}, .raw = line.rest(), .block = false, .comment = {}};
    if (!found.raw.empty() && (found.raw.front() == '=' || found.raw.front() == ':')) {
      source_.error(found.raw,
                    fmt::format("no '{}' between {} and its value; a blank is enough", found.raw.front(), rule.name));
      found.raw = trim(found.raw.substr(1));
    }
    block_end_ = line.next;
    const auto take_block = [&](std::size_t start) {
      block_end_ = content_end(line.next, block_end(line.next, rule.form));
      found.block = true;
      found.raw = text_.substr(start, block_end_ - start);
    };
    const auto offset = [&](std::string_view place) { return static_cast<std::size_t>(place.data() - text_.data()); };
    if (found.raw.starts_with('>')) {
      const auto behind = trim(found.raw.substr(1));
      if (rule.form == text && !behind.empty()) {
        take_block(offset(behind));
      } else {
        if (behind.starts_with('#'))
          found.comment = behind;
        else if (!behind.empty())
          source_.error(behind,
                        fmt::format("the block of {} starts on the next line; nothing stands behind '>'", rule.name));
        take_block(line.next);
      }
    } else if (rule.form == columns || rule.form == sql) {
      source_.error(found.raw.empty() ? word : found.raw,
                    fmt::format("{} needs a block: '{} >', then indented lines", rule.name, rule.name));
      take_block(found.raw.empty() ? line.next : offset(found.raw));
    }
    found.value = found.raw;
    if (rule.form == KeywordForm::line) read_value(found);
    if (!rule.repeatable && !seen_.emplace(rule.name, true).second)
      source_.warning(word, fmt::format("{} is given twice; the last one counts", rule.name));
    return found;
  }

  void read_value(Instruction& found) {
    bool closed = true;
    found.value = unquote(found.raw, closed);
    const auto raw = trim(found.raw);
    if (!closed) {
      source_.error(raw, fmt::format("the value of {} opens a quote that is never closed", found.rule->name),
                    fmt::format("add a {} at the end", raw.front()));
    } else if (found.value.data() != raw.data()) {
      const auto behind =
          trim(raw.substr(static_cast<std::size_t>(found.value.data() - raw.data()) + found.value.size()));
      const auto rest = behind.empty() ? behind : trim(behind.substr(1));  // without the closing quote
      if (rest.starts_with('#')) found.comment = rest;
    }
  }

  Source& source_;
  std::string_view text_;
  FileKind kind_;
  std::span<const KeywordRule> rules_;
  std::vector<std::string_view> names_;
  SyntaxTree out_;
  std::size_t block_end_ = 0;
  bool stray_ = false;  // the line before was no instruction either
  std::map<std::string_view, bool> seen_;
};

}  // namespace

std::vector<Instruction> SyntaxTree::instructions() const {
  std::vector<Instruction> out;
  for (const auto& piece : pieces)
    if (piece.instruction) out.push_back(*piece.instruction);
  return out;
}

SyntaxTree read_tree(Source& source, FileKind kind) {
  return TreeReader(source, kind).read();
}

}  // namespace kinglet::datafile::internal
