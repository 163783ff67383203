// SPDX-License-Identifier: Apache-2.0
// The spool thread: admits requests, writes many with one sync, rotates segments.
#include <boost/asio/post.hpp>
#include <random>

#include "base/check.h"
#include "base/log.h"
#include "spool/spool_state.h"

namespace kinglet::spool {
namespace {

/// One write: large enough that a sync is shared by many, small enough that the first need not wait for long.
constexpr std::uint64_t write_bytes_max = 16u << 20;
constexpr std::size_t write_requests_max = 4'096;
/// Up to this size, on the average, a write is cheaper than the sync behind it: the next segment is zeroed ahead.
constexpr std::uint64_t small_write_max = 128u << 10;
/// After the disk refused a new segment, requests fail at once for so long.
constexpr std::chrono::milliseconds create_retry{100};

std::array<std::uint64_t, 3> order_of(const internal::KeyHash& hash) {
  return {hash.source, hash.high, hash.low};
}

std::int64_t unix_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void make_request_id(RequestMeta& meta) {
  if (meta.request_id != std::array<std::uint8_t, 16>{}) return;
  static thread_local std::mt19937_64 random{std::random_device{}()};
  const std::uint64_t halves[] = {random(), random()};
  std::memcpy(meta.request_id.data(), halves, sizeof halves);
}

}  // namespace

Spool::State::State(SpoolOptions o, std::unique_ptr<SpoolFolder> f, SpoolCallbacks callbacks)
    : options(std::move(o)),
      folder(std::move(f)),
      keys({.lifetime = options.key_lifetime,
            .per_source_max = options.keys_per_source_max,
            .total_max = options.keys_max}) {
  std::random_device random;
  epoch = (static_cast<std::uint64_t>(random()) << 32) | random();
  internal::FlushEvents events;
  events.shares_changed = [this](std::vector<internal::FlushEvents::Share> shares) {
    asio::post(spool_thread.executor(0), [this, shares = std::move(shares)] { change_shares(shares); });
  };
  events.eased = [this](std::chrono::nanoseconds worked) {
    asio::post(spool_thread.executor(0), [this, worked] { flusher_eased(worked); });
  };
  events.before_remove = [this](std::uint64_t segment_id, std::function<void(Status)> go_on) {
    asio::post(spool_thread.executor(0), [this, segment_id, go_on = std::move(go_on)] {
      Status kept;
      if (const auto found = segment_keys.find(segment_id); found != segment_keys.end()) {
        kept = keys.persist(*folder, found->second);
        if (kept) {
          for (const auto& key : found->second) key_tickets.erase(order_of(key.hash));
          segment_keys.erase(found);
        }
      }
      asio::post(flush_thread.executor(0), [go_on, kept] { go_on(kept); });
    });
  };
  events.removed = [this](std::uint64_t segment_id, std::uint64_t size) {
    asio::post(spool_thread.executor(0), [this, segment_id, size] { segment_removed(segment_id, size); });
  };
  segment_booked = callbacks.segment_booked;
  flusher = std::make_unique<internal::Flusher>(flush_thread.executor(0), *folder, options, std::move(callbacks),
                                                std::move(events), flush_counters);
}

void Spool::State::change_shares(const std::vector<internal::FlushEvents::Share>& shares) {
  for (const auto& share : shares) {
    const auto found = tables.try_emplace(share.table).first;
    found->second.bytes -= std::min(share.bytes_ended, found->second.bytes);
    found->second.batches += share.batches_planned;
    found->second.batches -= std::min(share.batches_ended, found->second.batches);
    if (found->second.bytes == 0 && found->second.batches == 0) tables.erase(found);
  }
  if (const auto now = Clock::now(); now >= fullest_due || tables.empty()) {
    fullest_due = now + std::chrono::seconds(1);
    std::uint64_t bytes = 0, batches = 0;
    for (const auto& [name, share] : tables) {
      bytes = std::max(bytes, share.bytes);
      batches = std::max(batches, share.batches);
    }
    counters.fullest_table_bytes.store(bytes);
    counters.fullest_table_batches.store(batches);
  }
  retry_room();
}

void Spool::State::leave_queue(const PendingAppend& append) {
  counters.queued_requests.fetch_sub(1);
  counters.queued_bytes.fetch_sub(append.size);
}

void Spool::State::finish(std::unique_ptr<PendingAppend> append, Result<AppendReceipt> result) {
  leave_queue(*append);
  if (result && append->request.written) append->request.written();
  if (append->key) pending_keys.erase(order_of(*append->key));
  for (auto& repeat : append->repeats) {
    auto receipt = result;
    if (receipt) {
      receipt->duplicate = true;
      counters.duplicate_requests.fetch_add(1);
    }
    answer(std::move(repeat), std::move(receipt));
  }
  answer(std::move(append->caller), std::move(result));
}

void Spool::State::answer(AppendCaller caller, Result<AppendReceipt> result) {
  if (!caller.resume) return;
  auto place = std::ranges::find(answers, caller.executor, &Answers::executor);
  if (place == answers.end()) place = answers.insert(place, {.executor = std::move(caller.executor), .list = {}});
  place->list.push_back({.resume = std::move(caller.resume), .result = std::move(result)});
}

/// One message for each thread that waits, whatever the number of its requests. Every handler of the spool thread that
/// may answer ends with it.
void Spool::State::send_answers() {
  for (auto& mine : std::exchange(answers, {}))
    asio::post(mine.executor, [list = std::move(mine.list)]() mutable {
      for (auto& answer : list) answer.resume(std::move(answer.result));
    });
}

void Spool::State::acknowledge(PendingAppend& append) {
  const auto& meta = append.request.meta;
  answer(std::exchange(append.caller, {}), AppendReceipt{.successful_rows = meta.successful_rows,
                                                         .quarantined_rows = meta.quarantined_rows,
                                                         .ticket = append.ticket});
}

bool Spool::State::answer_repeat(std::unique_ptr<PendingAppend>& append) {
  const auto conflict = [&](std::uint64_t first) {
    const std::uint64_t mine = append->request.meta.content_hash;
    return first != 0 && mine != 0 && first != mine;
  };
  const auto refuse = [&] {
    leave_queue(*append);
    answer(std::move(append->caller),
           fail(Code::conflict,
                "the idempotency key was used for a request with another body; use a new key for each request"));
    append.reset();
  };
  const auto place = order_of(*append->key);
  if (const auto first = pending_keys.find(place); first != pending_keys.end()) {
    if (conflict(first->second->request.meta.content_hash)) {
      refuse();
      return true;
    }
    first->second->request.wait |= append->request.wait;
    first->second->ticket->wanted |= append->request.wait;
    first->second->repeats.push_back(std::move(append->caller));
    leave_queue(*append);
    append.reset();
    return true;
  }
  const auto* known = keys.find(*append->key, unix_ms());
  if (known == nullptr) return false;
  if (conflict(known->content_hash)) {
    refuse();
    return true;
  }
  AppendReceipt receipt{.successful_rows = known->successful_rows,
                        .quarantined_rows = known->quarantined_rows,
                        .duplicate = true,
                        .ticket = nullptr};
  if (const auto ticket = key_tickets.find(place); ticket != key_tickets.end()) receipt.ticket = ticket->second.lock();
  counters.duplicate_requests.fetch_add(1);
  if (append->request.wait && active != nullptr && active->request_count() > 0)
    arm_seal(Clock::now() + options.wait_flush, true);
  leave_queue(*append);
  answer(std::move(append->caller), std::move(receipt));
  append.reset();
  return true;
}

std::optional<Error> Spool::State::room_for(const PendingAppend& append) const {
  const std::uint64_t bytes = counters.bytes.load() + pending_bytes;
  if (bytes + append.size > options.spool_bytes_max)
    return Error{.code = Code::unavailable,
                 .message = fmt::format("the spool is full: {} bytes wait for the engine; retry later", bytes)};
  for (const auto& section : append.request.sections) {
    const auto found = tables.find(section.layout->table);
    if (found == tables.end()) continue;
    const auto& share = found->second;
    if (share.bytes + section.block.size() > options.table_bytes_max)
      return Error{
          .code = Code::unavailable,
          .message = fmt::format("{} bytes of this data source wait for the engine; retry later", share.bytes)};
    if (share.batches >= options.table_batches_max)
      return Error{
          .code = Code::unavailable,
          .message = fmt::format("{} batches of this data source wait for the engine; retry later", share.batches)};
  }
  return std::nullopt;
}

void Spool::State::admit(std::unique_ptr<PendingAppend> append) {
  if (!accepting.load()) return finish(std::move(append), fail(Code::unavailable, "the server is shutting down"));
  if (append->key && answer_repeat(append)) return;
  if (auto error = room_for(*append)) {
    const auto until = append->request.room_deadline;
    if (until && Clock::now() < *until) {
      const auto place =
          room_waiters.insert(room_waiters.end(), RoomWaiter{.append = std::move(append), .timer = nullptr});
      place->timer = std::make_unique<asio::steady_timer>(spool_thread.executor(0), *until);
      place->timer->async_wait([this, place](boost::system::error_code aborted) {
        if (aborted) return;
        auto late = std::move(place->append);
        room_waiters.erase(place);
        counters.rejected_requests.fetch_add(1);
        finish(std::move(late), fail(Code::unavailable, "the spool had no room in time; retry later"));
        send_answers();
      });
      return;
    }
    counters.rejected_requests.fetch_add(1);
    return finish(std::move(append), fail(*std::move(error)));
  }
  if (append->key) pending_keys.emplace(order_of(*append->key), append.get());
  make_request_id(append->request.meta);
  if (append->request.wait || append->key) {
    append->ticket = std::make_shared<internal::Ticket>();
    append->ticket->wanted = append->request.wait;
  }
  if (options.durability == Durability::memory) acknowledge(*append);
  pending_bytes += append->size;
  pending.push_back(std::move(append));
}

void Spool::State::retry_room() {
  for (auto place = room_waiters.begin(); place != room_waiters.end();) {
    // Where the timer has fired already its handler is on the way, and needs the place.
    if (room_for(*place->append) || place->timer->cancel() == 0) {
      ++place;
      continue;
    }
    auto append = std::move(place->append);
    place = room_waiters.erase(place);
    admit(std::move(append));
  }
  send_answers();
  commit();
}

void Spool::State::take_arrivals() {
  arrivals.with([&](auto& all) { all.swap(arrived); });
  for (auto& one : arrived) admit(std::move(one));
  arrived.clear();
  send_answers();
  commit();
}

void Spool::State::commit() {
  if (pending.empty()) return;
  std::vector<std::unique_ptr<PendingAppend>> all;
  all.swap(pending);
  pending_bytes = 0;
  std::size_t next = 0;
  while (next < all.size()) {
    const std::size_t begin = next;
    std::uint64_t bytes = 0;
    while (next < all.size() && next - begin < write_requests_max &&
           (next == begin || bytes + all[next]->size <= write_bytes_max))
      bytes += all[next++]->size;
    const std::span<std::unique_ptr<PendingAppend>> batch(all.data() + begin, next - begin);
    const auto written = write(batch);
    if (!written) {
      counters.write_failures.fetch_add(batch.size());
      if (options.durability == Durability::memory) {
        all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(begin));
        return keep_unwritten(std::move(all));
      }
      for (auto& append : batch) finish(std::move(append), std::unexpected(written.error()));
    }
    send_answers();
  }
}

