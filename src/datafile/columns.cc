// SPDX-License-Identifier: Apache-2.0
// The blocks of SCHEMA and INDEXES.
#include "datafile/columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "base/spelling.h"
#include "datafile/column_type.h"
#include "datafile/default_check.h"
#include "datafile/json_path.h"
#include "datafile/limits.h"
#include "datafile/tokens.h"
#include "datafile/type_reader.h"

namespace kinglet::datafile::internal {
namespace {

using Kind = Token::Kind;

bool opens(const Token& token) {
  return token.is('(') || token.is('[') || token.is('{');
}
bool closes(const Token& token) {
  return token.is(')') || token.is(']') || token.is('}');
}

std::string near_or(std::string near, std::string_view otherwise) {
  return near.empty() ? std::string(otherwise) : near;
}

class ColumnsReader {
 public:
  ColumnsReader(Source& source, std::string_view block) : source_(source), tokens_(tokenize(block, true)) {}

  std::vector<ColumnDefinition> read() {
    while (here().kind != Kind::end) {
      if (here().is(',')) {
        ++at_;
        continue;
      }
      if (out_.size() >= limits::columns_max) {
        source_.error(here().text, fmt::format("a data source has at most {} columns", limits::columns_max));
        break;
      }
      ColumnDefinition column;
      const std::size_t errors = source_.error_count();
      if (!read_column(column)) recover();
      // A column with a fault stays known by its name, so that keys naming it are not reported as well.
      lost_ = lost_ || column.name.empty();
      if (!column.name.empty()) add(std::move(column), errors == source_.error_count());
    }
    return std::move(out_);
  }
  /// Was there a column whose name could not be read?
  bool lost() const { return lost_; }

 private:
  const Token& here() const { return tokens_[at_]; }
  const Token& ahead(std::size_t n) const { return tokens_[std::min(at_ + n, tokens_.size() - 1)]; }

  bool wrong(const Token& at, std::string message, std::string hint = {}) {
    source_.error(at.text, std::move(message), std::move(hint));
    return false;
  }

  /// To the comma that ends this column, or to a line that looks like the next one.
  void recover() {
    std::size_t depth = 0;
    for (bool first = true; here().kind != Kind::end; ++at_, first = false) {
      if (!first && here().first_on_line && starts_column()) return;
      if (opens(here())) ++depth;
      if (closes(here()) && depth > 0) --depth;
      if (here().is(',') && depth == 0) return;
    }
  }

  /// Does the token here read as the name of a column with its type behind it?
  bool starts_column() const {
    const bool named = (here().kind == Kind::name && !here().is_json_path()) || here().kind == Kind::word;
    return named && ahead(1).kind == Kind::word && is_type_name(ahead(1).text) && !ahead(1).first_on_line;
  }

  void add(ColumnDefinition column, bool sound) {
    const auto [seen, is_new] = names_.emplace(column.name, column.position.line);
    if (!is_new && sound)
      source_.error(column.position,
                    fmt::format("the column {} is already defined in line {}", quoted(column.name), seen->second));
    if (is_new) out_.push_back(std::move(column));
  }

  bool read_column(ColumnDefinition& column) {
    const Token first = here();
    column.position = source_.position(first.text);
    if (!read_name(column.name)) return false;
    if (here().kind == Kind::end || here().is(',') || here().is_json_path() || here().is_word("DEFAULT") ||
        (here().first_on_line && starts_column() && !is_type_name(here().text)))
      return wrong(first, fmt::format("column {} has no type", quoted(column.name)),
                   fmt::format("for example `{}` String", column.name));
    auto type = read_type(source_, tokens_, at_);
    if (!type) return false;
    column.type = std::move(*type);
    if (!read_null(column)) return false;
    while (here().kind != Kind::end && !here().is(',')) {
      if (!read_modifier(column)) return false;
      if (missing_comma_) {
        missing_comma_ = false;
        return true;
      }
    }
    return true;
  }

