// SPDX-License-Identifier: Apache-2.0
// Catalog: the one writer of what the server knows, and the door to its snapshots.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
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
  /// Errors: those of `change`; busy when Limits::queued_updates_max wait; unavailable when the disk refuses.
  template <class F>
  Task<std::invoke_result_t<F&, Transaction&>> update(F change);

  /// The same for threads that may block: start-up and tests. Never on an io thread.
  template <class F>
  std::invoke_result_t<F&, Transaction&> update_blocking(F change);

  /// The decrypted value of a secret. Errors: not_found, internal (the key file does not fit).
  Result<std::string> secret(const Workspace& workspace, std::string_view name) const;

  /// Finishes what is queued and closes the file. Idempotent; later updates answer unavailable.
  void stop();

 private:
  struct State;
  explicit Catalog(std::unique_ptr<State> state);

  /// Begin, run, commit, publish; or roll back. On the catalog thread.
  Status run(const std::function<Status(Transaction&)>& change);
  /// Queues work for the catalog thread.
  Status submit(std::move_only_function<void()> work);

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
Task<std::invoke_result_t<F&, Transaction&>> Catalog::update(F change) {
  using R = std::invoke_result_t<F&, Transaction&>;
  const auto executor = co_await asio::this_coro::executor;
  auto start = [this, executor](auto handler, F work) {
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    // The guard keeps the caller's loop alive while its work is on the catalog thread.
    auto guard = asio::make_work_guard(executor);
    auto finish = [shared, executor, guard](R result) mutable {
      asio::post(executor, [shared, result = std::move(result)]() mutable { (*shared)(std::move(result)); });
      guard.reset();
    };
    auto job = [this, work = std::move(work), finish]() mutable { finish(run_typed(work)); };
    if (Status queued = submit(std::move(job)); !queued) finish(R(fail(queued.error())));
  };
  R result = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(R)>(std::move(start), asio::use_awaitable,
                                                                                  std::move(change));
  co_return result;
}

template <class F>
std::invoke_result_t<F&, Transaction&> Catalog::update_blocking(F change) {
  using R = std::invoke_result_t<F&, Transaction&>;
  std::promise<R> promise;
  auto future = promise.get_future();
  auto job = [&] { promise.set_value(run_typed(change)); };
  if (Status queued = submit(std::move(job)); !queued) return fail(queued.error());
  return future.get();
}

}  // namespace kinglet::catalog