/// Requests that were acknowledged from memory stay there until the disk takes them; the queue's limits bound them.
void Spool::State::keep_unwritten(std::vector<std::unique_ptr<PendingAppend>> batch) {
  for (const auto& append : batch) pending_bytes += append->size;
  batch.insert(batch.end(), std::move_iterator(pending.begin()), std::move_iterator(pending.end()));
  pending = std::move(batch);
  rewrite_timer.expires_after(create_retry);
  rewrite_timer.async_wait([this](boost::system::error_code aborted) {
    if (!aborted) commit();
  });
}

Status Spool::State::write(std::span<std::unique_ptr<PendingAppend>> batch) {
  TRY_VOID(ensure_active());
  std::vector<internal::WriterSection> sections;
  for (const auto& append : batch)
    for (const auto& section : append->request.sections)
      sections.push_back(
          {.layout = section.layout, .kind = section.kind, .row_count = section.row_count, .block = section.block});
  std::vector<internal::WriterInput> inputs;
  inputs.reserve(batch.size());
  std::span<const internal::WriterSection> rest(sections);
  for (const auto& append : batch) {
    const std::size_t count = append->request.sections.size();
    inputs.push_back(
        {.meta = &append->request.meta, .sections = rest.first(count), .blocks_checksum = append->blocks_checksum});
    rest = rest.subspan(count);
  }
  const std::uint32_t first_number = active->request_count();
  const std::uint64_t size_before = active->durable_size();
  if (auto appended = active->append(inputs); !appended) {
    log::error("the spool cannot write; requests are refused", {{"error", appended.error().message}});
    // What the file holds behind its last durable record is unknown: it takes nothing more.
    if (!active->usable()) seal();
    return appended;
  }
  if (options.durability == Durability::fsync) count_sync(active->last_sync());
  const auto now = Clock::now();
  const std::uint64_t segment_id = active->header().segment_id;
  counters.bytes.fetch_add(active->durable_size() - size_before);
  counters.appended_bytes.fetch_add(active->durable_size() - size_before);
  counters.appended_requests.fetch_add(batch.size());
  if (first_number == 0) {
    open_segments.emplace(segment_id, now);
    update_oldest();
    active_since = now;
    arm_seal(std::max(now + options.flush_interval, rest_until), false);
  }

  bool wait = false;
  for (std::uint32_t i = 0; i < batch.size(); ++i) {
    auto& append = batch[i];
    const auto& meta = append->request.meta;
    AppendReceipt receipt{
        .successful_rows = meta.successful_rows, .quarantined_rows = meta.quarantined_rows, .ticket = append->ticket};
    wait |= append->request.wait;
    if (append->ticket) active_tickets.emplace(first_number + i, append->ticket);
    if (append->key) {
      const internal::KnownKey key{.hash = *append->key,
                                   .accepted_at_ms = meta.accepted_at_ms,
                                   .successful_rows = meta.successful_rows,
                                   .quarantined_rows = meta.quarantined_rows,
                                   .content_hash = meta.content_hash};
      keys.put(key, unix_ms());
      segment_keys[segment_id].push_back(key);
      key_tickets[order_of(key.hash)] = receipt.ticket;
    }
    for (const auto& section : append->request.sections) tables[section.layout->table].bytes += section.block.size();
    counters.appended_rows.fetch_add(append->row_count);
    finish(std::move(append), std::move(receipt));
  }
  if (active->durable_size() >= options.flush_bytes_max || active->row_count() >= options.flush_rows_max)
    seal();
  else if (wait)
    arm_seal(now + options.wait_flush, true);
  return {};
}

