// SPDX-License-Identifier: Apache-2.0
// One libchdb connection and what runs on it: whole queries, streams, inserts. Thread: the worker that owns it; calls
// block.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/embedded/chdb_api.h"

namespace kinglet::embedded {

using Parameters = std::vector<std::pair<std::string, std::string>>;

struct Statistics {
  std::uint64_t read_rows = 0, read_bytes = 0;
  std::uint64_t written_rows = 0, written_bytes = 0;
  std::uint64_t result_rows = 0, result_bytes = 0;
};

struct WholeResult {
  std::string body;
  Statistics statistics;
};

class Connection;

/// A query that is read chunk by chunk. Its connection takes nothing else until it is destroyed.
class StreamQuery {
 public:
  ~StreamQuery();
  StreamQuery(const StreamQuery&) = delete;
  StreamQuery& operator=(const StreamQuery&) = delete;
  /// The next chunk, empty at the end. Blocks. Never cancelled from another thread (chdb_stream_cancel_query would wait
  /// for the running fetch): KILL QUERY ends it.
  Result<std::string> fetch();
  const Statistics& statistics() const { return statistics_; }

 private:
  friend class Connection;
  StreamQuery(Connection& connection, ChdbResult* handle) : connection_(connection), handle_(handle) {}
  Connection& connection_;
  ChdbResult* handle_;
  bool ended_ = false;
  Statistics statistics_;
};

/// An INSERT whose rows come as bytes of a format. Destroyed without finish(): nothing is stored.
class StreamInsert {
 public:
  ~StreamInsert();
  StreamInsert(const StreamInsert&) = delete;
  StreamInsert& operator=(const StreamInsert&) = delete;
  Status append(std::string_view bytes);
  Result<Statistics> finish();

 private:
  friend class Connection;
  StreamInsert(Connection& connection, ChdbInsert* handle) : connection_(connection), handle_(handle) {}
  Connection& connection_;
  ChdbInsert* handle_;
  bool finished_ = false;
};

class Connection {
 public:
  /// `arguments` are those of the command line client (`--readonly=1`), without the program name.
  /// Errors: 72, when libchdb refuses the line (a value that does not fit its setting).
  static Result<std::unique_ptr<Connection>> open(const ChdbApi& api, const std::vector<std::string>& arguments);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// The statement's count and kind, without running it.
  Result<ChdbClassification> classify(std::string_view sql);
  Result<WholeResult> query(std::string_view sql, std::string_view format, const Parameters& parameters = {});
  Result<std::unique_ptr<StreamQuery>> stream(std::string_view sql, std::string_view format,
                                              const Parameters& parameters = {});
  Result<std::unique_ptr<StreamInsert>> insert(std::string_view sql, std::string_view format);

  /// True after any error: libchdb may put half of a failed answer before the next one, so it is not used again.
  bool broken() const { return broken_; }

 private:
  friend class StreamQuery;
  friend class StreamInsert;
  Connection(const ChdbApi& api, ChdbConnection* handle) : api_(api), handle_(handle) {}
  std::unexpected<Error> failed(std::string_view text);
  /// The error of a result, or nothing. A null result is an error too.
  Status status_of_result(ChdbResult* result);

  const ChdbApi& api_;
  ChdbConnection* handle_;
  bool broken_ = false;
};

}  // namespace kinglet::embedded
