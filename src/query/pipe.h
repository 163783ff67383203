// SPDX-License-Identifier: Apache-2.0
// A pipe made ready to run: every node's template compiled.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "catalog/model.h"
#include "template/template.h"

namespace kinglet::query {

struct CompiledPipe {
  std::shared_ptr<const catalog::Pipe> pipe;
  std::vector<templates::Template> nodes;        // one for each node of the definition
  templates::NameSet array_parameters;           // names used with Array() in any node
  std::vector<templates::Parameter> parameters;  // of all nodes, merged
  std::set<std::string, std::less<>> reads;      // names in table positions of any node, as far as stand-ins show them

  const datafile::Pipe& definition() const { return pipe->definition; }
};
using CompiledPipePtr = std::shared_ptr<const CompiledPipe>;

/// Errors: invalid, with the node's name and the position in its SQL (a deployed pipe has passed this before).
Result<CompiledPipePtr> compile_pipe(std::shared_ptr<const catalog::Pipe> pipe);

/// Compiled pipes by identity of the catalog's record. Thread: its owner's. Limit: forgotten as a whole beyond
/// `pipes_max`, or when the catalog publishes other resources.
class PipeCache {
 public:
  static constexpr std::size_t pipes_max = 20'000;
  Result<CompiledPipePtr> get(const std::shared_ptr<const catalog::Pipe>& pipe);

 private:
  std::map<std::shared_ptr<const catalog::Pipe>, CompiledPipePtr> pipes_;
};

}  // namespace kinglet::query
