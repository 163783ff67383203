// SPDX-License-Identifier: Apache-2.0
// What `tinybird.NAME` and `organization.NAME` mean in a query, and who may read them.
#pragma once

#include <string_view>

#include "auth/access.h"
#include "sql/resolve.h"

namespace kinglet::query {

/// Whose service data sources are read. Views into what the caller keeps.
struct ServiceWorld {
  std::string_view database;
  std::string_view workspace_id;
  std::string_view workspace_name;
  std::string_view organization_id;
};

/// "tinybird.…" or "organization.…", known or not.
bool is_service_name(std::string_view name);
/// `tinybird.*`: ADMIN and WORKSPACE:READ_ALL. `organization.*`: ADMIN and ORG_DATASOURCES:READ.
bool reads_service(const auth::Access& access, std::string_view name);
/// Errors: not_found, with a hint when a known name is near.
Result<sql::Target> service_target(std::string_view name, const ServiceWorld& world);

}  // namespace kinglet::query
