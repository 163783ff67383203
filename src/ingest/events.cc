// SPDX-License-Identifier: Apache-2.0
// One request's way: read from the socket, rows read on a worker, pieces appended, all three at the same time.
#include <deque>

#include "ingest/beside.h"
#include "ingest/intake.h"
#include "ingest/row_stream.h"

namespace kinglet::ingest {
namespace {

using Need = RowStream::Need;

/// Behind the key of a request, with the number of the piece; the first piece has the key alone.
constexpr char piece_mark = '\x1f';

/// What a worker may still use when the request's handler is gone.
struct Work {
  Work(RowStream::Options options, std::unique_ptr<rows::BatchBuilder> builder)
      : stream(std::move(options), std::move(builder)) {}
  struct Buffer {
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0;
  };
  RowStream stream;
  Buffer buffers[2];  // one is read from while the other is filled
};

Task<Result<spool::AppendReceipt>> append_piece(Intake& intake, std::shared_ptr<const catalog::Workspace> workspace,
                                                std::shared_ptr<const catalog::DataSource> source,
                                                spool::AppendRequest request) {
  auto receipt = co_await intake.append(*workspace, *source, std::move(request));
  co_return receipt;
}

Task<Result<Need>> work_on(BlockingPool& workers, std::shared_ptr<Work> work) {
  auto need = co_await workers.run(Clock::now() + IntakeLimits::job_patience, [work] {
    return work->stream.work({.text_bytes = IntakeLimits::job_text_max, .whole_bytes = SIZE_MAX});
  });
  if (!need && need.error().code == Code::timeout)
    co_return fail(Code::unavailable, "too many bodies are being read; retry in a moment");
  co_return need;
}

int rank(spool::FlushOutcome::Kind kind) {
  using Kind = spool::FlushOutcome::Kind;
  switch (kind) {
    case Kind::stored:
      return 0;
    case Kind::pending:
      return 1;
    case Kind::dropped:
      return 2;
    case Kind::view_failed:
      return 3;
    case Kind::failed:
      return 4;
  }
  return 4;
}

}  // namespace

/// One request at work. Thread: its io thread.
class EventsTransfer {
 public:
  EventsTransfer(Intake& intake, EventsRequest request, http::BodyReader& body)
      : intake_(intake), request_(std::move(request)), body_(body), memory_(intake.memory_) {}
  EventsTransfer(const EventsTransfer&) = delete;
  EventsTransfer& operator=(const EventsTransfer&) = delete;

  Task<EventsAnswer> run() {
    auto status = check();
    if (status && !memory_.try_grow(buffer_bytes_))
      status = co_await memory_.grow(buffer_bytes_, Clock::now() + IntakeLimits::memory_patience);
    if (status) {
      begin();
      status = co_await transfer();
    }
    if (append_.running()) {
      // What is on its way to the disk counts, whatever stopped the rest.
      auto appended = co_await finish_append();
      if (status) status = std::move(appended);
    }
    if (work_) retire();
    memory_.release();
    if (!status) {
      answer_.error = std::move(status.error());
      co_return std::move(answer_);
    }
    answer_.replayed = pieces_ > 0 && replayed_ == pieces_;
    const auto deadline = Clock::now() + request_.wait_patience;
    while (!receipts_.empty()) co_await wait_for_oldest(deadline);
    co_return std::move(answer_);
  }

 private:
  /// What can be refused before the body is read, and the size of the first buffer.
  Status check() {
    TRY(mapping_, intake_.mapping(request_.source));
    if (request_.body_bytes_max == 0) request_.body_bytes_max = UINT64_MAX;
    length_ = body_.content_length();
    if (length_ && *length_ > request_.body_bytes_max)
      return fail(Code::too_large, "the body has {} bytes; at most {} are taken in one request", *length_,
                  request_.body_bytes_max);
    TRY(encoding_, rows::parse_content_encoding(request_.content_encoding));
    buffer_bytes_ = std::clamp<std::uint64_t>(length_.value_or(UINT64_MAX), 1, IntakeLimits::first_buffer_bytes);
    return {};
  }

