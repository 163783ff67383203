// SPDX-License-Identifier: Apache-2.0
#include "project/pattern.h"

#include <cstdint>
#include <string>
#include <vector>

namespace kinglet::project {
namespace {

constexpr std::size_t choices_max = 64;

/// `[a-z]` or `[!a-z]` at the start of `pattern` against one character; `length` is what it takes. 0: no class.
bool matches_class(std::string_view pattern, char c, std::size_t& length) {
  const auto close = pattern.find(']', 2);
  length = 0;
  if (close == std::string_view::npos) return false;
  length = close + 1;
  auto body = pattern.substr(1, close - 1);
  const bool negated = body.front() == '!' || body.front() == '^';
  if (negated) body.remove_prefix(1);
  bool found = false;
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (i + 2 < body.size() && body[i + 1] == '-') {
      found |= body[i] <= c && c <= body[i + 2];
      i += 2;
    } else {
      found |= body[i] == c;
    }
  }
  return found != negated && c != '/';
}

/// Without {}. Rows of a table instead of recursion, so that no pattern takes more than pattern × path.
bool matches_plain(std::string_view path, std::string_view pattern) {
  std::vector<std::uint8_t> here(path.size() + 1), next(path.size() + 1);
  here[0] = 1;  // here[i]: the pattern so far matches path[0, i)
  for (std::size_t p = 0; p < pattern.size();) {
    next.assign(next.size(), 0);
    std::size_t length = 1;
    if (pattern.substr(p).starts_with("**")) {
      length = 2;
      const bool whole_folders = pattern.substr(p).starts_with("**/") && (p == 0 || pattern[p - 1] == '/');
      if (whole_folders) length = 3;
      std::uint8_t reached = 0;
      for (std::size_t i = 0; i <= path.size(); ++i) {
        reached |= here[i];
        if (whole_folders)
          next[i] = here[i] | static_cast<std::uint8_t>(i > 0 && path[i - 1] == '/' ? reached : 0);
        else
          next[i] = reached;
      }
    } else if (pattern[p] == '*') {
      std::uint8_t reached = 0;
      for (std::size_t i = 0; i <= path.size(); ++i) {
        if (i > 0 && path[i - 1] == '/') reached = 0;
        reached |= here[i];
        next[i] = reached;
      }
    } else {
      std::size_t of_class = 0;
      if (pattern[p] == '[') (void)matches_class(pattern.substr(p), 'a', of_class);
      if (of_class > 0) length = of_class;
      for (std::size_t i = 0; i < path.size(); ++i) {
        if (here[i] == 0) continue;
        std::size_t unused = 0;
        const bool same = of_class > 0        ? matches_class(pattern.substr(p), path[i], unused)
                          : pattern[p] == '?' ? path[i] != '/'
                                              : pattern[p] == path[i];
        if (same) next[i + 1] = 1;
      }
    }
    std::swap(here, next);
    p += length;
  }
  return here[path.size()] != 0;
}

/// All patterns without {} that `pattern` stands for. An open { is a letter.
std::vector<std::string> choices(std::string_view pattern) {
  std::vector<std::string> open = {std::string(pattern)}, out;
  while (!open.empty()) {
    const auto text = std::move(open.back());
    open.pop_back();
    if (open.size() + out.size() >= choices_max) return {};
    const auto from = text.find('{');
    std::size_t depth = 0, end = from, part = from == std::string::npos ? 0 : from + 1;
    std::vector<std::string> parts;
    for (; end < text.size(); ++end) {
      if (text[end] == '{') ++depth;
      if (text[end] == '}' && --depth == 0) break;
      if (text[end] == ',' && depth == 1) {
        parts.push_back(text.substr(part, end - part));
        part = end + 1;
      }
    }
    if (from == std::string::npos || end >= text.size()) {
      out.push_back(text);
      continue;
    }
    parts.push_back(text.substr(part, end - part));
    for (const auto& one : parts) open.push_back(text.substr(0, from) + one + text.substr(end + 1));
  }
  return out;
}

}  // namespace

bool is_pattern(std::string_view text) {
  return text.find_first_of("*?[{") != std::string_view::npos;
}

bool matches_pattern(std::string_view path, std::string_view pattern) {
  for (const auto& one : choices(pattern))
    if (matches_plain(path, one)) return true;
  return false;
}

}  // namespace kinglet::project
