// SPDX-License-Identifier: Apache-2.0
// The spool's face: requests cross from the caller's thread to the spool thread and back.
#include "spool/spool.h"

#include <algorithm>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>

#include "base/log.h"
#include "spool/segment_checksum.h"
#include "spool/spool_state.h"

namespace kinglet::spool {
namespace {

/// So long stop() waits for inserts that were told to end; their rows are in the spool whatever happens to them.
constexpr std::chrono::seconds stop_grace{3};

/// Runs `start(done)`, wherever it leads; resumes on the caller's executor with what `done` was given. `done` is called
/// once.
template <class Value, class Start>
Task<Value> call_elsewhere(Start start) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Value)>(
      [&start, &executor](auto handler) {
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        start([shared, executor](Value value) {
          asio::post(executor, [shared, value = std::move(value)]() mutable { std::move (*shared)(std::move(value)); });
        });
      },
      asio::use_awaitable);
}

std::int64_t unix_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::unexpected<Error> shutting_down() {
  return fail(Code::unavailable, "the server is shutting down");
}

}  // namespace

namespace {
constexpr std::array<std::pair<std::string_view, Durability>, 3> durabilities{
    {{"fsync", Durability::fsync}, {"os", Durability::os}, {"memory", Durability::memory}}};
}  // namespace

std::string_view durability_name(Durability durability) {
  return std::ranges::find(durabilities, durability, &std::pair<std::string_view, Durability>::second)->first;
}
std::optional<Durability> parse_durability(std::string_view name) {
  const auto found = std::ranges::find(durabilities, name, &std::pair<std::string_view, Durability>::first);
  return found == durabilities.end() ? std::nullopt : std::optional(found->second);
}

Spool::Spool(std::unique_ptr<State> state) : state_(std::move(state)) {}
Spool::~Spool() {
  stop();
}

Result<std::unique_ptr<Spool>> Spool::open(SpoolOptions options, LandingFactory make_landing,
                                           SpoolCallbacks callbacks) {
  TRY(auto folder, SpoolFolder::open(options.folder));
  return open_on(std::move(folder), std::move(options), std::move(make_landing), std::move(callbacks));
}

Result<std::unique_ptr<Spool>> Spool::open_on(std::unique_ptr<SpoolFolder> folder, SpoolOptions options,
                                              LandingFactory make_landing, SpoolCallbacks callbacks) {
  auto state = std::make_unique<State>(std::move(options), std::move(folder), std::move(callbacks));
  std::vector<internal::SealedSegment> found;
  TRY_VOID(state->recover(found));
  auto* raw = state.get();
  asio::post(raw->flush_thread.executor(0),
             [raw, found = std::move(found), make_landing = std::move(make_landing)]() mutable {
               for (auto& segment : found) raw->flusher->add(std::move(segment));
               raw->flusher->start(make_landing(raw->flush_thread.executor(0)));
             });
  asio::post(raw->spool_thread.executor(0), [raw] { raw->ask_for_spare(); });
  return std::unique_ptr<Spool>(new Spool(std::move(state)));
}

