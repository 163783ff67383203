// SPDX-License-Identifier: Apache-2.0
// .token files of older projects: a token with SCOPE lines.
#pragma once

#include <string>
#include <vector>

#include "datafile/model.h"
#include "datafile/source.h"

namespace kinglet::datafile::internal {

/// One SCOPE: what it allows on which resource.
struct TokenScope {
  TokenGrant::Permission permission = TokenGrant::Permission::read;
  bool pipe = false;  // PIPES:READ; else of a data source
  std::string resource;
  Position position = {};
};

/// Reads "SCOPE DATASOURCES:READ:name", "…:APPEND:name" and "PIPES:READ:name"; a blank may stand for the last colon.
/// The grammar of these files is not public beyond its keywords (SCOPE, FILTER): what is not certain is refused, above
/// all FILTER, without which the token would read more than was meant.
std::vector<TokenScope> read_token_file(Source& source);

}  // namespace kinglet::datafile::internal
