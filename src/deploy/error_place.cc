// SPDX-License-Identifier: Apache-2.0
#include "deploy/error_place.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "base/ascii.h"

namespace kinglet::deploy {

namespace {

bool is_word(char c) {
  return ascii::is_word(c) || c == '$';
}

/// One name in a text.
struct Name {
  std::string_view value;
  std::size_t begin = 0, end = 0;
  bool after_dot = false;
};

/// The end of what begins with `quote` at `at`; the text's end when it is not closed.
std::size_t quoted_end(std::string_view text, std::size_t at, char quote) {
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == quote)
      return i + 1;
  }
  return text.size();
}

/// Names in the order of the text. A template's tags are looked into as well: they are close enough to SQL.
std::vector<Name> names_in(std::string_view text) {
  std::vector<Name> names;
  bool dot = false;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '\'') {
      at = quoted_end(text, at, c);
      dot = false;
    } else if (c == '`' || c == '"') {
      const auto end = quoted_end(text, at, c);
      names.push_back(
          {.value = text.substr(at + 1, end - at < 2 ? 0 : end - at - 2), .begin = at, .end = end, .after_dot = dot});
      at = end;
      dot = false;
    } else if (text.substr(at).starts_with("--")) {
      at = std::min(text.find('\n', at), text.size());
    } else if (text.substr(at).starts_with("/*")) {
      const auto end = text.find("*/", at + 2);
      at = end == text.npos ? text.size() : end + 2;
    } else if (is_word(c)) {
      const auto begin = at;
      while (at < text.size() && is_word(text[at])) ++at;
      names.push_back({.value = text.substr(begin, at - begin), .begin = begin, .end = at, .after_dot = dot});
      dot = false;
    } else {
      if (c == '.')
        dot = true;
      else if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
        dot = false;
      ++at;
    }
  }
  return names;
}

/// Columns count characters.
TextPlace place_at(std::string_view text, std::size_t offset) {
  TextPlace place{.line = 1, .column = 1};
  for (std::size_t i = 0; i < offset; ++i) {
    if (text[i] == '\n') {
      ++place.line;
      place.column = 1;
    } else if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) {
      ++place.column;
    }
  }
  return place;
}

bool is_called(std::string_view text, const Name& name) {
  const auto at = text.find_first_not_of(" \t\r\n", name.end);
  return at != text.npos && text[at] == '(';
}

std::vector<std::string_view> split_dots(std::string_view name) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto dot = name.find('.');
    auto part = name.substr(0, dot);
    if (part.size() > 1 && part.front() == '`' && part.back() == '`') part = part.substr(1, part.size() - 2);
    parts.push_back(part);
    if (dot == name.npos) return parts;
    name.remove_prefix(dot + 1);
  }
}

bool is_as(std::string_view word) {
  return word.size() == 2 && (word[0] | 0x20) == 'a' && (word[1] | 0x20) == 's';
}

/// The text between the quote that follows `mark` and its partner.
std::optional<std::string> quoted_after(std::string_view message, std::string_view mark) {
  for (std::size_t from = 0; (from = message.find(mark, from)) != message.npos; from += mark.size()) {
    const auto at = from + mark.size();
    if (at >= message.size() || (message[at] != '`' && message[at] != '\'')) continue;
    const auto end = message.find(message[at], at + 1);
    if (end != message.npos) return std::string(message.substr(at + 1, end - at - 1));
  }
  return std::nullopt;
}
std::optional<std::string> word_after(std::string_view message, std::string_view mark) {
  const auto from = message.find(mark);
  if (from == message.npos) return std::nullopt;
  auto end = from + mark.size();
  while (end < message.size() && is_word(message[end])) ++end;
  if (end == from + mark.size()) return std::nullopt;
  return std::string(message.substr(from + mark.size(), end - from - mark.size()));
}

}  // namespace

std::optional<TextPlace> place_of(std::string_view text, std::string_view name, bool call) {
  const auto names = names_in(text);
  const auto parts = split_dots(name);
  // Parts that follow each other, with dots between.
  const auto stands_at = [&](std::size_t i, std::size_t first_part) {
    for (std::size_t p = first_part; p < parts.size(); ++p) {
      const auto& here = names[i + p - first_part];
      if (here.value != parts[p] || (p > first_part && !here.after_dot)) return false;
    }
    return !call || is_called(text, names[i + parts.size() - first_part - 1]);
  };
  for (const std::size_t first : {std::size_t{0}, parts.size() - 1}) {
    const auto count = parts.size() - first;
    for (std::size_t i = 0; i + count <= names.size(); ++i)
      if (stands_at(i, first)) return place_at(text, names[i].begin);
  }
  return std::nullopt;
}

std::optional<TextPlace> place_of_alias(std::string_view text, std::string_view name) {
  const auto names = names_in(text);
  const Name* last = nullptr;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].value != name) continue;
    if (i > 0 && is_as(names[i - 1].value)) return place_at(text, names[i].begin);
    last = &names[i];
  }
  if (last == nullptr) return std::nullopt;
  return place_at(text, last->begin);
}

EngineFinding read_engine_error(std::string_view message, std::string_view database) {
  EngineFinding finding;
  // What comes behind quotes the whole statement.
  const auto scope =
      std::min({message.find(" in scope "), message.find(" In scope "), message.find(" In query "), message.size()});
  const auto head = message.substr(0, scope);
  for (const std::string_view mark : {"dentifier ", "Column ", "Missing columns: "})
    if (auto name = quoted_after(head, mark)) {
      finding.name = std::move(*name);
      break;
    }
  if (finding.name.empty()) {
    auto name = quoted_after(head, "unction ");
    if (!name) name = quoted_after(head, "unction with name ");
    if (!name) name = word_after(head, "unction ");
    if (name) {
      finding.name = std::move(*name);
      finding.function = true;
    }
  }
  const auto guesses_at = message.find("aybe you meant: [");
  if (guesses_at == message.npos) return finding;
  auto list = message.substr(guesses_at);
  list = list.substr(0, list.find(']'));
  std::vector<std::string> guesses;
  for (auto at = list.find('\''); at != list.npos; at = list.find('\'')) {
    const auto end = list.find('\'', at + 1);
    if (end == list.npos) break;
    const auto guess = list.substr(at + 1, end - at - 1);
    if (guess != finding.name && (database.empty() || guess.find(database) == guess.npos))
      guesses.push_back(fmt::format("`{}`", guess));
    list.remove_prefix(end + 1);
  }
  if (!guesses.empty()) finding.hint = fmt::format("did you mean {}?", fmt::join(guesses, " or "));
  return finding;
}

}  // namespace kinglet::deploy
