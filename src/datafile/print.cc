// SPDX-License-Identifier: Apache-2.0
// The canonical text of a data source, pipe or connection.
#include "datafile/print.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "datafile/layout.h"

namespace kinglet::datafile {
namespace {

using internal::Page;

std::string quoted_list(const std::vector<std::string>& items) {
  return fmt::format("\"{}\"", fmt::join(items, ", "));
}

/// `plain`: of a pipe without TYPE, which a written READ would make an endpoint.
void print_tokens(Page& page, const std::vector<TokenGrant>& tokens, bool plain = false) {
  page.gap();
  for (const auto& token : tokens) {
    const char quote = token.name.find('"') == std::string::npos ? '"' : '\'';
    page.line(fmt::format("TOKEN {}{}{}{}", quote, token.name, quote,
                          plain                                                ? ""
                          : token.permission == TokenGrant::Permission::append ? " APPEND"
                                                                               : " READ"));
  }
}

}  // namespace

std::string print(const DataSource& source) {
  Page page;
  page.block("DESCRIPTION", source.description);
  if (!source.tags.empty()) {
    page.gap();
    page.line(fmt::format("TAGS {}", quoted_list(source.tags)));
  }
  std::string columns;
  for (const auto& column : source.columns)
    columns += fmt::format("{}{}", columns.empty() ? "" : ",\n", internal::column_line(column));
  page.block("SCHEMA", columns);

  const auto& engine = source.engine;
  page.gap();
  page.value("ENGINE", engine.name);
  page.value("ENGINE_PARTITION_KEY", engine.partition_key);
  page.value("ENGINE_SORTING_KEY", engine.sorting_key);
  page.value("ENGINE_PRIMARY_KEY", engine.primary_key);
  page.value("ENGINE_SAMPLING_KEY", engine.sampling_key);
  page.value("ENGINE_TTL", engine.ttl);
  page.value("ENGINE_VER", engine.ver);
  page.value("ENGINE_IS_DELETED", engine.is_deleted);
  page.value("ENGINE_SIGN", engine.sign);
  page.value("ENGINE_VERSION", engine.version);
  page.value("ENGINE_SUMMING_COLUMNS", engine.summing_columns);
  page.value("ENGINE_SETTINGS", internal::settings_line(engine.settings));

  std::string indexes;
  for (const auto& index : source.indexes)
    indexes += fmt::format("{}{}", indexes.empty() ? "" : "\n", internal::index_line(index));
  page.block("INDEXES", indexes);
  if (source.backfill_skip) {
    page.gap();
    page.line("BACKFILL skip");
  }
  page.gap();
  for (const auto& [key, value] : source.connector) page.line(fmt::format("{} {}", key, value));
  page.block("FORWARD_QUERY", source.forward_query);
  print_tokens(page, source.tokens);
  page.block("SHARED_WITH", fmt::format("{}", fmt::join(source.shared_with, ",\n")));
  return page.take();
}

std::string print(const Pipe& pipe) {
  Page page;
  page.block("DESCRIPTION", pipe.description);
  if (!pipe.tags.empty()) {
    page.gap();
    page.line(fmt::format("TAGS {}", quoted_list(pipe.tags)));
  }
  print_tokens(page, pipe.tokens, pipe.type == PipeType::plain);
  for (std::size_t i = 0; i < pipe.nodes.size(); ++i) {
    const auto& node = pipe.nodes[i];
    page.gap();
    page.heading(fmt::format("NODE {}", node.name));
    page.block("DESCRIPTION", node.description);
    page.block("SQL", node.sql);
    if (i != pipe.output_node || pipe.type == PipeType::plain) continue;
    constexpr std::array<std::string_view, 5> names = {"", "endpoint", "materialized", "copy", "sink"};
    page.line(fmt::format("TYPE {}", names[static_cast<std::size_t>(pipe.type)]));
    if (pipe.cache_seconds) page.line(fmt::format("CACHE {}", *pipe.cache_seconds));
    if (!pipe.target.empty())
      page.line(fmt::format("{} {}", pipe.type == PipeType::copy ? "TARGET_DATASOURCE" : "DATASOURCE", pipe.target));
    for (const auto& [key, value] : pipe.target_engine) page.value(key, value);
    if (pipe.deployment_alter) page.line("DEPLOYMENT_METHOD alter");
    if (!pipe.copy_schedule.empty()) page.line(fmt::format("COPY_SCHEDULE {}", pipe.copy_schedule));
    if (!pipe.copy_mode.empty()) page.line(fmt::format("COPY_MODE {}", pipe.copy_mode));
    for (const auto& [key, value] : pipe.sink) page.line(fmt::format("{} {}", key, value));
  }
  return page.take();
}

std::string print(const Connection& connection) {
  Page page;
  page.line(fmt::format("TYPE {}", connection.type));
  for (const auto& [key, value] : connection.values) {
    if (value.find('\n') != std::string::npos)
      page.block(key, value);
    else
      page.line(fmt::format("{} {}", key, value));
  }
  return page.take();
}

}  // namespace kinglet::datafile
