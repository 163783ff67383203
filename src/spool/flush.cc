// SPDX-License-Identifier: Apache-2.0
// What runs when: tables in turn, one insert each, backoff, holds, removal of finished segments.
#include "spool/flush.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <set>

#include "base/check.h"
#include "base/log.h"
#include "spool/flush_state.h"

namespace kinglet::spool::internal {

Flusher::Flusher(asio::any_io_executor executor, SpoolFolder& folder, const SpoolOptions& options,
                 SpoolCallbacks callbacks, FlushEvents events, FlushCounters& counters)
    : executor_(executor),
      folder_(folder),
      options_(options),
      callbacks_(std::move(callbacks)),
      events_(std::move(events)),
      counters_(counters),
      timer_(executor) {}
Flusher::~Flusher() = default;

void Flusher::start(std::unique_ptr<Landing> landing) {
  landing_ = std::move(landing);
  pump();
}

Flusher::Table& Flusher::table_of(const TableName& name) {
  auto& table = tables_[name];
  if (table == nullptr) {
    table = std::make_unique<Table>();
    table->name = name;
  }
  return *table;
}

void Flusher::lose_segment(SealedSegment sealed, const Error& error) {
  log::error("a spool segment cannot be read back; it is kept in failed/",
             {{"segment", sealed.name}, {"error", error.message}});
  counters_.failed_batches.fetch_add(1);
  for (auto& [number, ticket] : sealed.tickets) {
    ticket->ended = true;
    ticket->outcome = {.kind = FlushOutcome::Kind::failed, .error = error};
    for (auto& waiter : std::exchange(ticket->waiters, {})) waiter.done(ticket->outcome);
  }
  // The rows stay on disk, whatever these answer.
  (void)folder_.rename(sealed.name, "failed/" + sealed.name);
  (void)folder_.sync();
  events_.removed(sealed.header.segment_id, sealed.size);
}

void Flusher::add(SealedSegment sealed) {
  const std::uint64_t id = sealed.header.segment_id;
  CHECK(!segments_.contains(id), "segment ids are unique");
  auto segment = std::make_unique<Segment>(std::move(sealed));
  if (segment->sealed.has_notes) {
    if (auto noted = segment->notes.load(folder_); !noted)
      return lose_segment(std::move(segment->sealed), noted.error());
  }
  auto loaded = load(*segment);
  if (!loaded) return lose_segment(std::move(segment->sealed), loaded.error());
  const auto& plan = (*loaded)->plan;
  if ((*loaded)->scan.valid_size < segment->sealed.size) {
    segment->sealed.damaged = true;
    log::error(
        "a spool segment lost bytes after they were written; what is whole is stored, the file is kept in failed/",
        {{"segment", segment->sealed.name}, {"problem", (*loaded)->scan.problem}});
  }

  std::set<Table*> touched;
  for (std::uint32_t index = 0; index < plan.size(); ++index) {
    const auto& planned = plan[index];
    auto part = std::make_unique<Part>();
    part->segment = segment.get();
    part->index = index;
    part->table = (*loaded)->scan.layouts[planned.layout].table;
    part->row_count = planned.row_count;
    part->byte_count = planned.byte_count;
    part->item_count = static_cast<std::uint32_t>(planned.items.size());
    const Note* known = segment->notes.find(index, {0, part->item_count});
    if (known != nullptr && (known->kind == NoteKind::done || known->kind == NoteKind::failed)) {
      events_.part_ended(part->table, part->byte_count);
      continue;
    }
    std::uint32_t previous = std::numeric_limits<std::uint32_t>::max();
    for (const auto& item : planned.items) {
      if (item.request == previous) continue;
      previous = item.request;
      const auto ticket = segment->sealed.tickets.find(item.request);
      if (ticket == segment->sealed.tickets.end()) continue;
      ++ticket->second->open_parts;
      part->tickets.push_back(ticket->second);
    }
    Table& table = table_of(part->table);
    if (known != nullptr && known->kind == NoteKind::healing) {
      // So many inserts may have followed before the restart; it goes on from there.
      part->healing = true;
      part->healing_since = table.inserts - known->value;
      part->healing_reserved = known->value;
      part->worst.kind = FlushOutcome::Kind::view_failed;
      table.healing.push_back(part.get());
    } else {
      table.parts.push_back(part.get());
    }
    touched.insert(&table);
    ++segment->open_parts;
    segment->parts.push_back(std::move(part));
  }
  for (auto& [number, ticket] : segment->sealed.tickets) {
    ticket->planned = true;
    if (ticket->open_parts == 0 && !ticket->ended) {  // all of it ended before a restart
      ticket->ended = true;
      for (auto& waiter : std::exchange(ticket->waiters, {})) waiter.done(ticket->outcome);
    }
  }
  const bool empty = segment->open_parts == 0;
  segments_.emplace(id, std::move(segment));
  if (empty) begin_remove(id);
  for (Table* table : touched) enqueue(*table);
  pump();
}

void Flusher::enqueue(Table& table) {
  if (table.queued || table.running || (table.parts.empty() && table.healing.empty())) return;
  table.queued = true;
  ready_.push_back(&table);
}

void Flusher::sleep_until(Table& table, Time time) {
  if (table.sleeping) {
    if ((*table.sleeping)->first <= time) return;
    sleeping_.erase(*table.sleeping);
  }
  table.sleeping = sleeping_.emplace(time, &table);
}

Flusher::Part* Flusher::pick(Table& table) {
  const auto now = Clock::now();
  if (now < table.not_before) {
    sleep_until(table, table.not_before);
    return nullptr;
  }
  if (!table.held) {
    const auto due = std::ranges::min_element(table.healing, {}, &Part::healing_due);
    if (due != table.healing.end()) {
      if ((*due)->healing_due <= now) return *due;
      if (table.parts.empty()) sleep_until(table, (*due)->healing_due);
    }
  }
  if (table.parts.empty() || (table.held && table.held->allowed == 0)) return nullptr;
  return table.parts.front();
}

void Flusher::pump() {
  if (stopping_ || landing_ == nullptr) return;
  const auto now = Clock::now();
  while (!sleeping_.empty() && sleeping_.begin()->first <= now) {
    Table* table = sleeping_.begin()->second;
    sleeping_.erase(sleeping_.begin());
    table->sleeping.reset();
    enqueue(*table);
  }
  // While the engine does not answer, one insert at a time asks whether it is back.
  const std::size_t concurrency = engine_tries_ > 0 ? 1 : options_.flush_concurrency;
  while (running_ < concurrency && !ready_.empty() && now >= engine_not_before_) {
    Table* table = ready_.front();
    ready_.pop_front();
    table->queued = false;
    if (pick(*table) == nullptr) continue;
    table->running = true;
    ++running_;
    const std::uint64_t id = next_id_++;
    auto cancel = std::make_shared<asio::cancellation_signal>();
    cancels_.emplace(id, cancel);
    auto work = run(landing_, table);
    asio::co_spawn(executor_, std::move(work),
                   asio::bind_cancellation_slot(cancel->slot(), [this, id, table, cancel](std::exception_ptr problem) {
                     cancels_.erase(id);
                     run_ended(*table, problem);
                   }));
  }
  arm_timer();
}

void Flusher::run_ended(Table& table, std::exception_ptr problem) {
  --running_;
  table.running = false;
  if (stopping_) {
    if (running_ == 0 && idle_) std::exchange(idle_, nullptr)();
    return;
  }
  if (problem) {
    log::error("an insert ended with an exception; it is tried again", {{"table", table.name.table}});
    delay(table, ++table.busy_tries);
  }
  check_hold(table);
  enqueue(table);
  forget_if_idle(table);
  pump();
}

void Flusher::arm_timer() {
  std::optional<Time> next;
  if (!sleeping_.empty()) next = sleeping_.begin()->first;
  if (!ready_.empty() && engine_not_before_ > Clock::now())
    next = next ? std::min(*next, engine_not_before_) : engine_not_before_;
  if (!next) return;
  timer_.expires_at(*next);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) pump();
  });
}

