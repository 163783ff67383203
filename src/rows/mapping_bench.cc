// SPDX-License-Identifier: Apache-2.0
// How fast rows become blocks: the row of limits.md P1 (7 columns, about 145 bytes) in batches of 10,000, and variants
// of it.
#include <benchmark/benchmark.h>

#include "rows/row_batch.h"

namespace kinglet::rows {
namespace {

constexpr int rows_a_batch = 10'000;

datafile::DataSource source_of(std::initializer_list<std::pair<const char*, const char*>> columns) {
  datafile::DataSource source;
  source.name = "events";
  for (auto [name, type] : columns) {
    datafile::ColumnDefinition column;
    column.name = name;
    column.type = type;
    column.path = datafile::JsonPath{.steps = {{.key = name, .each = false}}, .text = std::string("$.") + name};
    source.columns.push_back(std::move(column));
  }
  return source;
}

datafile::DataSource events() {
  return source_of({{"timestamp", "DateTime64(3)"},
                    {"action", "LowCardinality(String)"},
                    {"path", "String"},
                    {"user", "String"},
                    {"session", "UUID"},
                    {"value", "Float64"},
                    {"count", "UInt32"}});
}

std::string rows(const char* extra = "", const char* user = "u") {
  std::string out;
  for (int i = 0; i < rows_a_batch; ++i)
    out += fmt::format(
        R"({{"timestamp":"2024-05-{:02}T{:02}:{:02}:{:02}.{:03}Z","action":"click","path":"/p/{}","user":"{}{}","session":"550e8400-e29b-41d4-a716-4466{:08x}","value":{:.3f},"count":{}{}}})"
        "\n",
        i % 28 + 1, i % 24, i % 60, i * 7 % 60, i % 1000, i % 977, user, i * 31 % 5003, i, i * 0.731, i, extra);
  return out;
}

void run(benchmark::State& state, const std::string& text, const datafile::DataSource& source, InputFormat format) {
  auto mapping = RowMapping::compile(source).value();
  std::string encoded;
  std::uint64_t good = 0;
  BatchBuilder builder(mapping, {.format = format, .csv = {}, .import_id = {}, .now_seconds = 1});
  for (auto _ : state) {
    builder.feed(text).value();
    if (format != InputFormat::csv) builder.finish().value();
    Batch batch = builder.take();
    good += batch.counts.successful;
    encoded.clear();
    for (const engine::Block& block : batch.rows) block.encode(encoded);
    if (!batch.quarantine.empty()) batch.quarantine.encode(encoded);
    benchmark::DoNotOptimize(encoded.data());
    builder.recycle(std::move(batch));
  }
  state.counters["rows/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * rows_a_batch, benchmark::Counter::kIsRate);
  state.counters["good"] = static_cast<double>(good) / static_cast<double>(state.iterations());
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(text.size()));
}

void read_events(benchmark::State& state) {
  run(state, rows(), events(), InputFormat::ndjson);
}
void read_events_unknown_keys(benchmark::State& state) {
  run(state, rows(R"(,"more":{"a":[1,2,3],"b":"text"},"last":null)"), events(), InputFormat::ndjson);
}
void read_events_escapes(benchmark::State& state) {
  run(state, rows("", R"(a\"\u00e9)"), events(), InputFormat::ndjson);
}
void read_events_all_bad(benchmark::State& state) {
  auto source = events();
  source.columns[6].type = "UUID";
  run(state, rows(), source, InputFormat::ndjson);
}
void read_events_one_broken_line(benchmark::State& state) {
  run(state, rows() + "{\"\n", events(), InputFormat::ndjson);
}
void read_events_time_zone(benchmark::State& state) {
  auto source = events();
  source.columns[0].type = "DateTime64(3, 'Europe/Madrid')";
  run(state, rows(), source, InputFormat::ndjson);
}
void read_csv(benchmark::State& state) {
  std::string text;
  for (int i = 0; i < rows_a_batch; ++i)
    text += fmt::format(
        "2024-05-{:02} {:02}:{:02}:{:02}.{:03},click,/p/{},u{},550e8400-e29b-41d4-a716-4466{:08x},{:.3f},{}\n",
        i % 28 + 1, i % 24, i % 60, i * 7 % 60, i % 1000, i % 977, i * 31 % 5003, i, i * 0.731, i);
  run(state, text, events(), InputFormat::csv);
}
/// Width: columns of String, Int64 and Float64 in turn (limits.md P2).
void read_wide(benchmark::State& state) {
  datafile::DataSource source;
  std::string row = "{";
  for (int i = 0; i < state.range(0); ++i) {
    datafile::ColumnDefinition column;
    column.name = fmt::format("column_{}", i);
    column.type = i % 3 == 0 ? "String" : i % 3 == 1 ? "Int64" : "Float64";
    column.path = datafile::JsonPath{.steps = {{.key = column.name, .each = false}}, .text = "$." + column.name};
    source.columns.push_back(column);
    row += fmt::format("{}\"{}\":{}", i > 0 ? "," : "", column.name,
                       i % 3 == 0   ? "\"some text\""
                       : i % 3 == 1 ? "123456"
                                    : "12.5");
  }
  row += "}\n";
  std::string text;
  for (int i = 0; i < rows_a_batch; ++i) text += row;
  run(state, text, source, InputFormat::ndjson);
}

BENCHMARK(read_events);
BENCHMARK(read_events_unknown_keys);
BENCHMARK(read_events_escapes);
BENCHMARK(read_events_all_bad);
BENCHMARK(read_events_one_broken_line);
BENCHMARK(read_events_time_zone);
BENCHMARK(read_csv);
BENCHMARK(read_wide)->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace kinglet::rows

BENCHMARK_MAIN();
