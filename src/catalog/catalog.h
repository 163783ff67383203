// SPDX-License-Identifier: Apache-2.0
// Catalog: the one writer of what the server knows, and the door to its snapshots.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>

#include "base/result.h"
#include "catalog/snapshot.h"
#include "catalog/transaction.h"
#include "runtime/blocking_pool.h"
#include "runtime/task.h"

namespace kinglet::catalog {

struct Options {
  /// Holds `catalog.sqlite` (+ -wal, -shm), `catalog.lock`, `secrets.key`. Made when missing, mode 0700.
  std::filesystem::path folder;
  std::string default_workspace = "Tinybird_Local_Testing";
  std::string email = "local@kinglet.local";
  std::string token_host = "local";  // the `host` inside new token values
  /// Fix the values of these tokens; unset: made at first start and kept.
  std::optional<std::string> user_token = {};
  std::optional<std::string> admin_token = {};
  std::optional<std::string> workspace_token = {};  // workspace admin token of the default workspace
  /// The clock of created_at and updated_at; tests set it.
  std::function<Time()> now = {};
};

/// Owner: server/, one in a process and one on a folder (R25: a second one is refused).
/// Thread: snapshot() any; update() any io thread; everything else happens on the catalog's own thread.
class Catalog {
 public:
  /// Opens or makes the catalog, brings an older schema up to date, and publishes the first snapshot.
  /// Errors: conflict when another process has the folder; unavailable when the schema is newer than this program
  /// (nothing is touched then), the file is damaged, or the key file of the secrets is missing.
  static Result<std::unique_ptr<Catalog>> open(Options options);
  ~Catalog();
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  /// The newest committed state. Keep the pointer for one request, so that it sees one version of everything.
  SnapshotPtr snapshot() const;

  /// Runs `change(Transaction&) -> Result<T>` on the catalog thread in one transaction. When it returns a value, the
  /// transaction is committed and fsynced, the new snapshot is published, and then the caller resumes on its own
  /// executor. When it returns an error, nothing has changed.
  /// Errors: those of `change`; timeout when it was not started by `deadline`; unavailable when
  /// Limits::queued_updates_max wait already, the server stops, or the disk refuses.
  template <class F>
  Task<std::invoke_result_t<F&, Transaction&>> update(F change, Deadline deadline = Clock::now() + Limits::update_wait);

  /// The same for threads that may block: start-up and tests. Never on an io thread.
  template <class F>
  std::invoke_result_t<F&, Transaction&> update_blocking(F change);

  /// The decrypted value of a secret. Errors: not_found, internal (the key file does not fit).
  Result<std::string> secret(const Workspace& workspace, std::string_view name) const;

  /// Waits for the change that runs, drops those that wait (their callers get unavailable), closes the file.
  /// Idempotent; snapshots stay readable. The io threads whose coroutines wait for an update must still run.
  void stop();

 private:
  struct State;
  explicit Catalog(std::unique_ptr<State> state);

  /// Begin, run, commit, publish; or roll back. On the catalog thread.
  Status run(const std::function<Status(Transaction&)>& change);
  BlockingPool& pool();

  template <class F>
  std::invoke_result_t<F&, Transaction&> run_typed(F& change);

  std::unique_ptr<State> state_;
};

// ---- templates --------------------------------------------------------------------------------------------------

template <class F>
std::invoke_result_t<F&, Transaction&> Catalog::run_typed(F& change) {
  using R = std::invoke_result_t<F&, Transaction&>;
  std::optional<R> result;
  const Status status = run([&](Transaction& transaction) -> Status {
    result.emplace(change(transaction));
    if (!*result) return fail(result->error());
    return {};
  });
  if (!status) return fail(status.error());
  return std::move(*result);
}

template <class F>
Task<std::invoke_result_t<F&, Transaction&>> Catalog::update(F change, Deadline deadline) {
  auto work = [this, change = std::move(change)]() mutable { return run_typed(change); };
  auto result = co_await pool().run(deadline, std::move(work));
  co_return result;
}

template <class F>
std::invoke_result_t<F&, Transaction&> Catalog::update_blocking(F change) {
  asio::io_context io;
  auto future = asio::co_spawn(io, update(std::move(change)), asio::use_future);
  io.run();
  return future.get();
}

}  // namespace kinglet::catalog
