// SPDX-License-Identifier: Apache-2.0
// INCLUDE: fragments pasted into a file before it is read, and the way back from a place in the result.
#include "datafile/include.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/spelling.h"
#include "datafile/limits.h"
#include "datafile/values.h"

namespace kinglet::datafile::internal {
namespace {

constexpr std::string_view keyword = "INCLUDE";

using Variables = std::map<std::string, std::string, std::less<>>;

std::string_view folder_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash + 1);
}

/// "$NAME" or "${NAME}" at the start of `text`: the name and the bytes of the whole.
struct Variable {
  std::string_view name;
  std::size_t size = 0;
};
std::optional<Variable> variable_at(std::string_view text) {
  if (text.size() < 2 || text.front() != '$') return std::nullopt;
  const bool braces = text[1] == '{';
  const std::size_t start = braces ? 2 : 1;
  std::size_t end = start;
  while (end < text.size() && ascii::is_word(text[end])) ++end;
  if (end == start || (text[start] >= '0' && text[start] <= '9')) return std::nullopt;
  if (braces && (end >= text.size() || text[end] != '}')) return std::nullopt;
  return Variable{.name = text.substr(start, end - start), .size = end + (braces ? 1 : 0)};
}

Position moved(Position at, std::string_view over) {
  for (const char c : over) {
    if (c == '\n') {
      ++at.line;
      at.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0u) != 0x80u) {
      ++at.column;
    }
  }
  return at;
}

class Expander {
 public:
  Expander(Source& source, const Fragments& fragments) : source_(source), fragments_(fragments) {}

  Expanded expand() {
    const auto path = normal_path(source_.name()).value_or(source_.name());
    open_.push_back(source_.name());
    paste(source_.name(), path, source_.text(), {});
    if (!included_) out_.origins.clear();
    return std::move(out_);
  }

 private:
  /// A line of a file, and where it stands there.
  struct Line {
    std::string_view file;  // as sent
    std::string_view path;
    Position position;
    std::string_view text;
  };

  void error(const Line& line, std::string message, std::string hint = {}) {
    out_.complete = false;
    source_.report({.severity = Severity::error,
                    .file = std::string(line.file),
                    .position = line.position,
                    .message = std::move(message),
                    .hint = std::move(hint)});
  }

  void paste(std::string_view file, std::string_view path, std::string_view text, const Variables& variables) {
    Line line{.file = file, .path = path, .position = {.line = 1, .column = 1}, .text = {}};
    bool fresh = true;  // the next text needs an origin of its own
    while (!text.empty() && !too_large_) {
      const auto end = text.find('\n');
      line.text = text.substr(0, end == std::string_view::npos ? text.size() : end + 1);
      text.remove_prefix(line.text.size());
      if (is_include(line.text)) {
        const auto trimmed = trim(line.text);
        Line at = line;
        at.position =
            moved(line.position, line.text.substr(0, static_cast<std::size_t>(trimmed.data() - line.text.data())));
        at.text = trimmed;
        include(at, replaced(trimmed, variables));
        fresh = true;
      } else {
        add(line, variables, fresh);
        fresh = false;
      }
      line.position = moved(line.position, line.text);
    }
  }

  /// In the first column as any keyword; inside a block of SQL only with a quoted .incl file, which no SQL looks like.
  static bool is_include(std::string_view line) {
    const auto trimmed = trim(line);
    if (!trimmed.starts_with(keyword)) return false;
    const auto rest = trimmed.substr(keyword.size());
    if (line.starts_with(keyword))
      return rest.empty() || rest.front() == ' ' || rest.front() == '\t' || rest.front() == '"' || rest.front() == '\'';
    const auto path = trim(rest);
    return !path.empty() && (path.front() == '"' || path.front() == '\'') &&
           path.find(".incl") != std::string_view::npos;
  }

  void begin(std::string_view file, Position at, bool verbatim) {
    out_.origins.push_back(
        {.start = out_.text.size(), .file = std::string(file), .position = at, .verbatim = verbatim});
  }

  void append(const Line& line, std::string_view text) {
    if (out_.text.size() + text.size() > limits::file_bytes_max) {
      too_large_ = true;
      return error(line, fmt::format("the file has more than {} bytes with what it includes", limits::file_bytes_max));
    }
    out_.text += text;
  }

