// SPDX-License-Identifier: Apache-2.0
// What a caller of a pipe may send: its own parameters and those of the pipes it reads.
#pragma once

#include <vector>

#include "catalog/snapshot.h"
#include "query/pipe.h"

namespace kinglet::query {

/// The pipe's own parameters in the order of its text, then those that only the pipes in its FROM have, and theirs
/// (templates.md 9.3, 10). Where both have one, the pipe's own call counts as the later one.
/// A pipe that cannot be compiled adds nothing. Limit: pipes nested as deep as a query may nest them.
std::vector<templates::Parameter> parameters_of(const CompiledPipe& pipe, const catalog::Resources& resources,
                                                PipeCache& cache);

}  // namespace kinglet::query
