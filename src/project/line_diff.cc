// SPDX-License-Identifier: Apache-2.0
#include "project/line_diff.h"

#include <fmt/format.h>

#include <algorithm>

#include "project/edit_script.h"

namespace kinglet::project {
namespace {

using Kind = DiffLine::Kind;
constexpr std::size_t pairs_max = 4'000'000;
constexpr std::size_t lines_around = 3;

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

bool ends_open(std::string_view text) {
  return !text.empty() && text.back() != '\n';
}

}  // namespace

std::vector<DiffLine> diff_lines(std::string_view before, std::string_view after) {
  const auto a = lines_of(before), b = lines_of(after);
  const auto same = [&](std::size_t i, std::size_t j) { return a[i] == b[j]; };
  const auto as_a_whole = [](std::size_t head, std::size_t n, std::size_t m, std::vector<EditStep>& steps) {
    if (n != 0 && m != 0 && n <= pairs_max / m) return false;
    for (std::size_t i = 0; i < n; ++i) steps.push_back({EditStep::Side::before, head + i, 0});
    for (std::size_t i = 0; i < m; ++i) steps.push_back({EditStep::Side::after, 0, head + i});
    return true;
  };
  std::vector<DiffLine> out;
  for (const auto& step : edit_script(a.size(), b.size(), same, as_a_whole)) {
    const bool added = step.side == EditStep::Side::after;
    out.push_back({.kind = added                                 ? Kind::added
                           : step.side == EditStep::Side::before ? Kind::removed
                                                                 : Kind::same,
                   .text = added ? b[step.after] : a[step.before]});
  }
  return out;
}

std::string unified_diff(std::string_view before, std::string_view after, std::string_view name) {
  if (before == after) return {};
  auto lines = diff_lines(before, after);
  // The last line is another when only one of them has a line end.
  if (!lines.empty() && lines.back().kind == Kind::same && ends_open(before) != ends_open(after)) {
    const auto text = lines.back().text;
    lines.back().kind = Kind::removed;
    lines.push_back({.kind = Kind::added, .text = text});
  }
  std::size_t last_before = lines.size(), last_after = lines.size();  // the last line of each text
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].kind != Kind::added) last_before = i;
    if (lines[i].kind != Kind::removed) last_after = i;
  }
  std::string out = fmt::format("--- {}\n+++ {}\n", name, name);
  std::size_t line_before = 1, line_after = 1;  // of lines[at]
  std::size_t at = 0;
  const auto advance = [&](std::size_t to) {
    for (; at < to; ++at) {
      if (lines[at].kind != Kind::added) ++line_before;
      if (lines[at].kind != Kind::removed) ++line_after;
    }
  };
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].kind == Kind::same) continue;
    const auto from = std::max(at, i > lines_around ? i - lines_around : 0);
    std::size_t end = i, last = i;  // behind the last change that is near enough to share the hunk
    for (; end < lines.size() && end <= last + 2 * lines_around + 1; ++end)
      if (lines[end].kind != Kind::same) last = end;
    end = std::min(lines.size(), last + 1 + lines_around);
    advance(from);
    std::size_t count_before = 0, count_after = 0;
    std::string hunk;
    for (auto k = from; k < end; ++k) {
      if (lines[k].kind != Kind::added) ++count_before;
      if (lines[k].kind != Kind::removed) ++count_after;
      hunk += fmt::format("{}{}\n", static_cast<char>(lines[k].kind), lines[k].text);
      const bool open = (k == last_before && lines[k].kind != Kind::added && ends_open(before)) ||
                        (k == last_after && lines[k].kind != Kind::removed && ends_open(after));
      if (open) hunk += "\\ No newline at end of file\n";
    }
    const auto range = [](std::size_t line, std::size_t count) {
      return count == 1 ? fmt::format("{}", line) : fmt::format("{},{}", count == 0 ? line - 1 : line, count);
    };
    out += fmt::format("@@ -{} +{} @@\n{}", range(line_before, count_before), range(line_after, count_after), hunk);
    advance(end);
    i = end - 1;
  }
  return out;
}

}  // namespace kinglet::project
