// SPDX-License-Identifier: Apache-2.0
#include "deploy/views.h"

#include <algorithm>

#include "engine/statement_text.h"
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

Task<Result<std::vector<OutputColumn>>> output_columns(query::Runner& runner, const query::Composed& composed) {
  constexpr query::Format header{
      .engine_name = "JSONCompactEachRowWithNamesAndTypes", .content_type = "", .whole = true};
  auto probe = composed;
  probe.sql = fmt::format("SELECT * FROM ({}) LIMIT 0", composed.sql);
  CO_TRY(const auto body, co_await runner.whole(probe, header));
  const std::string_view text = body;
  const auto names_end = std::min(text.find('\n'), text.size());
  const auto types_end = std::min(text.find('\n', names_end + 1), text.size());
  CO_TRY(const auto names, json::parse(text.substr(0, names_end)));
  CO_TRY(const auto types, json::parse(text.substr(std::min(names_end + 1, text.size()), types_end - names_end - 1)));
  if (!names.is_array() || !types.is_array() || names.get_array().size() != types.get_array().size())
    co_return fail(Code::internal, "the engine gave no column names and types");
  std::vector<OutputColumn> columns;
  for (std::size_t i = 0; i < names.get_array().size(); ++i)
    columns.push_back(
        {.name = std::string(names.get_array()[i].as_string()), .type = std::string(types.get_array()[i].as_string())});
  co_return columns;
}

std::string create_view_statement(std::string_view database, const catalog::Resources& resources,
                                  const LiveView& view) {
  const auto target = resources.data_sources.find(view.target);
  return fmt::format("CREATE MATERIALIZED VIEW IF NOT EXISTS {} TO {} AS {}", engine::qualified(database, view.name),
                     engine::qualified(database, target ? target->table : view.target), view.sql);
}

}  // namespace kinglet::deploy
