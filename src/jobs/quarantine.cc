// SPDX-License-Identifier: Apache-2.0
#include "jobs/quarantine.h"

#include <algorithm>
#include <charconv>

#include "base/clock.h"
#include "base/log.h"
#include "datafile/ddl.h"
#include "deploy/views.h"
#include "engine/statement_text.h"
#include "engine/system_rows.h"
#include "json/document.h"
#include "rows/quarantine.h"
#include "rows/row_batch.h"
#include "spool/landing_engine.h"
#include "sql/printer.h"

namespace kinglet::jobs {

using engine::qualified;

namespace {

constexpr auto step_patience = std::chrono::seconds(60);
constexpr auto copy_patience = std::chrono::hours(1);
constexpr auto hold_patience = std::chrono::seconds(60);
constexpr auto room_patience = std::chrono::minutes(10);
constexpr auto stored_patience = std::chrono::seconds(30);
constexpr std::uint64_t piece_rows_max = 10'000;
constexpr std::uint64_t piece_bytes_wanted = 32u << 20;
/// Of all values of a row: a longer one could not be read as one row of text and stays in the quarantine.
constexpr std::uint64_t row_bytes_max = 12u << 20;

std::uint64_t number(const std::string& text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool is_time(std::string_view text) {
  constexpr std::string_view form = "dddd-dd-dd dd:dd:dd";
  if (text.size() != 10 && text.size() != form.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (form[i] == 'd' ? !digit : text[i] != form[i] && !(form[i] == ' ' && text[i] == 'T')) return false;
  }
  return true;
}

std::string now_text() {
  return fmt::format("{}", std::chrono::duration_cast<std::chrono::seconds>(wall_now().time_since_epoch()).count());
}

}  // namespace

Status check_filter(const QuarantineFilter& filter) {
  for (const auto& [name, value] : {std::pair("column", filter.column), std::pair("import_id", filter.import_id)})
    if (value.size() > QuarantineFilterLimits::text_bytes_max)
      return fail(Code::invalid, "{} has more than {} bytes", name, QuarantineFilterLimits::text_bytes_max);
  if (!filter.since.empty() && !is_time(filter.since))
    return fail(Code::invalid, "since is YYYY-MM-DD or YYYY-MM-DD HH:MM:SS (UTC), not '{}'",
                filter.since.substr(0, 32));
  return {};
}

std::string filter_condition(const QuarantineFilter& filter) {
  std::string out = "1";
  if (!filter.column.empty()) out += fmt::format(" AND has(c__error_column, {})", sql::quote_string(filter.column));
  if (!filter.import_id.empty())
    out += fmt::format(" AND ifNull(c__import_id = {}, 0)", sql::quote_string(filter.import_id));
  if (!filter.since.empty()) {
    auto since = filter.since.size() == 10 ? filter.since + " 00:00:00" : filter.since;
    since[10] = ' ';
    out += fmt::format(" AND insertion_date >= toDateTime({}, 'UTC')", sql::quote_string(since));
  }
  return out;
}

std::string replay_parameters(const QuarantineFilter& filter, std::string_view target, std::uint64_t pieces) {
  return json::write(json::object{{"column", filter.column},
                                  {"import_id", filter.import_id},
                                  {"since", filter.since},
                                  {"target", target},
                                  {"pieces", pieces}});
}

ReplayParameters read_replay_parameters(std::string_view text) {
  const auto parsed = json::parse(text);
  if (!parsed || !parsed->is_object()) return {};
  const auto& object = parsed->get_object();
  const auto field = [&](std::string_view key) { return std::string(json::get_string(object, key).value_or("")); };
  ReplayParameters out{.filter = {.column = field("column"), .import_id = field("import_id"), .since = field("since")},
                       .target = field("target")};
  if (const auto* pieces = object.if_contains("pieces"); pieces != nullptr && pieces->is_number())
    out.pieces = pieces->to_number<std::uint64_t>();
  return out;
}

std::string replay_suffix(std::string_view job_id) {
  return fmt::format("_{}", job_id.substr(0, 8));
}

namespace {

/// One replay. Table names are ours; every value of a user's is a literal.
class Replay {
 public:
  Replay(ReplayTools tools, ReplayRequest request, ReplayProgress& progress, bool& taken, WriteProgress write)
      : tools_(tools),
        request_(std::move(request)),
        progress_(progress),
        taken_(taken),
        write_(std::move(write)),
        quarantine_(request_.source->quarantine_table),
        chosen_(quarantine_ + "_chosen" + replay_suffix(request_.job_id)),
        others_(quarantine_ + "_others" + replay_suffix(request_.job_id)) {}

