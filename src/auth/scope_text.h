// SPDX-License-Identifier: Apache-2.0
// Scopes as users write them: `TYPE[:resource[:filter]]`, and lists of them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "catalog/snapshot.h"

namespace kinglet::auth {

/// One scope of a static token. The filter suffix is refused: row filters exist in JWTs only (platform.md 2.4).
/// Errors: invalid: "Invalid scope type …", a resource that is missing or not expected, a filter.
Result<catalog::Scope> parse_scope(std::string_view text);
Result<std::vector<catalog::Scope>> parse_scopes(std::span<const std::string> texts);
/// parse_scope(print_scope(s)) == s for every scope without a filter.
std::string print_scope(const catalog::Scope& scope);

/// Every resource that the scopes name exists. Errors: not_found, with the scope's text.
Status check_resources_exist(const catalog::Workspace& workspace, std::span<const catalog::Scope> scopes);

}  // namespace kinglet::auth