  bool read_name(std::string& name) {
    const Token first = here();
    switch (first.kind) {
      case Kind::word:
        name = first.text;
        ++at_;
        while (here().is('.') && !here().blank_before &&
               ahead(1).kind == Kind::word) {  // a.b, as Nested columns are named
          name += fmt::format(".{}", ahead(1).text);
          at_ += 2;
        }
        if (here().kind == Kind::sign && !here().blank_before && !here().is(',') && !here().is('('))
          return wrong(first, fmt::format("a column name with {} needs backticks", quoted(here().text)),
                       "for example `user-id` String");
        break;
      case Kind::name:
        if (first.is_json_path())
          return wrong(first, "a JSONPath without a column before it", "a column is: name Type `json:$.path`");
        name = first.inner();
        ++at_;
        break;
      case Kind::unclosed:
        return wrong(first, fmt::format("the name of a column opens a {} that is not closed on its line",
                                        first.text.front() == '`' ? "backtick" : "quote"));
      case Kind::comment:
        return wrong(first, "SQL comments are not possible in a SCHEMA",
                     "a comment is a line of its own that starts with #");
      default:
        return wrong(first,
                     fmt::format("expected the name of a column, found {}",
                                 first.kind == Kind::string ? std::string(first.text) : quoted(first.text)),
                     "quote unusual names with backticks: `my-column` String");
    }
    if (name.empty() || name.size() > limits::name_bytes_max)
      return wrong(first, fmt::format("the name of a column has 1 to {} bytes, this one has {}", limits::name_bytes_max,
                                      name.size()));
    if (name.find_first_of("`\\\"'") != std::string::npos)
      return wrong(first, "the name of a column cannot hold a quote, backtick or backslash");
    return true;
  }

  /// "String NULL" and "String NOT NULL", as SQL has them.
  bool read_null(ColumnDefinition& column) {
    if (here().is_word("NOT") && ahead(1).is_word("NULL")) {
      at_ += 2;
    } else if (here().is_word("NULL") && !here().first_on_line) {
      if (is_nullable(column.type) || is_array(column.type))
        return wrong(here(), fmt::format("unexpected NULL after {}", column.type));
      column.type = fmt::format("Nullable({})", column.type);
      ++at_;
    }
    return true;
  }

  bool read_modifier(ColumnDefinition& column) {
    const Token token = here();
    if (token.is_json_path()) return read_path(column);
    if (token.is_word("DEFAULT")) return read_default(column);
    if (token.is_word("CODEC")) return read_codec(column);
    if (token.kind == Kind::unclosed)
      return wrong(token, fmt::format("a {} that is not closed on its line, in column {}",
                                      token.text.front() == '`' ? "backtick" : "quote", quoted(column.name)));
    if (token.kind == Kind::comment)
      return wrong(token, "SQL comments are not possible in a SCHEMA",
                   "a comment is a line of its own that starts with #");
    if (token.first_on_line && (token.kind == Kind::word || token.kind == Kind::name)) {
      report_missing_comma(column);
      return true;
    }
    constexpr std::array<std::string_view, 6> others = {"MATERIALIZED", "ALIAS",   "EPHEMERAL",
                                                        "TTL",          "COMMENT", "PRIMARY"};
    if (std::any_of(others.begin(), others.end(), [&](std::string_view word) { return token.is_word(word); }))
      return wrong(token, fmt::format("{} is not possible on a column of a data source", upper(token.text)),
                   "after the type come `json:$.path`, DEFAULT expression and CODEC(…)");
    constexpr std::array<std::string_view, 2> modifiers = {"DEFAULT", "CODEC"};
    if (token.is_word("JSON") && ahead(1).is(':')) {
      const auto rest = source_.text().substr(static_cast<std::size_t>(token.text.data() - source_.text().data()));
      const auto path = rest.substr(0, rest.find_first_of(" \t\r\n,`"));
      return wrong(token, fmt::format("the JSONPath of column {} needs backticks", quoted(column.name)),
                   fmt::format("write `{}`", path));
    }
    if (token.kind == Kind::name && token.inner().starts_with('$'))
      return wrong(token, fmt::format("the JSONPath of column {} does not start with json:", quoted(column.name)),
                   fmt::format("write `json:{}`", token.inner()));
    auto hint = token.kind == Kind::word ? did_you_mean(token.text, modifiers) : std::string();
    if (hint.empty()) hint = "expected a comma, `json:$.path`, DEFAULT expression or CODEC(…)";
    return wrong(token,
                 fmt::format("unexpected {} after the type of column {}", quoted(token.text), quoted(column.name)),
                 std::move(hint));
  }