  void add(const Line& line, const Variables& variables, bool fresh) {
    if (fresh) begin(line.file, line.position, true);
    std::size_t done = 0;
    for (std::size_t i = 0; i < line.text.size();) {
      const auto found = variables.empty() ? std::nullopt : variable_at(line.text.substr(i));
      const auto value = found ? variables.find(found->name) : variables.end();
      if (value == variables.end()) {
        ++i;
        continue;
      }
      append(line, line.text.substr(done, i - done));
      begin(line.file, moved(line.position, line.text.substr(0, i)), false);
      append(line, value->second);
      i = done = i + found->size;
      begin(line.file, moved(line.position, line.text.substr(0, i)), true);
    }
    append(line, line.text.substr(done));
  }

  static std::string replaced(std::string_view text, const Variables& variables) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
      const auto found = variable_at(text.substr(i));
      const auto value = found ? variables.find(found->name) : variables.end();
      if (value == variables.end()) {
        out += text[i++];
      } else {
        out += value->second;
        i += found->size;
      }
    }
    return out;
  }

  /// Words and quoted texts; nothing when a quote stays open.
  static std::optional<std::vector<std::string>> arguments(std::string_view text) {
    std::vector<std::string> out;
    while (!(text = trim(text)).empty() && text.front() != '#') {
      const bool is_quoted = text.front() == '"' || text.front() == '\'';
      const auto end = is_quoted ? text.find(text.front(), 1) : text.find_first_of(" \t");
      if (is_quoted && end == std::string_view::npos) return std::nullopt;
      out.emplace_back(is_quoted ? text.substr(1, end - 1) : text.substr(0, end));
      text = end == std::string_view::npos ? std::string_view() : text.substr(end + (is_quoted ? 1 : 0));
    }
    return out;
  }

  void include(const Line& line, const std::string& text) {
    included_ = true;
    constexpr std::string_view form = "write INCLUDE \"../includes/name.incl\" \"VAR=value\"";
    const auto words = arguments(std::string_view(text).substr(keyword.size()));
    if (!words) return error(line, "this INCLUDE opens a quote that is never closed", std::string(form));
    if (words->empty()) return error(line, "INCLUDE needs the path of a file", std::string(form));
    Variables variables;
    for (std::size_t i = 1; i < words->size(); ++i) {
      const auto& word = words->at(i);
      const auto equals = word.find('=');
      const auto name = std::string_view(word).substr(0, equals);
      if (equals == std::string::npos || !is_identifier(name))
        return error(line, fmt::format("behind the path of an INCLUDE comes VAR=value, found {}", quoted(word)),
                     std::string(form));
      variables.insert_or_assign(std::string(name), word.substr(equals + 1));
    }
    const auto* found = find(line, words->front());
    if (found == nullptr) return;
    if (std::find(open_.begin(), open_.end(), found->name) != open_.end())
      return error(line, fmt::format("INCLUDE goes in a circle: {} -> {}", fmt::join(open_, " -> "), found->name));
    if (open_.size() > limits::include_depth_max)
      return error(line, fmt::format("files include each other deeper than {}", limits::include_depth_max));
    if (++count_ > limits::includes_max)
      return error(line, fmt::format("a file has more than {} INCLUDEs with those of the files it includes",
                                     limits::includes_max));
    out_.used.insert(found->name);
    if (count_ == 1)
      source_.report({.severity = Severity::warning,
                      .file = std::string(line.file),
                      .position = line.position,
                      .message = "INCLUDE belongs to older projects; newer ones do not know it",
                      .hint = "copy the text of the file here when you move on"});
    open_.push_back(found->name);
    const auto path = normal_path(found->name).value_or(found->name);
    paste(found->name, path, without_mark(found->text), variables);
    // What follows starts a line of its own.
    if (!out_.text.empty() && out_.text.back() != '\n') append(line, "\n");
    open_.pop_back();
  }

  static std::string_view without_mark(std::string_view text) {
    constexpr std::string_view mark = "\xEF\xBB\xBF";
    return text.starts_with(mark) ? text.substr(mark.size()) : text;
  }

  const Fragments::Fragment* find(const Line& line, const std::string& written) {
    for (std::size_t i = 0; i < written.size(); ++i)
      if (const auto variable = variable_at(std::string_view(written).substr(i))) {
        error(line,
              fmt::format("the path of this INCLUDE holds ${}, which has no value here: the environment is not read",
                          variable->name),
              candidates(written.substr(0, i), written.substr(i + variable->size)));
        return nullptr;
      }
    std::string slashes = written;
    std::replace(slashes.begin(), slashes.end(), '\\', '/');
    const bool absolute = slashes.starts_with('/') || slashes.substr(0, 2).ends_with(':');
    const auto near = absolute ? std::nullopt : normal_path(fmt::format("{}{}", folder_of(line.path), slashes));
    const auto from_top = normal_path(slashes);
    if (!near && !from_top) {
      error(line, fmt::format("the path {} of this INCLUDE leaves the project", quoted(written)),
            "a path counts from the folder of the file it stands in");
      return nullptr;
    }
    for (const auto& path : {near, from_top})
      if (path)
        if (const auto* found = fragments_.find(*path)) return found;
    std::string tried = near ? *near : *from_top;
    if (near && from_top && *near != *from_top) tried += fmt::format(" and {}", *from_top);
    if (!slashes.ends_with(".incl"))
      error(line, fmt::format("INCLUDE reads files whose name ends in .incl, not {}", quoted(written)));
    else
      error(line, fmt::format("there is no file {} to INCLUDE; tried {}", quoted(written), tried),
            did_you_mean(tried, fragments_.paths()));
    return nullptr;
  }

  /// Files that a path with a variable in it may mean.
  std::string candidates(std::string_view before, std::string_view behind) const {
    const auto name = before.substr(before.rfind('/') + 1);
    std::vector<std::string_view> out;
    for (const auto path : fragments_.paths()) {
      const auto file = path.substr(path.rfind('/') + 1);
      if (file.size() >= name.size() + behind.size() && file.starts_with(name) && file.ends_with(behind))
        out.push_back(file);
    }
    return out.empty() ? "write the name of the file itself"
                       : fmt::format("write the name of the file itself: {}", fmt::join(out, " or "));
  }

  Source& source_;
  const Fragments& fragments_;
  Expanded out_;
  std::vector<std::string> open_;  // files being pasted, the outermost first
  std::size_t count_ = 0;
  bool included_ = false, too_large_ = false;
};

}  // namespace

