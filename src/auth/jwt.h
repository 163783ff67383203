// SPDX-License-Identifier: Apache-2.0
// JWTs: HS256 with the workspace admin token as key (platform.md 2.7). Verified on each request, never stored.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "auth/access.h"
#include "base/result.h"

namespace kinglet::auth {

struct JwtLimits {
  static constexpr std::size_t token_size_max = 8 * 1024;
  static constexpr std::size_t scopes_max = 100;
  static constexpr std::size_t name_size_max = 256;
  static constexpr std::size_t filter_size_max = 4 * 1024;
  static constexpr std::size_t fixed_params_max = 100;  // a scope
};

/// What a JWT says.
struct JwtClaims {
  std::string workspace_id;
  std::string name;
  std::int64_t expires_at = 0;  // Unix seconds
  std::vector<Grant> grants;    // PIPES:READ, DATASOURCES:READ, DATASOURCES:APPEND
  double requests_per_second = 0;
};

/// Whether the text has the form of a JWT: three parts, and not a static token (`p.…`).
bool looks_like_jwt(std::string_view token);

/// Checks form, signature and expiry. The header's `alg` may be missing; any value but HS256 is refused, and `kid`,
/// `jku`, `x5u`, `jwk`, `crit` are never followed. Errors: unauthenticated; the same text whatever was wrong (A1).
Result<Identity> verify_jwt(const catalog::Snapshot& snapshot, std::string_view token, catalog::Time now);

/// The scopes of a request to create a JWT: `[{"type","resource","fixed_params"?,"filter"?}]`. Errors: invalid, with
/// the index of the scope.
Result<std::vector<Grant>> parse_jwt_scopes(const json::value& scopes);

/// Makes and signs one. Errors: invalid (no name, limits, an `exp` in the past, the token would be longer than we
/// accept).
Result<std::string> create_jwt(const catalog::Workspace& workspace, const JwtClaims& claims, catalog::Time now);

}  // namespace kinglet::auth