  void report_missing_comma(const ColumnDefinition& column) {
    source_.error(source_.end_position(tokens_[at_ - 1].text),
                  fmt::format("a comma is missing after column {}", quoted(column.name)));
    missing_comma_ = true;
  }

  bool read_path(ColumnDefinition& column) {
    const Token token = here();
    if (column.path) return wrong(token, fmt::format("column {} has two JSONPaths", quoted(column.name)));
    const auto text = trim(token.inner().substr(std::string_view("json:").size()));
    std::size_t fault = 0;
    auto path = parse_json_path(text, &fault);
    if (!path)
      return wrong({.text = text.substr(std::min(fault, text.size()))}, path.error().message, path.error().hint);
    const bool each =
        std::any_of(path->steps.begin(), path->steps.end(), [](const PathStep& step) { return step.each; });
    if (each && !is_array(column.type))
      return wrong(
          token,
          fmt::format("the JSONPath of column {} reads all elements ([:]), so its type must be an Array, not {}",
                      quoted(column.name), column.type),
          fmt::format("write Array({})", column.type));
    column.path = std::move(*path);
    ++at_;
    return true;
  }

  bool read_default(ColumnDefinition& column) {
    const Token keyword = here();
    if (column.default_expression)
      return wrong(keyword, fmt::format("column {} has two DEFAULTs", quoted(column.name)));
    const std::size_t start = ++at_;
    std::size_t depth = 0;
    bool comma_missing = false;
    for (; here().kind != Kind::end; ++at_) {
      const Token& token = here();
      if (opens(token)) ++depth;
      if (closes(token) && depth > 0) --depth;
      if (depth > 0 && !(token.first_on_line && starts_column())) continue;
      if (token.is(',') || token.is_json_path() || (at_ > start && token.is_word("CODEC") && ahead(1).is('('))) break;
      if (at_ > start && token.first_on_line && starts_column()) {
        comma_missing = true;
        break;
      }
    }
    if (at_ == start)
      return wrong(keyword, fmt::format("DEFAULT of column {} has no value", quoted(column.name)),
                   "for example DEFAULT 0, DEFAULT '' or DEFAULT now()");
    const auto expression = read_expression(source_, std::span(tokens_).subspan(start, at_ - start),
                                            fmt::format("the DEFAULT of column {}", quoted(column.name)));
    if (!expression) {
      missing_comma_ = comma_missing;
      return comma_missing;
    }
    column.default_expression = *expression;
    column.default_position = source_.position(tokens_[start].text);
    check_default(source_, column.name, column.type, std::span(tokens_).subspan(start, at_ - start));
    if (comma_missing) report_missing_comma(column);
    return true;
  }

  bool read_codec(ColumnDefinition& column) {
    const Token keyword = here();
    if (column.codec) return wrong(keyword, fmt::format("column {} has two CODECs", quoted(column.name)));
    ++at_;
    if (!here().is('('))
      return wrong(keyword, fmt::format("CODEC of column {} needs parentheses", quoted(column.name)),
                   "for example CODEC(ZSTD(1)) or CODEC(Delta(4), LZ4)");
    const std::size_t start = at_;
    std::size_t depth = 0;
    do {
      if (here().is('(')) ++depth;
      if (here().is(')')) --depth;
      ++at_;
    } while (depth > 0 && here().kind != Kind::end && !(here().first_on_line && starts_column()));
    if (depth > 0)
      return wrong(keyword, fmt::format("CODEC of column {} has a '(' that is never closed", quoted(column.name)));
    return check_codecs(column, keyword, std::span(tokens_).subspan(start + 1, at_ - start - 2));
  }

