// SPDX-License-Identifier: Apache-2.0
#include "project/test_edit.h"

#include <algorithm>
#include <optional>

#include "base/ascii.h"
#include "datafile/source.h"
#include "project/test_yaml.h"

namespace kinglet::project {
namespace {

using internal::YamlNode;
using Kind = YamlNode::Kind;

// ---- values to YAML
// ---------------------------------------------------------------------------------------------------

bool is_control(unsigned char c) {
  return c < 0x20 || c == 0x7F;
}

/// Text that YAML reads back as it is without quotes: letters first, nothing that starts a comment or a map.
bool is_plain(std::string_view text) {
  if (text.empty() || !ascii::is_word_start(text.front()) || text.back() == ' ' || text.back() == ':') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (is_control(c) || c >= 0x80) return false;
    if (c == ':' && text[i + 1] == ' ') return false;
    if (c == '#' && text[i - 1] == ' ') return false;
  }
  constexpr std::string_view words[] = {"null",  "Null",  "NULL", "true", "True", "TRUE", "false",
                                        "False", "FALSE", "yes",  "no",   "on",   "off"};
  return std::ranges::find(words, text) == std::end(words);
}

std::string quoted_scalar(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += fmt::format("\\{}", c);
    else if (c == '\n')
      out += "\\n";
    else if (is_control(static_cast<unsigned char>(c)))
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out + '"';
}

/// Rows and texts of several lines read best as a block, which cannot hold every text.
bool wants_block(std::string_view text) {
  if (text.find('\n') == text.npos && !text.starts_with('{')) return false;
  if (text.front() == ' ' || text.front() == '\n') return false;
  if (text.ends_with("\n\n")) return false;
  if (text.find("\xC2\x85") != text.npos || text.find("\xE2\x80\xA8") != text.npos ||
      text.find("\xE2\x80\xA9") != text.npos || text.find("\xEF\xBB\xBF") != text.npos)
    return false;  // line separators and the byte order mark
  return std::ranges::none_of(text, [](char c) { return c != '\n' && is_control(static_cast<unsigned char>(c)); });
}

/// What stands behind `key:`: a scalar, then `trailer` (the rest of its line), then the lines of a block.
std::string value_text(std::string_view text, std::string_view trailer, std::size_t indent, std::string_view line_end) {
  if (!wants_block(text))
    return fmt::format(" {}{}{}",
                       text.empty()     ? "''"
                       : is_plain(text) ? std::string(text)
                                        : quoted_scalar(text),
                       trailer, line_end);
  auto out = fmt::format(" |{}{}{}", text.ends_with('\n') ? "" : "-", trailer, line_end);
  const std::string blanks(indent + 2, ' ');
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    out += fmt::format("{}{}{}", line.empty() ? "" : blanks, line, line_end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return out;
}

// ---- where a value stands
// ----------------------------------------------------------------------------------------------

/// From behind the colon of its key to the end of its last line, the line end included.
struct Region {
  std::size_t begin = 0, end = 0;
  std::string_view trailer = {};  // a comment that stands on the value's line, with the blanks before it
};

class Text {
 public:
  explicit Text(std::string_view text) : text_(text) {}

  std::size_t offset(const YamlNode& node) const { return text_.size() - node.place.size(); }
  std::size_t column(const YamlNode& node) const {
    const auto at = offset(node);
    const auto line = text_.rfind('\n', at == 0 ? 0 : at - 1);
    return line == text_.npos || at == 0 ? at : at - line - 1;
  }
  std::string_view line_end() const { return text_.find("\r\n") == text_.npos ? "\n" : "\r\n"; }

  /// Nothing for lists, maps, and keys of more than a word.
  std::optional<Region> region(const YamlNode& key, const YamlNode& value) const {
    const auto colon = text_.find(':', offset(key));
    if (value.kind == Kind::list || value.kind == Kind::map || colon == text_.npos) return std::nullopt;
    Region region{.begin = colon + 1};
    std::size_t at = offset(value);
    if (value.kind == Kind::null && !is_written(colon + 1, at)) {
      at = colon + 1;  // an absent value has the place of what follows
    } else if (text_[at] == '|' || text_[at] == '>') {
      return block(region, at, column(key));
    } else if (text_[at] == '"' || text_[at] == '\'') {
      at = behind_quotes(at);
    } else {
      return plain(region, at, column(key));
    }
    return to_line_end(region, at);
  }

 private:
  /// Nothing but blanks before it on its key's line.
  bool is_written(std::size_t begin, std::size_t at) const {
    return at >= begin && at < text_.size() && text_[at] != '\n' && text_[at] != '\r' &&
           text_.substr(begin, at - begin).find_first_not_of(" \t") == text_.npos;
  }
  std::size_t next_line(std::size_t at) const {
    const auto end = text_.find('\n', at);
    return end == text_.npos ? text_.size() : end + 1;
  }
  Region to_line_end(Region region, std::size_t at) const {
    region.end = next_line(at);
    auto rest = text_.substr(at, region.end - at);
    rest = rest.substr(0, rest.find_last_not_of(" \t\r\n") + 1);
    region.trailer = rest;
    return region;
  }
  std::size_t behind_quotes(std::size_t at) const {
    const char quote = text_[at];
    for (++at; at < text_.size(); ++at) {
      if (quote == '"' && text_[at] == '\\') {
        ++at;
      } else if (text_[at] == quote) {
        if (quote != '\'' || at + 1 >= text_.size() || text_[at + 1] != '\'') return at + 1;
        ++at;
      }
    }
    return text_.size();
  }
  /// How far the line at `at` is indented; nothing for a blank one.
  std::optional<std::size_t> indent(std::size_t at) const {
    const auto line = text_.substr(at, next_line(at) - at);
    const auto first = line.find_first_not_of(' ');
    if (first == line.npos || line.find_first_not_of(" \t\r\n") == line.npos) return std::nullopt;
    return first;
  }
  /// The lines that are indented deeper than the key, without blank ones at the end.
  std::size_t behind_deeper_lines(std::size_t at, std::size_t key_column) const {
    std::size_t end = at;
    while (at < text_.size()) {
      const auto depth = indent(at);
      if (depth && *depth <= key_column) break;
      at = next_line(at);
      if (depth) end = at;
    }
    return end;
  }
  Region block(Region region, std::size_t at, std::size_t key_column) const {
    const auto header = std::min(text_.find_first_not_of("|>+-0123456789", at), text_.size());
    region = to_line_end(region, header);
    region.end = behind_deeper_lines(region.end, key_column);
    return region;
  }
  Region plain(Region region, std::size_t at, std::size_t key_column) const {
    for (;;) {
      const auto end = next_line(at);
      const auto line = text_.substr(at, end - at);
      if (const auto comment = line.find(" #"); comment != line.npos)
        return to_line_end(region, at + line.find_last_not_of(" \t", comment) + 1);
      const auto following = end < text_.size() ? indent(end) : std::nullopt;
      if (!following || *following <= key_column || text_[end + *following] == '#') {
        const auto last = line.find_last_not_of(" \t\r\n");
        return to_line_end(region, at + (last == line.npos ? 0 : last + 1));
      }
      at = end;
    }
  }

  std::string_view text_;
};

struct Edit {
  std::size_t begin = 0, end = 0;
  std::string text;
};

// ---- checks
// -------------------------------------------------------------------------------------------------------------

std::unexpected<Error> cannot_change(const std::string& file, std::uint32_t line) {
  return fail(Error{.code = Code::invalid,
                    .message = fmt::format("{}:{}: this test cannot be changed in place", file, line),
                    .hint = "write it as a block: one `key: value` a line, without braces"});
}

Result<ReadTests> read_good(const datafile::SourceFile& file) {
  auto read = read_tests(file);
  for (const auto& d : read.diagnostics)
    if (d.severity == datafile::Severity::error) return fail(Code::invalid, "{}", datafile::to_string(d));
  if (read.file.classic) return fail(Code::invalid, "{}: a file of Classic tests is not changed", file.name);
  return read;
}

/// But for line ends behind it: a last line that had none gets one when something follows.
bool same_text(std::string_view a, std::string_view b) {
  while (a.ends_with('\n')) a.remove_suffix(1);
  while (b.ends_with('\n')) b.remove_suffix(1);
  return a == b;
}

bool same_test(const TestCase& a, const TestCase& b) {
  return a.name == b.name && same_text(a.description, b.description) && a.query == b.query &&
         a.parameters == b.parameters && same_text(a.expected_result, b.expected_result) &&
         a.expected_http_status == b.expected_http_status;
}

}  // namespace

Result<std::string> with_expectations(const datafile::SourceFile& file, std::span<const NewExpectation> expectations) {
  TRY(auto wanted, read_good(file));
  std::vector<datafile::Diagnostic> ignored;  // read_good() saw none
  datafile::internal::Source source(file.name, file.text, ignored);
  const auto root = internal::read_yaml(source);
  const Text text(source.text());
  const auto line_end = text.line_end();
  std::vector<Edit> edits;
  for (const auto& e : expectations) {
    if (!root || e.index >= root->items.size()) return fail(Code::internal, "{} has no test {}", file.name, e.index);
    const auto& item = root->items[e.index];
    auto& test = wanted.file.cases[e.index];
    if (test.expected_result == e.result && test.expected_http_status == e.status) continue;
    if (item.flow) return cannot_change(file.name, test.position.line);
    const YamlNode *result = nullptr, *status = nullptr;
    std::optional<Region> result_region, status_region, last_region;
    std::size_t indent = 0;
    for (const auto& [key, value] : item.entries) {
      const auto region = text.region(key, value);
      if (region) last_region = region;
      indent = text.column(key);
      if (key.text == "expected_result") {
        result = &value;
        result_region = region;
      } else if (key.text == "expected_http_status") {
        status = &value;
        status_region = region;
      }
    }
    std::string added;
    if (test.expected_result != e.result) {
      if (result == nullptr) {
        added += fmt::format("{:{}}expected_result:{}", "", indent, value_text(e.result, {}, indent, line_end));
      } else {
        if (!result_region) return cannot_change(file.name, test.position.line);
        edits.push_back(
            {result_region->begin, result_region->end, value_text(e.result, result_region->trailer, indent, line_end)});
      }
    }
    if (test.expected_http_status != e.status) {
      if (status == nullptr) {
        added += fmt::format("{:{}}expected_http_status: {}{}", "", indent, e.status, line_end);
      } else {
        if (!status_region) return cannot_change(file.name, test.position.line);
        edits.push_back({status_region->begin, status_region->end,
                         fmt::format(" {}{}{}", e.status, status_region->trailer, line_end)});
      }
    }
    if (!added.empty()) {
      const auto& behind = result_region ? result_region : last_region;
      if (!behind) return cannot_change(file.name, test.position.line);
      if (!source.text().substr(0, behind->end).ends_with('\n')) added = std::string(line_end) + added;
      edits.push_back({behind->end, behind->end, std::move(added)});
    }
    test.expected_result = e.result;
    test.expected_http_status = e.status;
  }
  std::ranges::sort(edits, {}, &Edit::begin);
  const auto before = source.text();
  std::string out = file.text.substr(0, file.text.size() - before.size());  // a byte order mark
  std::size_t at = 0;
  for (const auto& edit : edits) {
    if (edit.begin < at) return cannot_change(file.name, wanted.file.cases.front().position.line);
    out += before.substr(at, edit.begin - at);
    out += edit.text;
    at = edit.end;
  }
  out += before.substr(at);

  // The new text must mean what was wanted, all of it: else the file stays as it is.
  const auto check = read_tests({.name = file.name, .text = out});
  const auto same = std::ranges::mismatch(check.file.cases, wanted.file.cases, same_test);
  if (!check.ok() || same.in1 != check.file.cases.end() || same.in2 != wanted.file.cases.end())
    return cannot_change(file.name, same.in2 == wanted.file.cases.end() ? 1 : same.in2->position.line);
  return out;
}

Result<std::string> with_test(const datafile::SourceFile& file, const TestCase& test) {
  TRY(auto wanted, read_good(file));
  std::vector<datafile::Diagnostic> ignored;  // read_good() saw none
  datafile::internal::Source source(file.name, file.text, ignored);
  const auto root = internal::read_yaml(source);
  const Text text(source.text());
  const auto line_end = text.line_end();
  std::size_t column = 0;
  std::string out = file.text;
  if (root && root->kind == Kind::list) {
    if (root->flow && !root->items.empty()) return cannot_change(file.name, 1);
    if (root->flow)
      out.clear();
    else
      column = text.column(*root);
  }
  if (!out.empty()) {
    if (!out.ends_with('\n')) out += line_end;
    out += line_end;
  }
  const auto add = [&](std::string_view start, std::string_view key, std::string_view value) {
    out += fmt::format("{:{}}{}{}:{}", "", column, start, key, value_text(value, {}, column + 2, line_end));
  };
  add("- ", "name", test.name);
  if (!test.description.empty()) add("  ", "description", test.description);
  if (test.parameters.empty()) {
    add("  ", "parameters", test.query);
  } else {
    out += fmt::format("{:{}}  parameters:{}", "", column, line_end);
    for (const auto& [name, value] : test.parameters)
      out += fmt::format("{:{}}    {}: {}{}", "", column, quoted_scalar(name), quoted_scalar(value), line_end);
  }
  add("  ", "expected_result", test.expected_result);
  if (test.expected_http_status != 200)
    out += fmt::format("{:{}}  expected_http_status: {}{}", "", column, test.expected_http_status, line_end);

  wanted.file.cases.push_back(test);
  const auto check = read_tests({.name = file.name, .text = out});
  if (!check.ok() || !std::ranges::equal(check.file.cases, wanted.file.cases, same_test))
    return fail(Error{.code = Code::invalid,
                      .message = fmt::format("{}: no test can be added behind this text", file.name),
                      .hint = "does it end with `...`, or with a value that keeps its blank lines (|+)?"});
  return out;
}

}  // namespace kinglet::project
