// SPDX-License-Identifier: Apache-2.0
#include "deploy/views.h"

#include <algorithm>

#include "json/document.h"

namespace kinglet::deploy {

Result<std::vector<LiveView>> live_views(const catalog::Resources& resources, std::string_view database) {
  query::PipeCache cache;
  const query::World world{.resources = &resources, .database = database, .access = nullptr, .secret = {}};
  std::vector<LiveView> found, ordered;
  for (const auto& [name, pipe] : resources.pipes.by_name()) {
    if (pipe->view.empty()) continue;
    query::Composer composer(world, cache, {});
    auto composed = composer.node(pipe, pipe->definition.output_node);
    if (!composed) return fail(std::move(composed.error().error));
    found.push_back({.name = pipe->view,
                     .sql = std::move(composed->sql),
                     .reads = std::move(composed->data_sources),
                     .target = pipe->definition.target});
  }
  while (!found.empty()) {
    const auto ready = std::ranges::find_if(found, [&](const LiveView& candidate) {
      return std::ranges::none_of(found, [&](const LiveView& other) {
        return std::ranges::find(candidate.reads, other.target) != candidate.reads.end();
      });
    });
    const auto next = ready == found.end() ? found.begin() : ready;
    ordered.push_back(std::move(*next));
    found.erase(next);
  }
  return ordered;
}

Task<Result<std::vector<std::string>>> output_columns(query::Runner& runner, const std::string& sql,
                                                      const catalog::Resources& resources, std::string_view database) {
  constexpr query::Format header{
      .engine_name = "JSONCompactEachRowWithNamesAndTypes", .content_type = "", .whole = true};
  const query::Composed probe{.sql = fmt::format("SELECT * FROM ({}) LIMIT 0", sql),
                              .settings = {},
                              .format = {},
                              .data_sources = {},
                              .pipes = {}};
  CO_TRY(const auto body, co_await runner.run_whole(probe, header, resources, database));
  CO_TRY(const auto names, json::parse(std::string_view(body).substr(0, body.find('\n'))));
  std::vector<std::string> columns;
  if (!names.is_array()) co_return fail(Code::internal, "the engine gave no column names");
  for (const auto& name : names.get_array()) columns.emplace_back(name.as_string());
  co_return columns;
}

std::string create_view_statement(std::string_view database, const catalog::Resources& resources,
                                  const LiveView& view) {
  const auto target = resources.data_sources.find(view.target);
  return fmt::format("CREATE MATERIALIZED VIEW IF NOT EXISTS `{0}`.`{1}` TO `{0}`.`{2}` AS {3}", database, view.name,
                     target ? target->table : view.target, view.sql);
}

}  // namespace kinglet::deploy