/// Thread: spool or flush.
Result<std::unique_ptr<internal::SegmentWriter>> Spool::State::make_segment(std::uint64_t segment_id,
                                                                            std::uint64_t zeroed_bytes) {
  using Sync = internal::SegmentWriter::Sync;
  return internal::SegmentWriter::create(*folder, internal::segment_name(segment_id),
                                         {.spool_epoch = epoch,
                                          .segment_id = segment_id,
                                          .created_at_ms = unix_ms(),
                                          .part_rows_max = options.part_rows_max,
                                          .part_bytes_max = options.part_bytes_max},
                                         {.reserved = options.preallocate_bytes, .zeroed = zeroed_bytes},
                                         options.durability == Durability::fsync ? Sync::disk : Sync::page_cache);
}

Status Spool::State::ensure_active() {
  if (active != nullptr) return {};
  if (spare != nullptr) {
    active = std::move(spare);
    ask_for_spare();
    return {};
  }
  const auto now = Clock::now();
  if (create_error && now < create_not_before) return fail(*create_error);
  const std::uint64_t id = next_segment_id++;
  auto made = make_segment(id, 0);
  if (!made) {
    if (!create_error)
      log::error("the spool cannot make a segment; requests are refused", {{"error", made.error().message}});
    create_error = made.error();
    create_not_before = now + create_retry;
    return std::unexpected(std::move(made).error());
  }
  if (create_error) log::info("the spool can write again");
  create_error.reset();
  active = *std::move(made);
  if (!spare_asked) ask_for_spare();
  return {};
}