Task<Result<AppendReceipt>> Spool::append(AppendRequest request) {
  State& state = *state_;
  if (!state.accepting.load()) co_return shutting_down();
  auto append = std::make_unique<PendingAppend>();
  for (const auto& section : request.sections) {
    if (section.row_count == 0 || section.block.empty())
      co_return fail(Code::invalid, "a section of the request has no rows");
    append->size += section.block.size();
    append->row_count += section.row_count;
    append->blocks_checksum = internal::crc32c(section.block, append->blocks_checksum);
  }
  if (append->size > state.options.request_bytes_max)
    co_return fail(Code::too_large, "one request may bring {} bytes of rows, this one has {}",
                   state.options.request_bytes_max, append->size);
  if (request.meta.accepted_at_ms == 0) request.meta.accepted_at_ms = unix_ms();
  if (!request.meta.idempotency_key.empty())
    append->key = internal::hash_key(request.meta.source, request.meta.idempotency_key);
  append->request = std::move(request);

  // Limits are checked on entry: what is behind this line is counted.
  const auto requests = state.counters.queued_requests.fetch_add(1) + 1;
  const auto bytes = state.counters.queued_bytes.fetch_add(append->size) + append->size;
  if (requests > state.options.queue_requests_max || (bytes > state.options.queue_bytes_max && requests > 1)) {
    state.leave_queue(*append);
    state.counters.rejected_requests.fetch_add(1);
    co_return fail(Code::unavailable, "too many requests are waiting for the disk; retry in a moment");
  }
  append->caller.executor = co_await asio::this_coro::executor;
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Result<AppendReceipt>)>(
      [&state, &append](auto handler) {
        append->caller.resume = std::move(handler);
        // One message brings all that arrive until it is read. It leaves behind what this thread has to do already:
        // requests that came together share a sync.
        const auto executor = append->caller.executor;
        const bool first = state.arrivals.with([&](auto& all) {
          all.push_back(std::move(append));
          return all.size() == 1;
        });
        if (!first) return;
        asio::post(executor,
                   [&state] { asio::post(state.spool_thread.executor(0), [&state] { state.take_arrivals(); }); });
      },
      asio::use_awaitable);
}

Task<FlushOutcome> Spool::wait(AppendReceipt receipt, Deadline deadline) {
  if (receipt.ticket == nullptr) {
    // A repeated request whose first one has left the spool.
    co_return FlushOutcome{.kind = receipt.duplicate ? FlushOutcome::Kind::stored : FlushOutcome::Kind::pending};
  }
  State& state = *state_;
  co_return co_await call_elsewhere<FlushOutcome>([&](auto done) {
    asio::post(state.flush_thread.executor(0),
               [&state, ticket = receipt.ticket, deadline, done] { state.flusher->wait(ticket, deadline, done); });
  });
}

Task<Result<Spool::Hold>> Spool::hold(TableName table, HoldKind kind, Deadline deadline) {
  State& state = *state_;
  if (state.stopped.load()) co_return shutting_down();
  const Status held = co_await call_elsewhere<Status>([&](auto done) {
    asio::post(state.spool_thread.executor(0), [&state, table, kind, deadline, done] {
      state.take_arrivals();
      state.seal();
      asio::post(state.flush_thread.executor(0),
                 [&state, table, kind, deadline, done] { state.flusher->hold(table, kind, deadline, done); });
    });
  });
  if (!held) co_return std::unexpected(held.error());
  co_return Hold([&state, table] {
    asio::post(state.flush_thread.executor(0), [&state, table] { state.flusher->release(table); });
  });
}

Task<Status> Spool::flush(Deadline deadline) {
  State& state = *state_;
  if (state.stopped.load()) co_return shutting_down();
  co_return co_await call_elsewhere<Status>([&](auto done) {
    asio::post(state.spool_thread.executor(0), [&state, deadline, done] {
      state.take_arrivals();
      state.seal();
      const std::uint64_t last = state.next_segment_id;
      asio::post(state.flush_thread.executor(0), [&state, last, deadline, done] {
        // Back by way of the spool thread: the room that was given back is counted then.
        state.flusher->wait_removed(last, deadline, [&state, done](Status status) {
          asio::post(state.spool_thread.executor(0), [done, status = std::move(status)] { done(status); });
        });
      });
    });
  });
}

Task<std::uint64_t> Spool::drain(Deadline deadline) {
  state_->accepting.store(false);
  const Status flushed = co_await flush(deadline);
  const std::uint64_t left = state_->counters.bytes.load();
  if (!flushed && left > 0) log::warning("rows stay in the spool and are stored at the next start", {{"bytes", left}});
  co_return left;
}

Task<std::vector<FailedBatch>> Spool::failed() {
  State& state = *state_;
  if (state.stopped.load()) co_return std::vector<FailedBatch>();
  co_return co_await call_elsewhere<std::vector<FailedBatch>>([&](auto done) {
    asio::post(state.flush_thread.executor(0), [&state, done] {
      done(std::vector<FailedBatch>(state.flusher->failed().begin(), state.flusher->failed().end()));
    });
  });
}

