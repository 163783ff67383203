// SPDX-License-Identifier: Apache-2.0
#include "catalog/schema.h"

namespace kinglet::catalog::internal {

std::span<const Migration> migrations() {
  // Times are microseconds since 1970, UTC. *_json columns hold the documents of record_json.h.
  static const std::vector<Migration> steps = {
      // 0 -> 1
      {R"(CREATE TABLE settings (
            key TEXT NOT NULL PRIMARY KEY,
            value TEXT NOT NULL) WITHOUT ROWID)",
       R"(CREATE TABLE workspaces (
            id TEXT NOT NULL PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            database TEXT NOT NULL UNIQUE,
            admin_token_id TEXT NOT NULL,
            created_at INTEGER NOT NULL) WITHOUT ROWID)",
       // workspace_id is '' for the two tokens of the account.
       R"(CREATE TABLE tokens (
            id TEXT NOT NULL PRIMARY KEY,
            workspace_id TEXT NOT NULL,
            name TEXT NOT NULL,
            description TEXT NOT NULL,
            value TEXT NOT NULL UNIQUE,
            origin TEXT NOT NULL,
            scopes_json TEXT NOT NULL,
            file_scopes_json TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            UNIQUE (workspace_id, name)) WITHOUT ROWID)",
       // physical_json: [table, quarantine table] of a data source; [view, node id…] of a pipe; [] of a connection.
       R"(CREATE TABLE resources (
            workspace_id TEXT NOT NULL,
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            id TEXT NOT NULL,
            file TEXT NOT NULL,
            text TEXT NOT NULL,
            physical_json TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            PRIMARY KEY (workspace_id, kind, name),
            UNIQUE (workspace_id, id)) WITHOUT ROWID)",
       R"(CREATE TABLE deployments (
            workspace_id TEXT NOT NULL,
            id INTEGER NOT NULL,
            record_json TEXT NOT NULL,
            PRIMARY KEY (workspace_id, id)) WITHOUT ROWID)",
       R"(CREATE TABLE deployment_files (
            workspace_id TEXT NOT NULL,
            deployment_id INTEGER NOT NULL,
            position INTEGER NOT NULL,
            name TEXT NOT NULL,
            text TEXT NOT NULL,
            PRIMARY KEY (workspace_id, deployment_id, position)) WITHOUT ROWID)",
       R"(CREATE TABLE jobs (
            id TEXT NOT NULL PRIMARY KEY,
            workspace_id TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            record_json TEXT NOT NULL) WITHOUT ROWID)",
       "CREATE INDEX jobs_by_workspace ON jobs (workspace_id, created_at)",
       R"(CREATE TABLE variables (
            workspace_id TEXT NOT NULL,
            name TEXT NOT NULL,
            sealed_value TEXT NOT NULL,
            edited_by TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            PRIMARY KEY (workspace_id, name)) WITHOUT ROWID)"},
      // 1 -> 2: the books of each data source, and the spool segments that are in them already.
      {R"(CREATE TABLE ledger (
            workspace_id TEXT NOT NULL,
            data_source_id TEXT NOT NULL,
            accepted INTEGER NOT NULL,
            stored INTEGER NOT NULL,
            quarantined INTEGER NOT NULL,
            deduplicated INTEGER NOT NULL,
            failed INTEGER NOT NULL,
            dropped INTEGER NOT NULL,
            sampled_out INTEGER NOT NULL,
            table_name TEXT NOT NULL,
            other_rows INTEGER NOT NULL,
            PRIMARY KEY (workspace_id, data_source_id)) WITHOUT ROWID)",
       R"(CREATE TABLE booked_segments (
            epoch INTEGER NOT NULL,
            segment_id INTEGER NOT NULL,
            PRIMARY KEY (epoch, segment_id)) WITHOUT ROWID)",
       // Of tables that stand already the rows of before are not known: '?' has them counted.
       "INSERT INTO ledger SELECT workspace_id, id, 0, 0, 0, 0, 0, 0, 0, '?', 0 FROM resources "
       "WHERE kind = 'data_source'"},
  };
  return steps;
}

}  // namespace kinglet::catalog::internal
