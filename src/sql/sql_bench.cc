// SPDX-License-Identifier: Apache-2.0
// What one endpoint call pays for its SQL: parse, resolve and print.
#include <benchmark/benchmark.h>

#include "sql/printer.h"
#include "sql/resolve.h"

namespace kinglet::sql {
namespace {

class OneTable final : public Scope {
 public:
  Result<Target> table(std::string_view, Position) override { return PhysicalTable{"ws_1", "t_1"}; }
};

/// About 2 KB of the usual: conditions, aggregates, a join, a CTE.
std::string text(std::size_t bytes) {
  std::string sql =
      "WITH parsed AS (SELECT *, JSONExtractString(payload, 'user-agent') AS ua FROM analytics_events WHERE timestamp "
      ">= now() - INTERVAL 7 DAY) "
      "SELECT toStartOfHour(timestamp) AS hour, uniq(session_id) AS visits";
  for (int i = 0; sql.size() + 250 < bytes; ++i)
    sql += fmt::format(", countIf(action = 'page_{}' AND pathname LIKE '/blog/%') AS c{}", i, i);
  return sql +
         " FROM parsed LEFT JOIN (SELECT id, name FROM users) AS u ON parsed.user_id = u.id WHERE ua != '' GROUP BY "
         "hour ORDER BY hour DESC LIMIT 100";
}

void parse_resolve_print(benchmark::State& state) {
  const std::string sql = text(static_cast<std::size_t>(state.range(0)));
  OneTable scope;
  for (auto _ : state) {
    auto query = parse_query(sql);
    benchmark::DoNotOptimize(resolve(std::move(*query), scope));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * sql.size()));
}
BENCHMARK(parse_resolve_print)->Arg(500)->Arg(2'000)->Arg(20'000);

void parse_only(benchmark::State& state) {
  const std::string sql = text(2'000);
  for (auto _ : state) benchmark::DoNotOptimize(parse_query(sql));
}
BENCHMARK(parse_only);

void round_trip_check(benchmark::State& state) {
  const auto query = parse_query(text(2'000));
  for (auto _ : state) benchmark::DoNotOptimize(check_round_trip(*query));
}
BENCHMARK(round_trip_check);

}  // namespace
}  // namespace kinglet::sql
BENCHMARK_MAIN();