  bool check_codecs(ColumnDefinition& column, const Token& keyword, std::span<const Token> inside) {
    constexpr std::array<std::string_view, 12> codecs = {"NONE",    "LZ4", "LZ4HC", "ZSTD", "DELTA",   "DOUBLEDELTA",
                                                         "GORILLA", "T64", "FPC",   "GCD",  "DEFAULT", "ALP"};
    constexpr std::array<std::string_view, 9> spellings = {"ZSTD",    "Delta", "DoubleDelta", "Gorilla", "LZ4HC",
                                                           "Default", "NONE",  "T64",         "LZ4"};
    for (const auto item : split_list(inside)) {
      if (item.empty())
        return wrong(keyword, fmt::format("CODEC of column {} has an empty entry", quoted(column.name)),
                     "for example CODEC(ZSTD(1))");
      const auto name = upper(item.front().text);
      if (item.front().kind != Kind::word || std::find(codecs.begin(), codecs.end(), name) == codecs.end())
        return wrong(item.front(), fmt::format("there is no codec {}", quoted(item.front().text)),
                     near_or(did_you_mean(item.front().text, spellings),
                             "codecs: LZ4, LZ4HC, ZSTD, Delta, DoubleDelta, Gorilla, T64, FPC, GCD, NONE"));
      for (const Token& token : item.subspan(1))
        if (token.kind != Kind::number && !token.is('(') && !token.is(')') && !token.is(','))
          return wrong(token, fmt::format("the parameters of codec {} are numbers, found {}", item.front().text,
                                          quoted(token.text)));
    }
    column.codec = fmt::format("CODEC({})", joined(inside));
    return true;
  }

  Source& source_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::vector<ColumnDefinition> out_;
  std::map<std::string, std::uint32_t, std::less<>> names_;
  bool missing_comma_ = false, lost_ = false;
};

class IndexesReader {
 public:
  IndexesReader(Source& source, std::string_view block) : source_(source), tokens_(tokenize(block, true)) {}

  std::vector<IndexDefinition> read() {
    while (here().kind != Kind::end) {
      if (here().is(',')) {
        ++at_;
        continue;
      }
      if (out_.size() >= limits::list_items_max) {
        source_.error(here().text, fmt::format("a data source has at most {} indexes", limits::list_items_max));
        break;
      }
      IndexDefinition index;
      const Token first = here();
      if (!read_index(index)) {
        do ++at_;
        while (here().kind != Kind::end && !here().first_on_line);
        continue;
      }
      if (std::any_of(out_.begin(), out_.end(), [&](const auto& other) { return other.name == index.name; }))
        source_.error(first.text, fmt::format("the index {} is already defined", quoted(index.name)));
      else
        out_.push_back(std::move(index));
    }
    return std::move(out_);
  }

 private:
  static constexpr std::string_view form = "an index is: name expression TYPE type GRANULARITY n";

  const Token& here() const { return tokens_[std::min(at_, tokens_.size() - 1)]; }
  bool wrong(const Token& at, std::string message, std::string hint = std::string(form)) {
    source_.error(at.text, std::move(message), std::move(hint));
    return false;
  }

