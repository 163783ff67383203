// SPDX-License-Identifier: Apache-2.0
// .env files and ${NAME} in settings.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "base/ascii.h"
#include "datafile/source.h"
#include "project/config.h"
#include "project/limits.h"

namespace kinglet::project {
namespace {

using datafile::internal::Source;
using datafile::internal::trim;

bool is_name(std::string_view text) {
  return !text.empty() && !ascii::is_digit(text.front()) && std::ranges::all_of(text, ascii::is_word);
}

/// The value behind `=`, which may go on over lines inside quotes; `rest` moves behind it. Nothing: a quote is open.
std::optional<std::string> take_value(std::string_view& rest) {
  const auto blanks = rest.find_first_not_of(" \t");
  rest.remove_prefix(blanks == std::string_view::npos ? rest.size() : blanks);
  const char quote = rest.empty() ? '\0' : rest.front();
  if (quote == '"' || quote == '\'' || quote == '`') {
    std::string out;
    for (std::size_t i = 1; i < rest.size(); ++i) {
      if (rest[i] == quote) {
        const auto end = rest.find('\n', i);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end);
        return out;
      }
      if (quote == '"' && rest[i] == '\\' && i + 1 < rest.size()) {
        ++i;
        out += rest[i] == 'n' ? '\n' : rest[i] == 't' ? '\t' : rest[i];
      } else {
        out += rest[i];
      }
    }
    return std::nullopt;
  }
  const auto end = std::min(rest.find('\n'), rest.size());
  auto value = rest.substr(0, end);
  rest.remove_prefix(end);
  for (std::size_t i = 0; i < value.size(); ++i)
    if (value[i] == '#' && (i == 0 || value[i - 1] == ' ' || value[i - 1] == '\t')) {
      value = value.substr(0, i);
      break;
    }
  return std::string(trim(value));
}

std::map<std::string, std::string, std::less<>> variables_of(const std::filesystem::path& path) {
  std::map<std::string, std::string, std::less<>> out;
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return out;
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  std::vector<datafile::Diagnostic> findings;  // told by discover()
  for (auto& variable : parse_variables(text.str(), {}, findings)) out.emplace(variable.name, variable.value);
  return out;
}

}  // namespace

std::vector<Variable> parse_variables(std::string_view text, const std::string& file,
                                      std::vector<datafile::Diagnostic>& findings) {
  std::vector<Variable> out;
  Source source(file, text, findings);
  if (text.size() > ProjectLimits::settings_bytes_max) {
    source.error(datafile::Position{},
                 fmt::format("the file has {} bytes, the limit is {}", text.size(), ProjectLimits::settings_bytes_max));
    return out;
  }
  for (auto rest = source.text(); !rest.empty();) {
    const auto start = rest.find_first_not_of(" \t\r\n");
    if (start == std::string_view::npos) break;
    rest.remove_prefix(start);
    const auto line = rest.substr(0, rest.find('\n'));
    const auto skip = [&] { rest.remove_prefix(line.size()); };
    if (line.front() == '#') {
      skip();
      continue;
    }
    const auto equals = line.find('=');
    auto name = trim(line.substr(0, equals));
    if (name.starts_with("export ") || name.starts_with("export\t")) name = trim(name.substr(7));
    if (equals == std::string_view::npos || !is_name(name)) {
      // The text may be a secret, so it is not repeated.
      source.error(line.substr(0, 1), "a line NAME=value is expected", "a comment begins with #");
      skip();
      continue;
    }
    if (out.size() >= ProjectLimits::variables_max) {
      source.error(line.substr(0, 1), fmt::format("more than {} variables", ProjectLimits::variables_max));
      break;
    }
    rest.remove_prefix(equals + 1);
    auto value = take_value(rest);
    if (!value) {
      source.error(name, fmt::format("the quote of the value of {} never closes", name));
      break;
    }
    const auto same = std::ranges::find(out, name, &Variable::name);
    if (same != out.end())
      same->value = std::move(*value);
    else
      out.push_back({.name = std::string(name), .value = std::move(*value), .position = source.position(name)});
  }
  return out;
}

Environment environment_of(const std::filesystem::path& folder) {
  auto read = variables_of(folder / ".env.local");
  read.merge(variables_of(folder / ".env"));  // keeps what is there
  return [read = std::move(read)](std::string_view name) -> std::optional<std::string> {
    if (const char* value = std::getenv(std::string(name).c_str()); value != nullptr) return value;
    const auto found = read.find(name);
    return found == read.end() ? std::nullopt : std::optional(found->second);
  };
}

Result<std::string> interpolate(std::string_view text, const Environment& environment) {
  std::string out;
  for (;;) {
    const auto open = text.find("${");
    out += text.substr(0, open);
    if (open == std::string_view::npos) return out;
    text.remove_prefix(open + 2);
    const auto close = text.find('}');
    const auto name = text.substr(0, close);
    if (close == std::string_view::npos || !is_name(name))
      return fail(Code::invalid, "${{ must be followed by the name of a variable and }}");
    const auto value = environment(name);
    if (!value)
      return fail(Error{.code = Code::invalid,
                        .message = fmt::format("the environment has no variable {}", datafile::internal::quoted(name)),
                        .hint = "set it, or write it into .env.local"});
    out += *value;
    text.remove_prefix(close + 1);
  }
}

}  // namespace kinglet::project
