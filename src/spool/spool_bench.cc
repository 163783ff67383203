// SPDX-License-Identifier: Apache-2.0
// Appends with fsync: many callers with one small request each, and few with large ones (limits.md P1, P3).
#include <benchmark/benchmark.h>

#include <future>

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

/// Arguments: concurrent callers, bytes a request.
void append_durable(benchmark::State& state) {
  const auto callers = static_cast<int>(state.range(0));
  const auto size = static_cast<std::size_t>(state.range(1));
  constexpr int per_caller = 200;
  TempFolder folder;
  SpoolOptions options;
  options.folder = folder.path();
  auto spool = Spool::open(options, [](const auto&) { return std::make_unique<NullLanding>(); });
  if (!spool) return state.SkipWithError(spool.error().message.c_str());
  IoThreads io(1, "bench");
  std::vector<std::uint32_t> latencies_us;
  for ([[maybe_unused]] auto iteration : state) {
    std::vector<std::future<void>> all;
    for (int i = 0; i < callers; ++i)
      all.push_back(asio::co_spawn(io.executor(0), caller(**spool, per_caller, size, latencies_us), asio::use_future));
    for (auto& one : all) one.get();
  }
  std::ranges::sort(latencies_us);
  const auto stats = (*spool)->stats();
  state.SetItemsProcessed(state.iterations() * callers * per_caller);
  state.SetBytesProcessed(state.iterations() * callers * per_caller * static_cast<std::int64_t>(size));
  state.counters["requests_per_sync"] = static_cast<double>(stats.appended_requests) / static_cast<double>(stats.syncs);
  state.counters["p50_us"] = latencies_us[latencies_us.size() / 2];
  state.counters["p99_us"] = latencies_us[latencies_us.size() * 99 / 100];
}
BENCHMARK(append_durable)
    ->Args({1, 200})
    ->Args({64, 200})
    ->Args({256, 200})
    ->Args({8, 500'000})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void checksum(benchmark::State& state) {
  const std::string bytes(1u << 20, 'x');
  for ([[maybe_unused]] auto iteration : state) benchmark::DoNotOptimize(internal::crc32c(bytes));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK(checksum);

}  // namespace
}  // namespace kinglet::spool

BENCHMARK_MAIN();