void Spool::State::ask_for_spare() {
  spare_asked = true;
  const std::uint64_t id = next_segment_id++;
  asio::post(flush_thread.executor(0), [this, id, zeroed = small_writes_bytes] {
    auto made = make_segment(id, zeroed);
    // Not made: the next segment is made when it is needed, and says what is wrong.
    asio::post(spool_thread.executor(0),
               [this, id, writer = made ? *std::move(made) : nullptr]() mutable { take_spare(std::move(writer), id); });
  });
}

void Spool::State::take_spare(std::unique_ptr<internal::SegmentWriter> made, std::uint64_t segment_id) {
  spare_asked = false;
  if (made == nullptr) return;
  // A segment that was made in a hurry has a later id: ids follow the order of requests.
  const bool late = !open_segments.empty() && open_segments.rbegin()->first > segment_id;
  if (stopped.load() || late || (active != nullptr && active->header().segment_id > segment_id)) {
    (void)folder->remove(made->name());  // empty: the next start removes it otherwise
    return;
  }
  spare = std::move(made);
}

void Spool::State::arm_seal(Deadline at, bool early) {
  seal_early |= early;
  if (seal_at && *seal_at <= at) return;
  seal_at = at;
  seal_timer.expires_at(at);
  seal_timer.async_wait([this](boost::system::error_code aborted) {
    if (!aborted && seal_at && Clock::now() >= *seal_at) seal_in_time();
  });
}

