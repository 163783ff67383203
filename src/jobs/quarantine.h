// SPDX-License-Identifier: Apache-2.0
// The rows of a quarantine as work: chosen, sent through the mapping again, removed (docs/quarantine.md).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "catalog/snapshot.h"
#include "ingest/intake.h"
#include "query/runner.h"
#include "spool/spool.h"

namespace kinglet::jobs {

/// Which rows of a quarantine; empty: all.
struct QuarantineFilter {
  std::string column = {};     // a column that failed
  std::string import_id = {};  // of the import that brought them
  std::string since = {};      // quarantined at or after: "YYYY-MM-DD[ HH:MM:SS]", UTC
  bool empty() const { return column.empty() && import_id.empty() && since.empty(); }
};
struct QuarantineFilterLimits {
  static constexpr std::size_t text_bytes_max = 512;
};
/// Checks what a caller gave. Errors: invalid, naming the field.
Status check_filter(const QuarantineFilter& filter);
/// The same as SQL over a quarantine table: values stand in it as literals. Never empty.
std::string filter_condition(const QuarantineFilter& filter);

/// What a replay's job needs to go on, as its parameters: the filter, and how many pieces are durable.
std::string replay_parameters(const QuarantineFilter& filter, std::string_view target, std::uint64_t pieces);
struct ReplayParameters {
  QuarantineFilter filter;
  std::string target;  // id of a data source
  std::uint64_t pieces = 0;
};
ReplayParameters read_replay_parameters(std::string_view text);

struct ReplayTools {
  ingest::Intake& intake;
  query::Runners& runners;
  spool::Spool& spool;
};
struct ReplayRequest {
  std::shared_ptr<const catalog::Workspace> workspace;
  std::shared_ptr<const catalog::DataSource> source;
  std::shared_ptr<const catalog::DataSource> target;  // whose mapping the rows go through; usually the source
  QuarantineFilter filter;
  std::string job_id;
};
/// How far a replay is. Rows.
struct ReplayProgress {
  std::uint64_t chosen = 0;
  std::uint64_t stored = 0;       // they fit now
  std::uint64_t quarantined = 0;  // they are back, with today's error
  std::uint64_t pieces = 0;       // durable
};
/// Writes progress down; a run that goes on begins behind the pieces that were written down.
using WriteProgress = std::function<Task<Status>(const ReplayProgress&)>;

/// Sends the chosen rows through the target's mapping. Each ends in the target's table or in its quarantine, once,
/// whatever is killed meanwhile: run again with the same job id it goes on.
///
/// 1. With the quarantine held, the chosen rows are copied to a table of their own, numbered, and the others to a new
///    quarantine, which takes the old one's place by one EXCHANGE and carries the job's id in its comment.
/// 2. Pieces of the numbered rows go to the spool, each under a key of job and piece: a piece that was sent before is
///    known by its key (for 24 h, SpoolOptions::key_lifetime).
/// 3. The table of numbered rows goes when all pieces are durable.
///
/// Errors: conflict (a materialized view reads the quarantine: nothing was done); unavailable and those of the engine:
/// `taken` says whether rows were taken out, so that it must go on later.
Task<Status> replay_quarantine(ReplayTools tools, ReplayRequest request, ReplayProgress& progress, bool& taken,
                               WriteProgress write);

/// Removes the rows that the filter chooses and says how many they were. Errors: those of the engine.
Task<Result<std::uint64_t>> clear_quarantine(ReplayTools tools, std::shared_ptr<const catalog::Workspace> workspace,
                                             std::shared_ptr<const catalog::DataSource> source,
                                             QuarantineFilter filter);

/// Tables of a replay at work end like this; deploy/ leaves them alone while the job is unfinished.
std::string replay_suffix(std::string_view job_id);
inline constexpr std::string_view replay_job_kind = "quarantine_replay";

}  // namespace kinglet::jobs
