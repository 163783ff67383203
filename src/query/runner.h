// SPDX-License-Identifier: Apache-2.0
// Runner: sends a composed statement to the engine with the caller's limits, and hands its reply on.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/client.h"
#include "engine/process.h"
#include "query/agreements.h"
#include "query/composer.h"
#include "query/format.h"
#include "runtime/io_threads.h"

namespace kinglet::query {

/// Limits of one query, with the answer beyond them in brackets.
struct RunLimits {
  std::uint32_t seconds_max = 10;                   // [408]
  std::uint64_t memory_bytes_max = 2ull << 30;      // [500, engine code 241]
  std::uint64_t response_bytes_max = 100ull << 20;  // [413; a stream that has begun is aborted]
  std::uint32_t threads_max = 4;
  /// How long a query waits for an engine that is being started again.
  std::chrono::milliseconds engine_patience{5000};
};

/// A reply whose first bytes are known, so that its status is, too.
struct Answer {
  Format format;
  std::string first;  // whole body when `rest` is null
  std::unique_ptr<engine::Reply> rest;
  engine::Summary summary;  // complete only for whole bodies
};

/// Physical names back to the names that users know, for error texts.
using NameTable = std::map<std::string, std::string, std::less<>>;

/// Thread: the io thread that owns it. One connection pool and one cache of compiled pipes each.
class Runner {
 public:
  Runner(asio::any_io_executor executor, engine::Address address, engine::Process* process, RunLimits limits,
         OpinionCounts& opinions);

  engine::Client& client() { return client_; }
  PipeCache& pipes() { return pipes_; }
  const RunLimits& limits() const { return limits_; }

  /// The second opinion (attacks.md S17): the engine must find in the printed text the tables and functions that we
  /// found, before anything of it runs. It is asked once for each shape of statement.
  /// Errors: internal (they differ; the statement must not run), those of the engine.
  Task<Status> agree(const sql::Query& query, Deadline deadline);

  /// Asks for the second opinion, then runs. `settings` are the request's own (output_format_…), after those of the
  /// text; limits can only be lowered by them. Errors: those of the engine with texts for the caller
  /// (sql-resolution.md 11.3), timeout, too_large, unavailable.
  Task<Result<Answer>> run(const Composed& composed, Format format, const catalog::Resources& resources,
                           std::string_view database, engine::Settings settings = {});
  /// The same with the whole body in memory. Errors as the engine tells them: presentable() before anyone reads them.
  Task<Result<std::string>> whole(const Composed& composed, Format format);
  /// The same, with errors for the caller.
  Task<Result<std::string>> run_whole(const Composed& composed, Format format, const catalog::Resources& resources,
                                      std::string_view database);
  /// Waits for an embedded engine that is starting. Returns at once for one behind a URL.
  Task<Status> engine_ready(Deadline deadline);

 private:
  Task<Result<Answer>> run_patiently(const Composed& composed, Format format, engine::Settings extra);
  Task<Result<Answer>> run_once(const Composed& composed, engine::QueryOptions options, Format format);

  engine::Process* process_;
  RunLimits limits_;
  OpinionCounts& opinions_;
  Agreements agreements_;
  engine::Client client_;
  PipeCache pipes_;
};

/// One Runner for each io thread.
class Runners {
 public:
  Runners(IoThreads& threads, const engine::Address& address, engine::Process* process, const RunLimits& limits);
  /// That of the calling io thread.
  Runner& here();
  const OpinionCounts& opinions() const { return opinions_; }

 private:
  OpinionCounts opinions_;
  std::vector<std::unique_ptr<Runner>> runners_;
};

/// An engine error as a caller may see it: first sentence only, without scopes, guesses and physical names.
Error presentable(Error error, const catalog::Resources& resources, std::string_view database);

}  // namespace kinglet::query
