// SPDX-License-Identifier: Apache-2.0
// Ids as the API shows them: UUIDs, ULIDs and resource ids.
#pragma once

#include <string>
#include <string_view>

namespace kinglet {

/// A random UUID (version 4), "0d2f0b5e-5f0c-4b1e-9a3d-…": workspaces, jobs, imports.
std::string make_uuid();
bool is_uuid(std::string_view text);

/// 26 characters of Crockford's base 32: milliseconds, then random. Sorts by time, and within a thread strictly:
/// requests, queries.
std::string make_ulid();

/// "t_" and 32 hexadecimal digits: data sources, pipes, nodes.
std::string make_resource_id();
bool is_resource_id(std::string_view text);

}  // namespace kinglet
