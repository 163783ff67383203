// SPDX-License-Identifier: Apache-2.0
// Records that the catalog stores as JSON text: scopes, deployments, jobs (docs/formats/catalog.md).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "catalog/model.h"

namespace kinglet::catalog::internal {

std::string scopes_text(const std::vector<Scope>& scopes);
Result<std::vector<Scope>> scopes_from(std::string_view text);

std::string job_text(const Job& job);
Result<Job> job_from(std::string_view text);

std::string deployment_text(const Deployment& deployment);
Result<Deployment> deployment_from(std::string_view text);

std::string strings_text(const std::vector<std::string>& strings);
Result<std::vector<std::string>> strings_from(std::string_view text);

}  // namespace kinglet::catalog::internal
