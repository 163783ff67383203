// SPDX-License-Identifier: Apache-2.0
#include "query/pipe.h"

#include <algorithm>

#include "sql/resolve.h"

namespace kinglet::query {

namespace {

/// Branches that neither way of rendering with stand-ins takes and that are looked at one by one.
constexpr std::uint32_t branches_max = 64;

/// Names that the node reads: with its optional parameters absent, with all of them present, and in branches that
/// neither takes (`FROM {% if unit == 'day' %} days {% else %} hours {% end %}`).
void add_reads(CompiledPipe& compiled, const templates::Template& node) {
  std::vector<bool> taken(node.branch_count(), false);
  const auto add = [&](templates::StandIns stand_ins, std::optional<std::uint32_t> branch) {
    templates::RenderInput input;
    input.array_parameters = &compiled.array_parameters;
    input.stand_ins = stand_ins;
    input.branch = branch;
    const auto rendered = node.render(input);
    if (!rendered) return;
    const auto parsed = sql::parse_query(rendered->sql);
    if (!parsed) return;
    for (std::size_t i = 0; i < rendered->branches_taken.size(); ++i)
      if (rendered->branches_taken[i]) taken[i] = true;
    const auto reads = sql::names_read(*parsed);
    compiled.reads.insert(reads.tables.begin(), reads.tables.end());
    compiled.reads.insert(reads.maybe_tables.begin(), reads.maybe_tables.end());
  };
  add(templates::StandIns::none_defined, std::nullopt);
  if (!node.is_template()) return;
  add(templates::StandIns::all_defined, std::nullopt);
  for (std::uint32_t i = 0; i < std::min(node.branch_count(), branches_max); ++i)
    if (!taken[i]) add(templates::StandIns::all_defined, i);
}

}  // namespace

Result<CompiledPipePtr> compile_pipe(std::shared_ptr<const catalog::Pipe> pipe) {
  auto compiled = std::make_shared<CompiledPipe>();
  compiled->pipe = std::move(pipe);
  for (const auto& node : compiled->definition().nodes) {
    auto made = templates::Template::compile(node.sql);
    if (!made) {
      auto error = made.error().to_error();
      error.message = fmt::format("node '{}': {}", node.name, error.message);
      return fail(std::move(error));
    }
    compiled->array_parameters.insert(made->array_parameters().begin(), made->array_parameters().end());
    templates::merge_parameters(compiled->parameters, made->parameters());
    compiled->nodes.push_back(std::move(*made));
  }
  for (const auto& node : compiled->nodes) add_reads(*compiled, node);
  return compiled;
}

Result<CompiledPipePtr> PipeCache::get(const std::shared_ptr<const catalog::Pipe>& pipe) {
  if (const auto found = pipes_.find(pipe); found != pipes_.end()) return found->second;
  TRY(auto compiled, compile_pipe(pipe));
  if (pipes_.size() >= pipes_max) pipes_.clear();
  pipes_[pipe] = compiled;
  return compiled;
}

}  // namespace kinglet::query
