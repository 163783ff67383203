// SPDX-License-Identifier: Apache-2.0
#include "project/test_compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <vector>

#include "project/edit_script.h"

namespace kinglet::project {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

/// The four hex digits of a \uXXXX at `at`.
std::optional<std::uint32_t> hex4(std::string_view text, std::size_t at) {
  std::uint32_t value = 0;
  if (at + 4 > text.size()) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + 4, value, 16);
  if (error != std::errc() || end != text.data() + at + 4) return std::nullopt;
  return value;
}

/// A string from its opening quote on; `at` moves behind the closing one. False: it does not close, or is no JSON.
bool append_string(std::string_view text, std::size_t& at, std::string& out) {
  out += '"';
  for (++at; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      ++at;
      out += '"';
      return true;
    }
    if (c != '\\') {
      out += c;
      continue;
    }
    if (++at == text.size()) return false;
    std::uint32_t character = 0;
    switch (text[at]) {
      case 'b':
        character = '\b';
        break;
      case 'f':
        character = '\f';
        break;
      case 'n':
        character = '\n';
        break;
      case 'r':
        character = '\r';
        break;
      case 't':
        character = '\t';
        break;
      case '"':
      case '\\':
      case '/':
        character = static_cast<std::uint32_t>(text[at]);
        break;
      case 'u': {
        const auto high = hex4(text, at + 1);
        if (!high) return false;
        at += 4;
        character = *high;
        if (character >= 0xD800 && character < 0xDC00 && text.substr(at + 1).starts_with("\\u")) {
          const auto low = hex4(text, at + 3);
          if (low && *low >= 0xDC00 && *low < 0xE000) {
            character = 0x10000 + ((character - 0xD800) << 10) + (*low - 0xDC00);
            at += 6;
          }
        }
        break;
      }
      default:
        return false;
    }
    if (character < 0x20 || character == '"' || character == '\\' || (character >= 0xD800 && character < 0xE000))
      out += fmt::format("\\u{:04x}", character);
    else
      append_utf8(out, character);
  }
  return false;
}

/// 12.50e1 -> 125e0: sign, digits without zeros at either end, exponent. Whatever is no number is taken as it is.
std::string canonical_number(std::string_view word) {
  std::size_t at = 0;
  const bool negative = word.starts_with('-');
  if (negative) ++at;
  std::string digits;
  std::int64_t exponent = 0;
  const auto first = at;
  while (at < word.size() && is_digit(word[at])) digits += word[at++];
  if (at == first) return std::string(word);
  if (at < word.size() && word[at] == '.') {
    const auto fraction = ++at;
    while (at < word.size() && is_digit(word[at])) digits += word[at++];
    if (at == fraction) return std::string(word);
    exponent -= static_cast<std::int64_t>(at - fraction);
  }
  if (at < word.size() && (word[at] == 'e' || word[at] == 'E')) {
    if (++at < word.size() && word[at] == '+') ++at;
    std::int32_t written = 0;
    const auto [end, error] = std::from_chars(word.data() + at, word.data() + word.size(), written);
    if (error != std::errc()) return std::string(word);
    at = static_cast<std::size_t>(end - word.data());
    exponent += written;
  }
  if (at != word.size()) return std::string(word);
  while (!digits.empty() && digits.back() == '0') {
    digits.pop_back();
    ++exponent;
  }
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.empty()) return "0";
  return fmt::format("{}{}e{}", negative ? "-" : "", digits, exponent);
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

/// Lines with the spelling that they are compared in.
struct Line {
  std::string_view text;
  std::string canonical;
  bool operator==(const Line& other) const { return text == other.text || canonical == other.canonical; }
};

std::vector<Line> compared_lines(std::string_view text) {
  std::vector<Line> lines;
  for (const auto line : lines_of(text)) lines.push_back({.text = line, .canonical = internal::canonical_json(line)});
  return lines;
}

using Side = EditStep::Side;

/// The shortest way from what was expected to what came; beyond the limit lines are paired by their number.
std::vector<EditStep> steps_between(const std::vector<Line>& a, const std::vector<Line>& b) {
  const auto same = [&](std::size_t i, std::size_t j) { return a[i] == b[j]; };
  const auto by_number = [&](std::size_t head, std::size_t n, std::size_t m, std::vector<EditStep>& steps) {
    if ((n + 1) * (m + 1) <= DifferenceLimits::table_cells_max) return false;
    for (std::size_t i = head; i < head + std::max(n, m); ++i) {
      if (i < head + n && i < head + m && same(i, i)) {
        steps.push_back({Side::both, i, i});
        continue;
      }
      if (i < head + n) steps.push_back({Side::before, i, 0});
      if (i < head + m) steps.push_back({Side::after, 0, i});
    }
    return true;
  };
  return edit_script(a.size(), b.size(), same, by_number);
}

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// Bytes that two lines start with, cut at a character.
std::size_t common_start(std::string_view a, std::string_view b) {
  const auto limit = std::min(a.size(), b.size());
  std::size_t at = 0;
  while (at < limit && a[at] == b[at]) ++at;
  while (at > 0 && ((at < a.size() && continues(a[at])) || (at < b.size() && continues(b[at])))) --at;
  return at;
}