  Task<Status> run() {
    CO_TRY(const auto comment, co_await comment_of(quarantine_));
    if (comment != request_.job_id) {
      CO_TRY_VOID(co_await take_apart());
      if (progress_.chosen == 0) co_return Status{};
      taken_ = true;
    } else {
      taken_ = true;
      CO_TRY_VOID(co_await drop(others_));
      CO_TRY(const bool there, co_await exists(chosen_));
      if (!there) co_return co_await forget();  // all pieces were durable
    }
    CO_TRY_VOID(co_await send());
    // So that who waits for the job sees its rows; they are durable already.
    (void)co_await tools_.spool.flush(Clock::now() + stored_patience);
    CO_TRY_VOID(co_await drop(chosen_));
    auto status = co_await forget();
    co_return status;
  }

 private:
  std::string name(const std::string& table) const { return qualified(request_.workspace->database, table); }

  Task<Status> execute(std::string sql, std::chrono::nanoseconds patience, engine::Settings settings = {}) {
    auto& runner = tools_.runners.here();
    const auto deadline = Clock::now() + patience;
    CO_TRY_VOID(co_await runner.engine_ready(deadline));
    auto status = co_await runner.client().execute(std::move(sql), deadline, std::move(settings));
    if (!status)
      co_return fail(
          query::presentable(std::move(status.error()), *request_.workspace->resources, request_.workspace->database));
    co_return Status{};
  }

  Task<Result<std::vector<std::vector<std::string>>>> ask(std::string sql) {
    auto& runner = tools_.runners.here();
    const auto deadline = Clock::now() + copy_patience;
    CO_TRY_VOID(co_await runner.engine_ready(deadline));
    auto rows = co_await engine::system_rows(runner.client(), std::move(sql), deadline);
    co_return rows;
  }

  Task<Result<std::string>> comment_of(const std::string& table) {
    CO_TRY(const auto rows,
           co_await ask(fmt::format("SELECT name, comment FROM system.tables WHERE database = {} AND name = {}",
                                    sql::quote_string(request_.workspace->database), sql::quote_string(table))));
    if (rows.empty()) co_return fail(Code::not_found, "the data source has no quarantine any more");
    co_return rows[0].size() < 2 ? std::string() : rows[0][1];
  }

  Task<Result<bool>> exists(const std::string& table) {
    CO_TRY(const auto rows,
           co_await ask(fmt::format("SELECT name FROM system.tables WHERE database = {} AND name = {}",
                                    sql::quote_string(request_.workspace->database), sql::quote_string(table))));
    co_return !rows.empty();
  }

  Task<Status> drop(const std::string& table) {
    auto status = co_await execute(fmt::format("DROP TABLE IF EXISTS {} SYNC", name(table)), step_patience);
    co_return status;
  }
  Task<Status> forget() {
    auto status = co_await execute(fmt::format("ALTER TABLE {} MODIFY COMMENT ''", name(quarantine_)), step_patience);
    co_return status;
  }

  /// The length of all values of a row.
  std::string row_bytes() const {
    std::string sum = "0";
    for (const auto& [column, type] : rows::quarantine_columns(request_.source->definition))
      if (type == "Nullable(String)" && column != "c__import_id")
        sum += fmt::format(" + length(ifNull({}, ''))", sql::quote_name(column));
    return sum;
  }

  /// A line that was no row has nothing to send again but its first bytes.
  std::string condition() const {
    return fmt::format("notEmpty(c__error_column) AND {} AND {} <= {}", filter_condition(request_.filter), row_bytes(),
                       row_bytes_max);
  }

