// SPDX-License-Identifier: Apache-2.0
// /v0/spool/failed: batches that the engine refused for good, for whoever runs the server.
#include "spool/spool.h"
#include "api/reply.h"
#include "api/services.h"
#include "base/clock.h"
#include "ingest/intake.h"

namespace kinglet::api {
namespace {

/// Batches of the caller's own workspace. A damaged part of the spool may hold rows of any: it is shown to the
/// account's admin token, and to the admin of the only workspace.
class Reach {
 public:
  static Result<Reach> of(const Call& call) {
    TRY(const auto access, call.authenticate());
    const bool account = access.identity().kind == auth::TokenKind::admin;
    if (!account) TRY_VOID(access.require_workspace());
    if (!account && !access.is_admin())
      return fail(Code::forbidden, "failed batches are for tokens with the scope ADMIN");
    Reach reach;
    reach.all_ = account || call.snapshot->workspaces.size() == 1;
    if (!account) reach.database_ = access.workspace().database;
    return reach;
  }
  bool holds(const spool::FailedBatch& batch) const {
    return all_ || (!batch.damaged && batch.table.database == database_);
  }

 private:
  bool all_ = false;
  std::string database_;
};

json::object show(const spool::FailedBatch& batch, const catalog::Snapshot& snapshot) {
  json::object o{{"id", batch.token},
                 {"data_source", nullptr},
                 {"quarantine", false},
                 {"rows", batch.row_count},
                 {"bytes", batch.byte_count},
                 {"error", batch.error.message},
                 {"rows_stored", batch.rows_stored},
                 {"damaged", batch.damaged},
                 {"failed_at", nullptr}};
  if (batch.failed_at_ms > 0)
    o["failed_at"] = format_time_seconds(WallTime(std::chrono::milliseconds(batch.failed_at_ms)));
  for (const auto& [id, workspace] : snapshot.workspaces) {
    if (workspace->database != batch.table.database) continue;
    for (const auto& [name, source] : workspace->resources->data_sources.by_name()) {
      if (source->table != batch.table.table && source->quarantine_table != batch.table.table) continue;
      o["data_source"] = name;
      o["quarantine"] = source->quarantine_table == batch.table.table;
    }
  }
  return o;
}

Task<Result<http::Response>> list(Call& call) {
  CO_TRY(const auto reach, Reach::of(call));
  const auto batches = co_await call.services.intake.spool().failed();
  json::array shown;
  for (const auto& batch : batches)
    if (reach.holds(batch)) shown.push_back(show(batch, *call.snapshot));
  co_return json_reply(json::object{{"batches", std::move(shown)}});
}

/// Errors: not_found, also for batches that the caller may not see.
Task<Status> require(Call& call) {
  CO_TRY(const auto reach, Reach::of(call));
  const auto batches = co_await call.services.intake.spool().failed();
  const auto found = std::ranges::find(batches, call.path[0], &spool::FailedBatch::token);
  if (found == batches.end() || !reach.holds(*found))
    co_return fail(Code::not_found, "there is no failed batch {}", call.path[0].substr(0, 128));
  co_return Status{};
}

Task<Result<http::Response>> retry(Call& call) {
  CO_TRY_VOID(co_await require(call));
  CO_TRY_VOID(co_await call.services.intake.spool().retry_failed(std::string(call.path[0])));
  co_return json_reply(json::object{{"ok", true}});
}

Task<Result<http::Response>> drop(Call& call) {
  CO_TRY_VOID(co_await require(call));
  CO_TRY_VOID(co_await call.services.intake.spool().drop_failed(std::string(call.path[0])));
  co_return json_reply(json::object{{"ok", true}});
}

}  // namespace

void add_spool_routes(Router& router, Services& services) {
  router.add(http::Method::get, "/v0/spool/failed", handle(services, list));
  router.add(http::Method::post, "/v0/spool/failed/{batch}/retry", handle(services, retry));
  router.add(http::Method::delete_, "/v0/spool/failed/{batch}", handle(services, drop));
}

}  // namespace kinglet::api
