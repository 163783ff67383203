// SPDX-License-Identifier: Apache-2.0
// What jobs and operations on data sources leave in the service data sources.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "catalog/snapshot.h"
#include "observe/records.h"

namespace kinglet::jobs {

/// A job as it stands, for `tinybird.jobs_log`.
observe::JobRecord job_record(std::string workspace_id, const catalog::Job& job);
/// An operation on a data source that began at `start` and ends now, for `tinybird.datasources_ops_log`.
observe::OperationRecord operation_record(const catalog::Workspace& workspace, const catalog::DataSource& source,
                                          std::string_view event_type, WallTime start);

}  // namespace kinglet::jobs
