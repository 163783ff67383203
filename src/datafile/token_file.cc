// SPDX-License-Identifier: Apache-2.0
// .token files.
#include "datafile/token_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/spelling.h"
#include "datafile/limits.h"
#include "datafile/tree.h"
#include "datafile/values.h"

namespace kinglet::datafile::internal {
namespace {

constexpr std::array<std::string_view, 3> scopes = {"DATASOURCES:READ", "DATASOURCES:APPEND", "PIPES:READ"};
constexpr std::string_view form =
    "write SCOPE DATASOURCES:READ:name, SCOPE DATASOURCES:APPEND:name or SCOPE PIPES:READ:name";

void read_scope(Source& source, const Instruction& in, std::vector<TokenScope>& out) {
  if (in.value.empty()) return source.error(in.keyword, "SCOPE needs a value", std::string(form));
  std::string_view kind = in.value, resource;
  const auto blank = in.value.find_first_of(" \t");
  const auto colon = in.value.rfind(':');
  if (blank != std::string_view::npos) {
    kind = in.value.substr(0, blank);
    resource = trim(in.value.substr(blank));
  } else if (colon != std::string_view::npos && std::count(in.value.begin(), in.value.end(), ':') > 1) {
    kind = in.value.substr(0, colon);
    resource = in.value.substr(colon + 1);
  }
  const auto found =
      std::find_if(scopes.begin(), scopes.end(), [&](auto scope) { return equal_ignoring_case(scope, kind); });
  if (found == scopes.end()) {
    auto hint = did_you_mean(kind, scopes);
    return source.error(
        in.value,
        fmt::format("a .token file cannot give the scope {}; it gives {}", quoted(kind), fmt::join(scopes, ", ")),
        hint.empty() ? "make other tokens with POST /v0/tokens" : hint);
  }
  if (!is_identifier(resource))
    return source.error(
        in.value,
        fmt::format("the scope {} names one {}, found {}", *found, found == scopes.end() - 1 ? "pipe" : "data source",
                    resource.empty() ? "nothing" : quoted(resource)),
        std::string(form));
  if (out.size() >= limits::list_items_max)
    return source.error(in.keyword, fmt::format("a token has at most {} SCOPE lines", limits::list_items_max));
  out.push_back(
      {.permission = *found == "DATASOURCES:APPEND" ? TokenGrant::Permission::append : TokenGrant::Permission::read,
       .pipe = *found == "PIPES:READ",
       .resource = std::string(resource),
       .position = source.position(in.value)});
}

}  // namespace

std::vector<TokenScope> read_token_file(Source& source) {
  std::vector<TokenScope> out;
  bool any = false, filtered = false;
  for (const auto& in : read_tree(source, FileKind::token).instructions()) {
    if (in.rule->name == "SCOPE") {
      any = true;
      read_scope(source, in, out);
    } else if (in.rule->name == "FILTER") {
      filtered = true;
      source.error(in.keyword,
                   "FILTER of a .token file is not supported, and without it the token would read more rows",
                   "make the token with POST /v0/tokens and scope=DATASOURCES:READ:name:filter");
    }
  }
  if (!any && source.error_count() == 0)
    source.error(Position{.line = 1, .column = 1}, "a token needs at least one SCOPE", std::string(form));
  if (filtered) out.clear();
  return out;
}

}  // namespace kinglet::datafile::internal
