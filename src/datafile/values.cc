// SPDX-License-Identifier: Apache-2.0
// Values that several kinds of file share: names, lists, tokens, booleans, schedules, secrets.
#include "datafile/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/spelling.h"
#include "datafile/cron.h"
#include "datafile/limits.h"
#include "datafile/secret.h"

namespace kinglet::datafile::internal {
bool is_identifier(std::string_view text) {
  if (text.empty() || text.size() > limits::name_bytes_max || ascii::is_digit(text.front())) return false;
  return std::ranges::all_of(text, ascii::is_word);
}

std::vector<std::string_view> read_items(std::string_view line) {
  std::vector<std::string_view> out;
  line = trim(line);
  if (line.starts_with('#')) return out;
  // One pair of quotes around the whole list leaves commas inside; quotes around each item leave them outside.
  while (!line.empty()) {
    const auto end = line.find(',');
    auto item = trim(line.substr(0, end));
    line = end == std::string_view::npos ? std::string_view() : line.substr(end + 1);
    if (const auto comment = item.find_first_of("\"'", 1);
        comment != std::string_view::npos && trim(item.substr(comment + 1)).starts_with('#')) {
      item = item.substr(0, comment);
      line = {};
    }
    while (!item.empty() && (item.front() == '"' || item.front() == '\'')) item = trim(item.substr(1));
    while (!item.empty() && (item.back() == '"' || item.back() == '\'')) item = trim(item.substr(0, item.size() - 1));
    if (!item.empty()) out.push_back(item);
  }
  return out;
}

std::vector<std::string> read_list(Source& source, const Instruction& instruction) {
  std::vector<std::string> out;
  for (std::string_view rest = instruction.raw; !rest.empty();) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    for (const auto item : read_items(line)) {
      if (item.size() > limits::name_bytes_max) {
        source.error(item,
                     fmt::format("an item of {} has at most {} bytes", instruction.rule->name, limits::name_bytes_max));
        continue;
      }
      if (out.size() >= limits::list_items_max) {
        source.error(item, fmt::format("{} has at most {} items", instruction.rule->name, limits::list_items_max));
        return out;
      }
      out.emplace_back(item);
    }
  }
  return out;
}

std::string read_text(const Instruction& instruction) {
  if (instruction.block) return dedent(instruction.raw).text;
  bool closed = true;
  const auto value = unquote(instruction.raw, closed);
  return std::string(closed ? value : trim(instruction.raw));
}

namespace {

/// The name and the scope of a TOKEN line that is not empty; nothing when its quote never closes.
std::optional<std::pair<std::string_view, std::string_view>> split_token(std::string_view raw) {
  std::string_view name, scope;
  if (raw.front() == '"' || raw.front() == '\'') {
    const auto close = raw.find(raw.front(), 1);
    if (close == std::string_view::npos) return std::nullopt;
    name = raw.substr(1, close - 1);
    scope = trim(raw.substr(close + 1));
  } else {
    const auto end = raw.find_first_of(" \t");
    name = raw.substr(0, end);
    scope = end == std::string_view::npos ? raw.substr(raw.size()) : trim(raw.substr(end));
  }
  if (const auto comment = scope.find(" #"); comment != std::string_view::npos) scope = trim(scope.substr(0, comment));
  if (scope.starts_with('#')) scope = scope.substr(scope.size());
  return std::pair(name, scope);
}

}  // namespace

bool names_token_scope(const Instruction& instruction) {
  const auto raw = trim(instruction.raw);
  const auto line = raw.empty() ? std::nullopt : split_token(raw);
  return line && !line->second.empty();
}

