// SPDX-License-Identifier: Apache-2.0
// The workspace of the specification's cases, and what a query reads in it as one line. For tests only.
#pragma once

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sql/parser.h"
#include "sql/resolve.h"

namespace kinglet::sql::testing {

/// Data sources `events` and `users`, node `n1`, service data source tinybird.pipe_stats; all else is unknown.
class Workspace final : public Scope {
 public:
  Result<Target> table(std::string_view name, Position) override {
    if (name == "n1") {
      TRY(Query query, parse_query("SELECT a, lower(b) AS b FROM events WHERE a = 7"));
      TRY(Resolved resolved, resolve(std::move(query), *this));
      return Inlined{std::make_shared<const Query>(std::move(resolved.query))};
    }
    if (name == "tinybird.pipe_stats") return PhysicalTable{"ws", "t_stats"};
    if (name != "events" && name != "users") return fail(Code::not_found, "unknown");
    return PhysicalTable{"ws", "t_" + std::string(name)};
  }
};

inline Result<Resolved> resolve_text(std::string_view sql,
                                     const ResolveOptions& options = {.settings = true, .format = true}) {
  TRY(Query query, parse_query(sql));
  Workspace workspace;
  return resolve(std::move(query), workspace, options);
}

/// "T tables; C CTEs and aliases; X table functions; F functions", each sorted; tuple, array, negate, lambda left out.
inline std::string summary(const Resolved& resolved) {
  std::string out;
  const auto section = [&](std::string_view title, std::vector<std::string> names) {
    std::erase_if(names, [](const std::string& name) {
      return name == "tuple" || name == "array" || name == "negate" || name == "lambda";
    });
    if (names.empty()) return;
    std::sort(names.begin(), names.end());
    out += out.empty() ? "" : "; ";
    out += title;
    for (const auto& name : names) out += " " + name;
  };
  section("T", resolved.tables);
  section("C", resolved.ctes);
  section("X", resolved.table_functions);
  const std::set<std::string> functions(resolved.functions.begin(), resolved.functions.end());
  section("F", {functions.begin(), functions.end()});
  return out;
}

/// The summary, or "refused: " and the message.
inline std::string verdict(std::string_view sql, const ResolveOptions& options = {.settings = true, .format = true}) {
  const auto resolved = resolve_text(sql, options);
  return resolved ? summary(*resolved) : "refused: " + resolved.error().message;
}

/// The text that is sent, or "refused: " and the message.
inline std::string sent(std::string_view sql, const ResolveOptions& options = {.settings = true, .format = true}) {
  const auto resolved = resolve_text(sql, options);
  return resolved ? resolved->query.text : "refused: " + resolved.error().message;
}

}  // namespace kinglet::sql::testing
