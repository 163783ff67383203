// SPDX-License-Identifier: Apache-2.0
// limits.md P7: a template of 2 KB with 10 parameters, compiled once, rendered for a request.
#include <benchmark/benchmark.h>

#include "template/template.h"

namespace kinglet::templates {
namespace {

std::string source() {
  std::string text =
      "%\nSELECT toStartOfHour(timestamp) AS hour, {{column(dimension, 'country')}} AS dimension, count() AS hits,\n"
      "       uniqExact(session_id) AS visitors, quantile({{Float64(q, 0.95)}})(duration) AS duration\nFROM "
      "events\nWHERE site_id = {{String(site)}}\n"
      "  AND timestamp BETWEEN {{DateTime(from_time, '2024-01-01 00:00:00')}} AND {{DateTime(to_time, '2024-12-31 "
      "23:59:59')}}\n"
      "{% if defined(browser) and browser != '' %} AND browser IN {{Array(browser, 'String')}} {% end %}\n"
      "{% if defined(min_hits) %} AND hits > {{Int32(min_hits)}} {% end %}\n"
      "{% if not defined(tenant) %} {{ error('tenant is required') }} {% end %} AND tenant_id = {{Int64(tenant)}}\n";
  while (text.size() < 1900)
    text += "  AND (some_other_column = 'a constant' OR yet_another_column LIKE '%b%') -- note\n";
  return text +
         "GROUP BY hour, dimension\nORDER BY hits DESC\nLIMIT {{Int32(page_size, 100)}} OFFSET {{Int32(page, 0) * "
         "Int32(page_size, 100)}}\n";
}

void render(benchmark::State& state) {
  const auto compiled = Template::compile(source());
  const Arguments arguments = {{"dimension", {"browser"}},
                               {"q", {"0.99"}},
                               {"site", {"a-site.example"}},
                               {"from_time", {"2024-02-01 00:00:00"}},
                               {"to_time", {"2024-02-02 00:00:00"}},
                               {"browser", {"chrome,firefox,safari"}},
                               {"min_hits", {"10"}},
                               {"tenant", {"123456"}},
                               {"page_size", {"50"}},
                               {"page", {"3"}}};
  std::size_t bytes = 0;
  for (auto step : state) {
    std::vector<std::string> met;
    const auto made = compiled->render({.arguments = &arguments, .required_met = &met});
    if (!made) return state.SkipWithError(made.error().message.c_str());
    bytes += made->sql.size();
    benchmark::DoNotOptimize(made->sql.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(render);

void compile(benchmark::State& state) {
  const auto text = source();
  for (auto step : state) benchmark::DoNotOptimize(Template::compile(text));
}
BENCHMARK(compile);

}  // namespace
}  // namespace kinglet::templates

BENCHMARK_MAIN();
