// SPDX-License-Identifier: Apache-2.0
#include "query/pipe.h"

#include "sql/resolve.h"

namespace kinglet::query {

namespace {
/// Names that the node reads with its optional parameters absent, and with all of them present.
void add_reads(CompiledPipe& compiled, const templates::Template& node) {
  for (const auto stand_ins : {templates::StandIns::none_defined, templates::StandIns::all_defined}) {
    templates::RenderInput input;
    input.array_parameters = &compiled.array_parameters;
    input.stand_ins = stand_ins;
    const auto rendered = node.render(input);
    if (!rendered) continue;
    const auto parsed = sql::parse_query(rendered->sql);
    if (!parsed) continue;
    const auto reads = sql::names_read(*parsed);
    compiled.reads.insert(reads.tables.begin(), reads.tables.end());
    compiled.reads.insert(reads.maybe_tables.begin(), reads.maybe_tables.end());
    if (!node.is_template()) return;
  }
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