  /// Until the exchange nothing has changed; a run that ends before it is begun anew.
  Task<Status> take_apart() {
    CO_TRY(const auto views, deploy::live_views(*request_.workspace->resources, request_.workspace->database));
    for (const auto& view : views)
      if (view.sql.find(quarantine_) != view.sql.npos)
        co_return fail(Code::conflict, "a materialized view reads the quarantine of '{}': its rows cannot be taken out",
                       request_.source->name);
    CO_TRY(const auto held, co_await tools_.spool.hold({.database = request_.workspace->database, .table = quarantine_},
                                                       spool::HoldKind::clear, Clock::now() + hold_patience));
    CO_TRY_VOID(co_await drop(chosen_));
    CO_TRY_VOID(co_await drop(others_));
    const engine::Settings copy{{"max_threads", "1"},
                                {"max_insert_threads", "1"},
                                {"deduplicate_insert_select", "disable"},
                                {"max_partitions_per_insert_block", "0"}};
    CO_TRY_VOID(co_await execute(
        fmt::format("CREATE TABLE {} ENGINE = MergeTree ORDER BY c__row SETTINGS fsync_after_insert = 1, "
                    "fsync_part_directory = 1 AS SELECT rowNumberInAllBlocks() AS c__row, * FROM {} WHERE {}",
                    name(chosen_), name(quarantine_), condition()),
        copy_patience, copy));
    CO_TRY(const auto found, co_await ask(fmt::format("SELECT count() FROM {}", name(chosen_))));
    progress_.chosen = found.empty() ? 0 : number(found[0][0]);
    if (progress_.chosen == 0) co_return co_await drop(chosen_);
    CO_TRY_VOID(co_await execute(datafile::quarantine_ddl(request_.source->definition, name(others_)), step_patience));
    CO_TRY_VOID(co_await execute(
        fmt::format("ALTER TABLE {} MODIFY COMMENT {}", name(others_), sql::quote_string(request_.job_id)),
        step_patience));
    CO_TRY_VOID(co_await execute(
        fmt::format("INSERT INTO {} SELECT * FROM {} WHERE NOT ({})", name(others_), name(quarantine_), condition()),
        copy_patience, copy));
    CO_TRY_VOID(
        co_await execute(fmt::format("EXCHANGE TABLES {} AND {}", name(quarantine_), name(others_)), step_patience));
    auto status = co_await drop(others_);  // the old quarantine
    co_return status;
  }

  Task<Status> send() {
    CO_TRY(const auto sizes, co_await ask(fmt::format("SELECT count(), sum({}) FROM {}", row_bytes(), name(chosen_))));
    progress_.chosen = sizes.empty() ? 0 : number(sizes[0][0]);
    if (progress_.chosen == 0) co_return Status{};
    const auto bytes = std::max<std::uint64_t>(1, number(sizes[0][1]));
    // From the table's content alone: a later run cuts it alike.
    const auto piece_rows = std::clamp<std::uint64_t>(piece_bytes_wanted * progress_.chosen / bytes, 1, piece_rows_max);
    for (std::uint64_t piece = progress_.pieces; piece * piece_rows < progress_.chosen; ++piece) {
      CO_TRY(auto append, co_await make_request(piece * piece_rows, (piece + 1) * piece_rows));
      if (!append.sections.empty()) {
        append.meta.idempotency_key = fmt::format("quarantine-replay:{}:{}", request_.job_id, piece);
        append.room_deadline = Clock::now() + room_patience;
        CO_TRY(const auto receipt, co_await tools_.intake.append(*request_.workspace, *append_to_, std::move(append)));
        progress_.stored += receipt.successful_rows;
        progress_.quarantined += receipt.quarantined_rows;
      }
      progress_.pieces = piece + 1;
      CO_TRY_VOID(co_await write_(progress_));
    }
    co_return Status{};
  }

  Task<Result<std::string>> read(std::string what, std::string format, std::uint64_t from, std::uint64_t to) {
    auto& runner = tools_.runners.here();
    const auto deadline = Clock::now() + copy_patience;
    CO_TRY_VOID(co_await runner.engine_ready(deadline));
    engine::QueryOptions options;
    options.format = std::move(format);
    options.read_only = false;
    options.settings = {{"max_threads", "1"}, {"max_block_size", "1000000"}};
    options.deadline = deadline;
    CO_TRY(auto reply, co_await runner.client().query(
                           fmt::format("SELECT {} FROM {} WHERE c__row >= {} AND c__row < {} ORDER BY c__row", what,
                                       name(chosen_), from, to),
                           std::move(options)));
    co_return std::move(reply.body);
  }

  /// Rows [from, to) as the spool takes them; those that cannot be read as rows go back as they were.
  Task<Result<spool::AppendRequest>> make_request(std::uint64_t from, std::uint64_t to) {
    std::string columns;
    for (const auto& [column, type] : rows::quarantine_columns(request_.source->definition))
      if (type == "Nullable(String)" && column != "c__import_id")
        columns += (columns.empty() ? "" : ", ") + sql::quote_name(column);
    CO_TRY(const auto text, co_await read(columns, "CSVWithNames", from, to));
    auto mapped = map(text);
    append_to_ = mapped ? request_.target : request_.source;
    if (mapped) co_return std::move(*mapped);
    log::error("rows of a quarantine could not be read; they are put back",
               {{"data_source", request_.source->name}, {"error", mapped.error().message}});
    auto returned = co_await put_back(from, to);
    co_return returned;
  }