/// The part of a long line around the byte `at`.
std::string excerpt(std::string_view line, std::size_t at) {
  constexpr auto width = DifferenceLimits::characters_shown_max;
  std::size_t begin = 0, end = line.size();
  if (line.size() > width) {
    begin = at < width / 2 ? 0 : std::min(at - width / 2, line.size() - width);
    end = std::min(line.size(), begin + width);
  }
  while (begin > 0 && begin < line.size() && continues(line[begin])) --begin;
  while (end < line.size() && continues(line[end])) ++end;
  std::string out = begin > 0 ? "…" : "";
  for (const char c : line.substr(begin, end - begin)) out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return end < line.size() ? out + "…" : out;
}

}  // namespace

namespace internal {

std::string canonical_json(std::string_view line) {
  std::string out;
  out.reserve(line.size());
  for (std::size_t at = 0; at < line.size();) {
    const char c = line[at];
    if (c == '"') {
      if (!append_string(line, at, out)) return std::string(line);
    } else if (c == ' ' || c == '\t' || c == '\r') {
      ++at;
    } else if (std::string_view("{}[],:").find(c) != std::string_view::npos) {
      out += c;
      ++at;
    } else {
      const auto begin = at;
      at = std::min(line.find_first_of("{}[],:\" \t\r", at), line.size());
      const auto word = line.substr(begin, at - begin);
      // Two words without a sign between them are no JSON, and must not grow together.
      if (!out.empty() && std::string_view("{}[],:").find(out.back()) == std::string_view::npos)
        return std::string(line);
      out += canonical_number(word);
    }
  }
  return out;
}

}  // namespace internal

bool same_rows(std::string_view expected, std::string_view actual) {
  const auto a = lines_of(expected), b = lines_of(actual);
  return a.size() == b.size() && std::ranges::equal(a, b, [](std::string_view x, std::string_view y) {
           return x == y || internal::canonical_json(x) == internal::canonical_json(y);
         });
}

bool same_message(std::string_view expected, std::string_view actual) {
  const auto end = [](std::string_view text) {
    const auto last = text.find_last_not_of(" \t\r\n");
    return text.substr(0, last == text.npos ? 0 : last + 1);
  };
  return end(expected) == end(actual);
}

std::string show_difference(std::string_view expected, std::string_view actual) {
  const auto a = compared_lines(expected), b = compared_lines(actual);
  const auto steps = steps_between(a, b);
  std::string out;
  std::size_t shown = 0, differing = 0;
  std::optional<std::pair<std::size_t, std::size_t>> first_pair;
  for (std::size_t at = 0; at < steps.size();) {
    if (steps[at].side == Side::both) {
      ++at;
      continue;
    }
    // A stretch without a common line: what was expected, then what came; the nth of one belongs to the nth of the
    // other.
    std::vector<std::size_t> missing, extra;
    for (; at < steps.size() && steps[at].side != Side::both; ++at)
      steps[at].side == Side::before ? missing.push_back(steps[at].before) : extra.push_back(steps[at].after);
    if (!first_pair && !missing.empty() && !extra.empty()) first_pair = {missing[0], extra[0]};
    for (std::size_t i = 0; i < std::max(missing.size(), extra.size()); ++i) {
      const bool pair = i < missing.size() && i < extra.size();
      const auto where = pair ? common_start(a[missing[i]].text, b[extra[i]].text) : 0;
      if (i < missing.size() && (++differing, shown < DifferenceLimits::lines_shown_max)) {
        out += fmt::format("- {}\n", excerpt(a[missing[i]].text, where));
        ++shown;
      }
      if (i < extra.size() && (++differing, shown < DifferenceLimits::lines_shown_max)) {
        out += fmt::format("+ {}\n", excerpt(b[extra[i]].text, where));
        ++shown;
      }
    }
  }
  if (differing == 0) return {};
  if (differing > shown) out += fmt::format("… and {} more lines\n", differing - shown);
  if (first_pair) {
    const auto& [x, y] = *first_pair;
    const auto bytes = common_start(a[x].text, b[y].text);
    const auto column = std::ranges::count_if(a[x].text.substr(0, bytes), [](char c) { return !continues(c); }) + 1;
    out += fmt::format("first difference: line {}, column {}\n", x + 1, column);
  }
  const auto sorted = [](const std::vector<Line>& lines) {
    std::vector<std::string_view> list;
    for (const auto& line : lines) list.push_back(line.canonical);
    std::ranges::sort(list);
    return list;
  };
  if (a.size() == b.size() && sorted(a) == sorted(b))
    out += "the rows are the same in another order: does the query have an ORDER BY that leaves no ties?\n";
  return out;
}

}  // namespace kinglet::project
