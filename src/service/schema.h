// SPDX-License-Identifier: Apache-2.0
// The tables of the service data sources in the engine: made with a workspace, brought up to date at a start.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "engine/client.h"
#include "service/definitions.h"

namespace kinglet::service {

/// `database` is one of database_of(). Idempotent statements.
std::string create_statement(const Table& table, std::string_view database);
std::string create_statement(const Aggregation& aggregation, std::string_view database);

/// Makes what is missing for a workspace with its rows in `workspace_database`: database, tables, columns.
/// Idempotent. Errors: those of the engine.
Task<Status> create_tables(engine::Client& client, std::string workspace_database, Deadline deadline);
Task<Status> drop_tables(engine::Client& client, std::string workspace_database, Deadline deadline);
/// create_tables() for each workspace that lacks something, and an end to what belongs to none. Cost when nothing is
/// missing: one query.
Task<Status> reconcile_tables(engine::Client& client, std::set<std::string> workspace_databases, Deadline deadline);

}  // namespace kinglet::service
