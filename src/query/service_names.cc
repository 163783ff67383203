// SPDX-License-Identifier: Apache-2.0
#include "query/service_names.h"

#include "base/spelling.h"
#include "service/definitions.h"
#include "sql/parser.h"
#include "sql/printer.h"

namespace kinglet::query {

namespace {

/// Texts of ours over the tables of one workspace.
struct TablesScope final : sql::Scope {
  std::string database;
  explicit TablesScope(std::string d) : database(std::move(d)) {}
  Result<sql::Target> table(std::string_view name, sql::Position) override {
    return sql::Target(sql::PhysicalTable{.database = database, .table = std::string(name)});
  }
};

Result<sql::Target> inlined(std::string_view text, std::string database) {
  TRY(auto parsed, sql::parse_query(text));
  TablesScope scope(std::move(database));
  TRY(auto resolved, sql::resolve(std::move(parsed), scope));
  return sql::Target(sql::Inlined{.query = std::make_shared<const sql::Query>(std::move(resolved.query))});
}

std::string_view final_word(const service::Table& table) {
  return table.newest_only ? " FINAL" : "";
}

Result<sql::Target> workspace_target(const service::Table& table, const ServiceWorld& world) {
  auto database = service::database_of(world.database);
  if (!table.newest_only)
    return sql::Target(sql::PhysicalTable{.database = std::move(database), .table = std::string(table.name)});
  return inlined(fmt::format("SELECT * FROM {}{}", table.name, final_word(table)), std::move(database));
}

void replace_all(std::string& text, std::string_view mark, std::string_view value) {
  for (std::size_t at = 0; (at = text.find(mark, at)) != text.npos; at += value.size())
    text.replace(at, mark.size(), value);
}

std::string organization_text(const service::OrganizationTable& table, const ServiceWorld& world) {
  std::string text(table.select);
  replace_all(text, "{workspace_id}", sql::quote_string(world.workspace_id));
  replace_all(text, "{workspace_name}", sql::quote_string(world.workspace_name));
  replace_all(text, "{organization_id}", sql::quote_string(world.organization_id));
  return text;
}

/// `tinybird.NAME` with the workspace's id in front; jobs_log and llm_usage have the column themselves.
std::string with_workspace(const service::Table& table, const ServiceWorld& world) {
  const bool has_id =
      std::ranges::find(table.columns, "workspace_id", &service::ColumnDefinition::name) != table.columns.end();
  return fmt::format("SELECT {} AS workspace_id, *{} FROM {}{}", sql::quote_string(world.workspace_id),
                     has_id ? " EXCEPT (workspace_id)" : "", table.name, final_word(table));
}

Error unknown(std::string_view name) {
  std::vector<std::string> names;
  for (const auto& table : service::tables()) {
    names.push_back(fmt::format("{}{}", service::workspace_prefix, table.name));
    names.push_back(fmt::format("{}{}", service::organization_prefix, table.name));
  }
  for (const auto& table : service::organization_tables())
    names.push_back(fmt::format("{}{}", service::organization_prefix, table.name));
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const auto near = nearest(name, candidates);
  return {.code = Code::not_found,
          .message = fmt::format("Resource '{}' not found", name),
          .hint = near.empty() ? std::string() : fmt::format("Did you mean '{}'?", near)};
}

}  // namespace

bool is_service_name(std::string_view name) {
  return name.starts_with(service::workspace_prefix) || name.starts_with(service::organization_prefix);
}

bool reads_service(const auth::Access& access, std::string_view name) {
  if (name.starts_with(service::workspace_prefix)) return access.may_read_service_data_sources().has_value();
  return access.is_admin() || access.may_read_organization().has_value();
}

Result<sql::Target> service_target(std::string_view name, const ServiceWorld& world) {
  if (name.starts_with(service::workspace_prefix)) {
    const auto* table = service::find_table(name.substr(service::workspace_prefix.size()));
    if (table == nullptr) return fail(unknown(name));
    return workspace_target(*table, world);
  }
  const auto own = name.substr(service::organization_prefix.size());
  for (const auto& table : service::organization_tables())
    if (table.name == own) return inlined(organization_text(table, world), service::database_of(world.database));
  const auto* table = service::find_table(own);
  if (table == nullptr) return fail(unknown(name));
  return inlined(with_workspace(*table, world), service::database_of(world.database));
}

}  // namespace kinglet::query