/// More sealed segments would only mean more and smaller inserts.
bool Spool::State::flusher_behind() const {
  // Now and then one is sealed all the same: its insert asks whether the engine is back.
  if (!flush_counters.engine_reachable.load()) return Clock::now() < active_since + options.retry_max;
  return flush_counters.ready_tables.load() > (seal_early ? options.wait_flush_tables_max : 0);
}

void Spool::State::seal_in_time() {
  seal_at.reset();
  seal_postponed = flusher_behind();
  if (!seal_postponed) return seal();
  if (!flush_counters.engine_reachable.load()) arm_seal(active_since + options.retry_max, seal_early);
}

/// `worked`: so long until every table was served; 0 where some still wait.
void Spool::State::flusher_eased(std::chrono::nanoseconds worked) {
  const auto now = Clock::now();
  if (worked.count() > 0)
    rest_until = now + std::min<std::chrono::nanoseconds>(worked * options.flush_rest_factor, options.flush_rest_max);
  if (!seal_postponed || flusher_behind()) return;
  seal_postponed = false;
  seal_at.reset();
  arm_seal(seal_early ? now : rest_until, seal_early);
}

void Spool::State::seal() {
  seal_at.reset();
  seal_early = seal_postponed = false;
  seal_timer.cancel();
  if (active == nullptr || (active->request_count() == 0 && active->usable())) return;
  auto sealed = std::move(active);
  sealed->seal();
  const bool small = sealed->durable_size() / std::max<std::uint64_t>(sealed->append_count(), 1) <= small_write_max;
  small_writes_bytes = small && options.durability == Durability::fsync ? sealed->durable_size() : 0;
  if (sealed->request_count() == 0) {
    (void)folder->remove(sealed->name());  // nothing in it was acknowledged
    return;
  }
  internal::SealedSegment segment{.header = sealed->header(),
                                  .name = sealed->name(),
                                  .size = sealed->durable_size(),
                                  .tickets = std::exchange(active_tickets, {})};
  asio::post(flush_thread.executor(0),
             [this, segment = std::move(segment)]() mutable { flusher->add(std::move(segment)); });
}