void Flusher::after(std::chrono::milliseconds delay, std::function<void()> call) {
  auto timer = std::make_shared<asio::steady_timer>(executor_, delay);
  timer->async_wait([this, timer, call = std::move(call)](boost::system::error_code error) {
    if (!error && !stopping_) call();
  });
}

std::chrono::milliseconds Flusher::backoff(int tries) const {
  auto delay = options_.retry_min;
  for (int i = 1; i < tries && delay < options_.retry_max; ++i) delay *= 2;
  return std::min(delay, options_.retry_max);
}

void Flusher::delay(Table& table, int tries) {
  table.not_before = Clock::now() + backoff(tries);
}

void Flusher::end_part(Table& table, Part& part) {
  events_.part_ended(table.name, part.byte_count);
  tell_tickets(part);
  if (part.healing) {
    std::erase(table.healing, &part);
  } else {
    CHECK(!table.parts.empty() && table.parts.front() == &part, "parts of a table end in order");
    table.parts.pop_front();
    if (table.held && table.held->allowed > 0) --table.held->allowed;
  }
  table.busy_tries = 0;
  part.ended = true;
  part.ended_at_insert = table.inserts;
  table.unnoted.push_back(&part);
  if (--part.segment->open_parts == 0) begin_remove(part.segment->sealed.header.segment_id);
}

