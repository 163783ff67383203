// SPDX-License-Identifier: Apache-2.0
#include "ingest/intake.h"

namespace kinglet::ingest {

Intake::Intake(catalog::Catalog& catalog, spool::Spool& spool, observe::Observer& observer, IntakeOptions options)
    : spool_(spool),
      observer_(observer),
      options_(options),
      memory_(options.memory),
      quarantine_limit_(options.quarantine),
      workers_({.name = "rows", .thread_count = options.workers, .queue_max = IntakeLimits::jobs_max}) {
  (void)catalog;
}

Result<std::shared_ptr<const rows::RowMapping>> Intake::mapping(
    const std::shared_ptr<const catalog::DataSource>& source) {
  auto known = mappings_.with([&](const auto& all) {
    const auto found = all.find(source);
    return found == all.end() ? nullptr : found->second;
  });
  if (known) return known;
  TRY(auto compiled, rows::RowMapping::compile(source->definition, options_.mapping));
  mappings_.with([&](auto& all) {
    if (all.size() >= mappings_max) all.clear();
    all[source] = compiled;
  });
  return compiled;
}

}  // namespace kinglet::ingest
