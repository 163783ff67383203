// SPDX-License-Identifier: Apache-2.0
// Whether the partitions of a materialized view's target follow those of its source.
#pragma once

#include <string>
#include <string_view>

namespace kinglet::jobs {

/// True when each partition of the target holds rows of one partition of the source only: its key, traced back through
/// the view's SELECT to columns of the source, says at least as much as the source's key. So a target by day follows a
/// source by month, one by month does not follow a source by day.
///
/// `view_sql`: the printed SELECT. `source_table`: the physical names that it reads. Keys: as in a datafile, empty for
/// none. Traced are columns, aliases, sub-queries and the functions that cut times (toYYYYMM, toDate, toStartOfHour …);
/// any other expression must be the same text on both sides. Joins, UNIONs and CTEs are not traced: false.
bool partitions_follow(std::string_view view_sql, std::string_view source_database, std::string_view source_table,
                       std::string_view source_key, std::string_view target_key);

}  // namespace kinglet::jobs