void Flusher::begin_remove(std::uint64_t segment_id) {
  events_.before_remove(segment_id, [this, segment_id](Status status) {
    if (stopping_) return;
    if (status) return remove(segment_id);
    log::warning("a stored spool segment cannot be removed yet", {{"error", status.error().message}});
    after(options_.retry_max, [this, segment_id] { begin_remove(segment_id); });
  });
}

void Flusher::remove(std::uint64_t segment_id) {
  const auto found = segments_.find(segment_id);
  CHECK(found != segments_.end(), "a segment is removed once");
  Segment& segment = *found->second;
  const auto gone = segment.sealed.damaged ? folder_.rename(segment.sealed.name, "failed/" + segment.sealed.name)
                                           : folder_.remove(segment.sealed.name);
  if (!gone) {
    log::warning("a stored spool segment cannot be removed yet", {{"error", gone.error().message}});
    return after(options_.retry_max, [this, segment_id] { remove(segment_id); });
  }
  // A leftover of notes without a segment is removed at the next start.
  if (segment.notes.written()) (void)folder_.remove(FlushNotes::name_of(segment_id));
  std::set<Table*> touched;
  for (const auto& part : segment.parts) {
    Table& table = table_of(part->table);
    std::erase(table.unnoted, part.get());
    touched.insert(&table);
  }
  if (segment.kept) loaded_bytes_ -= segment.kept->bytes.size();
  const std::uint64_t size = segment.sealed.size;
  segments_.erase(found);
  events_.removed(segment_id, size);
  for (Table* table : touched) forget_if_idle(*table);

  finish_removed_waiters();
}

bool Flusher::settled_up_to(std::uint64_t segment_id) const {
  for (const auto& [id, segment] : segments_) {
    if (id > segment_id) break;
    // What only waits for the repair of a view is stored.
    const auto healing = static_cast<std::size_t>(
        std::ranges::count_if(segment->parts, [](const auto& part) { return part->healing && !part->ended; }));
    if (segment->open_parts == 0 || segment->open_parts > healing) return false;
  }
  return true;
}

void Flusher::finish_removed_waiters() {
  std::vector<RemovedWaiter> ended;
  std::erase_if(removed_waiters_, [&](RemovedWaiter& waiter) {
    if (!settled_up_to(waiter.segment_id)) return false;
    ended.push_back(std::move(waiter));
    return true;
  });
  for (auto& waiter : ended) waiter.done({});
}

void Flusher::forget_if_idle(Table& table) {
  if (table.running || table.queued || table.sleeping || table.held || !table.parts.empty() || !table.healing.empty() ||
      !table.unnoted.empty())
    return;
  tables_.erase(TableName(table.name));
}

void Flusher::wait(const std::shared_ptr<Ticket>& ticket, Deadline deadline, std::function<void(FlushOutcome)> done) {
  if (ticket->ended || stopping_) return done(ticket->ended ? ticket->outcome : FlushOutcome{});
  const std::uint64_t id = next_id_++;
  auto timer = std::make_shared<asio::steady_timer>(executor_, deadline);
  ticket_waiters_.emplace(id, ticket);
  ticket->waiters.push_back({.id = id, .done = [this, id, timer, done = std::move(done)](FlushOutcome outcome) {
                               timer->cancel();
                               ticket_waiters_.erase(id);
                               done(std::move(outcome));
                             }});
  timer->async_wait([weak = std::weak_ptr(ticket), id](boost::system::error_code error) {
    const auto late = weak.lock();
    if (error || late == nullptr) return;
    const auto waiter = std::ranges::find(late->waiters, id, &Ticket::Waiter::id);
    if (waiter == late->waiters.end()) return;
    const auto call = std::move(waiter->done);
    late->waiters.erase(waiter);
    call(FlushOutcome{.kind = FlushOutcome::Kind::pending});
  });
}