  void begin() {
    RowStream::Options options{.workspace = request_.workspace,
                               .source = request_.source,
                               .encoding = encoding_,
                               .body_bytes_max = request_.body_bytes_max,
                               .quarantine = &intake_.quarantine_limit_};
    work_ = std::make_shared<Work>(
        std::move(options),
        intake_.builders_.take(mapping_, RowStream::batch_options(request_.format, !request_.idempotency_key.empty(),
                                                                  intake_.options_.pieces)));
  }

  Task<Status> transfer() {
    for (Need need = Need::input; need != Need::nothing;) {
      if (need == Need::input) {
        if (!read_now()) CO_TRY_VOID(co_await read());
        CO_TRY_VOID(give());
        if (given_bytes_ > IntakeLimits::inline_text_max) {
          // A large read goes straight to a worker.
          CO_TRY(need, co_await work_elsewhere());
          continue;
        }
        if (!memory_.try_grow(room_for(IntakeLimits::inline_text_max)))
          CO_TRY_VOID(co_await make_room(IntakeLimits::inline_text_max));
        CO_TRY(need, work_->stream.work(
                         {.text_bytes = IntakeLimits::inline_text_max, .whole_bytes = IntakeLimits::inline_whole_max}));
      } else if (need == Need::time) {
        CO_TRY(need, co_await work_elsewhere());
      } else {
        auto piece = work_->stream.take_piece();
        const bool last = piece.last;
        CO_TRY_VOID(co_await append(std::move(piece)));
        need = last ? Need::nothing : Need::time;
      }
    }
    co_return Status{};
  }

  /// Fills the buffer that the stream does not read from, unless it is full already. Errors: those of the body, once
  /// all that came before is read.
  Task<Status> read() {
    if (read_error_) co_return fail(std::move(*read_error_));
    if (unread_bytes_ > 0 || body_ended_) co_return Status{};
    CO_TRY(const auto count, co_await body_.read_some(next_buffer()));
    count_read(count);
    co_return Status{};
  }

  /// read() without waiting; false: it must wait, or tell an error.
  bool read_now() {
    if (read_error_) return false;
    if (unread_bytes_ > 0 || body_ended_) return true;
    const auto count = body_.read_now(next_buffer());
    if (count > 0) count_read(count);
    return count > 0;
  }

  std::span<char> next_buffer() {
    auto& buffer = work_->buffers[next_buffer_];
    if (buffer.size < buffer_bytes_) buffer = {std::make_unique_for_overwrite<char[]>(buffer_bytes_), buffer_bytes_};
    return {buffer.bytes.get(), buffer.size};
  }

  void count_read(std::size_t count) {
    unread_bytes_ = count;
    received_ += count;
    body_ended_ = count == 0 || received_ == length_;
    // More than a few events: a worker gets larger pieces.
    if (count == buffer_bytes_ && !body_ended_) buffer_bytes_ = IntakeLimits::buffer_bytes;
  }

  Status give() {
    given_bytes_ = std::exchange(unread_bytes_, 0);
    if (given_bytes_ > 0) {
      TRY_VOID(work_->stream.give({work_->buffers[next_buffer_].bytes.get(), given_bytes_}));
      next_buffer_ ^= 1;
    }
    if (body_ended_) work_->stream.end();
    return {};
  }

  /// The text that memory is wanted for: what is given, or so much of what it decompresses to.
  std::uint64_t room_for(std::size_t decompressed_bytes) const {
    const bool compressed = encoding_ != rows::Encoding::identity;
    const auto text = work_->stream.text_bytes() + (compressed ? decompressed_bytes : given_bytes_);
    return std::min<std::uint64_t>(text, intake_.options_.pieces.text_bytes_max);
  }

  Task<Status> make_room(std::size_t decompressed_bytes) {
    auto status = co_await memory_.grow(room_for(decompressed_bytes), Clock::now() + IntakeLimits::memory_patience);
    co_return status;
  }

