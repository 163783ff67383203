// SPDX-License-Identifier: Apache-2.0
#include "service/schema.h"

#include <map>

#include "engine/system_rows.h"
#include "sql/printer.h"

namespace kinglet::service {

namespace {

std::string qualified(std::string_view database, std::string_view table) {
  return fmt::format("{}.{}", sql::quote_name(database), sql::quote_name(table));
}

std::size_t column_count() {
  std::size_t count = 0;
  for (const auto& table : tables()) count += table.columns.size();
  return count;
}

/// `'a', 'b'`: names of ours, which need no escapes.
std::string view_names() {
  std::string list;
  for (const auto& a : aggregations()) list += fmt::format("{}'{}'", list.empty() ? "" : ", ", a.view);
  return list;
}
std::string table_and_view_names() {
  std::string list = view_names();
  for (const auto& table : tables()) list += fmt::format(", '{}'", table.name);
  return list;
}

std::string add_columns_statement(const Table& table, std::string_view database) {
  std::string changes;
  for (const auto& column : table.columns)
    changes += fmt::format("{}ADD COLUMN IF NOT EXISTS {} {}", changes.empty() ? "" : ", ",
                           sql::quote_name(column.name), column.type);
  return fmt::format("ALTER TABLE {} {}", qualified(database, table.name), changes);
}

}  // namespace

std::string create_statement(const Table& table, std::string_view database) {
  std::string columns;
  for (const auto& column : table.columns)
    columns += fmt::format("{}{} {}", columns.empty() ? "" : ", ", sql::quote_name(column.name), column.type);
  std::string engine(table.engine);
  if (table.newest_only) engine += "(updated_at)";
  std::string statement =
      fmt::format("CREATE TABLE IF NOT EXISTS {} ({}) ENGINE = {} PARTITION BY {} ORDER BY {}",
                  qualified(database, table.name), columns, engine, table.partition_key, table.sorting_key);
  if (!table.ttl.empty()) statement += fmt::format(" TTL {}", table.ttl);
  // A batch that is sent again after a lost answer is stored once. Small batches stay in one file each.
  return statement + " SETTINGS non_replicated_deduplication_window = 100, min_level_for_wide_part = 1" +
         (table.ttl.empty() ? "" : ", ttl_only_drop_parts = 1");
}

std::string create_statement(const Aggregation& aggregation, std::string_view database) {
  std::string select(aggregation.select);
  constexpr std::string_view mark = "{source}";
  select.replace(select.find(mark), mark.size(), qualified(database, aggregation.source));
  return fmt::format("CREATE MATERIALIZED VIEW IF NOT EXISTS {} TO {} AS {}", qualified(database, aggregation.view),
                     qualified(database, aggregation.target), select);
}

Task<Status> create_tables(engine::Client& client, std::string workspace_database, Deadline deadline) {
  const auto database = database_of(workspace_database);
  CO_TRY_VOID(
      co_await client.execute(fmt::format("CREATE DATABASE IF NOT EXISTS {}", sql::quote_name(database)), deadline));
  for (const auto& table : tables()) CO_TRY_VOID(co_await client.execute(create_statement(table, database), deadline));
  for (const auto& aggregation : aggregations())
    CO_TRY_VOID(co_await client.execute(create_statement(aggregation, database), deadline));
  co_return Status{};
}

Task<Status> drop_tables(engine::Client& client, std::string workspace_database, Deadline deadline) {
  auto status = co_await client.execute(
      fmt::format("DROP DATABASE IF EXISTS {} SYNC", sql::quote_name(database_of(workspace_database))), deadline);
  co_return status;
}

Task<Status> reconcile_tables(engine::Client& client, std::set<std::string> workspace_databases, Deadline deadline) {
  const auto suffix = database_of("");
  // Columns of the tables and views that this version knows: all there, or something is missing.
  auto sql = fmt::format(
      "SELECT database, countIf(table NOT IN ({0})), uniqExact(table) FROM system.columns "
      "WHERE startsWith(database, 'ws_') AND endsWith(database, '{1}') AND table IN ({2}) GROUP BY database",
      view_names(), suffix, table_and_view_names());
  CO_TRY(const auto rows, co_await engine::system_rows(client, std::move(sql), deadline));
  std::map<std::string, bool> complete;
  for (const auto& row : rows) {
    if (row.size() != 3) continue;
    complete[row[0]] =
        row[1] == std::to_string(column_count()) && row[2] == std::to_string(tables().size() + aggregations().size());
  }
  for (const auto& database : workspace_databases) {
    const auto known = complete.find(database_of(database));
    const bool is_there = known != complete.end();
    if (is_there && known->second) continue;
    CO_TRY_VOID(co_await create_tables(client, database, deadline));
    if (!is_there) continue;
    // Made by an older version. A view is made again: its target may have columns that it does not fill.
    const auto own = database_of(database);
    for (const auto& table : tables())
      CO_TRY_VOID(co_await client.execute(add_columns_statement(table, own), deadline));
    for (const auto& aggregation : aggregations()) {
      CO_TRY_VOID(co_await client.execute(fmt::format("DROP VIEW IF EXISTS {} SYNC", qualified(own, aggregation.view)),
                                          deadline));
      CO_TRY_VOID(co_await client.execute(create_statement(aggregation, own), deadline));
    }
  }
  for (const auto& [database, is_complete] : complete) {
    const auto workspace = database.substr(0, database.size() - suffix.size());
    if (!workspace_databases.contains(workspace)) CO_TRY_VOID(co_await drop_tables(client, workspace, deadline));
  }
  co_return Status{};
}

}  // namespace kinglet::service
