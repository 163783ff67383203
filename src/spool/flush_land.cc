// SPDX-License-Identifier: Apache-2.0
// One part on its way into the engine: tries, refusals, failing views, setting aside.
#include <algorithm>

#include "base/check.h"
#include "base/log.h"
#include "spool/flush_state.h"
#include "spool/segment_checksum.h"
#include "spool/segment_writer.h"

namespace kinglet::spool::internal {
namespace {

int severity(FlushOutcome::Kind kind) {
  switch (kind) {
    case FlushOutcome::Kind::stored:
      return 0;
    case FlushOutcome::Kind::dropped:
      return 1;
    case FlushOutcome::Kind::view_failed:
      return 2;
    case FlushOutcome::Kind::failed:
      return 3;
    case FlushOutcome::Kind::pending:
      return 0;
  }
  return 0;
}

void worsen(FlushOutcome& outcome, FlushOutcome::Kind kind, const Error& error) {
  if (severity(kind) > severity(outcome.kind)) outcome = {.kind = kind, .error = error};
}

std::int64_t unix_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::uint64_t rows_of(const SegmentScan& scan, const PlannedPart& plan, PartRange range) {
  std::uint64_t rows = 0;
  for (std::uint32_t i = range.begin; i < range.end; ++i)
    rows += scan.requests[plan.items[i].request].sections[plan.items[i].section].row_count;
  return rows;
}

}  // namespace

Result<std::shared_ptr<const Flusher::Loaded>> Flusher::load(Segment& segment, Use use) {
  if (segment.kept) return segment.kept;
  TRY(auto file, folder_.open_file(segment.sealed.name));
  // The memory of a segment serves the next one: fresh pages would cost more than reading does.
  const std::shared_ptr<Loaded> loaded(new Loaded{.bytes = std::exchange(*spare_, {}), .scan = {}, .plan = {}},
                                       [spare = spare_](Loaded* gone) {
                                         if (gone->bytes.capacity() > spare->capacity())
                                           *spare = std::move(gone->bytes);
                                         delete gone;
                                       });
  TRY_VOID(file->read_into(loaded->bytes, 0, segment.sealed.size));
  TRY(loaded->scan, scan_segment(loaded->bytes));
  loaded->plan = plan_parts(loaded->scan);
  for (const auto& part : segment.parts) {
    if (part->index >= loaded->plan.size() || loaded->plan[part->index].items.size() != part->item_count)
      return fail(Code::internal, "the segment lost records after they were written: {}", loaded->scan.problem);
  }
  const std::uint64_t size = loaded->bytes.size();
  if (size > options_.flush_memory_bytes_max) return std::shared_ptr<const Loaded>(loaded);
  const auto fits = [&] { return loaded_bytes_ + size <= options_.flush_memory_bytes_max; };
  const auto drop = [&](Segment& other) {
    if (!other.kept || fits()) return;
    loaded_bytes_ -= other.kept->bytes.size();
    other.kept.reset();
  };
  if (use == Use::land) {
    // Those behind it are needed later than what waits for another try, the last one last.
    for (auto other = segments_.rbegin(); other != segments_.rend() && other->second.get() != &segment; ++other)
      drop(*other->second);
    for (auto& [id, other] : segments_) drop(*other);
  }
  if (!fits()) return std::shared_ptr<const Loaded>(loaded);
  loaded_bytes_ += size;
  segment.kept = loaded;
  return segment.kept;
}

Status Flusher::note(Part& part, PartRange range, NoteKind kind, std::uint32_t value) {
  return part.segment->notes.add(folder_, {{.part = part.index, .range = range, .kind = kind, .value = value}});
}

Status Flusher::write_notes(Table& table, bool all, std::uint64_t next_entries) {
  std::map<Segment*, std::vector<Note>> notes;
  std::vector<std::pair<Part*, std::uint32_t>> healing;
  for (Part* part : table.unnoted)
    if (all || table.window_units - part->ended_at_unit >= unnoted_units_max)
      notes[part->segment].push_back({.part = part->index, .range = {0, part->item_count}, .kind = NoteKind::done});
  for (Part* part : table.healing) {
    const auto reserved = table.window_entries + next_entries - part->healing_since;
    if (reserved <= part->healing_reserved) continue;
    healing.emplace_back(part, static_cast<std::uint32_t>(reserved + healing_note_step));
    notes[part->segment].push_back({.part = part->index,
                                    .range = {0, part->item_count},
                                    .kind = NoteKind::healing,
                                    .value = healing.back().second});
  }
  for (const auto& [segment, list] : notes) TRY_VOID(segment->notes.add(folder_, list));
  for (const auto& [part, reserved] : healing) part->healing_reserved = reserved;
  std::erase_if(table.unnoted, [&](const Part* part) {
    return part->segment->notes.find(part->index, {0, part->item_count}) != nullptr &&
           (all || table.window_units - part->ended_at_unit >= unnoted_units_max);
  });
  return {};
}

void Flusher::tell_tickets(Part& part) {
  for (const auto& ticket : std::exchange(part.tickets, {})) {
    worsen(ticket->outcome, part.worst.kind, part.worst.error);
    if (--ticket->open_parts > 0) continue;
    ticket->ended = true;
    for (auto& waiter : std::exchange(ticket->waiters, {})) waiter.done(ticket->outcome);
  }
}

void Flusher::report(Part& part, const Loaded& loaded, PartRange range, FlushOutcome::Kind kind, const Error& error,
                     std::chrono::microseconds elapsed, std::optional<FlushOutcome::Kind> earlier) {
  book(part, loaded, range, earlier.value_or(kind));
  if (!callbacks_.part_ended) return;
  if (!earlier && !loaded.scan.failures.empty()) earlier = FlushOutcome::Kind::failed;
  LandedPart landed{.table = part.table,
                    .token = part_token(part.segment->sealed.header, part.index, range, part.item_count),
                    .kind = kind,
                    .error = error,
                    .elapsed = elapsed,
                    .sources = {},
                    .earlier = earlier};
  const auto& items = loaded.plan[part.index].items;
  for (std::uint32_t i = range.begin; i < range.end; ++i) {
    const auto& request = loaded.scan.requests[items[i].request];
    const auto& section = request.sections[items[i].section];
    auto source = std::ranges::find_if(landed.sources, [&](const LandedRows& known) {
      return known.source == request.meta.source && known.import_id == request.meta.import_id;
    });
    if (source == landed.sources.end())
      source = landed.sources.insert(source, {.source = request.meta.source, .import_id = request.meta.import_id});
    ++source->request_count;
    source->bytes += section.size;
    switch (section.kind) {
      case SectionKind::rows:
        source->rows += section.row_count;
        break;
      case SectionKind::quarantine:
        source->quarantined_rows += section.row_count;
        break;
      case SectionKind::copy:
        source->copied_rows += section.row_count;
        break;
    }
  }
  callbacks_.part_ended(landed);
}

Status Flusher::set_aside(Part& part, const Loaded& loaded, PartRange range, const Error& error, bool rows_stored) {
  const auto& plan = loaded.plan[part.index];
  const Layout& layout = loaded.scan.layouts[plan.layout];
  const auto& header = part.segment->sealed.header;
  FailedBatch batch{.token = part_token(header, part.index, range, part.item_count),
                    .table = part.table,
                    .row_count = rows_of(loaded.scan, plan, range),
                    .error = error,
                    .rows_stored = rows_stored,
                    .failed_at_ms = unix_ms()};
  const LayoutRef shared(layout);
  std::vector<WriterSection> sections;
  for (std::uint32_t i = range.begin; i < range.end; ++i) {
    const auto& section = loaded.scan.requests[plan.items[i].request].sections[plan.items[i].section];
    sections.push_back({.layout = shared,
                        .kind = section.kind,
                        .row_count = section.row_count,
                        .block = std::string_view(loaded.bytes).substr(section.offset, section.size)});
    batch.byte_count += section.size;
  }
  std::vector<WriterInput> inputs;
  for (std::uint32_t i = 0; i < sections.size(); ++i)
    inputs.push_back({.meta = &loaded.scan.requests[plan.items[range.begin + i].request].meta,
                      .sections = std::span(sections).subspan(i, 1),
                      .blocks_checksum = crc32c(sections[i].block)});
  TRY(auto writer, SegmentWriter::create(folder_, "failed/" + batch.token + ".segment", header, {}));
  TRY_VOID(writer->append_record(RecordType::failure, encode_failure({.token = batch.token,
                                                                      .error = error.message,
                                                                      .engine_code = error.engine_code,
                                                                      .failed_at_ms = batch.failed_at_ms,
                                                                      .rows_stored = rows_stored,
                                                                      .table = part.table,
                                                                      .row_count = batch.row_count,
                                                                      .byte_count = batch.byte_count})));
  TRY_VOID(writer->append(inputs));
  log::error("the engine refuses a batch for good; it is kept in the spool's failed/ folder",
             {{"database", part.table.database},
              {"table", part.table.table},
              {"batch", batch.token},
              {"rows", batch.row_count},
              {"rows_stored", rows_stored},
              {"error", error.message}});
  counters_.failed_batches.fetch_add(1);
  if (!rows_stored) counters_.failed_rows.fetch_add(batch.row_count);
  if (callbacks_.batch_failed) callbacks_.batch_failed(batch);
  remember_failed(std::move(batch));
  return {};
}

void Flusher::engine_answered(const LandingAnswer& answer) {
  if (answer.verdict == Verdict::unreachable) {
    if (engine_tries_++ == 0)
      log::warning("the engine does not take rows; they wait in the spool", {{"error", answer.error.message}});
    engine_not_before_ = Clock::now() + backoff(engine_tries_);
    counters_.engine_reachable.store(false);
    return;
  }
  if (engine_tries_ > 0) log::info("the engine takes rows again");
  engine_tries_ = 0;
  engine_not_before_ = {};
  if (!counters_.engine_reachable.exchange(true)) events_.eased({});
}

Flusher::Step Flusher::view_failed(Table& table, Part& part, const Loaded& loaded, PartRange range,
                                   const Error& error) {
  counters_.view_failures.fetch_add(1);
  const PartRange whole{0, part.item_count};
  if (part.healing) {
    part.worst.error = error;
    if (table.window_entries - part.healing_since >= options_.view_window_max) {
      if (set_aside(part, loaded, whole, error, true)) {
        report(part, loaded, whole, FlushOutcome::Kind::failed, error, {}, FlushOutcome::Kind::view_failed);
        return Step::ended;
      }
    }
    const auto delay = std::min<std::chrono::milliseconds>(options_.retry_max * (1 << std::min(part.view_tries++, 10)),
                                                           healing_delay_max);
    part.healing_due = Clock::now() + delay;
    return Step::later;
  }
  if (++part.view_tries <= options_.view_tries_in_order) {
    delay(table, part.view_tries);
    return Step::later;
  }
  if (range != whole) {
    // A piece of a batch that was refused as a whole: its token may not outlive the pieces behind it.
    if (!set_aside(part, loaded, range, error, true) || !note(part, range, NoteKind::failed)) {
      delay(table, ++table.busy_tries);
      return Step::later;
    }
    ++table.window_units;
    table.window_entries += std::min(rows_of(loaded.scan, loaded.plan[part.index], range), table.partitions);
    worsen(part.worst, FlushOutcome::Kind::view_failed, error);
    return Step::ended;
  }
  // Its own entries stand before those that are counted from now on.
  if (!note(part, whole, NoteKind::healing, healing_note_step)) {
    delay(table, ++table.busy_tries);
    return Step::later;
  }
  log::error(
      "a materialized view refuses rows that its data source has stored; the batch is tried again until the view takes "
      "it",
      {{"database", part.table.database},
       {"table", part.table.table},
       {"rows", part.row_count},
       {"error", error.message}});
  ++table.window_units;
  table.window_entries += std::min(part.row_count, table.partitions);
  counters_.landed_parts.fetch_add(1);
  counters_.landed_rows.fetch_add(part.row_count);
  report(part, loaded, whole, FlushOutcome::Kind::view_failed, error, {});
  worsen(part.worst, FlushOutcome::Kind::view_failed, error);
  tell_tickets(part);
  part.healing = true;
  part.view_tries = 0;
  part.healing_since = table.window_entries;
  part.healing_reserved = healing_note_step;
  part.healing_due = Clock::now() + options_.retry_max;
  table.parts.pop_front();
  if (part.wanted) --table.wanted;
  if (table.held && table.held->allowed > 0) --table.held->allowed;
  table.healing.push_back(&part);
  finish_removed_waiters();
  return Step::later;
}

Task<void> Flusher::ask_partitions(std::shared_ptr<Landing> landing, Table* table) {
  if (Clock::now() < table->partitions_due) co_return;
  const auto most = co_await landing->partitions(table->name.database, Clock::now() + options_.insert_timeout);
  table->partitions = most ? *most : partitions_unknown;
  table->partitions_due = Clock::now() + partitions_ask;
}

Task<void> Flusher::run(std::shared_ptr<Landing> landing, Table* table) {
  Part* part = pick(*table);
  if (part == nullptr) co_return;
  if (!table->healing.empty()) co_await ask_partitions(landing, table);
  const auto entries = std::min(part->row_count, table->partitions);
  if (auto noted = write_notes(*table, false, entries); !noted) {
    log::warning("the progress of the spool cannot be noted", {{"error", noted.error().message}});
    delay(*table, ++table->busy_tries);
    co_return;
  }
  const Step step = co_await land_part(std::move(landing), table, part);
  if (step == Step::ended) end_part(*table, *part);
}

Task<Flusher::Step> Flusher::land_part(std::shared_ptr<Landing> landing, Table* table, Part* part) {
  Segment& segment = *part->segment;
  const auto read = load(segment, Use::land);
  if (!read) {
    if (read.error().code != Code::internal && read.error().code != Code::invalid) {
      log::warning("a spool segment cannot be read now",
                   {{"segment", segment.sealed.name}, {"error", read.error().message}});
      delay(*table, ++table->busy_tries);
      co_return Step::later;
    }
    log::error("a spool segment was damaged after it was written; it is kept in failed/",
               {{"segment", segment.sealed.name}, {"rows", part->row_count}, {"error", read.error().message}});
    segment.sealed.damaged = true;
    counters_.failed_batches.fetch_add(1);
    counters_.failed_rows.fetch_add(part->row_count);
    worsen(part->worst, FlushOutcome::Kind::failed, read.error());
    co_return Step::ended;
  }
  const std::shared_ptr<const Loaded>& loaded = *read;
  const PartRange whole{0, part->item_count};
  const auto& plan = loaded->plan[part->index];

  std::vector<PartRange> todo{whole};
  while (!todo.empty()) {
    const PartRange range = todo.back();
    todo.pop_back();
    if (const Note* known = segment.notes.find(part->index, range); known != nullptr) {
      if (known->kind == NoteKind::done || known->kind == NoteKind::failed) {
        book(*part, *loaded, range,
             known->kind == NoteKind::failed ? FlushOutcome::Kind::failed : FlushOutcome::Kind::stored);
        continue;
      }
      if (known->kind == NoteKind::split) {
        const std::uint32_t middle = range.begin + (range.end - range.begin) / 2;
        todo.push_back({middle, range.end});
        todo.push_back({range.begin, middle});
        continue;
      }
    }
    const auto later = [&](int tries) {
      counters_.insert_retries.fetch_add(1);
      delay(*table, tries);
      return Step::later;
    };

    std::vector<std::string_view> blocks;
    bool quarantine = false;  // all of a table's sections are of one kind
    for (std::uint32_t i = range.begin; i < range.end; ++i) {
      const auto& section = loaded->scan.requests[plan.items[i].request].sections[plan.items[i].section];
      blocks.push_back(std::string_view(loaded->bytes).substr(section.offset, section.size));
      quarantine = section.kind == SectionKind::quarantine;
    }
    const std::uint64_t rows = rows_of(loaded->scan, plan, range);
    const LandingPart insert{.layout = loaded->scan.layouts[plan.layout],
                             .token = part_token(segment.sealed.header, part->index, range, part->item_count),
                             .row_count = rows,
                             .blocks = blocks,
                             .quarantine = quarantine};
    const bool engine_was_there = engine_tries_ == 0;
    const auto start = Clock::now();
    const LandingAnswer answer = co_await landing->land(insert, start + options_.insert_timeout);
    const auto elapsed = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
    engine_answered(answer);

    bool give_up = false;
    switch (answer.verdict) {
      case Verdict::stored:
        if (range != whole && !note(*part, range, NoteKind::done)) co_return later(++table->busy_tries);
        table->window_units += answer.window_units;
        if (!part->healing && !table->healing.empty()) {
          table->partitions_due = {};  // the insert may have made some
          co_await ask_partitions(landing, table);
          table->window_entries += std::min(rows, table->partitions);
        }
        table->busy_tries = 0;
        if (part->healing) {
          log::info("a materialized view took its rows at last", {{"table", part->table.table}, {"rows", rows}});
          report(*part, *loaded, range, FlushOutcome::Kind::stored, {}, elapsed, FlushOutcome::Kind::view_failed);
          continue;
        }
        counters_.landed_parts.fetch_add(1);
        counters_.landed_rows.fetch_add(rows);
        report(*part, *loaded, range, FlushOutcome::Kind::stored, {}, elapsed);
        continue;
      case Verdict::view_failed:
        if (view_failed(*table, *part, *loaded, range, answer.error) == Step::later) co_return Step::later;
        continue;
      case Verdict::busy:
        co_return later(++table->busy_tries);
      case Verdict::unreachable:
        // An engine that goes away under this batch, again and again, and takes others in between.
        if (engine_was_there) ++part->lost_tries;
        if (part->lost_tries < options_.unknown_tries_max) co_return later(engine_tries_);
        give_up = true;
        break;
      case Verdict::refused_rows:
      case Verdict::refused_all:
      case Verdict::unknown:
        break;
    }

    if (callbacks_.table_exists && !callbacks_.table_exists(part->table)) {
      if (range != whole && !note(*part, range, NoteKind::done)) co_return later(++table->busy_tries);
      counters_.dropped_rows.fetch_add(rows);
      worsen(part->worst, FlushOutcome::Kind::dropped, answer.error);
      report(*part, *loaded, range, FlushOutcome::Kind::dropped, answer.error, elapsed);
      continue;
    }
    if (!give_up) {
      const bool again = answer.verdict == Verdict::unknown ? ++part->unknown_tries < options_.unknown_tries_max
                                                            : ++part->refused_tries < options_.refused_tries_max;
      // A deployment may be about to make the table or column: refusals wait longer from the start.
      if (again) co_return later(std::max(part->unknown_tries, part->refused_tries) + 2);
      if (answer.verdict != Verdict::refused_all && range.end - range.begin > 1 && !part->healing) {
        if (!note(*part, range, NoteKind::split)) co_return later(++table->busy_tries);
        todo.push_back(range);  // taken apart by the note
        continue;
      }
    }
    const bool rows_stored = part->healing;
    if (auto moved = set_aside(*part, *loaded, range, answer.error, rows_stored); !moved) {
      log::error("a refused batch cannot be set aside; it stays in the spool", {{"error", moved.error().message}});
      co_return later(++table->busy_tries);
    }
    if (range != whole && !note(*part, range, NoteKind::failed)) co_return later(++table->busy_tries);
    worsen(part->worst, FlushOutcome::Kind::failed, answer.error);
    report(*part, *loaded, range, FlushOutcome::Kind::failed, answer.error, elapsed,
           rows_stored ? std::optional(FlushOutcome::Kind::view_failed) : std::nullopt);
  }
  co_return Step::ended;
}

}  // namespace kinglet::spool::internal
