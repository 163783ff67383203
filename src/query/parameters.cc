// SPDX-License-Identifier: Apache-2.0
#include "query/parameters.h"

#include <algorithm>
#include <set>

namespace kinglet::query {

namespace {

constexpr std::size_t pipes_max = 1'000;  // reached by one pipe

/// Parameters of every pipe below, those read deepest first.
void inherit(const CompiledPipe& pipe, const catalog::Resources& resources, PipeCache& cache,
             std::set<std::string, std::less<>>& seen, std::vector<templates::Parameter>& into) {
  const auto& nodes = pipe.definition().nodes;
  for (const auto& name : pipe.reads) {
    const bool is_node = std::any_of(nodes.begin(), nodes.end(), [&](const auto& node) { return node.name == name; });
    const auto read = is_node ? nullptr : resources.pipes.find(name);
    if (!read || read->name != name || seen.size() >= pipes_max || !seen.insert(name).second) continue;
    // A data source of the name is what a query reads.
    if (const auto source = resources.data_sources.find(name); source && source->name == name) continue;
    const auto compiled = cache.get(read);
    if (!compiled) continue;
    inherit(**compiled, resources, cache, seen, into);
    templates::merge_parameters(into, (*compiled)->parameters);
  }
}

}  // namespace

std::vector<templates::Parameter> parameters_of(const CompiledPipe& pipe, const catalog::Resources& resources,
                                                PipeCache& cache) {
  std::vector<templates::Parameter> all;
  std::set<std::string, std::less<>> seen{pipe.pipe->name};
  inherit(pipe, resources, cache, seen, all);
  templates::merge_parameters(all, pipe.parameters);
  // The pipe's own first, in its order.
  std::vector<templates::Parameter> ordered;
  for (const auto& own : pipe.parameters) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == own.name; });
    ordered.push_back(std::move(*found));
    all.erase(found);
  }
  ordered.insert(ordered.end(), std::make_move_iterator(all.begin()), std::make_move_iterator(all.end()));
  return ordered;
}

}  // namespace kinglet::query