void Flusher::wait_removed(std::uint64_t segment_id, Deadline deadline, std::function<void(Status)> done) {
  if (settled_up_to(segment_id)) return done({});
  if (stopping_) return done(fail(Code::unavailable, "the server is shutting down"));
  const std::uint64_t id = next_id_++;
  auto timer = std::make_shared<asio::steady_timer>(executor_, deadline);
  removed_waiters_.push_back(
      {.id = id, .segment_id = segment_id, .done = [timer, done = std::move(done)](Status status) {
         timer->cancel();
         done(std::move(status));
       }});
  timer->async_wait([this, id](boost::system::error_code error) {
    if (error) return;
    const auto waiter = std::ranges::find(removed_waiters_, id, &RemovedWaiter::id);
    if (waiter == removed_waiters_.end()) return;
    const auto call = std::move(waiter->done);
    removed_waiters_.erase(waiter);
    call(fail(Code::timeout, "accepted rows were not stored in time; they stay in the spool"));
  });
}

void Flusher::hold(const TableName& name, HoldKind kind, Deadline deadline, std::function<void(Status)> done) {
  if (stopping_) return done(fail(Code::unavailable, "the server is shutting down"));
  Table& table = table_of(name);
  if (table.held) return done(fail(Code::busy, "another operation holds the writes of this data source"));
  const std::uint64_t id = next_id_++;
  auto timer = std::make_shared<asio::steady_timer>(executor_, deadline);
  table.held = Held{
      .id = id, .kind = kind, .allowed = table.parts.size(), .done = [timer, done = std::move(done)](Status status) {
        timer->cancel();
        done(std::move(status));
      }};
  timer->async_wait([this, name, id](boost::system::error_code error) {
    if (error || stopping_) return;
    const auto found = tables_.find(name);
    if (found == tables_.end()) return;
    Table& late = *found->second;
    if (!late.held || late.held->id != id || late.held->granted) return;
    const auto call = std::move(late.held->done);
    release(name);
    call(fail(Code::timeout, "the accepted rows of this data source were not stored in time"));
  });
  check_hold(table);
  enqueue(table);
  pump();
}

void Flusher::check_hold(Table& table) {
  if (!table.held || table.held->granted || table.running || table.held->allowed > 0) return;
  const auto again = [this, name = table.name] {
    after(options_.retry_min, [this, name] {
      const auto found = tables_.find(name);
      if (found != tables_.end()) check_hold(*found->second);
    });
  };
  if (table.held->kind == HoldKind::clear) {
    while (!table.healing.empty()) {
      Part& part = *table.healing.front();
      const auto loaded = load(*part.segment);
      if (!loaded) return again();
      const auto moved = set_aside(part, **loaded, {0, part.item_count}, part.worst.error, true);
      if (!moved) return again();
      end_part(table, part);
    }
  }
  if (!write_notes(table, true)) return again();
  table.held->granted = true;
  table.held->done({});
}

void Flusher::release(const TableName& name) {
  const auto found = tables_.find(name);
  if (found == tables_.end()) return;
  Table& table = *found->second;
  table.held.reset();
  enqueue(table);
  forget_if_idle(table);
  pump();
}

void Flusher::stop(std::function<void()> idle) {
  stopping_ = true;
  timer_.cancel();
  for (auto& [id, weak] : std::exchange(ticket_waiters_, {})) {
    const auto ticket = weak.lock();
    if (ticket == nullptr) continue;
    for (auto& waiter : std::exchange(ticket->waiters, {})) waiter.done(FlushOutcome{});
  }
  for (auto& waiter : std::exchange(removed_waiters_, {}))
    waiter.done(fail(Code::unavailable, "the server is shutting down"));
  for (auto& [name, table] : tables_)
    if (table->held && !table->held->granted)
      std::exchange(table->held->done, nullptr)(fail(Code::unavailable, "the server is shutting down"));
  if (running_ == 0) return idle();
  idle_ = std::move(idle);
  for (const auto& [id, cancel] : std::map(cancels_)) cancel->emit(asio::cancellation_type::terminal);
}

void Flusher::remember_failed(FailedBatch batch) {
  failed_.push_back(std::move(batch));
  if (failed_.size() > Spool::failed_listed_max) failed_.pop_front();
}

}  // namespace kinglet::spool::internal
