// SPDX-License-Identifier: Apache-2.0
// Whether the columns that a query gives can go into a data source: for materialized and copy pipes. Pure.
#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "datafile/model.h"

namespace kinglet::deploy {

struct OutputColumn {
  std::string name;
  std::string type;  // as the engine prints it
  bool operator==(const OutputColumn&) const = default;
};

/// One reason why they do not fit.
struct Misfit {
  datafile::Severity severity = datafile::Severity::error;
  std::string column;  // of the query; empty when the query lacks one
  std::string message;
  std::string hint = {};
};

/// Types of aggregate states, from and to, and whether the engine takes one for the other. Only it knows: sumIf() and
/// sum() share a state, sum(UInt32) and sum(UInt64) do not.
using StateConversions = std::map<std::pair<std::string, std::string>, bool>;

/// The conversions that misfits() will want to know.
StateConversions state_questions(std::span<const OutputColumn> columns, const datafile::DataSource& target);

/// Names must be the same; a column of the target may be missing when it has a DEFAULT. Types must be equal but for
/// Nullable, LowCardinality, time zones and SimpleAggregateFunction, or the target's must hold every value of the
/// query's (UInt8 in UInt64, Enum in String). A nullable column for one that takes no NULL is a warning.
/// Source: datafiles.md 4.4. `calls`: for columns that are calls of a function, its name.
std::vector<Misfit> misfits(std::span<const OutputColumn> columns, const datafile::DataSource& target,
                            const StateConversions& conversions,
                            const std::map<std::string, std::string, std::less<>>& calls);

}  // namespace kinglet::deploy