  /// Values are read as the cells of a CSV file are.
  Result<spool::AppendRequest> map(std::string_view text) const {
    TRY(const auto mapping, tools_.intake.mapping(request_.target));
    rows::BatchBuilder builder(
        mapping, {.format = rows::InputFormat::csv,
                  .csv = {.delimiter = ',', .header = true},
                  .import_id = request_.job_id,
                  .now_seconds = static_cast<std::uint32_t>(
                      std::chrono::duration_cast<std::chrono::seconds>(wall_now().time_since_epoch()).count()),
                  .rows_max = std::numeric_limits<std::size_t>::max(),
                  .bytes_max = std::numeric_limits<std::size_t>::max()});
    while (!text.empty()) {
      TRY(const auto used, builder.feed(text));
      text.remove_prefix(used);
    }
    TRY([[maybe_unused]] const bool ended, builder.finish());  // no limit keeps rows back
    if (const auto malformed = builder.totals().malformed; malformed > 0)
      return fail(Code::internal, "{} rows are no records", malformed);
    if (builder.empty()) return spool::AppendRequest{};
    auto append = ingest::Intake::to_request(builder.take(), *request_.workspace, *request_.target);
    append.meta.import_id = request_.job_id;
    return append;
  }

  Task<Result<spool::AppendRequest>> put_back(std::uint64_t from, std::uint64_t to) {
    std::vector<std::string> names;
    for (const auto& [column, type] : rows::quarantine_columns(request_.source->definition)) names.push_back(column);
    CO_TRY(const auto bytes, co_await read("* EXCEPT (c__row)", "Native", from, to));
    CO_TRY(auto block, spool::join_blocks(std::vector<std::string_view>{bytes}));
    const auto rows = std::min(to, progress_.chosen) - from;
    spool::AppendRequest append;
    append.meta.source = request_.workspace->id + "/" + request_.source->id;
    append.meta.import_id = request_.job_id;
    append.meta.quarantined_rows = rows;
    append.sections.push_back(
        {.layout = spool::Layout{.table = {.database = request_.workspace->database, .table = quarantine_},
                                 .columns = std::move(names)},
         .kind = spool::SectionKind::quarantine,
         .row_count = rows,
         .block = std::move(block)});
    co_return append;
  }

  ReplayTools tools_;
  ReplayRequest request_;
  ReplayProgress& progress_;
  bool& taken_;
  WriteProgress write_;
  std::shared_ptr<const catalog::DataSource> append_to_;  // of the piece at hand
  const std::string quarantine_, chosen_, others_;
};

}  // namespace

Task<Status> replay_quarantine(ReplayTools tools, ReplayRequest request, ReplayProgress& progress, bool& taken,
                               WriteProgress write) {
  Replay replay(tools, std::move(request), progress, taken, std::move(write));
  auto status = co_await replay.run();
  co_return status;
}

Task<Result<std::uint64_t>> clear_quarantine(ReplayTools tools, std::shared_ptr<const catalog::Workspace> workspace,
                                             std::shared_ptr<const catalog::DataSource> source,
                                             QuarantineFilter filter) {
  const auto table = qualified(workspace->database, source->quarantine_table);
  auto& runner = tools.runners.here();
  const auto deadline = Clock::now() + copy_patience;
  CO_TRY_VOID(co_await runner.engine_ready(deadline));
  // What was accepted before the call is part of it.
  CO_TRY_VOID(co_await tools.spool.flush(Clock::now() + hold_patience));
  // Both statements mean the same rows, whatever comes in between: rows of this second may still follow.
  const auto condition = fmt::format("{} AND insertion_date <= toDateTime({})", filter_condition(filter), now_text());
  CO_TRY(const auto rows,
         co_await engine::system_rows(runner.client(), fmt::format("SELECT count() FROM {} WHERE {}", table, condition),
                                      deadline));
  const auto count = rows.empty() ? 0 : number(rows[0][0]);
  if (count == 0) co_return count;
  CO_TRY_VOID(co_await runner.client().execute(fmt::format("ALTER TABLE {} DELETE WHERE {}", table, condition),
                                               deadline, {{"mutations_sync", "2"}}));
  co_return count;
}

}  // namespace kinglet::jobs
