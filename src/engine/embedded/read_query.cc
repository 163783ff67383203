// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/read_query.h"

#include <algorithm>
#include <charconv>

#include "engine/embedded/errors.h"

namespace kinglet::embedded {
namespace {

constexpr std::size_t first_bytes_enough = 64u << 10;
constexpr auto first_patience = std::chrono::milliseconds(50);
constexpr auto sample_interval = std::chrono::milliseconds(250);
constexpr std::size_t whole_bytes_max = 256u << 20;  // of a result that libchdb builds in memory
constexpr std::size_t late_error_bytes_max = 16u << 10;

}  // namespace

std::string summary_text(const Statistics& s, std::chrono::nanoseconds elapsed) {
  return fmt::format(
      R"({{"read_rows":"{}","read_bytes":"{}","written_rows":"{}","written_bytes":"{}","total_rows_to_read":"0","result_rows":"{}","result_bytes":"{}","elapsed_ns":"{}"}})",
      s.read_rows, s.read_bytes, s.written_rows, s.written_bytes, s.result_rows, s.result_bytes, elapsed.count());
}

std::string ReadQuery::summary() const {
  return summary_text(statistics_, elapsed_);
}

std::unexpected<Error> ReadQuery::fail_query(Error error) {
  abandon();
  return fail(std::move(error));
}

void ReadQuery::abandon() {
  stream_.reset();
  connection_.reset();  // never used again after an error or half a result
}

void ReadQuery::finish(ConnectionCache& cache) {
  if (stream_) statistics_ = stream_->statistics();
  statistics_.read_rows = std::max(statistics_.read_rows, sampled_rows_);
  statistics_.read_bytes = std::max(statistics_.read_bytes, sampled_bytes_);
  stream_.reset();
  cache.put(profile_, std::move(connection_));
  elapsed_ = Clock::now() - begun_at_;
}

Status ReadQuery::check(Connection& connection) {
  // What is explained must be what could be run: EXPLAIN itself says yes to everything.
  TRY(const auto classification,
      connection.classify(std::string_view(request_.statement.text).substr(request_.statement.inner)));
  if (classification.statements != 1) return refuse(number::syntax_error, "Expected exactly one statement");
  if (profile_.user && classification.kind != 0)
    return refuse(number::readonly, "Only a SELECT without INTO OUTFILE is run in readonly mode");
  return {};
}

Result<ReadQuery::Chunk> ReadQuery::begin(ConnectionCache& cache) {
  if (running_->cancel_requested())
    return fail_query(refuse(number::query_was_cancelled, "Query was cancelled").error());
  const RunningQuery::Step step(*running_);
  auto taken = cache.take(profile_);
  if (!taken) return fail_query(std::move(taken).error());
  connection_ = std::move(*taken);
  if (auto status = check(*connection_); !status) return fail_query(std::move(status).error());
  // Only the user profile streams; results of our own statements are small.
  const bool streams = request_.statement.kind == Statement::Kind::select && request_.format->concatenates;
  return profile_.user && streams ? begin_stream(cache) : run_whole(cache);
}

Result<ReadQuery::Chunk> ReadQuery::begin_stream(ConnectionCache& cache) {
  auto stream =
      connection_->stream(running_->mark() + request_.statement.text, request_.format->name, request_.parameters);
  if (!stream) return fail_query(std::move(stream).error());
  stream_ = std::move(*stream);
  Chunk chunk;
  const auto begun = Clock::now();
  do {
    auto piece = fetch(cache);
    if (!piece) return fail_query(std::move(piece).error());
    if (piece->empty()) {
      finish(cache);
      chunk.last = true;
      break;
    }
    chunk.bytes += *piece;
  } while (chunk.bytes.size() < first_bytes_enough && Clock::now() - begun < first_patience);
  return chunk;
}

Result<ReadQuery::Chunk> ReadQuery::run_whole(ConnectionCache& cache) {
  auto whole =
      connection_->query(running_->mark() + request_.statement.text, request_.format->name, request_.parameters);
  if (!whole) return fail_query(std::move(whole).error());
  const std::size_t max = profile_.result_bytes_max != 0
                              ? std::min<std::size_t>(profile_.result_bytes_max, whole_bytes_max)
                              : whole_bytes_max;
  if (whole->body.size() > max) {
    return fail_query(refuse(number::too_many_bytes, fmt::format("The result has more than {} bytes", max)).error());
  }
  statistics_ = whole->statistics;
  finish(cache);
  return Chunk{.bytes = std::move(whole->body), .last = true};
}

Result<std::string> ReadQuery::fetch(ConnectionCache& cache) {
  TRY(auto piece, stream_->fetch());
  bytes_ += piece.size();
  // The last piece of several is mostly shorter; by then all is read.
  const bool shorter = piece.size() < last_piece_ && !piece.empty();
  const bool due = last_piece_ != 0 && Clock::now() - sampled_at_ > sample_interval;
  if (shorter || due) sample_reads(cache);
  last_piece_ = piece.size();
  // The engine's own limit does not count constants (sql-resolution.md finding 12).
  if (profile_.result_bytes_max != 0 && bytes_ > profile_.result_bytes_max) {
    return refuse(number::too_many_bytes, fmt::format("The result has more than {} bytes", profile_.result_bytes_max));
  }
  return piece;
}

/// libchdb loses what is read between two fetches (measured: up to 15 % of 2 M rows); the list of processes knows
/// better.
void ReadQuery::sample_reads(ConnectionCache& cache) {
  sampled_at_ = Clock::now();
  auto connection = cache.take(admin_);
  if (!connection) return;
  const auto row =
      (*connection)
          ->query(fmt::format("SELECT read_rows, read_bytes FROM system.processes WHERE startsWith(query, {})",
                              quote(running_->mark())),
                  "TabSeparated");
  if (row) {
    const std::string_view text = row->body;
    const char* end = text.data() + text.size();
    const auto [after_rows, error] = std::from_chars(text.data(), end, sampled_rows_);
    if (error == std::errc{} && after_rows != end) std::from_chars(after_rows + 1, end, sampled_bytes_);
  }
  cache.put(admin_, std::move(*connection));
}

Result<ReadQuery::Chunk> ReadQuery::next(ConnectionCache& cache) {
  if (running_->cancel_requested())
    return fail_query(refuse(number::query_was_cancelled, "Query was cancelled").error());
  const RunningQuery::Step step(*running_);
  auto piece = fetch(cache);
  if (!piece) return fail_query(std::move(piece).error());
  const bool last = piece->empty();
  if (last) finish(cache);
  return Chunk{.bytes = std::move(*piece), .last = last};
}

QueryBody::~QueryBody() {
  if (!lease_) return;
  lease_->release([query = std::move(query_)](ConnectionCache&) { query->abandon(); });
}

Task<Result<std::string>> QueryBody::next() {
  if (!first_.empty()) co_return std::exchange(first_, {});
  if (error_) co_return fail(*error_);
  if (!lease_) co_return std::string{};
  auto step = [query = query_](ConnectionCache& cache) { return query->next(cache); };
  auto chunk = co_await lease_->run(std::move(step));
  if (!chunk) {
    lease_.reset();
    error_ = std::move(chunk).error();
    co_return late_error(*error_);
  }
  if (chunk->last) lease_.reset();
  co_return std::move(chunk->bytes);
}

http::Headers QueryBody::trailers() {
  return {{"X-ClickHouse-Summary", query_->summary()}};
}

std::string QueryBody::late_error(const Error& error) const {
  std::string text = error_body(error, engine_.version);
  if (text.size() > late_error_bytes_max) text = text.substr(0, late_error_bytes_max - 1) + '\n';
  return fmt::format("\r\n__exception__\r\n{0}\r\n{1}{2} {0}\r\n__exception__\r\n", tag_, text, text.size());
}

}  // namespace kinglet::embedded