void Fragments::add(const std::string& file_name, std::string_view text) {
  files_.insert_or_assign(normal_path(file_name).value_or(file_name), Fragment{.name = file_name, .text = text});
}

const Fragments::Fragment* Fragments::find(std::string_view path) const {
  const auto found = files_.find(path);
  return found == files_.end() ? nullptr : &found->second;
}

std::vector<std::string_view> Fragments::paths() const {
  std::vector<std::string_view> out;
  for (const auto& [path, file] : files_) out.push_back(path);
  return out;
}

std::optional<std::string> normal_path(std::string_view path) {
  std::vector<std::string_view> parts;
  if (path.starts_with('/') || path.starts_with('\\')) return std::nullopt;
  if (path.size() >= 2 && path[1] == ':') return std::nullopt;
  while (true) {
    const auto end = path.find_first_of("/\\");
    const auto part = path.substr(0, end);
    if (part == "..") {
      if (parts.empty()) return std::nullopt;
      parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
    if (end == std::string_view::npos) break;
    path.remove_prefix(end + 1);
  }
  return fmt::format("{}", fmt::join(parts, "/"));
}

Expanded expand_includes(Source& source, const Fragments& fragments) {
  if (source.text().find(keyword) == std::string_view::npos) return {};
  return Expander(source, fragments).expand();
}

Place origin_of(std::string_view text, const std::vector<Origin>& origins, Position at) {
  std::size_t offset = 0;
  Position here{.line = 1, .column = 1};
  while (offset < text.size() && here.line < at.line) {
    const auto end = text.find('\n', offset);
    if (end == std::string_view::npos) break;
    offset = end + 1;
    ++here.line;
  }
  while (offset < text.size() && here.column < at.column && text[offset] != '\n') {
    ++offset;
    if (offset >= text.size() || (static_cast<unsigned char>(text[offset]) & 0xC0u) != 0x80u) ++here.column;
  }
  const auto next = std::upper_bound(origins.begin(), origins.end(), offset,
                                     [](std::size_t value, const Origin& origin) { return value < origin.start; });
  if (next == origins.begin()) return {.file = {}, .position = at};
  const Origin& origin = *std::prev(next);
  return {.file = origin.file,
          .position = origin.verbatim ? moved(origin.position, text.substr(origin.start, offset - origin.start))
                                      : origin.position};
}

}  // namespace kinglet::datafile::internal
