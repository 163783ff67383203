// SPDX-License-Identifier: Apache-2.0
// How canonical datafiles look.
#include "datafile/layout.h"

#include <fmt/format.h>

#include <algorithm>

#include "datafile/keywords.h"
#include "datafile/source.h"
#include "datafile/values.h"

namespace kinglet::datafile::internal {
namespace {

/// "(a, b)" -> "a, b"
void strip_parentheses(std::vector<Token>& tokens) {
  if (tokens.size() < 2 || !tokens.front().is('(') || !tokens.back().is(')')) return;
  std::size_t depth = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].is('(')) ++depth;
    if (tokens[i].is(')') && --depth == 0 && i + 1 < tokens.size()) return;
  }
  if (depth != 0) return;
  tokens.erase(tokens.begin());
  tokens.pop_back();
}

bool is_keyword(std::string_view name) {
  const auto wanted = upper(name);
  const auto rules = keywords_of(FileKind::data_source);
  return std::any_of(rules.begin(), rules.end(), [&](const KeywordRule& rule) { return rule.name == wanted; });
}

}  // namespace

void Page::line(std::string_view text) {
  if (!text_.empty() && gap_) text_ += '\n';
  gap_ = heading_ = false;
  text_ += text;
  text_ += '\n';
}

void Page::heading(std::string_view text) {
  line(text);
  heading_ = true;
}

void Page::value(std::string_view key, std::string_view text) {
  if (!text.empty()) line(fmt::format("{} \"{}\"", key, text));
}

void Page::block(std::string_view key, std::string_view text) {
  if (text.empty()) return;
  if (!heading_) gap();
  line(fmt::format("{} >\n{}", key, indented(text)));
  gap();
}

std::string indented(std::string_view text) {
  std::string out;
  while (true) {
    const auto end = text.find('\n');
    const auto one = text.substr(0, end);
    if (!one.empty()) out += fmt::format("    {}", one);
    if (end == std::string_view::npos) return out;
    out += '\n';
    text.remove_prefix(end + 1);
  }
}

std::string column_line(const ColumnDefinition& column) {
  std::string out = fmt::format("`{}` {}", column.name, column.type);
  if (column.path) out += fmt::format(" `json:{}`", column.path->text);
  if (column.default_expression) out += fmt::format(" DEFAULT {}", *column.default_expression);
  if (column.codec) out += fmt::format(" {}", *column.codec);
  return out;
}

std::string index_line(const IndexDefinition& index) {
  // A keyword in the place of the name would end the block.
  const bool plain = is_identifier(index.name) && !is_keyword(index.name) && !equal_ignoring_case(index.name, "INDEX");
  return fmt::format("{} {} TYPE {} GRANULARITY {}", plain ? index.name : fmt::format("`{}`", index.name),
                     index.expression, index.type, index.granularity);
}

std::string settings_line(std::span<const std::pair<std::string, std::string>> settings) {
  std::string out;
  for (const auto& [name, value] : settings) out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", name, value);
  return out;
}

bool is_key_list(std::string_view keyword) {
  return keyword.ends_with("SORTING_KEY") || keyword == "ENGINE_PRIMARY_KEY" || keyword == "ENGINE_SUMMING_COLUMNS";
}

std::string key_text(std::string_view keyword, std::vector<Token>& tokens) {
  if (!is_key_list(keyword)) return joined(tokens);
  if (!tokens.empty() && tokens.back().is(',')) tokens.pop_back();
  strip_parentheses(tokens);
  if (tokens.empty()) return "tuple()";
  std::string out;
  for (const auto item : split_list(tokens)) out += fmt::format("{}{}", out.empty() ? "" : ", ", joined(item));
  return out;
}

}  // namespace kinglet::datafile::internal
