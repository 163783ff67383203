// SPDX-License-Identifier: Apache-2.0
// limits.md P7: what one endpoint call pays before the engine is asked (a 2 KB template with 10 parameters, rendered,
// parsed, resolved and printed), and how long a project of 500 files takes to read and check.
#include <benchmark/benchmark.h>

#include "datafile/check.h"
#include "datafile/parse.h"
#include "datafile/project_check.h"
#include "json/document.h"
#include "sql/resolve.h"
#include "template/template.h"

namespace kinglet::datafile {
namespace {

class Tables final : public sql::Scope {
 public:
  Result<sql::Target> table(std::string_view, sql::Position) override { return sql::PhysicalTable{"ws_1", "t_1"}; }
};

/// 2 KB, ten parameters, the constructs of everyday endpoints.
constexpr std::string_view endpoint = R"(%
-- Sessions of one site by hour and one dimension; the list of browsers and the least number of hits are optional
WITH
    {{ Float64(quantile_level, 0.95, description='Which quantile of the duration') }} AS level,
    sessions AS (
        SELECT session_id, min(timestamp) AS started, max(timestamp) AS ended, any(country) AS country,
            argMin(pathname, timestamp) AS entry_page, countIf(action = 'page_hit') AS hits,
            any(device) AS device, max(scroll_depth) AS depth
        FROM analytics_events
        WHERE site_id = {{ String(site) }}
          AND timestamp BETWEEN {{ DateTime(date_from, '2024-01-01 00:00:00') }} AND {{ DateTime(date_to, '2024-12-31 23:59:59') }}
          {% if defined(browser) and browser != '' %}
          AND browser IN {{ Array(browser, 'String', description='Comma separated') }}
          {% end %}
          {% if defined(tenant) %} AND tenant_id = {{ Int64(tenant) }} {% end %}
        GROUP BY session_id
    )
SELECT
    toStartOfInterval(started, INTERVAL 1 HOUR) AS hour,
    {{ column(dimension, 'country') }} AS dimension,
    uniq(session_id) AS visits,
    sum(hits) AS pageviews,
    round(avg(dateDiff('second', started, ended)), 2) AS average_duration,
    quantileExact(0.5)(dateDiff('second', started, ended)) AS median_duration,
    round(countIf(hits = 1) / greatest(count(), 1) * 100, 1) AS bounce_rate,
    if(visits > 100, 'busy', 'quiet') AS traffic
FROM sessions
LEFT JOIN (SELECT name, group_name FROM page_groups) AS pages ON sessions.entry_page = pages.name
WHERE entry_page NOT LIKE '/admin/%' AND (group_name != '' OR country IN ('ES', 'FR', 'DE', 'US', 'GB'))
{% if defined(min_hits) %} AND hits >= {{ UInt32(min_hits) }} {% end %}
{% if not defined(site) %} AND {{ error('site is required') }} {% end %}
GROUP BY hour, dimension
HAVING visits > 0
ORDER BY hour DESC, visits DESC, dimension ASC
LIMIT {{ Int32(page_size, 100, description='Rows of a page') }}
OFFSET {{ Int32(page, 0, description='Pages start at 0') * Int32(page_size, 100) }}
)";

templates::Arguments arguments(std::int64_t request) {
  return {{"quantile_level", {"0.99"}},
          {"site", {fmt::format("site-{}.example", request)}},
          {"date_from", {"2024-02-01 00:00:00"}},
          {"date_to", {fmt::format("2024-02-{:02} 00:00:00", request % 28 + 1)}},
          {"browser", {"chrome,firefox,safari"}},
          {"tenant", {fmt::format("{}", request)}},
          {"dimension", {"country"}},
          {"min_hits", {fmt::format("{}", request % 100)}},
          {"page_size", {"50"}},
          {"page", {fmt::format("{}", request % 7)}}};
}

/// Every request has other values, so nothing of an earlier one can be served again.
std::vector<templates::Arguments> requests() {
  std::vector<templates::Arguments> made;
  for (std::int64_t i = 0; i < 512; ++i) made.push_back(arguments(i));
  return made;
}

void render(benchmark::State& state) {
  const auto compiled = templates::Template::compile(endpoint);
  const auto sent = requests();
  std::size_t i = 0;
  for (auto step : state) {
    std::vector<std::string> met;
    auto made = compiled->render({.arguments = &sent[i++ % sent.size()], .required_met = &met});
    if (!made) return state.SkipWithError(made.error().message.c_str());
    benchmark::DoNotOptimize(made->sql.data());
  }
  state.counters["template_bytes"] = static_cast<double>(endpoint.size());
  state.counters["parameters"] = static_cast<double>(compiled->parameters().size());
}
BENCHMARK(render);

void render_and_resolve(benchmark::State& state) {
  const auto compiled = templates::Template::compile(endpoint);
  const auto sent = requests();
  Tables scope;
  std::size_t i = 0, bytes = 0;
  for (auto step : state) {
    std::vector<std::string> met;
    auto made = compiled->render({.arguments = &sent[i++ % sent.size()], .required_met = &met});
    if (!made) return state.SkipWithError(made.error().message.c_str());
    auto parsed = sql::parse_query(made->sql);
    if (!parsed) return state.SkipWithError(parsed.error().message.c_str());
    auto resolved = sql::resolve(std::move(*parsed), scope);
    if (!resolved) return state.SkipWithError(resolved.error().message.c_str());
    bytes = resolved->query.text.size();
  }
  state.counters["sql_bytes"] = static_cast<double>(bytes);
}
BENCHMARK(render_and_resolve);

void parse_only(benchmark::State& state) {
  const auto compiled = templates::Template::compile(endpoint);
  const auto sent = arguments(1);
  const auto made = compiled->render({.arguments = &sent});
  for (auto step : state) benchmark::DoNotOptimize(sql::parse_query(made->sql));
}
BENCHMARK(parse_only);

void tokenize_only(benchmark::State& state) {
  const auto compiled = templates::Template::compile(endpoint);
  const auto sent = arguments(1);
  const auto made = compiled->render({.arguments = &sent});
  for (auto step : state) benchmark::DoNotOptimize(sql::tokenize(made->sql));
}
BENCHMARK(tokenize_only);

/// The same work of a library in every build: how fast the machine is at the moment.
void machine(benchmark::State& state) {
  std::string text = "[";
  for (int i = 0; i < 40; ++i)
    text +=
        fmt::format(R"({}{{"number":{},"text":"some words {}","list":[1,2.5,true,null]}})", i == 0 ? "" : ",", i, i);
  text += "]";
  for (auto step : state) benchmark::DoNotOptimize(json::parse(text));
}
BENCHMARK(machine);

/// 150 data sources, 50 pipes that others read, 300 endpoints over them.
std::vector<SourceFile> project() {
  std::vector<SourceFile> files;
  for (int i = 0; i < 150; ++i) {
    std::string text = fmt::format("DESCRIPTION >\n    Events of kind {}\n\nTOKEN \"tracker\" APPEND\n\nSCHEMA >\n", i);
    for (int column = 0; column < 12; ++column)
      text += fmt::format("    `column_{0}` {1} `json:$.column_{0}`,\n", column,
                          column % 3 == 0   ? "LowCardinality(String)"
                          : column % 3 == 1 ? "UInt64"
                                            : "Nullable(Float64)");
    text +=
        "    `timestamp` DateTime64(3) `json:$.timestamp` DEFAULT now64()\n\nENGINE "
        "\"MergeTree\"\nENGINE_PARTITION_KEY "
        "\"toYYYYMM(timestamp)\"\nENGINE_SORTING_KEY \"column_0, timestamp\"\nENGINE_TTL \"toDateTime(timestamp) + "
        "INTERVAL 90 DAY\"\n";
    files.push_back({.name = fmt::format("datasources/events_{}.datasource", i), .text = std::move(text)});
  }
  const auto indented = [](std::string_view sql) {
    std::string made;
    while (!sql.empty()) {
      const auto line = sql.substr(0, sql.find('\n'));
      sql.remove_prefix(std::min(sql.size(), line.size() + 1));
      made += fmt::format("    {}\n", line);
    }
    return made;
  };
  for (int i = 0; i < 50; ++i)
    files.push_back(
        {.name = fmt::format("pipes/base_{}.pipe", i),
         .text = fmt::format("NODE base_{0}_node\nSQL >\n    SELECT *, toDate(timestamp) AS day FROM events_{0} "
                             "WHERE column_0 != '' AND column_1 > 0\n",
                             i)});
  for (int i = 0; i < 300; ++i) {
    std::string sql(endpoint);
    const auto replace = [&](std::string_view from, const std::string& to) {
      sql.replace(sql.find(from), from.size(), to);
    };
    replace("analytics_events", fmt::format("events_{}", i % 150));
    replace("page_groups", fmt::format("base_{}", i % 50));
    files.push_back(
        {.name = fmt::format("endpoints/endpoint_{}.pipe", i),
         .text = fmt::format("DESCRIPTION >\n    Endpoint {0}\n\nTOKEN \"dashboard\" READ\n\nNODE endpoint_{0}_node\n"
                             "SQL >\n{1}\nTYPE endpoint\n",
                             i, indented(sql))});
  }
  return files;
}

void parse_project_of_500_files(benchmark::State& state) {
  const auto files = project();
  for (auto step : state) {
    const auto parsed = parse_project(files);
    if (!parsed.ok()) return state.SkipWithError(to_string(parsed.diagnostics.front()).c_str());
    benchmark::DoNotOptimize(parsed.project.pipes.size());
  }
  std::size_t bytes = 0;
  for (const auto& file : files) bytes += file.text.size();
  state.counters["files"] = static_cast<double>(files.size());
  state.counters["bytes"] = static_cast<double>(bytes);
}
BENCHMARK(parse_project_of_500_files)->Unit(benchmark::kMillisecond);

void check_project_of_500_files(benchmark::State& state) {
  const auto files = project();
  for (auto step : state) {
    const auto parsed = parse_project(files);
    const auto found = check_project(parsed.project);
    for (const auto& one : found)
      if (one.severity == Severity::error) return state.SkipWithError(to_string(one).c_str());
    benchmark::DoNotOptimize(found.size());
  }
}
BENCHMARK(check_project_of_500_files)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace kinglet::datafile

BENCHMARK_MAIN();
