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
  remember_damaged(sealed.name, sealed.size);
  events_.removed(sealed.header.segment_id, sealed.size);
}

void Flusher::add(SealedSegment sealed) {
  CHECK(!segments_.contains(sealed.header.segment_id), "segment ids are unique");
  arrived_.push_back(std::move(sealed));
  if (arrived_.size() == 1) take_arrived();
}

void Flusher::take_arrived() {
  while (!arrived_.empty() && !stopping_) {
    if (!take(arrived_.front())) return after(options_.retry_max, [this] { take_arrived(); });
    arrived_.pop_front();
  }
}

bool Flusher::take(SealedSegment& sealed) {
  const std::uint64_t id = sealed.header.segment_id;
  auto segment = std::make_unique<Segment>(std::move(sealed));
  auto noted = segment->sealed.has_notes ? segment->notes.load(folder_) : Status();
  auto loaded = noted ? load(*segment, Use::plan) : std::unexpected(noted.error());
  if (!loaded && loaded.error().code == Code::unavailable) {  // no descriptor, or the disk: what is acknowledged waits
    log::warning("a spool segment cannot be read now",
                 {{"segment", segment->sealed.name}, {"error", loaded.error().message}});
    sealed = std::move(segment->sealed);
    return false;
  }
  if (!loaded) {
    lose_segment(std::move(segment->sealed), loaded.error());
    return true;
  }
  const auto& plan = (*loaded)->plan;
  if ((*loaded)->scan.valid_size < segment->sealed.size) {
    segment->sealed.damaged = true;
    log::error(
        "a spool segment lost bytes after they were written; what is whole is stored, the file is kept in failed/",
        {{"segment", segment->sealed.name}, {"problem", (*loaded)->scan.problem}});
  }

  open_books(*segment, (*loaded)->scan);
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
    plan_books((*loaded)->scan, planned, *part);
    const Note* known = segment->notes.find(index, {0, part->item_count});
    if (known != nullptr && (known->kind == NoteKind::done || known->kind == NoteKind::failed)) {
      change_share({.table = part->table, .bytes_ended = part->byte_count});
      book_rest(*part, known->kind == NoteKind::failed ? FlushOutcome::Kind::failed : FlushOutcome::Kind::stored);
      continue;
    }
    std::uint32_t previous = std::numeric_limits<std::uint32_t>::max();
    for (const auto& item : planned.items) {
      if (item.request == previous) continue;
      previous = item.request;
      const auto ticket = segment->sealed.tickets.find(item.request);
      if (ticket == segment->sealed.tickets.end()) continue;
      ++ticket->second->open_parts;
      part->wanted |= ticket->second->wanted;
      part->tickets.push_back(ticket->second);
    }
    Table& table = table_of(part->table);
    change_share({.table = part->table, .batches_planned = 1});
    if (known != nullptr && known->kind == NoteKind::healing) {
      // So many inserts may have followed before the restart; it goes on from there.
      part->healing = true;
      part->healing_since = table.window_entries - known->value;
      part->healing_reserved = known->value;
      part->worst.kind = FlushOutcome::Kind::view_failed;
      table.healing.push_back(part.get());
    } else {
      table.parts.push_back(part.get());
      if (part->wanted) ++table.wanted;
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
  return true;
}

void Flusher::enqueue(Table& table) {
  if (table.queued || table.running || (table.parts.empty() && table.healing.empty())) return;
  table.queued = true;
  ready_.push(table.name.database, &table, table.wanted > 0);
}

std::size_t Flusher::places() const {
  // While the engine does not answer, one insert at a time asks whether it is back.
  if (engine_tries_ > 0) return 1;
  const auto slow_before = Clock::now() - options_.slow_insert;
  std::size_t slow = 0;
  for (const auto& [id, running] : running_) {
    if (running.started > slow_before || slow == options_.flush_slow_max) break;
    ++slow;
  }
  return options_.flush_concurrency + slow;
}

void Flusher::count_ready() {
  const std::size_t ready = ready_.size();
  counters_.ready_tables.store(ready);
  counters_.running_inserts.store(running_.size());
  const auto now = Clock::now();
  const std::size_t before = std::exchange(last_ready_, ready);
  if (ready > 0 && !behind_since_) behind_since_ = now;
  if (ready == 0 && behind_since_)
    events_.eased(now - *std::exchange(behind_since_, std::nullopt));
  else if (before > options_.wait_flush_tables_max && ready <= options_.wait_flush_tables_max)
    events_.eased({});
}

void Flusher::change_share(FlushEvents::Share share) {
  if (shares_.empty()) asio::post(executor_, [this] { events_.shares_changed(std::exchange(shares_, {})); });
  shares_.push_back(std::move(share));
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
  if (const auto until = crowded_until(table); until && now < *until) {
    sleep_until(table, *until);
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

/// While merges are behind its inserts, a table's next one waits; nobody else's does.
std::optional<Flusher::Time> Flusher::crowded_until(const Table& table) const {
  const auto found = crowded_.find(table.name);
  if (found == crowded_.end()) return std::nullopt;
  if (found->second.pause >= options_.parts_pause) return watch_due_ + options_.parts_watch / 2;
  return found->second.last_insert + found->second.pause;
}

void Flusher::start_watch() {
  const auto now = Clock::now();
  if (watching_ || now < watch_due_ || engine_tries_ > 0 || (!landed_since_watch_ && crowded_.empty())) return;
  watching_ = true;
  landed_since_watch_ = false;
  watch_due_ = now + options_.parts_watch;
  auto work = watch_parts(landing_);
  asio::co_spawn(executor_, std::move(work),
                 asio::bind_cancellation_slot(watch_cancel_.slot(), [this](std::exception_ptr) {
                   watching_ = false;
                   if (!stopping_) return pump();
                   if (running_.empty() && idle_) std::exchange(idle_, nullptr)();
                 }));
}

Task<void> Flusher::watch_parts(std::shared_ptr<Landing> landing) {
  const auto start = Clock::now();
  const auto found =
      co_await landing->crowded(options_.parts_in_partition_slow, options_.parts_slow, start + options_.insert_timeout);
  // A list that takes long to make is asked for less often.
  watch_due_ = std::max(watch_due_, Clock::now() + 20 * (Clock::now() - start));
  if (!found) co_return;
  std::map<TableName, Crowded> crowded;
  for (const auto& table : *found) {
    const double times =
        std::max(static_cast<double>(table.parts_in_partition) / static_cast<double>(options_.parts_in_partition_slow),
                 static_cast<double>(table.parts) / static_cast<double>(options_.parts_slow));
    const auto pause = std::chrono::duration_cast<std::chrono::milliseconds>(options_.parts_pause * (times - 1));
    const auto known = crowded_.find(table.table);
    crowded.emplace(table.table, Crowded{.pause = std::clamp(pause, std::chrono::milliseconds(1), options_.parts_pause),
                                         .last_insert = known == crowded_.end() ? start : known->second.last_insert});
    if (known == crowded_.end())
      log::warning("merges are behind the inserts of a table; its rows wait longer in the spool",
                   {{"database", table.table.database},
                    {"table", table.table.table},
                    {"parts", table.parts},
                    {"in_one_partition", table.parts_in_partition}});
  }
  crowded_ = std::move(crowded);
  counters_.crowded_tables.store(crowded_.size());
}

void Flusher::pump() {
  if (stopping_ || landing_ == nullptr) return;
  start_watch();
  const auto now = Clock::now();
  while (!sleeping_.empty() && sleeping_.begin()->first <= now) {
    Table* table = sleeping_.begin()->second;
    sleeping_.erase(sleeping_.begin());
    table->sleeping.reset();
    enqueue(*table);
  }
  const std::size_t places = this->places();
  while (running_.size() < places && !ready_.empty() && now >= engine_not_before_) {
    Table* table = ready_.pop();
    table->queued = false;
    if (pick(*table) == nullptr) continue;
    table->running = true;
    const std::uint64_t id = next_id_++;
    auto cancel = std::make_shared<asio::cancellation_signal>();
    running_.emplace(id, Running{.cancel = cancel, .started = now});
    auto work = run(landing_, table);
    asio::co_spawn(executor_, std::move(work),
                   asio::bind_cancellation_slot(cancel->slot(), [this, id, table, cancel](std::exception_ptr problem) {
                     running_.erase(id);
                     run_ended(*table, problem);
                   }));
  }
  count_ready();
  arm_timer();
}

void Flusher::run_ended(Table& table, std::exception_ptr problem) {
  table.running = false;
  if (stopping_) {
    if (running_.empty() && !watching_ && idle_) std::exchange(idle_, nullptr)();
    return;
  }
  if (problem) {
    log::error("an insert ended with an exception; it is tried again", {{"table", table.name.table}});
    delay(table, ++table.busy_tries);
  }
  landed_since_watch_ = true;
  if (const auto crowded = crowded_.find(table.name); crowded != crowded_.end())
    crowded->second.last_insert = Clock::now();
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
  if (!ready_.empty()) {  // a place is free as soon as the next running insert is slow
    const auto slow_before = Clock::now() - options_.slow_insert;
    for (const auto& [id, running] : running_) {
      if (running.started <= slow_before) continue;
      next = next ? std::min(*next, running.started + options_.slow_insert) : running.started + options_.slow_insert;
      break;
    }
  }
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
  change_share({.table = table.name, .bytes_ended = part.byte_count, .batches_ended = 1});
  tell_tickets(part);
  if (part.healing) {
    std::erase(table.healing, &part);
  } else {
    CHECK(!table.parts.empty() && table.parts.front() == &part, "parts of a table end in order");
    table.parts.pop_front();
    if (part.wanted) --table.wanted;
    if (table.held && table.held->allowed > 0) --table.held->allowed;
  }
  table.busy_tries = 0;
  book_rest(part, part.worst.kind);
  part.ended = true;
  part.ended_at_unit = table.window_units;
  table.unnoted.push_back(&part);
  if (--part.segment->open_parts == 0) begin_remove(part.segment->sealed.header.segment_id);
}

void Flusher::begin_remove(std::uint64_t segment_id) {
  events_.before_remove(segment_id, [this, segment_id](Status status) {
    if (stopping_) return;
    if (status) return close_books(segment_id);
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
  // After a power cut the engine may have forgotten the tokens of rows that it has: the file must not come back.
  (void)folder_.sync();
  std::set<Table*> touched;
  for (const auto& part : segment.parts) {
    Table& table = table_of(part->table);
    std::erase(table.unnoted, part.get());
    touched.insert(&table);
  }
  if (segment.kept) loaded_bytes_ -= segment.kept->bytes.size();
  const std::uint64_t size = segment.sealed.size;
  if (segment.sealed.damaged) remember_damaged(segment.sealed.name, size);
  segments_.erase(found);
  if (segments_.empty()) *spare_ = std::string();
  events_.removed(segment_id, size);
  for (Table* table : touched) forget_if_idle(*table);

  finish_removed_waiters();
}

bool Flusher::settled_up_to(std::uint64_t segment_id) const {
  if (!arrived_.empty() && arrived_.front().header.segment_id <= segment_id) return false;
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
  if (!arrived_.empty())
    return done(fail(Code::unavailable, "accepted rows cannot be read back from the spool now; try again in a moment"));
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
      const auto loaded = load(*part.segment, Use::land);
      if (!loaded) return again();
      const auto moved = set_aside(part, **loaded, {0, part.item_count}, part.worst.error, true);
      if (!moved) return again();
      end_part(table, part);
    }
  }
  if (!write_notes(table, true, 0)) return again();
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
  if (running_.empty() && !watching_) return idle();
  idle_ = std::move(idle);
  watch_cancel_.emit(asio::cancellation_type::terminal);
  for (const auto& [id, running] : std::map(running_)) running.cancel->emit(asio::cancellation_type::terminal);
}

}  // namespace kinglet::spool::internal