  bool read_index(IndexDefinition& index) {
    if (here().is_word("INDEX") && at_ + 1 < tokens_.size() && tokens_[at_ + 1].kind != Kind::end) ++at_;
    const Token first = here();
    index.position = source_.position(first.text);
    if (first.kind != Kind::word && first.kind != Kind::name)
      return wrong(first, fmt::format("expected the name of an index, found {}", quoted(first.text)));
    index.name = first.inner();
    if (index.name.empty() || index.name.size() > limits::name_bytes_max)
      return wrong(first, fmt::format("the name of an index has 1 to {} bytes", limits::name_bytes_max));
    const std::size_t start = ++at_;
    while (here().kind != Kind::end && !here().is_word("TYPE")) ++at_;
    if (at_ == start) return wrong(first, fmt::format("index {} has no expression", quoted(index.name)));
    if (here().kind == Kind::end || different_line(start))
      return rewind(start), wrong(first, fmt::format("index {} has no TYPE", quoted(index.name)));
    const auto what = fmt::format("the expression of index {}", quoted(index.name));
    const auto expression = read_expression(source_, std::span(tokens_).subspan(start, at_ - start), what);
    if (!expression) return false;
    index.expression = *expression;
    return read_type_and_granularity(index);
  }

  /// Was a line crossed since token `start`, so that TYPE belongs to the index of another line?
  bool different_line(std::size_t start) const {
    std::size_t depth = 0;
    for (std::size_t i = start; i < at_; ++i) {
      if (i > start && depth == 0 && tokens_[i].first_on_line) return true;
      if (opens(tokens_[i])) ++depth;
      if (closes(tokens_[i]) && depth > 0) --depth;
    }
    return false;
  }
  void rewind(std::size_t start) { at_ = start; }

  bool read_type_and_granularity(IndexDefinition& index) {
    ++at_;
    const Token type = here();
    constexpr std::array<std::string_view, 9> types = {"minmax",     "set",        "bloom_filter",
                                                       "ngrambf_v1", "tokenbf_v1", "hypothesis",
                                                       "inverted",   "text",       "vector_similarity"};
    const auto known =
        std::find_if(types.begin(), types.end(), [&](auto t) { return equal_ignoring_case(t, type.text); });
    if (type.kind != Kind::word || known == types.end())
      return wrong(type, fmt::format("there is no index type {}", type.kind == Kind::end ? "here" : quoted(type.text)),
                   near_or(did_you_mean(type.text, types),
                           "index types: minmax, set(n), bloom_filter(p), ngrambf_v1(…), tokenbf_v1(…)"));
    const std::size_t start = at_++;
    if (here().is('(')) {
      while (here().kind != Kind::end && !here().is(')')) ++at_;
      if (here().kind == Kind::end)
        return wrong(type, fmt::format("the type of index {} has a '(' that is never closed", quoted(index.name)));
      ++at_;
    }
    const auto text = read_expression(source_, std::span(tokens_).subspan(start, at_ - start),
                                      fmt::format("the type of index {}", quoted(index.name)));
    if (!text) return false;
    index.type = fmt::format("{}{}", *known, text->substr(type.text.size()));
    if (!here().is_word("GRANULARITY"))
      return wrong(type, fmt::format("index {} has no GRANULARITY", quoted(index.name)), "for example GRANULARITY 4");
    ++at_;
    const Token number = here();
    const auto parsed = std::from_chars(number.text.data(), number.text.data() + number.text.size(), index.granularity);
    if (number.kind != Kind::number || parsed.ec != std::errc() ||
        parsed.ptr != number.text.data() + number.text.size() || index.granularity == 0)
      return wrong(number,
                   fmt::format("the GRANULARITY of index {} is a positive whole number, found {}", quoted(index.name),
                               number.kind == Kind::end ? "nothing" : quoted(number.text)),
                   "for example GRANULARITY 4");
    ++at_;
    if (here().kind != Kind::end && !here().is(',') && !here().first_on_line)
      return wrong(here(), fmt::format("unexpected {} after index {}", quoted(here().text), quoted(index.name)));
    return true;
  }

  Source& source_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::vector<IndexDefinition> out_;
};

}  // namespace

std::vector<ColumnDefinition> read_columns(Source& source, std::string_view block, bool* lost) {
  ColumnsReader reader(source, block);
  auto out = reader.read();
  if (lost != nullptr) *lost = reader.lost();
  return out;
}

std::vector<IndexDefinition> read_indexes(Source& source, std::string_view block) {
  return IndexesReader(source, block).read();
}

}  // namespace kinglet::datafile::internal