void Spool::State::segment_removed(std::uint64_t segment_id, std::uint64_t size) {
  counters.bytes.fetch_sub(std::min(counters.bytes.load(), size - internal::segment_header_size));
  open_segments.erase(segment_id);
  // A lost segment's keys stay known for the life of the process only.
  segment_keys.erase(segment_id);
  update_oldest();
  retry_room();
}

void Spool::State::retry_failed(const std::string& token, std::function<void(Status)> done) {
  const internal::SegmentHeader header{.spool_epoch = epoch,
                                       .segment_id = next_segment_id++,
                                       .created_at_ms = unix_ms(),
                                       .part_rows_max = options.part_rows_max,
                                       .part_bytes_max = options.part_bytes_max};
  asio::post(flush_thread.executor(0), [this, token, header, done = std::move(done)] {
    auto restored = flusher->restore_failed(token, header);
    if (!restored) return done(std::unexpected(std::move(restored).error()));
    asio::post(spool_thread.executor(0), [this, done, restored = *std::move(restored)]() mutable {
      take_recovered(restored.scan, restored.sealed);
      update_oldest();
      asio::post(flush_thread.executor(0),
                 [this, sealed = std::move(restored.sealed)]() mutable { flusher->add(std::move(sealed)); });
      done({});
    });
  });
}

void Spool::State::update_oldest() {
  counters.segments.store(open_segments.size());
  counters.oldest_ns.store(open_segments.empty() ? 0
                                                 : std::chrono::duration_cast<std::chrono::nanoseconds>(
                                                       open_segments.begin()->second.time_since_epoch())
                                                       .count());
}

void Spool::State::count_sync(std::chrono::microseconds duration) {
  std::size_t bucket = 0;
  while (bucket < SpoolStats::sync_bounds_us.size() && duration.count() > SpoolStats::sync_bounds_us[bucket]) ++bucket;
  counters.sync_buckets[bucket].fetch_add(1);
  counters.syncs.fetch_add(1);
}

void Spool::State::abandon_all() {
  take_arrivals();
  seal_timer.cancel();
  rewrite_timer.cancel();
  if (!pending.empty())
    log::error("requests that were acknowledged from memory are lost: the disk did not take them",
               {{"requests", pending.size()}, {"bytes", pending_bytes}});
  for (auto& append : std::exchange(pending, {}))
    finish(std::move(append), fail(Code::unavailable, "the server is shutting down"));
  for (auto& waiter : room_waiters)
    if (waiter.append != nullptr)
      finish(std::move(waiter.append), fail(Code::unavailable, "the server is shutting down"));
  room_waiters.clear();
  send_answers();
  const auto drop_empty = [&](std::unique_ptr<internal::SegmentWriter> writer) {
    if (writer == nullptr) return;
    if (writer->request_count() == 0)
      (void)folder->remove(writer->name());  // the next start removes it otherwise
    else
      writer->seal();
  };
  drop_empty(std::move(active));
  drop_empty(std::move(spare));
}

}  // namespace kinglet::spool
