// SPDX-License-Identifier: Apache-2.0
// Where names stand in the SQL of a node, which may be a template.
#include "datafile/source.h"
#include "datafile/tokens.h"
#include "project/graph.h"

namespace kinglet::project {
namespace {

using datafile::internal::Token;

/// The tokens of a text and how to tell where they stand.
class Words {
 public:
  explicit Words(const datafile::Node& node)
      : node_(node), source_("", node.sql, unused_), tokens_(datafile::internal::tokenize(source_.text(), false)) {}

  std::size_t size() const { return tokens_.size(); }
  const Token& operator[](std::size_t i) const { return tokens_[i]; }

  /// Is `name`, with its dots, what begins here?
  bool is(std::size_t at, std::string_view name) const {
    for (;;) {
      const auto dot = name.find('.');
      const auto part = name.substr(0, dot);
      if (at >= tokens_.size() || !is_part(tokens_[at], part)) return false;
      if (dot == std::string_view::npos) return true;
      if (at + 1 >= tokens_.size() || !tokens_[at + 1].is('.')) return false;
      at += 2;
      name.remove_prefix(dot + 1);
    }
  }
  bool is_table(std::size_t at) const {
    while (at > 0 && tokens_[at - 1].is('(')) --at;
    return at > 0 && (tokens_[at - 1].is_word("FROM") || tokens_[at - 1].is_word("JOIN"));
  }
  datafile::Position place(std::size_t at) const {
    const auto inside = source_.position(tokens_[at].text);
    return datafile::place_in_file(node_, inside.line, inside.column);
  }

 private:
  static bool is_part(const Token& token, std::string_view part) {
    const bool text = token.kind == Token::Kind::word || token.kind == Token::Kind::name;
    return (text && token.inner() == part) ||
           (token.kind == Token::Kind::string && token.text.size() == part.size() + 2 &&
            token.text.substr(1, part.size()) == part);  // {{TABLE('x')}}
  }

  const datafile::Node& node_;
  std::vector<datafile::Diagnostic> unused_;
  datafile::internal::Source source_;
  std::vector<Token> tokens_;
};

}  // namespace

datafile::Position place_of_table(const datafile::Node& node, std::string_view name) {
  const Words words(node);
  std::optional<std::size_t> first;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!words.is(i, name)) continue;
    if (words.is_table(i)) return words.place(i);
    if (!first) first = i;
  }
  return first ? words.place(*first) : node.sql_position;
}

std::optional<datafile::Position> place_of_word(const datafile::Node& node, std::string_view name) {
  const Words words(node);
  for (std::size_t i = 0; i < words.size(); ++i)
    if (words.is(i, name) && !words.is_table(i)) return words.place(i);
  return std::nullopt;
}

}  // namespace kinglet::project