Task<Status> Spool::retry_failed(std::string token) {
  State& state = *state_;
  if (!state.accepting.load()) co_return shutting_down();
  co_return co_await call_elsewhere<Status>([&](auto done) {
    asio::post(state.spool_thread.executor(0), [&state, token, done] { state.retry_failed(token, done); });
  });
}

Task<Status> Spool::drop_failed(std::string token) {
  State& state = *state_;
  if (state.stopped.load()) co_return shutting_down();
  co_return co_await call_elsewhere<Status>([&](auto done) {
    asio::post(state.flush_thread.executor(0), [&state, token, done] { done(state.flusher->drop_failed(token)); });
  });
}

void Spool::stop() {
  State& state = *state_;
  state.accepting.store(false);
  if (state.stopped.exchange(true)) return;
  const auto run = [](asio::any_io_executor executor, auto work) {
    auto ended = std::make_shared<std::promise<void>>();
    asio::post(executor, [ended, work] { work(ended); });
    return ended->get_future();
  };
  run(state.spool_thread.executor(0), [&state](const auto& ended) {
    state.abandon_all();
    ended->set_value();
  }).wait();
  run(state.flush_thread.executor(0), [&state](const auto& ended) {
    state.flusher->stop([ended] { ended->set_value(); });
  }).wait_for(stop_grace);
  state.flush_thread.stop();
  state.spool_thread.stop();
}

const SpoolOptions& Spool::limits() const {
  return state_->options;
}

Durability Spool::durability() const {
  return state_->options.durability;
}

SpoolStats Spool::stats() const {
  const auto& counters = state_->counters;
  const auto& flush = state_->flush_counters;
  SpoolStats stats{.bytes = counters.bytes.load(),
                   .segments = counters.segments.load(),
                   .queued_requests = counters.queued_requests.load(),
                   .queued_bytes = counters.queued_bytes.load(),
                   .fullest_table_bytes = counters.fullest_table_bytes.load(),
                   .fullest_table_batches = counters.fullest_table_batches.load(),
                   .ready_tables = flush.ready_tables.load(),
                   .running_inserts = flush.running_inserts.load(),
                   .crowded_tables = flush.crowded_tables.load(),
                   .appended_requests = counters.appended_requests.load(),
                   .appended_rows = counters.appended_rows.load(),
                   .appended_bytes = counters.appended_bytes.load(),
                   .duplicate_requests = counters.duplicate_requests.load(),
                   .landed_rows = flush.landed_rows.load(),
                   .landed_parts = flush.landed_parts.load(),
                   .insert_retries = flush.insert_retries.load(),
                   .view_failures = flush.view_failures.load(),
                   .failed_batches = flush.failed_batches.load(),
                   .failed_rows = flush.failed_rows.load(),
                   .dropped_rows = flush.dropped_rows.load(),
                   .failed_waiting = flush.failed_waiting.load(),
                   .damaged_waiting = flush.damaged_waiting.load(),
                   .rejected_requests = counters.rejected_requests.load(),
                   .write_failures = counters.write_failures.load(),
                   .torn_segments = counters.torn_segments.load(),
                   .damaged_segments = counters.damaged_segments.load(),
                   .syncs = counters.syncs.load(),
                   .engine_reachable = flush.engine_reachable.load()};
  if (const auto oldest = counters.oldest_ns.load(); oldest != 0) {
    const auto age = Clock::now().time_since_epoch() - std::chrono::nanoseconds(oldest);
    stats.oldest_age =
        std::max(std::chrono::milliseconds(0), std::chrono::duration_cast<std::chrono::milliseconds>(age));
  }
  for (std::size_t i = 0; i < stats.sync_buckets.size(); ++i) stats.sync_buckets[i] = counters.sync_buckets[i].load();
  return stats;
}

}  // namespace kinglet::spool
