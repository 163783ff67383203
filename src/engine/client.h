// SPDX-License-Identifier: Apache-2.0
// The one way to talk to an engine: the ClickHouse HTTP protocol, to kinglet-engine on a Unix socket or to any http(s)
// URL.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/task.h"

namespace kinglet::engine {

/// Where an engine listens: a Unix socket path, or host and port of an http(s) URL.
struct Address {
  std::string socket_path = {};  // not empty: Unix socket
  std::string host = {};
  std::uint16_t port = 0;
  bool tls = false;
  std::string user = {}, password = {};  // of the URL; sent as X-ClickHouse-User and -Key

  /// "unix:/path", "http://[user:password@]host[:port]", "https://…"; default ports 8123 and 8443. Errors: invalid.
  static Result<Address> parse(std::string_view url);
};

using Settings = std::vector<std::pair<std::string, std::string>>;

struct QueryOptions {
  std::string format = "Native";
  std::string query_id = {};  // empty: the client makes one
  bool read_only = true;      // the read-only profile: stream call, readonly=1, limits
  bool whole = false;         // format that cannot be concatenated from chunks (JSON, Parquet …): run as one result
  Settings settings = {};     // sent as URL parameters
  Settings parameters = {};   // param_NAME values
  Deadline deadline = {};     // of the whole reply; none: 60 s
};

struct Summary {
  std::uint64_t read_rows = 0, read_bytes = 0, written_rows = 0, result_rows = 0;
  double elapsed_seconds = 0;
};

/// A reply that is being read. Destroying it early closes the connection, which cancels the query.
class Reply {
 public:
  virtual ~Reply() = default;
  /// The next bytes of the body, empty at the end. An error after the first byte is an Error here (the late error block
  /// of clickhouse-interface.md 7 and a missing last chunk are both recognised).
  virtual Task<Result<std::string>> next() = 0;
  /// Complete only after the end was read.
  virtual const Summary& summary() const = 0;
};

/// Connections to one engine, owned by one io thread. Thread: the io thread that made it.
class Client {
 public:
  struct Options {
    Address address = {};
    std::size_t connections_max = 64;
  };
  Client(asio::any_io_executor executor, Options options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Sends `sql`; returns once the status is known. Errors: engine_refused (with engine_code), timeout, unavailable.
  Task<Result<std::unique_ptr<Reply>>> open(std::string sql, QueryOptions options);
  /// The whole body, up to `bytes_max` (beyond it: too_large).
  struct Whole {
    std::string body;
    Summary summary;
  };
  Task<Result<Whole>> query(std::string sql, QueryOptions options, std::size_t bytes_max = 256u << 20);
  /// The engine's own tree of a printed text, as EXPLAIN AST shows it; nothing of the text runs. `sql` begins with
  /// SELECT, WITH or a parenthesis.
  Task<Result<std::string>> explain_tree(std::string_view sql, Deadline deadline);
  /// DDL, ALTER and other statements of ours without a result; never user SQL text.
  Task<Status> execute(std::string sql, Deadline deadline, Settings settings = {});
  /// `statement` is `INSERT INTO db.t (a, b)` without FORMAT; `block` is one Native block in pieces, sent as the body:
  /// what they point to must outlive the call.
  Task<Result<Summary>> insert(std::string statement, std::vector<std::string_view> block, Settings settings,
                               Deadline deadline, std::string_view format = "Native");
  /// True when the engine answers /ping within `deadline`.
  Task<bool> ping(Deadline deadline);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kinglet::engine