  /// On a worker, while the next bytes are read.
  Task<Result<Need>> work_elsewhere() {
    CO_TRY_VOID(co_await make_room(IntakeLimits::job_text_max));
    co_await job_.start(work_on(intake_.workers_, work_));
    auto read_ahead = co_await read();
    if (!read_ahead) read_error_ = std::move(read_ahead.error());
    auto need = co_await job_.finish();
    co_return need;
  }

  Task<Status> append(RowStream::Piece piece) {
    if (append_.running()) CO_TRY_VOID(co_await finish_append());
    if (receipts_.size() >= IntakeLimits::receipts_max) co_await wait_for_oldest(Clock::now() + request_.wait_patience);
    auto& meta = piece.append.meta;
    if (request_.idempotency_key.empty()) {
      meta.content_hash = 0;
    } else {
      meta.idempotency_key = request_.idempotency_key;
      if (piece.index > 0) meta.idempotency_key += fmt::format("{}{}", piece_mark, piece.index);
    }
    piece.append.wait = request_.wait;
    // Nothing of the body is stored yet: the sender may as well come again. Later, waiting is kinder.
    if (piece.index > 0) piece.append.room_deadline = Clock::now() + IntakeLimits::room_patience;
    if (piece.last) {
      // The next request finds the builder while it is warm, and one is enough for all that wait for the disk.
      retire();
      auto receipt = co_await intake_.append(*request_.workspace, *request_.source, std::move(piece.append));
      co_return take(std::move(receipt));
    }
    co_await append_.start(append_piece(intake_, request_.workspace, request_.source, std::move(piece.append)));
    if (memory_.others_wait()) {
      // Large requests take turns, piece by piece.
      CO_TRY_VOID(co_await finish_append());
      work_->stream.drop_memory();
      memory_.release();
    }
    co_return Status{};
  }

  Task<Status> finish_append() {
    auto status = take(co_await append_.finish());
    co_return status;
  }

  Status take(Result<spool::AppendReceipt> receipt) {
    TRY(auto taken, std::move(receipt));
    answer_.successful_rows += taken.successful_rows;
    answer_.quarantined_rows += taken.quarantined_rows;
    ++pieces_;
    replayed_ += taken.duplicate;
    if (request_.wait && (taken.ticket || taken.duplicate)) receipts_.push_back(std::move(taken));
    return {};
  }

  Task<void> wait_for_oldest(Deadline deadline) {
    auto receipt = std::move(receipts_.front());
    receipts_.pop_front();
    auto outcome = co_await intake_.spool_.wait(std::move(receipt), deadline);
    if (rank(outcome.kind) > rank(answer_.outcome.kind)) answer_.outcome = std::move(outcome);
  }

  /// Keeps the builder for the next request; giving back much memory takes its time.
  void retire() {
    auto left = intake_.builders_.give(work_->stream.take_builder());
    if (left != nullptr)
      intake_.workers_.post(
          [builder = std::shared_ptr<rows::BatchBuilder>(std::move(left))]() mutable { builder = {}; });
    work_.reset();
  }

  Intake& intake_;
  EventsRequest request_;
  http::BodyReader& body_;
  MemoryLanes::Reservation memory_;
  std::shared_ptr<const rows::RowMapping> mapping_;
  std::shared_ptr<Work> work_;
  std::optional<std::uint64_t> length_;  // of the body as sent
  rows::Encoding encoding_ = rows::Encoding::identity;

  std::size_t buffer_bytes_ = 0;
  std::size_t next_buffer_ = 0;   // that is not the stream's
  std::size_t unread_bytes_ = 0;  // in the next buffer
  std::size_t given_bytes_ = 0;   // at last
  std::uint64_t received_ = 0;
  bool body_ended_ = false;
  std::optional<Error> read_error_;

  Beside<Need> job_;
  Beside<spool::AppendReceipt> append_;
  EventsAnswer answer_;
  std::uint64_t pieces_ = 0, replayed_ = 0;
  std::deque<spool::AppendReceipt> receipts_;
};

Task<EventsAnswer> Intake::events(EventsRequest request, http::BodyReader& body) {
  EventsTransfer transfer(*this, std::move(request), body);
  auto answer = co_await transfer.run();
  co_return answer;
}

}  // namespace kinglet::ingest