void read_token(Source& source, const Instruction& instruction, bool pipe, std::vector<TokenGrant>& out) {
  const auto raw = trim(instruction.raw);
  const std::string_view form = pipe ? "TOKEN name READ" : "TOKEN name READ or TOKEN name APPEND";
  if (raw.empty()) return source.error(instruction.keyword, "TOKEN needs a name", fmt::format("write {}", form));
  const auto line = split_token(raw);
  if (!line) return;  // reported as an unclosed quote
  const auto [name, scope] = *line;
  if (name.empty() || name.size() > limits::name_bytes_max)
    return source.error(raw, fmt::format("the name of a token has 1 to {} bytes", limits::name_bytes_max),
                        fmt::format("write {}", form));

  TokenGrant grant{.name = std::string(name),
                   .permission = TokenGrant::Permission::read,
                   .position = source.position(instruction.keyword)};
  if (equal_ignoring_case(scope, "APPEND") && !pipe) {
    grant.permission = TokenGrant::Permission::append;
  } else if (equal_ignoring_case(scope, "CREATE") && !pipe) {
    source.warning(scope, "the token scope CREATE belongs to older projects and counts as APPEND here");
    grant.permission = TokenGrant::Permission::append;
  } else if (scope.empty() && !pipe) {
    return source.error(source.end_position(raw),
                        fmt::format("the token {} needs a scope: READ or APPEND", quoted(name)),
                        fmt::format("write {}", form));
  } else if (!scope.empty() && !equal_ignoring_case(scope, "READ")) {
    const auto words = scope.find_first_of(" \t");
    if (words != std::string_view::npos && (equal_ignoring_case(scope.substr(words + 1), "READ") ||
                                            equal_ignoring_case(scope.substr(words + 1), "APPEND")))
      return source.error(
          raw, "a token name with blanks needs quotes",
          fmt::format("write TOKEN \"{} {}\" {}", name, scope.substr(0, words), upper(trim(scope.substr(words)))));
    constexpr std::array<std::string_view, 2> scopes = {"READ", "APPEND"};
    const auto near = did_you_mean(scope, std::span(scopes).first(pipe ? 1 : 2));
    return source.error(scope,
                        fmt::format("unknown token scope {}; {} knows {}", quoted(scope),
                                    pipe ? "a pipe" : "a data source", pipe ? "only READ" : "READ and APPEND"),
                        near.empty() ? fmt::format("write {}", form) : near);
  }
  const auto same = [&](const TokenGrant& other) {
    return other.name == grant.name && other.permission == grant.permission;
  };
  if (std::any_of(out.begin(), out.end(), same))
    return source.warning(instruction.keyword, fmt::format("the token {} is given this scope twice", quoted(name)));
  if (out.size() >= limits::list_items_max)
    return source.error(instruction.keyword, fmt::format("a file has at most {} TOKEN lines", limits::list_items_max));
  out.push_back(std::move(grant));
}

std::optional<std::string> read_choice(Source& source, const Instruction& instruction,
                                       std::span<const std::string_view> allowed) {
  for (const auto choice : allowed)
    if (equal_ignoring_case(choice, instruction.value)) return std::string(choice);
  std::string list;
  for (std::size_t i = 0; i < allowed.size(); ++i)
    list += fmt::format("{}{}", i == 0 ? "" : i + 1 == allowed.size() ? " or " : ", ", allowed[i]);
  if (instruction.value.empty())
    source.error(instruction.keyword, fmt::format("{} needs a value: {}", instruction.rule->name, list));
  else
    source.error(instruction.value,
                 fmt::format("{} is {}, not {}", instruction.rule->name, list, quoted(instruction.value)),
                 did_you_mean(instruction.value, allowed));
  return std::nullopt;
}

void check_schedule(Source& source, const Instruction& instruction, bool automatic) {
  const auto value = instruction.value;
  const std::string_view names = automatic ? "@auto, @on-demand, @once" : "@on-demand, @once";
  if (value.empty())
    return source.error(instruction.keyword, fmt::format("{} needs a value: {} or a cron line such as 0 * * * *",
                                                         instruction.rule->name, names));
  if (value.find("{{") != std::string_view::npos)
    return source.error(value,
                        fmt::format("{} cannot read a secret; write the schedule itself", instruction.rule->name));
  if (value.front() == '@') {
    constexpr std::array<std::string_view, 3> schedules = {"@on-demand", "@once", "@auto"};
    const auto known = std::span(schedules).first(automatic ? 3 : 2);
    if (std::find(known.begin(), known.end(), value) != known.end()) return;
    return source.error(value,
                        fmt::format("there is no schedule {}; there are {} and cron lines", quoted(value), names),
                        did_you_mean(value, known));
  }
  std::size_t at = 0;
  if (const auto cron = parse_cron(value, &at); !cron)
    source.error(value.substr(at), cron.error().message, cron.error().hint);
}

void check_secrets(Source& source, const Instruction& instruction) {
  if (const auto found = secrets_of(instruction.value); !found)
    source.error(instruction.value, fmt::format("{}: {}", instruction.rule->name, found.error().message),
                 found.error().hint);
}

bool require_value(Source& source, const Instruction& instruction, std::string_view example) {
  if (!instruction.value.empty()) return true;
  source.error(instruction.keyword, fmt::format("{} needs a value", instruction.rule->name),
               fmt::format("for example {} {}", instruction.rule->name, example));
  return false;
}

}  // namespace kinglet::datafile::internal
