// SPDX-License-Identifier: Apache-2.0
// Appends at each durability: many callers with one small request each, and few with large ones (limits.md P1, P3). The
// flush into a real engine: one table, many, very many.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <future>

#include "runtime/guarded.h"
#include "spool/engine_testing.h"
#include "spool/landing_engine.h"

#include "spool/segment_checksum.h"
#include "spool/spool.h"
#include "spool/spool_testing.h"

namespace kinglet::spool {
namespace {

using namespace testing;  // NOLINT: the test kit of this module

class NullLanding final : public Landing {
 public:
  Task<LandingAnswer> land(const LandingPart&, Deadline) override {
    co_return LandingAnswer{.verdict = Verdict::stored};
  }
};

Task<void> caller(Spool& spool, int count, std::size_t size, std::vector<std::uint32_t>& latencies_us) {
  for (int i = 0; i < count; ++i) {
    auto one = request("t", {std::string(size, 'x')});
    const auto start = Clock::now();
    const auto receipt = co_await spool.append(std::move(one));
    if (!receipt) std::abort();
    latencies_us.push_back(static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count()));
  }
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Arguments: concurrent callers, bytes a request, Durability. `cpu_us` is of the whole process for one append:
/// callers, spool thread, and the flush thread that reads it back.
void append_at(benchmark::State& state) {
  const auto callers = static_cast<int>(state.range(0));
  const auto size = static_cast<std::size_t>(state.range(1));
  constexpr int per_caller = 200;
  TempFolder folder;
  SpoolOptions options;
  options.folder = folder.path();
  options.durability = static_cast<Durability>(state.range(2));
  auto spool = Spool::open(options, [](const auto&) { return std::make_unique<NullLanding>(); });
  if (!spool) return state.SkipWithError(spool.error().message.c_str());
  IoThreads io(1, "bench");
  std::vector<std::uint32_t> latencies_us;
  const double cpu_before = cpu_seconds();
  for ([[maybe_unused]] auto iteration : state) {
    std::vector<std::future<void>> all;
    for (int i = 0; i < callers; ++i)
      all.push_back(asio::co_spawn(io.executor(0), caller(**spool, per_caller, size, latencies_us), asio::use_future));
    for (auto& one : all) one.get();
  }
  const double cpu = cpu_seconds() - cpu_before;
  std::ranges::sort(latencies_us);
  const auto stats = (*spool)->stats();
  state.SetItemsProcessed(state.iterations() * callers * per_caller);
  state.SetBytesProcessed(state.iterations() * callers * per_caller * static_cast<std::int64_t>(size));
  state.SetLabel(std::string(durability_name(options.durability)));
  state.counters["cpu_us"] = cpu * 1e6 / static_cast<double>(latencies_us.size());
  state.counters["requests_per_sync"] =
      static_cast<double>(stats.appended_requests) / static_cast<double>(std::max<std::uint64_t>(stats.syncs, 1));
  state.counters["p50_us"] = latencies_us[latencies_us.size() / 2];
  state.counters["p99_us"] = latencies_us[latencies_us.size() * 99 / 100];
}
BENCHMARK(append_at)
    ->ArgsProduct({{1, 64, 256}, {200}, {0, 1, 2}})
    ->Args({8, 500'000, 0})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

engine::Block one_row(std::uint64_t key) {
  static const auto number = *engine::parse_type("UInt64");
  static const auto text = *engine::parse_type("String");
  engine::Block block;
  block.add("k", engine::Column(number));
  block.add("s", engine::Column(text));
  block.column(0).add<std::uint64_t>(key);
  block.column(1).add_string("a row of a usual length, of some forty bytes");
  return block;
}

AppendRequest row_for(const std::string& table, std::uint64_t key, const std::string& source) {
  AppendRequest request;
  request.meta.source = source;
  request.meta.successful_rows = 1;
  request.sections.push_back(make_section({.database = "db", .table = table}, one_row(key)));
  return request;
}

std::int64_t percentile(std::vector<std::int64_t> values, std::size_t of_hundred) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[values.size() * of_hundred / 100];
}

/// Arguments: tables, rows a table. Rows come one a request, to each table in turn, from 64 callers as fast as they are
/// taken; beside them a probe every 100 ms into a table of its own, alternately with and without `wait`.
void flush_tables(benchmark::State& state) {
  const auto tables = static_cast<std::uint64_t>(state.range(0));
  const auto rows = static_cast<std::uint64_t>(state.range(0) * state.range(1));
  IoThreads io(1, "bench");
  RealEngine engine(io);
  if (const auto started = engine.start(); !started) return state.SkipWithError(started.error().message.c_str());
  for (std::uint64_t i = 0; i <= tables; ++i)
    if (const auto made = engine.table(fmt::format("t{}", i), "(k UInt64, s String)"); !made)
      return state.SkipWithError(made.error().message.c_str());

  SpoolOptions options;
  options.folder = engine.folder().path() + "/spool";
  Guarded<std::map<std::string, Clock::time_point>> sent;  // probes without wait, by source
  Guarded<std::vector<std::int64_t>> visible_ms, waited_ms;
  const auto since = [](Clock::time_point start) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
  };
  SpoolCallbacks callbacks;
  callbacks.part_ended = [&](const LandedPart& part) {
    for (const auto& source : part.sources) {
      if (!source.source.starts_with("probe")) continue;
      const auto start = sent.with([&](const auto& all) { return all.at(source.source); });
      visible_ms.with([&](auto& all) { all.push_back(since(start)); });
    }
  };
  auto opened = Spool::open(options, engine_landing({.client = {.address = engine.address()}}), callbacks);
  if (!opened) return state.SkipWithError(opened.error().message.c_str());
  Spool& spool = **opened;

  for ([[maybe_unused]] auto iteration : state) {
    std::atomic<std::uint64_t> next{0};
    std::atomic<bool> done{false};
    const auto producer = [&]() -> Task<void> {
      for (std::uint64_t i = next++; i < rows; i = next++)
        if (!co_await spool.append(row_for(fmt::format("t{}", i % tables), i, "bench"))) std::abort();
    };
    const auto probe = [&]() -> Task<void> {
      asio::steady_timer timer(io.executor(0));
      for (int i = 0; !done; ++i) {
        const auto start = Clock::now();
        const std::string source = fmt::format("probe{}", i);
        if (i % 2 == 0) sent.with([&](auto& all) { all[source] = start; });
        auto request =
            row_for(fmt::format("t{}", tables), static_cast<std::uint64_t>(i), i % 2 == 0 ? source : "waits");
        request.wait = i % 2 != 0;
        auto receipt = co_await spool.append(std::move(request));
        if (!receipt) std::abort();
        if (i % 2 != 0) {
          (void)co_await spool.wait(*receipt, start + std::chrono::minutes(5));
          waited_ms.with([&](auto& all) { all.push_back(since(start)); });
        }
        timer.expires_after(std::chrono::milliseconds(100));
        co_await timer.async_wait(asio::use_awaitable);
      }
    };
    const auto start = Clock::now();
    auto probing = asio::co_spawn(io.executor(0), probe, asio::use_future);
    std::vector<std::future<void>> all;
    for (int i = 0; i < 64; ++i) all.push_back(asio::co_spawn(io.executor(0), producer, asio::use_future));
    for (auto& one : all) one.get();
    const auto appended = since(start);
    if (!io.run(0, [&] { return spool.flush(Clock::now() + std::chrono::minutes(10)); })) std::abort();
    const auto landed = since(start);
    done = true;
    probing.get();
    const auto stats = spool.stats();
    state.counters["append_rows_s"] =
        static_cast<double>(rows) * 1000 / static_cast<double>(std::max<std::int64_t>(appended, 1));
    state.counters["rows_s"] =
        static_cast<double>(rows) * 1000 / static_cast<double>(std::max<std::int64_t>(landed, 1));
    state.counters["inserts"] = static_cast<double>(stats.landed_parts);
    state.counters["retries"] = static_cast<double>(stats.insert_retries);
  }
  visible_ms.with([&](const auto& all) {
    state.counters["visible_p50_ms"] = static_cast<double>(percentile(all, 50));
    state.counters["visible_p99_ms"] = static_cast<double>(percentile(all, 99));
  });
  waited_ms.with([&](const auto& all) {
    state.counters["wait_p50_ms"] = static_cast<double>(percentile(all, 50));
    state.counters["wait_p99_ms"] = static_cast<double>(percentile(all, 99));
  });
}
BENCHMARK(flush_tables)
    ->Args({1, 200'000})
    ->Args({100, 2'000})
    ->Args({1'000, 200})
    ->Args({10'000, 10})
    ->Iterations(1)
    ->UseRealTime()
    ->Unit(benchmark::kSecond);

void join(benchmark::State& state) {
  std::vector<std::string> blocks(static_cast<std::size_t>(state.range(0)));
  for (std::size_t i = 0; i < blocks.size(); ++i) one_row(i).encode(blocks[i]);
  const std::vector<std::string_view> views(blocks.begin(), blocks.end());
  for ([[maybe_unused]] auto iteration : state) benchmark::DoNotOptimize(join_blocks(views));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(join)->Arg(10'000);

void checksum(benchmark::State& state) {
  const std::string bytes(1u << 20, 'x');
  for ([[maybe_unused]] auto iteration : state) benchmark::DoNotOptimize(internal::crc32c(bytes));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK(checksum);

}  // namespace
}  // namespace kinglet::spool

BENCHMARK_MAIN();
