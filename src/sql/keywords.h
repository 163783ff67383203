// SPDX-License-Identifier: Apache-2.0
// The words that mean something in a SELECT; any of them may also be a name.
#pragma once

#include <cstdint>
#include <string_view>

namespace kinglet::sql {

// clang-format off
#define KINGLET_SQL_KEYWORDS(X)                                                                                        \
  X(all)                                                                                                               \
  X(and_) X(anti) X(any) X(apply) X(array) X(as) X(asc) X(ascending) X(asof) X(at_) X(between) X(both) X(by) X(case_)  \
      X(cast) X(collate) X(columns) X(cross) X(cube) X(current) X(cursor) X(date) X(default_) X(desc) X(descending)    \
          X(describe) X(distinct) X(div) X(else_) X(end) X(escape) X(except) X(exists) X(explain) X(false_) X(fetch)   \
              X(fill) X(filter) X(final_) X(first) X(following) X(for_) X(format) X(from) X(full) X(global) X(group)   \
                  X(grouping) X(groups) X(having) X(ignore) X(ilike) X(in) X(inf) X(infinity) X(inner) X(insert)       \
                      X(intersect) X(interpolate) X(interval_) X(into) X(is) X(join) X(last) X(leading) X(left)        \
                          X(like) X(limit_) X(local) X(materialized) X(mod) X(nan) X(natural) X(next) X(not_) X(null_) \
                              X(nulls) X(offset) X(on) X(only) X(or_) X(order) X(outer) X(outfile) X(over) X(parallel) \
                                  X(partition) X(paste) X(placing) X(preceding) X(prewhere) X(qualify) X(range)        \
                                      X(recursive) X(regexp) X(replace) X(respect) X(right) X(rollup) X(row) X(rows)   \
                                          X(sample) X(select) X(semi) X(sets) X(settings) X(some) X(staleness) X(step) \
                                              X(stream) X(strict) X(then) X(ties) X(time) X(timestamp) X(to) X(top)    \
                                                  X(totals) X(trailing) X(true_) X(truncate) X(unbounded) X(union_)    \
                                                      X(unknown) X(using_) X(uuid) X(values) X(when) X(where)          \
                                                          X(window) X(with) X(zone)
// clang-format on

enum class Keyword : std::uint8_t {
  none,
#define X(name) name,
  KINGLET_SQL_KEYWORDS(X)
#undef X
};

/// The keyword that `word` spells in any case, or `none`.
Keyword find_keyword(std::string_view word);

/// Words that begin what may follow a table or a column: as an alias they need AS.
bool blocks_table_alias(Keyword keyword);
bool blocks_column_alias(Keyword keyword);

}  // namespace kinglet::sql
