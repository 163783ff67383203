// SPDX-License-Identifier: Apache-2.0
// One query and its reply: the steps that run on a worker, and the body that streams them to the gateway.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine/embedded/engine.h"
#include "engine/embedded/engine_request.h"

namespace kinglet::embedded {

/// The state of a query between its steps. The steps run on the leased worker, one at a time.
class ReadQuery {
 public:
  /// `admin` is the profile that may look at system.processes.
  ReadQuery(EngineRequest request, Profile profile, Profile admin, std::shared_ptr<RunningQuery> running)
      : request_(std::move(request)),
        profile_(std::move(profile)),
        admin_(std::move(admin)),
        running_(std::move(running)) {}

  struct Chunk {
    std::string bytes;
    bool last = false;
  };
  /// Runs the statement until there is enough to answer: the whole result of a short one, else its first part.
  Result<Chunk> begin(ConnectionCache& cache);
  Result<Chunk> next(ConnectionCache& cache);
  /// Drops what still runs.
  void abandon();

  const EngineRequest& request() const { return request_; }
  const std::shared_ptr<RunningQuery>& running() const { return running_; }
  /// X-ClickHouse-Summary: complete once the last chunk was read.
  std::string summary() const;

 private:
  Status check(Connection& connection);
  Result<Chunk> begin_stream(ConnectionCache& cache);
  Result<Chunk> run_whole(ConnectionCache& cache);
  Result<std::string> fetch(ConnectionCache& cache);
  void sample_reads(ConnectionCache& cache);
  void finish(ConnectionCache& cache);
  std::unexpected<Error> fail_query(Error error);

  EngineRequest request_;
  Profile profile_, admin_;
  std::shared_ptr<RunningQuery> running_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<StreamQuery> stream_;
  Statistics statistics_;
  std::uint64_t bytes_ = 0;
  std::uint64_t sampled_rows_ = 0, sampled_bytes_ = 0;
  std::size_t last_piece_ = 0;
  Clock::time_point sampled_at_ = Clock::now();
  Clock::time_point begun_at_ = Clock::now();
  std::chrono::nanoseconds elapsed_{};
};

std::string summary_text(const Statistics& statistics, std::chrono::nanoseconds elapsed);

/// The reply's body: what begin() gave, then one step for each piece. A late error is written as the block that clients
/// look for, and the body ends without its last chunk (clickhouse-interface.md 7).
class QueryBody final : public http::BodySource {
 public:
  QueryBody(Engine& engine, std::shared_ptr<ReadQuery> query, Lease lease, std::string first, std::string tag)
      : engine_(engine),
        query_(std::move(query)),
        lease_(std::move(lease)),
        first_(std::move(first)),
        tag_(std::move(tag)) {}
  ~QueryBody() override;
  Task<Result<std::string>> next() override;
  http::Headers trailers() override;

 private:
  std::string late_error(const Error& error) const;

  Engine& engine_;
  std::shared_ptr<ReadQuery> query_;
  std::optional<Lease> lease_;  // nothing once the query ended
  std::string first_;
  std::string tag_;
  std::optional<Error> error_;
};

}  // namespace kinglet::embedded
